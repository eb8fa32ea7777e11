/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `trivet run` shall do: one struct, filled from a VM file and from the
 * command line by the same checked setters.
 */
#ifndef HOST_CONFIG_H
#define HOST_CONFIG_H

#include <trivet/blockdev.h>
#include <trivet/error.h>
#include <trivet/types.h>

#include "net_spec.h"

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
	KEY_HUGEPAGES,
	KEY_SANDBOX,
	KEY_DISKS, /* --disk on the command line, which adds one */
	KEY_PORTS, /* --port, likewise */
	KEY_VSOCK,
	KEY_BALLOON,
	KEY_NET,     /* each --net adds one */
	KEY_PUBLISH, /* each -p adds one */
	KEY_WEIGHT,
	KEY_CPUSET,
	KEY_BAD_ACCESS,
	CONFIG_KEYS
};

/* Where a value came from, for messages. file NULL: the command line. */
struct config_source {
	const char *file;
	unsigned line;
};

#define CONFIG_MAX_DISKS 16
#define CONFIG_MAX_NETS 8
#define CONFIG_MAX_FORWARDS 64

enum disk_way { DISK_AUTO, DISK_URING, DISK_THREADS };

struct vm_disk {
	char *path;
	bool read_only;
	enum disk_way way; /* how requests reach the kernel */
	char serial[BLOCK_SERIAL_MAX + 1]; /* "": one is made up */
};

#define CONFIG_MAX_PORTS 8
#define CONFIG_WEIGHT 100 /* the default */
#define CONFIG_MAX_WEIGHT 10000

struct vm_port {
	char *name; /* letters, digits, '-', '_', '.': up to 63 */
	char *path;
	bool socket; /* path is a unix socket's, not a file's */
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
	bool hugepages; /* guest memory on pages set aside for that */
	bool sandbox; /* by default */
	u64 weight;   /* of its vCPUs among others; CONFIG_WEIGHT: as any */
	u64 cpuset;   /* processors that it may use, a bit each; 0: all */
	bool bad_access_stops; /* "stop", not "ignore" */
	struct vm_disk disks[CONFIG_MAX_DISKS];
	unsigned disk_count;
	struct vm_port ports[CONFIG_MAX_PORTS];
	unsigned port_count;
	char *vsock;   /* path; NULL for none */
	u64 vsock_cid;
	bool balloon;
	u64 balloon_size; /* bytes, taken from the guest at start */
	struct net_card nets[CONFIG_MAX_NETS]; /* none is NET_NONE */
	unsigned net_count;
	struct net_forward forwards[CONFIG_MAX_FORWARDS];
	unsigned forward_count;
	struct config_source source[CONFIG_KEYS];
};

/* Defaults in place; -ENOMEM. config_fini in any case. */
int config_init(struct vm_config *cfg);
void config_fini(struct vm_config *cfg);

/* "kernel", "cpus" ...: the key in a VM file, and --key on the command line. */
const char *config_key_name(enum config_key key);

/*
 * Sets one value, checked; err has one line that names the place and what was
 * expected. Text is parsed as its key needs. A disk, "FILE" with options
 * such as ",ro" after it (config_disk.c), is added to those that are there, and so
 * are a port, a network card and a port forward; the card "none" takes those away that
 * are there. -EINVAL, -ENOMEM.
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

/* Where in a port's text, "NAME=FILE" or "NAME=unix:PATH", the path begins; its end
 * when it has none. */
size_t config_port_path(const char *text);
/* config_disk.c: a complaint's text in what, or 0 and *d filled in, -ENOMEM. */
int config_parse_disk(struct vm_disk *d, const char *text, char *what, size_t size);
/* The address of card number index: the one given, or one made of the name. */
void config_net_mac(const struct vm_config *cfg, unsigned index,
		    u8 mac[NET_MAC_SIZE]);

/* config_cpuset.c: "0,2-3", processors 0 to 63, as bits. False when malformed. */
bool cpuset_parse(const char *text, u64 *cpus);

/* "512M", "1G", "65536K": bytes. False when malformed or too big for 64 bits. */
bool size_parse(const char *text, u64 *bytes);

#endif
