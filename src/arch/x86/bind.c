/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the handler of a decoded instruction: each room in turn. */
#include <arch/x86/cpu.h>

static int exec_undefined(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return x86_ud(c);
}

static int exec_end(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)c, (void)i;
	return X86_OK;
}

void x86_bind_end(struct x86_insn *insn)
{
	*insn = (struct x86_insn){ .fn = exec_end };
}

int x86_exec_one(struct x86_cpu *c, const struct x86_insn *insn)
{
#ifdef X86_SMALL /* nothing goes on to the next one */
	c->insn = insn;
	return insn->fn(c, insn);
#else
	struct x86_insn pair[2] = { *insn };

	x86_bind_end(&pair[1]);
	c->insn = pair;
	return pair->fn(c, pair);
#endif
}

/* VEX does not exist in real and virtual-8086 mode, which the decoder cannot
 * tell from 16-bit protected mode. SDM vol. 2A 2.3.5. */
static int exec_vex16(struct x86_cpu *c, const struct x86_insn *i)
{
	x86_exec_fn fn = x86_bind_int(i, X86_MODE_16);

	if (!fn || x86_real_mode(c) || x86_v86(c))
		return x86_ud(c);
	return fn(c, i);
}

void x86_bind(struct x86_insn *insn, unsigned mode)
{
	if ((insn->flags & X86_I_VEX) && mode == X86_MODE_16) {
		insn->fn = exec_vex16;
		return;
	}
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
