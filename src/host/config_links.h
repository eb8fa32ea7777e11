/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of ports, vsock and balloon: their texts. */
#ifndef HOST_CONFIG_LINKS_H
#define HOST_CONFIG_LINKS_H

#include "config.h"

/*
 * Each parses text into cfg, or says in what (size bytes) what was expected and
 * returns -EINVAL; -ENOMEM.
 */
int config_add_port(struct vm_config *cfg, const char *text, char *what, size_t size);
int config_set_vsock(struct vm_config *cfg, const char *text, char *what, size_t size);
/* bytes, as size_parse gave them. */
int config_set_balloon(struct vm_config *cfg, u64 bytes, char *what, size_t size);
/* What only shows once all is known. */
int config_check_links(const struct vm_config *cfg, struct error *err);
void config_fini_links(struct vm_config *cfg);

#endif
