/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exit costs as the guest sees it: TSC ticks from before the instruction to
 * behind it, the least and the median of many. For a machine whose TSC counts
 * instructions (tests/bench/metal/bench.py). Prints "EXIT name least median".
 */
#include "lib/apic.h"

#ifndef TIMES
#define TIMES 400
#endif
#define WARM 20 /* not counted: what is made at the first time */
#define LATCH 0xe0   /* --testdev: reads back what was written */
#define SCRATCH 0x3ff /* COM1's scratch register */
#define IOAPIC 0xfec00000ul
#define BAR 0xd0000000ul
#define TOUCHED (64ul << 20) /* RAM that nobody has used yet */

static u32 ticks[TIMES];

static void sort(u32 *a, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		u32 v = a[i];
		unsigned at = i;

		for (; at && a[at - 1] > v; at--)
			a[at] = a[at - 1];
		a[at] = v;
	}
}

static void report(const char *name, u32 *a, unsigned n)
{
	sort(a, n);
	print("EXIT ");
	print(name);
	print(" ");
	print_dec(a[0]);
	print(" ");
	print_dec(a[n / 2]);
	print("\n");
}

#define MEASURE(name, what)                                    \
	do {                                                   \
		for (unsigned i = 0; i < TIMES + WARM; i++) {  \
			u64 from = rdtsc();                    \
							       \
			what;                                  \
			ticks[i % TIMES] = (u32)(rdtsc() - from); \
		}                                              \
		report(name, ticks, TIMES);                    \
	} while (0)

/* The other maker's ends in #UD, which a hypervisor may answer as well, but slower. */
#ifdef INTEL
#define HYPERCALL "vmcall"
#else
#define HYPERCALL "vmmcall"
#endif

static void hypercall(void)
{
	ulong number = 1000; /* none has it: the answer is an error */

	__asm__ volatile(HYPERCALL : "+a"(number) : "b"(0), "c"(0), "d"(0), "S"(0) : "memory");
}

/* An instruction that every emulator of a device must know. */
static inline u32 load(ulong a)
{
	u32 v;

	__asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(a) : "memory");
	return v;
}

static inline void store(ulong a, u32 v)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(v), "r"(a) : "memory");
}

static u32 pci_read(u32 slot, u32 reg)
{
	outl(0xcf8, 0x80000000u | slot << 11 | reg);
	return inl(0xcfc);
}

static void pci_write(u32 slot, u32 reg, u32 v)
{
	outl(0xcf8, 0x80000000u | slot << 11 | reg);
	outl(0xcfc, v);
}

/* The first virtio function's BAR 0, which begins with the common structure. */
static bool virtio_map(void)
{
	for (u32 slot = 0; slot < 32; slot++) {
		if ((pci_read(slot, 0) & 0xffff) != 0x1af4)
			continue;
		pci_write(slot, 0x10, (u32)BAR);
		pci_write(slot, 0x14, 0);
		pci_write(slot, 4, 2);
		return true;
	}
	return false;
}

static void measure_registers(void)
{
	MEASURE("rdtsc", (void)0);
	MEASURE("cpuid", cpuid(0, 0));
	MEASURE("hypercall", hypercall());
	MEASURE("rdmsr-apicbase", rdmsr(MSR_APIC_BASE));
	MEASURE("cr8-read", read_cr8());
	MEASURE("cr8-write", write_cr8(0));
}

static void measure_ports(void)
{
	MEASURE("port-read", inb(LATCH));
	MEASURE("port-write", outb(LATCH, 1));
	MEASURE("serial-read", inb(SCRATCH));
	MEASURE("serial-write", outb(SCRATCH, 1));
}

static void measure_memory(void)
{
	store(IOAPIC, 1);
	MEASURE("ioapic-read", load(IOAPIC + 0x10));
	MEASURE("ioapic-write", store(IOAPIC, 1));
	if (virtio_map()) {
		MEASURE("virtio-read", load(BAR));
		MEASURE("virtio-write", store(BAR, 0));
	}
	if (!apic_is_x2()) {
		MEASURE("apic-read", load(0xfee00000ul + APIC_TPR));
		MEASURE("apic-write", store(0xfee00000ul + APIC_TPR, 0));
	}
}

static void measure_touch(void)
{
	for (unsigned i = 0; i < TIMES; i++) {
		u64 from = rdtsc();

		store(TOUCHED + i * PAGE, 1);
		ticks[i] = (u32)(rdtsc() - from);
	}
	report("first-touch", ticks, TIMES);
}

void test_main(void)
{
	print("START ");
	print_dec(rdtsc());
	print("\n");
	measure_registers();
	measure_ports();
	measure_memory();
	measure_touch();
	check(true, "exits");
}
