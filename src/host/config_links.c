/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of ports, vsock and balloon. */
#include "config_links.h"

#include <trivet/bits.h>
#include <trivet/machine.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET_PREFIX "unix:"
#define CID_PREFIX ",cid="
#define CID_MAX 0xfffffffeu /* the last 32-bit one means "any" */

static int fault(char *what, size_t size, const char *text, const char *expected)
{
	snprintf(what, size, "'%.60s' given; %s", text, expected);
	return -EINVAL;
}

/* Becomes the name of a file in the guest. */
static bool port_name_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("-_.", s[i]))
			return false;
	return n >= 1 && n <= VIRTIO_CONSOLE_NAME_MAX && s[0] != '.';
}

static bool port_name_taken(const struct vm_config *cfg, const char *s, size_t n)
{
	for (unsigned i = 0; i < cfg->port_count; i++)
		if (strlen(cfg->ports[i].name) == n && !memcmp(cfg->ports[i].name, s, n))
			return true;
	return false;
}

size_t config_port_path(const char *text)
{
	const char *equals = strchr(text, '=');
	size_t at = equals ? (size_t)(equals - text) + 1 : strlen(text);

	if (strncmp(text + at, SOCKET_PREFIX, strlen(SOCKET_PREFIX)) == 0)
		at += strlen(SOCKET_PREFIX);
	return at;
}

int config_add_port(struct vm_config *cfg, const char *text, char *what, size_t size)
{
	struct vm_port *p = &cfg->ports[cfg->port_count];
	const char *equals = strchr(text, '=');
	const char *path = text + config_port_path(text);
	size_t n = equals ? (size_t)(equals - text) : 0;

	if (!equals || !*path)
		return fault(what, size, text, "expected NAME=FILE or NAME=unix:PATH");
	if (!port_name_ok(text, n))
		return fault(what, size, text, "expected a name of 1 to 63 letters, "
			     "digits, '-', '_' or '.' before '='");
	if (port_name_taken(cfg, text, n))
		return fault(what, size, text, "the name is another port's");
	if (cfg->port_count == CONFIG_MAX_PORTS)
		return fault(what, size, text, "expected at most 8 ports");
	p->name = strndup(text, n);
	p->path = strdup(path);
	p->socket = path != equals + 1;
	if (!p->name || !p->path) {
		free(p->name);
		free(p->path);
		snprintf(what, size, "out of memory");
		return -ENOMEM;
	}
	cfg->port_count++;
	return 0;
}

/* PATH or PATH,cid=N: what is before the last comma may hold any. */
int config_set_vsock(struct vm_config *cfg, const char *text, char *what, size_t size)
{
	const char *comma = strrchr(text, ',');
	u64 cid = VSOCK_CID_FIRST;
	size_t n = strlen(text);
	char *path, *end;

	if (comma && strncmp(comma, CID_PREFIX, strlen(CID_PREFIX)) == 0) {
		const char *digits = comma + strlen(CID_PREFIX);

		cid = strtoull(digits, &end, 10);
		if (!isdigit((unsigned char)*digits) || *end || strlen(digits) > 10 ||
		    cid < VSOCK_CID_FIRST || cid > CID_MAX)
			return fault(what, size, comma,
				     "expected ,cid= and a number from 3 to 4294967294");
		n = (size_t)(comma - text);
	}
	if (!n)
		return fault(what, size, text, "expected PATH or PATH,cid=N");
	path = strndup(text, n);
	if (!path) {
		snprintf(what, size, "out of memory");
		return -ENOMEM;
	}
	free(cfg->vsock);
	cfg->vsock = path;
	cfg->vsock_cid = cid;
	return 0;
}

int config_set_balloon(struct vm_config *cfg, u64 bytes, char *what, size_t size)
{
	if (bytes % PAGE_SIZE) {
		snprintf(what, size, "%llu bytes given; expected a multiple of 4K",
			 (unsigned long long)bytes);
		return -EINVAL;
	}
	cfg->balloon = true;
	cfg->balloon_size = bytes;
	return 0;
}

int config_check_links(const struct vm_config *cfg, struct error *err)
{
	if (cfg->balloon && cfg->balloon_size > cfg->memory - MACHINE_MEMORY_MIN)
		return config_complain(cfg, KEY_BALLOON, -EINVAL, err,
				       "%lluM given; expected to leave 16M of the %lluM "
				       "of memory at least",
				       (unsigned long long)(cfg->balloon_size >> 20),
				       (unsigned long long)(cfg->memory >> 20));
	return 0;
}

void config_fini_links(struct vm_config *cfg)
{
	while (cfg->port_count) {
		cfg->port_count--;
		free(cfg->ports[cfg->port_count].name);
		free(cfg->ports[cfg->port_count].path);
	}
	free(cfg->vsock);
	cfg->vsock = NULL;
}

_Static_assert(CONFIG_MAX_PORTS == VIRTIO_CONSOLE_PORTS && CONFIG_MAX_PORTS == 8,
	       "as many as a console takes; the text says 8");
