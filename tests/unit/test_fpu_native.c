/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every x87, MMX and SSE opcode that is bound, against the same instruction run
 * by this CPU: registers, flags, memory, FPU state and faults, over random and
 * edge-case operands, rounding modes and exception masks.
 */
#include "fpu_native.h"

#include "cpu_fixture.h"
#include <arch/x86/fpu.h>
#include <stdio.h>
#include <stdlib.h>

#define OPERAND 0x10000 /* guest-physical and linear */
#define CODE 0x20000

static u64 seed = 0x9e3779b97f4a7c15;
static struct native nat;
static u8 operand[128] __attribute__((aligned(64)));
static unsigned cases, forms, faults;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

static u64 random_single(void)
{
	static const u32 edge[] = {
		0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
		0x7fc00000, 0x7fa00001, 0x00000001, 0x807fffff, 0x00800000,
		0x7f7fffff, 0x4f000000, 0xcf000000, 0x3f000000, 0x34000000,
	};

	switch (rnd() & 3) {
	case 0: return edge[rnd() % ARRAY_SIZE(edge)];
	case 1: return (u32)rnd();
	default: return (rnd() & 0x807fffff) | (0x3f800000 + ((rnd() % 16) << 23));
	}
}

static u64 random_double(void)
{
	static const u64 edge[] = {
		0, 0x8000000000000000, 0x3ff0000000000000, 0x7ff0000000000000,
		0xfff0000000000000, 0x7ff8000000000000, 0x7ff4000000000001, 1,
		0x800fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff,
		0x41e0000000000000, 0xc3e0000000000000, 0x3fe0000000000000,
		0x36a0000000000000, 0x380fffffffffffff,
	};

	switch (rnd() & 3) {
	case 0: return edge[rnd() % ARRAY_SIZE(edge)];
	case 1: return rnd();
	default:
		return (rnd() & 0x800fffffffffffff) |
		       ((0x3ff0 + ((rnd() % 16) << 4)) << 48);
	}
}

static u64 random_lane(unsigned kind)
{
	switch (kind) {
	case 0: return random_double();
	case 1: return random_single() | random_single() << 32;
	case 2: return (rnd() & 1) ? 0 : rnd() & 0x0f0f0f0f0f0f0f0f;
	default: return rnd();
	}
}

static void random_vector(u8 *p)
{
	unsigned kind = rnd() & 3;

	put_le64(p, random_lane(kind));
	put_le64(p + 8, random_lane(kind));
}

/* An 80-bit number: normal, zero, denormal, infinity, NaN, unnormal, MMX. */
static void random_extended(u8 *p)
{
	static const u16 exps[] = { 0, 0x7fff, 0x3fff, 0x4000, 0x403e, 1, 0x7ffe,
				    0x3fbf, 0x4043 };
	u64 m = rnd() | BIT(63);
	u16 e = exps[rnd() % ARRAY_SIZE(exps)];

	switch (rnd() % 8) {
	case 0: m = 0, e = 0; break;
	case 1: m = BIT(63); break;
	case 2: m = rnd(); break;
	case 3: m = random_double(); break;
	case 4: e = (u16)(0x3fff + rnd() % 70), m &= ~(u64)0 << (rnd() % 64); break;
	default: e = (u16)(0x3fff - 4 + rnd() % 9); break;
	}
	put_le64(p, m);
	put_le16(p + 8, (u16)(e | (rnd() & 1) << 15));
}

static void random_state(void)
{
	struct x86_fxsave *f = &nat.in;

	memset(f, 0, sizeof *f);
	for (unsigned n = 0; n < 8; n++)
		random_extended(f->st[n]);
	for (unsigned n = 0; n < 16; n++)
		random_vector(f->xmm[n]);
	f->fcw = (u16)(0x7f | (rnd() & 0xf00));
	if ((rnd() & 3) == 0)
		f->fcw &= (u16)(rnd() | ~(u64)0x3f);
	f->fsw = (u16)(rnd() & 0x7f00);
	f->fsw |= (u16)(rnd() & f->fcw & 0x3f); /* masked flags only */
	f->ftw = (rnd() & 1) ? 0xff : (u8)rnd();
	f->mxcsr = 0x1f80 | (rnd() & 0x603f);
	if ((rnd() & 3) == 0)
		f->mxcsr = (u32)rnd() & 0xffff;
	else if ((rnd() & 3) == 0)
		f->mxcsr |= (u32)rnd() & 0x8040;
	for (unsigned n = 0; n < 16; n++)
		nat.gpr[n] = (rnd() & 1) ? rnd() : rnd() % 20;
	nat.flags = 0x202 | (rnd() & FL_ARITH);
	for (unsigned n = 0; n < sizeof operand; n += 16)
		random_vector(operand + n);
	if (rnd() & 1)
		random_extended(operand + 32);
}

