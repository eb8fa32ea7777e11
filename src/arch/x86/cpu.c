/* SPDX-License-Identifier: Apache-2.0 */
/* The live CPU: set-up, derived state, and its way to and from the common layout. */
#include <arch/x86/cpuid.h>
#include <arch/x86/fpu.h>
#include <trivet/error.h>
#include <trivet/platform.h>
#include <trivet/string.h>
#include <trivet/vm.h>

#include "system_private.h"

int x86_fault(struct x86_cpu *c, u8 vector)
{
	c->fault = (struct x86_fault){ .vector = vector };
	return X86_FAULT;
}

int x86_fault_code(struct x86_cpu *c, u8 vector, u32 error)
{
	c->fault = (struct x86_fault){ .vector = vector, .has_error = true, .error = error };
	return X86_FAULT;
}

/* Base 0, 4 GiB, and no access that the type could refuse: so never a code
 * segment, which refuses stores. */
static bool seg_is_flat(const struct x86_seg *s)
{
	u32 want = SA_P | SA_S | SA_WRITE;

	return !s->base && s->limit == 0xffffffff &&
	       (s->attr & (want | SA_CODE | SA_EXPDOWN | SA_UNUSABLE)) == want;
}

static void update_segments(struct x86_cpu *c)
{
	u32 flat = 0;

	for (unsigned n = 0; n < SEG_COUNT; n++) {
		bool zero = x86_code64(c) && n < SEG_FS;

		c->seg_base[n] = zero ? 0 : c->seg[n].base;
		if (n <= SEG_GS && (x86_code64(c) || seg_is_flat(&c->seg[n])))
			flat |= 1u << n;
	}
	if ((c->cr0 & CR0_AM) && (c->rflags & FL_AC) && c->cpl == 3)
		flat = 0; /* the checked path looks at alignment */
	c->flat = flat;
}

static void update_debug(struct x86_cpu *c)
{
	c->debug_exec = c->debug_watch = false;
	for (unsigned n = 0; n < 4; n++) {
		if (!(c->dr[7] >> (n * 2) & 3))
			continue;
		if (c->dr[7] >> (16 + n * 4) & 3)
			c->debug_watch = true;
		else
			c->debug_exec = true;
	}
}

static u8 current_mode(const struct x86_cpu *c)
{
	u32 attr = c->seg[SEG_CS].attr;

	if (x86_long_mode(c) && (attr & SA_L))
		return X86_MODE_64;
	return !x86_v86(c) && (attr & SA_DB) ? X86_MODE_32 : X86_MODE_16;
}

void x86_update_mode(struct x86_cpu *c)
{
	u8 mode = current_mode(c);

	if (mode != c->mode) {
		c->mode = mode;
		c->lookup_gen++;
		c->flushes++;
	}
	if (x86_real_mode(c))
		c->cpl = 0;
	else
		c->cpl = x86_v86(c) ? 3 : (u8)attr_dpl(c->seg[SEG_SS].attr);
	if (mode == X86_MODE_64)
		c->stack_size = 8;
	else
		c->stack_size = c->seg[SEG_SS].attr & SA_DB && !x86_v86(c) ? 4 : 2;
	c->fpu_ready = !(c->cr0 & (CR0_EM | CR0_TS));
	c->sse_ready = c->fpu_ready && (c->cr4 & CR4_OSFXSR);
	update_tlb(c);
	update_segments(c);
	update_debug(c);
}

static int cpu_alloc(struct x86_cpu *c)
{
	for (unsigned t = 0; t < X86_TLB_TABLES; t++) {
		c->tlb_table[t] = platform_alloc(sizeof(struct x86_tlb_entry) * X86_TLB_SIZE);
		c->tlb_cold[t] = platform_alloc(sizeof(struct x86_tlb_cold) * X86_TLB_SIZE);
		if (!c->tlb_table[t] || !c->tlb_cold[t])
			return -ENOMEM;
	}
	c->tlb_empty = platform_alloc(sizeof(struct x86_tlb_entry) * X86_TLB_SIZE);
	c->pcid_asid = platform_alloc(sizeof(u16) * 4096);
	if (!c->tlb_empty || !c->pcid_asid)
		return -ENOMEM;
	memset(c->tlb_empty, 0xff, sizeof(struct x86_tlb_entry) * X86_TLB_SIZE);
	return 0;
}

