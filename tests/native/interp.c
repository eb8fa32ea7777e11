/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a case through the decoder's and the handlers' code: user mode, flat. */
#include "native.h"

#include "cpu_fixture.h"
#include <stdlib.h>

#include <arch/x86/fpu.h>

#define GDT 0xc00000u
#define MAX_PASSES 100000 /* of a REP instruction that comes back early */

static void set_mode(struct x86_cpu *c, unsigned mode)
{
	u32 *attr = &c->seg[SEG_CS].attr;

	fx_long_mode(3);
	*attr &= ~(SA_L | SA_DB);
	*attr |= mode == X86_MODE_64 ? SA_L : SA_DB;
	c->cr0 |= CR0_AM;
	c->seg[SEG_CS].sel = SEL_CODE;
	c->seg[SEG_DS].sel = c->seg[SEG_ES].sel = c->seg[SEG_SS].sel = SEL_DATA;
	c->seg[SEG_FS].sel = c->seg[SEG_GS].sel = 0;
	c->seg[SEG_LDTR] = (struct x86_seg){ .attr = SA_UNUSABLE };
	c->gdt.base = GDT;
	c->gdt.limit = 0x7f;
	x86_update_mode(c);
}

static void map_pages(u64 table, u64 at, u64 size)
{
	fx_put64(FX_PD + 8 * (at >> 21), table | FX_RWU);
	for (u64 a = at; a < at + size; a += PAGE_SIZE)
		fx_put64(table + 8 * ((a >> 12) & 511), a | FX_RWU);
}

void interp_init(void)
{
	void *none = NULL;

	fx_setup(&none);
	/* mapped is what the host has mapped: the scratch pages and the code */
	for (u64 n = 0; n < 512; n++)
		fx_put64(FX_PD + 8 * n, 0);
	fx_put64(FX_PDPT + 8, 0);
	map_pages(0x5000, SCRATCH, SCRATCH_SIZE);
	map_pages(0x6000, CODE, PAGE_SIZE);
	map_pages(0x5000, CODE - PAGE_SIZE, PAGE_SIZE); /* same 2 MiB as SCRATCH */
	map_pages(0x7000, GDT, PAGE_SIZE);
	/* the two descriptors that user code has on a Linux host */
	fx_put64(GDT + (SEL_DATA & ~7u), 0x00cff3000000ffff);
	fx_put64(GDT + (SEL_CODE & ~7u), 0x00affb000000ffff);
	x86_tlb_flush_all(&fx.cpu);
	set_mode(&fx.cpu, X86_MODE_64);
}

static int execute(struct x86_cpu *c, const struct native_case *t)
{
	unsigned passes = 0;
	int r;

	c->rip = CODE - t->prelude_len;
	for (unsigned n = 0; n < t->prelude_count; n++) {
		c->rip += t->prelude_insn[n].len;
		if (x86_exec_one(c, &t->prelude_insn[n]) < 0)
			abort();
	}
	c->rip = CODE;
	do {
		c->rip += t->len;
		r = x86_exec_one(c, &t->insn);
	} while (r >= 0 && c->rip == CODE && ++passes < MAX_PASSES);
	return r;
}

void interp_run(const struct native_case *t, struct native_regs *out)
{
	struct x86_cpu *c = &fx.cpu;
	int r;

	if (t->mode != c->mode || (t->insn.flags & X86_I_END))
		set_mode(c, t->mode);
	memcpy(fx.ram + SCRATCH, t->mem, SCRATCH_SIZE);
	memcpy(c->gpr, t->in.gpr, sizeof t->in.gpr);
	x86_flags_set(c, t->in.rflags | FL_IF);
	c->fx = t->in.fx;
	c->x87_live = 0;
	x86_update_mode(c); /* AC counts in user mode */
	x86_fpu_enter(c);
	r = execute(c, t);
	x86_fpu_leave(c);
	memcpy(out->gpr, c->gpr, sizeof out->gpr);
	out->rflags = x86_flags_get(c);
	out->fx = c->fx;
	out->fault = r == X86_FAULT ? c->fault.vector : r < 0 ? 0xeeu : NO_FAULT;
	out->cr2 = r == X86_FAULT && c->fault.vector == EXC_PF ? c->fault.cr2 : 0;
	out->error = r == X86_FAULT && c->fault.has_error ? c->fault.error : 0;
	out->taken = r >= 0 && c->rip == CODE + t->len + CODE_TAKEN;
	if (r >= 0 && !out->taken && c->rip != CODE + t->len)
		out->fault = 0xef; /* went somewhere else */
}

u8 *interp_scratch(void)
{
	return fx.ram + SCRATCH;
}
