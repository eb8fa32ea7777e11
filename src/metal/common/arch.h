/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What src/metal/common needs from the processor: implemented in src/metal/x86
 * (and src/metal/arm64 to come). Interrupts are off but in arch_idle,
 * arch_irq_window and while a guest runs.
 */
#ifndef METAL_ARCH_H
#define METAL_ARCH_H

#include <trivet/types.h>

struct cpu;
struct metal;

/* The processor that calls; its struct never changes or goes away. */
struct cpu *cpu_this(void);

/* A spin loop's pause. */
void arch_pause(void);
/* Makes `to` take an interrupt: out of its guest or out of its sleep. */
void arch_ipi(struct cpu *to);
/* This processor's timer interrupts at deadline_ns (platform_clock_ns scale) or
 * soon after; ~0 switches it off. */
void arch_timer_set(u64 deadline_ns);
/* Sleeps until an interrupt came, unless cpu->look is set already. */
void arch_idle(struct cpu *cpu);
/* Takes the interrupts that wait. */
void arch_irq_window(void);

/* The constant-rate counter; 64 random bits; false when there are none to have. */
u64 arch_counter(void);
bool arch_random(u64 *value);
/* Nanoseconds since 1970 when the image started, by the battery's clock. */
u64 arch_boot_wallclock_ns(void);

/* The console's device: output waits until it is taken, input never. */
void arch_console_write(const u8 *data, size_t n);
/* Bytes typed since the last call, at most n. */
size_t arch_console_read(u8 *data, size_t n);

/* The end of everything: power off when the machine can, else halt. */
void arch_power_off(struct metal *m) __attribute__((noreturn));
void arch_halt(void) __attribute__((noreturn));

#endif
