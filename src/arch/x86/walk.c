/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page walk: 32-bit, PAE and 4-level paging. SDM vol. 3A 4.3 to 4.7.
 *
 * Every entry is read once; A and D are set with a compare-and-swap, and a walk
 * that lost a race against the guest starts again.
 */
#include "mmu.h"

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7)
#define PTE_G BIT(8)
#define PTE_NX BIT(63)

#define ADDR_MASK (bits_mask(52) & PAGE_MASK)
/* Bits 51:X86_PHYS_BITS must be zero in every entry. */
#define ADDR_RESERVED (bits_mask(52) & ~bits_mask(X86_PHYS_BITS))

/* Address bits below a large leaf's size, except PAT (bit 12). */
#define LEAF_2M_RESERVED (BIT(21) - BIT(13))
#define LEAF_1G_RESERVED (BIT(30) - BIT(13))

enum { WALK_AGAIN = 2 }; /* beside enum x86_status, inside this file only */

struct level {
	u64 index_shift; /* lowest linear address bit of this level's index */
	bool can_be_leaf;
	u64 leaf_reserved; /* further reserved bits when it is a large leaf */
};

struct walk {
	struct x86_cpu *c;
	const struct walk_query *q;
	struct walk_result *out;
	bool wide;     /* 8-byte entries */
	u64 reserved;  /* bits that must be zero in every entry */
};

static int walk_fault(const struct walk *w, u64 code)
{
	struct x86_cpu *c = w->c;
	bool nx_matters = (c->efer & EFER_NX) && (c->cr4 & CR4_PAE);

	if (w->q->access == X86_WRITE)
		code |= PF_W;
	if (w->q->index == X86_TLB_USER)
		code |= PF_U;
	if (w->q->access == X86_EXEC && (nx_matters || (c->cr4 & CR4_SMEP)))
		code |= PF_I;
	c->fault = (struct x86_fault){ .vector = EXC_PF, .has_error = true,
				       .error = (u32)code, .cr2 = w->q->lin };
	return X86_FAULT;
}

/* An entry's host address, or NULL when tables are not in RAM. */
static void *entry_host(const struct walk *w, u64 addr)
{
	struct x86_page p = w->c->env->page(w->c, gpa(addr & PAGE_MASK));

	return p.host ? p.host + (addr & ~PAGE_MASK) : NULL;
}

static u64 entry_read(const struct walk *w, void *host)
{
	if (!host)
		return 0; /* an unbacked table reads as nothing present */
	return w->wide ? __atomic_load_n((u64 *)host, __ATOMIC_RELAXED) :
			 __atomic_load_n((u32 *)host, __ATOMIC_RELAXED);
}

