/* SPDX-License-Identifier: Apache-2.0 */
/* Why the guest did not run: SDM vol. 3C 26.7, 30.4. */
#include <trivet/fmt.h>

#include "asm.h"
#include "vmx.h"

const char *vmx_explain_instruction(struct vmx_vcpu *s)
{
	static const char *const what[] = {
		[4] = "VMLAUNCH of a VMCS that was launched",
		[5] = "VMRESUME of a VMCS that was not launched",
		[7] = "invalid control fields",
		[8] = "invalid host state",
		[26] = "events blocked by MOV SS",
	};
	u32 error = (u32)vmread(F_INSN_ERROR);

	fmt_snprintf(s->why, sizeof s->why, "VM entry refused: error %u, %s", error,
		     error < ARRAY_SIZE(what) && what[error] ? what[error] : "see SDM 30.4");
	return s->why;
}

static const char *of_guest_state(u64 qualification)
{
	switch (qualification) {
	case 2:
		return "PDPTEs";
	case 3:
		return "NMI into MOV SS's shadow";
	case 4:
		return "VMCS link pointer";
	default:
		return "a register";
	}
}

const char *vmx_explain_entry(struct vmx_vcpu *s, u32 reason)
{
	unsigned long long q = vmread(F_QUALIFICATION);

	switch (reason & 0xffff) {
	case REASON_GUEST_STATE:
		fmt_snprintf(s->why, sizeof s->why,
			     "VM entry refused the guest's state: %s (rip %#llx)", of_guest_state(q),
			     (unsigned long long)s->hw.cpu.rip);
		break;
	case REASON_MSR_LOAD:
		fmt_snprintf(s->why, sizeof s->why, "VM entry refused MSR %llu of its list", q);
		break;
	case REASON_MCE_ENTRY:
		fmt_snprintf(s->why, sizeof s->why, "machine check during VM entry");
		break;
	case REASON_EPT_MISCONFIG:
		fmt_snprintf(s->why, sizeof s->why, "nested table misconfigured for %#llx",
			     (unsigned long long)vmread(F_GUEST_PHYSICAL));
		break;
	default:
		fmt_snprintf(s->why, sizeof s->why, "unexpected failure %#x", reason);
	}
	return s->why;
}
