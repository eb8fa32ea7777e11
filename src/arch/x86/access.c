/* SPDX-License-Identifier: Apache-2.0 */
/* The slow paths of guest memory access: page ends, devices, code pages, faults. */
#include <arch/x86/debug.h>
#include <trivet/string.h>

#include "mmu.h"

/* Up to two pieces of an access of at most a page. */
struct span {
	struct translation part[2];
	unsigned first; /* bytes in part 0 */
	unsigned size;
};

static u64 lin_wrap(const struct x86_cpu *c, u64 lin)
{
	return x86_long_mode(c) ? lin : (u32)lin;
}

static int span_open(struct x86_cpu *c, u64 lin, unsigned size, enum x86_access access,
		     enum x86_tlb_index index, struct span *s)
{
	struct walk_query q = { .lin = lin_wrap(c, lin), .access = access, .index = index };
	unsigned room = (unsigned)(PAGE_SIZE - (q.lin & ~PAGE_MASK));
	int r = x86_translate_page(c, &q, &s->part[0]);

	s->size = size;
	s->first = size <= room ? size : room;
	if (r || s->first == size)
		return r;
	q.lin = lin_wrap(c, (q.lin + room) & PAGE_MASK);
	return x86_translate_page(c, &q, &s->part[1]);
}

/* Non-canonical in long mode: #SS for stack references, else #GP. */
static int canonical_check(struct x86_cpu *c, unsigned seg, u64 lin, unsigned size)
{
	if (!x86_long_mode(c) || (x86_canonical(lin) && x86_canonical(lin + size - 1)))
		return X86_OK;
	return x86_fault_code(c, seg == SEG_SS ? EXC_SS : EXC_GP, 0);
}

static void watch(struct x86_cpu *c, u64 lin, unsigned size, bool write)
{
	if (unlikely(c->debug_watch))
		x86_debug_data(c, lin, size, write);
}

/* --- copies of one part, RAM or device -------------------------------------- */

static int device_read(struct x86_cpu *c, gpa_t a, u8 *dst, unsigned n)
{
	while (n) {
		unsigned step = n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
		u64 v = 0;
		int r = c->env->mmio_read(c, a, step, &v);

		if (r < 0)
			return r;
		memcpy(dst, &v, step);
		dst += step;
		a = gpa_add(a, step);
		n -= step;
	}
	return X86_OK;
}

static int device_write(struct x86_cpu *c, gpa_t a, const u8 *src, unsigned n)
{
	int r = X86_OK;

	while (n) {
		unsigned step = n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
		u64 v = 0;

		memcpy(&v, src, step);
		r = c->env->mmio_write(c, a, step, v);
		if (r < 0)
			return r;
		src += step;
		a = gpa_add(a, step);
		n -= step;
	}
	return r;
}

/* Naturally sized copies are one access, as other vCPUs see it. */
static void ram_copy(u8 *dst, const u8 *src, unsigned n)
{
	switch (n) {
	case 1: *(volatile u8 *)dst = *(const volatile u8 *)src; break;
	case 2: *(volatile x86_u16u *)(void *)dst = *(const volatile x86_u16u *)(const void *)src; break;
	case 4: *(volatile x86_u32u *)(void *)dst = *(const volatile x86_u32u *)(const void *)src; break;
	case 8: *(volatile x86_u64u *)(void *)dst = *(const volatile x86_u64u *)(const void *)src; break;
	default: memcpy(dst, src, n);
	}
}

static int part_read(struct x86_cpu *c, const struct translation *t, u8 *dst, unsigned n)
{
	if (!t->host)
		return device_read(c, t->gpa, dst, n);
	ram_copy(dst, t->host, n);
	return X86_OK;
}

static int part_write(struct x86_cpu *c, const struct translation *t, const u8 *src,
		      unsigned n)
{
	if (!t->host)
		return device_write(c, t->gpa, src, n);
	if (!t->page.writable)
		return X86_OK;
	ram_copy(t->host, src, n);
	if (!t->page.code)
		return X86_OK;
	c->env->code_write(c, t->gpa, n);
	return X86_BREAK;
}

static int span_read(struct x86_cpu *c, const struct span *s, u8 *dst)
{
	int r = part_read(c, &s->part[0], dst, s->first);

	if (r >= 0 && s->first < s->size)
		r = part_read(c, &s->part[1], dst + s->first, s->size - s->first);
	return r < 0 ? r : X86_OK;
}

