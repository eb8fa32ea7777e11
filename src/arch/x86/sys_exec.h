/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of system instructions that live outside bind_sys.c, bind_control.c. */
#ifndef X86_SYS_EXEC_H
#define X86_SYS_EXEC_H

#include "system_private.h"

/* seg_query.c */
int x86_exec_lar(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_lsl(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_verr(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_verw(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_arpl(struct x86_cpu *c, const struct x86_insn *i);

/* syscall.c */
int x86_exec_syscall(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_sysret(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_sysenter(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_sysexit(struct x86_cpu *c, const struct x86_insn *i);

/* flags_exec.c */
int x86_exec_pushf(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_popf(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_cli(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_sti(struct x86_cpu *c, const struct x86_insn *i);

/* io_exec.c: IN, OUT, INS, OUTS, or NULL. */
x86_exec_fn x86_bind_io(const struct x86_insn *insn);

/* creg_exec.c: MOV CR, MOV DR, LMSW, SMSW, CLTS, XSETBV and so on. */
int x86_exec_mov_from_cr(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_mov_to_cr(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_mov_from_dr(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_mov_to_dr(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_lmsw(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_smsw(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_clts(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_xgetbv(struct x86_cpu *c, const struct x86_insn *i);
int x86_exec_xsetbv(struct x86_cpu *c, const struct x86_insn *i);

/* Privileged: #GP(0) outside ring 0 (virtual-8086 mode is ring 3). */
static inline int need_ring0(struct x86_cpu *c)
{
	return c->cpl ? x86_gp0(c) : X86_OK;
}

#endif
