/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x87 environment in memory: FNSTENV, FLDENV, FNSAVE, FRSTOR. Four formats:
 * 16- or 32-bit, protected or real-address mode. SDM vol. 1 figures 8-9..8-12.
 */
#include "fpu_internal.h"

#define ENV_NATIVE 28
#define SAVE_NATIVE (ENV_NATIVE + 80)

/* Operand size 2 chooses the 14-byte formats. */
static unsigned env_size(const struct x86_insn *i)
{
	return i->opsize == 2 ? 14 : 28;
}

static bool env_real(const struct x86_cpu *c)
{
	return x86_real_mode(c) || x86_v86(c);
}

/* Instruction and operand pointers as the image has them: real mode's are linear. */
static u32 env_fip(const struct x86_cpu *c)
{
	return (u32)c->fx.fip + (env_real(c) ? (u32)x87_fcs(&c->fx) << 4 : 0);
}

static u32 env_fdp(const struct x86_cpu *c)
{
	return (u32)c->fx.fdp + (env_real(c) ? (u32)x87_fds(&c->fx) << 4 : 0);
}

/* The pointer fields of a 14-byte image; native holds what hardware stored. */
static void env_write16(const struct x86_cpu *c, const u8 *native, u8 *out)
{
	u32 fip = env_fip(c), fdp = env_fdp(c);
	bool real = env_real(c);

	put_le16(out, get_le16(native));
	put_le16(out + 2, get_le16(native + 4));
	put_le16(out + 4, get_le16(native + 8));
	put_le16(out + 6, (u16)fip);
	put_le16(out + 8, real ? (u16)((fip >> 16 & 0xf) << 12 | c->fx.fop) :
				 x87_fcs(&c->fx));
	put_le16(out + 10, (u16)fdp);
	put_le16(out + 12, real ? (u16)((fdp >> 16 & 0xf) << 12) :
				  x87_fds(&c->fx));
}

/* Unused upper halves read as ones, as hardware stores them. */
static void env_write32(const struct x86_cpu *c, const u8 *native, u8 *out)
{
	u32 fip = env_fip(c), fdp = env_fdp(c);

	memcpy(out, native, 12);
	if (env_real(c)) {
		put_le32(out + 12, fip | 0xffff0000);
		put_le32(out + 16, (fip >> 16) << 12 | c->fx.fop);
		put_le32(out + 20, fdp | 0xffff0000);
		put_le32(out + 24, (fdp >> 16) << 12);
		return;
	}
	put_le32(out + 12, fip);
	put_le32(out + 16, (u32)c->fx.fop << 16 | x87_fcs(&c->fx));
	put_le32(out + 20, fdp);
	put_le32(out + 24, 0xffff0000 | x87_fds(&c->fx));
}

static void env_write(const struct x86_cpu *c, const struct x86_insn *i,
		      const u8 *native, u8 *out)
{
	if (env_size(i) == 14)
		env_write16(c, native, out);
	else
		env_write32(c, native, out);
}

/* Takes the guest's pointers from an image, and makes the native image. */
static void env_read16(struct x86_cpu *c, const u8 *in, u8 *native)
{
	u16 high = get_le16(in + 8);

	put_le16(native, get_le16(in));
	put_le16(native + 4, get_le16(in + 2));
	put_le16(native + 8, get_le16(in + 4));
	x87_clear_pointers(&c->fx);
	c->fx.fip = get_le16(in + 6);
	c->fx.fdp = get_le16(in + 10);
	if (env_real(c)) {
		c->fx.fop = high & 0x7ff;
		c->fx.fip |= (u64)(high >> 12) << 16;
		c->fx.fdp |= (u64)(get_le16(in + 12) >> 12) << 16;
		return;
	}
	x87_set_fcs(&c->fx, high);
	x87_set_fds(&c->fx, get_le16(in + 12));
}

