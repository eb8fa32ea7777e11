/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x87 instructions, run on the guest's state in the host's own x87 registers.
 * SDM vol. 1 chapter 8, vol. 2.
 *
 * The live control word is the guest's, unmasked exceptions included. An x87
 * instruction that raises one only notes it in the status word; #MF comes with
 * the next waiting instruction, before which we look (x87_check) and raise it
 * in the guest instead. So results, stack and flags are the hardware's in every
 * case. FCS:FIP, FDS:FDP and FOP are the guest's, kept in c->fx by each
 * instruction that is not a control one.
 */
#include "fpu_internal.h"

extern const u8 x87_stub_reg[], x87_stub_mem[];
u64 x87_call_flags(const u8 *stub, u64 flags);

int FPU_COLD x87_check_slow(struct x86_cpu *c)
{
	if (!c->fpu_ready)
		return x86_fault(c, EXC_NM);
	if (!c->x87_live)
		x87_make_live(c);
	return x87_pending(c) ? x87_raise(c) : X86_OK;
}

int x87_check_nowait(struct x86_cpu *c)
{
	if (!c->fpu_ready)
		return x86_fault(c, EXC_NM);
	if (!c->x87_live)
		x87_make_live(c);
	return X86_OK;
}

FPU_INLINE void x87_note(struct x86_cpu *c, const struct x86_insn *i)
{
	c->fx.fop = (u16)((i->key & 7) << 8 | i->modrm);
	c->fx.fip = c->rip - i->len;
	x87_set_fcs(&c->fx, c->seg[SEG_CS].sel);
}

FPU_INLINE void x87_note_operand(struct x86_cpu *c, const struct x86_insn *i)
{
	x87_note(c, i);
	c->fx.fdp = x86_ea(c, i);
	x87_set_fds(&c->fx, c->seg[i->seg].sel);
}

/* --- register forms ------------------------------------------------------------ */

FPU_INLINE const u8 *x87_reg_stub(const struct x86_insn *i)
{
	return x87_stub_reg + 4 * ((i->key & 7u) << 6 | (i->modrm & 63));
}

static int x87_reg(struct x86_cpu *c, const struct x86_insn *i)
{
	int r = x87_check(c);

	if (unlikely(r))
		return r;
	x87_note(c, i);
	((void (*)(void))(uintptr_t)x87_reg_stub(i))();
	return X86_OK;
}

/* FCMOVcc, FCOMI and kin: RFLAGS in, RFLAGS out. */
static int x87_reg_flags(struct x86_cpu *c, const struct x86_insn *i)
{
	int r = x87_check(c);

	if (unlikely(r))
		return r;
	x87_note(c, i);
	x86_flags_set_arith(c, x87_call_flags(x87_reg_stub(i), x86_flags_get(c)));
	return X86_OK;
}

static int x87_fninit(struct x86_cpu *c, const struct x86_insn *i)
{
	int r = x87_check_nowait(c);

	(void)i;
	if (r)
		return r;
	__asm__ volatile("fninit" : : : "memory");
	c->fx.fcw = X87_FCW_INIT;
	x87_clear_pointers(&c->fx);
	return X86_OK;
}

static int x87_fnclex(struct x86_cpu *c, const struct x86_insn *i)
{
	int r = x87_check_nowait(c);

	(void)i;
	if (r == X86_OK)
		__asm__ volatile("fnclex" : : : "memory");
	return r;
}

/* FENI, FDISI, FSETPM of the 8087 and 80287. */
static int x87_nop(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return c->fpu_ready ? X86_OK : x86_fault(c, EXC_NM);
}

static int x87_fnstsw_ax(struct x86_cpu *c, const struct x86_insn *i)
{
	int r = x87_check_nowait(c);

	(void)i;
	if (r == X86_OK)
		put_le16(&c->gpr[REG_RAX], fpu_get_fsw());
	return r;
}

static int x87_fwait(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	if (unlikely((c->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)))
		return x86_fault(c, EXC_NM);
	return x87_pending(c) ? x87_raise(c) : X86_OK;
}

/* --- memory forms ---------------------------------------------------------------- */

FPU_INLINE void x87_run_mem(const struct x86_insn *i, const void *operand)
{
	const u8 *stub = x87_stub_mem +
			 4 * ((i->key & 7u) << 3 | ((i->modrm >> 3) & 7));

	((void (*)(const void *))(uintptr_t)stub)(operand);
}

static int FPU_COLD x87_load_slow(struct x86_cpu *c, const struct x86_insn *i,
				  unsigned size)
{
	u8 buf[16] __attribute__((aligned(16)));
	const void *src;
	int r = sse_operand(c, i, size, false, buf, &src);

	if (r < 0)
		return r;
	x87_note_operand(c, i);
	x87_run_mem(i, src);
	return r;
}

FPU_INLINE int x87_load(struct x86_cpu *c, const struct x86_insn *i, unsigned size)
{
	const void *src;
	int r = x87_check(c);

	if (unlikely(r))
		return r;
	src = fpu_fast(c, i, size, X86_READ, false);
	if (unlikely(!src))
		return x87_load_slow(c, i, size);
	x87_note_operand(c, i);
	x87_run_mem(i, src);
	return X86_OK;
}

/*
 * Not RAM of one page: check that the store can be done, run into a buffer, then
 * store. An unmasked exception other than precision leaves memory alone (SDM
 * vol. 1 8.5); none was pending before.
 */
