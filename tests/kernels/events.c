/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies between two elements of a repeated instruction, x87 errors by way of
 * IRQ 13, and NMIs around an IRET that faults. Needs the test device's interrupt
 * lines. SDM vol. 3B 17.3.1.1, vol. 1 D.2, vol. 3A 6.7.1.
 */
#include "lib/apic.h"

#define LINE_PORT(n) (0x2000 + (n))
#define LINE 14
#define V_LINE 0x61
#define V_PIC 0x70

static volatile struct {
	u32 count;
	ulong ip[16], flags[16], cx[16];
} seen;

static void record(struct frame *f)
{
	if (seen.count < 16) {
		seen.ip[seen.count] = f->ip;
		seen.flags[seen.count] = f->flags;
		seen.cx[seen.count] = f->cx;
	}
	seen.count++;
}

static void on_line(struct frame *f)
{
	record(f);
	outb(LINE_PORT(LINE), 0);
	apic_write(APIC_EOI, 0);
}

static void on_debug(struct frame *f)
{
	record(f);
	write_dr6(0xffff0ff0);
	if (seen.count >= 16)
		f->flags &= ~(ulong)FLAG_TF;
}

/* An instruction breakpoint: go on behind it. */
static void on_exec(struct frame *f)
{
	record(f);
	f->flags |= FLAG_RF;
}

extern u8 outs_at[], rep_at[], rep_end[];

static void outs(ulong count)
{
	static u8 levels[4] = { 1, 1, 1, 1 };

	seen.count = 0;
	__asm__ volatile("sti\n nop\n.globl outs_at\nouts_at: rep outsb\n cli"
			 : "+c"(count) : "S"(levels), "d"(LINE_PORT(LINE)) : "memory");
}

static void test_rep_interrupt(void)
{
	ioapic_write(0x10 + LINE * 2 + 1, apic_id() << 24);
	ioapic_write(0x10 + LINE * 2, V_LINE);
	trap_set_hook(V_LINE, on_line);
	outs(3);
	check_eq(seen.count, 3, "rep-outs-interrupts");
	check(seen.ip[0] == (ulong)outs_at && seen.cx[0] == 2, "rep-interrupt-ip");
	check(seen.flags[0] & FLAG_RF, "rep-interrupt-rf");
	check(seen.flags[1] & FLAG_RF && seen.cx[1] == 1, "rep-interrupt-rf-again");
	check(seen.ip[2] != (ulong)outs_at && !(seen.flags[2] & FLAG_RF),
	      "rep-interrupt-last-no-rf");
	/* RF that the interrupt's return restored hides the breakpoint from the rest. */
	trap_set_hook(DB, on_exec);
	write_dr0((ulong)outs_at);
	write_dr7(0x402);
	outs(3);
	write_dr7(0x400);
	check(seen.count == 4 && seen.cx[0] == 3 && seen.ip[0] == (ulong)outs_at,
	      "rep-exec-breakpoint-once");
	trap_set_hook(DB, NULL);
	trap_set_hook(V_LINE, NULL);
	ioapic_write(0x10 + LINE * 2, 0x10000);
	outb(LINE_PORT(LINE), 0);
}

static void test_rep_trap(void)
{
	static u64 words[4];
	ulong di = (ulong)words, cx = 3;

	trap_set_hook(DB, on_debug);
	seen.count = 0;
	__asm__ volatile("pushf; orl $0x100, (%%rsp); popf\n"
			 ".globl rep_at, rep_end\nrep_at: rep stosq\n"
			 "rep_end: pushf; andl $~0x100, (%%rsp); popf"
			 : "+D"(di), "+c"(cx) : "a"(0ul) : "memory", "cc");
	check(seen.ip[0] == (ulong)rep_at && seen.flags[0] & FLAG_RF &&
	      seen.ip[1] == (ulong)rep_at && seen.flags[1] & FLAG_RF, "rep-step-rf");
	check(seen.ip[2] == (ulong)rep_end && !(seen.flags[2] & FLAG_RF),
	      "rep-step-last-no-rf");
	/* A data breakpoint on the second of four. */
	write_dr0((ulong)&words[1]);
	write_dr7(0x402 | 0x9u << 16);
	seen.count = 0;
	di = (ulong)words, cx = 4;
	__asm__ volatile("rep stosq" : "+D"(di), "+c"(cx) : "a"(0ul) : "memory");
	write_dr7(0x400);
	check(seen.count == 1 && seen.cx[0] == 2 && seen.flags[0] & FLAG_RF,
	      "rep-data-breakpoint-rf");
	trap_set_hook(DB, NULL);
	write_dr6(0xffff0ff0);
}

