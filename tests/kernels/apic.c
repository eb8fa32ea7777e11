/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC (xAPIC and x2APIC), I/O APIC, 8259 and 8254 as a kernel sees them.
 * SDM vol. 3A chapter 11; 82093AA, 8259A and 8254 data sheets.
 */
#include "lib/apic.h"

static volatile unsigned got[256], order[16], order_count;
static bool manual_eoi;

static void on_irq(struct frame *f)
{
	got[f->vector]++;
	if (order_count < 16)
		order[order_count++] = (unsigned)f->vector;
	if (!manual_eoi)
		apic_write(APIC_EOI, 0);
}

static volatile u8 pic_isr;

static void on_pic(struct frame *f)
{
	got[f->vector]++;
	outb(0x20, 0x0b); /* OCW3: read the in-service register */
	pic_isr = inb(0x20);
	outb(0x20, 0x20);
}

static void clear_got(void)
{
	for (int i = 0; i < 256; i++)
		got[i] = 0;
	order_count = 0;
}

/* Waits with interrupts on until got[vector] >= n or the time is over. */
static bool wait_for(unsigned vector, unsigned n, u64 us)
{
	u64 end = rdtsc() + us * tsc_khz() / 1000;

	__asm__ volatile("sti");
	while (got[vector] < n && rdtsc() < end)
		__asm__ volatile("pause" : : : "memory");
	__asm__ volatile("cli" : : : "memory");
	return got[vector] >= n;
}

static void settle(void)
{
	__asm__ volatile("sti; nop; nop; nop; nop; cli" : : : "memory");
}

static void test_registers(const char *id, const char *version, const char *base)
{
	check_eq(apic_id(), 0, id);
	check((apic_read(APIC_VERSION) & 0xff) >= 0x10 &&
	      (apic_read(APIC_VERSION) >> 16 & 0xff) >= 5, version);
	check((rdmsr(MSR_APIC_BASE) & 0x100) != 0, base);
}

static void test_self_ipi(const char *name, const char *masked)
{
	clear_got();
	apic_ipi(0, 0x60 | ICR_SELF);
	check(got[0x60] == 0, masked);
	check(wait_for(0x60, 1, 100000) && got[0x60] == 1, name);
}

static void test_priority(void)
{
	clear_got();
	apic_ipi(0, 0x60 | ICR_SELF);
	apic_ipi(0, 0x90 | ICR_SELF);
	apic_ipi(0, 0x71 | ICR_SELF);
	apic_ipi(0, 0x71 | ICR_SELF);
	settle();
	wait_for(0x60, 1, 100000);
	check(order_count == 3 && order[0] == 0x90 && order[1] == 0x71 &&
	      order[2] == 0x60, "priority-order");
	clear_got();
	write_cr8(7);
	check_eq(apic_read(APIC_TPR), 0x70, "cr8-is-tpr");
	apic_ipi(0, 0x7f | ICR_SELF);
	apic_ipi(0, 0x80 | ICR_SELF);
	check(wait_for(0x80, 1, 100000), "tpr-lets-higher");
	settle();
	check_eq(got[0x7f], 0, "tpr-holds-same-class");
	check(apic_read(APIC_IRR + 0x30) & 1u << 31, "irr-shows-held");
	write_cr8(6);
	check(wait_for(0x7f, 1, 100000), "tpr-lowered");
	apic_write(APIC_TPR, 0x35);
	check_eq(read_cr8(), 3, "tpr-is-cr8");
	write_cr8(0);
	/* one that is not ended holds its class and lower ones */
	clear_got();
	manual_eoi = true;
	apic_ipi(0, 0x80 | ICR_SELF);
	wait_for(0x80, 1, 100000);
	check(apic_read(APIC_ISR + 0x40) & 1, "isr-in-service");
	check_eq(apic_read(APIC_PPR), 0x80, "ppr-in-service");
	apic_ipi(0, 0x8f | ICR_SELF);
	apic_ipi(0, 0x91 | ICR_SELF);
	wait_for(0x91, 1, 100000);
	check(got[0x91] == 1 && got[0x8f] == 0, "isr-holds-same-class");
	manual_eoi = false;
	apic_write(APIC_EOI, 0);
	apic_write(APIC_EOI, 0);
	check(wait_for(0x8f, 1, 100000), "eoi-releases");
	check_eq(apic_read(APIC_PPR), 0, "ppr-idle");
}

