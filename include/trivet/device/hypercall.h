/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercalls of kernels written for KVM, as far as test kernels make them
 * without asking CPUID first: Linux, Documentation/virt/kvm/x86/hypercalls.rst.
 */
#ifndef TRIVET_DEVICE_HYPERCALL_H
#define TRIVET_DEVICE_HYPERCALL_H

#include <trivet/vm.h>

/* For vm->hypercall, without vm->lock. Unknown numbers give -1000, "no such call". */
u64 kvm_hypercall(struct vcpu *v, const struct exit *exit);

#endif
