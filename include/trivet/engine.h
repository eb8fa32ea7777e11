/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine contract: an engine runs guest instructions and nothing else. It
 * knows no device, file or console.
 */
#ifndef TRIVET_ENGINE_H
#define TRIVET_ENGINE_H

#include <trivet/error.h>
#include <trivet/types.h>

struct vm;
struct vcpu;
struct exit;
struct mem_slot;

struct engine_caps {
	bool usable;	      /* can run guests here at all */
	bool hardware_speed;  /* runs them on hardware */
	char why[192];	      /* one line: how, or why not */
};

/*
 * Of an engine whose CPUs have their local interrupt controllers (x86: local
 * APICs) within it: INIT, start-up, interrupts between CPUs, the local timer and
 * HLT then never leave run(), and every vCPU counts as running for core.
 */
struct engine_irqchip_ops {
	/*
	 * The controllers in their power-up state, the boot CPU's as firmware
	 * leaves it (x86: virtual wire), the other CPUs waiting for their start.
	 * All vCPUs have been added and none steps.
	 */
	int (*reset)(struct vm *vm);
	/* A message (irq_send_msi); -ENODEV when nobody takes it. Any thread. */
	int (*send_msi)(struct vm *vm, u64 address, u32 data);
	/* As irq_route_level: run() gives EXIT_EOI for the message's vector. */
	void (*route_level)(struct vm *vm, unsigned input, bool on, u64 address,
			    u32 data);
};

struct engine_ops {
	const char *name;
	/* The guest's instructions run on this machine's CPU itself. */
	bool native;
	/* NULL: the local interrupt controllers are the machine's devices. */
	const struct engine_irqchip_ops *irqchip;

	/* Fills caps; 0 when usable, else a negative errno with caps->why. */
	int (*probe)(struct engine_caps *caps);

	int (*vm_init)(struct vm *vm, struct error *err);
	void (*vm_fini)(struct vm *vm);
	/* Guest RAM was added. Before the first run. */
	int (*map)(struct vm *vm, const struct mem_slot *slot);
	/* RAM was written behind the engine's back (a device, a loader). May be
	 * NULL. Any thread. */
	void (*mem_written)(struct vm *vm, gpa_t a, u64 len);

	/* Forget cached translations of one guest-physical page. May be NULL.
	 * With vm->lock held. */
	void (*flush_page)(struct vm *vm, gpa_t page);

	/*
	 * Which pages of a slot the guest writes: watched from dirty_log(on) on.
	 * get_dirty fills one bit a page (page n: bit n % 64 of word n / 64) and
	 * starts anew. Both NULL: the engine cannot. Any thread.
	 */
	int (*dirty_log)(struct vm *vm, const struct mem_slot *slot, bool on);
	int (*get_dirty)(struct vm *vm, const struct mem_slot *slot, u64 *bitmap);

	/*
	 * Writes of the guest to a, of any size, need not come as exits: the engine
	 * may note them, several as one, and hand them to vm_doorbell_ring when
	 * doorbells_serve is called (any thread, without vm->lock). Hosted:
	 * doorbell_fd polls readable while there are some. add and remove with vm->lock held. All may be NULL.
	 */
	int (*doorbell_add)(struct vm *vm, gpa_t a);
	void (*doorbell_remove)(struct vm *vm, gpa_t a);
	int (*doorbell_fd)(struct vm *vm);
	void (*doorbells_serve)(struct vm *vm);

	int (*vcpu_init)(struct vcpu *v, struct error *err);
	void (*vcpu_fini)(struct vcpu *v);

	/*
	 * Runs until the monitor is needed; fills *exit and returns 0, or a
	 * negative errno when the engine itself failed. The vCPU's thread.
	 */
	int (*run)(struct vcpu *v, struct exit *exit);
	/* Any thread: leave run() soon (v->kick is already set). May be NULL. */
	void (*kick)(struct vcpu *v);

	/* Can an external interrupt be taken before the next instruction? */
	bool (*irq_ready)(struct vcpu *v);
	/* Deliver vector at the next run(); only after irq_ready said yes. */
	void (*irq_inject)(struct vcpu *v, u8 vector);
	/* Leave run() with EXIT_IRQ_WINDOW as soon as irq_ready would say yes. */
	void (*irq_window)(struct vcpu *v, bool wanted);
	/* Deliver an NMI at the next run(); -EAGAIN while NMIs are blocked or one
	 * waits to be delivered, -EBUSY in the shadow of STI or MOV SS: run()
	 * returns when it is worth another try. */
	int (*nmi_inject)(struct vcpu *v);

	/* The guest's counter (x86: TSC) now; NULL: the platform's. Any thread. */
	u64 (*guest_tsc)(struct vcpu *v);

	/* The architecture's state (x86: struct x86_state), in the common
	 * layout. The vCPU's thread, or any while it is stopped. */
	int (*get_state)(struct vcpu *v, void *arch_state);
	int (*set_state)(struct vcpu *v, const void *arch_state);
};

#endif