static void test_timer_one_shot(const char *name)
{
	clear_got();
	apic_write(APIC_DIVIDE, 0xb); /* by 1 */
	apic_write(APIC_LVT_TIMER, 0x61);
	apic_write(APIC_TIMER_INITIAL, 1000000);
	check(wait_for(0x61, 1, 1000000), name);
	wait_for(0x61, 2, 20000);
	check_eq(got[0x61], 1, "timer-one-shot-once");
	check_eq(apic_read(APIC_TIMER_CURRENT), 0, "timer-one-shot-count-zero");
}

static void test_timer(void)
{
	u32 a, b;

	test_timer_one_shot("timer-one-shot");
	clear_got();
	apic_write(APIC_LVT_TIMER, 0x61 | 1u << 17);
	apic_write(APIC_TIMER_INITIAL, 2000000);
	check(wait_for(0x61, 5, 2000000), "timer-periodic");
	apic_write(APIC_LVT_TIMER, 0x61 | 1u << 17 | 1u << 16);
	settle();
	clear_got();
	wait_for(0x61, 1, 20000);
	check_eq(got[0x61], 0, "timer-masked");
	apic_write(APIC_LVT_TIMER, 0x61 | 1u << 16);
	apic_write(APIC_TIMER_INITIAL, 0xffffffff);
	a = apic_read(APIC_TIMER_CURRENT);
	b = apic_read(APIC_TIMER_CURRENT);
	check(b <= a && a > 0xf0000000u, "timer-counts-down");
	apic_write(APIC_TIMER_INITIAL, 0);
	check_eq(apic_read(APIC_TIMER_CURRENT), 0, "timer-stopped");
}

static void test_deadline(void)
{
	u64 start, end;

	if (!(cpuid(1, 0).ecx & 1u << 24)) {
		check_skip("tsc-deadline", "not in CPUID");
		return;
	}
	clear_got();
	apic_write(APIC_LVT_TIMER, 0x62 | 2u << 17);
	__asm__ volatile("mfence");
	start = rdtsc();
	end = start + tsc_khz() * 5;
	wrmsr(MSR_TSC_DEADLINE, end);
	check_eq(rdmsr(MSR_TSC_DEADLINE), end, "tsc-deadline-reads-back");
	check(wait_for(0x62, 1, 1000000), "tsc-deadline");
	check(rdtsc() >= end, "tsc-deadline-not-early");
	check_eq(rdmsr(MSR_TSC_DEADLINE), 0, "tsc-deadline-cleared");
	clear_got();
	wrmsr(MSR_TSC_DEADLINE, rdtsc() - 1000);
	check(wait_for(0x62, 1, 100000), "tsc-deadline-in-the-past");
	clear_got();
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + tsc_khz() * 5);
	wrmsr(MSR_TSC_DEADLINE, 0);
	wait_for(0x62, 1, 20000);
	check_eq(got[0x62], 0, "tsc-deadline-disarmed");
	apic_write(APIC_LVT_TIMER, 1u << 16);
}

static volatile unsigned nmis;

static void on_nmi(struct frame *f)
{
	(void)f;
	nmis++;
}

static void test_nmi(void)
{
	trap_set_hook(NMI, on_nmi);
	apic_ipi(0, ICR_NMI);
	for (int i = 0; i < 1000 && !nmis; i++)
		__asm__ volatile("pause" : : : "memory");
	check_eq(nmis, 1, "nmi-ipi-with-interrupts-off");
	trap_set_hook(NMI, NULL);
}

