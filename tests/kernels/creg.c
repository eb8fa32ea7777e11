/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes to control and debug registers that must fault and change nothing
 * (SDM vol. 2B MOV to and from control registers, vol. 3A 2.5). Apart from the
 * other kernels because a CPU that lets one through does not survive it.
 */
#include "lib/lib.h"

void test_main(void)
{
	TRY("mov %0, %%cr0", : "r"((read_cr0() | 1ul << 29) & ~(1ul << 30)));
	check_fault(GP, 0, "gp-cr0-nw-without-cd");
	TRY("mov %0, %%cr0", : "r"(read_cr0() | 1ul << 32));
	check_fault(GP, 0, "gp-cr0-high");
	TRY("mov %0, %%cr4", : "r"(read_cr4() | 1ul << 40));
	check_fault(GP, 0, "gp-cr4-reserved");
	TRY("mov %0, %%cr3", : "r"(read_cr3() | 1ul << 62));
	check_fault(GP, 0, "gp-cr3-reserved");
	TRY("mov %0, %%cr8", : "r"(0x10ul));
	check_fault(GP, 0, "gp-cr8-reserved");
	TRY("mov %0, %%dr7", : "r"(1ul << 32));
	check_fault(GP, 0, "gp-dr7-high");
	TRY("mov %0, %%dr6", : "r"(1ul << 32));
	check_fault(GP, 0, "gp-dr6-high");
	write_cr4(read_cr4() & ~(ulong)CR4_DE);
	TRY("mov %%dr4, %%rax", : : "rax");
	check_no_trap("dr4-without-de");
	write_cr4(read_cr4() | CR4_DE);
	TRY("mov %%dr4, %%rax", : : "rax");
	check_fault(UD, 0, "ud-dr4-with-de");
	if (cpuid(1, 0).ecx & 1u << 17) {
		write_cr3(read_cr3() | 0x18);
		TRY("mov %0, %%cr4", : "r"(read_cr4() | CR4_PCIDE));
		check_fault(GP, 0, "gp-cr4-pcide-with-pcid");
		write_cr3(read_cr3() & ~0xffful);
	}
	TRY("mov %0, %%cr4", : "r"(read_cr4() & ~(ulong)CR4_PAE));
	check_fault(GP, 0, "gp-cr4-pae-in-long-mode");
	TRY("mov %0, %%cr0", : "r"(read_cr0() & ~(ulong)CR0_PE));
	check_fault(GP, 0, "gp-cr0-pg-without-pe");
}
