/* SPDX-License-Identifier: Apache-2.0 */
/* What KVM must have for x86 guests, and the probe's guest. */
#include "kvm.h"

#include <arch/x86/defs.h>

#include <cpuid.h>
#include <string.h>

const struct kvm_needed kvm_arch_needed[] = {
	{ KVM_CAP_SPLIT_IRQCHIP, "KVM_CAP_SPLIT_IRQCHIP" },
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_XSAVE, "KVM_CAP_XSAVE" },
	{ KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS" },
	{ KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS" },
	{ KVM_CAP_MCE, "KVM_CAP_MCE" },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "KVM_CAP_TSC_DEADLINE_TIMER" },
	{ KVM_CAP_X86_USER_SPACE_MSR, "KVM_CAP_X86_USER_SPACE_MSR" },
	{ KVM_CAP_X86_MSR_FILTER, "KVM_CAP_X86_MSR_FILTER" },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID, "KVM_CAP_ENFORCE_PV_FEATURE_CPUID" },
	{ 0, NULL }
};

/*
 * VT-x or AMD-V, as CPUID shows it: SDM vol. 3C 24.6 (leaf 1 ECX bit 5), APM
 * vol. 2 15.4 (leaf 80000001h ECX bit 2).
 */
bool kvm_arch_hardware(const char **how)
{
	unsigned a, b, c, d;

	*how = "VT-x";
	if (__get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 5)))
		return true;
	*how = "AMD-V";
	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & (1u << 2));
}

/* 64-bit code at 4000h: 1: dec rcx; jnz 1b; out 0, al */
static const u8 probe_code[] = { 0x48, 0xff, 0xc9, 0x75, 0xfb, 0xe6, 0x00 };
#define CODE_AT 0x4000
#define PML4_AT 0x1000
#define PDPT_AT 0x2000
#define PD_AT 0x3000

/* The first 2 MiB mapped by one page: SDM vol. 3A 4.5. */
static void probe_memory(u8 *m)
{
	put_le64(m + PML4_AT, PDPT_AT | 3);
	put_le64(m + PDPT_AT, PD_AT | 3);
	put_le64(m + PD_AT, 0x83);
	memcpy(m + CODE_AT, probe_code, sizeof probe_code);
}

int kvm_arch_probe_setup(int vcpu_fd, u8 *memory, u64 count)
{
	struct kvm_regs regs = { .rip = CODE_AT, .rcx = count, .rflags = 2 };
	struct kvm_sregs s;
	int r = kvm_ioctl(vcpu_fd, KVM_GET_SREGS, &s);

	if (r)
		return r;
	probe_memory(memory);
	s.cs = (struct kvm_segment){ .limit = ~0u, .selector = 8, .type = 11,
				     .present = 1, .s = 1, .l = 1, .g = 1 };
	s.ds = s.es = s.fs = s.gs = s.ss =
		(struct kvm_segment){ .limit = ~0u, .selector = 16, .type = 3,
				      .present = 1, .s = 1, .db = 1, .g = 1 };
	s.cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE;
	s.cr3 = PML4_AT;
	s.cr4 = CR4_PAE;
	s.efer = EFER_LME | EFER_LMA;
	r = kvm_ioctl(vcpu_fd, KVM_SET_SREGS, &s);
	return r ? r : kvm_ioctl(vcpu_fd, KVM_SET_REGS, &regs);
}

void kvm_arch_probe_native(u64 count)
{
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(count) : : "cc");
}