/* Ticks of the APIC timer, undivided, in 10 ms of TSC. */
static u32 timer_10ms(void)
{
	u64 start;

	apic_write(APIC_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, 0x61 | 1u << 16);
	apic_write(APIC_TIMER_INITIAL, 0xffffffff);
	start = rdtsc();
	while (rdtsc() - start < tsc_khz() * 10)
		;
	return 0xffffffff - apic_read(APIC_TIMER_CURRENT);
}

static void test_hlt(void)
{
	u64 best = ~0ull;
	u32 ticks = timer_10ms();
	bool woke = true;

	apic_write(APIC_LVT_TIMER, 0x61);
	/* the best of twenty: the host may be busy */
	for (int i = 0; i < 20; i++) {
		u64 start = rdtsc(), took;

		clear_got();
		apic_write(APIC_TIMER_INITIAL, ticks);
		__asm__ volatile("sti; hlt; cli" : : : "memory");
		took = (rdtsc() - start) * 1000 / tsc_khz(); /* us */
		woke = woke && got[0x61] == 1 && took >= 9900;
		best = took < best ? took : best;
	}
	check(woke, "hlt-wakes-not-early");
	/* test_kernels.py judges the exact time, knowing how busy the host is */
	check(best <= 100000, "hlt-wakes-in-time");
	print("NOTE 10 ms of hlt took, in microseconds: ");
	print_dec(best);
	print("\n");
	/* sti's shadow covers hlt: an interrupt that is pending already wakes it */
	clear_got();
	apic_ipi(0, 0x60 | ICR_SELF);
	__asm__ volatile("sti; hlt; cli" : : : "memory");
	check_eq(got[0x60], 1, "sti-hlt-pending");
	/* and no interrupt comes between sti and the next instruction */
	clear_got();
	apic_ipi(0, 0x60 | ICR_SELF);
	__asm__ volatile("sti; cli" : : : "memory");
	check_eq(got[0x60], 0, "sti-cli-no-window");
	settle();
}

static void ioapic_route(unsigned pin, u32 low)
{
	ioapic_write(0x10 + 2 * pin + 1, 0);
	ioapic_write(0x10 + 2 * pin, low);
}

static void pit_start(u16 count)
{
	outb(0x43, 0x34); /* counter 0, rate generator */
	outb(0x40, (u8)count);
	outb(0x40, (u8)(count >> 8));
}

static void test_ioapic_pit(void)
{
	check((ioapic_read(1) >> 16 & 0xff) == 23, "ioapic-24-pins");
	check(ioapic_read(0x10) & 1u << 16, "ioapic-masked-at-reset");
	ioapic_route(2, 0x63);
	clear_got();
	pit_start(11932); /* 10 ms */
	check(wait_for(0x63, 3, 1000000), "pit-through-ioapic");
	ioapic_route(2, 0x63 | 1u << 16);
	clear_got();
	wait_for(0x63, 1, 30000);
	check_eq(got[0x63], 0, "ioapic-mask");
}

static void pic_init(void)
{
	outb(0x20, 0x11);
	outb(0x21, 0x40);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0xa0, 0x11);
	outb(0xa1, 0x48);
	outb(0xa1, 2);
	outb(0xa1, 1);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

static void test_pic_pit(void)
{
	pic_init();
	check_eq(inb(0x21), 0xff, "pic-mask-reads-back");
	apic_write(APIC_LVT_LINT0, 0x700); /* ExtINT, unmasked */
	trap_set_hook(0x40, on_pic);
	clear_got();
	pit_start(11932);
	outb(0x21, 0xfe);
	check(wait_for(0x40, 3, 1000000), "pit-through-pic");
	check_eq(pic_isr, 1, "pic-in-service");
	outb(0x21, 0xff);
	settle();
	clear_got();
	wait_for(0x40, 1, 30000);
	check_eq(got[0x40], 0, "pic-mask");
	apic_write(APIC_LVT_LINT0, 1u << 16);
}

static void test_serial(void)
{
	/* COM1's transmitter-empty interrupt through pin 4. */
	ioapic_route(4, 0x64);
	clear_got();
	outb(0x3fc, 0x0b);
	outb(0x3f9, 2);
	check(wait_for(0x64, 1, 100000), "serial-interrupt-through-ioapic");
	check_eq(inb(0x3fa) & 0xf, 2, "serial-iir-transmitter-empty");
	outb(0x3f9, 0);
	ioapic_route(4, 1u << 16);
}

