/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM files: YAML (so JSON too), one flat mapping, read through one declared
 * schema. docs/guide.md lists the keys.
 */
#ifndef HOST_VMFILE_H
#define HOST_VMFILE_H

#include "config.h"

#define VMFILE_MAX_SIZE KIB(64)

/*
 * Reads path into cfg; a relative path in it is taken from the file's own
 * directory. path must stay valid as long as cfg. On error err names file, line
 * and key. -EINVAL, -ENOMEM, or what opening the file gave.
 */
int vmfile_load(struct vm_config *cfg, const char *path, struct error *err);
/* The same for text in memory; path is for messages and relative paths. */
int vmfile_parse(struct vm_config *cfg, const char *path, const u8 *text,
		 size_t size, struct error *err);

#endif
