/* SPDX-License-Identifier: Apache-2.0 */
/* Buses: which device answers at an address. */
#include <trivet/bits.h>
#include <trivet/bus.h>
#include <trivet/error.h>
#include <trivet/string.h>

/* Index of the first range whose base is above addr. */
static unsigned bus_upper(const struct bus *bus, u64 addr)
{
	unsigned lo = 0, hi = bus->count;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (bus->ranges[mid].base <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int bus_add(struct bus *bus, const struct bus_range *range)
{
	unsigned at = bus_upper(bus, range->base);
	u64 end;

	if (range->size == 0 || add_overflows(range->base, range->size - 1, &end))
		return -EINVAL;
	if (at > 0 && range->base - bus->ranges[at - 1].base < bus->ranges[at - 1].size)
		return -EEXIST;
	if (at < bus->count && bus->ranges[at].base <= end)
		return -EEXIST;
	if (bus->count == BUS_MAX_RANGES)
		return -ENOSPC;
	memmove(&bus->ranges[at + 1], &bus->ranges[at],
		(bus->count - at) * sizeof bus->ranges[0]);
	bus->ranges[at] = *range;
	bus->count++;
	bus->last = at;
	return 0;
}

int bus_remove(struct bus *bus, u64 base)
{
	unsigned at = bus_upper(bus, base);

	if (at == 0 || bus->ranges[at - 1].base != base)
		return -ENOENT;
	bus->count--;
	memmove(&bus->ranges[at - 1], &bus->ranges[at],
		(bus->count - (at - 1)) * sizeof bus->ranges[0]);
	bus->ranges[bus->count] = (struct bus_range){ 0 };
	bus->last = 0;
	return 0;
}

const struct bus_range *bus_find(const struct bus *bus, u64 addr)
{
	unsigned at = bus_upper(bus, addr);

	if (at == 0 || addr - bus->ranges[at - 1].base >= bus->ranges[at - 1].size)
		return NULL;
	return &bus->ranges[at - 1];
}

/* The range that answered last, when it has all of size bytes at addr: a guest mostly
 * goes on with the device it was at. */
static inline const struct bus_range *bus_again(const struct bus *bus, u64 addr, unsigned size,
						u64 *offset)
{
	const struct bus_range *r = &bus->ranges[bus->last];

	*offset = addr - r->base;
	return likely(*offset < r->size && r->size - *offset >= size) ? r : NULL;
}

/* The range that has all of size bytes at addr, which is now the last; NULL when none
 * has. */
static const struct bus_range *bus_turn(struct bus *bus, u64 addr, unsigned size)
{
	const struct bus_range *r = bus_find(bus, addr);

	if (!r)
		return NULL;
	bus->last = (unsigned)(r - bus->ranges);
	return r->size - (addr - r->base) >= size ? r : NULL;
}

/* The low size bytes, 1 to 8 of them. */
static u64 low_bytes(u64 value, unsigned size)
{
	return value & ~(u64)0 >> (64 - size * 8);
}

/* At another device than last; across a range's end, or where nobody is, byte by byte.
 * Apart, so that the way of nearly every access stays short. */
static __attribute__((noinline)) u64 read_anew(struct bus *bus, struct vcpu *v, u64 addr,
					       unsigned size)
{
	const struct bus_range *r = bus_turn(bus, addr, size);
	u64 value = 0;

	if (r)
		return low_bytes(r->ops->read(r->ctx, v, addr - r->base, size), size);
	if (size == 1) {
		if (bus->missed && v)
			bus->missed(v, addr, false);
		return 0xff;
	}
	for (unsigned i = 0; i < size; i++)
		value |= bus_read(bus, v, addr + i, 1) << (8 * i);
	return value;
}

static __attribute__((noinline)) void write_anew(struct bus *bus, struct vcpu *v, u64 addr,
						 unsigned size, u64 value)
{
	const struct bus_range *r = bus_turn(bus, addr, size);

	if (r)
		r->ops->write(r->ctx, v, addr - r->base, size, low_bytes(value, size));
	else if (size == 1 && bus->missed && v)
		bus->missed(v, addr, true);
	else
		for (unsigned i = 0; size > 1 && i < size; i++)
			bus_write(bus, v, addr + i, 1, value >> (8 * i));
}

u64 bus_read(struct bus *bus, struct vcpu *v, u64 addr, unsigned size)
{
	u64 offset;
	const struct bus_range *r = bus_again(bus, addr, size, &offset);

	if (unlikely(!r))
		return read_anew(bus, v, addr, size);
	return low_bytes(r->ops->read(r->ctx, v, offset, size), size);
}

void bus_write(struct bus *bus, struct vcpu *v, u64 addr, unsigned size, u64 value)
{
	u64 offset;
	const struct bus_range *r = bus_again(bus, addr, size, &offset);

	if (likely(r))
		r->ops->write(r->ctx, v, offset, size, low_bytes(value, size));
	else
		write_anew(bus, v, addr, size, value);
}
