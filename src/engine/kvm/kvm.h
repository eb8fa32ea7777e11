/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KVM engine: guests on the host's CPU by Linux's KVM (Documentation/virt/kvm/
 * api.rst; sections are cited as "api.rst 4.35"). kvm.c, vcpu.c, probe.c and
 * doorbell.c are the same everywhere; what an architecture adds is declared at
 * the end and lives in <arch>_*.c.
 */
#ifndef KVM_ENGINE_H
#define KVM_ENGINE_H

#include <trivet/error.h>
#include <trivet/vm.h>

#include <linux/kvm.h>
#include <pthread.h>

/* Inputs of the interrupt controller that the machine has, which may be level-
 * triggered (x86: the I/O APIC's). */
#define KVM_LEVEL_INPUTS 24

struct kvm_input_route {
	bool on;
	u64 address;
	u32 data;
};

/* vm->engine_data */
struct kvm_guest {
	int dev_fd; /* /dev/kvm */
	int fd;	    /* of the VM */
	size_t run_size;
	unsigned slots;
	struct kvm_input_route inputs[KVM_LEVEL_INPUTS]; /* with vm->lock */
	struct kvm_doorbells *doorbells;
	bool warned_features;
};

/* States of kvm_cpu.where. */
enum { KVM_OUT, KVM_IN, KVM_SIGNALLED };

/* vcpu->engine_data */
struct kvm_cpu {
	struct vcpu *v;
	int fd;
	struct kvm_run *run; /* shared with the kernel */
	size_t run_size;
	u32 where;	  /* atomic: in run(), and being sent a signal */
	pthread_t thread; /* that is in run() */
	/* The last exit was an access whose instruction KVM finishes when it is
	 * entered again: api.rst 5. */
	bool unfinished;
	u64 feature_control; /* x86: IA32_FEATURE_CONTROL, which KVM has not */
};

/* ioctl that gives -errno. */
int kvm_ioctl(int fd, unsigned long request, void *arg);
int kvm_ioctl_num(int fd, unsigned long request, unsigned long arg);
/* KVM_CHECK_EXTENSION: 0 when there is none. */
int kvm_extension(int fd, int capability);

/* --- vcpu.c -------------------------------------------------------------- */

int kvm_vcpu_init(struct vcpu *v, struct error *err);
void kvm_vcpu_fini(struct vcpu *v);
int kvm_run_vcpu(struct vcpu *v, struct exit *x);
void kvm_kick(struct vcpu *v);
/* Lets KVM finish the instruction of the last exit, so that the state can be
 * read or written. forget: what it still accesses does not matter. */
int kvm_vcpu_finish(struct kvm_cpu *c, bool forget);
/* Installs the handler, which does nothing, of the signal that interrupts KVM_RUN.
 * The signal's number, or -errno. */
int kvm_install_kick(void);

/* --- probe.c --------------------------------------------------------------- */

int kvm_probe(struct engine_caps *caps);

/* --- doorbell.c ------------------------------------------------------------ */

int kvm_doorbells_init(struct vm *vm);
int kvm_doorbell_add(struct vm *vm, gpa_t a);
void kvm_doorbell_remove(struct vm *vm, gpa_t a);
int kvm_doorbell_fd(struct vm *vm);
void kvm_doorbells_serve(struct vm *vm);
void kvm_doorbells_fini(struct vm *vm);

/* --- the architecture's ----------------------------------------------------- */

struct kvm_needed {
	int capability;
	const char *name; /* for the operator */
};
/* Capabilities beyond those every architecture needs; ends with name NULL. */
extern const struct kvm_needed kvm_arch_needed[];
/* Does the CPU show hardware virtualisation to user space? how: its name. */
bool kvm_arch_hardware(const char **how);
/*
 * Makes vCPU fd of VM vm_fd run a loop of count iterations of `decrement, jump`
 * from memory of 64 KiB at guest-physical 0, then exit with an access; and the
 * same loop on the host.
 */
int kvm_arch_probe_setup(int vcpu_fd, u8 *memory, u64 count);
void kvm_arch_probe_native(u64 count);
/* After KVM_CREATE_VM, before vCPUs; after KVM_CREATE_VCPU. */
int kvm_arch_vm_init(struct vm *vm, struct error *err);
int kvm_arch_vcpu_init(struct vcpu *v, struct error *err);
/* Handles c->run's exit that is not common: 0 to go on, 1 when *x says why run()
 * must return, or -errno. */
int kvm_arch_exit(struct kvm_cpu *c, struct exit *x);
int kvm_arch_get_state(struct vcpu *v, void *state);
int kvm_arch_set_state(struct vcpu *v, const void *state);
extern const struct engine_irqchip_ops kvm_arch_irqchip;
bool kvm_arch_irq_ready(struct vcpu *v);
void kvm_arch_irq_inject(struct vcpu *v, u8 vector);
void kvm_arch_irq_window(struct vcpu *v, bool wanted);
int kvm_arch_nmi_inject(struct vcpu *v);

#endif
