/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segmentation in long mode: compatibility mode, far transfers, call gates,
 * LDT, FS and GS bases, TSS. SDM vol. 3A chapters 3, 5 and 7.
 */
#include "lib/lib.h"

#define SEL_GATE 0x40 /* with 48h */
#define SEL_CONFORMING 0x50

extern u8 compat_stack[];
extern volatile u64 gate_saw[];
volatile u64 gate_saw[6];
u8 compat_stack[4096] __attribute__((aligned(16)));
USER_DATA static ulong user_saw[4];

/* Runs 32-bit code in compatibility mode in ring 0; rax as it left it. */
extern ulong run_compat(ulong arg);
__asm__(".text\nrun_compat:\n"
	"push %rbx; push %rbp; mov %rsp, compat_sp\n"
	"mov $compat_stack + 4096, %rsp\n"
	"mov %edi, %eax\n"
	"ljmp *compat_target\n"
	"compat_back: mov compat_sp, %rsp; pop %rbp; pop %rbx; ret\n"
	".code32\ncompat_code:\n"
	"inc %eax\n"			/* 40h: a REX prefix in 64-bit code */
	"push %eax; pop %edx\n"
	"mov $0x80000000, %ecx; add %ecx, %ecx; adc $0, %eax\n"
	"aam $16; aad $16\n"		/* invalid in 64-bit mode */
	"mov $compat_word, %ecx; add (%ecx), %eax\n"
	"ljmp $0x08, $compat_back\n"
	".code64\n.data\ncompat_target: .long compat_code; .word 0x30\n"
	"compat_word: .long 0x100\ncompat_sp: .quad 0\n.text\n");

static void test_compat(void)
{
	check_eq(run_compat(0x10) & 0xffffffff, 0x112, "compat-code");
}

/* 32-bit code in ring 3; its exceptions save CS of compatibility mode. */
extern void user_compat32(void);
__asm__(".section .user.text, \"ax\"\n.code32\nuser_compat32:\n"
	"mov $0x23, %ecx; mov %ecx, %ds\n"
	"inc %edi\n mov %edi, user_saw\n mov %cs, user_saw+8\n"
	"mov $0x7fffffff, %eax; add $1, %eax\n"
	"mov %edi, %eax\n"
	"int $0x81\n.code64\n.text\n");

static void test_user_compat(void)
{
	ulong v;

	user_cs = SEL_USER_CODE32;
	v = user_call((ulong (*)(ulong))user_compat32, 0x41);
	user_cs = SEL_USER_CODE;
	check_eq(v & 0xffffffff, 0x42, "user-compat-code");
	check_eq(user_saw[0], 0x42, "user-compat-store");
	check_eq(user_saw[1] & 0xffff, SEL_USER_CODE32, "user-compat-cs");
}

extern void gate_entry64(void);
__asm__(".text\ngate_entry64:\n"
	"mov %rsp, gate_saw; mov (%rsp), %rax; mov %rax, gate_saw+8\n"
	"mov 8(%rsp), %rax; mov %rax, gate_saw+16\n"
	"mov 16(%rsp), %rax; mov %rax, gate_saw+24\n"
	"mov 24(%rsp), %rax; mov %rax, gate_saw+32\n"
	"mov %cs, %eax; mov %rax, gate_saw+40\n lretq\n");

static void set_gate(u16 sel, ulong target, u8 attr)
{
	gdt[SEL_GATE / 8] = (target & 0xffff) | (u64)sel << 16 |
			    (u64)attr << 40 | (target >> 16 & 0xffff) << 48;
	gdt[SEL_GATE / 8 + 1] = target >> 32;
}

USER_DATA static struct __attribute__((packed)) {
	u32 offset;
	u16 selector;
} user_far = { 0, SEL_GATE };

USER_TEXT static ulong user_gate(ulong x)
{
	TRY_USER("lcall *%0", : "m"(user_far) : "rax", "memory");
	return x;
}

static void test_call_gate(void)
{
	ulong kernel_sp;

	set_gate(SEL_CODE, (ulong)gate_entry64, 0xec);
	trap_clear();
	user_call(user_gate, 0);
	kernel_sp = *(u64 *)(tss + 4);
	check_no_trap("call-gate64");
	check_eq(gate_saw[0], kernel_sp - 32, "call-gate64-stack");
	check_eq(gate_saw[2], SEL_USER_CODE, "call-gate64-cs");
	check_eq(gate_saw[4], SEL_USER_DATA, "call-gate64-ss");
	check_eq(gate_saw[5] & 0xffff, SEL_CODE, "call-gate64-cpl");
	set_gate(SEL_CODE, (ulong)gate_entry64, 0x8c);
	trap_clear();
	user_call(user_gate, 0);
	check_fault(GP, SEL_GATE, "gp-call-gate64-dpl");
	set_gate(SEL_CODE, (ulong)gate_entry64, 0x6c);
	trap_clear();
	user_call(user_gate, 0);
	check_fault(NP, SEL_GATE, "np-call-gate64");
	set_gate(SEL_CODE32, (ulong)gate_entry64, 0xec);
	trap_clear();
	user_call(user_gate, 0);
	check_fault(GP, SEL_CODE32, "gp-call-gate64-code32");
	set_gate(SEL_CODE, (ulong)gate_entry64, 0xec);
	gdt[SEL_GATE / 8 + 1] |= 1ull << 40;
	trap_clear();
	user_call(user_gate, 0);
	check_fault(GP, SEL_GATE, "gp-call-gate64-upper-type");
	set_gate(SEL_CODE, (ulong)gate_entry64, 0xe4); /* 286 call gate */
	trap_clear();
	user_call(user_gate, 0);
	check_fault(GP, SEL_GATE, "gp-call-gate16-in-long-mode");
	set_gate(SEL_TSS, (ulong)gate_entry64, 0xec);
	trap_clear();
	user_call(user_gate, 0);
	check_fault(GP, SEL_TSS, "gp-call-gate64-to-tss");
}

