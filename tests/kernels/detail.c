/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Details that suites of test kernels look at: hypercalls, SYSCALL from 32-bit
 * code, what MSRs keep, absent instructions, bases under null selectors.
 */
#include "lib/lib.h"

#define CANONICAL_END 0x800000000000ul
#define MSR_CSTAR 0xc0000083u

static void check_wrmsr_gp(u32 index, u64 v, const char *name)
{
	TRY("wrmsr", : "a"((u32)v), "d"((u32)(v >> 32)), "c"(index));
	check_fault(GP, 0, name);
}

static void check_keeps(u32 index, u64 v, const char *name)
{
	u64 old = rdmsr(index);

	TRY("wrmsr", : "a"((u32)v), "d"((u32)(v >> 32)), "c"(index));
	check(!trap_last.count && rdmsr(index) == v, name);
	wrmsr(index, old);
}

static void test_msrs(void)
{
	unsigned banks = rdmsr(0x179) & 0xff;
	u64 misc = rdmsr(0x1a0);
	u32 a, d;

	check_keeps(0x1a0, 0x400c50809 | (misc & 0x1880), "misc-enable");
	check_keeps(0x1a0, 0x400c51889, "misc-enable-read-only-bits");
	check_keeps(0x277, 0x07070707, "pat");
	check_keeps(MSR_SFMASK, 0xffffffff, "sfmask");
	check_keeps(MSR_CSTAR, 0x123456789abc, "cstar");
	for (unsigned n = 0; n < banks; n++) {
		check_keeps(0x400 + n * 4, ~0ull, "mc-ctl-ones");
		check_wrmsr_gp(0x400 + n * 4, 0xaaaaaaaaaaaaaaaa, "mc-ctl-pattern");
		check_wrmsr_gp(0x401 + n * 4, 1, "mc-status-only-cleared");
		check_keeps(0x402 + n * 4, 0xaaaaaaaaaaaaaaaa, "mc-addr");
		check_keeps(0x403 + n * 4, ~0ull, "mc-misc");
	}
	TRY("rdmsr", "=a"(a), "=d"(d) : "c"(0x400 + banks * 4));
	check_fault(GP, 0, "mc-bank-beyond");
	wrmsr(0x1a0, misc | 1u << 22);
	check_eq(cpuid(0, 0).eax, 2, "cpuid-limit");
	wrmsr(0x1a0, misc | 1ull << 34);
	check(!(cpuid(0x80000001, 0).edx & 1u << 20), "xd-disable-cpuid");
	wrmsr(0x1a0, misc);
}

#define ABSENT(bytes, name)                                           \
	do {                                                          \
		TRY(".byte " bytes, : "b"(&word) : "memory");          \
		check_fault(UD, 0, name);                             \
	} while (0)
#define PRESENT(insn)                                                 \
	do {                                                          \
		TRY(insn, : "b"(&word) : "memory");                   \
		check_no_trap(insn);                                  \
	} while (0)

static void test_cache_insns(void)
{
	static u64 word;

	PRESENT("clflush (%%rbx)");
	PRESENT("sfence");
	PRESENT("lfence");
	PRESENT("mfence");
	if (cpuid7().ebx & 1u << 23)
		PRESENT("clflushopt (%%rbx)");
	if (!(cpuid7().ebx & 1u << 24))
		ABSENT("0x66, 0x0f, 0xae, 0x33", "clwb-absent");
	else
		PRESENT("clwb (%%rbx)");
	ABSENT("0x66, 0x0f, 0xae, 0xf0", "mfence-with-66");
	ABSENT("0x66, 0x0f, 0xae, 0xf8", "pcommit-absent");
	ABSENT("0x8d, 0xc0", "lea-register");
	ABSENT("0x0f, 0x38, 0xf0, 0xc0", "movbe-register");
	ABSENT("0x0f, 0x01, 0xfd", "rdpru-absent");
	ABSENT("0x0f, 0x01, 0xee", "rdpkru-absent");
}

