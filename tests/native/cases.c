/* SPDX-License-Identifier: Apache-2.0 */
/* Builds one random case of a form: encoding, registers, memory. */
#include "values.h"

#include <stdlib.h>
#include <string.h>

#define POOL_SIZE 0x10000u
#define SAFE_FLAGS 0x203ed7u /* for POPF, IRET: not TF, NT, RF, AC */

struct builder {
	struct native_case *t;
	const struct native_form *f;
	unsigned n;	   /* bytes so far */
	unsigned disp_at;  /* where a 4-byte displacement is, or 0 */
	u8 rex;		   /* 0 W R X B */
	u8 reg, rm, base, index;
	bool long_mode, addr32, no_base;
};

static bool chance(unsigned one_in)
{
	return native_random() % one_in == 0;
}

static void put(struct builder *b, u8 byte)
{
	b->t->code[b->n++] = byte;
}

static void put_opcode(struct builder *b)
{
	const struct native_form *f = b->f;

	if (f->vex) {
		u8 pp = f->prefix == 0x66 ? 1 : f->prefix == 0xf3 ? 2 : f->prefix ? 3 : 0;
		u8 vvvv = b->long_mode ? native_random() & 15 : native_random() & 7;

		if (f->map == X86_MAP_0F3A)
			vvvv = 0;
		put(b, 0xc4);
		put(b, (u8)((~b->rex & 7) << 5 | (f->map == X86_MAP_0F3A ? 3 : 2)));
		put(b, (u8)(f->w << 7 | (~vvvv & 15) << 3 | pp));
		put(b, f->op);
		return;
	}
	if (f->prefix)
		put(b, f->prefix);
	if (b->long_mode && (b->rex || chance(2)))
		put(b, 0x40 | b->rex);
	if (f->map != X86_MAP_1)
		put(b, 0x0f);
	if (f->map == X86_MAP_0F38 || f->map == X86_MAP_0F3A)
		put(b, f->map == X86_MAP_0F38 ? 0x38 : 0x3a);
	put(b, f->op);
}

static void choose_registers(struct builder *b)
{
	unsigned mask = b->long_mode ? 15 : 7;

	b->reg = (u8)(native_random() & mask);
	if (b->f->digit != 0xff)
		b->reg = (u8)((b->reg & 8) | b->f->digit);
	b->rm = (u8)(native_random() & mask);
	do {
		b->base = (u8)(native_random() & mask);
		b->index = (u8)(native_random() & mask);
	} while (b->base == b->index || b->index == REG_RSP || b->base == b->reg ||
		 b->index == b->reg);
	b->rex = (u8)((b->f->w ? 8 : 0) | (b->reg & 8 ? 4 : 0));
}

/* ModRM, SIB and displacement of a memory operand, in one of five shapes. */
static void put_memory(struct builder *b, unsigned shape)
{
	u8 reg = (u8)((b->reg & 7) << 3);
	u8 scale = (u8)(native_random() & 0xc0);

	switch (shape) {
	case 0: /* [base+disp8], with SIB where it must be */
	case 1: /* [base+disp32] */
		put(b, (u8)((shape ? 0x80 : 0x40) | reg | (b->base & 7)));
		if ((b->base & 7) == 4)
			put(b, 0x24);
		break;
	case 2: /* [base+index*scale+disp8] */
		put(b, 0x44 | reg);
		put(b, (u8)(scale | (b->index & 7) << 3 | (b->base & 7)));
		shape = 0;
		break;
	case 3: /* [index*scale+disp32] */
		put(b, 0x04 | reg);
		put(b, (u8)(scale | (b->index & 7) << 3 | 5));
		break;
	default: /* [rip+disp32] or [disp32] */
		put(b, 0x05 | reg);
		break;
	}
	if (shape == 0) {
		put(b, (u8)native_random());
		return;
	}
	b->disp_at = b->n;
	for (int k = 0; k < 4; k++)
		put(b, k == 1 ? (u8)native_random() : 0);
}

