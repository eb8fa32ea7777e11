/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder: cases by hand, and millions of encodings against Zydis. */
// LIBS: -lZydis
#include "zydis_compare.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct x86_insn dec(unsigned mode, const char *hex)
{
	struct x86_insn i;
	u8 code[16];
	size_t n = 0;
	unsigned b;
	int used;

	while (n < sizeof code && sscanf(hex, "%2x%n", &b, &used) == 1) {
		code[n++] = (u8)b;
		hex += used;
		while (*hex == ' ')
			hex++;
	}
	if (x86_decode(&i, code, n, mode))
		i.len = 0; /* never the length of an instruction */
	return i;
}

static int dec_status(unsigned mode, const u8 *code, size_t n)
{
	struct x86_insn i;

	return x86_decode(&i, code, n, mode);
}

static void test_modrm_forms(void **state)
{
	struct x86_insn i = dec(X86_MODE_64, "48 8b 44 8b f8"); /* mov rax, [rbx+rcx*4-8] */

	(void)state;
	assert_int_equal(i.len, 5);
	assert_int_equal(i.key, X86_KEY(X86_MAP_1, 0x8b));
	assert_int_equal(i.base, REG_RBX);
	assert_int_equal(i.index, REG_RCX);
	assert_int_equal(i.scale, 2);
	assert_int_equal(i.disp, -8);
	assert_int_equal(i.opsize, 8);
	assert_int_equal(i.seg, SEG_DS);
	i = dec(X86_MODE_64, "8b 05 78 56 34 12");
	assert_int_equal(i.rip_rel, 1);
	assert_int_equal(i.base, REG_ZERO);
	assert_int_equal(i.disp, 0x12345678);
	i = dec(X86_MODE_32, "8b 05 78 56 34 12");
	assert_int_equal(i.rip_rel, 0);
	i = dec(X86_MODE_16, "8b 42 fe"); /* mov ax, [bp+si-2] */
	assert_int_equal(i.base, REG_RBP);
	assert_int_equal(i.index, REG_RSI);
	assert_int_equal(i.disp, -2);
	assert_int_equal(i.seg, SEG_SS);
	i = dec(X86_MODE_64, "41 8b 45 00"); /* R13 as base: DS */
	assert_int_equal(i.seg, SEG_DS);
	i = dec(X86_MODE_64, "2e 8b 00"); /* CS is ignored in 64-bit mode */
	assert_int_equal(i.seg, SEG_DS);
	i = dec(X86_MODE_64, "64 8b 00");
	assert_int_equal(i.seg, SEG_FS);
	i = dec(X86_MODE_64, "a1 88 77 66 55 44 33 22 11");
	assert_true(i.imm == 0x1122334455667788);
	assert_false(i.flags & X86_I_MEM);
}

static void test_registers(void **state)
{
	struct x86_insn i = dec(X86_MODE_64, "88 e5"); /* mov ch, ah */

	(void)state;
	assert_int_equal(i.reg_b, 1);
	assert_int_equal(i.rm_b, 9);
	i = dec(X86_MODE_64, "40 88 e5"); /* mov bpl, spl */
	assert_int_equal(i.reg_b, 32);
	assert_int_equal(i.rm_b, 40);
	i = dec(X86_MODE_64, "41 57"); /* push r15 */
	assert_int_equal(i.rm, REG_R15);
	assert_int_equal(i.opsize, 8);
	i = dec(X86_MODE_64, "48 66 0f c8"); /* REX not last: ignored */
	assert_int_equal(i.flags & X86_I_REX, 0);
	assert_int_equal(i.opsize, 2);
	i = dec(X86_MODE_64, "44 0f 20 c0"); /* mov rax, cr8 */
	assert_int_equal(i.reg, 8);
	assert_int_equal(i.opsize, 8);
	i = dec(X86_MODE_64, "0f 20 04"); /* mod ignored: mov rsp, cr0 */
	assert_int_equal(i.len, 3);
	assert_int_equal(i.rm, REG_RSP);
	assert_false(i.flags & X86_I_MEM);
}

static void test_nop_and_pause(void **state)
{
	struct x86_insn i = dec(X86_MODE_64, "90");

	(void)state;
	assert_string_equal(x86_mnemonic(&i), "nop");
	assert_false(i.flags & X86_I_END);
	i = dec(X86_MODE_64, "f3 90");
	assert_string_equal(x86_mnemonic(&i), "pause");
	assert_true(i.flags & X86_I_END);
	i = dec(X86_MODE_64, "41 90");
	assert_string_equal(x86_mnemonic(&i), "xchg");
	assert_int_equal(i.rm, 8);
	i = dec(X86_MODE_64, "f3 0f 1e fa"); /* ENDBR64 */
	assert_int_equal(i.len, 4);
}