static int span_write(struct x86_cpu *c, const struct span *s, const u8 *src)
{
	int r = part_write(c, &s->part[0], src, s->first), r2 = X86_OK;

	if (r >= 0 && s->first < s->size)
		r2 = part_write(c, &s->part[1], src + s->first, s->size - s->first);
	return r2 < 0 ? r2 : r > 0 ? r : r2;
}

/* --- segments, SDM vol. 3A 5.3 to 5.5 ------------------------------------- */

static int seg_fault(struct x86_cpu *c, unsigned seg)
{
	return x86_fault_code(c, seg == SEG_SS ? EXC_SS : EXC_GP, 0);
}

static bool seg_type_allows(const struct x86_seg *s, enum x86_access access)
{
	if (s->attr & SA_UNUSABLE || !(s->attr & SA_P))
		return false;
	if (s->attr & SA_CODE)
		return access == X86_EXEC ||
		       (access == X86_READ && (s->attr & SA_WRITE)); /* readable */
	return access == X86_READ || (access == X86_WRITE && (s->attr & SA_WRITE));
}

static bool seg_limit_allows(const struct x86_seg *s, u64 offset, unsigned size)
{
	u64 last = offset + size - 1;

	if ((s->attr & (SA_CODE | SA_EXPDOWN)) == SA_EXPDOWN)
		return offset > s->limit && last <= (s->attr & SA_DB ? 0xffffffffu : 0xffffu);
	return last <= s->limit;
}

static int seg_check(struct x86_cpu *c, unsigned seg, u64 offset, unsigned size,
		     enum x86_access access, u64 *lin)
{
	const struct x86_seg *s = &c->seg[seg];

	if (x86_code64(c)) {
		*lin = offset + c->seg_base[seg];
		return X86_OK;
	}
	if (!x86_real_mode(c) && !x86_v86(c) && !seg_type_allows(s, access))
		return seg_fault(c, seg);
	if (!seg_limit_allows(s, offset, size))
		return seg_fault(c, seg);
	*lin = (u32)(s->base + offset);
	return X86_OK;
}

static bool alignment_checked(const struct x86_cpu *c)
{
	return c->cpl == 3 && (c->cr0 & CR0_AM) && (c->rflags & FL_AC);
}

/*
 * What an operand of size bytes is aligned to: SDM vol. 3A table 6-7. Extended
 * reals 8, far pointers and FNSTENV, FNSAVE images their words; larger ones are
 * SSE's and checked, or not, by their handlers.
 */
static unsigned operand_alignment(unsigned size)
{
	switch (size) {
	case 6: case 28: case 108: return 4;
	case 10: return 8;
	case 14: case 94: return 2;
	default: return size <= 8 ? size : 1;
	}
}

int x86_seg_linear(struct x86_cpu *c, unsigned seg, u64 offset, unsigned size,
		   enum x86_access access, u64 *lin)
{
	int r = seg_check(c, seg, offset, size, access, lin);

	if (!r && unlikely(alignment_checked(c)) && (*lin & (operand_alignment(size) - 1))) {
		r = canonical_check(c, seg, *lin, size);
		return r ? r : x86_fault_code(c, EXC_AC, 0);
	}
	return r;
}

/* --- loads and stores ------------------------------------------------------- */

int x86_load_slow(struct x86_cpu *c, unsigned seg, u64 lin, unsigned size, u64 *value)
{
	struct span s;
	int r = canonical_check(c, seg, lin, size);

	if (!r)
		r = span_open(c, lin, size, X86_READ, x86_tlb_current(c), &s);
	if (r)
		return r;
	watch(c, lin, size, false);
	*value = 0;
	return span_read(c, &s, (u8 *)value);
}

int x86_store_slow(struct x86_cpu *c, unsigned seg, u64 lin, unsigned size, u64 value)
{
	struct span s;
	int r = canonical_check(c, seg, lin, size);

	if (!r)
		r = span_open(c, lin, size, X86_WRITE, x86_tlb_current(c), &s);
	if (r)
		return r;
	watch(c, lin, size, true);
	return span_write(c, &s, (const u8 *)&value);
}

int x86_load(struct x86_cpu *c, unsigned seg, u64 offset, unsigned size, u64 *value)
{
	u64 lin;
	int r = x86_linear(c, seg, offset, size, X86_READ, &lin);
	const void *p;

	if (r)
		return r;
	p = x86_tlb_hit(c, lin, size, X86_READ);
	if (!p)
		return x86_load_slow(c, seg, lin, size, value);
	*value = 0;
	ram_copy((u8 *)value, p, size);
	return X86_OK;
}

