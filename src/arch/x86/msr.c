/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model-specific registers: an allow-list, all else faults. SDM vol. 4. Those
 * of the local APIC belong to the machine (env->msr_read, msr_write).
 */
#include <arch/x86/cpuid.h>
#include <trivet/error.h>

#include "system_private.h"

enum {
	MSR_TSC = 0x10, MSR_PLATFORM_ID = 0x17, MSR_APIC_BASE = 0x1b, MSR_SMI_COUNT = 0x34,
	MSR_FEATURE_CONTROL = 0x3a, MSR_TSC_ADJUST = 0x3b, MSR_BIOS_SIGN = 0x8b,
	MSR_MTRR_CAP = 0xfe, MSR_ARCH_CAPABILITIES = 0x10a, MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175, MSR_SYSENTER_EIP = 0x176, MSR_MCG_CAP = 0x179,
	MSR_MCG_STATUS = 0x17a, MSR_MCG_CTL = 0x17b, MSR_MISC_ENABLE = 0x1a0,
	MSR_DEBUGCTL = 0x1d9, MSR_MTRR_BASE0 = 0x200, MSR_MTRR_BASE_END = 0x210,
	MSR_MTRR_FIXED_64K = 0x250, MSR_MTRR_FIXED_16K = 0x258, MSR_MTRR_FIXED_4K = 0x268,
	MSR_PAT = 0x277, MSR_MTRR_DEF_TYPE = 0x2ff, MSR_MC0_CTL = 0x400,
	MSR_TSC_DEADLINE = 0x6e0, MSR_X2APIC = 0x800, MSR_X2APIC_END = 0x900
};
enum {
	MSR_EFER = 0xc0000080, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
	MSR_FS_BASE = 0xc0000100, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_TSC_AUX
};

#define MC_BANKS 4u
#define MCG_CAP_VALUE (MC_BANKS | BIT(8) /* MCG_CTL */)
#define MTRR_CAP_VALUE (8 | BIT(8) /* fixed */ | BIT(10) /* WC */)
/* Fast strings, thermal control, what is said of counters, BTS and PEBS, SpeedStep,
 * MONITOR, xTPR: kept, no effect. */
#define MISC_ENABLE_WRITABLE                                                             \
	(BIT(0) | BIT(3) | BIT(7) | BIT(11) | BIT(12) | BIT(16) | BIT(18) |             \
	 MISC_ENABLE_LIMIT_CPUID | BIT(23) | MISC_ENABLE_XD_DISABLE)

/*
 * An interpreter has none of the flaws that these bits deny: RDCL, IBRS_ALL,
 * SKIP_L1DFL, SSB, MDS, PSCHANGE_MC, TAA, SBDR_SSDP, FBSDP, PSDP, BHI,
 * PBRSB, GDS, RFDS, ITS.
 */
#define ARCH_CAPABILITIES_VALUE                                                          \
	(BIT(0) | BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(13) |        \
	 BIT(14) | BIT(15) | BIT(20) | BIT(24) | BIT(26) | BIT(27) | BIT(62))

/* --- MTRRs and PAT, SDM vol. 3A 12.11, 12.12 ------------------------------------ */

static bool mtrr_type_ok(u64 type)
{
	return type < 7 && type != 2 && type != 3;
}

static bool bytes_ok(u64 v, bool pat)
{
	for (unsigned n = 0; n < 64; n += 8) {
		u64 t = v >> n & 0xff;

		if (!mtrr_type_ok(t) && !(pat && t == 7))
			return false;
	}
	return true;
}

/* NULL when index names no fixed-range register. */
static u64 *mtrr_fixed(struct x86_cpu *c, u32 index)
{
	u64 *fixed = c->msr.mtrr.fixed;

	if (index == MSR_MTRR_FIXED_64K)
		return &fixed[0];
	if (index - MSR_MTRR_FIXED_16K < 2)
		return &fixed[1 + index - MSR_MTRR_FIXED_16K];
	if (index - MSR_MTRR_FIXED_4K < 8)
		return &fixed[3 + index - MSR_MTRR_FIXED_4K];
	return NULL;
}

