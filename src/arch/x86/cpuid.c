/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU model "baseline". SDM vol. 2A CPUID. */
#include <arch/x86/cpuid.h>
#include <trivet/error.h>
#include <trivet/platform.h>
#include <trivet/string.h>

#include "system_private.h"

/*
 * Family 6 model 36h stepping 1: an in-order part. Kernels know that it does
 * not speculate, so none of their workarounds for speculation (retpolines, page
 * table isolation) slow the guest down; an interpreter does not speculate
 * either.
 */
#define SIGNATURE 0x00030661u
/* On a CPU that does speculate: model 2ch, an out-of-order part for which kernels
 * use every workaround that ARCH_CAPABILITIES does not call needless. */
#define SIGNATURE_SPECULATES 0x000206c2u
#define MAX_BASIC 0x16u
#define MAX_EXTENDED 0x80000008u
#define HYPERVISOR_LEAF 0x40000000u

#define L1_ECX (BIT(0) /* SSE3 */ | BIT(1) /* PCLMULQDQ */ | BIT(9) /* SSSE3 */ |     \
		BIT(13) /* CX16 */ | BIT(17) /* PCID */ | BIT(19) /* SSE4.1 */ |      \
		BIT(20) /* SSE4.2 */ | BIT(21) /* x2APIC */ | BIT(22) /* MOVBE */ |   \
		BIT(23) /* POPCNT */ | BIT(24) /* TSC deadline */ | BIT(25) /* AES */ | \
		BIT(26) /* XSAVE */ | BIT(30) /* RDRAND */ | BIT(31) /* hypervisor */)
#define L1_ECX_OSXSAVE BIT(27)
#define L1_EDX (BIT(0) /* FPU */ | BIT(1) /* VME */ | BIT(2) /* DE */ | BIT(3) /* PSE */ | \
		BIT(4) /* TSC */ | BIT(5) /* MSR */ | BIT(6) /* PAE */ | BIT(7) /* MCE */ | \
		BIT(8) /* CX8 */ | BIT(11) /* SEP */ | BIT(12) /* MTRR */ |           \
		BIT(13) /* PGE */ | BIT(14) /* MCA */ | BIT(15) /* CMOV */ |          \
		BIT(16) /* PAT */ | BIT(17) /* PSE36 */ | BIT(19) /* CLFLUSH */ |     \
		BIT(23) /* MMX */ | BIT(24) /* FXSR */ | BIT(25) /* SSE */ |          \
		BIT(26) /* SSE2 */)
#define L1_EDX_APIC BIT(9)
#define L1_EDX_HTT BIT(28)
#define L7_EBX (BIT(0) /* FSGSBASE */ | BIT(1) /* TSC_ADJUST */ | BIT(3) /* BMI1 */ | \
		BIT(7) /* SMEP */ | BIT(8) /* BMI2 */ | BIT(9) /* ERMS */ |           \
		BIT(10) /* INVPCID */ | BIT(18) /* RDSEED */ | BIT(19) /* ADX */ |    \
		BIT(20) /* SMAP */ | BIT(23) /* CLFLUSHOPT */ |                          \
		BIT(24) /* CLWB */)
#define L7_ECX BIT(2) /* UMIP */
#define L7_EDX (BIT(4) /* FSRM */ | BIT(29) /* ARCH_CAPABILITIES */)
#define EXT1_ECX (BIT(0) /* LAHF */ | BIT(5) /* LZCNT */ | BIT(8) /* PREFETCHW */)
#define EXT1_EDX_NX ((u32)BIT(20))
#define EXT1_EDX (EXT1_EDX_NX | BIT(26) /* 1 GiB pages */ | BIT(27) /* RDTSCP */ | \
		  BIT(29) /* long mode */)
#define EXT1_EDX_SYSCALL BIT(11)

int x86_cpu_model_init(struct x86_cpu_model *m, const char *name, u64 tsc_hz, unsigned cpus)
{
	if (strcmp(name, "baseline") != 0 || cpus < 1 || cpus > 32 || !tsc_hz)
		return -EINVAL;
	*m = (struct x86_cpu_model){ .name = "baseline", .tsc_hz = tsc_hz, .cpus = cpus,
				     .tsc_base = platform_counter() };
	return 0;
}

