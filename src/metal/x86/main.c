/* SPDX-License-Identifier: Apache-2.0 */
/* From boot.S to metal_main, on the boot processor. */
#include <trivet/bits.h>

#include "asm.h"
#include "x86.h"

#define STACK_SIZE KIB(32)

/* --- the arch contract's small things ------------------------------------------------- */

void arch_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

bool arch_random(u64 *value)
{
	u8 ok = 0;

	if (!x86_here()->rdrand)
		return false;
	for (unsigned i = 0; i < 10 && !ok; i++) /* SDM vol. 1 7.3.17.1 */
		__asm__ volatile("rdrand %0\n\tsetc %1" : "=r"(*value), "=q"(ok) : : "cc");
	return ok;
}

u64 arch_boot_wallclock_ns(void)
{
	return x86_here()->boot_wallclock_ns;
}

/* STI shields HLT: an interrupt that came before is taken in HLT, which it ends. */
void arch_idle(struct cpu *cpu)
{
	if (!__atomic_load_n(&cpu->look, __ATOMIC_SEQ_CST))
		__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
}

void arch_irq_window(void)
{
	__asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
}

void arch_halt(void)
{
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

/* ACPI 6.4, 4.8.3.2.1: SLP_TYP in bits 12:10, SLP_EN is bit 13. */
void arch_power_off(struct metal *m)
{
	const struct acpi_info *a = &x86_of(m)->acpi;

	if (a->pm1a && a->sleep_a != 0xffff) {
		outw(a->pm1a, (u16)(a->sleep_a << 10 | 1 << 13));
		if (a->pm1b)
			outw(a->pm1b, (u16)(a->sleep_b << 10 | 1 << 13));
	}
	platform_log(LOG_INFO, "the machine can be switched off");
	arch_halt();
}

/* --- coming up ---------------------------------------------------------------------------- */

/* The engine for what the processor has; where guests cannot run, the one of its maker,
 * to say why. */
static const struct metal_engine *pick_engine(void)
{
	static const struct metal_engine *const engines[] = { &metal_engine_svm,
							      &metal_engine_vmx };
	const u32 intel = 0x756e6547; /* "Genu", CPUID 0 EBX */
	struct engine_caps caps;

	for (unsigned i = 0; i < ARRAY_SIZE(engines); i++)
		if (!engines[i]->ops->probe(&caps))
			return engines[i];
	return engines[cpuid(0, 0).b == intel];
}

/* On a stack with guard pages, under the final page tables. */
static void go_on(void *arg)
{
	struct x86_metal *x = arg;
	struct metal *m = &x->metal;
	struct engine_caps caps;
	struct error err = { "" };
	const char *how;

	m->engine = pick_engine();
	if (m->engine->ops->probe(&caps))
		metal_die("%s; VMs cannot run here", caps.why);
	if (acpi_read(m, &x->acpi, &err))
		metal_die("%s", err.msg);
	apic_init(m, &x->acpi);
	apic_enable_cpu();
	clock_init(m, tsc_measure(&x->acpi, &how));
	apic_timer_calibrate(m->counter_hz);
	apic_timer_on();
	platform_log(LOG_DEBUG, "TSC measured by %s; %s", how, caps.why);
	m->cpus[0]->hw_id = apic_id();
	cpu_setup(m->cpus[0]);
	smp_start(m, &x->acpi);
	ioapic_route_serial(&x->acpi, m->cpus[0]->hw_id);
	serial_interrupts_on();
	paging_map(m, (u64)(uintptr_t)x->idt, sizeof x->idt, MAP_READ);
	metal_main(m);
}

static void identify(struct x86_metal *x)
{
	x->rdrand = (cpuid(1, 0).c & BIT(30)) != 0;
	x->metal.random_weak = !x->rdrand;
	x->boot_wallclock_ns = rtc_read_ns();
}

void metal_start(u32 magic, u64 info)
{
	static struct x86_metal root; /* the machine: there is one */
	static struct cpu boot_cpu;
	struct metal *m = &root.metal;

	boot_cpu = (struct cpu){ .metal = m, .armed_ns = ~(u64)0 };
	m->cpus[0] = &boot_cpu;
	m->cpu_count = 1;
	descriptors_set_cpu(&boot_cpu);
	serial_init();
	console_init(m);
	platform_log(LOG_INFO, "Trivet on bare metal");
	descriptors_make_idt(&root);
	descriptors_load_idt(&root);
	if (multiboot_parse(&m->boot, magic, info))
		metal_die("boot: magic number %#x; expected a Multiboot loader", magic);
	if (!m->boot.acpi_root)
		acpi_find_rsdp(&m->boot);
	identify(&root);
	if (memory_init(m))
		metal_die("boot: no usable memory in the boot loader's map");
	paging_init(m);
	memory_init_high(m);
	metal_stack_switch(paging_stack(m, STACK_SIZE), go_on, &root);
}
