/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controls: which are needed, which are taken where there are, and why. All others
 * are as the processor has them by itself: 0, or 1 where it knows nothing else, which
 * costs an exit that arch/x86 answers. Numbers are those of SDM vol. 3C 24.6 to 24.8.
 */
#include <trivet/bits.h>

#include "controls.h"
#include "vmcs.h"

enum need {
	NEEDED,	   /* on, or guests cannot run */
	WANTED,	   /* on where there is */
	SWITCHED,  /* must be there, off at first */
	AVAILABLE, /* off at first, used where there is */
};

struct control {
	u8 bit;
	u8 need;
	const char *name;
};

static const struct control pin_controls[] = {
	{ 0, NEEDED, "external-interrupt exiting" }, /* the hypervisor's, all of them */
	{ 3, NEEDED, "NMI exiting" },
	{ 5, NEEDED, "virtual NMIs" }, /* the processor knows when IRET ends one */
	/* In Bochs 2.7 interrupts do not end a guest that has its own off. */
	{ 6, WANTED, "VMX-preemption timer" },
};

static const struct control primary_controls[] = {
	{ 2, SWITCHED, "interrupt-window exiting" },
	{ 3, NEEDED, "TSC offsetting" },
	{ 7, NEEDED, "HLT exiting" }, /* the vCPU leaves the run queue */
	/* instructions that say something of this machine or that wait */
	{ 10, NEEDED, "MWAIT exiting" },
	{ 11, NEEDED, "RDPMC exiting" },
	{ 29, NEEDED, "MONITOR exiting" },
	/* CR3 is the guest's, but for PCIDs that this processor lacks */
	{ 15, SWITCHED, "CR3-load exiting" },
	{ 16, SWITCHED, "CR3-store exiting" },
	{ 19, NEEDED, "CR8-load exiting" }, /* the local APIC is a device */
	{ 20, NEEDED, "CR8-store exiting" },
	{ 22, SWITCHED, "NMI-window exiting" },
	{ 23, NEEDED, "MOV-DR exiting" }, /* DR0 to DR3 and DR6 are not in the VMCS */
	/* allow-lists: every port and every MSR but hw_own_msrs */
	{ 25, NEEDED, "I/O bitmaps" },
	{ 28, NEEDED, "MSR bitmaps" },
	{ 31, NEEDED, "secondary controls" },
};

static const struct control secondary_controls[] = {
	{ 1, NEEDED, "extended page tables (EPT)" },
	{ 2, AVAILABLE, "descriptor-table exiting" }, /* UMIP in software */
	{ 3, WANTED, "RDTSCP" },   /* without: #UD, and arch/x86 runs it */
	{ 5, WANTED, "VPID" },	   /* without: each entry and exit flushes */
	{ 6, NEEDED, "WBINVD exiting" }, /* the caches are everybody's */
	{ 7, NEEDED, "unrestricted guest" }, /* real mode without an interpreter */
	{ 10, WANTED, "PAUSE-loop exiting" },
	{ 12, WANTED, "INVPCID" }, /* without: as RDTSCP */
	{ 15, WANTED, "ENCLS exiting" }, /* no enclaves */
};

static const struct control exit_controls[] = {
	{ 2, NEEDED, "saving debug controls" }, /* DR7, which #DB delivery changes */
	{ 9, NEEDED, "64-bit host" },
	{ 19, NEEDED, "loading IA32_PAT" },
	{ 21, NEEDED, "loading IA32_EFER" },
};

static const struct control entry_controls[] = {
	{ 2, NEEDED, "loading debug controls" },
	{ 9, SWITCHED, "64-bit guests" }, /* follows EFER.LMA */
	{ 14, NEEDED, "loading IA32_PAT on entry" },
	{ 15, NEEDED, "loading IA32_EFER on entry" },
};

static int derive(const struct control *list, size_t count, u64 msr, u32 *value,
		  struct error *err)
{
	u32 must = (u32)msr, may = (u32)(msr >> 32);

	*value = must;
	for (size_t i = 0; i < count; i++) {
		bool there = may >> list[i].bit & 1;

		if (!there && (list[i].need == NEEDED || list[i].need == SWITCHED))
			return error_set(err, -ENODEV, "VT-x here lacks %s", list[i].name);
		if (there && (list[i].need == NEEDED || list[i].need == WANTED))
			*value |= (u32)BIT(list[i].bit);
	}
	return 0;
}

#define DERIVE(what) derive(what##_controls, ARRAY_SIZE(what##_controls), m->what, &k->what, err)

static int derive_all(struct vmx_controls *k, const struct vmx_msrs *m, struct error *err)
{
	int r = DERIVE(pin);

	if (!r)
		r = DERIVE(primary);
	if (!r)
		r = DERIVE(secondary);
	if (!r)
		r = DERIVE(exit);
	if (!r)
		r = DERIVE(entry);
	k->preemption_shift = (unsigned)m->misc & 0x1f; /* A.6 */
	k->vpid = (k->secondary & SECONDARY_VPID) != 0;
	k->tables = (m->secondary >> 32 & SECONDARY_TABLES) != 0;
	return r;
}

/* IA32_VMX_EPT_VPID_CAP, appendix A.10 */
#define EPT_FOUR_LEVELS BIT(6)
#define EPT_WRITE_BACK BIT(14)
#define EPT_2M BIT(16)
#define EPT_1G BIT(17)
#define EPT_INVEPT BIT(20)
#define EPT_INVEPT_SINGLE BIT(25)
#define EPT_INVEPT_ALL BIT(26)
#define VPID_INVVPID BIT(32)
#define VPID_INVVPID_ALL BIT(42)

static int derive_ept(struct vmx_controls *k, u64 cap, struct error *err)
{
	if (!(cap & EPT_FOUR_LEVELS))
		return error_set(err, -ENODEV, "VT-x here lacks EPT of four levels");
	if (!(cap & EPT_INVEPT) || !(cap & EPT_INVEPT_ALL))
		return error_set(err, -ENODEV, "VT-x here lacks INVEPT");
	if (!(cap & VPID_INVVPID) || !(cap & VPID_INVVPID_ALL)) {
		k->vpid = false;
		k->secondary &= ~(u32)SECONDARY_VPID;
	}
	k->invept_single = (cap & EPT_INVEPT_SINGLE) != 0;
	k->ept_levels = !(cap & EPT_2M) ? 0 : cap & EPT_1G ? 2 : 1;
	/* 24.6.11: the tables' memory type (else uncached), their levels less one */
	k->eptp_bits = (cap & EPT_WRITE_BACK ? 6 : 0) | 3 << 3;
	return 0;
}

#define CR0_PE_PG (BIT(0) | BIT(31)) /* the guest's own, being unrestricted: 23.8 */

int vmx_controls_derive(struct vmx_controls *k, const struct vmx_msrs *m, struct error *err)
{
	int r;

	*k = (struct vmx_controls){ .revision = (u32)m->basic & 0x7fffffff };
	r = derive_all(k, m, err);
	if (!r)
		r = derive_ept(k, m->ept_vpid, err);
	k->cr0_must = m->cr0_fixed0 & ~CR0_PE_PG;
	k->cr0_may = m->cr0_fixed1;
	k->cr4_must = m->cr4_fixed0;
	k->cr4_may = m->cr4_fixed1;
	return r;
}
