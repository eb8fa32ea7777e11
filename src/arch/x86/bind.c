/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the handler of a decoded instruction: each room in turn. */
#include <arch/x86/cpu.h>

static int exec_undefined(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return x86_ud(c);
}

void x86_bind(struct x86_insn *insn, unsigned mode)
{
	insn->fn = x86_bind_int(insn, mode);
	if (!insn->fn)
		insn->fn = x86_bind_control(insn, mode);
	if (!insn->fn)
		insn->fn = x86_bind_sys(insn, mode);
	if (!insn->fn)
		insn->fn = x86_bind_fpu(insn, mode);
	if (!insn->fn)
		insn->fn = exec_undefined;
}
