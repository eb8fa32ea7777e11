/* SPDX-License-Identifier: Apache-2.0 */
/* Why an engine gave control back: one struct for every engine. */
#ifndef TRIVET_EXIT_H
#define TRIVET_EXIT_H

#include <trivet/types.h>

enum exit_reason {
	EXIT_NONE,	 /* kicked, or the engine's own business */
	EXIT_IO,	 /* port access */
	EXIT_MMIO,	 /* access to guest-physical memory that is not RAM */
	EXIT_MSR,	 /* MSR the engine does not own */
	EXIT_TPR,	 /* CR8 access */
	EXIT_HALT,	 /* HLT: block until an interrupt */
	EXIT_IRQ_WINDOW, /* interrupts can be taken again */
	EXIT_SHUTDOWN,	 /* triple fault */
	EXIT_HYPERCALL,
	EXIT_EOI, /* a level-triggered interrupt ended: engine_irqchip_ops */
	EXIT_FPU_ERROR,	 /* x86: FERR#, an x87 error with CR0.NE clear */
	EXIT_ERROR, /* the engine cannot go on: exit->error says why */
	EXIT_REASON_COUNT
};

struct exit {
	enum exit_reason reason;
	union {
		struct {
			u16 port;
			u8 size; /* 1, 2, 4 */
			bool write;
			u32 value; /* written, or filled in by the handler */
		} io;
		struct {
			gpa_t addr;
			u8 size; /* 1, 2, 4, 8 */
			bool write;
			u64 value;
		} mmio;
		struct {
			u32 index;
			bool write;
			bool fault; /* set by the handler: raise #GP */
			u64 value;
		} msr;
		struct {
			bool write;
			u64 value;
		} tpr;
		struct {
			u64 number;
			u64 args[4];
			bool user;    /* made outside ring 0 */
			bool unknown; /* set by the handler: there are none */
			u64 result;
		} hypercall;
		struct {
			u8 vector;
		} eoi;
	};
	const char *error; /* EXIT_ERROR: static text */
};

/* "io", "mmio", ...: for statistics and logs. */
const char *exit_reason_name(enum exit_reason reason);

#endif
