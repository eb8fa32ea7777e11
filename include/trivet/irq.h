/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt lines from devices to interrupt controllers, and from those to the
 * vCPUs. All with vm->lock held, except the vcpu_irq_ops noted otherwise.
 */
#ifndef TRIVET_IRQ_H
#define TRIVET_IRQ_H

#include <trivet/types.h>

struct vm;
struct vcpu;

#define IRQ_MAX_LINES 64
#define IRQ_MAX_SINKS 4

/* An interrupt controller's inputs: told of every level change of a line. */
struct irq_sink {
	void (*set)(void *ctx, unsigned line, bool level);
	void *ctx;
};

/* Message-signalled interrupts (also what the I/O APIC sends). */
struct msi_sink {
	/* address and data as a PCI function writes them: SDM vol. 3A 11.11 */
	int (*send)(void *ctx, u64 address, u32 data);
	void *ctx;
};

/* The end of a level-triggered interrupt, told by an engine that has the local
 * controllers (x86: local APICs) itself. */
struct eoi_sink {
	void (*eoi)(void *ctx, u8 vector);
	void *ctx;
};

struct irq_router {
	struct irq_sink sinks[IRQ_MAX_SINKS];
	unsigned sink_count;
	struct msi_sink msi;
	struct eoi_sink eoi;
	u64 levels; /* one bit a line */
};

int irq_add_sink(struct vm *vm, const struct irq_sink *sink);
void irq_set_msi_sink(struct vm *vm, const struct msi_sink *sink);

/*
 * Drives global line (GSI) to level. Lines 0..15 are ISA's (0 is the PIT), and
 * reach every sink; each controller does its own routing.
 */
void irq_set(struct vm *vm, unsigned line, bool level);
/* A rising edge: high, then low. */
void irq_pulse(struct vm *vm, unsigned line);
void irq_set_eoi_sink(struct vm *vm, const struct eoi_sink *sink);
/* A local controller ended the level-triggered interrupt `vector`. */
void irq_end(struct vm *vm, u8 vector);
/*
 * Input `input` of an interrupt controller sends this message, level-triggered
 * (on), or none: irq_end must be called when its vector is done. The local
 * controllers that are devices of ours know that by themselves.
 */
void irq_route_level(struct vm *vm, unsigned input, bool on, u64 address, u32 data);
/* -ENODEV when no controller takes messages. */
int irq_send_msi(struct vm *vm, u64 address, u32 data);

/*
 * The per-vCPU interrupt controller as core and engines see it (x86: the
 * local APIC with the 8259 behind it). Given to the vCPU by the machine.
 * Every call is made by the vCPU's own thread, with vm->lock held.
 */
struct vcpu_irq_ops {
	/* A vector could be delivered now if the CPU accepts interrupts. */
	bool (*pending)(void *ctx);
	/* Accepts the highest-priority interrupt: its vector, or -EAGAIN. */
	int (*ack)(void *ctx);
	/* x86: CR8 (bits 3:0), i.e. bits 7:4 of the task priority. */
	u64 (*get_tpr)(void *ctx);
	void (*set_tpr)(void *ctx, u64 cr8);
	/*
	 * x86: the MSRs of the local APIC (IA32_APIC_BASE, IA32_TSC_DEADLINE,
	 * the x2APIC range 800h..8ffh). 0, or -EINVAL for #GP.
	 */
	int (*msr_read)(void *ctx, u32 index, u64 *value);
	int (*msr_write)(void *ctx, u32 index, u64 value);
	/* INIT or reset: back to the power-up state. */
	void (*reset)(void *ctx, bool init);
};

#endif