u32 x86_cpu_signature(const struct x86_cpu_model *m)
{
	return m && m->speculates ? SIGNATURE_SPECULATES : SIGNATURE;
}

/* Bits of APIC id below the package. */
static unsigned id_bits(const struct x86_cpu_model *m)
{
	unsigned n = 0;

	while (1u << n < m->cpus)
		n++;
	return n;
}

static struct x86_cpuid_regs text_leaf(u32 eax, const char *ebx_edx_ecx)
{
	return (struct x86_cpuid_regs){ eax, get_le32(ebx_edx_ecx), get_le32(ebx_edx_ecx + 8),
					get_le32(ebx_edx_ecx + 4) };
}

static struct x86_cpuid_regs leaf_features(const struct x86_cpu_model *m,
					   const struct x86_cpu *c, unsigned apic_id)
{
	struct x86_cpuid_regs v = { x86_cpu_signature(m), 8u << 8 | 1u << (16 + id_bits(m)) | apic_id << 24,
				    (u32)L1_ECX, (u32)L1_EDX };
	u64 apic_base = BIT(11);

	if (m->cpus > 1)
		v.edx |= (u32)L1_EDX_HTT;
	if (c && (c->cr4 & CR4_OSXSAVE))
		v.ecx |= (u32)L1_ECX_OSXSAVE;
	/* The bit is that of the APIC's global enable. SDM vol. 3A 11.4.3. */
	if (c && c->env && c->env->msr_read)
		c->env->msr_read((struct x86_cpu *)(uintptr_t)c, 0x1b, &apic_base);
	if (apic_base & BIT(11))
		v.edx |= (u32)L1_EDX_APIC;
	return v;
}

/* Deterministic caches: 32K L1D and L1I, 1M L2 each core, 16M L3 for all. */
static struct x86_cpuid_regs leaf_caches(const struct x86_cpu_model *m, u32 sub)
{
	static const struct { u8 type, level, ways; u16 sets; } cache[] = {
		{ 1, 1, 8, 64 }, { 2, 1, 8, 64 }, { 3, 2, 16, 1024 }, { 3, 3, 16, 16384 }
	};
	u32 share, cores = (1u << id_bits(m)) - 1;

	if (sub >= ARRAY_SIZE(cache))
		return (struct x86_cpuid_regs){ 0 };
	share = cache[sub].level == 3 ? cores : 0;
	return (struct x86_cpuid_regs){
		cache[sub].type | (u32)cache[sub].level << 5 | 1u << 8 | share << 14 | cores << 26,
		63u | (cache[sub].ways - 1u) << 22, cache[sub].sets - 1u, 0
	};
}

static struct x86_cpuid_regs leaf_topology(const struct x86_cpu_model *m, unsigned apic_id,
					   u32 sub)
{
	if (sub == 0)
		return (struct x86_cpuid_regs){ 0, 1, 1u << 8, apic_id };
	if (sub == 1)
		return (struct x86_cpuid_regs){ id_bits(m), m->cpus, 2u << 8 | 1, apic_id };
	return (struct x86_cpuid_regs){ 0, 0, sub & 0xff, apic_id };
}

static struct x86_cpuid_regs leaf_xsave(u32 sub)
{
	/* x87 and SSE: the legacy region and the header. SDM vol. 1 13.4. */
	if (sub == 0)
		return (struct x86_cpuid_regs){ XCR0_X87 | XCR0_SSE, 576, 576, 0 };
	return (struct x86_cpuid_regs){ 0 };
}

/*
 * The fraction ebx/eax nearest to tsc_hz / X86_CRYSTAL_HZ for which Linux's
 * 32-bit `crystal_khz * ebx` does not overflow: continued fractions, and the
 * last step shortened to the largest that fits (a semiconvergent).
 */