static void put_operands(struct builder *b)
{
	const struct native_form *f = b->f;
	unsigned shape = native_random() % 5;

	b->no_base = shape >= 3;
	if (f->mem) {
		if (!b->no_base)
			b->rex |= b->base >= 8;
		if (b->index >= 8 && (shape == 2 || shape == 3))
			b->rex |= 2;
		put_opcode(b);
		put_memory(b, shape);
	} else if (f->modrm && (f->map == X86_MAP_1 && (f->op & 0xf8) == 0xd8)) {
		put_opcode(b);
		put(b, f->modrm);
	} else {
		b->rex |= b->rm >= 8;
		put_opcode(b);
		put(b, (u8)(0xc0 | (b->reg & 7) << 3 | (b->rm & 7)));
	}
}

static void put_prefixes(struct builder *b)
{
	/* in 64-bit mode they do nothing, and GS has base 0 */
	static const u8 null_segment[5] = { 0x26, 0x3e, 0x36, 0x2e, 0x65 };

	if (chance(12)) /* in 32-bit mode CS would forbid writing */
		put(b, null_segment[native_random() % (b->long_mode ? 5 : 3)]);
	if (b->long_mode && chance(10) && (b->f->mem || b->f->map == X86_MAP_1)) {
		b->addr32 = true;
		put(b, 0x67);
	}
}

/* Bytes and decoded form; false when there is no such instruction. */
static bool encode(struct builder *b)
{
	struct native_case *t = b->t;

	choose_registers(b);
	put_prefixes(b);
	if (b->f->mem && !b->f->vex && chance(5)) {
		put(b, 0xf0); /* tried first; below without when not allowed */
	}
	put_operands(b);
	for (unsigned k = b->n; k < 15; k++)
		t->code[k] = (u8)(chance(3) ? native_random() & 0x1f : native_random());
	if (x86_decode(&t->insn, t->code, 15, t->mode))
		return false;
	t->len = t->insn.len;
	return true;
}

static bool in_scratch(const struct native_case *t)
{
	return t->target >= SCRATCH && t->target < SCRATCH + SCRATCH_SIZE - 16;
}

/* Far branches, VERR, VERW, LAR, LSL: the operand must be a selector we know. */
static bool wants_selector(const struct x86_insn *i)
{
	return i->key == X86_KEY(X86_MAP_1, 0xff) || i->key == X86_KEY(X86_MAP_0F, 0) ||
	       i->key == X86_KEY(X86_MAP_0F, 2) || i->key == X86_KEY(X86_MAP_0F, 3);
}

/* Where the memory operand is to be: mostly well inside the scratch area. */
static u64 choose_target(const struct builder *b)
{
	unsigned r = native_random() % 64;

	if (r == 5)
		return SCRATCH + (chance(2) ? SCRATCH_SIZE : 0) - native_random() % 16; /* half mapped */
	if (r < 3)
		return SCRATCH + 0x1000 - native_random() % 16; /* across pages */
	if (r == 3)
		return HOLE + native_random() % 0xf00;
	if (r == 4 && b->long_mode && !b->addr32 && !b->no_base)
		return BIT(63) + native_random() % 0x1000; /* not canonical */
	if (r < 40)
		return SCRATCH + 0x400 + (native_random() & 0x7f0);
	return SCRATCH + 0x400 + (native_random() & 0x7ff);
}