static void test_branches(void **state)
{
	struct x86_insn i = dec(X86_MODE_64, "66 e8 01 00 00 80"); /* 66 is ignored */

	(void)state;
	assert_int_equal(i.len, 6);
	assert_int_equal(i.opsize, 8);
	assert_true(i.imm == 0xffffffff80000001);
	assert_true(i.flags & X86_I_END);
	i = dec(X86_MODE_32, "66 e8 01 80");
	assert_int_equal(i.opsize, 2);
	assert_true(i.imm == 0xffffffffffff8001);
	i = dec(X86_MODE_16, "66 ea 44 33 22 11 78 56");
	assert_int_equal(i.sel, 0x5678);
	assert_true(i.imm == 0x11223344);
	i = dec(X86_MODE_64, "ff d0");
	assert_int_equal(i.opsize, 8);
	assert_true(i.flags & X86_I_END);
	i = dec(X86_MODE_64, "ff c0");
	assert_false(i.flags & X86_I_END);
}

static void test_vex(void **state)
{
	struct x86_insn i = dec(X86_MODE_64, "c4 e2 e8 f2 c1"); /* andn rax, rdx, rcx */

	(void)state;
	assert_int_equal(i.len, 5);
	assert_int_equal(i.key, X86_KEY(X86_MAP_0F38, 0xf2));
	assert_int_equal(i.vvvv, REG_RDX);
	assert_int_equal(i.opsize, 8);
	assert_true(i.flags & X86_I_VEX);
	assert_string_equal(x86_mnemonic(&i), "andn");
	i = dec(X86_MODE_32, "c4 45 08"); /* les eax, [ebp+8] */
	assert_string_equal(x86_mnemonic(&i), "les");
	assert_int_equal(i.seg, SEG_SS);
	assert_int_equal(dec(X86_MODE_64, "c5 f8 77").len, 0);	  /* vzeroupper */
	assert_int_equal(dec(X86_MODE_64, "66 c4 e2 e8 f2 c1").len, 0);
	assert_int_equal(dec(X86_MODE_64, "c4 e2 ec f2 c1").len, 0); /* VEX.L */
}

static void test_lock(void **state)
{
	(void)state;
	assert_true(dec(X86_MODE_64, "f0 01 00").flags & X86_I_LOCK);
	assert_int_equal(dec(X86_MODE_64, "f0 01 c0").len, 0); /* register */
	assert_int_equal(dec(X86_MODE_64, "f0 39 00").len, 0); /* CMP */
	assert_int_equal(dec(X86_MODE_64, "f0 03 00").len, 0); /* not the destination */
	assert_int_equal(dec(X86_MODE_64, "f0 0f ba 20 01").len, 0); /* BT */
	assert_int_equal(dec(X86_MODE_64, "f0 0f ba 28 01").len, 5); /* BTS */
	assert_int_equal(dec(X86_MODE_64, "f0 48 0f c7 08").len, 5);
}

static void test_mandatory_prefixes(void **state)
{
	(void)state;
	assert_int_equal(dec(X86_MODE_64, "66 0f 6c c1").len, 4);
	assert_int_equal(dec(X86_MODE_64, "0f 6c c1").len, 0);
	assert_int_equal(dec(X86_MODE_64, "66 f3 0f 6c c1").len, 0);
	assert_int_equal(dec(X86_MODE_64, "66 0f 12 c1").len, 0); /* MOVLPD: memory */
	assert_int_equal(dec(X86_MODE_64, "0f 12 c1").len, 3);
	assert_int_equal(dec(X86_MODE_64, "0f b8 c1").len, 0); /* JMPE */
	assert_int_equal(dec(X86_MODE_64, "66 f3 0f b8 c1").opsize, 2);
	assert_int_equal(dec(X86_MODE_64, "66 0f 6e c1").opsize, 4);
	assert_string_equal(x86_mnemonic(&(struct x86_insn){ 0 }), "add");
}

static void test_length_limits(void **state)
{
	u8 code[20];

	(void)state;
	memset(code, 0x66, sizeof code);
	assert_int_equal(dec_status(X86_MODE_64, code, 20), -E2BIG);
	assert_int_equal(dec_status(X86_MODE_64, code, 14), -EAGAIN);
	code[14] = 0x90;
	assert_int_equal(dec_status(X86_MODE_64, code, 15), 0);
	assert_int_equal(dec_status(X86_MODE_64, code, 0), -EAGAIN);
	assert_int_equal(dec_status(X86_MODE_64, (const u8 *)"\x0f\x04", 2), -EINVAL);
	/* VEX, its ModRM the 16th byte: too long whatever is behind, and if nothing is */
	memset(code, 0x65, 11);
	memcpy(code + 11, "\xc4\x02\x60\xf3\x65", 5);
	assert_int_equal(dec_status(X86_MODE_64, code, 15), -E2BIG);
	assert_int_equal(dec_status(X86_MODE_64, code, 16), -E2BIG);
}

