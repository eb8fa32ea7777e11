/* SPDX-License-Identifier: Apache-2.0 */
/* x86 VMs and vCPUs: how they are set up, and the exits that only x86 has. */
#include "x86.h"

#include <errno.h>
#include <string.h>

/*
 * Three pages and one that VT-x without unrestricted guests uses below 4 GiB
 * (api.rst 4.35, 4.36): in the hole between the local APICs and the firmware.
 */
#define TSS_AT 0xfeffd000u
#define IDENTITY_MAP_AT 0xfeffc000u

static int enable(int fd, u32 capability, u64 arg)
{
	struct kvm_enable_cap cap = { .cap = capability, .args = { arg } };

	return kvm_ioctl(fd, KVM_ENABLE_CAP, &cap);
}

int kvm_arch_vm_init(struct vm *vm, struct error *err)
{
	struct kvm_guest *g = vm->engine_data;
	u64 identity = IDENTITY_MAP_AT;
	const char *what = "TSS address";
	int r = kvm_ioctl(g->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);

	if (!r)
		r = kvm_ioctl_num(g->fd, KVM_SET_TSS_ADDR, TSS_AT);
	if (!r) {
		what = "split interrupt controllers";
		r = enable(g->fd, KVM_CAP_SPLIT_IRQCHIP, KVM_LEVEL_INPUTS);
	}
	if (!r) {
		what = "MSR filter";
		r = enable(g->fd, KVM_CAP_X86_USER_SPACE_MSR,
			   KVM_MSR_EXIT_REASON_FILTER | KVM_MSR_EXIT_REASON_UNKNOWN);
	}
	if (!r)
		r = kvm_x86_filter_msrs(g);
	return r ? error_set(err, r, "KVM refuses %s: %s", what, strerror(-r)) : 0;
}

int kvm_arch_vcpu_init(struct vcpu *v, struct error *err)
{
	struct kvm_cpu *c = v->engine_data;
	int r = kvm_x86_set_cpuid(c, err);

	if (r)
		return r;
	/* no paravirtual feature that CPUID does not show */
	r = enable(c->fd, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1);
	if (!r)
		r = kvm_x86_init_msrs(c);
	return r ? error_set(err, r, "KVM refuses the CPU model of vCPU %u: %s", v->index,
			     strerror(-r)) : 0;
}

int kvm_arch_exit(struct kvm_cpu *c, struct exit *x)
{
	switch (c->run->exit_reason) {
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		x->reason = EXIT_IRQ_WINDOW;
		return 1;
	case KVM_EXIT_X86_RDMSR:
		kvm_x86_msr_exit(c, false);
		return 0;
	case KVM_EXIT_X86_WRMSR:
		kvm_x86_msr_exit(c, true);
		return 0;
	case KVM_EXIT_IOAPIC_EOI:
		x->reason = EXIT_EOI;
		x->eoi.vector = c->run->eoi.vector;
		vcpu_handle_exit(c->v, x);
		x->reason = EXIT_NONE;
		return 0;
	case KVM_EXIT_HLT:
		x->reason = EXIT_HALT;
		return 1;
	default:
		x->reason = EXIT_ERROR;
		x->error = "KVM exited for a reason that this program does not know";
		return 1;
	}
}
