/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory as instructions see it: segment, paging, then RAM or a device.
 *
 * Every accessor returns enum x86_status. Negative: nothing was read or
 * written and c->fault is set: the handler returns it before it commits
 * anything. Positive (X86_BREAK, from a store to a page that holds decoded
 * code, or a device): done; the handler commits and returns it in its turn.
 *
 * offset is the effective address, already cut to the address size.
 */
#ifndef ARCH_X86_ACCESS_H
#define ARCH_X86_ACCESS_H

#include <arch/x86/cpu.h>

/* Unaligned guest memory, one access each. */
typedef u16 __attribute__((aligned(1), may_alias)) x86_u16u;
typedef u32 __attribute__((aligned(1), may_alias)) x86_u32u;
typedef u64 __attribute__((aligned(1), may_alias)) x86_u64u;

/* Slow paths, mmu.c. size 1..64 bytes for the _bytes ones, may cross a page. */
int x86_seg_linear(struct x86_cpu *c, unsigned seg, u64 offset, unsigned size,
		   enum x86_access access, u64 *lin);
int x86_load_slow(struct x86_cpu *c, unsigned seg, u64 lin, unsigned size,
		  u64 *value);
int x86_store_slow(struct x86_cpu *c, unsigned seg, u64 lin, unsigned size,
		   u64 value);

static inline int x86_linear(struct x86_cpu *c, unsigned seg, u64 offset,
			     unsigned size, enum x86_access access, u64 *lin)
{
	if (likely(c->flat & (1u << seg))) {
		*lin = offset + c->seg_base[seg];
		return X86_OK;
	}
	return x86_seg_linear(c, seg, offset, size, access, lin);
}

/*
 * The host address of [lin, lin+size) when it lies in one cached page of RAM
 * that allows the access, else NULL.
 */
static inline void *x86_tlb_hit(const struct x86_cpu *c, u64 lin, unsigned size,
				enum x86_access access)
{
	const struct x86_tlb_entry *e =
		&c->tlb[(lin >> PAGE_SHIFT) & (X86_TLB_SIZE - 1)];

	/* an access across the page's end compares the wrong page: a miss */
	if (likely(e->tag[access] == (((lin + size - 1) & PAGE_MASK) | c->asid)))
		return (void *)(uintptr_t)(lin + e->addend);
	return NULL;
}

