/* SPDX-License-Identifier: Apache-2.0 */
/* What a processor of either maker has, by CPUID. */
#include <arch/x86/native.h>
#include <trivet/hw.h>

/* Bits of CR4 by the CPUID bits that announce them. */
static u64 cr4_bits(void)
{
	struct cpuid_out one = cpuid(1, 0), seven = { 0 };
	u64 cr4 = CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE |
		  CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (cpuid(0, 0).a >= 7)
		seven = cpuid(7, 0);
	cr4 |= one.d & BIT(1) ? CR4_VME | CR4_PVI : 0;
	cr4 |= one.c & BIT(17) ? CR4_PCIDE : 0;
	cr4 |= one.c & BIT(26) ? CR4_OSXSAVE : 0;
	cr4 |= seven.b & BIT(0) ? CR4_FSGSBASE : 0;
	cr4 |= seven.b & BIT(7) ? CR4_SMEP : 0;
	cr4 |= seven.b & BIT(20) ? CR4_SMAP : 0;
	cr4 |= seven.c & BIT(2) ? CR4_UMIP : 0;
	return cr4;
}

void hw_caps_read(struct hw_caps *k)
{
	k->cr4 = cr4_bits();
	k->xsave = (k->cr4 & CR4_OSXSAVE) != 0;
	k->rdtscp = cpuid(0x80000001, 0).d & BIT(27);
	k->invpcid = cpuid(0, 0).a >= 7 && (cpuid(7, 0).b & BIT(10));
}

int hw_caps_check(const struct hw_caps *k, struct error *err)
{
	if (!k->xsave)
		return error_set(err, -ENODEV, "this processor has no XSAVE");
	if (!(k->cr4 & CR4_SMEP) || !(k->cr4 & CR4_SMAP))
		platform_log(LOG_WARN, "this processor does not enforce SMEP or SMAP, "
			     "which guests see");
	return 0;
}
