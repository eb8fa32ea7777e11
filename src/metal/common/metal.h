/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare-metal hypervisor. One struct metal is the machine; everything hangs off
 * it, and every processor's struct cpu points to it.
 *
 * Locks, taken in this order: a VM's life, vm->lock, a switch's, a port's, cpu->lock,
 * console.lock; one of each kind at most.
 */
#ifndef METAL_H
#define METAL_H

#include <trivet/machine.h>
#include <trivet/metal.h>
#include <trivet/vm.h>

#include "arch.h"
#include "boot_info.h"
#include "heap.h"
#include "netswitch.h"
#include "options.h"
#include "ramdisk.h"
#include "pages.h"

#define METAL_MAX_CPUS 64
#define METAL_MAX_VMS 16
#define METAL_MAX_SWITCHES 16
#define METAL_WEIGHT 100 /* a VM's when it says nothing */
#define NEVER (~(u64)0) /* a deadline */

enum task_state {
	TASK_READY,   /* on its processor's queue, or running */
	TASK_BLOCKED, /* until platform_vcpu_wake */
	TASK_PARKED,  /* its VM is paused */
	TASK_STOPPED, /* its VM has ended */
};

struct bundle_vm;

/* A vCPU as the scheduler sees it: vcpu->host_data. */
struct task {
	struct vcpu *v;
	struct metal_vm *owner;
	struct cpu *cpu; /* where it runs, always */
	struct task *next;
	u32 wakes;	 /* atomic */
	/* Under cpu->lock: */
	enum task_state state;
	u64 vtime; /* nanoseconds it ran, over its weight: who has least is next */
};

/* One processor. */
struct cpu {
	struct cpu *self;
	struct metal *metal;
	unsigned index;
	u32 hw_id; /* x86: APIC id */
	void *engine_data;
	void *arch;

	struct platform_mutex lock;
	struct task *head; /* ready, but for the one that runs; least vtime first */
	u64 vtime;	   /* of who ran last: those that wake start from there */
	struct task *current;
	u32 look;	/* atomic: an interrupt came, somebody wants something */
	bool yield;	/* the guest spins: others first */
	u64 armed_ns;	/* atomic: this processor's timer */
	u64 idle_ns;	/* asleep in all */
	u64 served_ns;	/* in serve: nobody's turn */
	u64 load;	/* weights of the vCPUs that were given to it */
};

struct metal_vm {
	struct metal *metal;
	unsigned index;
	struct vm vm;
	struct machine *machine;
	struct machine_config config;
	struct chardev chardev;
	struct ramdisk disks[MACHINE_MAX_DISKS];
	u8 line[200]; /* output while another VM has the console; under console.lock */
	unsigned line_count;
	struct switch_port *nets; /* net_count; stay when it ends: the switch has them */
	unsigned net_count;
	u32 net_waits;	  /* atomic: a port has something for the card */
	u64 net_again_ns; /* not before: home's own */
	u64 cpuset;	  /* processors that it may use; 0: all */
	u32 weight;
	u64 memory;	  /* bytes of this machine's that it takes in all */
	struct cpu *home; /* serves its timers and its end */
	u64 deadline_ns;  /* atomic */
	u32 running;	  /* atomic: tasks that are not stopped */
	u32 disk_waits;	  /* atomic: a disk has requests */
	u32 ended;	  /* atomic: to be reaped by home */
	u32 paused;	  /* atomic */
	struct platform_mutex life; /* held: an alive VM stays so */
	bool alive;
	struct task tasks[VM_MAX_VCPUS];
	char name[64];
	char cmdline[BOOT_TEXT_MAX];
};

struct metal_console {
	struct platform_mutex lock;
	enum log_level level;
	bool fresh; /* at the start of a line */
	unsigned focus; /* which VM the keyboard belongs to */
	/* The boot processor's alone: */
	u8 input[256];
	unsigned input_count;
	bool menu; /* the operator types to us */
	char command[80];
	unsigned command_count;
};