/* Where a jump lands that should have faulted. */
extern u8 far_trap[];
__asm__(".text\nfar_trap: ud2\n");

static void test_far(void)
{
	ulong cs = 0;
	struct __attribute__((packed)) {
		u32 offset;
		u16 selector;
	} target = { (u32)(ulong)far_trap, SEL_TSS };

	__asm__ volatile("pushq %1; pushq $1f; lretq; 1: mov %%cs, %0"
			 : "=r"(cs) : "i"(SEL_CODE) : "memory");
	check_eq(cs & 0xffff, SEL_CODE, "lretq-same");
	TRY_JUMP("ljmp *%0", : "m"(target) : "memory");
	check_fault(GP, SEL_TSS, "gp-jmp-tss-in-long-mode");
	target.selector = SEL_DATA;
	TRY_JUMP("ljmp *%0", : "m"(target) : "memory");
	check_fault(GP, SEL_DATA, "gp-jmp-data");
	target.selector = SEL_USER_CODE;
	TRY_JUMP("ljmp *%0", : "m"(target) : "memory");
	check_fault(GP, SEL_USER_CODE & ~3u, "gp-jmp-outer");
	target.selector = 0;
	TRY_JUMP("ljmp *%0", : "m"(target) : "memory");
	check_fault(GP, 0, "gp-jmp-null");
	gdt[SEL_TEST / 8] = 0x00ef9b000000ffffull; /* L and D both set */
	target.selector = SEL_TEST;
	TRY_JUMP("ljmp *%0", : "m"(target) : "memory");
	check_fault(GP, SEL_TEST, "gp-jmp-l-and-d");
	gdt[SEL_TEST / 8] = 0x00af1b000000ffffull;
	TRY_JUMP("ljmp *%0", : "m"(target) : "memory");
	check_fault(NP, SEL_TEST, "np-jmp");
	trap_clear();
	__asm__ volatile("mov %%rsp, %%r12; pushq %0; pushq $0\n"
			 TRY_TEXT("lretq") "mov %%r12, %%rsp"
			 : : "i"(SEL_DATA) : "r12", "memory");
	check_fault(GP, SEL_DATA, "gp-lret-data");
}

/* lretq to ring 3 and the data segments it must drop. */
static void test_lret_outer(void)
{
	__asm__ volatile("mov %w0, %%ds; mov %w0, %%es" : : "r"(SEL_DATA));
	user_saw[0] = ~0ul;
	__asm__ volatile(
		"push %%rbx; push %%rbp; push %%r12; push %%r13; push %%r14; push %%r15\n"
		"mov %%rsp, %%rbx\n"
		"lea 1f(%%rip), %%rax; push %%rax; push %%rbx; push %%rbp\n"
		"push %%r12; push %%r13; push %%r14; push %%r15\n"
		"mov %%rsp, user_return_sp; mov %%rsp, tss+4\n"
		"pushq $0x23; pushq $user_stack_end - 8; pushq $0x2b\n"
		"pushq $user_segments; lretq\n"
		"1: pop %%r15; pop %%r14; pop %%r13; pop %%r12; pop %%rbp; pop %%rbx\n"
		: : : "rax", "rcx", "rdx", "memory", "cc");
	check_eq(user_saw[0] & 0xffff, 0, "lret-outer-drops-ds");
	check_eq(user_saw[1] & 0xffff, SEL_USER_CODE, "lret-outer-cs");
	check_eq(user_saw[2] & 0xffff, SEL_USER_DATA, "lret-outer-ss");
}
__asm__(".section .user.text, \"ax\"\nuser_segments:\n mov %ds, %eax; mov %rax, user_saw\n"
	"mov %cs, %eax; mov %rax, user_saw+8; mov %ss, %eax; mov %rax, user_saw+16\n"
	"int $0x81\n.text\n");

static u64 ldt[4] __attribute__((aligned(8)));

