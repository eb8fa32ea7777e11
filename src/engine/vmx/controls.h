/* SPDX-License-Identifier: Apache-2.0 */
/* From what the capability MSRs say to the controls of a VMCS. */
#ifndef VMX_CONTROLS_H
#define VMX_CONTROLS_H

#include <trivet/error.h>
#include <trivet/types.h>

/* The capability MSRs as read: SDM vol. 3D appendix A. In those of controls the low
 * half has the bits that must be 1, the high half those that may be. */
struct vmx_msrs {
	u64 basic, pin, primary, secondary, exit, entry;
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u64 ept_vpid, misc;
};

/* What a VMCS gets, and what the engine may count on. */
struct vmx_controls {
	u32 revision;
	u32 pin, primary, secondary, exit, entry;
	u64 cr0_must, cr4_must; /* 1 while the guest runs, whatever it wants */
	u64 cr0_may, cr4_may;
	u64 eptp_bits;
	unsigned ept_levels; /* as struct hw_table_format's */
	unsigned preemption_shift; /* the timer's ticks, from the TSC's */
	bool vpid, invept_single;
	bool tables; /* descriptor-table exiting can be switched on */
};

/* -ENODEV with a line that names what VT-x lacks here. */
int vmx_controls_derive(struct vmx_controls *k, const struct vmx_msrs *m, struct error *err);

#endif