/* A level that stays is delivered again after each EOI. */
static volatile u32 level_entry;

static void on_level(struct frame *f)
{
	got[f->vector]++;
	level_entry = ioapic_read(0x10 + 2 * 4);
	if (got[f->vector] == 3)
		inb(0x3fa); /* reading IIR clears the transmitter's interrupt */
	apic_write(APIC_EOI, 0);
}

static void test_level(void)
{
	u32 after;

	trap_set_hook(0x66, on_level);
	clear_got();
	outb(0x3f9, 0);
	ioapic_route(4, 0x66 | 1u << 15);
	outb(0x3fc, 0x0b);
	outb(0x3f9, 2);
	wait_for(0x66, 3, 200000);
	settle();
	wait_for(0x66, 4, 5000);
	after = ioapic_read(0x10 + 2 * 4); /* before printing uses COM1 again */
	outb(0x3f9, 0);
	ioapic_route(4, 1u << 16);
	check_eq(got[0x66], 3, "ioapic-level-repeats-until-cleared");
	check(level_entry & 1u << 14, "ioapic-remote-irr-in-service");
	check(!(after & 1u << 14), "ioapic-remote-irr-after-eoi");
	trap_set_hook(0x66, on_irq);
}

static void test_disable(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	/* a kernel that clears and sets the enable bit at start must live */
	wrmsr(MSR_APIC_BASE, base & ~0x800ull);
	check(!(cpuid(1, 0).edx & 1u << 9), "cpuid-apic-follows-enable");
	wrmsr(MSR_APIC_BASE, base);
	check(cpuid(1, 0).edx & 1u << 9, "cpuid-apic-again");
	apic_enable();
	test_self_ipi("self-ipi-after-enable", "self-ipi-waits-after-enable");
}

static void test_x2apic(void)
{
	if (!(cpuid(1, 0).ecx & 1u << 21)) {
		check_skip("x2apic", "not in CPUID");
		return;
	}
	TRY("rdmsr", : "c"(0x802) : "rax", "rdx");
	check_fault(GP, 0, "gp-x2apic-msr-in-xapic-mode");
	apic_enable_x2();
	check_eq(rdmsr(MSR_APIC_BASE) & 0xc00, 0xc00, "x2apic-on");
	test_registers("x2apic-id", "x2apic-version", "x2apic-bsp");
	test_self_ipi("x2apic-icr-self", "x2apic-icr-waits");
	clear_got();
	wrmsr(0x83f, 0x65);
	check(wait_for(0x65, 1, 100000), "x2apic-self-ipi-register");
	test_priority();
	test_timer();
	TRY("wrmsr", : "a"(1), "d"(0), "c"(0x80b));
	check_fault(GP, 0, "gp-x2apic-eoi-nonzero");
	TRY("wrmsr", : "a"(0), "d"(0), "c"(0x802));
	check_fault(GP, 0, "gp-x2apic-write-id");
	TRY("rdmsr", : "c"(0x80e) : "rax", "rdx");
	check_fault(GP, 0, "gp-x2apic-no-dfr");
	TRY("wrmsr", : "a"((u32)rdmsr(MSR_APIC_BASE) & ~0x800u), "d"(0),
	    "c"(MSR_APIC_BASE));
	check_fault(GP, 0, "gp-apic-base-x2-without-enable");
}

void test_main(void)
{
	apic_enable();
	for (unsigned v = 0x60; v < 0xa0; v++)
		trap_set_hook(v, on_irq);
	test_registers("xapic-id", "xapic-version", "xapic-bsp");
	test_disable();
	test_self_ipi("self-ipi", "self-ipi-waits");
	test_priority();
	test_timer();
	test_deadline();
	test_nmi();
	test_hlt();
	test_ioapic_pit();
	test_pic_pit();
	test_serial();
	test_level();
	test_x2apic();
}
