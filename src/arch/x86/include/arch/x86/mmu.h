/* SPDX-License-Identifier: Apache-2.0 */
/* Paging and the tagged translation cache. SDM vol. 3A chapter 4. */
#ifndef ARCH_X86_MMU_H
#define ARCH_X86_MMU_H

#include <arch/x86/cpu.h>
#include <trivet/types.h>

/* All translations, global ones included (CR0.PG, CR4.PGE/PAE/PSE/SMEP...). */
void x86_tlb_flush_all(struct x86_cpu *c);
/* All but global ones, of every PCID that is in use (MOV CR3 without PCID). */
void x86_tlb_flush_nonglobal(struct x86_cpu *c);
/* Those of one PCID, global ones kept. */
void x86_tlb_flush_pcid(struct x86_cpu *c, u16 pcid);
/* INVLPG: the page of lin, in every PCID. */
void x86_tlb_flush_page(struct x86_cpu *c, u64 lin);
/* Drops the entries that map guest-physical page a (its host page, or whether
 * it holds code, has changed). */
void x86_tlb_forget_gpa(struct x86_cpu *c, gpa_t a);
/* The current PCID changed (CR3 or CR4.PCIDE): choose the asid. */
void x86_tlb_switch(struct x86_cpu *c);

/*
 * PAE paging: loads the four PDPTEs that cr3 points at. X86_FAULT (#GP) when
 * a present one has reserved bits set. SDM vol. 3A 4.4.1.
 */
int x86_load_pdptes(struct x86_cpu *c, u64 cr3);

/* The entries that a walk of 4-level paging came by, and what they said. */
struct x86_trace {
	const u64 *entry[4];
	u64 seen[4];
	unsigned depth;
};

/* Where the page of code at lin (4-level paging) is for the host, by which entries.
 * NULL: it cannot be fetched, or is no RAM. */
const u8 *x86_trace_code(struct x86_cpu *c, u64 lin, struct x86_trace *t);

/* Would a walk still go the same way? */
static inline bool x86_trace_holds(const struct x86_trace *t)
{
	u64 changed = 0;

	for (unsigned n = 0; n < t->depth; n++)
		changed |= __atomic_load_n(t->entry[n], __ATOMIC_RELAXED) ^ t->seen[n];
	return !changed;
}

/* Physical address width in bits that CPUID 80000008h reports. */
#define X86_PHYS_BITS 46

static inline bool x86_canonical(u64 lin)
{
	return (u64)((s64)(lin << 16) >> 16) == lin;
}

#endif
