/* SPDX-License-Identifier: Apache-2.0 */
/* The first look at a VM file: is it YAML, and on which line is each key? */
#ifndef HOST_VMFILE_SCAN_H
#define HOST_VMFILE_SCAN_H

#include <trivet/error.h>
#include <trivet/types.h>

#define SCAN_MAX_KEYS 64

struct vmfile_lines {
	struct {
		char key[32]; /* cut when longer: no such key exists */
		unsigned line;
	} keys[SCAN_MAX_KEYS];
	unsigned count;
};

/*
 * -EINVAL with the line when the text is not one YAML document that is a
 * mapping of plain keys to scalars (or, for disks, net and publish, a list of them), each key once.
 */
int vmfile_scan(const char *path, const u8 *text, size_t size,
		struct vmfile_lines *lines, struct error *err);
/* The line of a key; 1 when it is not there. */
unsigned vmfile_line_of(const struct vmfile_lines *lines, const char *key);

#endif
