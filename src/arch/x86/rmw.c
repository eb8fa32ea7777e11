/* SPDX-License-Identifier: Apache-2.0 */
/* Read-modify-write operands that are not one cached page of plain RAM. */
#include <arch/x86/debug.h>
#include <trivet/string.h>

#include "mmu.h"

static int rmw_part(struct x86_cpu *c, u64 lin, struct x86_rmw *m, unsigned n)
{
	struct walk_query q = { .lin = x86_long_mode(c) ? lin : (u32)lin, .access = X86_WRITE,
				.index = x86_tlb_current(c) };
	struct translation t;
	int r = x86_translate_page(c, &q, &t);

	if (r)
		return r;
	m->gpa[n] = t.gpa;
	m->part[n] = t.host;
	m->readonly[n] = !t.page.writable;
	m->code |= t.page.code;
	return X86_OK;
}

int x86_rmw_open_slow(struct x86_cpu *c, unsigned seg, u64 lin, unsigned size,
		      struct x86_rmw *m)
{
	unsigned room = (unsigned)(PAGE_SIZE - (lin & ~PAGE_MASK));
	int r;

	*m = (struct x86_rmw){ .lin = lin, .size = (u8)size,
			       .first = (u8)(size <= room ? size : room) };
	if (x86_long_mode(c) && (!x86_canonical(lin) || !x86_canonical(lin + size - 1)))
		return x86_fault_code(c, seg == SEG_SS ? EXC_SS : EXC_GP, 0);
	r = rmw_part(c, lin, m, 0);
	if (!r && m->first < size)
		r = rmw_part(c, (lin + room) & PAGE_MASK, m, 1);
	if (r)
		return r;
	if (m->first == size && !m->readonly[0])
		m->ptr = m->part[0];
	/* Two pages that lie together on the host are one operand there. */
	if (m->first < size && m->part[0] && m->part[0] + m->first == m->part[1] &&
	    !m->readonly[0] && !m->readonly[1])
		m->ptr = m->part[0];
	if (unlikely(c->debug_watch)) {
		x86_debug_data(c, lin, size, false);
		x86_debug_data(c, lin, size, true);
	}
	return X86_OK;
}

/* A device sees the operand whole when it can: 8, 4 or 2 bytes. */
static unsigned device_step(unsigned left)
{
	return left >= 8 ? 8 : left == 4 || left == 2 ? left : 1;
}

static int part_read(struct x86_cpu *c, struct x86_rmw *m, unsigned n, u8 *dst,
		     unsigned size)
{
	if (m->part[n]) {
		memcpy(dst, m->part[n], size);
		return X86_OK;
	}
	for (unsigned i = 0; i < size;) {
		unsigned step = device_step(size - i);
		u64 v = 0;
		int r = c->env->mmio_read(c, gpa_add(m->gpa[n], i), step, &v);

		if (r < 0)
			return r;
		memcpy(dst + i, &v, step);
		i += step;
	}
	return X86_OK;
}

static int part_write(struct x86_cpu *c, struct x86_rmw *m, unsigned n, const u8 *src,
		      unsigned size)
{
	int r = X86_OK;

	if (m->part[n]) {
		if (!m->readonly[n])
			memcpy(m->part[n], src, size);
		return X86_OK;
	}
	for (unsigned i = 0; i < size;) {
		unsigned step = device_step(size - i);
		u64 v = 0;

		memcpy(&v, src + i, step);
		r = c->env->mmio_write(c, gpa_add(m->gpa[n], i), step, v);
		if (r < 0)
			return r;
		i += step;
	}
	return r;
}

int x86_rmw_read_slow(struct x86_cpu *c, struct x86_rmw *m, u64 *value)
{
	u8 buf[8] = { 0 };
	int r = part_read(c, m, 0, buf, m->first);

	if (r >= 0 && m->first < m->size)
		r = part_read(c, m, 1, buf + m->first, m->size - m->first);
	*value = get_le64(buf);
	return r;
}

static void code_written(struct x86_cpu *c, const struct x86_rmw *m)
{
	c->env->code_write(c, m->gpa[0], m->first);
	if (m->first < m->size)
		c->env->code_write(c, m->gpa[1], m->size - m->first);
}

