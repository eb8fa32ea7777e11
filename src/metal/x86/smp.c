/* SPDX-License-Identifier: Apache-2.0 */
/* All processors: INIT, start-up IPIs, and what each does first. SDM vol. 3A 8.4.4. */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "asm.h"
#include "x86.h"

#define STACK_SIZE KIB(32)
#define UP_PATIENCE_NS 200000000u

static void wait_ns(u64 ns)
{
	u64 until = platform_clock_ns() + ns;

	while (platform_clock_ns() < until)
		arch_pause();
}

void cpu_setup(struct cpu *cpu)
{
	struct error err = { "" };
	u64 cr4 = read_cr4() | BIT(9) | BIT(10); /* OSFXSR, OSXMMEXCPT: guests' FPU state */

	if (cpuid(1, 0).c & BIT(26))
		cr4 |= BIT(18); /* OSXSAVE */
	write_cr4(cr4);
	write_cr0((read_cr0() & ~(BIT(2) | BIT(3))) | BIT(1) | BIT(5)); /* EM, TS; MP, NE */
	__asm__ volatile("fninit");
	descriptors_init(cpu);
	if (cpu->metal->engine->cpu_enable(&cpu->engine_data, &err))
		metal_die("%s", err.msg);
}

/* A new processor, on its own stack. */
static void cpu_main(void *arg)
{
	struct cpu *cpu = arg;
	struct x86_metal *x = x86_of(cpu->metal);

	descriptors_set_cpu(cpu);
	write_cr3(read_cr3());
	apic_enable_cpu();
	cpu_setup(cpu);
	apic_timer_on();
	__atomic_add_fetch(&x->ready, 1, __ATOMIC_SEQ_CST);
	sched_run(cpu);
}

static void put(u64 page, const u8 *what, u64 v, size_t n)
{
	memcpy((u8 *)(uintptr_t)page + (what - trampoline_start), &v, n);
}

/* Addresses in the trampoline are relative to its start. */
static void relocate(u64 page, const u8 *what)
{
	u32 v;

	memcpy(&v, what, 4);
	put(page, what, v + page, 4);
}

/* The page is written, then made executable and read-only. */
static void place_trampoline(struct x86_metal *x, struct cpu *cpu, u64 stack)
{
	u64 page = x->low_page;
	const u64 data[4] = { (u64)(uintptr_t)x->pml4, stack, (u64)(uintptr_t)cpu,
			      (u64)(uintptr_t)cpu_main };

	paging_map(&x->metal, page, PAGE_SIZE, MAP_WRITE);
	memcpy((void *)(uintptr_t)page, trampoline_start,
	       (size_t)(trampoline_end - trampoline_start));
	relocate(page, trampoline_jump32);
	relocate(page, trampoline_jump64);
	relocate(page, trampoline_gdt_base);
	memcpy((u8 *)(uintptr_t)page + (trampoline_data - trampoline_start), data, sizeof data);
	paging_map(&x->metal, page, PAGE_SIZE, MAP_EXEC);
}

static bool start_one(struct x86_metal *x, struct cpu *cpu)
{
	u32 before = x->ready;
	u64 give_up;

	place_trampoline(x, cpu, paging_stack(&x->metal, STACK_SIZE));
	apic_send_init(cpu->hw_id);
	wait_ns(10000000);
	for (unsigned i = 0; i < 2; i++) {
		apic_send_startup(cpu->hw_id, (u8)(x->low_page >> PAGE_SHIFT));
		wait_ns(200000);
		if (__atomic_load_n(&x->ready, __ATOMIC_SEQ_CST) != before)
			return true;
	}
	give_up = platform_clock_ns() + UP_PATIENCE_NS;
	while (__atomic_load_n(&x->ready, __ATOMIC_SEQ_CST) == before)
		if (platform_clock_ns() > give_up)
			return false;
	return true;
}

void smp_start(struct metal *m, const struct acpi_info *a)
{
	struct x86_metal *x = x86_of(m);

	for (unsigned i = 0; i < a->cpu_count; i++) {
		struct cpu *cpu;

		if (a->apic_ids[i] == m->cpus[0]->hw_id)
			continue;
		if (!x->low_page) {
			platform_log(LOG_WARN, "no memory below 640 KiB: one processor only");
			return;
		}
		cpu = platform_alloc(sizeof *cpu);
		if (!cpu)
			metal_die("no memory for processor %u", i);
		cpu->metal = m;
		cpu->index = m->cpu_count;
		cpu->hw_id = a->apic_ids[i];
		cpu->armed_ns = ~(u64)0;
		if (!start_one(x, cpu)) {
			platform_log(LOG_WARN, "the processor with APIC id %u does not start",
				     cpu->hw_id);
			continue;
		}
		m->cpus[m->cpu_count++] = cpu;
	}
	if (x->low_page)
		paging_map(m, x->low_page, PAGE_SIZE, MAP_WRITE);
}