/* What the interpreter starts from. rdi is the operand's address. */
static void load_guest(unsigned misalign)
{
	struct x86_cpu *c = &fx.cpu;

	memcpy(c->gpr, nat.gpr, sizeof nat.gpr);
	c->gpr[REG_RDI] = OPERAND + 32 + misalign;
	x86_flags_set(c, nat.flags);
	c->fx = nat.in;
	memcpy(fx.ram + OPERAND, operand, sizeof operand);
	x86_fpu_loaded(c);
}

static int run_guest(const struct x86_insn *i)
{
	struct x86_cpu *c = &fx.cpu;
	int r;

	c->rip = CODE + i->len;
	x86_fpu_enter(c);
	r = x86_exec_one(c, i);
	x86_fpu_leave(c);
	if (r != X86_FAULT)
		return 0;
	switch (c->fault.vector) {
	case EXC_XM:
	case EXC_MF: return SIGFPE;
	case EXC_UD: return SIGILL;
	case EXC_GP: return SIGSEGV;
	default: return -1;
	}
}

static void report(const struct x86_insn *i, const u8 *code, const char *what)
{
	const struct x86_fxsave *a = &fx.cpu.fx, *b = &nat.out, *in = &nat.in;

	fprintf(stderr, "%s differs: %s:", what, x86_mnemonic(i));
	for (unsigned n = 0; n < i->len; n++)
		fprintf(stderr, " %02x", code[n]);
	fprintf(stderr, "\n fcw %x %x fsw %x %x->%x ftw %x %x->%x mxcsr %x: %x->%x\n",
		a->fcw, b->fcw, in->fsw, a->fsw, b->fsw, in->ftw, a->ftw, b->ftw,
		in->mxcsr, a->mxcsr, b->mxcsr);
	for (unsigned n = 0; n < 8; n++)
		if (memcmp(a->st[n], b->st[n], 16))
			fprintf(stderr, " st%u %04x:%016lx native %04x:%016lx was %04x:%016lx\n", n,
				get_le16(a->st[n] + 8), get_le64(a->st[n]),
				get_le16(b->st[n] + 8), get_le64(b->st[n]),
				get_le16(in->st[n] + 8), get_le64(in->st[n]));
	for (unsigned n = 0; n < 16; n++)
		if (memcmp(a->xmm[n], b->xmm[n], 16))
			fprintf(stderr, " xmm%u %016lx:%016lx native %016lx:%016lx was %016lx:%016lx\n", n,
				get_le64(a->xmm[n] + 8), get_le64(a->xmm[n]),
				get_le64(b->xmm[n] + 8), get_le64(b->xmm[n]),
				get_le64(in->xmm[n] + 8), get_le64(in->xmm[n]));
	fail();
}

static void compare(const struct x86_insn *i, const u8 *code, unsigned misalign)
{
	struct x86_cpu *c = &fx.cpu;
	int want, got;

	random_state();
	load_guest(misalign);
	nat.gpr[REG_RDI] = (uintptr_t)operand + 32 + misalign;
	got = run_guest(i);
	want = native_run(&nat, code, i->len);
	cases++;
	faults += want != 0;
	if (got != want) {
		fprintf(stderr, "fault %d native %d\n", got, want);
		report(i, code, "fault");
	}
	for (unsigned n = 0; n < 15; n++)
		if (n != REG_RSP && n != REG_RDI && c->gpr[n] != nat.gpr[n]) {
			fprintf(stderr, "gpr %u: %lx native %lx\n", n, c->gpr[n], nat.gpr[n]);
			report(i, code, "register");
		}
	if ((x86_flags_get(c) ^ nat.flags) & FL_ARITH) {
		fprintf(stderr, "flags %lx native %lx\n", x86_flags_get(c), nat.flags);
		report(i, code, "flags");
	}
	if (memcmp(fx.ram + OPERAND, operand, sizeof operand))
		report(i, code, "memory");
	if (c->fx.fcw != nat.out.fcw || c->fx.fsw != nat.out.fsw ||
	    c->fx.ftw != nat.out.ftw ||
	    c->fx.mxcsr != nat.out.mxcsr ||
	    memcmp(c->fx.st, nat.out.st, sizeof c->fx.st) ||
	    memcmp(c->fx.xmm, nat.out.xmm, sizeof c->fx.xmm))
		report(i, code, "FPU state");
}

