/* SPDX-License-Identifier: Apache-2.0 */
/* Checked writes to control registers, EFER, debug registers and flags. */
#include "system_private.h"

#define CR0_KNOWN (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | \
		   CR0_NW | CR0_CD | CR0_PG)
#define CR4_KNOWN (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE |  \
		   CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP |          \
		   CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP)
#define CR4_PAGING (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_PCIDE)
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)

static bool pae_tables(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LME);
}

/* What paging on or off asks of the rest. SDM vol. 3A 4.1.2, 10.8.5. */
static int check_paging_switch(struct x86_cpu *c, bool on)
{
	if (!on)
		return x86_code64(c) || (c->cr4 & CR4_PCIDE) ? x86_gp0(c) : X86_OK;
	if (!(c->efer & EFER_LME))
		return X86_OK;
	if (!(c->cr4 & CR4_PAE) || (c->seg[SEG_CS].attr & SA_L))
		return x86_gp0(c);
	if ((c->seg[SEG_TR].attr & SA_TYPE) == DT_TSS16_BUSY &&
	    !(c->seg[SEG_TR].attr & SA_UNUSABLE))
		return x86_gp0(c);
	return X86_OK;
}

int x86_write_cr0(struct x86_cpu *c, u64 value)
{
	u64 changed;
	int r = X86_OK;

	if (value >> 32)
		return x86_gp0(c);
	value = (value & CR0_KNOWN) | CR0_ET;
	changed = value ^ c->cr0;
	if (((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
		return x86_gp0(c);
	if (changed & CR0_PG)
		r = check_paging_switch(c, value & CR0_PG);
	if (!r && (changed & (CR0_PG | CR0_CD | CR0_NW)) && pae_tables(value, c->cr4, c->efer))
		r = x86_load_pdptes(c, c->cr3);
	if (r)
		return r;
	c->cr0 = value;
	if (changed & CR0_PG) {
		if ((value & CR0_PG) && (c->efer & EFER_LME))
			c->efer |= EFER_LMA;
		else
			c->efer &= ~EFER_LMA;
	}
	if (changed & (CR0_PG | CR0_PE | CR0_WP)) {
		x86_tlb_flush_all(c);
		c->lookup_gen++;
		c->flushes++;
	}
	x86_update_mode(c);
	return X86_BREAK;
}

int x86_write_cr3(struct x86_cpu *c, u64 value)
{
	bool keep = false;
	int r;

	if (c->cr4 & CR4_PCIDE) {
		keep = value >> 63;
		value &= ~BIT(63);
	}
	if (x86_long_mode(c) && value >> X86_PHYS_BITS)
		return x86_gp0(c);
	if (pae_tables(c->cr0, c->cr4, c->efer)) {
		r = x86_load_pdptes(c, value);
		if (r)
			return r;
	}
	c->cr3 = value;
	if (keep)
		x86_tlb_switch(c);
	else if (c->cr4 & CR4_PCIDE)
		x86_tlb_flush_pcid(c, (u16)(value & 0xfff));
	else
		x86_tlb_flush_nonglobal(c);
	c->lookup_gen++;
	return X86_BREAK;
}

int x86_write_cr4(struct x86_cpu *c, u64 value)
{
	u64 changed = value ^ c->cr4;
	int r;

	if (value & ~CR4_KNOWN)
		return x86_gp0(c);
	if (x86_long_mode(c) && !(value & CR4_PAE))
		return x86_gp0(c);
	if ((changed & value & CR4_PCIDE) && (!x86_long_mode(c) || (c->cr3 & 0xfff)))
		return x86_gp0(c);
	if ((changed & (CR4_PAE | CR4_PSE | CR4_PGE | CR4_SMEP)) &&
	    pae_tables(c->cr0, value, c->efer)) {
		r = x86_load_pdptes(c, c->cr3);
		if (r)
			return r;
	}
	c->cr4 = value;
	if (changed & CR4_PAGING) {
		x86_tlb_flush_all(c);
		c->lookup_gen++;
	}
	x86_update_mode(c);
	return X86_BREAK;
}

int x86_write_efer(struct x86_cpu *c, u64 value)
{
	u64 changed;

	if (value & ~EFER_KNOWN)
		return x86_gp0(c);
	value = (value & ~EFER_LMA) | (c->efer & EFER_LMA);
	changed = value ^ c->efer;
	if ((changed & EFER_LME) && (c->cr0 & CR0_PG))
		return x86_gp0(c);
	c->efer = value;
	if (changed & EFER_NX)
		x86_tlb_flush_all(c);
	x86_update_mode(c);
	return X86_BREAK;
}

int x86_write_dr(struct x86_cpu *c, unsigned n, u64 value)
{
	if (n == 4 || n == 5)
		n += 2;
	if (n >= 6 && value >> 32)
		return x86_gp0(c);
	if (n == 6)
		value = (value & 0xe00f) | DR6_ONES;
	if (n == 7)
		value = (value & 0xffff23ff) | DR7_ONES;
	c->dr[n & 7] = value;
	if (n != 6) {
		/* A watched page must not be in the translation cache. */
		if (n < 4 ? c->debug_watch : (value & 0xff) != 0)
			x86_tlb_flush_all(c);
		x86_update_mode(c);
	}
	return X86_BREAK;
}

void x86_write_flags(struct x86_cpu *c, u64 value, u64 mask)
{
	u64 old = x86_flags_get(c), new = (old & ~mask) | (value & mask);

	x86_flags_set(c, new);
	if ((old ^ new) & (FL_AC | FL_VM))
		x86_update_mode(c);
}