static int mtrr_write_variable(struct x86_cpu *c, u32 index, u64 v)
{
	unsigned n = (index - MSR_MTRR_BASE0) / 2;

	if (v >> X86_PHYS_BITS)
		return -EINVAL;
	if (index & 1) {
		if (v & 0x7ff)
			return -EINVAL;
		c->msr.mtrr.mask[n] = v;
		return 0;
	}
	if (!mtrr_type_ok(v & 0xff) || (v & 0xf00))
		return -EINVAL;
	c->msr.mtrr.base[n] = v;
	return 0;
}

/* *r is the answer when the register is one of these. */
static bool mtrr_write(struct x86_cpu *c, u32 index, u64 v, int *r)
{
	u64 *fixed = mtrr_fixed(c, index);

	*r = 0;
	if (index >= MSR_MTRR_BASE0 && index < MSR_MTRR_BASE_END) {
		*r = mtrr_write_variable(c, index, v);
	} else if (fixed) {
		if (bytes_ok(v, false))
			*fixed = v;
		else
			*r = -EINVAL;
	} else if (index == MSR_MTRR_DEF_TYPE) {
		if (!mtrr_type_ok(v & 0xff) || (v & ~(u64)0xcff))
			*r = -EINVAL;
		else
			c->msr.mtrr.def_type = v;
	} else {
		return false;
	}
	return true;
}

static bool mtrr_read(struct x86_cpu *c, u32 index, u64 *v)
{
	const u64 *fixed = mtrr_fixed(c, index);
	unsigned n = (index - MSR_MTRR_BASE0) / 2;

	if (index >= MSR_MTRR_BASE0 && index < MSR_MTRR_BASE_END)
		*v = index & 1 ? c->msr.mtrr.mask[n] : c->msr.mtrr.base[n];
	else if (fixed)
		*v = *fixed;
	else if (index == MSR_MTRR_DEF_TYPE)
		*v = c->msr.mtrr.def_type;
	else
		return false;
	return true;
}

/* --- time ----------------------------------------------------------------------- */

/* A change of the TSC is also a change of TSC_ADJUST. SDM vol. 3B 18.17.3. */
static void tsc_move(struct x86_cpu *c, u64 by)
{
	c->tsc_offset += by;
	c->msr.tsc_adjust += by;
}

/* --- bases ------------------------------------------------------------------------ */

static int write_base(struct x86_cpu *c, u64 *where, u64 v)
{
	if (!x86_canonical(v))
		return -EINVAL;
	*where = v;
	c->seg_base[SEG_FS] = c->seg[SEG_FS].base;
	c->seg_base[SEG_GS] = c->seg[SEG_GS].base;
	if (!x86_code64(c))
		x86_update_mode(c);
	return 0;
}

static int write_if(u64 *where, u64 v, bool ok)
{
	if (!ok)
		return -EINVAL;
	*where = v;
	return 0;
}

static bool is_apic(u32 index)
{
	return index == MSR_APIC_BASE || index == MSR_TSC_DEADLINE ||
	       (index >= MSR_X2APIC && index < MSR_X2APIC_END);
}

static bool is_mc_bank(u32 index)
{
	return index - MSR_MC0_CTL < MC_BANKS * 4;
}

static int read_system(struct x86_cpu *c, u32 index, u64 *v)
{
	switch (index) {
	case MSR_EFER: *v = c->efer; return 0;
	case MSR_STAR: *v = c->msr.star; return 0;
	case MSR_LSTAR: *v = c->msr.lstar; return 0;
	case MSR_CSTAR: *v = c->msr.cstar; return 0;
	case MSR_SFMASK: *v = c->msr.sfmask; return 0;
	case MSR_FS_BASE: *v = c->seg[SEG_FS].base; return 0;
	case MSR_GS_BASE: *v = c->seg[SEG_GS].base; return 0;
	case MSR_KERNEL_GS_BASE: *v = c->msr.kernel_gs_base; return 0;
	case MSR_TSC_AUX: *v = c->msr.tsc_aux; return 0;
	case MSR_SYSENTER_CS: *v = c->msr.sysenter_cs; return 0;
	case MSR_SYSENTER_ESP: *v = c->msr.sysenter_esp; return 0;
	case MSR_SYSENTER_EIP: *v = c->msr.sysenter_eip; return 0;
	default: return -EINVAL;
	}
}

