/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual machine and its CPUs, as core keeps them. Everything hangs off
 * struct vm: two VMs in one process do not know of each other.
 *
 * Locks: vm->lock is the only one in core. It is held around every device
 * callback, every timer and every interrupt-controller call. An engine's run()
 * is entered without it.
 */
#ifndef TRIVET_VM_H
#define TRIVET_VM_H

#include <trivet/bus.h>
#include <trivet/engine.h>
#include <trivet/error.h>
#include <trivet/exit.h>
#include <trivet/iostats.h>
#include <trivet/irq.h>
#include <trivet/mem.h>
#include <trivet/platform.h>
#include <trivet/timer.h>
#include <trivet/types.h>

#define VM_MAX_VCPUS 32

enum vcpu_step {
	VCPU_RUNNABLE, /* call vcpu_step again */
	VCPU_BLOCKED,  /* wait for platform_vcpu_wake */
	VCPU_STOPPED,  /* the VM has stopped: see vm->stop */
};

enum vcpu_state {
	VCPU_RUNNING,
	VCPU_HALTED,
	VCPU_WAIT_SIPI, /* an application processor before its start-up IPI */
};

/* Bits of vcpu->events, set by vcpu_post from any thread. */
enum vcpu_event {
	VCPU_EVENT_NMI = 1,
	VCPU_EVENT_INIT = 2,
	VCPU_EVENT_SIPI = 4,
	VCPU_EVENT_IRQ = 8, /* look at the interrupt controller */
	VCPU_EVENT_WAKE = 16, /* go on from a wait for SIPI as the state is */
};

enum vm_stop {
	VM_RUNS,
	VM_POWEROFF,   /* the guest powered itself off */
	VM_RESET,      /* the guest asked for a reset */
	VM_CRASHED,    /* triple fault or engine error: vm->stop_text */
	VM_DEBUG_EXIT, /* vm->exit_code holds the status */
	VM_QUIT,       /* the operator ended it */
};

struct vcpu_stats {
	u64 exits[EXIT_REASON_COUNT];
	/* Time by platform_counter: in the monitor because of each exit, until
	 * the engine runs again, and in the engine itself. Halted is neither. */
	u64 exit_ticks[EXIT_REASON_COUNT];
	u64 guest_ticks;
	u64 guest_since; /* the engine runs since then; 0: it does not */
	u64 injected;
	u64 halts;
	u64 halted_ns;
	u64 guest_instructions; /* when the engine counts them */
	u64 bad_bytes; /* of device memory where there is no device: accesses by byte */
};

struct vcpu {
	struct vm *vm;
	unsigned index;
	enum vcpu_state state; /* own thread only */

	u32 kick;   /* atomic: engine must leave run() when not 0 */
	u32 events; /* atomic: enum vcpu_event */
	u32 nmis;   /* atomic: NMIs posted and not yet taken */
	u8 sipi_vector;

	const struct vcpu_irq_ops *irq;
	void *irq_ctx;

	void *engine_data;
	void *host_data; /* the program's: thread handle and so on */
	u64 halt_since_ns; /* platform_clock_ns; 0: not halted */
	enum exit_reason last_exit;
	struct vcpu_stats stats;
};

struct vm {
	char name[64];
	const struct engine_ops *engine;
	void *engine_data;
	void *host_data;
	void *machine; /* struct machine, for the program */

	/* The guest's hypercalls (x86: VMCALL, VMMCALL), on v's thread without
	 * vm->lock: the result. NULL: the instruction is undefined. */
	u64 (*hypercall)(struct vcpu *v, const struct exit *exit);
	/* x86: a CPU asserts FERR#, with vm->lock held. May be NULL. */
	void (*fpu_error)(struct vm *vm);

	/* Guest RAM from elsewhere than platform_ram_alloc, with its contract; set
	 * by the program before there is any. May be NULL. */
	void *(*ram_alloc)(u64 size);
	struct platform_mutex lock;
	struct guest_mem mem;
	struct bus pio;
	struct bus mmio;
	struct irq_router irqs;
	struct timer *timers;
	struct io_group *io; /* what devices count: vm_io_add */

	struct vcpu *vcpus[VM_MAX_VCPUS];
	unsigned vcpu_count;

	bool bad_access_stops; /* an access to memory that is nobody's ends the VM */

	u32 stop; /* atomic: enum vm_stop */
	int exit_code;
	char stop_text[160];
	const void *arch_config; /* x86: struct x86_cpu_model, owned by machine */
};

/*
 * vm_init readies an empty VM on an engine; vm_fini undoes it (no vCPU may be
 * running). name is copied.
 */
