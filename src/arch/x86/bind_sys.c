/* SPDX-License-Identifier: Apache-2.0 */
/* System instructions: descriptor tables, control registers, MSRs, time, CPUID. */
#include <arch/x86/cpuid.h>
#include <arch/x86/hypercall.h>

#include "sys_exec.h"

static int umip(struct x86_cpu *c)
{
	return (c->cr4 & CR4_UMIP) && c->cpl ? x86_gp0(c) : X86_OK;
}

/* --- descriptor tables --------------------------------------------------------- */

static int store_table(struct x86_cpu *c, const struct x86_insn *i,
		       const struct x86_dtable *t)
{
	u8 raw[10];

	if (umip(c))
		return X86_FAULT;
	put_le16(raw, t->limit);
	put_le64(raw + 2, t->base);
	return x86_store_bytes(c, i->seg, x86_ea(c, i), raw, x86_code64(c) ? 10 : 6);
}

static int load_table(struct x86_cpu *c, const struct x86_insn *i, struct x86_dtable *t)
{
	u8 raw[10] = { 0 };
	u64 base;
	int r = need_ring0(c);

	if (!r)
		r = x86_load_bytes(c, i->seg, x86_ea(c, i), raw, x86_code64(c) ? 10 : 6);
	if (r < 0)
		return r;
	base = get_le64(raw + 2);
	if (!x86_code64(c) && i->opsize == 2)
		base &= 0xffffff;
	if (!x86_canonical(base))
		return x86_gp0(c);
	t->base = base;
	t->limit = get_le16(raw);
	return X86_OK;
}

static int exec_sgdt(struct x86_cpu *c, const struct x86_insn *i)
{
	return store_table(c, i, &c->gdt);
}
static int exec_sidt(struct x86_cpu *c, const struct x86_insn *i)
{
	return store_table(c, i, &c->idt);
}
static int exec_lgdt(struct x86_cpu *c, const struct x86_insn *i)
{
	return load_table(c, i, &c->gdt);
}
static int exec_lidt(struct x86_cpu *c, const struct x86_insn *i)
{
	return load_table(c, i, &c->idt);
}

static int store_selector(struct x86_cpu *c, const struct x86_insn *i, u16 sel)
{
	if (paragraph_mode(c))
		return x86_ud(c);
	if (umip(c))
		return X86_FAULT;
	return store_word_operand(c, i, sel, sel);
}
static int exec_sldt(struct x86_cpu *c, const struct x86_insn *i)
{
	return store_selector(c, i, c->seg[SEG_LDTR].sel);
}
static int exec_str(struct x86_cpu *c, const struct x86_insn *i)
{
	return store_selector(c, i, c->seg[SEG_TR].sel);
}

static int load_selector(struct x86_cpu *c, const struct x86_insn *i, u16 *sel)
{
	int r;

	if (paragraph_mode(c))
		return x86_ud(c);
	r = need_ring0(c);
	return r ? r : load_word_operand(c, i, sel);
}
static int exec_lldt(struct x86_cpu *c, const struct x86_insn *i)
{
	u16 sel = 0;
	int r = load_selector(c, i, &sel);

	return r < 0 ? r : x86_lldt(c, sel);
}
static int exec_ltr(struct x86_cpu *c, const struct x86_insn *i)
{
	u16 sel = 0;
	int r = load_selector(c, i, &sel);

	return r < 0 ? r : x86_ltr(c, sel);
}

/* --- caches and translations ----------------------------------------------------- */

static int exec_invlpg(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 lin;

	if (need_ring0(c))
		return X86_FAULT;
	lin = x86_ea(c, i) + c->seg_base[i->seg];
	if (x86_code64(c) && !x86_canonical(lin))
		return X86_OK;
	x86_tlb_flush_page(c, x86_code64(c) ? lin : (u32)lin);
	return X86_BREAK;
}

