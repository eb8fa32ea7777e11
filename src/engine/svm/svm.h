/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The svm engine: guests on AMD-V with nested paging. APM vol. 2 chapter 15.
 *
 * A vCPU is what trivet/hw.h makes it and a VMCB. While the guest runs, the VMCB and
 * the processor hold what hardware keeps; what is intercepted (CR4, debug registers,
 * most MSRs) is only ever in the x86_cpu.
 */
#ifndef SVM_H
#define SVM_H

#include <trivet/hw.h>

#include "vmcb.h"

/* What this processor can do, from CPUID; the same on all of a machine. */
struct svm_caps {
	u32 asids;
	bool next_rip, flush_asid, pause_filter;
	bool rdpru;
};

/* One processor. */
struct svm_cpu {
	struct hw_cpu hw;
	struct svm_caps caps;
	u64 host_pa; /* VMSAVE'd host state: FS, GS, TR, system call MSRs */
	struct hw_tags asids;
	void *host_page, *hsave_page;
};

struct svm_vm {
	struct hw_vm hw;
	u8 *iopm;	/* 12 KiB, and 4 more that a 32-bit access may touch */
	u8 *msrpm;	/* 8 KiB */
};

struct svm_vcpu {
	struct hw_vcpu hw;
	struct svm_caps caps; /* the processors are alike */
	struct hw_caps hw_caps;
	struct vmcb *vmcb;
	u64 vmcb_pa;
	bool event_put;	 /* the VMCB's event or window is not what it will be next */
	int virq_vector; /* the interrupt that is V_IRQ's at this entry, or -1 */
};

static inline struct svm_vcpu *svm_of(struct vcpu *v)
{
	return CONTAINER_OF(hw_of(v), struct svm_vcpu, hw);
}

/* --- cpu.c: one processor --------------------------------------------------- */

int svm_probe(struct engine_caps *caps);
int svm_cpu_enable(void **cpu_data, struct error *err);

/* --- state.c: between the VMCB and the live CPU ------------------------------ */

/* Intercepts and constants of a new VMCB. */
void svm_vmcb_init(struct svm_vcpu *s);
/* Everything into s->hw.cpu, the guest's FPU included. Twice is harmless. */
void svm_pull(struct svm_vcpu *s);
/* And back. Twice is harmless. */
void svm_push(struct svm_vcpu *s);
/* RAX, RSP and RIP only, which every exit looks at. */
void svm_pull_few(struct svm_vcpu *s);
void svm_push_few(struct svm_vcpu *s);
/* Privilege and paging of 64-bit code, to look at the instruction; to be used with
 * hw_quick_plain and hw_quick_device. */
void svm_pull_paging(struct svm_vcpu *s);

/* --- exits.c ------------------------------------------------------------------- */

/* Handles what the guest left for. True: leave run() with *x. */
bool svm_handle_exit(struct svm_vcpu *s, struct exit *x);

/* --- run.c ---------------------------------------------------------------------- */

int svm_run(struct vcpu *v, struct exit *x);
bool svm_irq_ready(struct vcpu *v);
void svm_irq_window(struct vcpu *v, bool wanted);
int svm_nmi_inject(struct vcpu *v);

/* --- enter.S ---------------------------------------------------------------------- */

/*
 * VMRUN with the guest's registers in gpr (RAX and RSP are the VMCB's), which
 * hold the guest's again on return. Called with GIF and IF clear; on the way back
 * GIF is set and what interrupts the processor had waiting were taken.
 */
void svm_enter(u64 gpr[16], u64 vmcb_pa, u64 host_pa);

#endif