static bool tested_elsewhere(const struct x86_insn *i)
{
	if ((i->key & 0xff00) == X86_KEY(X86_MAP_0F, 0) &&
	    ((i->key & 0xff) == 0xae || (i->key & 0xff) == 0xf7))
		return true; /* state, MASKMOV: their own tests */
	return (i->key & 0xff) >= 0xd8 && (i->key & 0xff00) == 0 &&
	       (i->flags & X86_I_MEM) && x86_bind_fpu(i, X86_MODE_64) != NULL &&
	       (((i->key & 7) == 1 || (i->key & 7) == 5) && (i->modrm & 0x38) >= 0x20);
}

/* Decodes and binds code; false when it is not the FPU room's. */
static bool bind(struct x86_insn *i, const u8 *code)
{
	if (x86_decode(i, code, 15, X86_MODE_64) != 0)
		return false;
	i->fn = x86_bind_fpu(i, X86_MODE_64);
	return i->fn != NULL && !tested_elsewhere(i);
}

/* prefix, REX, opcode bytes, ModRM for a register or [rdi], immediate */
static unsigned assemble(u8 *code, const u8 *op, unsigned op_len, u8 prefix, u8 rex,
			 u8 modrm)
{
	unsigned n = 0;

	memset(code, 0x90, 16);
	if (prefix)
		code[n++] = prefix;
	if (rex)
		code[n++] = rex;
	memcpy(code + n, op, op_len);
	n += op_len;
	code[n++] = modrm;
	code[n] = (u8)rnd();
	return n;
}

/* R15 and RSP must not be written: reg 4 and 7 lose their REX extension. */
static u8 random_modrm(bool mem, u8 *rex)
{
	u8 reg = (u8)(rnd() & 7), rm = (u8)(rnd() & 7);

	*rex = (u8)(0x40 | (rnd() & 0xd)); /* no X */
	if (reg == 7)
		*rex &= (u8)~4;
	if (reg == 4)
		reg = 5;
	if (rm == 4 || rm == 7)
		rm = 3;
	if (mem) {
		*rex &= (u8)~1;
		return (u8)(reg << 3 | 7);
	}
	return (u8)(0xc0 | reg << 3 | rm);
}

static void try_sse(const u8 *op, unsigned op_len, u8 prefix, bool mem, unsigned rounds)
{
	bool any = false;

	for (unsigned k = 0; k < rounds; k++) {
		struct x86_insn i;
		u8 code[16], rex, modrm = random_modrm(mem, &rex);

		if (rnd() & 1)
			rex &= 0x45;
		assemble(code, op, op_len, prefix, rex, modrm);
		if (!bind(&i, code))
			continue;
		any = true;
		compare(&i, code, mem && (rnd() & 7) == 0 ? (unsigned)rnd() & 15 : 0);
	}
	forms += any;
}

static const u8 prefixes[] = { 0, 0x66, 0xf3, 0xf2 };

static void each_opcode(const u8 *map, unsigned map_len)
{
	u8 op[3];

	memcpy(op, map, map_len);
	for (unsigned p = 0; p < 4; p++)
		for (unsigned o = 0; o < 256; o++) {
			if (map_len == 1 && (o == 0x38 || o == 0x3a))
				continue; /* the other maps */
			op[map_len] = (u8)o;
			try_sse(op, map_len + 1, prefixes[p], false, 400);
			try_sse(op, map_len + 1, prefixes[p], true, 400);
		}
	printf("%u forms, %u cases, %u of them faulted\n", forms, cases, faults);
}

static void start(void)
{
	native_init();
	forms = cases = faults = 0;
	fx.cpu.cr0 |= CR0_MP;
	x86_update_mode(&fx.cpu);
}

static void test_map_0f(void **state)
{
	(void)state;
	start();
	each_opcode((const u8[]){ 0x0f }, 1);
	assert_true(forms > 300);
}

static void test_map_0f38(void **state)
{
	(void)state;
	start();
	each_opcode((const u8[]){ 0x0f, 0x38 }, 2);
	assert_true(forms >= 110);
}

static void test_map_0f3a(void **state)
{
	(void)state;
	start();
	each_opcode((const u8[]){ 0x0f, 0x3a }, 2);
	assert_true(forms >= 48);
}

