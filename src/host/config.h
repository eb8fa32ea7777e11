/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `trivet run` shall do: one struct, filled from a VM file and from the
 * command line by the same checked setters.
 */
#ifndef HOST_CONFIG_H
#define HOST_CONFIG_H

#include <trivet/error.h>
#include <trivet/types.h>

enum config_key {
	KEY_NAME,
	KEY_ENGINE,
	KEY_CPU,
	KEY_CPUS,
	KEY_MEMORY,
	KEY_KERNEL,
	KEY_INITRD,
	KEY_APPEND,
	KEY_CONSOLE,
	KEY_TIMEOUT,
	KEY_HVC,
	KEY_TESTDEV,
	KEY_SANDBOX,
	KEY_DISKS, /* --disk on the command line, which adds one */
	CONFIG_KEYS
};

/* Where a value came from, for messages. file NULL: the command line. */
struct config_source {
	const char *file;
	unsigned line;
};

#define CONFIG_MAX_DISKS 16

struct vm_disk {
	char *path;
	bool read_only;
};

struct vm_config {
	char *name;    /* letters, digits, '-', '_', '.': up to 63 */
	char *engine;  /* "auto", "soft", "kvm" */
	char *cpu;     /* CPU model */
	char *kernel;  /* path; NULL when none was given */
	char *initrd;  /* path; NULL for none */
	char *append;  /* kernel command line */
	char *console; /* "stdio", "none" or a path */
	u64 memory;    /* bytes, a multiple of 1 MiB */
	u64 cpus;
	u64 timeout_ms; /* 0: none */
	bool hvc; /* the console is virtio's */
	bool testdev;
	bool sandbox; /* by default */
	struct vm_disk disks[CONFIG_MAX_DISKS];
	unsigned disk_count;
	struct config_source source[CONFIG_KEYS];
};

/* Defaults in place; -ENOMEM. config_fini in any case. */
int config_init(struct vm_config *cfg);
void config_fini(struct vm_config *cfg);

/* "kernel", "cpus" ...: the key in a VM file, and --key on the command line. */
const char *config_key_name(enum config_key key);

/*
 * Sets one value, checked; err has one line that names the place and what was
 * expected. Text is parsed as its key needs. A disk, "FILE" or "FILE,ro", is
 * added to those that are there. -EINVAL, -ENOMEM.
 */
int config_set_text(struct vm_config *cfg, enum config_key key, const char *text,
		    struct config_source from, struct error *err);
int config_set_number(struct vm_config *cfg, enum config_key key, u64 value,
		      struct config_source from, struct error *err);
/* A complaint about key in the form of the setters' own. Returns code. */
int config_complain(const struct vm_config *cfg, enum config_key key, int code,
		    struct error *err, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* What only shows once all is known: a kernel is there ... */
int config_check(const struct vm_config *cfg, struct error *err);

/* "512M", "1G", "65536K": bytes. False when malformed or too big for 64 bits. */
bool size_parse(const char *text, u64 *bytes);

#endif
