/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common state layout from and to KVM's: api.rst 4.11 (registers), 4.13
 * (system registers), 4.42 (XSAVE), 4.31 (events), 4.33 (debug), 4.39 (XCRs).
 */
#include "x86.h"

#include <arch/x86/state.h>

#include <errno.h>
#include <string.h>

/* --- MSRs ---------------------------------------------------------------------- */

#define FIELD(index, name) { index, offsetof(struct x86_state, name) }

/* In the order in which they are written: TSC_ADJUST after TSC. */
static const struct {
	u32 index;
	u32 offset;
} msr_fields[] = {
	FIELD(0x10, tsc), FIELD(0x3b, msr.tsc_adjust), FIELD(0x8b, msr.bios_sign),
	FIELD(0xc0000081, msr.star), FIELD(0xc0000082, msr.lstar),
	FIELD(0xc0000083, msr.cstar), FIELD(0xc0000084, msr.sfmask),
	FIELD(0xc0000102, msr.kernel_gs_base), FIELD(0xc0000103, msr.tsc_aux),
	FIELD(0x174, msr.sysenter_cs), FIELD(0x175, msr.sysenter_esp),
	FIELD(0x176, msr.sysenter_eip), FIELD(0x277, msr.pat),
	FIELD(0x1a0, msr.misc_enable), FIELD(0x48, msr.spec_ctrl),
	FIELD(0x17a, msr.mcg_status), FIELD(0x17b, msr.mcg_ctl),
	FIELD(0x2ff, msr.mtrr.def_type),
};

struct msr_run {
	u32 first, count, offset, step;
};

/* Rows of registers: number, how many, where in the state, bytes from one to the
 * next there. */
static const struct msr_run msr_runs[] = {
	{ 0x250, 1, offsetof(struct x86_state, msr.mtrr.fixed[0]), 8 },
	{ 0x258, 2, offsetof(struct x86_state, msr.mtrr.fixed[1]), 8 },
	{ 0x268, 8, offsetof(struct x86_state, msr.mtrr.fixed[3]), 8 },
	{ 0x400, 16, offsetof(struct x86_state, msr.mc_bank), 8 },
};

#define MSR_DEBUGCTL 0x1d9
#define MSR_MTRR_BASE0 0x200
#define MTRRS 8

#define MSR_MAX 96

struct msr_list {
	u32 offsets[MSR_MAX];
	/* struct kvm_msrs and its entries */
	u64 room[(sizeof(struct kvm_msrs) + MSR_MAX * sizeof(struct kvm_msr_entry)) / 8];
};

static struct kvm_msrs *list_msrs(struct msr_list *l)
{
	return (struct kvm_msrs *)(void *)l->room;
}

static void list_add(struct msr_list *l, u32 index, u32 offset)
{
	struct kvm_msrs *m = list_msrs(l);

	m->entries[m->nmsrs].index = index;
	l->offsets[m->nmsrs++] = offset;
}

static void list_fill(struct msr_list *l)
{
	memset(l, 0, sizeof *l);
	for (unsigned i = 0; i < ARRAY_SIZE(msr_fields); i++)
		list_add(l, msr_fields[i].index, msr_fields[i].offset);
	for (unsigned i = 0; i < ARRAY_SIZE(msr_runs); i++)
		for (u32 n = 0; n < msr_runs[i].count; n++)
			list_add(l, msr_runs[i].first + n,
				 msr_runs[i].offset + n * msr_runs[i].step);
	for (u32 n = 0; n < MTRRS; n++) {
		list_add(l, MSR_MTRR_BASE0 + 2 * n,
			 (u32)offsetof(struct x86_state, msr.mtrr.base) + 8 * n);
		list_add(l, MSR_MTRR_BASE0 + 2 * n + 1,
			 (u32)offsetof(struct x86_state, msr.mtrr.mask) + 8 * n);
	}
}

/*
 * KVM stops at a register that this CPU has not; it is left out, and the rest
 * tried again. A value that is not 0 and finds no place is an error.
 */