/* Sets the base register, or the displacement, so that the operand is there. */
static void aim(struct builder *b)
{
	struct native_case *t = b->t;
	struct x86_insn *i = &t->insn;
	u64 rest, *gpr = t->in.gpr;

	if (!(i->flags & X86_I_MEM))
		return;
	t->target = choose_target(b);
	if (wants_selector(i) && t->target < SCRATCH + SCRATCH_SIZE && !in_scratch(t))
		t->target -= 16;
	/* FXSAVE, FXRSTOR: which of two faults comes first is the processor's choice */
	if (i->key == X86_KEY(X86_MAP_0F, 0xae) && (i->reg & 7) < 2 && !in_scratch(t))
		t->target &= ~(u64)15;
	if (i->index != REG_ZERO)
		gpr[i->index] = native_random() & 0x7f;
	rest = i->index == REG_ZERO ? 0 : gpr[i->index] << i->scale;
	if (i->base == REG_ZERO) {
		rest += i->rip_rel ? CODE + t->len : 0;
		put_le32(t->code + b->disp_at, (u32)(t->target - rest));
		i->disp = (s32)(u32)(t->target - rest);
		return;
	}
	gpr[i->base] = t->target - rest - (u64)(s64)i->disp;
	if (i->addrsize == 4 && b->long_mode && i->base != REG_RSP)
		gpr[i->base] = (u32)gpr[i->base] | (u64)native_random() << 32;
}

/* --- what single instructions want in registers and memory ---------------- */

/* Is register n free, not part of the operand's address? */
static bool is_free(const struct native_case *t, unsigned n)
{
	return t->insn.base != n && t->insn.index != n;
}

static void set(struct native_case *t, unsigned n, u64 v)
{
	if (is_free(t, n))
		t->in.gpr[n] = v;
}

static unsigned random_pointer(void)
{
	return chance(2) ? REG_RSI : REG_RDI;
}

/* Where the operands are, some at an end of what is mapped: a fault halfway. */
static void aim_string(struct native_case *t)
{
	bool cmps = (t->insn.key & ~1u) == 0xa6;
	unsigned at_end = random_pointer(), at_start = cmps ? at_end : random_pointer();
	u64 *gpr = t->in.gpr, middle = SCRATCH + 0x400;

	gpr[REG_RSI] = middle + (native_random() & 0x3ff);
	gpr[REG_RDI] = middle + (native_random() & 0x3ff);
	if (chance(8))
		gpr[at_end] = SCRATCH + SCRATCH_SIZE - (native_random() & 31);
	if (chance(8))
		gpr[at_start] = SCRATCH + (native_random() & 31);
	/* CMPS: which of its operands' faults comes first is the processor's choice */
	if (cmps && gpr[at_end] - middle > 0x3ff)
		t->in.rflags &= ~(u64)FL_AC;
}

static void prepare_string(struct native_case *t)
{
	u64 *gpr = t->in.gpr;

	aim_string(t);
	if (t->insn.flags & (X86_I_REP | X86_I_REPNE))
		gpr[REG_RCX] = chance(4) ? 0 : native_random() & 31;
	if (chance(2))
		t->in.rflags |= FL_DF;
	if (t->insn.addrsize == 4 && t->mode == X86_MODE_64) { /* must not matter */
		gpr[REG_RSI] |= (u64)native_random() << 32;
		gpr[REG_RDI] |= (u64)native_random() << 32;
		gpr[REG_RCX] |= (u64)native_random() << 32;
	}
	if (chance(2)) { /* so that comparisons go on for a while */
		memset(t->mem + 0x280, 0x11, 0x800);
		gpr[REG_RAX] = chance(2) ? 0x1111111111111111 : gpr[REG_RAX];
		t->mem[0x400 + (native_random() & 0x1ff)] ^= 4;
	}
}

static u16 code_selector(void)
{
	static const u16 bad[] = { 0, 3, SEL_DATA, SEL_CODE & ~3u, SEL_CODE & ~1u, 0xfff8, 0x50 };

	return chance(6) ? bad[native_random() % ARRAY_SIZE(bad)] : SEL_CODE;
}

static u16 data_selector(void)
{
	static const u16 bad[] = { 0, 3, SEL_CODE, SEL_DATA & ~3u, 0xfff8, 0x53 };

	return chance(6) ? bad[native_random() % ARRAY_SIZE(bad)] : SEL_DATA;
}

