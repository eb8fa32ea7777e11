/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments, exceptions, control transfers, tasks and control registers, as the
 * instruction handlers and the engine call them. All by the vCPU's thread;
 * results are enum x86_status.
 */
#ifndef ARCH_X86_SYSTEM_H
#define ARCH_X86_SYSTEM_H

#include <arch/x86/cpu.h>

/* --- seg.c -------------------------------------------------------------- */

/* A descriptor read from a table: the raw 8 bytes and where they are. */
struct x86_desc {
	u64 raw;
	u64 raw_high; /* upper 8 bytes of a 16-byte system descriptor */
	u64 lin;
};
/* Reads sel's descriptor; beyond the limit: fault `vector` with sel & ~3. */
int x86_desc_read(struct x86_cpu *c, u16 sel, u8 vector, struct x86_desc *d);
void x86_desc_unpack(u64 raw, u16 sel, struct x86_seg *seg);
/* MOV/POP/Lxx to ES, SS, DS, FS, GS with every check of SDM vol. 2 MOV. */
int x86_load_segment(struct x86_cpu *c, unsigned seg, u16 sel);
int x86_lldt(struct x86_cpu *c, u16 sel);
int x86_ltr(struct x86_cpu *c, u16 sel);
/* Real-mode or virtual-8086 load: base = sel << 4. */
void x86_load_segment_real(struct x86_cpu *c, unsigned seg, u16 sel);
/* LAR, LSL, VERR, VERW and so on live in seg_query.c. */

/* --- excp.c ------------------------------------------------------------- */

/*
 * Delivers c->fault (c->rip already points at the instruction for a fault, or
 * past it for a trap), with the rules for double faults. X86_OK or X86_SHUTDOWN.
 */
int x86_deliver_fault(struct x86_cpu *c);
/* External interrupt or NMI (vector 2). X86_OK or X86_SHUTDOWN. */
int x86_deliver_interrupt(struct x86_cpu *c, u8 vector);
/*
 * INT n, INT3, INTO: a software interrupt with its privilege checks, c->rip past
 * the instruction. A handler's return value: X86_BREAK, or X86_FAULT.
 */
int x86_soft_interrupt(struct x86_cpu *c, u8 vector);

/* --- transfer.c --------------------------------------------------------- */

/* Near transfer to an offset already cut to size: limit and canonical checks,
 * then c->rip. */
int x86_near_jump(struct x86_cpu *c, u64 target);
int x86_far_jump(struct x86_cpu *c, u16 sel, u64 offset, unsigned opsize);
int x86_far_call(struct x86_cpu *c, u16 sel, u64 offset, unsigned opsize);
int x86_far_ret(struct x86_cpu *c, unsigned opsize, u16 pop);
int x86_iret(struct x86_cpu *c, unsigned opsize);

/* --- task.c ------------------------------------------------------------- */

enum x86_task_reason { X86_TASK_JUMP, X86_TASK_CALL, X86_TASK_INT, X86_TASK_IRET };
/* SDM vol. 3A 7.3. error: pushed on the new stack when has_error. */
int x86_task_switch(struct x86_cpu *c, u16 tss_sel, enum x86_task_reason why,
		    bool has_error, u32 error);

/* --- creg.c ------------------------------------------------------------- */

/* Checked writes: #GP on what SDM vol. 3A 2.5 forbids; TLB and derived state
 * kept in step. X86_BREAK when done. */
int x86_write_cr0(struct x86_cpu *c, u64 value);
int x86_write_cr3(struct x86_cpu *c, u64 value);
int x86_write_cr4(struct x86_cpu *c, u64 value);
int x86_write_efer(struct x86_cpu *c, u64 value);
int x86_write_dr(struct x86_cpu *c, unsigned n, u64 value);

/* Flags write of POPF, IRET, task switch: only the bits in mask change. Calls
 * x86_update_mode when AC or VM did. */
void x86_write_flags(struct x86_cpu *c, u64 value, u64 mask);

/* --- io.c --------------------------------------------------------------- */

/* I/O permission at the current privilege: X86_OK or X86_FAULT (#GP). */
int x86_io_check(struct x86_cpu *c, u16 port, unsigned size);
/* Checked port access incl. I/O breakpoints. */
int x86_io_in(struct x86_cpu *c, u16 port, unsigned size, u32 *value);
int x86_io_out(struct x86_cpu *c, u16 port, unsigned size, u32 value);

/* --- push and pop, stack.c ---------------------------------------------- */

/* size 2, 4, 8; SP cut to c->stack_size. */
int x86_push(struct x86_cpu *c, unsigned size, u64 value);
int x86_pop(struct x86_cpu *c, unsigned size, u64 *value);
/* Value at offset bytes above the stack pointer, which does not move. */
int x86_stack_peek(struct x86_cpu *c, unsigned size, u64 offset, u64 *value);
static inline u64 x86_sp_mask(const struct x86_cpu *c)
{
	return bits_mask(c->stack_size * 8u);
}
/* SP += n within the stack size, upper bits kept as the SDM says. */
static inline void x86_sp_add(struct x86_cpu *c, u64 n)
{
	u64 mask = x86_sp_mask(c);
	u64 sp = (c->gpr[REG_RSP] + n) & mask;

	if (mask == 0xffff)
		sp |= c->gpr[REG_RSP] & ~mask;
	c->gpr[REG_RSP] = sp;
}

#endif