static int list_move(struct msr_list *l, int fd, unsigned long request)
{
	struct kvm_msrs *m = list_msrs(l);

	for (;;) {
		int r = kvm_ioctl(fd, request, m);
		u32 done = r < 0 ? 0 : (u32)r;

		if (r < 0 || done >= m->nmsrs)
			return r < 0 ? r : 0;
		if (request == KVM_SET_MSRS && m->entries[done].data)
			return -EINVAL;
		m->nmsrs--;
		memmove(&m->entries[done], &m->entries[done + 1],
			(m->nmsrs - done) * sizeof m->entries[0]);
		memmove(&l->offsets[done], &l->offsets[done + 1],
			(m->nmsrs - done) * sizeof l->offsets[0]);
	}
}

static int get_msrs(const struct kvm_cpu *c, struct x86_state *st)
{
	struct msr_list l;
	struct kvm_msrs *m = list_msrs(&l);
	int r;

	list_fill(&l);
	r = list_move(&l, c->fd, KVM_GET_MSRS);
	for (u32 i = 0; i < m->nmsrs && !r; i++)
		memcpy((u8 *)st + l.offsets[i], &m->entries[i].data, 8);
	st->msr.feature_control = c->feature_control;
	/* KVM on AMD has it only with LBR virtualisation, and logs every access */
	(void)kvm_x86_get_msr(c->fd, MSR_DEBUGCTL, &st->msr.debugctl);
	return r;
}

static int set_msrs(struct kvm_cpu *c, const struct x86_state *st)
{
	struct msr_list l;
	struct kvm_msrs *m = list_msrs(&l);
	u64 debugctl = 0;

	(void)kvm_x86_get_msr(c->fd, MSR_DEBUGCTL, &debugctl);
	if (debugctl != st->msr.debugctl &&
	    kvm_x86_set_msr(c->fd, MSR_DEBUGCTL, st->msr.debugctl))
		return -EINVAL;
	list_fill(&l);
	for (u32 i = 0; i < m->nmsrs; i++) {
		u64 value;

		memcpy(&value, (const u8 *)st + l.offsets[i], 8);
		m->entries[i].data = value;
	}
	c->feature_control = st->msr.feature_control;
	return list_move(&l, c->fd, KVM_SET_MSRS);
}

/* --- general and system registers ------------------------------------------------- */

static void regs_to(struct kvm_regs *k, const struct x86_state *st)
{
	const u64 *g = st->gpr;

	*k = (struct kvm_regs){
		.rax = g[REG_RAX], .rcx = g[REG_RCX], .rdx = g[REG_RDX],
		.rbx = g[REG_RBX], .rsp = g[REG_RSP], .rbp = g[REG_RBP],
		.rsi = g[REG_RSI], .rdi = g[REG_RDI], .r8 = g[8], .r9 = g[9],
		.r10 = g[10], .r11 = g[11], .r12 = g[12], .r13 = g[13], .r14 = g[14],
		.r15 = g[15], .rip = st->rip, .rflags = st->rflags,
	};
}

static void regs_from(struct x86_state *st, const struct kvm_regs *k)
{
	const u64 g[16] = { k->rax, k->rcx, k->rdx, k->rbx, k->rsp, k->rbp,
			    k->rsi, k->rdi, k->r8,  k->r9,  k->r10, k->r11,
			    k->r12, k->r13, k->r14, k->r15 };

	memcpy(st->gpr, g, sizeof g);
	st->rip = k->rip;
	st->rflags = k->rflags;
}

static struct kvm_segment seg_to(const struct x86_seg *s)
{
	u32 a = s->attr;

	return (struct kvm_segment){
		.base = s->base, .limit = s->limit, .selector = s->sel,
		.type = a & SA_TYPE, .s = (a & SA_S) != 0,
		.dpl = (u8)((a & SA_DPL) >> SA_DPL_SHIFT), .present = (a & SA_P) != 0,
		.avl = (a & SA_AVL) != 0, .l = (a & SA_L) != 0, .db = (a & SA_DB) != 0,
		.g = (a & SA_G) != 0,
		.unusable = (a & SA_UNUSABLE) || !(a & SA_P),
	};
}

static struct x86_seg seg_from(const struct kvm_segment *k)
{
	return (struct x86_seg){
		.base = k->base, .limit = k->limit, .sel = k->selector,
		.attr = k->type | (k->s ? SA_S : 0) | (u32)k->dpl << SA_DPL_SHIFT |
			(k->present ? SA_P : 0) | (k->avl ? SA_AVL : 0) |
			(k->l ? SA_L : 0) | (k->db ? SA_DB : 0) | (k->g ? SA_G : 0) |
			(k->unusable ? SA_UNUSABLE : 0),
	};
}

