/* SPDX-License-Identifier: Apache-2.0 */
/* GDT, TSS and IDT. SDM vol. 3A 3.4, 6.14, 7.7. */
#include <trivet/bits.h>

#include "asm.h"
#include "selectors.h"
#include "x86.h"

#define MSR_GS_BASE 0xc0000101u
#define ENTRY_SIZE 16

struct tss {
	u32 reserved;
	u64 rsp[3];
	u64 reserved2;
	u64 ist[7];
	u8 rest[10];
	u16 iomap;
} __attribute__((packed));

/* A processor's tables: cpu->arch. */
struct tables {
	u64 gdt[6];
	struct tss tss;
};

enum { IST_DOUBLE_FAULT = 1, IST_NMI, IST_MACHINE_CHECK };

extern const u8 trap_entries[];

struct table_register {
	u16 limit;
	u64 base;
} __attribute__((packed));

void descriptors_set_cpu(struct cpu *cpu)
{
	cpu->self = cpu;
	wrmsr(MSR_GS_BASE, (u64)(uintptr_t)cpu);
}

struct cpu *cpu_this(void)
{
	struct cpu *cpu;

	__asm__("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

void descriptors_make_idt(struct x86_metal *x)
{
	for (u64 n = 0; n < 256; n++) {
		u64 a = (u64)(uintptr_t)trap_entries + n * ENTRY_SIZE;

		x->idt[n][0] = (a & 0xffff) | (u64)SEL_CODE << 16 | (u64)0x8e << 40 |
			       (a >> 16 & 0xffff) << 48;
		x->idt[n][1] = a >> 32;
	}
}

void descriptors_load_idt(struct x86_metal *x)
{
	struct table_register r = { sizeof x->idt - 1, (u64)(uintptr_t)x->idt };

	__asm__ volatile("lidt %0" : : "m"(r));
}

/* Once the TSS has the stacks, the IDT may name them. */
static void use_stacks(struct x86_metal *x)
{
	x->idt[8][0] |= (u64)IST_DOUBLE_FAULT << 32;
	x->idt[2][0] |= (u64)IST_NMI << 32;
	x->idt[18][0] |= (u64)IST_MACHINE_CHECK << 32;
}

static void load_gdt(struct tables *t)
{
	struct table_register r = { sizeof t->gdt - 1, (u64)(uintptr_t)t->gdt };

	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "lea 1f(%%rip), %%rax\n\t"
			 "push %%rax\n\t"
			 "lretq\n1:\n\t"
			 "mov %2, %%ds\n\tmov %2, %%es\n\tmov %2, %%ss\n\t"
			 "ltr %w3"
			 : : "m"(r), "i"(SEL_CODE), "r"(SEL_DATA), "r"(SEL_TSS)
			 : "rax", "memory");
}

void descriptors_init(struct cpu *cpu)
{
	struct tables *t = platform_alloc(sizeof *t);
	u64 a = (u64)(uintptr_t)&t->tss;

	if (!t)
		metal_die("no memory for descriptor tables");
	cpu->arch = t;
	for (unsigned i = 0; i < 3; i++)
		t->tss.ist[i] = paging_stack(cpu->metal, KIB(8));
	t->tss.iomap = sizeof t->tss;
	t->gdt[SEL_CODE / 8] = 0x00af9b000000ffff;
	t->gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	t->gdt[SEL_TSS / 8] = (sizeof t->tss - 1) | (a & 0xffffff) << 16 | (u64)0x89 << 40 |
			      (a >> 24 & 0xff) << 56;
	t->gdt[SEL_TSS / 8 + 1] = a >> 32;
	load_gdt(t);
	descriptors_set_cpu(cpu); /* loading selectors may have cleared it */
	if (cpu->index == 0)
		use_stacks(x86_of(cpu->metal));
	descriptors_load_idt(x86_of(cpu->metal));
}