/* --- against Zydis ------------------------------------------------------ */

static struct zydis_oracle oracle;
static unsigned failures;

static void try(const u8 *code, size_t n, unsigned mode)
{
	static const char *const mode_name[3] = { "16", "32", "64" };

	if (zydis_agrees(&oracle, code, n, mode))
		return;
	if (failures++ >= 40)
		return;
	print_error("%s:", mode_name[mode]);
	for (size_t k = 0; k < n; k++)
		print_error(" %02x", code[k]);
	print_error("  %s\n", oracle.why);
}

static u64 rng_state;

static u32 rng(void)
{
	rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
	return (u32)(rng_state >> 32);
}

/* An opcode of the map behind the prefixes; returns the bytes written. */
static size_t put_opcode(u8 *p, unsigned map, u8 op)
{
	size_t n = 0;

	if (map > 0)
		p[n++] = 0x0f;
	if (map > 1)
		p[n++] = map == 2 ? 0x38 : 0x3a;
	p[n++] = op;
	return n;
}

/* Every opcode with every ModRM byte under each single prefix. */
static void test_zydis_all_opcodes(void **state)
{
	static const u8 prefix[] = { 0, 0x66, 0xf3, 0xf2, 0x67, 0x4d, 0xf0 };
	u8 code[15];

	(void)state;
	for (u32 c = 0; c < 3 * 4 * 256 * 256; c++) {
		unsigned mode = c % 3, map = (c / 3) & 3;

		for (unsigned k = 0; k < sizeof prefix; k++) {
			size_t n = 0;

			memset(code, 0x25, sizeof code);
			if (k)
				code[n++] = prefix[k];
			n += put_opcode(code + n, map, (u8)(c / 12));
			code[n] = (u8)(c / 3072);
			try(code, sizeof code, mode);
		}
	}
	assert_int_equal(failures, 0);
}

/* Random prefixes, opcode and operands; one in eight entirely random. */
static void test_zydis_random(void **state)
{
	static const u8 prefix[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x66,
				     0x67, 0xf0, 0xf2, 0xf3 };
	u8 code[16];

	(void)state;
	failures = 0;
	rng_state = 20260101;
	for (unsigned c = 0; c < 3000000; c++) {
		unsigned mode = c % 3;
		size_t n = 0;

		for (unsigned k = 0; k < sizeof code; k += 4)
			put_le32(code + k, rng());
		if (rng() & 7) {
			for (u32 r = rng(); (r & 3) == 0 && n < 4; r >>= 2)
				code[n++] = prefix[rng() % sizeof prefix];
			if (mode == X86_MODE_64 && (rng() & 1))
				code[n++] = 0x40 | (rng() & 15);
			put_opcode(code + n, rng() & 3, (u8)rng());
		}
		try(code, 15, mode);
	}
	assert_int_equal(failures, 0);
}

/* VEX encodings of the maps that hold BMI. */
static void test_zydis_vex(void **state)
{
	static const u8 ops[] = { 0xf2, 0xf3, 0xf5, 0xf6, 0xf7, 0xf0 };
	u8 code[16];

	(void)state;
	failures = 0;
	rng_state = 20260102;
	for (unsigned c = 0; c < 300000; c++) {
		size_t n = 0;

		for (unsigned k = 0; k < sizeof code; k += 4)
			put_le32(code + k, rng());
		if ((rng() & 15) == 0)
			code[n++] = 0x67;
		code[n++] = 0xc4;
		code[n] = (u8)((code[n] & 0xe0) | 2 | (rng() & 1));
		if (c % 3 != 2)
			code[n] |= 0xc0;
		n++;
		if (rng() & 1)
			code[n] |= 0x78;
		n++;
		code[n] = rng() & 7 ? ops[rng() % sizeof ops] : code[n];
		try(code, 15, c % 3);
	}
	assert_int_equal(failures, 0);
}

static int report(void **state)
{
	(void)state;
	print_message("decode: %lu instructions equal to Zydis, %lu rejected by both, %lu outside the set\n",
		      oracle.stats.compared, oracle.stats.rejected, oracle.stats.skipped);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	zydis_oracle_init(&oracle);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modrm_forms),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_nop_and_pause),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_vex),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_mandatory_prefixes),
		cmocka_unit_test(test_length_limits),
		cmocka_unit_test(test_zydis_all_opcodes),
		cmocka_unit_test(test_zydis_random),
		cmocka_unit_test(test_zydis_vex),
	};

	return cmocka_run_group_tests(tests, setup, report);
}