/* What the stack pointer points at, as far as that is mapped. */
static void put_stack(struct native_case *t, const void *data, unsigned size)
{
	const u8 *p = data;

	for (unsigned n = 0; n < size; n++) {
		u64 at = t->in.gpr[REG_RSP] + n - SCRATCH;

		if (at < SCRATCH_SIZE)
			t->mem[at] = p[n];
	}
}

/* A far return's or IRET's frame: RIP, CS, RFLAGS, RSP, SS. */
static void prepare_far_return(struct native_case *t)
{
	unsigned size = t->insn.opsize;
	u64 frame[5] = { CODE + t->len + CODE_TAKEN, code_selector(),
			 native_random() & SAFE_FLAGS, value_int(), data_selector() };

	u8 image[40];

	for (unsigned n = 0; n < 5; n++)
		memcpy(image + n * size, &frame[n], size);
	/* well inside: which part of a frame is read first is not defined */
	t->in.gpr[REG_RSP] = SCRATCH + 0x1400 + (native_random() & 0x3ff);
	if (t->insn.key == X86_KEY(X86_MAP_1, 0xca))
		put_le16(t->code + t->len - 2, native_random() & 0x3f);
	put_stack(t, image, t->insn.key == X86_KEY(X86_MAP_1, 0xcf) ? size * 5 : size * 2);
}

static void prepare_divide(struct native_case *t)
{
	if (chance(4))
		return;
	set(t, REG_RDX, chance(2) ? 0 : native_random() & 0xff);
	if (!(t->insn.key & 1))
		set(t, REG_RAX, native_random() & 0x7ff);
	if ((t->insn.reg & 7) == 7 && chance(2)) {
		bool neg = t->in.gpr[REG_RAX] >> (t->insn.opsize * 8 - 1) & 1;

		set(t, REG_RDX, neg ? ~(u64)0 : 0);
	}
}

/* An indirect branch: to the place where taken branches end. */
static void prepare_indirect(struct native_case *t)
{
	u64 to = CODE + t->len + CODE_TAKEN;
	unsigned far = t->insn.opsize == 8 ? 8 : 4;

	if (((t->insn.reg & 7) & 1) && in_scratch(t)) { /* far */
		put_le64(t->mem + t->target - SCRATCH, to);
		put_le16(t->mem + t->target - SCRATCH + far, code_selector());
		return;
	}
	if (!(t->insn.flags & X86_I_MEM))
		t->in.gpr[t->insn.rm] = to;
	else if (in_scratch(t))
		put_le64(t->mem + t->target - SCRATCH, to);
}

static void prepare_stack(struct native_case *t)
{
	u64 to = CODE + t->len + CODE_TAKEN, flags = native_random() & SAFE_FLAGS;

	switch (t->insn.key) {
	case X86_KEY(X86_MAP_1, 0xc2):
	case X86_KEY(X86_MAP_1, 0xc3):
		put_stack(t, &to, 8);
		break;
	case X86_KEY(X86_MAP_1, 0xca):
	case X86_KEY(X86_MAP_1, 0xcb):
	case X86_KEY(X86_MAP_1, 0xcf):
		prepare_far_return(t);
		break;
	case X86_KEY(X86_MAP_1, 0x9d): /* POPF: not TF, AC, NT, RF */
		put_stack(t, &flags, 8);
		break;
	case X86_KEY(X86_MAP_1, 0xc8): /* ENTER: few levels */
		t->in.gpr[REG_RBP] = SCRATCH + 0x1400 + (native_random() & 0x3ff);
		t->code[t->len - 1] = chance(2) ? 0 : (u8)(native_random() & 0xe7);
		put_le16(t->code + t->len - 3, (u16)(native_random() & 0x1ff));
		break;
	case X86_KEY(X86_MAP_1, 0xc9):
		t->in.gpr[REG_RBP] = SCRATCH + 0x1400 + (native_random() & 0x3ff);
		break;
	default:
		break;
	}
}

