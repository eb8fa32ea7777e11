/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tagged translation cache. Flushing an address space is giving it a new
 * number (asid); the tables are wiped only when the numbers run out.
 */
#include <trivet/string.h>

#include "mmu.h"

#define ASID_FIRST 1
#define ASID_END 0xfff /* never a valid asid: X86_TLB_NONE ends in it */

/* --- where large pages are ---------------------------------------------------
 *
 * A large page is cached in 4 KiB pieces, in any number of slots, and INVLPG of any
 * of its addresses drops them all. Two filters say where there may be pieces; they
 * only ever err on the side of flushing.
 */

static unsigned region_bit(u64 region)
{
	return (unsigned)(region * 0x9e3779b97f4a7c15u >> 54); /* 10 bits */
}

static void filter_set(u64 filter[16], u64 region)
{
	filter[region_bit(region) >> 6] |= BIT(region_bit(region) & 63);
}

static bool filter_test(const u64 filter[16], u64 region)
{
	return filter[region_bit(region) >> 6] >> (region_bit(region) & 63) & 1;
}

static void large_note(struct x86_cpu *c, u64 lin, unsigned size_shift)
{
	if (size_shift == 21)
		filter_set(c->large_2m, lin >> 21);
	else if (size_shift > 21)
		filter_set(c->large_1g, lin >> 30);
}

static bool large_maybe(const struct x86_cpu *c, u64 lin)
{
	return filter_test(c->large_2m, lin >> 21) || filter_test(c->large_1g, lin >> 30);
}

static void large_forget(struct x86_cpu *c)
{
	memset(c->large_2m, 0, sizeof c->large_2m);
	memset(c->large_1g, 0, sizeof c->large_1g);
}

/* --- address space numbers ---------------------------------------------------- */

static void tlb_wipe(struct x86_cpu *c)
{
	for (unsigned t = 0; t < X86_TLB_TABLES; t++) {
		memset(c->tlb_table[t], 0xff, sizeof(struct x86_tlb_entry) * X86_TLB_SIZE);
		memset(c->tlb_cold[t], 0, sizeof(struct x86_tlb_cold) * X86_TLB_SIZE);
	}
	memset(c->pcid_asid, 0, sizeof(u16) * 4096);
	c->next_asid = ASID_FIRST;
	large_forget(c);
}

static u16 current_pcid(const struct x86_cpu *c)
{
	return (c->cr4 & CR4_PCIDE) ? (u16)(c->cr3 & 0xfff) : 0;
}

static void tlb_new_asid(struct x86_cpu *c)
{
	if (c->next_asid < ASID_FIRST || c->next_asid >= ASID_END)
		tlb_wipe(c);
	c->asid = c->next_asid++;
	c->pcid_asid[current_pcid(c)] = (u16)c->asid;
	c->flushes++;
	c->lookup_gen++;
}

void x86_tlb_flush_all(struct x86_cpu *c)
{
	c->global_gen++;
	memset(c->pcid_asid, 0, sizeof(u16) * 4096);
	large_forget(c);
	tlb_new_asid(c);
}

void x86_tlb_flush_nonglobal(struct x86_cpu *c)
{
	if (c->cr4 & CR4_PCIDE)
		memset(c->pcid_asid, 0, sizeof(u16) * 4096);
	tlb_new_asid(c);
}

void x86_tlb_flush_pcid(struct x86_cpu *c, u16 pcid)
{
	c->pcid_asid[pcid & 0xfff] = 0;
	if (pcid == current_pcid(c))
		tlb_new_asid(c);
}

void x86_tlb_switch(struct x86_cpu *c)
{
	u16 known = c->pcid_asid[current_pcid(c)];

	if (known)
		c->asid = known; /* decoded addresses are keyed by asid as well */
	else
		tlb_new_asid(c);
}

static void tlb_drop(struct x86_cpu *c, unsigned table, unsigned slot)
{
	memset(&c->tlb_table[table][slot], 0xff, sizeof(struct x86_tlb_entry));
	c->tlb_cold[table][slot].valid = 0;
}

void x86_tlb_flush_page(struct x86_cpu *c, u64 lin)
{
	unsigned slot = (lin >> PAGE_SHIFT) & (X86_TLB_SIZE - 1);

	if (large_maybe(c, lin)) {
		x86_tlb_flush_all(c);
		return;
	}
	for (unsigned t = 0; t < X86_TLB_TABLES; t++)
		tlb_drop(c, t, slot);
	c->lookup_gen++;
}