static struct kvm_segment *seg_slot(struct kvm_sregs *s, unsigned n)
{
	struct kvm_segment *const slots[SEG_COUNT] = {
		[SEG_ES] = &s->es, [SEG_CS] = &s->cs, [SEG_SS] = &s->ss,
		[SEG_DS] = &s->ds, [SEG_FS] = &s->fs, [SEG_GS] = &s->gs,
		[SEG_LDTR] = &s->ldt, [SEG_TR] = &s->tr,
	};

	return slots[n];
}

/* What the APIC owns (base, CR8) stays. */
static int set_sregs(const struct kvm_cpu *c, const struct x86_state *st)
{
	struct kvm_sregs s;
	int r = kvm_ioctl(c->fd, KVM_GET_SREGS, &s);

	if (r)
		return r;
	for (unsigned n = 0; n < SEG_COUNT; n++)
		*seg_slot(&s, n) = seg_to(&st->seg[n]);
	s.gdt = (struct kvm_dtable){ .base = st->gdt.base, .limit = st->gdt.limit };
	s.idt = (struct kvm_dtable){ .base = st->idt.base, .limit = st->idt.limit };
	s.cr0 = st->cr0;
	s.cr2 = st->cr2;
	s.cr3 = st->cr3;
	s.cr4 = st->cr4;
	s.efer = st->efer;
	memset(s.interrupt_bitmap, 0, sizeof s.interrupt_bitmap);
	return kvm_ioctl(c->fd, KVM_SET_SREGS, &s);
}

static int get_sregs(const struct kvm_cpu *c, struct x86_state *st)
{
	struct kvm_sregs s;
	int r = kvm_ioctl(c->fd, KVM_GET_SREGS, &s);

	if (r)
		return r;
	for (unsigned n = 0; n < SEG_COUNT; n++)
		st->seg[n] = seg_from(seg_slot(&s, n));
	st->gdt = (struct x86_dtable){ .base = s.gdt.base, .limit = s.gdt.limit };
	st->idt = (struct x86_dtable){ .base = s.idt.base, .limit = s.idt.limit };
	st->cr0 = s.cr0;
	st->cr2 = s.cr2;
	st->cr3 = s.cr3;
	st->cr4 = s.cr4;
	st->efer = s.efer;
	return 0;
}

/* --- FPU, XCR0, debug registers ------------------------------------------------------ */

/* The header of an XSAVE area, after its 512 bytes in FXSAVE's format: which
 * components are in it. SDM vol. 1 13.4. KVM_SET_FPU would lose MXCSR. */
#define XSTATE_BV_AT 128 /* in words of 32 bits */

/* -EINVAL: the host's processor has no XSAVE, or its kernel does not use it; the guest
 * then has none either, and its XCR0 is what it is after a reset. */
static int set_xcr0(const struct kvm_cpu *c, u64 value)
{
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs = { { .value = value } } };
	int r = kvm_ioctl(c->fd, KVM_SET_XCRS, &x);

	return r == -EINVAL && value == XCR0_X87 ? 0 : r;
}

static int get_xcr0(const struct kvm_cpu *c, u64 *value)
{
	struct kvm_xcrs x;
	int r = kvm_ioctl(c->fd, KVM_GET_XCRS, &x);

	*value = !r && x.nr_xcrs ? x.xcrs[0].value : XCR0_X87;
	return r == -EINVAL ? 0 : r;
}

static int set_fpu(const struct kvm_cpu *c, const struct x86_state *st)
{
	struct kvm_xsave k = { .region = { [XSTATE_BV_AT] = XCR0_X87 | XCR0_SSE } };
	int r;

	memcpy(k.region, &st->fx, sizeof st->fx);
	r = kvm_ioctl(c->fd, KVM_SET_XSAVE, &k);
	return r ? r : set_xcr0(c, st->xcr0);
}

static int get_fpu(const struct kvm_cpu *c, struct x86_state *st)
{
	struct kvm_xsave k;
	int r = kvm_ioctl(c->fd, KVM_GET_XSAVE, &k);

	if (r)
		return r;
	memcpy(&st->fx, k.region, sizeof st->fx);
	memset(st->fx.pad1, 0, sizeof st->fx.pad1);
	return get_xcr0(c, &st->xcr0);
}