#define X86_DEFINE_ACCESS(bits, type)                                          \
	static inline int x86_load##bits(struct x86_cpu *c, unsigned seg,      \
					 u64 offset, u##bits *value)           \
	{                                                                      \
		u64 lin, wide;                                                 \
		const volatile type *p;                                        \
		int r = x86_linear(c, seg, offset, bits / 8, X86_READ, &lin);  \
									       \
		if (unlikely(r))                                               \
			return r;                                              \
		p = x86_tlb_hit(c, lin, bits / 8, X86_READ);                   \
		if (likely(p)) {                                               \
			*value = *p;                                           \
			return X86_OK;                                         \
		}                                                              \
		r = x86_load_slow(c, seg, lin, bits / 8, &wide);               \
		if (r >= 0)                                                    \
			*value = (u##bits)wide;                                \
		return r;                                                      \
	}                                                                      \
	static inline int x86_store##bits(struct x86_cpu *c, unsigned seg,     \
					  u64 offset, u##bits value)           \
	{                                                                      \
		u64 lin;                                                       \
		volatile type *p;                                              \
		int r = x86_linear(c, seg, offset, bits / 8, X86_WRITE, &lin); \
									       \
		if (unlikely(r))                                               \
			return r;                                              \
		p = x86_tlb_hit(c, lin, bits / 8, X86_WRITE);                  \
		if (likely(p)) {                                               \
			*p = value;                                            \
			return X86_OK;                                         \
		}                                                              \
		return x86_store_slow(c, seg, lin, bits / 8, value);           \
	}

X86_DEFINE_ACCESS(8, u8)
X86_DEFINE_ACCESS(16, x86_u16u)
X86_DEFINE_ACCESS(32, x86_u32u)
X86_DEFINE_ACCESS(64, x86_u64u)

/* size 1, 2, 4, 8; zero-extended. For handlers where size varies at run time. */
int x86_load(struct x86_cpu *c, unsigned seg, u64 offset, unsigned size,
	     u64 *value);
int x86_store(struct x86_cpu *c, unsigned seg, u64 offset, unsigned size,
	      u64 value);

/* Bytes through a segment, size 1..1024; all or nothing as to faults. */
int x86_load_bytes(struct x86_cpu *c, unsigned seg, u64 offset, void *dst,
		   unsigned size);
int x86_store_bytes(struct x86_cpu *c, unsigned seg, u64 offset,
		    const void *src, unsigned size);

/* Checks only (segment and paging), sets A and D bits as the access would. */
int x86_probe(struct x86_cpu *c, unsigned seg, u64 offset, unsigned size,
	      enum x86_access access);

/*
 * Read-modify-write. open checks that the operand can be written (a page fault
 * says W) and after it no step faults. Then read, and write or cas.
 */
struct x86_rmw {
	u8 *ptr; /* RAM within one page, else NULL */
	u64 lin;
	gpa_t gpa[2];	 /* first byte's, and of the second page's start */
	u8 *part[2];	 /* host addresses of the two parts; NULL: device */
	u8 size, first;	 /* bytes in all, bytes in the first part */
	bool code;	 /* the page holds decoded code */
	bool readonly[2];
};
int x86_rmw_open_slow(struct x86_cpu *c, unsigned seg, u64 lin, unsigned size,
		      struct x86_rmw *m);
int x86_rmw_read_slow(struct x86_cpu *c, struct x86_rmw *m, u64 *value);
int x86_rmw_write_slow(struct x86_cpu *c, struct x86_rmw *m, u64 value);
/* Writes want if the operand still equals *seen, atomically as other vCPUs see
 * it; otherwise loads *seen and *done = false. */
int x86_rmw_cas(struct x86_cpu *c, struct x86_rmw *m, u64 *seen, u64 want,
		bool *done);
/* CMPXCHG16B: 16-byte aligned operand (the handler checked). */
int x86_rmw_cas16(struct x86_cpu *c, struct x86_rmw *m, u64 seen[2],
		  const u64 want[2], bool *done);

static inline int x86_rmw_open(struct x86_cpu *c, unsigned seg, u64 offset,
			       unsigned size, struct x86_rmw *m)
{
	u64 lin;
	int r = x86_linear(c, seg, offset, size, X86_WRITE, &lin);

	if (unlikely(r))
		return r;
	m->size = (u8)size;
	m->code = false;
	m->ptr = x86_tlb_hit(c, lin, size, X86_WRITE);
	if (likely(m->ptr))
		return X86_OK;
	return x86_rmw_open_slow(c, seg, lin, size, m);
}

static inline int x86_rmw_read(struct x86_cpu *c, struct x86_rmw *m, u64 *value)
{
	if (likely(m->ptr)) {
		switch (m->size) {
		case 1: *value = *(volatile u8 *)m->ptr; return X86_OK;
		case 2: *value = *(volatile x86_u16u *)(void *)m->ptr; return X86_OK;
		case 4: *value = *(volatile x86_u32u *)(void *)m->ptr; return X86_OK;
		default: *value = *(volatile x86_u64u *)(void *)m->ptr; return X86_OK;
		}
	}
	return x86_rmw_read_slow(c, m, value);
}

static inline int x86_rmw_write(struct x86_cpu *c, struct x86_rmw *m, u64 value)
{
	if (likely(m->ptr && !m->code)) {
		switch (m->size) {
		case 1: *(volatile u8 *)m->ptr = (u8)value; return X86_OK;
		case 2: *(volatile x86_u16u *)(void *)m->ptr = (u16)value; return X86_OK;
		case 4: *(volatile x86_u32u *)(void *)m->ptr = (u32)value; return X86_OK;
		default: *(volatile x86_u64u *)(void *)m->ptr = value; return X86_OK;
		}
	}
	return x86_rmw_write_slow(c, m, value);
}

/* The memory operand's effective address, cut to the address size. */
static inline u64 x86_ea(const struct x86_cpu *c, const struct x86_insn *i)
{
	u64 ea = c->gpr[i->base] + (c->gpr[i->index] << i->scale) +
		 (u64)(s64)i->disp;

	if (unlikely(i->rip_rel))
		ea += c->rip;
	if (likely(i->addrsize == 8))
		return ea;
	return i->addrsize == 4 ? (u32)ea : (u16)ea;
}

/*
 * System accesses, by linear address and with supervisor rights whatever the
 * CPL: descriptor tables, TSS, IDT. size 1..128. SDM vol. 3A 4.6.
 */
int x86_sys_load(struct x86_cpu *c, u64 lin, void *dst, unsigned size);
int x86_sys_store(struct x86_cpu *c, u64 lin, const void *src, unsigned size);

/* Instruction bytes at linear lin: up to max, stopping early (but with at least
 * one byte) at a page that faults; *got says how many. */
int x86_fetch(struct x86_cpu *c, u64 lin, u8 *dst, unsigned max, unsigned *got);

/* Guest-physical address of the page of lin for the access, faulting as the
 * access would. */
int x86_translate(struct x86_cpu *c, u64 lin, enum x86_access access,
		  gpa_t *gpa_out);

#endif
