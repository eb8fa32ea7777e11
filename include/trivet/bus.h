/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bus: sorted ranges, each with the device that answers there. One for port
 * I/O and one for memory-mapped I/O in every VM.
 */
#ifndef TRIVET_BUS_H
#define TRIVET_BUS_H

#include <trivet/types.h>

struct vcpu;

/*
 * One device's range. read returns the value (upper bits beyond size ignored);
 * offset is relative to base; size is 1, 2, 4 or 8 (ports: 1, 2, 4) and the
 * access lies wholly inside the range. v is the vCPU that made the access,
 * NULL when it was not a vCPU. Called with vm->lock held. A device must accept
 * every offset and size: an unsupported one reads all ones and ignores writes.
 */
struct bus_ops {
	u64 (*read)(void *ctx, struct vcpu *v, u64 offset, unsigned size);
	void (*write)(void *ctx, struct vcpu *v, u64 offset, unsigned size,
		      u64 value);
};

struct bus_range {
	u64 base;
	u64 size;
	const char *name; /* for messages and statistics; static storage */
	const struct bus_ops *ops;
	void *ctx;
};

#define BUS_MAX_RANGES 64

struct bus {
	/* A vCPU's access where no device answers: its first byte. With vm->lock held;
	 * may be NULL. */
	void (*missed)(struct vcpu *v, u64 addr, bool write);
	struct bus_range ranges[BUS_MAX_RANGES]; /* sorted by base, disjoint */
	unsigned count;
	unsigned last; /* the range that answered last */
};

/*
 * Registers a range. -EINVAL when empty or wrapping, -EEXIST when it overlaps
 * another, -ENOSPC when the bus is full. Before vCPUs run, or with vm->lock.
 */
int bus_add(struct bus *bus, const struct bus_range *range);
/* Removes the range that starts at base; -ENOENT when there is none. */
int bus_remove(struct bus *bus, u64 base);
/* The range that holds addr, or NULL. */
const struct bus_range *bus_find(const struct bus *bus, u64 addr);

/*
 * One access of 1 to 8 bytes. Where no device answers, a read gives all ones and a
 * write vanishes, as on a PC. An access that straddles a range's end is split into
 * bytes. With vm->lock held.
 */
u64 bus_read(struct bus *bus, struct vcpu *v, u64 addr, unsigned size);
void bus_write(struct bus *bus, struct vcpu *v, u64 addr, unsigned size,
	       u64 value);

#endif
