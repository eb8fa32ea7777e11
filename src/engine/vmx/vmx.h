/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vmx engine: guests on VT-x with EPT, unrestricted. SDM vol. 3C chapters 23 to 30.
 *
 * A vCPU is what trivet/hw.h makes it and a VMCS. That is only reached through the
 * processor where it was loaded last (24.1, 24.11.1), so nothing but run() and put()
 * touches it: what other calls want is kept in struct vmx_vcpu until the next run().
 */
#ifndef VMX_H
#define VMX_H

#include <trivet/hw.h>

#include "controls.h"
#include "vmcs.h"

/* Of registers that VM entry does not switch, the guest's stay in the processor
 * until another guest runs there. */
enum { KEPT_STAR, KEPT_LSTAR, KEPT_CSTAR, KEPT_SFMASK, KEPT_KERNEL_GS, KEPT_MSRS };

/* Exceptions that exit: #DB and #AC so that a guest cannot raise one for ever while it
 * is being delivered; #UD for what the CPU model has and the processor does not. */
#define VMX_EXCEPTIONS ((u32)(BIT(EXC_DB) | BIT(EXC_UD) | BIT(EXC_AC) | BIT(EXC_MC)))

/* Instructions of which an exit says all: which, how long, with which register. */
enum { KNOWN_RDMSR, KNOWN_WRMSR, KNOWN_CR8_READ, KNOWN_CR8_WRITE, KNOWN_INSNS };

struct vmx_vcpu;

/* One processor. */
struct vmx_cpu {
	struct hw_cpu hw;
	struct vmx_controls controls;
	struct hw_tags tags; /* VPIDs */
	void *vmxon_page;
	struct vmx_vcpu *current; /* whose VMCS is loaded, and whose registers are kept */
	u64 kept[KEPT_MSRS];	  /* what the processor holds */
};

struct vmx_vm {
	struct hw_vm hw;
	u64 eptp;
	u8 *io_bitmaps; /* two pages */
	u8 *msr_bitmap; /* one */
};

struct vmx_vcpu {
	struct hw_vcpu hw;
	struct vmx_controls controls; /* the processors are alike */
	u64 cr4_hw;		      /* bits of CR4 that the processor has */
	void *vmcs;
	u64 vmcs_pa;
	struct vmx_cpu *on; /* where the VMCS is active; NULL: nowhere */
	bool made;	    /* the VMCS has its constants */
	bool launched;
	bool irq_window;
	bool armed; /* the VMCS has an event to deliver */
	struct x86_insn known[KNOWN_INSNS];
	/* While hw.pulled is false, as in the VMCS: */
	u64 rflags;
	u32 blocking;
	struct x86_seg segs[SEG_COUNT]; /* as pulled */
	/* What the VMCS holds. */
	u32 primary, secondary, entry, exceptions;
	char why[96]; /* the engine's last error */
};

static inline struct vmx_vcpu *vmx_of(struct vcpu *v)
{
	return CONTAINER_OF(hw_of(v), struct vmx_vcpu, hw);
}

/* --- cpu.c: one processor --------------------------------------------------- */

int vmx_probe(struct engine_caps *caps);
int vmx_cpu_enable(void **cpu_data, struct error *err);

/* --- load.c: which VMCS a processor works on ----------------------------------- */

/* Makes s's VMCS this processor's current one, new constants and the host's state
 * included. False, with s->why: it is active on another. */
bool vmx_load(struct vmx_vcpu *s, struct vmx_cpu *cpu);
/* As metal_engine.put. */
void vmx_put(struct vcpu *v);

/* --- state.c: between the VMCS and the live CPU --------------------------------- */

/* Everything into s->hw.cpu, the guest's FPU included. Twice is harmless. The VMCS is
 * current. */
void vmx_pull(struct vmx_vcpu *s);
/* And back. Twice is harmless. */
void vmx_push(struct vmx_vcpu *s);
/* RSP, RIP, RFLAGS and what blocks events, which every exit looks at. */
void vmx_pull_few(struct vmx_vcpu *s);
void vmx_push_few(struct vmx_vcpu *s);
/* Privilege and paging of 64-bit code, to run an instruction by hw_quick_*; false: it
 * is other code. */
bool vmx_pull_paging(struct vmx_vcpu *s);
/* The kept registers: of the processor's current vCPU into its x86_cpu, and back. */
void vmx_kept_pull(struct vmx_vcpu *s);
void vmx_kept_push(struct vmx_vcpu *s);
void vmx_kept_init(struct vmx_cpu *cpu);

/* --- exits.c --------------------------------------------------------------------- */

/* Handles what the guest left for. True: leave run() with *x. */
bool vmx_handle_exit(struct vmx_vcpu *s, struct exit *x);

/* --- explain.c --------------------------------------------------------------------- */

/* Why the last entry failed, in s->why: VMLAUNCH or VMRESUME gave an error, or the
 * exit reason says so. */
const char *vmx_explain_instruction(struct vmx_vcpu *s);
const char *vmx_explain_entry(struct vmx_vcpu *s, u32 reason);

/* --- run.c ------------------------------------------------------------------------- */

int vmx_run(struct vcpu *v, struct exit *x);
bool vmx_irq_ready(struct vcpu *v);
void vmx_irq_window(struct vcpu *v, bool wanted);
int vmx_nmi_inject(struct vcpu *v);

/* --- enter.S ------------------------------------------------------------------------ */

/*
 * VMLAUNCH or VMRESUME with the guest's registers in gpr (RSP is the VMCS's), which
 * hold the guest's again on return. Interrupts are off before and after. False:
 * the instruction failed (30.2), the guest did not run.
 */
bool vmx_enter(u64 gpr[16], bool launch);
extern const u8 vmx_exit_point[];

#endif