int vm_init(struct vm *vm, const char *name, const struct engine_ops *engine,
	    struct error *err);
void vm_fini(struct vm *vm);

/* Adds vCPU number vm->vcpu_count. RAM must have been added. */
int vm_add_vcpu(struct vm *vm, struct error *err);

/*
 * Shows a device's figures to whoever prints statistics, behind those that are
 * there; and takes them away again. With vm->lock held, or before vCPUs run and
 * after they ended.
 */
void vm_io_add(struct vm *vm, struct io_group *g);
void vm_io_remove(struct vm *vm, struct io_group *g);

/*
 * Ends the VM: the first reason given wins, every vCPU is kicked, vcpu_step
 * returns VCPU_STOPPED. Any thread, with or without vm->lock.
 */
void vm_stop(struct vm *vm, enum vm_stop reason, int exit_code,
	     const char *format, ...) __attribute__((format(printf, 4, 5)));
enum vm_stop vm_stop_reason(const struct vm *vm);

/*
 * After VM_RESET and once no vCPU thread steps: clears the stop reason and puts
 * every vCPU back to its power-up state (0 runs, others wait for SIPI).
 */
void vm_clear_stop(struct vm *vm);

/*
 * Runs v until the monitor is needed once, and handles that. The vCPU's own
 * thread, without vm->lock.
 */
enum vcpu_step vcpu_step(struct vcpu *v);

/*
 * Handles one exit of v: bus access, MSR, TPR. Used by vcpu_step, and by an
 * engine in the middle of an instruction that needs the answer to go on.
 * Without vm->lock. Returns 0, or -EINVAL for a reason it does not know.
 */
int vcpu_handle_exit(struct vcpu *v, struct exit *exit);

/*
 * The same for an engine that runs an instruction itself: one access of it, as the
 * exit of that kind. size as in struct exit; number and args as its hypercall's.
 * MSRs: -EINVAL for #GP. A hypercall: -ENOSYS when there are none. v's own thread,
 * without vm->lock.
 */
u32 vcpu_io_read(struct vcpu *v, u16 port, unsigned size);
void vcpu_io_write(struct vcpu *v, u16 port, unsigned size, u32 value);
u64 vcpu_mmio_read(struct vcpu *v, gpa_t a, unsigned size);
void vcpu_mmio_write(struct vcpu *v, gpa_t a, unsigned size, u64 value);
int vcpu_msr_read(struct vcpu *v, u32 index, u64 *value);
int vcpu_msr_write(struct vcpu *v, u32 index, u64 value);
u64 vcpu_tpr_read(struct vcpu *v);
void vcpu_tpr_write(struct vcpu *v, u64 value);
int vcpu_hypercall(struct vcpu *v, u64 number, const u64 args[4], bool user, u64 *result);

/* The guest's counter (x86: TSC) on v now. Any thread. */
u64 vcpu_guest_tsc(struct vcpu *v);

/* Drops cached translations of one guest-physical page (a test device's wish).
 * With vm->lock held. */
void vm_flush_page(struct vm *vm, gpa_t page);

/*
 * The guest's writes to a register at a only ring: neither their value nor how
 * many there were matters, so the engine may tell of them later. An engine that
 * cannot makes exits of them, as ever. With vm->lock held.
 */
void vm_doorbell_add(struct vm *vm, gpa_t a);
void vm_doorbell_remove(struct vm *vm, gpa_t a);
/* For engines, with vm->lock held: the guest wrote there; the device sees a write
 * of 0. */
void vm_doorbell_ring(struct vm *vm, gpa_t a);

/* Posts an event and makes v notice. Any thread, with or without vm->lock. */
void vcpu_post(struct vcpu *v, enum vcpu_event event, u8 sipi_vector);
/* Makes v leave its engine and step again. Any thread. */
void vcpu_kick(struct vcpu *v);

/* Architecture contract, implemented in src/arch/<arch>/: */

/* Size of the common state layout. */
size_t arch_state_size(void);
/* Power-up state for vCPU index (x86: SDM vol. 3A 9.1.1, all CPUs at the reset
 * vector; a loader overwrites it for the boot CPU). init: INIT, not power-up,
 * which keeps what the SDM says it keeps (st holds the state before). */
void arch_state_reset(void *st, const struct vm *vm, unsigned index, bool init);
/* x86: real mode at vector:0000. */
void arch_state_sipi(void *st, u8 vector);
/* Registers as text for the operator, several lines, NUL-terminated. */
size_t arch_state_print(const void *st, char *buf, size_t size);

#endif