static void env_read32(struct x86_cpu *c, const u8 *in, u8 *native)
{
	u32 high = get_le32(in + 16);

	put_le16(native, get_le16(in));
	put_le16(native + 4, get_le16(in + 4));
	put_le16(native + 8, get_le16(in + 8));
	x87_clear_pointers(&c->fx);
	if (env_real(c)) {
		c->fx.fop = high & 0x7ff;
		c->fx.fip = get_le16(in + 12) | (high >> 12 & 0xffff) << 16;
		c->fx.fdp = get_le16(in + 20) |
			    (get_le32(in + 24) >> 12 & 0xffff) << 16;
		return;
	}
	c->fx.fop = (high >> 16) & 0x7ff;
	c->fx.fip = get_le32(in + 12);
	c->fx.fdp = get_le32(in + 20);
	x87_set_fcs(&c->fx, (u16)high);
	x87_set_fds(&c->fx, get_le16(in + 24));
}

/* ES and B are made from the flags: the host must not see one that is stale. */
static void env_read(struct x86_cpu *c, const struct x86_insn *i, const u8 *in,
		     u8 *native)
{
	u16 fsw;

	memset(native, 0, ENV_NATIVE);
	if (env_size(i) == 14)
		env_read16(c, in, native);
	else
		env_read32(c, in, native);
	fsw = get_le16(native + 4) & (u16)~(X87_FSW_ES | X87_FSW_B);
	if (fsw & ~get_le16(native) & X87_FLAGS)
		fsw |= X87_FSW_ES | X87_FSW_B;
	put_le16(native + 4, fsw);
}

static int x87_fnstenv(struct x86_cpu *c, const struct x86_insn *i)
{
	u8 native[ENV_NATIVE], out[28];
	u64 off = x86_ea(c, i);
	int r = x87_check_nowait(c);

	if (r)
		return r;
	r = x86_probe(c, i->seg, off, env_size(i), X86_WRITE);
	if (r < 0)
		return r;
	__asm__ volatile("fnstenv %0" : "=m"(native) : : "memory");
	c->fx.fcw |= X87_FLAGS; /* as the hardware just did */
	env_write(c, i, native, out);
	return x86_store_bytes(c, i->seg, off, out, env_size(i));
}

static int x87_fnsave(struct x86_cpu *c, const struct x86_insn *i)
{
	u8 native[SAVE_NATIVE], out[SAVE_NATIVE];
	unsigned env = env_size(i);
	u64 off = x86_ea(c, i);
	int r = x87_check_nowait(c);

	if (r)
		return r;
	r = x86_probe(c, i->seg, off, env + 80, X86_WRITE);
	if (r < 0)
		return r;
	__asm__ volatile("fnsave %0" : "=m"(native) : : "memory");
	env_write(c, i, native, out);
	memcpy(out + env, native + ENV_NATIVE, 80);
	c->fx.fcw = X87_FCW_INIT;
	x87_clear_pointers(&c->fx);
	return x86_store_bytes(c, i->seg, off, out, env + 80);
}

static int x87_fldenv(struct x86_cpu *c, const struct x86_insn *i)
{
	u8 in[28], native[ENV_NATIVE];
	int r = x87_check(c);

	if (r)
		return r;
	r = x86_load_bytes(c, i->seg, x86_ea(c, i), in, env_size(i));
	if (r < 0)
		return r;
	env_read(c, i, in, native);
	__asm__ volatile("fldenv %1\n\tfnstcw %0"
			 : "=m"(c->fx.fcw) : "m"(native) : "memory");
	return r;
}

static int x87_frstor(struct x86_cpu *c, const struct x86_insn *i)
{
	u8 in[SAVE_NATIVE], native[SAVE_NATIVE];
	unsigned env = env_size(i);
	int r = x87_check(c);

	if (r)
		return r;
	r = x86_load_bytes(c, i->seg, x86_ea(c, i), in, env + 80);
	if (r < 0)
		return r;
	env_read(c, i, in, native);
	memcpy(native + ENV_NATIVE, in + env, 80);
	__asm__ volatile("frstor %1\n\tfnstcw %0"
			 : "=m"(c->fx.fcw) : "m"(native) : "memory");
	return r;
}

/* op: opcode & 7, reg: ModRM.reg, of a memory form */
x86_exec_fn x87_bind_env(unsigned op, unsigned reg)
{
	switch (op << 3 | reg) {
	case 1 << 3 | 4: return x87_fldenv;
	case 1 << 3 | 6: return x87_fnstenv;
	case 5 << 3 | 4: return x87_frstor;
	case 5 << 3 | 6: return x87_fnsave;
	default: return NULL;
	}
}