_Static_assert(sizeof(struct x86_fxsave) == XSTATE_BV_AT * 4, "FXSAVE's area");

static int set_debug(const struct kvm_cpu *c, const struct x86_state *st)
{
	struct kvm_debugregs d = { .dr6 = st->dr[6], .dr7 = st->dr[7] };

	memcpy(d.db, st->dr, sizeof d.db);
	return kvm_ioctl(c->fd, KVM_SET_DEBUGREGS, &d);
}

static int get_debug(const struct kvm_cpu *c, struct x86_state *st)
{
	struct kvm_debugregs d;
	int r = kvm_ioctl(c->fd, KVM_GET_DEBUGREGS, &d);

	if (r)
		return r;
	memcpy(st->dr, d.db, sizeof d.db);
	st->dr[6] = d.dr6;
	st->dr[7] = d.dr7;
	return 0;
}

/* --- events ------------------------------------------------------------------------------ */

/* Nothing waits to be delivered; the shadow of STI and the blocking of NMIs stay. */
static int set_events(const struct kvm_cpu *c, const struct x86_state *st)
{
	struct kvm_vcpu_events e = {
		.interrupt.shadow = st->irq_shadow ? KVM_X86_SHADOW_INT_STI : 0,
		.nmi.masked = st->nmi_blocked,
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
	};
	struct kvm_mp_state mp;
	int r = kvm_ioctl(c->fd, KVM_SET_VCPU_EVENTS, &e);

	if (!r)
		r = kvm_ioctl(c->fd, KVM_GET_MP_STATE, &mp);
	/* a CPU that waits for its start goes on waiting */
	if (r || (mp.mp_state != KVM_MP_STATE_RUNNABLE &&
		  mp.mp_state != KVM_MP_STATE_HALTED))
		return r;
	mp.mp_state = st->halted ? KVM_MP_STATE_HALTED : KVM_MP_STATE_RUNNABLE;
	return kvm_ioctl(c->fd, KVM_SET_MP_STATE, &mp);
}

static int get_events(const struct kvm_cpu *c, struct x86_state *st)
{
	struct kvm_vcpu_events e;
	struct kvm_mp_state mp;
	int r = kvm_ioctl(c->fd, KVM_GET_VCPU_EVENTS, &e);

	if (!r)
		r = kvm_ioctl(c->fd, KVM_GET_MP_STATE, &mp);
	if (r)
		return r;
	st->irq_shadow = e.interrupt.shadow != 0;
	st->nmi_blocked = e.nmi.masked;
	st->halted = mp.mp_state == KVM_MP_STATE_HALTED;
	return 0;
}

int kvm_arch_set_state(struct vcpu *v, const void *state)
{
	struct kvm_cpu *c = v->engine_data;
	const struct x86_state *st = state;
	struct kvm_regs regs;
	int r = kvm_vcpu_finish(c, true);

	if (!r)
		r = set_sregs(c, st);
	regs_to(&regs, st);
	if (!r)
		r = kvm_ioctl(c->fd, KVM_SET_REGS, &regs);
	if (!r)
		r = set_fpu(c, st);
	if (!r)
		r = set_debug(c, st);
	if (!r)
		r = set_msrs(c, st);
	if (!r)
		r = set_events(c, st);
	c->run->ready_for_interrupt_injection = 0;
	return r;
}

int kvm_arch_get_state(struct vcpu *v, void *state)
{
	struct kvm_cpu *c = v->engine_data;
	struct x86_state *st = state;
	struct kvm_regs regs;
	int r = kvm_vcpu_finish(c, false);

	memset(st, 0, sizeof *st);
	st->version = X86_STATE_VERSION;
	st->size = sizeof *st;
	if (!r)
		r = kvm_ioctl(c->fd, KVM_GET_REGS, &regs);
	if (r)
		return r;
	regs_from(st, &regs);
	r = get_sregs(c, st);
	if (!r)
		r = get_fpu(c, st);
	if (!r)
		r = get_debug(c, st);
	if (!r)
		r = get_msrs(c, st);
	return r ? r : get_events(c, st);
}
