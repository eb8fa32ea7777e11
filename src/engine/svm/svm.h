/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The svm engine: guests on AMD-V with nested paging. APM vol. 2 chapter 15.
 *
 * A vCPU is a struct x86_cpu, the same that the interpreter works on, and a VMCB.
 * While the guest runs, the VMCB and the processor hold what hardware keeps; what
 * is intercepted (CR4, debug registers, most MSRs) is only ever in the x86_cpu.
 * svm_pull brings the rest over, so that one instruction can be run by arch/x86;
 * svm_push puts it back.
 */
#ifndef SVM_H
#define SVM_H

#include <arch/x86/cpu.h>
#include <trivet/vm.h>

#include "vmcb.h"

/* What this processor can do, from CPUID; the same on all of a machine. */
struct svm_caps {
	u32 asids;
	bool next_rip, flush_asid, pause_filter;
	bool invpcid; /* must be intercepted: the processor has it */
	bool rdpru, xsave, rdtscp;
	u64 cr4; /* bits of CR4 that the processor has */
};

/* One processor. */
struct svm_cpu {
	struct svm_caps caps;
	u64 host_pa; /* VMSAVE'd host state: FS, GS, TR, system call MSRs */
	u32 next_asid;
	u64 asid_generation;
	u64 xcr0;
	u32 tsc_aux;
	void *host_page, *hsave_page;
};

struct svm_slot {
	u64 base, size;
	u8 *host;
	bool writable;
};

struct svm_vm {
	struct svm_slot slots[MEM_MAX_SLOTS];
	unsigned count;
	u64 *npt;	/* top-level table */
	u8 *iopm;	/* 12 KiB, and 4 more that a 32-bit access may touch */
	u8 *msrpm;	/* 8 KiB */
	struct platform_mutex bus_lock; /* taken outside vm->lock */
	struct svm_page *tables;	/* the pages of the nested tables */
};

struct svm_vcpu {
	struct x86_cpu cpu;
	struct vcpu *v;
	struct svm_vm *vm;
	struct svm_caps caps; /* the processors are alike */
	struct vmcb *vmcb;
	u64 vmcb_pa;
	int pending_vector; /* interrupt to deliver, or -1 */
	bool pending_nmi;
	bool nmi_window;    /* leave run() when NMIs are unblocked */
	bool irq_window;
	bool pulled;	    /* cpu holds the whole state, not the VMCB */
	bool fpu_loaded;    /* the guest's FPU is in the processor's registers */
	u32 flush;	    /* atomic: forget cached translations before the next entry */
	unsigned on_cpu;    /* where the ASID is good */
	u64 asid_generation;
	u64 exits;
};

static inline struct svm_vcpu *svm_of(struct x86_cpu *c)
{
	return CONTAINER_OF(c, struct svm_vcpu, cpu);
}

/* --- cpu.c: one processor --------------------------------------------------- */

int svm_probe(struct engine_caps *caps);
int svm_cpu_enable(void **cpu_data, struct error *err);

/* --- npt.c: nested page tables ---------------------------------------------- */

/* Maps a slot; -ENOMEM. */
int svm_npt_map(struct svm_vm *vm, const struct svm_slot *slot);
void svm_npt_free(struct svm_vm *vm);

/* --- state.c: between the VMCB and the live CPU ------------------------------ */

/* Intercepts and constants of a new VMCB. */
void svm_vmcb_init(struct svm_vcpu *s);
/* Everything into s->cpu, the guest's FPU included. Twice is harmless. */
void svm_pull(struct svm_vcpu *s);
/* And back. Twice is harmless. */
void svm_push(struct svm_vcpu *s);
/* RAX, RSP and RIP only, which every exit looks at. */
void svm_pull_few(struct svm_vcpu *s);
void svm_push_few(struct svm_vcpu *s);
/* The guest's FPU into s->cpu.fx, or from there. */
void svm_fpu_save(struct svm_vcpu *s);
void svm_fpu_load(struct svm_vcpu *s);

/* --- env.c -------------------------------------------------------------------- */

extern const struct x86_env svm_env;

/* --- exits.c ------------------------------------------------------------------- */

/* Handles what the guest left for. True: leave run() with *x. */
bool svm_handle_exit(struct svm_vcpu *s, struct exit *x);
/* The event that the guest was in the middle of taking: to be taken again. */
void svm_requeue_event(struct svm_vcpu *s);

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