static void test_invalidate(void)
{
	static u64 desc[2] __attribute__((aligned(16)));
	ulong cr4 = read_cr4(), v;

	TRY("invlpg (%0)", : "r"(0x8000123456789000ul) : "memory");
	check_no_trap("invlpg-not-canonical");
	if (!(cpuid7().ebx & 1u << 10))
		return;
	TRY("invpcid %0, %1", : "m"(desc), "r"(1ul));
	check_no_trap("invpcid-without-pcide");
	desc[0] = 1;
	TRY("invpcid %0, %1", : "m"(desc), "r"(1ul));
	check_fault(GP, 0, "invpcid-pcid-without-pcide");
	desc[0] = 0, desc[1] = 0x8000123456789000;
	TRY("invpcid %0, %1", : "m"(desc), "r"(0ul));
	check_fault(GP, 0, "invpcid-not-canonical");
	write_cr3(read_cr3() | 8);
	TRY("mov %0, %%cr4", : "r"(cr4 | CR4_PCIDE));
	check_fault(GP, 0, "pcide-with-cr3-bits");
	write_cr3(read_cr3() & ~0xffful);
	write_cr4(cr4 | CR4_PCIDE);
	v = read_cr0();
	TRY("mov %0, %%cr0", : "r"(v & ~(ulong)CR0_PG));
	check_fault(GP, 0, "pg-off-with-pcide");
	TRY("mov %0, %%cr4", : "r"(cr4 | 1ul << 22));
	check_fault(GP, 0, "cr4-pke-absent");
	TRY("mov %0, %%cr4", : "r"(cr4 | 1ul << 28));
	check_fault(GP, 0, "cr4-lam-absent");
	write_cr4(cr4);
}

/* VMCALL: unknown calls say so; at the end of the canonical half it completes,
 * and the fetch of what is not there faults. */
static void test_hypercall(void)
{
	ulong page = CANONICAL_END - PAGE, r;

	r = 0;
	TRY("vmcall", "+a"(r) : : "memory");
	if (trap_last.count) {
		check_skip("vmcall", "no hypercalls here");
		return;
	}
	check_eq(r, (ulong)-1000, "vmcall-unknown");
	r = 10;
	TRY("vmcall", "+a"(r) : "b"(~0u), "c"(0), "d"(~0u), "S"(0) : "memory");
	check(!trap_last.count && !r, "vmcall-send-ipi-to-none");
	page_map(page, page_alloc(), PTE_P | PTE_W);
	memcpy((void *)(CANONICAL_END - 3), "\x0f\x01\xc1", 3);
	TRY_JUMP("jmp *%0", : "r"(CANONICAL_END - 3), "a"(-1) : "memory");
	check(trap_last.vector == GP && trap_last.ip == CANONICAL_END, "canonical-end");
}

/* What is left of GS after a return to ring 3 that may not keep its selector. */
USER_TEXT static ulong user_read_gs(ulong offset)
{
	ulong v;

	__asm__ volatile("mov %%gs:(%1), %0" : "=r"(v) : "r"(offset));
	return v;
}

USER_DATA static ulong user_word = 0x1badcafe;

static void test_null_base(void)
{
	u16 gs;

	__asm__ volatile("mov %w0, %%gs" : : "r"(SEL_DATA));
	wrmsr(MSR_GS_BASE, 0x400000);
	trap_clear();
	check_eq(user_call(user_read_gs, (ulong)&user_word - 0x400000), 0x1badcafe,
		 "iret-null-keeps-base");
	check_no_trap("iret-null-no-trap");
	__asm__ volatile("mov %%gs, %0" : "=r"(gs));
	check_eq(gs, 0, "iret-nulls-selector");
	__asm__ volatile("mov %w0, %%gs" : : "r"(0));
	check_eq(rdmsr(MSR_GS_BASE), 0, "mov-null-clears-base");
}

