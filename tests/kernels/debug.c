/* SPDX-License-Identifier: Apache-2.0 */
/* Debug registers, single-step, the interrupt shadows. SDM vol. 3B 17. */
#include "lib/apic.h"

#define BS 0x4000u
#define BD 0x2000u
#define DR6_STATUS 0xe00fu

#define SET_TF "pushf; orl $0x100, (%%rsp); popf\n"
#define CLEAR_TF "pushf; andl $~0x100, (%%rsp); popf\n"

static volatile struct {
	unsigned count;
	ulong ip[32], dr6[32];
} steps;

/* Records where each step was and stops once at `last`. */
static void on_step(struct frame *f)
{
	if (steps.count < 32) {
		steps.ip[steps.count] = f->ip;
		steps.dr6[steps.count] = read_dr6();
	}
	steps.count++;
	write_dr6(0xffff0ff0);
	if (steps.count >= 32)
		f->flags &= ~(ulong)FLAG_TF;
}

/* Exec breakpoints are faults: go on with RF. */
static void on_exec(struct frame *f)
{
	on_step(f);
	f->flags |= FLAG_RF;
}

/* A CPU without INT1 (QEMU's TCG) goes on behind it. */
static void on_no_int1(struct frame *f)
{
	f->ip++;
}

static void steps_begin(trap_hook *hook)
{
	steps.count = 0;
	write_dr6(0xffff0ff0);
	trap_set_hook(DB, hook);
}

static void steps_end(void)
{
	write_dr7(0x400);
	trap_set_hook(DB, NULL);
	write_dr6(0xffff0ff0);
}

static u64 watched[4] __attribute__((aligned(32)));
static volatile unsigned late_timer;

static void on_late_timer(struct frame *f)
{
	(void)f;
	late_timer++;
	apic_write(APIC_EOI, 0);
}

/*
 * HLT is over when a debug trap is due: here at once, with a timer's interrupt as
 * what ends it where the trap is lost. SDM vol. 2A HLT.
 */
static void test_step_hlt(void)
{
	extern u8 halted[];

	apic_enable();
	trap_set_hook(0x90, on_late_timer);
	apic_write(APIC_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, 0x90);
	steps_begin(on_step);
	apic_write(APIC_TIMER_INITIAL, 200000000);
	__asm__ volatile(SET_TF "sti\n hlt\n.globl halted\nhalted: nop\n" CLEAR_TF "cli"
			 : : : "memory", "cc");
	apic_write(APIC_TIMER_INITIAL, 0);
	steps_end();
	trap_set_hook(0x90, NULL);
	/* after sti, hlt, nop, pushf, andl, popf */
	check(steps.count == 6 && steps.ip[1] == (ulong)halted, "step-hlt");
	check((steps.dr6[1] & DR6_STATUS) == BS && !late_timer, "step-hlt-wakes");
}

static void test_step(void)
{
	ulong a = 0, b = 0;

	steps_begin(on_step);
	__asm__ volatile(SET_TF "1: nop\n2: inc %0\n 3:" CLEAR_TF "4:"
			 : "+r"(a), "+r"(b) : : "memory", "cc");
	steps_end();
	/* after nop, inc, pushf, andl, and popf that clears TF */
	check_eq(steps.count, 5, "step-count");
	check(steps.ip[1] - steps.ip[0] == 3, "step-ip");
	check((steps.dr6[0] & DR6_STATUS) == BS, "step-dr6-bs");
	check_eq(a, 1, "step-executes");

	steps_begin(on_step);
	a = 4;
	memset((void *)0x1e00000, 0, 64);
	__asm__ volatile(SET_TF "rep stosb\n" CLEAR_TF
			 : "+c"(a) : "D"(0x1e00000), "a"(1) : "memory", "cc");
	steps_end();
	check_eq(steps.count, 4 + 3, "step-each-rep-iteration");
	check(steps.ip[0] == steps.ip[1] && steps.ip[2] != steps.ip[3],
	      "step-rep-ip");

	steps_begin(on_step);
	__asm__ volatile("mov %%ss, %%ecx\n" SET_TF "mov %%ecx, %%ss\n nop\n" CLEAR_TF
			 : : : "memory", "cc", "ecx");
	steps_end();
	/* none between mov ss and nop */
	check_eq(steps.count, 4, "step-mov-ss-shadow");

	steps_begin(on_step);
	__asm__ volatile("push %%rax\n mov %%ss, %%ecx\n mov %%esp, (%%rax)\n"
			 "mov %%cx, 4(%%rax)\n" SET_TF "lss (%%rax), %%esp\n nop\n" CLEAR_TF
			 "pop %%rax" : : "a"(watched) : "memory", "cc", "ecx");
	steps_end();
	/* but LSS casts none: after lss, nop, pushf, andl, popf */
	check_eq(steps.count, 5, "step-lss");

	steps_begin(on_step);
	__asm__ volatile(SET_TF "int $0x90\n nop\n" CLEAR_TF : : : "memory", "cc");
	steps_end();
	check_eq(trap_last.vector, 0x90, "step-int-goes-on");
	/* int n clears TF for the handler; its iret restores it; the trap after
	 * iret's next instruction */
	check_eq(steps.count, 4, "step-over-int");

	steps_begin(on_step);
	trap_clear();
	__asm__ volatile(SET_TF TRY_TEXT("ud2") CLEAR_TF : : : "memory", "cc");
	steps_end();
	check(trap_last.vector == UD && trap_last.flags & FLAG_TF,
	      "step-fault-saves-tf");
}