int x86_store(struct x86_cpu *c, unsigned seg, u64 offset, unsigned size, u64 value)
{
	u64 lin;
	int r = x86_linear(c, seg, offset, size, X86_WRITE, &lin);
	void *p;

	if (r)
		return r;
	p = x86_tlb_hit(c, lin, size, X86_WRITE);
	if (!p)
		return x86_store_slow(c, seg, lin, size, value);
	ram_copy(p, (const u8 *)&value, size);
	return X86_OK;
}

static int bytes_open(struct x86_cpu *c, unsigned seg, u64 offset, unsigned size,
		      enum x86_access access, struct span *s)
{
	u64 lin;
	int r = x86_seg_linear(c, seg, offset, size, access, &lin);

	if (!r)
		r = canonical_check(c, seg, lin, size);
	if (!r)
		r = span_open(c, lin, size, access, x86_tlb_current(c), s);
	if (!r && access != X86_EXEC)
		watch(c, lin, size, access == X86_WRITE);
	return r;
}

int x86_load_bytes(struct x86_cpu *c, unsigned seg, u64 offset, void *dst, unsigned size)
{
	struct span s;
	int r = bytes_open(c, seg, offset, size, X86_READ, &s);

	return r ? r : span_read(c, &s, dst);
}

int x86_store_bytes(struct x86_cpu *c, unsigned seg, u64 offset, const void *src,
		    unsigned size)
{
	struct span s;
	int r = bytes_open(c, seg, offset, size, X86_WRITE, &s);

	return r ? r : span_write(c, &s, src);
}

int x86_probe(struct x86_cpu *c, unsigned seg, u64 offset, unsigned size,
	      enum x86_access access)
{
	struct span s;
	u64 lin;
	int r = x86_seg_linear(c, seg, offset, size, access, &lin);

	if (!r)
		r = canonical_check(c, seg, lin, size);
	return r ? r : span_open(c, lin, size, access, x86_tlb_current(c), &s);
}

/* --- system accesses and fetch -------------------------------------------- */

int x86_sys_load(struct x86_cpu *c, u64 lin, void *dst, unsigned size)
{
	struct span s;
	int r = canonical_check(c, SEG_DS, lin, size);

	if (!r)
		r = span_open(c, lin, size, X86_READ, x86_tlb_system(c), &s);
	return r ? r : span_read(c, &s, dst);
}

int x86_sys_store(struct x86_cpu *c, u64 lin, const void *src, unsigned size)
{
	struct span s;
	int r = canonical_check(c, SEG_DS, lin, size);

	if (!r)
		r = span_open(c, lin, size, X86_WRITE, x86_tlb_system(c), &s);
	if (!r)
		r = span_write(c, &s, src);
	return r < 0 ? r : X86_OK;
}

int x86_fetch(struct x86_cpu *c, u64 lin, u8 *dst, unsigned max, unsigned *got)
{
	struct walk_query q = { .lin = lin_wrap(c, lin), .access = X86_EXEC, .index = x86_tlb_current(c) };
	struct translation t;
	unsigned room = (unsigned)(PAGE_SIZE - (q.lin & ~PAGE_MASK)), n;
	int r;

	if (x86_long_mode(c) && !x86_canonical(lin))
		return x86_gp0(c);
	r = x86_translate_page(c, &q, &t);
	if (r)
		return r;
	n = max < room ? max : room;
	r = part_read(c, &t, dst, n);
	*got = n;
	if (r < 0 || n == max)
		return r < 0 ? r : X86_OK;
	q.lin = lin_wrap(c, (q.lin + room) & PAGE_MASK);
	if (x86_long_mode(c) && !x86_canonical(q.lin))
		return X86_OK;
	if (x86_translate_page(c, &q, &t) == X86_OK &&
	    part_read(c, &t, dst + n, max - n) >= 0)
		*got = max;
	return X86_OK;
}

int x86_translate(struct x86_cpu *c, u64 lin, enum x86_access access, gpa_t *gpa_out)
{
	struct walk_query q = { .lin = lin_wrap(c, lin), .access = access, .index = x86_tlb_current(c) };
	struct translation t;
	int r;

	if (x86_long_mode(c) && !x86_canonical(lin))
		return x86_gp0(c);
	r = x86_translate_page(c, &q, &t);
	if (!r)
		*gpa_out = t.gpa;
	return r;
}
