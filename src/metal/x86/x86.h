/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the x86 half of the hypervisor share. */
#ifndef METAL_X86_H
#define METAL_X86_H

#include "common/metal.h"

struct x86_metal;

/* --- boot.S, link.ld -------------------------------------------------------------------- */

extern u8 image_start[], text_end[], rodata_end[], image_end[];
extern const u8 trampoline_start[], trampoline_end[], trampoline_jump32[],
	trampoline_jump64[], trampoline_gdt_base[], trampoline_data[];
void metal_start(u32 magic, u64 info) __attribute__((noreturn));
void metal_stack_switch(u64 sp, void (*fn)(void *arg), void *arg) __attribute__((noreturn));

/* --- multiboot.c ---------------------------------------------------------------------------- */

/* Fills b from Multiboot 1 or 2; -EINVAL for another magic number. */
int multiboot_parse(struct boot_info *b, u32 magic, u64 info);

/* --- memory.c ---------------------------------------------------------------------------------- */

/* Gives m->pages the memory below 4 GiB that nobody else has. -ENOMEM. */
int memory_init(struct metal *m);
/* The rest, once it is mapped. */
void memory_init_high(struct metal *m);

/* --- paging.c ------------------------------------------------------------------------------------ */

enum map_rights {
	MAP_READ = 0,
	MAP_WRITE = 1,
	MAP_EXEC = 2, /* never with MAP_WRITE */
	MAP_DEVICE = 4, /* not cached */
};

/* Makes the final tables and switches to them. */
void paging_init(struct metal *m);
/* Maps [base, base + size), whole pages, where it is physically. */
void paging_map(struct metal *m, u64 base, u64 size, unsigned rights);
/* A stack of size bytes with a page behind each end that is not mapped: its top. */
u64 paging_stack(struct metal *m, u64 size);
/* The stacks' part of the address space: a fault there is an overflow. */
#define STACKS_BASE 0xffff800000000000u

/* --- descriptors.c, traps.c ------------------------------------------------------------------------ */

#define VECTOR_TIMER 0xf0
#define VECTOR_IPI 0xf1
#define VECTOR_SERIAL 0xf2
#define VECTOR_SPURIOUS 0xff

struct trap_frame {
	u64 rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};
/* From traps.S. */
void trap(struct trap_frame *f);

/* GDT, TSS with stacks of their own for what may come at any time, IDT, GS. */
void descriptors_init(struct cpu *cpu);
/* GS alone; the IDT, once. */
void descriptors_set_cpu(struct cpu *cpu);
void descriptors_make_idt(struct x86_metal *x);
void descriptors_load_idt(struct x86_metal *x);

/* --- serial.c ----------------------------------------------------------------------------------------- */

void serial_init(void);
void serial_interrupts_on(void);
void serial_interrupt(void);

/* --- acpi.c --------------------------------------------------------------------------------------------- */

struct acpi_info {
	u64 lapic;
	u32 apic_ids[METAL_MAX_CPUS];
	unsigned cpu_count;
	u64 ioapic; /* the one that has input 0; 0: none */
	u32 serial_gsi;
	bool serial_low, serial_level; /* active low, level triggered */
	u16 pm_timer;  /* port, 0: none */
	u16 pm1a, pm1b; /* control registers */
	u16 sleep_a, sleep_b; /* SLP_TYP of S5, 0xffff: not known */
};

/* The root table that a root pointer (20 or 36 bytes) names. */
void acpi_take_rsdp(struct boot_info *b, const u8 *rsdp);
/* Where the boot loader did not say: looks through the BIOS. Before paging_init. */
void acpi_find_rsdp(struct boot_info *b);
/* -ENODEV with a line when there are no tables or no MADT. */
int acpi_read(struct metal *m, struct acpi_info *a, struct error *err);

/* --- apic.c --------------------------------------------------------------------------------------------- */

void apic_init(struct metal *m, const struct acpi_info *a);
void apic_enable_cpu(void);
u32 apic_id(void);
void apic_eoi(void);
/* Against the counter, which runs at counter_hz. */
void apic_timer_calibrate(u64 counter_hz);
/* On every processor. */
void apic_timer_on(void);
void apic_send_init(u32 id);
void apic_send_startup(u32 id, u8 page);
void ioapic_route_serial(const struct acpi_info *a, u32 id);

/* --- tsc.c ---------------------------------------------------------------------------------------------- */

/* The TSC's rate in Hz; *how says what it was measured by. */
u64 tsc_measure(const struct acpi_info *a, const char **how);

/* --- rtc.c --- */

/* The battery clock's time, in nanoseconds since 1970. */
u64 rtc_read_ns(void);

/* --- smp.c --------------------------------------------------------------------------------------------- */

/* Starts the other processors; each comes up in the scheduler. */
void smp_start(struct metal *m, const struct acpi_info *a);
/* What every processor does before it schedules. */
void cpu_setup(struct cpu *cpu);

/* The x86 half of struct metal, hung off by main.c's root. */
struct x86_metal {
	struct metal metal;
	struct acpi_info acpi;
	u64 *pml4;
	u64 next_stack; /* where the next one goes */
	struct platform_mutex map_lock;
	u64 lapic;
	u64 apic_ticks_mult; /* timer ticks a nanosecond, times 2^32 */
	u64 boot_wallclock_ns;
	u32 ready; /* atomic: processors that are up */
	bool rdrand, x2apic;
	/* keyboard bytes from the interrupt */
	u8 input[256];
	u32 input_head, input_tail;
	u64 bitmap, bitmap_size; /* m->pages' */
	u64 low_page;		 /* for the trampoline; 0: none */
	u64 idt[256][2] __attribute__((aligned(4096)));

};

static inline struct x86_metal *x86_of(struct metal *m)
{
	return CONTAINER_OF(m, struct x86_metal, metal);
}

static inline struct x86_metal *x86_here(void)
{
	return x86_of(cpu_this()->metal);
}

#endif