static void prepare_one_byte(struct native_case *t)
{
	unsigned op = t->insn.key & 0xff, digit = t->insn.reg & 7;
	u64 rcx = t->in.gpr[REG_RCX];

	switch (op) {
	case 0x62: /* BOUND */
		if (in_scratch(t) && chance(2))
			put_le32(t->mem + t->target - SCRATCH, 0x80000000u);
		break;
	case 0xa0 ... 0xa3:
		t->target = SCRATCH + 0x400 + (native_random() & 0x3ff);
		memset(t->code + t->len - t->insn.addrsize, 0, t->insn.addrsize);
		put_le32(t->code + t->len - t->insn.addrsize, (u32)t->target);
		break;
	case 0xa4 ... 0xa7:
	case 0xaa ... 0xaf: prepare_string(t); break;
	case 0xd7: t->in.gpr[REG_RBX] = SCRATCH + 0x400 + (native_random() & 0xff); break;
	case 0xe0 ... 0xe3: t->in.gpr[REG_RCX] = chance(2) ? rcx : native_random() & 1; break;
	case 0xf6:
	case 0xf7:
		if (digit >= 6)
			prepare_divide(t);
		break;
	case 0xff:
		if (digit >= 2 && digit <= 5)
			prepare_indirect(t);
		break;
	default: prepare_stack(t); break;
	}
}

static void prepare_cmpxchg8b(struct native_case *t)
{
	unsigned half = t->insn.opsize == 8 ? 8 : 4;

	if (!in_scratch(t) || chance(2))
		return;
	if (half == 8 && t->target + 16 > SCRATCH + SCRATCH_SIZE)
		return;
	memcpy(&t->in.gpr[REG_RAX], t->mem + t->target - SCRATCH, half);
	memcpy(&t->in.gpr[REG_RDX], t->mem + t->target - SCRATCH + half, half);
}

static void prepare_0f(struct native_case *t)
{
	unsigned op = t->insn.key & 0xff;
	u16 sel;

	switch (op) {
	case 0x00: case 0x02: case 0x03: /* VERR, VERW, LAR, LSL */
		sel = chance(2) ? code_selector() : data_selector();
		if (!(t->insn.flags & X86_I_MEM))
			t->in.gpr[t->insn.rm] = sel;
		else if (in_scratch(t))
			put_le16(t->mem + t->target - SCRATCH, sel);
		break;
	case 0xa3: case 0xab: case 0xb3: case 0xbb: /* bit offsets reach far */
		if (t->insn.flags & X86_I_MEM)
			set(t, t->insn.reg, (u64)(s64)(s16)native_random() / 16);
		break;
	case 0xae: /* FXRSTOR, LDMXCSR: mostly without reserved bits */
		if (in_scratch(t) && !chance(4))
			put_le32(t->mem + t->target - SCRATCH + ((t->insn.reg & 7) == 1 ? 24 : 0),
				 native_random() & 0xffff);
		break;
	case 0xb0: case 0xb1: /* CMPXCHG */
		if (chance(2) && in_scratch(t) && is_free(t, REG_RAX))
			memcpy(&t->in.gpr[REG_RAX], t->mem + t->target - SCRATCH, 8);
		break;
	case 0xc7:
		if (is_free(t, REG_RAX) && is_free(t, REG_RDX))
			prepare_cmpxchg8b(t);
		break;
	case 0xf7: t->in.gpr[REG_RDI] = SCRATCH + 0x400 + (native_random() & 0x3ff); break;
	default: break;
	}
}

/*
 * Is #AC well defined? For 16-byte operands it depends on the processor, and of
 * MOVSXD r16 the operand's size does; of a far return's frame, what is read first.
 */
static bool alignment_defined(const struct native_case *t)
{
	unsigned op = t->insn.key & 0xff;

	switch (t->insn.key >> 8) {
	case X86_MAP_1: return op != 0x63 && (op < 0xca || op > 0xcf);
	case X86_MAP_0F:
		return op < 0x10 || (op >= 0x40 && op < 0x50) ||
		       (op >= 0x80 && op <= 0xc1 && op != 0xae) || op == 0xc3;
	default: return t->insn.flags & X86_I_VEX;
	}
}