static void test_x87(void **state)
{
	(void)state;
	start();
	for (unsigned o = 0xd8; o < 0xe0; o++)
		for (unsigned m = 0; m < 256; m++) {
			struct x86_insn i;
			u8 code[16] = { (u8)o, (u8)m };
			bool any = false;

			if (m < 0xc0 && (m & 0xc7) != 7)
				continue;
			for (unsigned k = 0; k < 400 && bind(&i, code); k++) {
				any = true;
				compare(&i, code, 0);
			}
			forms += any;
		}
	printf("%u forms, %u cases, %u of them faulted\n", forms, cases, faults);
	assert_true(forms > 450);
}

#define CHAIN 24

/* A random x87 instruction (no environment images), sometimes MMX. */
static void random_x87(u8 *code)
{
	static const u8 control[][2] = {
		{ 0xdb, 0xe2 }, { 0xd9, 0x2f }, { 0xd9, 0x3f }, { 0xdd, 0x3f },
		{ 0x9b, 0x90 }, { 0xd9, 0xf7 }, { 0xd9, 0xf6 }, { 0xdf, 0xe0 },
	};
	struct x86_insn i;

	memset(code, 0x90, 16);
	switch (rnd() % 8) {
	case 0:
		memcpy(code, control[rnd() % ARRAY_SIZE(control)], 2);
		return;
	case 1:
		code[0] = 0x0f;
		code[1] = 0xfc; /* PADDB */
		code[2] = (u8)(0xc0 | rnd());
		return;
	}
	do {
		code[0] = (u8)(0xd8 + rnd() % 8);
		code[1] = (rnd() & 3) ? (u8)(0xc0 | rnd()) : (u8)((rnd() & 0x38) | 7);
	} while (!bind(&i, code));
}

/* Several instructions in a row: the x87 state stays live, exceptions wait. */
static void test_chains(void **state)
{
	u8 code[CHAIN][16];
	int got[CHAIN];
	struct x86_insn i;

	(void)state;
	start();
	for (unsigned k = 0; k < 20000; k++) {
		random_state();
		load_guest(0);
		nat.gpr[REG_RDI] = (uintptr_t)operand + 32;
		x86_fpu_enter(&fx.cpu);
		for (unsigned n = 0; n < CHAIN; n++) {
			random_x87(code[n]);
			assert_int_equal(x86_decode(&i, code[n], 15, X86_MODE_64), 0);
			i.fn = x86_bind_fpu(&i, X86_MODE_64);
			got[n] = x86_exec_one(&fx.cpu, &i);
		}
		x86_fpu_leave(&fx.cpu);
		for (unsigned n = 0; n < CHAIN; n++) {
			x86_decode(&i, code[n], 15, X86_MODE_64);
			if ((native_run(&nat, code[n], i.len) != 0) != (got[n] != 0))
				report(&i, code[n], "fault in chain");
			faults += got[n] != 0;
			nat.in = nat.out;
		}
		cases += CHAIN;
		if (memcmp(&fx.cpu.fx, &nat.out, 6) || memcmp(fx.cpu.fx.st, nat.out.st, 128) ||
		    memcmp(fx.ram + OPERAND, operand, sizeof operand) ||
		    fx.cpu.gpr[REG_RAX] != nat.gpr[REG_RAX])
			report(&i, code[CHAIN - 1], "end of chain");
	}
	printf("%u instructions in chains, %u of them faulted\n", cases, faults);
}

/* What is bound is what this CPU knows. */
static void test_what_is_undefined(void **state)
{
	unsigned native_only = 0;

	(void)state;
	start();
	for (unsigned o = 0xd8; o < 0xe0; o++)
		for (unsigned m = 0xc0; m < 256; m++) {
			struct x86_insn i;
			u8 code[16] = { (u8)o, (u8)m };
			bool ours = x86_decode(&i, code, 15, X86_MODE_64) == 0 &&
				    x86_bind_fpu(&i, X86_MODE_64) != NULL;

			random_state();
			nat.in.fcw = 0x37f;
			if ((native_run(&nat, code, 2) != SIGILL) != ours) {
				fprintf(stderr, "%02x %02x: ours %d\n", o, m, ours);
				native_only++;
			}
		}
	assert_int_equal(native_only, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_map_0f),
		FX_TEST(test_map_0f38),
		FX_TEST(test_map_0f3a),
		FX_TEST(test_x87),
		FX_TEST(test_chains),
		FX_TEST(test_what_is_undefined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
