/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the host's memory a machine takes: its guest, and the rest. */
#ifndef HOST_MEMUSE_H
#define HOST_MEMUSE_H

#include <trivet/vm.h>

struct memuse {
	u64 guest_size;	    /* bytes of guest RAM, touched or not */
	u64 guest_resident; /* of those, in the host's memory now */
	u64 monitor_pss;    /* what this process holds besides; shared pages in part */
};

/* A descriptor for memuse_read, or a negative errno. To be had before a sandbox. */
int memuse_open(void);
/* A snapshot. -errno; -ENODATA when the kernel's text is not understood. */
int memuse_read(int fd, const struct vm *vm, struct memuse *m);

#endif