struct metal {
	struct boot_info boot;
	struct pages pages;
	struct heap heap;
	struct metal_console console;
	const struct metal_engine *engine;
	struct cpu *cpus[METAL_MAX_CPUS];
	unsigned cpu_count;
	struct metal_vm *vms[METAL_MAX_VMS];
	unsigned vm_count;
	struct netswitch *switches[METAL_MAX_SWITCHES];
	unsigned switch_count;
	u64 usable; /* bytes of memory when the first VM was made */
	u32 vms_alive; /* atomic */
	u32 dead;      /* atomic: a processor failed; the others stop */

	u64 counter_hz, counter_base;
	u64 ns_mult;	  /* nanoseconds a tick, times 2^32 */
	bool random_weak; /* no hardware source */
};

/* --- clock.c: time from the counter ------------------------------------------------ */

void clock_init(struct metal *m, u64 counter_hz);

/* --- console.c ------------------------------------------------------------------------ */

void console_init(struct metal *m);
/* A guest's bytes. */
void console_guest_write(struct metal_vm *vm, const u8 *data, size_t n);
/* Passes on what was typed, to the VM in front or to operator_byte. The boot
 * processor, without any lock. */
void console_serve(struct metal *m);
/* From now on vm has the console. */
void console_focus(struct metal *m, unsigned vm);
/* Text for the operator, as it stands. */
void console_print(struct metal *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern const struct chardev_ops console_chardev_ops;

/* --- operator.c ---------------------------------------------------------------------- */

/* Figures for the operator: operator_stats.c. */
void operator_stats(struct metal *m, struct metal_vm *vm);
void operator_list(struct metal *m);
void operator_memory(struct metal *m);

/* Ctrl-] was typed: says so and waits for a line. */
void operator_open(struct metal *m);
/* What follows, until the line ends. */
void operator_byte(struct metal *m, u8 byte);

/* --- vms.c -------------------------------------------------------------------------------- */

/* Gives all vCPUs of a new VM, or one that was reset, to their processors. */
void vm_start(struct metal_vm *m);
/* A disk of the VM (ctx) has requests. */
void vm_disk_wake(void *ctx);
/* Timers that are due and VMs that have ended, of those whose home cpu is; the
 * next deadline. */
u64 vms_serve(struct cpu *cpu);

/* --- make.c ------------------------------------------------------------------------------- */

/* Makes the VMs that the boot loader brought and starts them. */
int vms_create(struct metal *m, struct error *err);

/* --- place.c ------------------------------------------------------------------------------ */

/* Are the processors there that m may use? -EINVAL with a line. */
int place_check(const struct metal_vm *m, struct error *err);
/* Chooses a processor for each vCPU of all VMs, and each VM's home. */
void place_all(struct metal *m);

/* --- nets.c ------------------------------------------------------------------------------- */

/* m's cards, plugged into their switches. On error nothing is left. */
int nets_create(struct metal_vm *m, const struct bundle_vm *from, struct error *err);
/* Frames for m's cards; when it wants to be called again. m's home. */
u64 nets_serve(struct metal_vm *m);
/* The guest starts anew; it has ended. m's home, while no vCPU of it runs. */
void nets_clear(struct metal_vm *m);
void nets_destroy(struct metal_vm *m);

/* --- sched.c ------------------------------------------------------------------------------ */

/* Every processor's life. */
void sched_run(struct cpu *cpu) __attribute__((noreturn));
/* Puts a task that is on no queue on its processor's. */
void sched_add(struct task *t);
/* No vCPU of m runs after its next exit, until sched_resume. With m->life. */
void sched_pause(struct metal_vm *m);
void sched_resume(struct metal_vm *m);
/* cpu is to look at its timers and VMs soon. */
void sched_poke(struct cpu *cpu);

/* --- main.c -------------------------------------------------------------------------------- */

/* The processors are up, memory and clock work: everything else. On the boot
 * processor. */
void metal_main(struct metal *m) __attribute__((noreturn));
/* One line on the console, then halt. */
void metal_die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#endif
