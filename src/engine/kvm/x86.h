/* SPDX-License-Identifier: Apache-2.0 */
/* What the x86 files of this room share. */
#ifndef KVM_X86_H
#define KVM_X86_H

#include "kvm.h"

#include <arch/x86/cpuid.h>

/* --- x86_cpuid.c ---------------------------------------------------------- */

/* Gives c the CPUID of the VM's CPU model; one line in the log for what this
 * host's CPU does not have of it. */
int kvm_x86_set_cpuid(struct kvm_cpu *c, struct error *err);

/* --- x86_msr.c ------------------------------------------------------------- */

/* The allow-list: everything else exits to kvm_x86_msr_exit. */
int kvm_x86_filter_msrs(struct kvm_guest *g);
/* Machine-check banks and what the host says of its CPU's flaws. */
int kvm_x86_init_msrs(struct kvm_cpu *c);
void kvm_x86_msr_exit(struct kvm_cpu *c, bool write);
int kvm_x86_get_msr(int vcpu_fd, u32 index, u64 *value);
int kvm_x86_set_msr(int vcpu_fd, u32 index, u64 value);

#endif