void x86_tlb_forget_gpa(struct x86_cpu *c, gpa_t a)
{
	u64 page = a.v & PAGE_MASK;

	for (unsigned t = 0; t < X86_TLB_TABLES; t++)
		for (unsigned s = 0; s < X86_TLB_SIZE; s++)
			if (c->tlb_cold[t][s].valid && c->tlb_cold[t][s].gpa_page == page)
				tlb_drop(c, t, s);
}

enum x86_tlb_index x86_tlb_current(const struct x86_cpu *c)
{
	return (enum x86_tlb_index)c->tlb_index;
}

enum x86_tlb_index x86_tlb_system(const struct x86_cpu *c)
{
	return (c->cr4 & CR4_SMAP) ? X86_TLB_SUPER_SMAP : X86_TLB_SUPER;
}

/* Does a data breakpoint lie on this page? Then every access must be seen. */
static bool page_is_watched(const struct x86_cpu *c, u64 lin)
{
	if (!c->debug_watch)
		return false;
	for (unsigned n = 0; n < 4; n++) /* a watch is up to 8 bytes, aligned */
		if ((c->dr[n] & PAGE_MASK) == (lin & PAGE_MASK))
			return true;
	return false;
}

/* A translation is cached for what the table's owner may do with it now. */
static void tlb_fill(struct x86_cpu *c, const struct walk_query *q,
		     const struct walk_result *w, const struct x86_page *p)
{
	unsigned slot = (q->lin >> PAGE_SHIFT) & (X86_TLB_SIZE - 1);
	struct x86_tlb_entry *e = &c->tlb_table[q->index][slot];
	struct x86_tlb_cold *cold = &c->tlb_cold[q->index][slot];
	u64 page = q->lin & PAGE_MASK, tag = page | c->asid;
	bool user = q->index == X86_TLB_USER;
	bool read = user ? w->user : !(w->user && q->index == X86_TLB_SUPER_SMAP);
	bool write = read && (w->write || (!user && !(c->cr0 & CR0_WP)));
	bool exec = w->exec && (user ? w->user : !(w->user && (c->cr4 & CR4_SMEP)));

	if (page_is_watched(c, q->lin))
		read = write = false;
	if (!w->dirty || !p->writable || p->code)
		write = false;
	e->tag[X86_READ] = read ? tag : X86_TLB_NONE;
	e->tag[X86_WRITE] = write ? tag : X86_TLB_NONE;
	e->tag[X86_EXEC] = exec ? tag : X86_TLB_NONE;
	e->addend = (u64)(uintptr_t)p->host - page;
	*cold = (struct x86_tlb_cold){ page, w->page.v, c->global_gen, w->global, 1 };
	large_note(c, q->lin, w->size_shift);
}

/* A global page cached under another address space is still good. */
static bool tlb_adopt_global(struct x86_cpu *c, const struct walk_query *q)
{
	unsigned slot = (q->lin >> PAGE_SHIFT) & (X86_TLB_SIZE - 1);
	struct x86_tlb_entry *e = &c->tlb_table[q->index][slot];
	const struct x86_tlb_cold *cold = &c->tlb_cold[q->index][slot];
	u64 page = q->lin & PAGE_MASK;

	if (!cold->valid || !cold->global || cold->lin_page != page ||
	    cold->global_gen != c->global_gen)
		return false;
	for (unsigned a = 0; a < ARRAY_SIZE(e->tag); a++)
		if (e->tag[a] != X86_TLB_NONE)
			e->tag[a] = page | c->asid;
	return e->tag[q->access] != X86_TLB_NONE;
}

int x86_translate_page(struct x86_cpu *c, const struct walk_query *q,
		       struct translation *out)
{
	unsigned slot = (q->lin >> PAGE_SHIFT) & (X86_TLB_SIZE - 1);
	const struct x86_tlb_entry *e = &c->tlb_table[q->index][slot];
	struct walk_result w;
	int r;

	if (e->tag[q->access] == ((q->lin & PAGE_MASK) | c->asid) ||
	    tlb_adopt_global(c, q)) {
		out->host = (u8 *)(uintptr_t)(q->lin + e->addend);
		out->gpa = gpa(c->tlb_cold[q->index][slot].gpa_page | (q->lin & ~PAGE_MASK));
		/* a write tag is only given to writable pages without code */
		out->page = (struct x86_page){ out->host, true, false };
		return X86_OK;
	}
	r = x86_walk(c, q, &w);
	if (r)
		return r;
	out->page = c->env->page(c, w.page);
	out->gpa = gpa_add(w.page, q->lin & ~PAGE_MASK);
	out->host = out->page.host ? out->page.host + (q->lin & ~PAGE_MASK) : NULL;
	if (out->host)
		tlb_fill(c, q, &w, &out->page);
	return X86_OK;
}