static int FPU_COLD x87_store_slow(struct x86_cpu *c, const struct x86_insn *i,
				   unsigned size)
{
	u8 buf[16] __attribute__((aligned(16)));
	u64 off = x86_ea(c, i);
	int r = x86_probe(c, i->seg, off, size, X86_WRITE);

	if (r < 0)
		return r;
	x87_note_operand(c, i);
	memset(buf, 0, sizeof buf);
	x87_run_mem(i, buf);
	if (fpu_get_fsw() & ~c->fx.fcw & X87_FLAGS & ~0x20u)
		return X86_OK;
	return x86_store_bytes(c, i->seg, off, buf, size);
}

FPU_INLINE int x87_store(struct x86_cpu *c, const struct x86_insn *i, unsigned size)
{
	void *p;
	int r = x87_check(c);

	if (unlikely(r))
		return r;
	p = fpu_fast(c, i, size, X86_WRITE, false);
	if (unlikely(!p))
		return x87_store_slow(c, i, size);
	x87_note_operand(c, i);
	x87_run_mem(i, p);
	return X86_OK;
}

#define X87_MEM_OP(size)                                                       \
	static int x87_load##size(struct x86_cpu *c, const struct x86_insn *i) \
	{                                                                      \
		return x87_load(c, i, size);                                   \
	}                                                                      \
	static int x87_store##size(struct x86_cpu *c, const struct x86_insn *i) \
	{                                                                      \
		return x87_store(c, i, size);                                  \
	}

X87_MEM_OP(2)
X87_MEM_OP(4)
X87_MEM_OP(8)
X87_MEM_OP(10)

static int x87_fldcw(struct x86_cpu *c, const struct x86_insn *i)
{
	u16 v = 0;
	int r = x87_check(c);

	if (r)
		return r;
	r = x86_load16(c, i->seg, x86_ea(c, i), &v);
	if (r < 0)
		return r;
	__asm__ volatile("fldcw %1\n\tfnstcw %0"
			 : "=m"(c->fx.fcw) : "m"(v) : "memory");
	return r;
}

static int x87_fnstcw(struct x86_cpu *c, const struct x86_insn *i)
{
	if (!c->fpu_ready)
		return x86_fault(c, EXC_NM);
	return x86_store16(c, i->seg, x86_ea(c, i), c->fx.fcw);
}

static int x87_fnstsw(struct x86_cpu *c, const struct x86_insn *i)
{
	int r = x87_check_nowait(c);

	return r ? r : x86_store16(c, i->seg, x86_ea(c, i), fpu_get_fsw());
}

/* --- binding ---------------------------------------------------------------------- */

/*
 * Operand size by [opcode & 7][ModRM.reg]: loads positive, stores negative, 0:
 * not an instruction, or one of its own.
 */
static const s8 x87_mem_size[8][8] = {
	{ 4, 4, 4, 4, 4, 4, 4, 4 },
	{ 4, 0, -4, -4, 0, 0, 0, 0 },
	{ 4, 4, 4, 4, 4, 4, 4, 4 },
	{ 4, -4, -4, -4, 0, 10, 0, -10 },
	{ 8, 8, 8, 8, 8, 8, 8, 8 },
	{ 8, -8, -8, -8, 0, 0, 0, 0 },
	{ 2, 2, 2, 2, 2, 2, 2, 2 },
	{ 2, -2, -2, -2, 10, 8, -10, -8 },
};

static x86_exec_fn x87_bind_mem(unsigned op, unsigned reg)
{
	switch (x87_mem_size[op][reg]) {
	case 2: return x87_load2;
	case 4: return x87_load4;
	case 8: return x87_load8;
	case 10: return x87_load10;
	case -2: return x87_store2;
	case -4: return x87_store4;
	case -8: return x87_store8;
	case -10: return x87_store10;
	}
	if (op == 1 && reg == 5)
		return x87_fldcw;
	if (op == 1 && reg == 7)
		return x87_fnstcw;
	if (op == 5 && reg == 7)
		return x87_fnstsw;
	return x87_bind_env(op, reg);
}

/* ModRM.rm bits that exist, by [opcode & 7][ModRM.reg]; the undocumented
 * aliases of FXCH, FCOM, FCOMP, FSTP that every processor has are there. */
static const u8 x87_reg_valid[8][8] = {
	{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	{ 0xff, 0xff, 0x01, 0xff, 0x33, 0x7f, 0xff, 0xff },
	{ 0xff, 0xff, 0xff, 0xff, 0x00, 0x02, 0x00, 0x00 },
	{ 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00 },
	{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00 },
	{ 0xff, 0xff, 0xff, 0x02, 0xff, 0xff, 0xff, 0xff },
	{ 0xff, 0xff, 0xff, 0xff, 0x01, 0xff, 0xff, 0x00 },
};

static x86_exec_fn x87_bind_reg(unsigned op, unsigned reg, unsigned rm)
{
	if (!(x87_reg_valid[op][reg] >> rm & 1))
		return NULL;
	if ((op == 2 || op == 3) && reg < 4)
		return x87_reg_flags; /* FCMOVcc */
	if ((op == 3 || op == 7) && (reg == 5 || reg == 6))
		return x87_reg_flags; /* FUCOMI, FCOMI, and popping */
	if (op == 7 && reg == 4)
		return x87_fnstsw_ax;
	if (op == 3 && reg == 4)
		return rm == 2 ? x87_fnclex : rm == 3 ? x87_fninit : x87_nop;
	return x87_reg;
}

x86_exec_fn x87_bind(const struct x86_insn *i)
{
	unsigned op = i->key & 0xff, reg = (i->modrm >> 3) & 7;

	if (op == 0x9b)
		return x87_fwait;
	if ((op & 0xf8) != 0xd8)
		return NULL;
	if (i->flags & X86_I_MEM)
		return x87_bind_mem(op & 7, reg);
	return x87_bind_reg(op & 7, reg, i->modrm & 7);
}
