/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC and I/O APIC of the machine. SDM vol. 3A chapter 11; 82093AA. */
#include <trivet/bits.h>

#include "asm.h"
#include "x86.h"

#define MSR_APIC_BASE 0x1bu
#define APIC_BASE_EXTD BIT(10)
#define APIC_BASE_EN BIT(11)
#define MSR_X2APIC 0x800u

enum {
	REG_ID = 0x20, REG_TPR = 0x80, REG_EOI = 0xb0, REG_SVR = 0xf0, REG_ICR = 0x300,
	REG_ICR_HIGH = 0x310, REG_LVT_TIMER = 0x320, REG_LVT_LINT0 = 0x350, REG_LVT_ERROR = 0x370,
	REG_INITIAL = 0x380, REG_CURRENT = 0x390, REG_DIVIDE = 0x3e0
};
#define LVT_MASKED 0x10000u
#define ICR_BUSY 0x1000u
#define ICR_ASSERT 0x4000u
#define DIVIDE_BY_1 0xbu

static volatile u32 *reg_at(unsigned reg)
{
	return (volatile u32 *)(uintptr_t)(x86_here()->lapic + reg);
}

static u32 reg_read(unsigned reg)
{
	return x86_here()->x2apic ? (u32)rdmsr(MSR_X2APIC + (reg >> 4)) : *reg_at(reg);
}

static void reg_write(unsigned reg, u32 v)
{
	if (x86_here()->x2apic)
		wrmsr(MSR_X2APIC + (reg >> 4), v);
	else
		*reg_at(reg) = v;
}

/*
 * The 8259 pair as firmware left it may raise its line, and not every machine asks LINT0
 * then. Initialised, it lowers it; all its inputs are masked, and what it still may say,
 * the spurious interrupt 7, is a vector that means nothing. 8259A data sheet.
 */
static void pic_silence(void)
{
	static const u16 ports[] = { 0x20, 0xa0 };

	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
		outb(ports[i], 0x11); /* ICW1: cascade, ICW4 follows */
		outb(ports[i] + 1, VECTOR_SPURIOUS - 7);
		outb(ports[i] + 1, i ? 2 : 1 << 2); /* the second hangs on input 2 */
		outb(ports[i] + 1, 1);		    /* 8086 mode */
		outb(ports[i] + 1, 0xff);
	}
}

/* Firmware may hand over in x2APIC mode, which cannot be left without a reset. */
void apic_init(struct metal *m, const struct acpi_info *a)
{
	struct x86_metal *x = x86_of(m);

	if (!(cpuid(1, 0).d & BIT(9)) || !a->lapic)
		metal_die("no local APIC; expected one, switched on in the firmware's set-up");
	pic_silence();
	x->lapic = a->lapic;
	x->x2apic = (rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD) != 0;
	if (!x->x2apic)
		paging_map(m, a->lapic, PAGE_SIZE, MAP_WRITE | MAP_DEVICE);
}

void apic_enable_cpu(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_EN;

	wrmsr(MSR_APIC_BASE, x86_here()->x2apic ? base | APIC_BASE_EXTD : base);
	reg_write(REG_TPR, 0);
	reg_write(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	reg_write(REG_LVT_LINT0, LVT_MASKED); /* nothing from the 8259 */
	reg_write(REG_LVT_ERROR, LVT_MASKED);
	reg_write(REG_DIVIDE, DIVIDE_BY_1);
	reg_write(REG_SVR, 0x100 | VECTOR_SPURIOUS);
}

u32 apic_id(void)
{
	return x86_here()->x2apic ? reg_read(REG_ID) : reg_read(REG_ID) >> 24;
}

void apic_eoi(void)
{
	reg_write(REG_EOI, 0);
}

static void send(u32 id, u32 command)
{
	if (x86_here()->x2apic) {
		__asm__ volatile("mfence\n\tlfence" : : : "memory");
		wrmsr(MSR_X2APIC + (REG_ICR >> 4), (u64)id << 32 | command);
		return;
	}
	while (reg_read(REG_ICR) & ICR_BUSY)
		arch_pause();
	reg_write(REG_ICR_HIGH, id << 24);
	reg_write(REG_ICR, command);
}

void arch_ipi(struct cpu *to)
{
	send(to->hw_id, ICR_ASSERT | VECTOR_IPI);
}

void apic_send_init(u32 id)
{
	send(id, ICR_ASSERT | 5 << 8);
}

void apic_send_startup(u32 id, u8 page)
{
	send(id, ICR_ASSERT | 6 << 8 | page);
}

/* --- timer, 11.5.4 ----------------------------------------------------------------------- */

#define CALIBRATE_HZ_PART 50 /* 20 ms */

void apic_timer_calibrate(u64 counter_hz)
{
	u64 ticks = counter_hz / CALIBRATE_HZ_PART, from, took;
	u32 left;

	reg_write(REG_INITIAL, ~(u32)0);
	from = rdtsc();
	while (rdtsc() - from < ticks)
		arch_pause();
	left = reg_read(REG_CURRENT);
	took = rdtsc() - from;
	reg_write(REG_INITIAL, 0);
	/* ticks a nanosecond = (ticks counted / took) * counter_hz / 1e9 */
	x86_here()->apic_ticks_mult =
		mul_div(mul_div(~left, BIT(32), took), counter_hz, NS_PER_SEC);
}

void apic_timer_on(void)
{
	reg_write(REG_LVT_TIMER, VECTOR_TIMER); /* one-shot */
}

void arch_timer_set(u64 deadline_ns)
{
	u64 now, ticks;

	if (deadline_ns == ~(u64)0) {
		reg_write(REG_INITIAL, 0);
		return;
	}
	now = platform_clock_ns();
	ticks = deadline_ns > now ? deadline_ns - now : 0;
	ticks = (u64)((unsigned __int128)ticks * x86_here()->apic_ticks_mult >> 32);
	if (ticks > 0xffffffff)
		ticks = 0xffffffff; /* early: the next look sets it again */
	reg_write(REG_INITIAL, ticks ? (u32)ticks : 1);
}

/* --- I/O APIC: every input masked but the serial port's ------------------------------------ */

static void ioapic_write(u64 base, u32 reg, u32 v)
{
	*(volatile u32 *)(uintptr_t)base = reg;
	*(volatile u32 *)(uintptr_t)(base + 16) = v;
}

static u32 ioapic_read(u64 base, u32 reg)
{
	*(volatile u32 *)(uintptr_t)base = reg;
	return *(volatile u32 *)(uintptr_t)(base + 16);
}

void ioapic_route_serial(const struct acpi_info *a, u32 id)
{
	u32 inputs, low;

	if (!a->ioapic)
		return;
	paging_map(cpu_this()->metal, a->ioapic, PAGE_SIZE, MAP_WRITE | MAP_DEVICE);
	inputs = (ioapic_read(a->ioapic, 1) >> 16 & 0xff) + 1;
	for (u32 i = 0; i < inputs; i++)
		ioapic_write(a->ioapic, 0x10 + 2 * i, LVT_MASKED);
	if (a->serial_gsi >= inputs || id > 0xff)
		return;
	low = VECTOR_SERIAL | (a->serial_low ? BIT(13) : 0) | (a->serial_level ? BIT(15) : 0);
	ioapic_write(a->ioapic, 0x11 + 2 * a->serial_gsi, id << 24);
	ioapic_write(a->ioapic, 0x10 + 2 * a->serial_gsi, low);
}