/* A long run that faults at its third page. */
static void test_rep_fault(void)
{
	ulong di = TEST_WINDOW, cx = 3 * PAGE;

	page_map(TEST_WINDOW, page_alloc(), PTE_P | PTE_W);
	page_map(TEST_WINDOW + PAGE, page_alloc(), PTE_P | PTE_W);
	page_map(TEST_WINDOW + 2 * PAGE, 0, 0);
	TRY("rep stosb", "+D"(di), "+c"(cx) : "a"(0x5a) : "memory");
	check_page_fault(2, TEST_WINDOW + 2 * PAGE, "rep-fault");
	check(di == TEST_WINDOW + 2 * PAGE && cx == PAGE, "rep-fault-registers");
	check(trap_last.flags & FLAG_RF, "rep-fault-rf");
	check(*(u8 *)TEST_WINDOW == 0x5a && *(u8 *)(TEST_WINDOW + 2 * PAGE - 1) == 0x5a,
	      "rep-fault-stored");
}

/* --- x87 errors as an interrupt --------------------------------------------- */

extern u8 ferr_at[];

static void on_ferr(struct frame *f)
{
	u16 status;

	record(f);
	__asm__ volatile("fnstsw %0; fnclex" : "=a"(status));
	seen.cx[0] = status;
	outb(0xf0, 0);
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void pic_init(u8 vector)
{
	outb(0x20, 0x11), outb(0xa0, 0x11);
	outb(0x21, vector), outb(0xa1, (u8)(vector + 8));
	outb(0x21, 4), outb(0xa1, 2);
	outb(0x21, 1), outb(0xa1, 1);
	outb(0x21, 0xfb), outb(0xa1, 0xdf); /* the cascade and line 13 */
}

static void divide_by_zero(void)
{
	u16 control = 0x37b; /* ZM clear */

	__asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp" : : "m"(control));
}

static void test_ferr(void)
{
	ulong cr0 = read_cr0();

	write_cr0((cr0 & ~(ulong)(CR0_EM | CR0_TS)) | CR0_NE);
	divide_by_zero();
	TRY("fwait", :);
	check_fault(MF, 0, "x87-error-is-mf");
	__asm__ volatile("fnclex");
	write_cr0(read_cr0() & ~(ulong)CR0_NE);
	pic_init(V_PIC);
	apic_write(APIC_LVT_LINT0, 0x700);
	trap_set_hook(V_PIC + 13, on_ferr);
	for (int again = 0; again < 2; again++) {
		seen.count = 0;
		trap_clear();
		__asm__ volatile("sti");
		divide_by_zero();
		__asm__ volatile(".globl ferr_at\nferr_at: fwait\n cli");
		check(seen.count == 1 && !trap_last.count && seen.ip[0] == (ulong)ferr_at,
		      "x87-error-is-irq13");
		check((seen.cx[0] & 0x84) == 0x84, "x87-error-status");
	}
	/* One that does not wait goes on. */
	seen.count = 0;
	divide_by_zero();
	__asm__ volatile("fnstcw (%%rsp); fninit" : : : "memory");
	check_eq(seen.count, 0, "x87-error-needs-a-waiting-one");
	outb(0x21, 0xff), outb(0xa1, 0xff);
	write_cr0(cr0);
}

/* --- NMI and an IRET that faults --------------------------------------------- */

static volatile u32 nmis, faults, nmis_at_fault;

static void on_nmi(struct frame *f)
{
	(void)f;
	if (nmis++)
		return;
	apic_ipi(apic_id(), ICR_NMI);
	check_eq(nmis, 1, "nmi-blocked-in-handler");
	/* The frame to return by is not there yet. */
	__asm__ volatile("mov %%rsp, %%rbx\n mov %0, %%rsp\n iretq\n"
			 ".globl after_iret\nafter_iret: mov %%rbx, %%rsp"
			 : : "r"(TEST_WINDOW + 4 * PAGE + 2048) : "rbx", "memory");
}

extern u8 after_iret[];

static void on_page_fault(struct frame *f)
{
	ulong page = page_alloc(), *frame = (ulong *)(page + 2048);

	(void)f;
	nmis_at_fault = nmis;
	faults++;
	frame[0] = (ulong)after_iret;
	frame[1] = SEL_CODE;
	frame[2] = 2;
	frame[3] = TEST_WINDOW + 4 * PAGE + 2048;
	frame[4] = SEL_DATA;
	page_map(TEST_WINDOW + 4 * PAGE, page, PTE_P | PTE_W);
}

static void test_nmi_iret(void)
{
	page_map(TEST_WINDOW + 4 * PAGE, 0, 0);
	trap_set_hook(NMI, on_nmi);
	trap_set_hook(PF, on_page_fault);
	idt[PF].ist = 1;
	apic_ipi(apic_id(), ICR_NMI);
	for (int i = 0; i < 1000 && nmis < 2; i++)
		__asm__ volatile("pause");
	check_eq(faults, 1, "nmi-iret-faults");
	/* An IRET that faults has unblocked NMIs all the same. */
	check_eq(nmis_at_fault, 2, "nmi-unblocked-by-faulting-iret");
	check_eq(nmis, 2, "nmi-iret-twice");
	idt[PF].ist = 0;
	trap_set_hook(PF, NULL);
	trap_set_hook(NMI, NULL);
}

void test_main(void)
{
	outb(0x21, 0xff), outb(0xa1, 0xff);
	apic_enable();
	test_rep_interrupt();
	test_rep_trap();
	test_rep_fault();
	test_ferr();
	test_nmi_iret();
}