int x86_msr_read(struct x86_cpu *c, u32 index, u64 *v)
{
	if (is_apic(index))
		return c->env->msr_read(c, index, v);
	if (mtrr_read(c, index, v))
		return 0;
	if (is_mc_bank(index)) {
		*v = c->msr.mc_bank[(index - MSR_MC0_CTL) / 4][index & 3];
		return 0;
	}
	switch (index) {
	case MSR_TSC: *v = x86_tsc(c); return 0;
	case MSR_TSC_ADJUST: *v = c->msr.tsc_adjust; return 0;
	case MSR_PLATFORM_ID:
	case MSR_SMI_COUNT:
	case MSR_DEBUGCTL: *v = 0; return 0;
	case MSR_FEATURE_CONTROL: *v = c->msr.feature_control; return 0;
	case MSR_BIOS_SIGN: *v = c->msr.bios_sign; return 0;
	case MSR_ARCH_CAPABILITIES: *v = ARCH_CAPABILITIES_VALUE; return 0;
	case MSR_MTRR_CAP: *v = MTRR_CAP_VALUE; return 0;
	case MSR_PAT: *v = c->msr.pat; return 0;
	case MSR_MCG_CAP: *v = MCG_CAP_VALUE; return 0;
	case MSR_MCG_STATUS: *v = c->msr.mcg_status; return 0;
	case MSR_MCG_CTL: *v = c->msr.mcg_ctl; return 0;
	case MSR_MISC_ENABLE: *v = c->msr.misc_enable; return 0;
	default: return read_system(c, index, v);
	}
}

static int write_system(struct x86_cpu *c, u32 index, u64 v)
{
	switch (index) {
	case MSR_EFER: return x86_write_efer(c, v) < 0 ? -EINVAL : 0;
	case MSR_STAR: c->msr.star = v; return 0;
	case MSR_LSTAR: return write_if(&c->msr.lstar, v, x86_canonical(v));
	case MSR_CSTAR: return write_if(&c->msr.cstar, v, x86_canonical(v));
	case MSR_SFMASK: return write_if(&c->msr.sfmask, v, !(v >> 32));
	case MSR_FS_BASE: return write_base(c, &c->seg[SEG_FS].base, v);
	case MSR_GS_BASE: return write_base(c, &c->seg[SEG_GS].base, v);
	case MSR_KERNEL_GS_BASE:
		return write_if(&c->msr.kernel_gs_base, v, x86_canonical(v));
	case MSR_TSC_AUX: return write_if(&c->msr.tsc_aux, v, !(v >> 32));
	case MSR_SYSENTER_CS: c->msr.sysenter_cs = (u32)v; return 0;
	case MSR_SYSENTER_ESP: return write_if(&c->msr.sysenter_esp, v, x86_canonical(v));
	case MSR_SYSENTER_EIP: return write_if(&c->msr.sysenter_eip, v, x86_canonical(v));
	default: return -EINVAL;
	}
}

/* SDM vol. 3B 16.3.2: CTL takes all or nothing, STATUS can only be cleared. */
static int write_mc_bank(struct x86_cpu *c, u32 index, u64 v)
{
	unsigned reg = index & 3;

	return write_if(&c->msr.mc_bank[(index - MSR_MC0_CTL) / 4][reg], v,
			!v || reg > 1 || (reg == 0 && !~v));
}

int x86_msr_write(struct x86_cpu *c, u32 index, u64 v)
{
	int r;

	if (is_apic(index))
		return c->env->msr_write(c, index, v);
	if (mtrr_write(c, index, v, &r))
		return r;
	if (is_mc_bank(index))
		return write_mc_bank(c, index, v);
	switch (index) {
	case MSR_TSC: tsc_move(c, v - x86_tsc(c)); return 0;
	case MSR_TSC_ADJUST: tsc_move(c, v - c->msr.tsc_adjust); return 0;
	case MSR_BIOS_SIGN: return v ? -EINVAL : 0; /* "reload the revision" */
	case MSR_DEBUGCTL: return v & ~(u64)3 ? -EINVAL : 0; /* LBR, BTF: not in the model */
	case MSR_PAT: return write_if(&c->msr.pat, v, bytes_ok(v, true));
	case MSR_MCG_STATUS: return write_if(&c->msr.mcg_status, v, !(v & ~(u64)7));
	case MSR_MCG_CTL: return write_if(&c->msr.mcg_ctl, v, !v || !~v);
	case MSR_MISC_ENABLE:
		return write_if(&c->msr.misc_enable, v,
				!((v ^ c->msr.misc_enable) & ~MISC_ENABLE_WRITABLE));
	default: return write_system(c, index, v);
	}
}
