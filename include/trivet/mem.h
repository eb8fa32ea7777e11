/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM: a few slots of guest-physical addresses backed by host memory.
 *
 * The guest is hostile and may write its memory at any time from another
 * vCPU: copy a value out once with guest_mem_read, check the copy, use the
 * copy.
 */
#ifndef TRIVET_MEM_H
#define TRIVET_MEM_H

#include <trivet/types.h>

struct vm;

enum mem_flags {
	MEM_READ = 1,
	MEM_WRITE = 2,
	MEM_EXEC = 4,
};

struct mem_slot {
	gpa_t base; /* page aligned */
	u64 size;   /* bytes, a multiple of PAGE_SIZE */
	u8 *host;
	u32 flags; /* enum mem_flags */
};

#define MEM_MAX_SLOTS 8

struct guest_mem {
	struct mem_slot slots[MEM_MAX_SLOTS];
	unsigned count;
};

/*
 * Allocates host memory and maps it at base. The VM owns it until vm_fini.
 * -EINVAL on misalignment or overlap, -ENOMEM, -ENOSPC.
 */
int guest_mem_add(struct vm *vm, gpa_t base, u64 size, u32 flags);
void guest_mem_fini(struct vm *vm);

/* Host address of [a, a+len) when it lies in one slot, else NULL. */
void *guest_mem_ptr(const struct vm *vm, gpa_t a, u64 len);

/*
 * Copies. -EFAULT when any byte is not RAM (then nothing was copied). A write
 * tells the engine, so that decoded code on those pages is dropped.
 */
int guest_mem_read(const struct vm *vm, gpa_t a, void *dst, u64 len);
int guest_mem_write(struct vm *vm, gpa_t a, const void *src, u64 len);

/*
 * Watching which pages of the slot at index the guest writes, for a copy of its
 * memory while it runs: all that it wrote, and maybe some that it only read. bitmap holds a bit for each of the slot's pages. What the
 * monitor itself writes (devices, loaders) is not in it. -EOPNOTSUPP where the
 * engine cannot, -EINVAL for no such slot. Any thread.
 */
int guest_mem_watch(struct vm *vm, unsigned index, bool on);
int guest_mem_dirty(struct vm *vm, unsigned index, u64 *bitmap);

#endif