/* The trap comes right behind an instruction that ends in a hypervisor. */
#define STEP_OVER(name, insn)                                                      \
	do {                                                                       \
		ulong after_, a_ = 0, c_ = 0x1b;                                   \
										   \
		steps_begin(on_step);                                              \
		__asm__ volatile("lea 1f(%%rip), %0\n" SET_TF insn "\n1:" CLEAR_TF \
				 : "=&r"(after_), "+a"(a_), "+c"(c_)               \
				 : : "rbx", "rdx", "memory", "cc");                \
		steps_end();                                                       \
		check_eq(steps.ip[0], after_, name);                               \
	} while (0)

static void test_step_over(void)
{
	ulong a = 0;

	STEP_OVER("step-cpuid", "cpuid");
	STEP_OVER("step-rdmsr", "rdmsr");
	STEP_OVER("step-device", "mov 0xfec00000, %%eax");
	TRY("vmcall", "+a"(a) : "b"(0), "c"(0), "d"(0), "S"(0) : "memory");
	if (trap_last.count) {
		check_skip("step-vmcall", "no hypercalls here");
		return;
	}
	STEP_OVER("step-vmcall", "vmcall");
	STEP_OVER("step-vmmcall", "vmmcall");
}

extern u8 exec_spot[], exec_spot2[];

static void exec_code(void)
{
	__asm__ volatile("xor %%eax, %%eax\n.globl exec_spot\nexec_spot: inc %%eax\n"
			 ".globl exec_spot2\nexec_spot2: inc %%eax" : : : "eax", "cc");
}

static void test_exec(void)
{
	steps_begin(on_exec);
	write_dr0((ulong)exec_spot);
	write_dr7(0x402);
	exec_code();
	exec_code();
	write_dr7(0x400);
	check_eq(steps.count, 2, "exec-breakpoint-count");
	check(steps.ip[0] == (ulong)exec_spot, "exec-breakpoint-is-fault");
	check((steps.dr6[0] & DR6_STATUS) == 1, "exec-breakpoint-dr6");
	steps.count = 0;
	write_dr1((ulong)exec_spot2);
	write_dr7(0x40a);
	exec_code();
	check_eq(steps.count, 2, "two-exec-breakpoints");
	check((steps.dr6[1] & DR6_STATUS) == 2, "exec-breakpoint-dr1");
	steps.count = 0;
	write_dr7(0x400);
	exec_code();
	check_eq(steps.count, 0, "exec-breakpoint-off");
	steps_end();
}

static void test_data(void)
{
	volatile u64 *w = watched;
	ulong after = 0, v = 0;

	steps_begin(on_step);
	write_dr0((ulong)&watched[1]);
	write_dr7(0x402 | 0x9u << 16); /* on write, eight bytes */
	__asm__ volatile("movb $1, 3(%1)\n lea 1f(%%rip), %0\n 1:"
			 : "=r"(after) : "r"(&watched[1]) : "memory");
	check_eq(steps.count, 1, "data-write-in-8-bytes");
	check(steps.ip[0] < after && steps.ip[0] + 8 > after, "data-write-is-trap");
	check((steps.dr6[0] & DR6_STATUS) == 1, "data-write-dr6");
	steps.count = 0;
	v = w[1];
	check_eq(steps.count, 0, "data-write-ignores-read");
	w[0] = v;
	w[2] = v;
	check_eq(steps.count, 0, "data-write-ignores-neighbours");
	__asm__ volatile("movq $0, -4(%0)" : : "r"(&watched[1]) : "memory");
	check_eq(steps.count, 1, "data-write-overlap");
	write_dr7(0x402 | 0x3u << 16); /* read or write, one byte */
	steps.count = 0;
	v = w[1];
	check_eq(steps.count, 1, "data-read");
	steps.count = 0;
	v = *(volatile u8 *)((u8 *)watched + 9);
	check_eq(steps.count, 0, "data-one-byte-length");
	/* On a string instruction: after the iteration that hit. */
	write_dr7(0x402 | 0x9u << 16);
	steps.count = 0;
	{
		ulong di = (ulong)watched, cx = 4;

		__asm__ volatile("rep stosq" : "+D"(di), "+c"(cx) : "a"(0) : "memory");
	}
	check(steps.count >= 1, "data-write-rep");
	/* push and call hit too */
	write_dr7(0x400);
	write_dr0((ulong)&watched[0]);
	write_dr7(0x402 | 0x9u << 16);
	steps.count = 0;
	__asm__ volatile("mov %%rsp, %%r12; mov %0, %%rsp; push %%rax;"
			 "mov %%r12, %%rsp" : : "r"(&watched[1]) : "r12", "memory");
	/* The trap's own frame is written below: it hits watched' neighbours. */
	check(steps.count >= 1, "data-write-push");
	(void)v;
	steps_end();
}