static void tsc_ratio(u64 tsc_hz, u32 *num, u32 *den)
{
	u64 limit = 0xffffffffu / (X86_CRYSTAL_HZ / 1000);
	u64 a = tsc_hz, b = X86_CRYSTAL_HZ, n0 = 0, d0 = 1, n1 = 1, d1 = 0;

	while (b) {
		u64 q = a / b, rest = a % b, most = n1 ? (limit - n0) / n1 : q;
		u64 dmost = d1 ? (0xffffffffu - d0) / d1 : q, take = q;

		take = take > most ? most : take;
		take = take > dmost ? dmost : take;
		if (take < q && take * 2 <= q)
			break; /* the previous convergent is nearer */
		u64 n = take * n1 + n0, d = take * d1 + d0;

		n0 = n1;
		d0 = d1;
		n1 = n;
		d1 = d;
		if (take < q)
			break;
		a = b;
		b = rest;
	}
	*num = (u32)n1;
	*den = (u32)d1;
}

static struct x86_cpuid_regs leaf_tsc(const struct x86_cpu_model *m)
{
	struct x86_cpuid_regs v = { .ecx = X86_CRYSTAL_HZ };

	tsc_ratio(m->tsc_hz, &v.ebx, &v.eax);
	return v;
}

static struct x86_cpuid_regs leaf_frequency(const struct x86_cpu_model *m)
{
	u32 mhz = (u32)((m->tsc_hz + 500000) / 1000000) & 0xffff;

	return (struct x86_cpuid_regs){ mhz, mhz, 100, 0 };
}

static struct x86_cpuid_regs basic_leaf(const struct x86_cpu_model *m, const struct x86_cpu *c,
					unsigned apic_id, u32 leaf, u32 sub)
{
	bool limit = c && (c->msr.misc_enable & MISC_ENABLE_LIMIT_CPUID);

	switch (leaf) {
	case 0x0: return text_leaf(limit ? 2 : MAX_BASIC, "GenuineIntel");
	case 0x1: return leaf_features(m, c, apic_id);
	case 0x2: return (struct x86_cpuid_regs){ 0x00feff01, 0, 0, 0 }; /* see leaf 4 */
	case 0x4: return leaf_caches(m, sub);
	case 0x6: return (struct x86_cpuid_regs){ BIT(2), 0, 0, 0 }; /* ARAT */
	case 0x7:
		if (sub)
			break;
		return (struct x86_cpuid_regs){ 0, L7_EBX, L7_ECX, L7_EDX };
	case 0xb: return leaf_topology(m, apic_id, sub);
	case 0xd: return leaf_xsave(sub);
	case 0x15: return leaf_tsc(m);
	case 0x16: return leaf_frequency(m);
	default: break;
	}
	return (struct x86_cpuid_regs){ 0 };
}

static struct x86_cpuid_regs brand(unsigned part)
{
	static const char text[48] = "Trivet baseline CPU";
	const char *p = text + part * 16;

	return (struct x86_cpuid_regs){ get_le32(p), get_le32(p + 4), get_le32(p + 8),
					get_le32(p + 12) };
}

struct x86_cpuid_regs x86_cpuid(const struct x86_cpu_model *m, const struct x86_cpu *c,
				unsigned apic_id, u32 leaf, u32 subleaf)
{
	struct x86_cpuid_regs v = { 0 };

	if (leaf <= MAX_BASIC)
		return basic_leaf(m, c, apic_id, leaf, subleaf);
	switch (leaf) {
	case HYPERVISOR_LEAF:
		/* signature in EBX, ECX, EDX; no further leaves */
		v = (struct x86_cpuid_regs){ HYPERVISOR_LEAF, get_le32("Triv"), get_le32("etTr"),
					     get_le32("ivet") };
		break;
	case 0x80000000: v.eax = MAX_EXTENDED; break;
	case 0x80000001:
		v.ecx = EXT1_ECX;
		v.edx = EXT1_EDX;
		if (!c || x86_code64(c)) /* Intel: only in 64-bit mode */
			v.edx |= EXT1_EDX_SYSCALL;
		if (c && (c->msr.misc_enable & MISC_ENABLE_XD_DISABLE))
			v.edx &= ~EXT1_EDX_NX;
		break;
	case 0x80000002:
	case 0x80000003:
	case 0x80000004: return brand(leaf - 0x80000002);
	case 0x80000006: v.ecx = 1024u << 16 | 8u << 12 | 64; break;
	case 0x80000007: v.edx = BIT(8); break; /* invariant TSC */
	case 0x80000008: v.eax = X86_PHYS_BITS | 48u << 8; break;
	default: break;
	}
	return v;
}