static int invpcid(struct x86_cpu *c, u64 type, u64 pcid, u64 lin)
{
	if (type > 3 || (type < 2 && pcid >> 12))
		return x86_gp0(c);
	if (type < 2 && pcid && !(c->cr4 & CR4_PCIDE))
		return x86_gp0(c);
	if (type == 0 && !x86_canonical(lin))
		return x86_gp0(c);
	switch (type) {
	case 0: x86_tlb_flush_page(c, lin); break;
	case 1: x86_tlb_flush_pcid(c, (u16)pcid); break;
	case 2: x86_tlb_flush_all(c); break;
	default: x86_tlb_flush_nonglobal(c); break;
	}
	c->lookup_gen++;
	return X86_BREAK;
}

static int exec_invpcid(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 type = x86_code64(c) ? c->gpr[i->reg] : (u32)c->gpr[i->reg];
	u8 raw[16];
	int r = need_ring0(c);

	if (!r)
		r = x86_load_bytes(c, i->seg, x86_ea(c, i), raw, sizeof raw);
	return r < 0 ? r : invpcid(c, type, get_le64(raw), get_le64(raw + 8));
}

/* INVD, WBINVD: no caches to speak of. */
static int exec_privileged_nop(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return need_ring0(c);
}

/* --- MSRs, time, identification -------------------------------------------------- */

static int exec_rdmsr(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v = 0;

	(void)i;
	if (need_ring0(c))
		return X86_FAULT;
	if (x86_msr_read(c, (u32)c->gpr[REG_RCX], &v))
		return x86_gp0(c);
	c->gpr[REG_RAX] = (u32)v;
	c->gpr[REG_RDX] = v >> 32;
	return X86_OK;
}

static int exec_wrmsr(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v = (c->gpr[REG_RDX] << 32) | (u32)c->gpr[REG_RAX];

	(void)i;
	if (need_ring0(c))
		return X86_FAULT;
	if (x86_msr_write(c, (u32)c->gpr[REG_RCX], v))
		return x86_gp0(c);
	return X86_BREAK; /* EFER, the APIC: what may run next has changed */
}

static int exec_rdtsc(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v;

	(void)i;
	if ((c->cr4 & CR4_TSD) && c->cpl)
		return x86_gp0(c);
	v = x86_tsc(c);
	c->gpr[REG_RAX] = (u32)v;
	c->gpr[REG_RDX] = v >> 32;
	return X86_OK;
}

static int exec_rdtscp(struct x86_cpu *c, const struct x86_insn *i)
{
	int r = exec_rdtsc(c, i);

	if (!r)
		c->gpr[REG_RCX] = (u32)c->msr.tsc_aux;
	return r;
}

static int exec_rdpmc(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i; /* the model has no counters */
	return x86_gp0(c);
}

static int exec_cpuid(struct x86_cpu *c, const struct x86_insn *i)
{
	struct x86_cpuid_regs v = x86_cpuid(c->model, c, c->index, (u32)c->gpr[REG_RAX],
					    (u32)c->gpr[REG_RCX]);

	(void)i;
	c->gpr[REG_RAX] = v.eax;
	c->gpr[REG_RBX] = v.ebx;
	c->gpr[REG_RCX] = v.ecx;
	c->gpr[REG_RDX] = v.edx;
	return X86_OK;
}

/* --- bases, AC --------------------------------------------------------------------- */

static int exec_swapgs(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 base = c->seg[SEG_GS].base;

	(void)i;
	if (!x86_code64(c))
		return x86_ud(c);
	if (need_ring0(c))
		return X86_FAULT;
	c->seg[SEG_GS].base = c->seg_base[SEG_GS] = c->msr.kernel_gs_base;
	c->msr.kernel_gs_base = base;
	return X86_OK;
}

/* RDFSBASE /0, RDGSBASE /1, WRFSBASE /2, WRGSBASE /3 */
static int exec_fsgsbase(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned op = i->modrm >> 3 & 7, seg = op & 1 ? SEG_GS : SEG_FS;
	u64 v;

	if (!x86_code64(c) || !(c->cr4 & CR4_FSGSBASE))
		return x86_ud(c);
	if (op < 2) {
		v = c->seg[seg].base;
		c->gpr[i->rm] = i->opsize == 8 ? v : (u32)v;
		return X86_OK;
	}
	v = i->opsize == 8 ? c->gpr[i->rm] : (u32)c->gpr[i->rm];
	if (!x86_canonical(v))
		return x86_gp0(c);
	c->seg[seg].base = c->seg_base[seg] = v;
	return X86_OK;
}