int x86_cpu_init(struct x86_cpu *c, const struct x86_env *env, void *env_ctx,
		 const struct x86_cpu_model *model, unsigned index)
{
	struct x86_state st;
	int r = cpu_alloc(c);

	if (r) {
		x86_cpu_fini(c);
		return r;
	}
	c->env = env;
	c->env_ctx = env_ctx;
	c->model = model;
	c->index = index;
	c->tsc_offset = (u64)0 - model->tsc_base;
	arch_state_reset(&st, NULL, index, false);
	st.tsc = x86_tsc(c);
	x86_cpu_set_state(c, &st);
	return 0;
}

void x86_cpu_fini(struct x86_cpu *c)
{
	for (unsigned t = 0; t < X86_TLB_TABLES; t++) {
		platform_free(c->tlb_table[t], sizeof(struct x86_tlb_entry) * X86_TLB_SIZE);
		platform_free(c->tlb_cold[t], sizeof(struct x86_tlb_cold) * X86_TLB_SIZE);
		c->tlb_table[t] = NULL;
		c->tlb_cold[t] = NULL;
	}
	platform_free(c->tlb_empty, sizeof(struct x86_tlb_entry) * X86_TLB_SIZE);
	platform_free(c->pcid_asid, sizeof(u16) * 4096);
	c->tlb_empty = NULL;
	c->pcid_asid = NULL;
}

u64 x86_tsc(const struct x86_cpu *c)
{
	return platform_counter() + c->tsc_offset;
}

void x86_cpu_get_state(struct x86_cpu *c, struct x86_state *st)
{
	memset(st, 0, sizeof *st);
	x86_fpu_sync(c);
	st->version = X86_STATE_VERSION;
	st->size = sizeof *st;
	memcpy(st->gpr, c->gpr, sizeof st->gpr);
	st->rip = c->rip;
	st->rflags = x86_flags_get(c);
	memcpy(st->seg, c->seg, sizeof st->seg);
	st->gdt = c->gdt;
	st->idt = c->idt;
	st->cr0 = c->cr0;
	st->cr2 = c->cr2;
	st->cr3 = c->cr3;
	st->cr4 = c->cr4;
	st->efer = c->efer;
	st->xcr0 = c->xcr0;
	memcpy(st->dr, c->dr, sizeof st->dr);
	st->fx = c->fx;
	st->msr = c->msr;
	st->tsc = x86_tsc(c);
	st->irq_shadow = c->irq_shadow;
	st->nmi_blocked = c->nmi_blocked;
}

/* Is tsc what a clock with this offset showed a moment ago? */
static bool tsc_is_recent(const struct x86_cpu *c, u64 tsc, u64 offset)
{
	return platform_counter() + offset - tsc < c->model->tsc_hz / 4;
}

/*
 * A state taken a moment ago (INIT: get, change, set) or made at power-up must
 * not slow the clock by the time that took: the CPUs of a machine would drift
 * apart.
 */
static void set_tsc(struct x86_cpu *c, u64 tsc)
{
	if (tsc_is_recent(c, tsc, (u64)0 - c->model->tsc_base))
		c->tsc_offset = (u64)0 - c->model->tsc_base;
	else if (!tsc_is_recent(c, tsc, c->tsc_offset))
		c->tsc_offset = tsc - platform_counter();
}

void x86_cpu_set_state(struct x86_cpu *c, const struct x86_state *st)
{
	memcpy(c->gpr, st->gpr, sizeof st->gpr);
	c->gpr[REG_ZERO] = 0;
	c->rip = st->rip;
	x86_flags_set(c, st->rflags);
	memcpy(c->seg, st->seg, sizeof st->seg);
	c->gdt = st->gdt;
	c->idt = st->idt;
	c->cr0 = st->cr0;
	c->cr2 = st->cr2;
	c->cr3 = st->cr3;
	c->cr4 = st->cr4;
	c->efer = st->efer;
	c->xcr0 = st->xcr0;
	memcpy(c->dr, st->dr, sizeof st->dr);
	c->fx = st->fx;
	x86_fpu_loaded(c);
	c->msr = st->msr;
	set_tsc(c, st->tsc);
	c->irq_shadow = st->irq_shadow;
	c->ss_shadow = false;
	c->held_dr6 = 0;
	c->nmi_blocked = st->nmi_blocked;
	c->pending_dr6 = 0;
	x86_tlb_flush_all(c);
	x86_update_mode(c);
	/* A bad table faults when the guest's next CR3 or CR0 write says so. */
	if ((c->cr0 & CR0_PG) && (c->cr4 & CR4_PAE) && !x86_long_mode(c))
		x86_load_pdptes(c, c->cr3);
	c->lookup_gen++;
}