/* Sets bits in an entry that still holds `seen`. False: it changed. */
static bool entry_set(const struct walk *w, void *host, u64 seen, u64 bits)
{
	u32 seen32 = (u32)seen;

	if ((seen & bits) == bits)
		return true;
	if (w->wide)
		return __atomic_compare_exchange_n((u64 *)host, &seen, seen | bits, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return __atomic_compare_exchange_n((u32 *)host, &seen32, (u32)(seen32 | bits),
					   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Do the combined rights allow the access? SDM vol. 3A 4.6.1. */
static bool walk_allowed(const struct walk *w)
{
	const struct walk_result *r = w->out;
	const struct x86_cpu *c = w->c;

	if (w->q->index == X86_TLB_USER) {
		if (!r->user)
			return false;
		return w->q->access == X86_WRITE ? r->write :
		       w->q->access == X86_EXEC	 ? r->exec : true;
	}
	if (w->q->access == X86_EXEC)
		return r->exec && !(r->user && (c->cr4 & CR4_SMEP));
	if (r->user && w->q->index == X86_TLB_SUPER_SMAP)
		return false;
	return w->q->access == X86_READ || r->write || !(c->cr0 & CR0_WP);
}

static int walk_leaf(const struct walk *w, void *host, u64 entry, u64 size)
{
	struct walk_result *r = w->out;
	u64 frame = entry & ADDR_MASK & ~(size - 1);
	u64 bits = PTE_A | (w->q->access == X86_WRITE ? PTE_D : 0);

	if (!walk_allowed(w))
		return walk_fault(w, PF_P);
	if (!entry_set(w, host, entry, bits))
		return WALK_AGAIN;
	if (!w->wide && size > PAGE_SIZE) /* PSE-36: bits 20:13 are address 39:32 */
		frame = (entry & 0xffc00000u) | bits_get(entry, 13, 20) << 32;
	r->page = gpa((frame | (w->q->lin & (size - 1))) & PAGE_MASK);
	r->global = (entry & PTE_G) && (w->c->cr4 & CR4_PGE);
	r->dirty = (entry | bits) & PTE_D;
	r->size_shift = (u8)__builtin_ctzll(size);
	return X86_OK;
}

static void walk_combine(const struct walk *w, u64 entry)
{
	w->out->user &= (entry & PTE_U) != 0;
	w->out->write &= (entry & PTE_W) != 0;
	if (w->wide && (entry & PTE_NX))
		w->out->exec = false;
}

/* The last one may have been noted with other bits than it has: then it never holds. */
static void walk_note(struct x86_trace *t, const u64 *entry, u64 seen)
{
	t->entry[t->depth] = entry;
	t->seen[t->depth++] = seen;
}

/* Down from the table at `table` through levels[0..n). */
static int walk_levels(const struct walk *w, u64 table, const struct level *levels,
		       unsigned n)
{
	for (unsigned l = 0; l < n; l++) {
		unsigned index_bits = w->wide ? 9 : 10;
		u64 index = bits_get(w->q->lin, (unsigned)levels[l].index_shift,
				     (unsigned)levels[l].index_shift + index_bits - 1);
		void *host = entry_host(w, table + index * (w->wide ? 8 : 4));
		u64 entry = entry_read(w, host);
		bool leaf = l == n - 1 || ((entry & PTE_PS) && levels[l].can_be_leaf);
		u64 reserved = w->reserved;

		if (!(entry & PTE_P))
			return walk_fault(w, 0);
		if (leaf && l < n - 1)
			reserved |= levels[l].leaf_reserved;
		else if (l < n - 1 && !levels[l].can_be_leaf && w->wide)
			reserved |= PTE_PS;
		if (entry & reserved)
			return walk_fault(w, PF_P | PF_RSVD);
		walk_combine(w, entry);
		if (w->q->trace)
			walk_note(w->q->trace, host, entry | PTE_A);
		if (leaf)
			return walk_leaf(w, host, entry, BIT(levels[l].index_shift));
		if (!entry_set(w, host, entry, PTE_A))
			return WALK_AGAIN;
		table = entry & ADDR_MASK;
	}
	return X86_ERROR; /* not reached: the last level is a leaf */
}

static int walk_4level(struct walk *w)
{
	static const struct level levels[] = {
		{ 39, false, 0 },
		{ 30, true, LEAF_1G_RESERVED },
		{ 21, true, LEAF_2M_RESERVED },
		{ 12, true, 0 },
	};

	w->wide = true;
	w->reserved = ADDR_RESERVED | (w->c->efer & EFER_NX ? 0 : PTE_NX);
	return walk_levels(w, w->c->cr3 & ADDR_MASK, levels, 4);
}

static int walk_pae(struct walk *w)
{
	static const struct level levels[] = {
		{ 21, true, LEAF_2M_RESERVED },
		{ 12, true, 0 },
	};
	u64 pdpte = w->c->pdpte[bits_get(w->q->lin, 30, 31)];

	w->wide = true;
	w->reserved = ADDR_RESERVED | (bits_mask(63) & ~bits_mask(52)) |
		      (w->c->efer & EFER_NX ? 0 : PTE_NX);
	if (!(pdpte & PTE_P))
		return walk_fault(w, 0);
	return walk_levels(w, pdpte & ADDR_MASK, levels, 2);
}

static int walk_32bit(struct walk *w)
{
	/* bits 20:13 of a 4 MiB leaf are address bits 39:32; 21 is reserved */
	static const struct level pse[] = { { 22, true, BIT(21) }, { 12, true, 0 } };
	static const struct level no_pse[] = { { 22, false, 0 }, { 12, true, 0 } };

	w->wide = false;
	w->reserved = 0;
	return walk_levels(w, w->c->cr3 & 0xfffff000u,
			   w->c->cr4 & CR4_PSE ? pse : no_pse, 2);
}

int x86_walk(struct x86_cpu *c, const struct walk_query *q, struct walk_result *out)
{
	struct walk w = { .c = c, .q = q, .out = out };
	int r;

	do {
		if (q->trace)
			q->trace->depth = 0;
		*out = (struct walk_result){ .user = true, .write = true, .exec = true };
		if (!(c->cr0 & CR0_PG)) {
			out->page = gpa(q->lin & PAGE_MASK);
			out->dirty = true;
			return X86_OK;
		}
		if (!(c->cr4 & CR4_PAE))
			r = walk_32bit(&w);
		else if (x86_long_mode(c))
			r = walk_4level(&w);
		else
			r = walk_pae(&w);
	} while (r == WALK_AGAIN);
	return r;
}

const u8 *x86_trace_code(struct x86_cpu *c, u64 lin, struct x86_trace *t)
{
	struct walk_query q = { .lin = lin, .access = X86_EXEC, .trace = t,
				.index = c->cpl == 3 ? X86_TLB_USER : x86_tlb_system(c) };
	struct walk_result w;

	t->depth = 0;
	if (!(c->cr0 & CR0_PG) || !x86_long_mode(c) || x86_walk(c, &q, &w))
		return NULL;
	return c->env->page(c, w.page).host;
}

int x86_load_pdptes(struct x86_cpu *c, u64 cr3)
{
	/* SDM vol. 3A 4.4.1: bits 2:1, 8:5 and everything above the address */
	const u64 reserved = BIT(1) | BIT(2) | (bits_mask(9) & ~bits_mask(5)) | ADDR_RESERVED |
			     ~bits_mask(52);
	u64 base = cr3 & 0xffffffe0u, pdpte[4];
	struct x86_page p = c->env->page(c, gpa(base & PAGE_MASK));

	for (unsigned i = 0; i < 4; i++) {
		pdpte[i] = p.host ? get_le64(p.host + (base & ~PAGE_MASK) + 8 * i) : 0;
		if ((pdpte[i] & PTE_P) && (pdpte[i] & reserved))
			return x86_gp0(c);
	}
	for (unsigned i = 0; i < 4; i++)
		c->pdpte[i] = pdpte[i];
	return X86_OK;
}