static void prepare(struct native_case *t)
{
	unsigned map = t->insn.key >> 8, op = t->insn.key & 0xff;

	if (chance(16) && alignment_defined(t))
		t->in.rflags |= FL_AC;
	if (map == X86_MAP_1)
		prepare_one_byte(t);
	else if (map == X86_MAP_0F)
		prepare_0f(t);
	else if (map == X86_MAP_0F3A && op >= 0x60 && op <= 0x61 && chance(2)) {
		set(t, REG_RAX, (u64)(s64)(native_random() % 40) - 20);
		set(t, REG_RDX, (u64)(s64)(native_random() % 40) - 20);
	}
}

static void fix_branch(struct native_case *t)
{
	unsigned map = t->insn.key >> 8, op = t->insn.key & 0xff;

	if (map == X86_MAP_0F ? op >= 0x80 && op <= 0x8f : map == X86_MAP_1 && (op == 0xe8 || op == 0xe9))
		put_le32(t->code + t->len - 4, CODE_TAKEN);
	if (map == X86_MAP_1 && ((op >= 0x70 && op <= 0x7f) || (op >= 0xe0 && op <= 0xe3) || op == 0xeb))
		t->code[t->len - 1] = CODE_TAKEN;
}

static void fill_memory(struct native_case *t)
{
	static u8 pool[POOL_SIZE];

	if (!pool[0] && !pool[1]) {
		value_bytes(pool, 8);
		for (unsigned n = 0; n < POOL_SIZE; n += 16)
			value_bytes(pool + n, 16);
		pool[0] |= 1;
	}
	memcpy(t->mem, pool + native_random() % (POOL_SIZE - SCRATCH_SIZE), SCRATCH_SIZE);
}

/* The operand itself: a number of some kind, x87's 80-bit ones included. */
static void fill_operand(struct native_case *t)
{
	u8 value[16];

	if (!in_scratch(t))
		return;
	value_bytes(value, 16);
	if (chance(6) || ((t->insn.key & 0xf8) == 0xd8 && chance(2)))
		value_f80(value);
	memcpy(t->mem + t->target - SCRATCH, value, 16);
}

static void fill_registers(struct native_case *t)
{
	for (unsigned n = 0; n < 16; n++)
		t->in.gpr[n] = value_int();
	if (t->mode != X86_MODE_64) {
		for (unsigned n = 0; n < 16; n++)
			t->in.gpr[n] = n < 8 ? (u32)t->in.gpr[n] : 0;
	}
	t->in.gpr[REG_RSP] = SCRATCH + 0x1400 + (native_random() & 0x3f8) + (chance(4) ? native_random() & 7 : 0);
	if (chance(16)) /* around the ends of what is mapped */
		t->in.gpr[REG_RSP] = SCRATCH + (chance(2) ? SCRATCH_SIZE : 0) + (native_random() & 31) - 16;
	if (chance(32) && t->mode == X86_MODE_64)
		t->in.gpr[REG_RSP] ^= BIT(63);
	t->in.rflags = (native_random() & FL_ARITH) | FL_ONE | FL_IF;
	value_fpu(&t->in.fx);
}

bool case_build(const struct native_form *f, struct native_case *t)
{
	struct builder b = { .t = t, .f = f, .long_mode = f->mode == X86_MODE_64 };

	t->mode = f->mode;
	t->target = 0;
	if (!encode(&b))
		return false;
	fill_registers(t);
	fill_memory(t);
	aim(&b);
	if (t->mode != X86_MODE_64) {
		for (unsigned n = 0; n < 8; n++)
			t->in.gpr[n] = (u32)t->in.gpr[n];
	}
	fill_operand(t);
	prepare(t);
	fix_branch(t);
	if (x86_decode(&t->insn, t->code, 15, t->mode) || t->insn.len != t->len)
		return false;
	x86_bind(&t->insn, t->mode);
	prelude_build(t);
	return true;
}
