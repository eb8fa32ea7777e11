/* SPDX-License-Identifier: Apache-2.0 */
/* What x86_bind chooses where the decoder cannot know the mode. */
#include "cpu_fixture.h"

/* BLSR EAX, ECX */
static const u8 blsr[] = { 0xc4, 0xe2, 0x78, 0xf3, 0xc9 };

static int run(unsigned mode)
{
	struct x86_insn i;

	assert_int_equal(x86_decode(&i, blsr, sizeof blsr, mode), 0);
	x86_bind(&i, mode);
	fx.cpu.gpr[REG_RCX] = 0x18;
	fx.cpu.gpr[REG_RAX] = 0;
	return x86_exec_one(&fx.cpu, &i);
}

static void set_16bit(void)
{
	fx.cpu.seg[SEG_CS].attr &= ~(SA_L | SA_DB);
	fx.cpu.efer = 0;
	x86_update_mode(&fx.cpu);
	assert_int_equal(fx.cpu.mode, X86_MODE_16);
}

static void test_vex_in_16bit_code(void **state)
{
	(void)state;
	assert_int_equal(run(X86_MODE_64), X86_OK);
	assert_int_equal(fx.cpu.gpr[REG_RAX], 0x10);
	set_16bit();
	assert_int_equal(run(X86_MODE_16), X86_OK);
	assert_int_equal(fx.cpu.gpr[REG_RAX], 0x10);
}

static void test_vex_in_real_mode(void **state)
{
	(void)state;
	set_16bit();
	fx.cpu.cr0 = CR0_ET;
	x86_update_mode(&fx.cpu);
	assert_int_equal(run(X86_MODE_16), X86_FAULT);
	assert_int_equal(fx.cpu.fault.vector, EXC_UD);
	fx.cpu.cr0 |= CR0_PE;
	fx.cpu.rflags |= FL_VM;
	x86_update_mode(&fx.cpu);
	assert_int_equal(run(X86_MODE_16), X86_FAULT);
	assert_int_equal(fx.cpu.fault.vector, EXC_UD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_vex_in_16bit_code),
		FX_TEST(test_vex_in_real_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
