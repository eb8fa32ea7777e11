/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts come between the very instructions where they must: after the one
 * that made a device ask, never in the shadow of STI or MOV SS, and a second NMI
 * is remembered. Needs the test device's interrupt lines. SDM vol. 3A 6.7, 6.8.
 */
#include "lib/apic.h"

#define LINE_PORT(n) (0x2000 + (n))
#define LINE 14
#define V_LINE 0x61
#define V_IPI 0x62
#define V_TIMER 0x63
#define LEVEL 0x8000u

static volatile u32 lines, ipis, nmis, timers;
static volatile ulong nmi_ip;
static u32 nmi_burst;

static void on_line(struct frame *f)
{
	(void)f;
	lines++;
	outb(LINE_PORT(LINE), 0);
	apic_write(APIC_EOI, 0);
}

static void on_ipi(struct frame *f)
{
	(void)f;
	ipis++;
	apic_write(APIC_EOI, 0);
}

static void on_timer(struct frame *f)
{
	(void)f;
	timers++;
	apic_write(APIC_EOI, 0);
}

static void on_nmi(struct frame *f)
{
	nmi_ip = f->ip;
	if (nmis++ == 0)
		for (u32 n = 0; n < nmi_burst; n++)
			apic_ipi(apic_id(), ICR_NMI);
}

static void ioapic_route(unsigned input, u32 low)
{
	ioapic_write(0x10 + input * 2 + 1, apic_id() << 24);
	ioapic_write(0x10 + input * 2, low);
}

/* Each count is read right after the instruction that makes the device ask. */
static void test_lines(void)
{
	u32 seen = 0, again = 0;

	ioapic_route(LINE, V_LINE);
	lines = 0;
	__asm__ volatile("sti; nop\n outb %%al, %%dx\n mov %2, %0\n cli"
			 : "=r"(seen) : "d"(LINE_PORT(LINE)), "m"(lines), "a"(1) : "memory");
	check_eq(seen, 1, "line-edge-at-once");
	ioapic_route(LINE, V_LINE | LEVEL);
	lines = 0;
	__asm__ volatile("sti; nop\n outb %%al, %%dx\n mov %3, %0\n outb %%al, %%dx\n"
			 "mov %3, %1\n cli"
			 : "=&r"(seen), "=&r"(again)
			 : "d"(LINE_PORT(LINE)), "m"(lines), "a"(1) : "memory");
	check_eq(seen, 1, "line-level-at-once");
	check_eq(again, 2, "line-level-twice");
	ioapic_route(LINE, V_LINE | 0x10000);
	ioapic_route(LINE, V_LINE);
	lines = 0;
	outl(LINE_PORT(LINE - 1), 0x0100); /* byte registers: the second of four */
	__asm__ volatile("sti; nop; cli");
	check_eq(lines, 1, "line-wide-write");
	ioapic_route(LINE, V_LINE | 0x10000);
}

static void test_self_ipi(const char *name, const char *cr8_name)
{
	u32 seen = 0;

	ipis = 0;
	__asm__ volatile("sti");
	apic_ipi(apic_id(), V_IPI);
	seen = ipis;
	__asm__ volatile("cli");
	check_eq(seen, 1, name);
	ipis = 0;
	write_cr8(15);
	__asm__ volatile("sti");
	apic_ipi(apic_id(), V_IPI);
	check_eq(ipis, 0, cr8_name);
	__asm__ volatile("mov %2, %%cr8\n mov %1, %0\n cli"
			 : "=r"(seen) : "m"(ipis), "r"(0ul) : "memory");
	check_eq(seen, 1, "cr8-opens-at-once");
}

static void test_deadline(void)
{
	u32 seen;

	timers = 0;
	apic_write(APIC_LVT_TIMER, 2u << 17 | V_TIMER);
	__asm__ volatile("sti");
	wrmsr(MSR_TSC_DEADLINE, rdtsc());
	seen = timers;
	__asm__ volatile("cli");
	check_eq(seen, 1, "deadline-passed-at-once");
	check_eq(rdmsr(MSR_TSC_DEADLINE), 0, "deadline-clears");
	apic_write(APIC_LVT_TIMER, 0x10000);
}

/* While one NMI is handled one more is remembered, not ten. */
static void test_nmi_latch(void)
{
	u32 bad = 0;

	nmi_burst = 10;
	for (unsigned n = 0; n < 2000; n++) {
		nmis = 0;
		apic_ipi(apic_id(), ICR_NMI);
		for (unsigned i = 0; i < 1000 && nmis < 2; i++)
			__asm__ volatile("pause");
		__asm__ volatile("nop; nop");
		bad += nmis != 2;
	}
	nmi_burst = 0;
	check_eq(bad, 0, "nmi-latches-one");
}

extern u8 after_sti[], after_ss[];

/* An NMI posted with the shadow on waits for one instruction. */
static void test_nmi_shadow(void)
{
	u32 command = ICR_NMI, bad = 0;

	for (unsigned n = 0; n < 1000; n++) {
		nmis = 0;
		__asm__ volatile("sti\n.globl after_sti\nafter_sti:\n"
				 "movl %0, (%1)\n nop\n nop\n cli"
				 : : "r"(command), "r"(0xfee00300ul) : "memory");
		bad += nmis != 1 || nmi_ip == (ulong)after_sti;
		nmis = 0;
		__asm__ volatile("mov %%ss, %%ecx\n movl %0, (%1)\n mov %%ecx, %%ss\n"
				 ".globl after_ss\nafter_ss: nop\n nop"
				 : : "r"(command), "r"(0xfee00300ul) : "ecx", "memory");
		bad += nmis != 1;
	}
	check_eq(bad, 0, "nmi-after-sti");
}

/* STI's shadow, and what ends it: the software interrupt goes first. */
static volatile u32 order, soft_at, ipi_at;

static void on_soft(struct frame *f)
{
	(void)f;
	soft_at = ++order;
}

static void on_ordered_ipi(struct frame *f)
{
	(void)f;
	ipi_at = ++order;
	apic_write(APIC_EOI, 0);
}

static void test_sti_shadow(void)
{
	order = soft_at = ipi_at = 0;
	trap_set_hook(0x90, on_soft);
	trap_set_hook(V_IPI, on_ordered_ipi);
	apic_ipi(apic_id(), V_IPI);
	__asm__ volatile("sti; int $0x90; cli" : : : "memory");
	check(soft_at == 1 && ipi_at == 2, "sti-shadow-int-first");
	trap_set_hook(0x90, NULL);
	trap_set_hook(V_IPI, on_ipi);
	ipis = 0;
	apic_ipi(apic_id(), V_IPI);
	__asm__ volatile("sti; hlt; cli" : : : "memory");
	check_eq(ipis, 1, "sti-hlt-wakes");
}

void test_main(void)
{
	apic_enable();
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	trap_set_hook(V_LINE, on_line);
	trap_set_hook(V_IPI, on_ipi);
	trap_set_hook(V_TIMER, on_timer);
	trap_set_hook(NMI, on_nmi);
	test_lines();
	test_self_ipi("self-ipi-at-once", "cr8-holds-ipi");
	test_nmi_shadow();
	test_nmi_latch();
	test_sti_shadow();
	test_deadline();
	apic_enable_x2();
	test_self_ipi("x2apic-self-ipi-at-once", "x2apic-cr8-holds-ipi");
	test_nmi_latch();
}
