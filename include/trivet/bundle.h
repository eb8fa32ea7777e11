/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs in compiled form: what `trivet image` packs and the bare-metal image takes as its
 * boot module. Little endian; offsets from the bundle's start; texts end in NUL.
 */
#ifndef TRIVET_BUNDLE_H
#define TRIVET_BUNDLE_H

#include <trivet/error.h>
#include <trivet/netdev.h>
#include <trivet/types.h>

#define BUNDLE_MAGIC "TRIVETVM"
#define BUNDLE_VERSION 2
#define BUNDLE_MAX_VMS 16
#define BUNDLE_MAX_DISKS 16
#define BUNDLE_MAX_NETS 8
#define BUNDLE_MAX_WEIGHT 10000

struct bundle_part {
	u64 offset; /* a multiple of 4096 */
	u64 size;   /* 0: there is none */
};

struct bundle_disk {
	struct bundle_part part; /* whole sectors */
	u32 read_only;
	u32 reserved;
};

/* A network card on a switch. */
struct bundle_net {
	char sw[16]; /* the switch's name: letters, digits, '-', '_' */
	u8 mac[NET_MAC_SIZE];
	u8 reserved[2];
};

enum bundle_flag {
	BUNDLE_TESTDEV = 1,
	BUNDLE_HVC = 2,		    /* the console is virtio's */
	BUNDLE_BAD_ACCESS_STOPS = 4, /* not ignored */
};

struct bundle_vm {
	char name[64];
	char cpu_model[32];
	char append[1024];
	u64 memory; /* bytes */
	u32 cpus;
	u32 flags; /* enum bundle_flag; others are 0 */
	struct bundle_part kernel, initrd;
	u64 cpuset; /* processors it may use, a bit each; 0: all */
	u32 weight; /* 1 to BUNDLE_MAX_WEIGHT */
	u32 net_count;
	u32 disk_count;
	u32 reserved;
	struct bundle_disk disks[BUNDLE_MAX_DISKS];
	struct bundle_net nets[BUNDLE_MAX_NETS];
};

struct bundle {
	u8 magic[8];
	u32 version;
	u32 vm_count;
	u64 size; /* of it all */
	u64 reserved;
	struct bundle_vm vms[BUNDLE_MAX_VMS]; /* vm_count count */
};

#endif