static int exec_clac_stac(struct x86_cpu *c, const struct x86_insn *i)
{
	if (c->cpl || x86_v86(c))
		return x86_ud(c);
	if (i->modrm == 0xcb)
		c->rflags |= FL_AC;
	else
		c->rflags &= ~FL_AC;
	update_tlb(c);
	return X86_OK;
}

static int exec_vmcall(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 args[4], number = x86_hypercall_args(c, args), result = 0;

	(void)i;
	if (!c->env->hypercall || c->env->hypercall(c, number, args, &result))
		return x86_ud(c);
	x86_hypercall_result(c, result);
	return X86_BREAK;
}

static int exec_undefined(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return x86_ud(c);
}

/* --- choosing ----------------------------------------------------------------------- */

static x86_exec_fn bind_group6(const struct x86_insn *i)
{
	static const x86_exec_fn fn[8] = { exec_sldt, exec_str, exec_lldt, exec_ltr,
					   x86_exec_verr, x86_exec_verw, exec_undefined,
					   exec_undefined };

	return fn[i->modrm >> 3 & 7];
}

static x86_exec_fn bind_group7_reg(const struct x86_insn *i)
{
	switch (i->modrm) {
	case 0xc1:
	case 0xd9: return exec_vmcall;
	case 0xca:
	case 0xcb: return exec_clac_stac;
	case 0xd0: return x86_exec_xgetbv;
	case 0xd1: return x86_exec_xsetbv;
	case 0xf8: return exec_swapgs;
	case 0xf9: return exec_rdtscp;
	default: break;
	}
	switch (i->modrm >> 3 & 7) {
	case 4: return x86_exec_smsw;
	case 6: return x86_exec_lmsw;
	default: return exec_undefined; /* VMX, SVM, MONITOR, MWAIT: not in the model */
	}
}

static x86_exec_fn bind_group7(const struct x86_insn *i)
{
	static const x86_exec_fn fn[8] = { exec_sgdt, exec_sidt, exec_lgdt, exec_lidt,
					   x86_exec_smsw, exec_undefined, x86_exec_lmsw,
					   exec_invlpg };

	return i->flags & X86_I_MEM ? fn[i->modrm >> 3 & 7] : bind_group7_reg(i);
}

static x86_exec_fn bind_0f(const struct x86_insn *i)
{
	switch (i->key & 0xff) {
	case 0x00: return bind_group6(i);
	case 0x01: return bind_group7(i);
	case 0x02: return x86_exec_lar;
	case 0x03: return x86_exec_lsl;
	case 0x06: return x86_exec_clts;
	case 0x08:
	case 0x09: return exec_privileged_nop;
	case 0x20: return x86_exec_mov_from_cr;
	case 0x21: return x86_exec_mov_from_dr;
	case 0x22: return x86_exec_mov_to_cr;
	case 0x23: return x86_exec_mov_to_dr;
	case 0x30: return exec_wrmsr;
	case 0x31: return exec_rdtsc;
	case 0x32: return exec_rdmsr;
	case 0x33: return exec_rdpmc;
	case 0xa2: return exec_cpuid;
	case 0xaa: return exec_undefined; /* RSM */
	case 0xae:
		if ((i->flags & X86_I_REP) && !(i->flags & X86_I_MEM) &&
		    (i->modrm >> 3 & 7) < 4)
			return exec_fsgsbase;
		return NULL;
	default: return NULL;
	}
}

x86_exec_fn x86_bind_sys(const struct x86_insn *i, unsigned mode)
{
	if (i->flags & X86_I_VEX)
		return NULL;
	if (i->key == 0x63)
		return mode == X86_MODE_64 ? NULL : x86_exec_arpl;
	if (i->key >> 8 == X86_MAP_0F)
		return bind_0f(i);
	if (i->key == X86_KEY(X86_MAP_0F38, 0x82) && (i->flags & X86_I_OPSIZE) &&
	    (i->flags & X86_I_MEM))
		return exec_invpcid;
	return NULL;
}
