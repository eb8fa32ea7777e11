/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest hypervisor: one guest instruction or two by VMRUN, and why it ended. For
 * emulated AMD-V, to tell its mistakes from ours (`run.py --on qemu vmrun`): APM vol. 2
 * 15.5, appendices B and C. Trivet's own machines have no SVM.
 */
#include "lib/lib.h"

#define MSR_VM_HSAVE_PA 0xc0010117u
#define EFER_SVME 0x1000u
#define CS_ATTR 0xa9bu /* 64-bit code; data below */
#define DS_ATTR 0xc93u
enum { EXIT_DB = 0x41, EXIT_GP = 0x4d, EXIT_FERR = 0x7e, EXIT_VMMCALL = 0x81 };

static u8 *vmcb, *stack;

static void put(unsigned at, u64 v)
{
	*(volatile u64 *)(vmcb + at) = v;
}

static void put32(unsigned at, u32 v)
{
	*(volatile u32 *)(vmcb + at) = v;
}

static void put_segment(unsigned at, u16 sel, u16 attr)
{
	put32(at, sel | (u32)attr << 16);
	put32(at + 4, ~0u);
	put(at + 8, 0);
}

/* The guest is this kernel itself, at entry. */
static void prepare(ulong entry)
{
	memset(vmcb, 0, PAGE);
	put32(0x08, 1u << DB | 1u << GP);
	put32(0x0c, 1u << 30);	/* FERR_FREEZE */
	put32(0x10, 3);		/* VMRUN, VMMCALL */
	put32(0x58, 1);		/* ASID */
	put_segment(0x400, SEL_DATA, DS_ATTR);
	put_segment(0x410, SEL_CODE, CS_ATTR);
	put_segment(0x420, SEL_DATA, DS_ATTR);
	put_segment(0x430, SEL_DATA, DS_ATTR);
	put32(0x464, gdt_pointer.limit);
	put(0x468, gdt_pointer.base);
	put32(0x484, idt_pointer.limit);
	put(0x488, idt_pointer.base);
	put(0x4d0, rdmsr(MSR_EFER));
	put(0x548, read_cr4());
	put(0x550, read_cr3());
	put(0x558, read_cr0());
	put(0x560, 0x400);
	put(0x568, 0xffff0ff0);
	put(0x570, 2);
	put(0x578, entry);
	put(0x5d8, (ulong)stack + PAGE);
}

static u64 run(void)
{
	__asm__ volatile("clgi; vmrun %%rax; stgi"
			 : : "a"(vmcb) : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			   "memory", "cc");
	return *(volatile u64 *)(vmcb + 0x70);
}

extern u8 guest_plain[], guest_cr0[], guest_x87[];
__asm__(".text\n"
	"guest_plain: nop; vmmcall\n"
	"guest_cr0: mov %cr0, %rax; bts $32, %rax; mov %rax, %cr0; vmmcall\n"
	"guest_x87: fninit; movw $0x37b, -8(%rsp); fldcw -8(%rsp)\n"
	"	fld1; fldz; fdivrp; fwait; vmmcall\n");

void test_main(void)
{
	if (!(cpuid(0x80000001, 0).ecx & 4)) {
		check_skip("vmrun", "no SVM");
		check(true, "no-svm");
		return;
	}
	vmcb = (u8 *)page_alloc();
	stack = (u8 *)page_alloc();
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, page_alloc());
	prepare((ulong)guest_plain);
	check_eq(run(), EXIT_VMMCALL, "vmrun-vmmcall");
	prepare((ulong)guest_plain);
	write_dr0((ulong)guest_plain + 1);
	put(0x560, 0x402);
	check_eq(run(), EXIT_DB, "vmrun-breakpoint");
	prepare((ulong)guest_cr0);
	check_eq(run(), EXIT_GP, "vmrun-cr0-high");
	prepare((ulong)guest_x87);
	put(0x558, read_cr0() & ~(ulong)CR0_NE);
	check_eq(run(), EXIT_FERR, "vmrun-ferr");
}
