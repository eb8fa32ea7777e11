/* SPDX-License-Identifier: Apache-2.0 */
/* Moves taken apart (arch/x86/move.h) against the handlers proper: every form, every
 * register, the same registers and memory afterwards. */
#include "cpu_fixture.h"

#include <arch/x86/move.h>

#define DATA 0x180000u
#define REGS 16

/* Operand size 2, 4, 8, and with a REX prefix of no further meaning. */
static const struct {
	unsigned len;
	u8 bytes[2];
} prefixes[] = { { 1, { 0x66 } }, { 0, { 0 } }, { 1, { 0x48 } }, { 1, { 0x40 } },
		 { 1, { 0x44 } }, { 2, { 0x66, 0x44 } } };

static const struct {
	unsigned len;
	u8 bytes[2];
	u8 imm; /* bytes of it */
} opcodes[] = { { 1, { 0x88 }, 0 }, { 1, { 0x89 }, 0 }, { 1, { 0x8a }, 0 }, { 1, { 0x8b }, 0 },
		{ 1, { 0xc6 }, 1 }, { 1, { 0xc7 }, 4 }, { 1, { 0x63 }, 0 },
		{ 2, { 0x0f, 0xb6 }, 0 }, { 2, { 0x0f, 0xb7 }, 0 },
		{ 2, { 0x0f, 0xbe }, 0 }, { 2, { 0x0f, 0xbf }, 0 } };

/* prefix, opcode, ModRM with [rdi] and register n, immediate. */
static bool decode(unsigned p, unsigned o, unsigned n, struct x86_insn *i)
{
	u8 code[15] = { 0 };
	unsigned len = prefixes[p].len;

	memcpy(code, prefixes[p].bytes, len);
	memcpy(code + len, opcodes[o].bytes, opcodes[o].len);
	len += opcodes[o].len;
	code[len++] = (u8)(n << 3 | REG_RDI);
	put_le32(code + len, 0x89abcdef);
	return !x86_decode(i, code, sizeof code, X86_MODE_64);
}

static void fill(struct x86_cpu *c)
{
	for (unsigned n = 0; n < REGS; n++)
		c->gpr[n] = 0x8081828384858687u + n * 0x0102030405060708u;
	c->gpr[REG_RDI] = DATA;
	fx_put64(DATA, 0xf1e2d3c4b5a69788);
}

static void by_the_handler(const struct x86_insn *i, u64 gpr[REGS], u64 *memory)
{
	struct x86_insn bound = *i;

	fill(&fx.cpu);
	bound.fn = x86_bind_int(&bound, X86_MODE_64);
	assert_non_null(bound.fn);
	assert_int_equal(x86_exec_one(&fx.cpu, &bound), X86_OK);
	memcpy(gpr, fx.cpu.gpr, REGS * sizeof *gpr);
	*memory = fx_get64(DATA);
}

static void taken_apart(const struct x86_insn *i, const struct x86_move *m)
{
	u64 v;

	fill(&fx.cpu);
	if (m->store) {
		v = x86_move_stored(&fx.cpu, i, m);
		memcpy(fx.ram + DATA, &v, m->size);
	} else {
		v = fx_get64(DATA) & bits_mask(m->size * 8u);
		x86_move_loaded(&fx.cpu, m, v);
	}
}

static void compare(const struct x86_insn *i)
{
	u64 gpr[REGS], memory;
	struct x86_move m;

	assert_true(x86_move_of(i, &m));
	by_the_handler(i, gpr, &memory);
	taken_apart(i, &m);
	assert_memory_equal(gpr, fx.cpu.gpr, sizeof gpr);
	assert_int_equal(fx_get64(DATA), memory);
}

static void test_all_forms(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (unsigned p = 0; p < ARRAY_SIZE(prefixes); p++)
		for (unsigned o = 0; o < ARRAY_SIZE(opcodes); o++)
			for (unsigned n = 0; n < (opcodes[o].imm ? 1 : 8); n++) {
				struct x86_insn i;

				assert_true(decode(p, o, n, &i));
				compare(&i);
				seen++;
			}
	assert_int_equal(seen, 6 * (9 * 8 + 2));
}

static void test_what_is_none(void **state)
{
	static const u8 none[][3] = { { 0x89, 0xc0 },	      /* register to register */
				      { 0xc7, 0x0f },	      /* C7 /1 */
				      { 0x03, 0x07 },	      /* ADD */
				      { 0x0f, 0xaf, 0x07 },   /* IMUL */
				      { 0x8c, 0x07 },	      /* MOV from a segment register */
				      { 0x0f, 0x6f, 0x07 } }; /* MOVQ of MMX */
	struct x86_move m;

	(void)state;
	for (unsigned t = 0; t < ARRAY_SIZE(none); t++) {
		struct x86_insn i;
		u8 code[15] = { 0 };

		memcpy(code, none[t], 3);
		if (!x86_decode(&i, code, sizeof code, X86_MODE_64))
			assert_false(x86_move_of(&i, &m));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { FX_TEST(test_all_forms), FX_TEST(test_what_is_none) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