static void test_io_gd(void)
{
	write_cr4(read_cr4() | CR4_DE);
	steps_begin(on_step);
	write_dr0(0x70);
	write_dr7(0x402 | 0x2u << 16);
	inb(0x70);
	check_eq(steps.count, 1, "io-breakpoint");
	check((steps.dr6[0] & DR6_STATUS) == 1, "io-breakpoint-dr6");
	inb(0x71);
	check_eq(steps.count, 1, "io-breakpoint-other-port");
	steps_end();
	write_cr4(read_cr4() & ~(ulong)CR4_DE);
	write_dr7(0x2400);
	TRY("mov %%dr0, %%rax", : : "rax");
	check_fault(DB, 0, "general-detect");
	check((trap_last.dr6 & DR6_STATUS) == BD, "general-detect-dr6");
	write_dr7(0x400);
	check(!(read_dr7() & 0x2000), "general-detect-cleared-by-entry");
	write_dr6(0xffff0ff0);
}

static void test_values(void)
{
	write_dr6(0);
	check_eq(read_dr6() & 0xffffeff0, 0xffff0ff0 & 0xffffeff0, "dr6-fixed-bits");
	write_dr6(0xffff0ff0);
	write_dr7(0);
	check_eq(read_dr7(), 0x400, "dr7-fixed-bit");
	write_dr0(0x123456789abcul);
	check_eq(read_dr0(), 0x123456789abcul, "dr0-64-bit");
	write_dr0(0);
}

extern u8 shadowed[], after_int1[];

/* MOV SS holds breakpoints back for one instruction, and its own data
 * breakpoint until after that. */
static void test_mov_ss(void)
{
	static u64 selector;

	selector = SEL_DATA;
	steps_begin(on_exec);
	write_dr0((ulong)shadowed);
	write_dr7(0x402);
	__asm__ volatile("mov %%ss, %%ecx\n mov %%ecx, %%ss\n"
			 ".globl shadowed\nshadowed: xor %%ecx, %%ecx"
			 : : : "ecx", "cc");
	check_eq(steps.count, 0, "mov-ss-hides-exec-breakpoint");
	steps_begin(on_step);
	write_dr0((ulong)&selector);
	write_dr7(0x402 | 0xfu << 16);
	__asm__ volatile("mov %0, %%ss\n nop\n nop" : : "m"(selector));
	check(steps.count == 1 && (steps.dr6[0] & DR6_STATUS) == 1,
	      "mov-ss-data-breakpoint");
	steps.count = 0;
	trap_set_hook(UD, on_no_int1);
	__asm__ volatile("mov %0, %%ss\n .byte 0xf1\n.globl after_int1\nafter_int1: nop"
			 : : "m"(selector));
	trap_set_hook(UD, NULL);
	check(steps.count == 1 && steps.ip[0] == (ulong)after_int1, "mov-ss-int1");
	steps.count = 0;
	trap_clear();
	__asm__ volatile("mov %0, %%ss\n int3" : : "m"(selector));
	check(steps.count == 1 && trap_last.vector == BP, "mov-ss-int3");
	steps_end();
	/* General detect is a fault and is not held back. */
	steps_begin(on_step);
	write_dr7(0x2400);
	__asm__ volatile("mov %%ss, %%ecx\n" SET_TF "mov %%ecx, %%ss\n"
			 "mov %%rdx, %%dr0\n" CLEAR_TF
			 : : "d"(0ul) : "ecx", "memory", "cc");
	check((steps.dr6[0] & DR6_STATUS) == BD && (steps.dr6[1] & DR6_STATUS) == BS,
	      "mov-ss-general-detect");
	steps_end();
}

void test_main(void)
{
	test_mov_ss();
	test_values();
	test_step();
	test_step_hlt();
	test_step_over();
	test_exec();
	test_data();
	test_io_gd();
}