int x86_rmw_write_slow(struct x86_cpu *c, struct x86_rmw *m, u64 value)
{
	u8 buf[8];
	int r;

	put_le64(buf, value);
	r = part_write(c, m, 0, buf, m->first);
	if (r >= 0 && m->first < m->size)
		r = part_write(c, m, 1, buf + m->first, m->size - m->first);
	if (r < 0 || !m->code)
		return r;
	code_written(c, m);
	return X86_BREAK;
}

/* The host's own locked instruction: a guest operand may be misaligned, which
 * C11 atomics do not promise to handle. */
#define HOST_CAS(suffix, type)                                                 \
	static bool host_cas_##suffix(void *p, u64 *seen, u64 want)            \
	{                                                                      \
		type old = (type)*seen;                                        \
		bool ok;                                                       \
									       \
		__asm__ volatile("lock cmpxchg" #suffix " %3, %1"              \
				 : "=@ccz"(ok), "+m"(*(volatile type *)p),     \
				   "+a"(old)                                   \
				 : "r"((type)want)                             \
				 : "memory");                                  \
		*seen = old;                                                   \
		return ok;                                                     \
	}
HOST_CAS(b, u8)
HOST_CAS(w, x86_u16u)
HOST_CAS(l, x86_u32u)
HOST_CAS(q, x86_u64u)

static bool host_cas(void *p, unsigned size, u64 *seen, u64 want)
{
	switch (size) {
	case 1: return host_cas_b(p, seen, want);
	case 2: return host_cas_w(p, seen, want);
	case 4: return host_cas_l(p, seen, want);
	default: return host_cas_q(p, seen, want);
	}
}

/* Across two pages, on read-only memory or a device: no one host instruction. */
static int slow_cas(struct x86_cpu *c, struct x86_rmw *m, u64 *seen, u64 want, bool *done)
{
	u64 now;
	int r = x86_rmw_read_slow(c, m, &now);

	if (r < 0)
		return r;
	*done = now == (*seen & bits_mask(m->size * 8u));
	*seen = now;
	return *done ? x86_rmw_write_slow(c, m, want) : X86_OK;
}

int x86_rmw_cas(struct x86_cpu *c, struct x86_rmw *m, u64 *seen, u64 want, bool *done)
{
	int r;

	if (m->ptr) {
		*done = host_cas(m->ptr, m->size, seen, want);
		if (!*done || !m->code)
			return X86_OK;
		code_written(c, m);
		return X86_BREAK;
	}
	c->env->bus_lock(c, true);
	r = slow_cas(c, m, seen, want, done);
	c->env->bus_lock(c, false);
	return r;
}

static bool host_cas16(void *p, u64 seen[2], const u64 want[2])
{
	bool ok;

	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(ok), "+m"(*(volatile unsigned __int128 *)p),
			   "+a"(seen[0]), "+d"(seen[1])
			 : "b"(want[0]), "c"(want[1])
			 : "memory");
	return ok;
}

/* On read-only memory or a device; an aligned operand is never on two pages. */
static int slow_cas16(struct x86_cpu *c, struct x86_rmw *m, u64 seen[2],
		      const u64 want[2], bool *done)
{
	u64 now[2];
	int r = part_read(c, m, 0, (u8 *)now, 16);

	if (r < 0)
		return r;
	*done = now[0] == seen[0] && now[1] == seen[1];
	seen[0] = now[0];
	seen[1] = now[1];
	return *done ? part_write(c, m, 0, (const u8 *)want, 16) : X86_OK;
}

int x86_rmw_cas16(struct x86_cpu *c, struct x86_rmw *m, u64 seen[2], const u64 want[2],
		  bool *done)
{
	int r;

	if (m->ptr) {
		*done = host_cas16(m->ptr, seen, want);
		if (!*done || !m->code)
			return X86_OK;
		code_written(c, m);
		return X86_BREAK;
	}
	c->env->bus_lock(c, true);
	r = slow_cas16(c, m, seen, want, done);
	c->env->bus_lock(c, false);
	return r;
}