/* --- SYSCALL and SYSRET with 32-bit code ------------------------------------- */

extern u8 enter_user32[], syscall_entry[], syscall_back[], user32_code[];
extern u64 syscall_saved[3];
__asm__(".text\nenter_user32: push %rbx; push %rbp; push %r12; push %r13; push %r14\n"
	"push %r15; mov %rsp, syscall_saved\n"
	"mov $user32_code, %ecx; mov $2, %r11d; mov $user_stack_end-8, %rsp; sysretl\n"
	"syscall_entry: mov %r11, syscall_saved+8; mov %cs, %eax; mov %rax, syscall_saved+16\n"
	"cmpl $0, stepped_cs; jne syscall_back\n"
	"testl $0x100, syscall_saved+8; jz syscall_back\n"
	"sysretl\n" /* TF is in R11: the trap comes at once */
	"syscall_back: mov syscall_saved, %rsp\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"mov $0x10, %eax; mov %eax, %ss; ret\n"
	".section .user.text, \"ax\"\n.code32\nuser32_code:\n"
	"mov $0x23, %ecx; mov %ecx, %ds\n cmpl $0, want_step; je 1f\n"
	"pushf; orl $0x100, (%esp); popf\n"
	"1: syscall\n syscall\n.code64\n.text\n"
	".bss\nsyscall_saved: .skip 24\n.text\n");
volatile u32 stepped_cs;
static volatile ulong cstar_zero; /* read at run time: compilers take exception to 0 */
USER_DATA u32 want_step;

static void on_step(struct frame *f)
{
	stepped_cs = (u32)f->cs;
	f->flags &= ~(ulong)FLAG_TF;
}

/* AMD's own processors go to address 0 then, be it for a guest of a hypervisor, which
 * cannot see it: back to the kernel from there. */
static const u8 to_syscall_back[] = { 0x48, 0xc7, 0xc0, 0, 0, 0, 0, 0xff, 0xe0 };

static void put_at_zero(void)
{
	u32 back = (u32)(ulong)syscall_back;
	volatile u8 *zero = (volatile u8 *)(ulong)cstar_zero;

	for (unsigned i = 0; i < sizeof to_syscall_back; i++)
		zero[i] = i >= 3 && i < 7 ? (u8)(back >> 8 * (i - 3)) : to_syscall_back[i];
}

/* Undefined while IA32_CSTAR is zero, as Intel's are always: back to the kernel. */
static void on_undefined(struct frame *f)
{
	stepped_cs = (u32)f->cs;
	f->ip = (ulong)syscall_back;
	f->cs = SEL_CODE;
	f->ss = SEL_DATA;
}

static void test_syscall32(void)
{
	void (*enter)(void) = (void (*)(void))enter_user32;

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1);
	wrmsr(MSR_STAR, 0x0018000800000000ull);
	wrmsr(MSR_CSTAR, (ulong)syscall_entry);
	wrmsr(MSR_SFMASK, FLAG_TF | FLAG_IF);
	trap_clear();
	stepped_cs = want_step = 0;
	enter();
	check_eq(syscall_saved[2], SEL_CODE, "syscall-from-32-bit");
	want_step = 1;
	trap_set_hook(DB, on_step);
	enter();
	trap_set_hook(DB, NULL);
	check_eq(stepped_cs, SEL_USER_CODE32, "sysret-steps-at-once");
	wrmsr(MSR_CSTAR, 0);
	stepped_cs = want_step = 0;
	put_at_zero();
	trap_set_hook(UD, on_undefined);
	enter();
	trap_set_hook(UD, NULL);
	check_eq(stepped_cs, SEL_USER_CODE32, "syscall-from-32-bit-without-cstar");
}

void test_main(void)
{
	test_msrs();
	test_cache_insns();
	test_invalidate();
	test_null_base();
	test_syscall32();
	test_hypercall();
}