static void test_ldt(void)
{
	u16 v = 0;

	ldt[1] = 0x00cf93000000ffffull;
	gdt[SEL_TEST / 8] = 0x000082000000001full | (u64)((ulong)ldt & 0xffffff) << 16;
	gdt[SEL_TEST / 8 + 1] = 0;
	__asm__ volatile("lldt %w0" : : "r"(SEL_TEST));
	TRY("mov %w0, %%es", : "r"(8 | 4));
	check_no_trap("ldt-load");
	__asm__ volatile("mov %%es, %0" : "=r"(v));
	check_eq(v, 12, "ldt-selector");
	TRY("mov %w0, %%es", : "r"(0x20 | 4));
	check_fault(GP, 0x24, "gp-ldt-limit");
	__asm__ volatile("lldt %w0; mov %w0, %%es" : : "r"(0));
	TRY("mov %w0, %%es", : "r"(8 | 4));
	check_fault(GP, 12, "gp-no-ldt");
}

static u64 words[4] = { 1, 2, 3, 4 };

static void test_bases(void)
{
	u64 v = 0;

	wrmsr(MSR_FS_BASE, (ulong)&words[1]);
	__asm__ volatile("mov %%fs:8, %0" : "=r"(v));
	check_eq(v, 3, "fs-base");
	wrmsr(MSR_GS_BASE, (ulong)&words[2]);
	__asm__ volatile("mov %%gs:(%1), %0" : "=r"(v) : "r"(-8l));
	check_eq(v, 2, "gs-base-negative");
	__asm__ volatile("lea %%fs:8, %0" : "=r"(v));
	check_eq(v, 8, "lea-ignores-base");
	/* a 32-bit address size truncates before the base is added */
	__asm__ volatile("mov %%gs:(%k1), %k0" : "=r"(v)
			 : "r"(0xffffffff00000008ul));
	check_eq(v, 4, "gs-base-address-size-32");
	/* loading a selector loads the base from the descriptor */
	__asm__ volatile("mov %w0, %%fs" : : "r"(SEL_DATA));
	check_eq(rdmsr(MSR_FS_BASE), 0, "fs-load-clears-base");
	__asm__ volatile("mov %w0, %%fs; mov %w0, %%gs" : : "r"(0));
	if (cpuid7().ebx & 1) {
		TRY("rdfsbase %0", "+r"(v));
		check_fault(UD, 0, "ud-rdfsbase-without-cr4");
		write_cr4(read_cr4() | CR4_FSGSBASE);
		__asm__ volatile("wrfsbase %0" : : "r"((ulong)&words[3]));
		__asm__ volatile("mov %%fs:0, %0" : "=r"(v));
		check_eq(v, 4, "wrfsbase");
		__asm__ volatile("rdfsbase %0" : "=r"(v));
		check_eq(v, (ulong)&words[3], "rdfsbase");
		TRY("wrgsbase %0", : "r"(1ul << 63));
		check_fault(GP, 0, "gp-wrgsbase-non-canonical");
		write_cr4(read_cr4() & ~(ulong)CR4_FSGSBASE);
	}
	/* DS, ES, SS bases and limits do not count in 64-bit mode */
	gdt[SEL_TEST / 8] = 0x0040930010000001ull;
	__asm__ volatile("mov %w0, %%ds" : : "r"(SEL_TEST));
	v = words[1];
	__asm__ volatile("mov %w0, %%ds" : : "r"(SEL_DATA));
	check_eq(v, 2, "ds-base-ignored");
	__asm__ volatile("mov %w0, %%ds; mov %w0, %%es" : : "r"(0));
	v = words[2];
	__asm__ volatile("mov %w0, %%ds; mov %w0, %%es" : : "r"(SEL_DATA));
	check_eq(v, 3, "null-ds-usable");
}

static void test_addresses(void)
{
	ulong v = 0;

	__asm__ volatile("mov words+8(%%rip), %0" : "=r"(v));
	check_eq(v, 2, "rip-relative");
	__asm__ volatile("cmpl $2, words+8(%%rip); sete %b0" : "+q"(v) : : "cc");
	check_eq(v & 1, 1, "rip-relative-with-immediate");
	__asm__ volatile("movabs words+16, %%rax" : "=a"(v));
	check_eq(v, 3, "movabs");
}

USER_TEXT static ulong user_conforming(ulong x)
{
	ulong cs;

	(void)x;
	__asm__ volatile("lcall *%1; mov %%eax, %k0" : "=r"(cs) : "m"(user_far)
			 : "rax", "memory");
	return cs;
}
extern void user_cs_of(void);
__asm__(".section .user.text, \"ax\"\nuser_cs_of: mov %cs, %eax; lretl\n.text\n");

static void test_conforming(void)
{
	gdt[SEL_CONFORMING / 8] = 0x00af9f000000ffffull;
	user_far.offset = (u32)(ulong)user_cs_of;
	user_far.selector = SEL_CONFORMING;
	/* the CPL stays 3, and so does RPL in CS */
	check_eq(user_call(user_conforming, 0) & 0xffff, SEL_CONFORMING | 3,
		 "conforming-keeps-cpl");
	user_far.offset = 0;
	user_far.selector = SEL_GATE;
}

void test_main(void)
{
	test_compat();
	test_user_compat();
	test_call_gate();
	test_far();
	test_lret_outer();
	test_ldt();
	test_bases();
	test_addresses();
	test_conforming();
}
