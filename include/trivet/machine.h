/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts one machine together: memory map, devices, firmware tables, guest
 * loader. Called by the programs (src/host, src/metal).
 */
#ifndef TRIVET_MACHINE_H
#define TRIVET_MACHINE_H

#include <trivet/blockdev.h>
#include <trivet/chardev.h>
#include <trivet/netdev.h>
#include <trivet/virtio/balloon.h>
#include <trivet/virtio/console.h>
#include <trivet/vm.h>
#include <trivet/vsockdev.h>

/* A file's bytes in memory; name is for messages. data may be NULL with size 0. */
struct blob {
	const char *name;
	const u8 *data;
	u64 size;
};

#define MACHINE_MAX_DISKS 16

struct machine_disk {
	const char *name; /* for messages */
	struct blockdev *blockdev;
};

#define MACHINE_MAX_NETS 8

struct machine_net {
	const char *name; /* for messages */
	struct netdev *netdev;
};

struct machine_config {
	const char *name;
	u64 memory;    /* bytes; a multiple of 1 MiB */
	unsigned cpus; /* 1..VM_MAX_VCPUS */
	const char *cpu_model; /* "baseline" */
	struct blob kernel;    /* bzImage, ELF64 vmlinux, PVH ELF, Multiboot 1 */
	struct blob initrd;    /* or Multiboot's module; may be empty */
	const char *cmdline;   /* never NULL */
	struct chardev *console; /* COM1, or see hvc; may be NULL */
	bool hvc; /* console is a virtio console's, not COM1's */
	bool testdev;
	bool bad_access_stops; /* one to memory that is nobody's ends the VM */
	struct machine_disk disks[MACHINE_MAX_DISKS]; /* virtio, in this order */
	unsigned disk_count;
	struct virtio_console_port ports[VIRTIO_CONSOLE_PORTS]; /* named ones */
	unsigned port_count;
	bool balloon; /* there is one, and takes balloon_size bytes at start */
	u64 balloon_size;
	struct vsockdev *vsock; /* may be NULL */
	struct machine_net nets[MACHINE_MAX_NETS]; /* virtio, in this order */
	unsigned net_count;
};

#define MACHINE_MEMORY_MIN MIB(16)
#define MACHINE_MEMORY_MAX GIB(256)

struct machine;

/*
 * Builds the machine in an initialised, empty vm and loads the guest: RAM,
 * vCPUs, devices, tables, the boot CPU's registers. config and the blobs must
 * stay valid until machine_destroy (a reset loads the guest again). On error
 * nothing is left behind but what vm_fini frees, and err has one line that names
 * the file or value and what was expected: -EINVAL for bad input, -ENOMEM.
 */
int machine_create(struct vm *vm, const struct machine_config *config,
		   struct machine **out, struct error *err);
/*
 * Power-up again: RAM zeroed, devices and vCPUs reset, guest reloaded. While no
 * vCPU steps, no block backend has a request in flight and no network backend
 * calls its card, without vm->lock;
 * vm_clear_stop is done here.
 */
int machine_reset(struct machine *m, struct error *err);
/* The operator's power button. With vm->lock held. */
void machine_power_button(struct machine *m);
/* The terminal's size, for a virtio console. With vm->lock held. */
void machine_resize_console(struct machine *m, u16 columns, u16 rows);
/* False when there is no balloon. With vm->lock held. */
bool machine_balloon_target(struct machine *m, u64 bytes);
bool machine_balloon_stats(const struct machine *m, struct virtio_balloon_stats *stats);
/* With nothing in flight either. */
void machine_destroy(struct machine *m);

#endif
