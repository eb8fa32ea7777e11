/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integer instructions: results against hand-computed ones, faults that leave
 * all as it was, page-crossing and device operands, LOCK, repeated strings,
 * the stack and the 16- and 32-bit modes.
 */
#include "cpu_fixture.h"

#define CODE 0x100000u
#define DATA 0x180000u
#define HOLE 0x190000u /* not mapped after hole() */
#define STACK 0x170000u
#define MMIO 0x40000000u

/* --- running one instruction ---------------------------------------------------- */

static unsigned run_mode = X86_MODE_64;

/* Decodes, binds and executes; the run loop's part is done as its contract says. */
static int run(const char *code, unsigned len)
{
	struct x86_cpu *c = &fx.cpu;
	struct x86_insn i;
	u64 rip = c->rip;
	int r;

	assert_int_equal(x86_decode(&i, (const u8 *)code, len, run_mode), 0);
	assert_int_equal(i.len, len);
	i.fn = x86_bind_int(&i, run_mode);
	assert_non_null(i.fn);
	c->rip += i.len;
	r = x86_exec_one(c, &i);
	if (r < 0)
		c->rip = rip;
	assert_int_equal(c->gpr[REG_ZERO], 0);
	return r;
}
#define RUN(code) run(code, sizeof(code) - 1)
#define OK(code) assert_int_equal(RUN(code), X86_OK)

static void reg(unsigned n, u64 v)
{
	fx.cpu.gpr[n] = v;
}
static void want_reg(unsigned n, u64 v)
{
	assert_int_equal(fx.cpu.gpr[n], v);
}
static void flags(u64 fl)
{
	x86_flags_set_arith(&fx.cpu, fl);
}
static void want_flags(u64 fl)
{
	assert_int_equal(x86_flags_get(&fx.cpu) & FL_ARITH, fl);
}

/* The instruction faults and changes no register, flag or byte at DATA. */
static void faults(const char *code, unsigned len, u8 vector)
{
	struct x86_cpu before = fx.cpu;
	u8 data[64];
	u64 fl = x86_flags_get(&fx.cpu);

	memcpy(data, fx.ram + DATA, sizeof data);
	assert_int_equal(run(code, len), X86_FAULT);
	assert_int_equal(fx.cpu.fault.vector, vector);
	assert_memory_equal(before.gpr, fx.cpu.gpr, sizeof before.gpr);
	assert_int_equal(before.rip, fx.cpu.rip);
	assert_int_equal(fl, x86_flags_get(&fx.cpu));
	assert_memory_equal(data, fx.ram + DATA, sizeof data);
}
#define FAULTS(code, vector) faults(code, sizeof(code) - 1, vector)

static int setup(void **state)
{
	int r = fx_setup(state);

	run_mode = X86_MODE_64;
	fx.cpu.rip = CODE;
	reg(REG_RSP, STACK);
	flags(0);
	return r;
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fx_teardown)

/* The page at HOLE is not there. */
static void hole(void)
{
	fx_put64(FX_PT + 8 * (HOLE >> 12), 0);
	x86_tlb_flush_all(&fx.cpu);
}

/* Flat 32-bit or 16-bit protected mode without paging. */
static void legacy(unsigned mode)
{
	struct x86_cpu *c = &fx.cpu;
	u32 db = mode == X86_MODE_32 ? SA_DB : 0;

	c->cr0 = CR0_PE | CR0_ET;
	c->efer = 0;
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		c->seg[s].attr = SA_P | SA_S | SA_WRITE | SA_ACCESSED | SA_G | db;
	c->seg[SEG_CS].attr |= SA_CODE;
	x86_update_mode(c);
	x86_tlb_flush_all(c);
	run_mode = mode;
	assert_int_equal(c->mode, mode);
}

/* --- arithmetic -------------------------------------------------------------------- */

static void test_add_sizes(void **state)
{
	(void)state;
	reg(REG_RAX, 0x11223344556677ff);
	reg(REG_RBX, 0x1);
	OK("\x00\xd8"); /* add al, bl */
	want_reg(REG_RAX, 0x1122334455667700);
	want_flags(FL_CF | FL_ZF | FL_AF | FL_PF);
	reg(REG_RAX, 0xffffffff7fffffff);
	OK("\x01\xd8"); /* add eax, ebx */
	want_reg(REG_RAX, 0x80000000);
	want_flags(FL_OF | FL_SF | FL_AF | FL_PF);
	reg(REG_RAX, ~(u64)0);
	OK("\x48\x83\xc0\x01"); /* add rax, 1 */
	want_reg(REG_RAX, 0);
	OK("\x66\x05\xff\x7f"); /* add ax, 7fffh */
	want_reg(REG_RAX, 0x7fff);
	reg(REG_RAX, 0x1280);
	OK("\x00\xe0"); /* add al, ah */
	want_reg(REG_RAX, 0x1292);
	OK("\x88\xc4"); /* mov ah, al */
	want_reg(REG_RAX, 0x9292);
}

static void test_carry_chain(void **state)
{
	(void)state;
	reg(REG_RAX, ~(u64)0);
	reg(REG_RDX, 0);
	flags(FL_CF);
	OK("\x48\x11\xd0"); /* adc rax, rdx */
	want_reg(REG_RAX, 0);
	want_flags(FL_CF | FL_ZF | FL_AF | FL_PF);
	OK("\x48\x19\xd0"); /* sbb rax, rdx */
	want_reg(REG_RAX, ~(u64)0);
	want_flags(FL_CF | FL_SF | FL_AF | FL_PF);
	OK("\xff\xc0"); /* inc eax keeps CF */
	want_reg(REG_RAX, 0);
	want_flags(FL_CF | FL_ZF | FL_AF | FL_PF);
	reg(REG_RAX, 0x80);
	OK("\xfe\xc8"); /* dec al */
	want_flags(FL_CF | FL_OF | FL_AF);
}

static void test_divide(void **state)
{
	(void)state;
	reg(REG_RAX, 7);
	reg(REG_RDX, 0);
	reg(REG_RCX, 2);
	OK("\xf7\xf1"); /* div ecx */
	want_reg(REG_RAX, 3);
	want_reg(REG_RDX, 1);
	reg(REG_RDX, 2);
	FAULTS("\xf7\xf1", EXC_DE);
	reg(REG_RCX, 0);
	FAULTS("\x48\xf7\xf9", EXC_DE);
	reg(REG_RAX, 0);
	reg(REG_RDX, (u64)1 << 63);
	reg(REG_RCX, ~(u64)0);
	FAULTS("\x48\xf7\xf9", EXC_DE); /* -2^127 / -1 */
	reg(REG_RDX, ~(u64)0);
	reg(REG_RAX, (u64)1 << 63);
	reg(REG_RCX, 1);
	OK("\x48\xf7\xf9"); /* the smallest quotient there is */
	want_reg(REG_RAX, (u64)1 << 63);
	reg(REG_RCX, ~(u64)0);
	reg(REG_RDX, ~(u64)0);
	FAULTS("\x48\xf7\xf9", EXC_DE);
	reg(REG_RAX, 0xff7f); /* -129 / -1 in 8 bits */
	reg(REG_RCX, 0xff);
	FAULTS("\xf6\xf9", EXC_DE);
	reg(REG_RAX, 0xfff9); /* -7 / 2 */
	reg(REG_RCX, 2);
	OK("\xf6\xf9");
	want_reg(REG_RAX, 0xfffd); /* AH -1, AL -3 */
}

static void test_bits(void **state)
{
	(void)state;
	reg(REG_RBX, DATA + 8);
	reg(REG_RAX, (u64)-1); /* the bit below DATA + 8 */
	OK("\x48\x0f\xab\x03"); /* bts [rbx], rax */
	assert_int_equal(fx_get64(DATA), (u64)1 << 63);
	want_flags(0);
	OK("\x0f\xa3\x03"); /* bt dword [rbx], eax */
	want_flags(FL_CF);
	OK("\xf0\x48\x0f\xbb\x03"); /* lock btc [rbx], rax */
	assert_int_equal(fx_get64(DATA), 0);
	reg(REG_RAX, 0x1234);
	reg(REG_RCX, 0);
	OK("\x0f\xbc\xc1"); /* bsf eax, ecx */
	want_reg(REG_RAX, 0x1234);
	assert_true(x86_zf(&fx.cpu));
	OK("\xf3\x0f\xbc\xc1"); /* tzcnt eax, ecx */
	want_reg(REG_RAX, 32);
	assert_true(x86_cf(&fx.cpu));
	reg(REG_RCX, 0x80);
	OK("\xf3\x66\x0f\xbd\xc1"); /* lzcnt ax, cx */
	want_reg(REG_RAX, 8);
	reg(REG_RCX, ~(u64)0);
	reg(REG_RAX, ~(u64)0);
	flags(0);
	OK("\x0f\x44\xc1"); /* cmove eax, ecx, not taken: still zero-extends */
	want_reg(REG_RAX, 0xffffffff);
}

/* --- memory ------------------------------------------------------------------------ */

static void test_faults_change_nothing(void **state)
{
	(void)state;
	hole();
	flags(FL_CF | FL_SF);
	reg(REG_RAX, 5);
	reg(REG_RBX, HOLE);
	FAULTS("\x03\x03", EXC_PF);	    /* add eax, [rbx] */
	FAULTS("\x01\x03", EXC_PF);	    /* add [rbx], eax */
	assert_int_equal(fx.cpu.fault.error, PF_W);
	FAULTS("\x39\x03", EXC_PF);	    /* cmp [rbx], eax */
	assert_int_equal(fx.cpu.fault.error, 0);
	FAULTS("\xf0\x0f\xc1\x03", EXC_PF); /* lock xadd */
	FAULTS("\x87\x03", EXC_PF);	    /* xchg */
	FAULTS("\x0f\xb1\x03", EXC_PF);	    /* cmpxchg, a write */
	assert_int_equal(fx.cpu.fault.error, PF_W);
	FAULTS("\xd3\x23", EXC_PF);	    /* shl, though CL is 0 */
	FAULTS("\x0f\x42\x03", EXC_PF);	    /* cmovb */
	FAULTS("\x0f\xae\x3b", EXC_PF);	    /* clflush */
	FAULTS("\xff\x13", EXC_PF);	    /* call [rbx] */
	FAULTS("\xff\x33", EXC_PF);	    /* push [rbx] */
	FAULTS("\x8f\x03", EXC_PF);	    /* pop [rbx] */
	assert_int_equal(fx.cpu.fault.cr2, HOLE);
	reg(REG_RBX, HOLE - 2);
	FAULTS("\x89\x03", EXC_PF);	    /* the second page is the missing one */
	assert_int_equal(fx.cpu.fault.cr2, HOLE);
	FAULTS("\xff\x03", EXC_PF);	    /* inc */
	reg(REG_RSP, HOLE + 0x1000);
	FAULTS("\x50", EXC_PF);		    /* push */
	FAULTS("\xe8\x01\x00\x00\x00", EXC_PF);
	FAULTS("\xc8\x10\x00\x00", EXC_PF); /* enter */
	reg(REG_RSP, HOLE);
	FAULTS("\x58", EXC_PF);
	FAULTS("\xc3", EXC_PF);
	reg(REG_RBP, HOLE);
	FAULTS("\xc9", EXC_PF);		    /* leave */
	reg(REG_RBX, (u64)1 << 47);
	FAULTS("\x8b\x03", EXC_GP);
	FAULTS("\xff\xe3", EXC_GP);	    /* jmp rbx */
	reg(REG_RBX, DATA + 8);
	FAULTS("\x48\x0f\xc7\x0b", EXC_GP); /* cmpxchg16b */
}

static void test_page_crossing(void **state)
{
	(void)state;
	reg(REG_RBX, DATA + 0xffd);
	reg(REG_RAX, 0x1122334455667788);
	for (unsigned n = 0; n < 2; n++) { /* cold, then cached translations */
		OK("\x48\x89\x03");
		reg(REG_RCX, 0);
		OK("\x48\x8b\x0b");
		want_reg(REG_RCX, 0x1122334455667788);
	}
	OK("\x48\x01\x0b"); /* add [rbx], rcx */
	assert_int_equal(get_le64(fx.ram + DATA + 0xffd), 0x22446688aaccef10);
	OK("\xf0\x48\x29\x0b"); /* lock sub */
	assert_int_equal(get_le64(fx.ram + DATA + 0xffd), 0x1122334455667788);
	OK("\x48\x87\x0b"); /* xchg */
	want_reg(REG_RCX, 0x1122334455667788);
}

static void test_device_operand(void **state)
{
	(void)state;
	reg(REG_RBX, MMIO + 0x10);
	fx.mmio_value = 0x40;
	reg(REG_RAX, 0x1);
	assert_true(RUN("\x09\x03") >= 0); /* or [rbx], eax */
	assert_int_equal(fx.mmio_value, 0x41);
	assert_int_equal(fx.mmio_reads, 1);
	assert_int_equal(fx.mmio_writes, 1);
	assert_int_equal(fx.mmio_addr, MMIO + 0x10);
	assert_int_equal(fx.mmio_size, 4);
}

static void test_code_page_breaks(void **state)
{
	(void)state;
	fx.code_page[DATA >> 12] = true;
	reg(REG_RBX, DATA);
	reg(REG_RAX, 7);
	assert_int_equal(RUN("\x89\x03"), X86_BREAK);
	assert_int_equal(RUN("\x01\x03"), X86_BREAK);
	assert_int_equal(fx_get64(DATA), 14);
	assert_int_equal(RUN("\xf0\x0f\xc1\x03"), X86_BREAK);
	want_reg(REG_RAX, 14);
	assert_int_equal(fx_get64(DATA), 21);
	assert_int_equal(fx.code_writes, 3);
}

static void test_locked(void **state)
{
	(void)state;
	reg(REG_RBX, DATA);
	fx_put64(DATA, 100);
	reg(REG_RAX, 100);
	reg(REG_RCX, 7);
	OK("\xf0\x48\x0f\xb1\x0b"); /* lock cmpxchg [rbx], rcx */
	assert_int_equal(fx_get64(DATA), 7);
	assert_true(x86_zf(&fx.cpu));
	OK("\xf0\x48\x0f\xb1\x0b");
	want_reg(REG_RAX, 7);
	assert_false(x86_zf(&fx.cpu));
	flags(FL_CF);
	OK("\xf0\x48\x11\x0b"); /* lock adc */
	assert_int_equal(fx_get64(DATA), 15);
	fx_put64(DATA, 1);
	fx_put64(DATA + 8, 2);
	reg(REG_RAX, 1);
	reg(REG_RDX, 2);
	reg(REG_RBX, 3);
	reg(REG_RCX, 4);
	reg(REG_RSI, DATA);
	OK("\xf0\x48\x0f\xc7\x0e"); /* lock cmpxchg16b [rsi] */
	assert_true(x86_zf(&fx.cpu));
	assert_int_equal(fx_get64(DATA), 3);
	assert_int_equal(fx_get64(DATA + 8), 4);
	flags(FL_ARITH);
	OK("\x0f\xc7\x0e"); /* cmpxchg8b: only ZF changes */
	want_flags(FL_ARITH & ~FL_ZF);
	want_reg(REG_RAX, 3);
	want_reg(REG_RDX, 0);
}

/* --- the stack ---------------------------------------------------------------------- */

static void test_stack(void **state)
{
	(void)state;
	OK("\x54"); /* push rsp: the old one */
	want_reg(REG_RSP, STACK - 8);
	assert_int_equal(fx_get64(STACK - 8), STACK);
	OK("\x5c"); /* pop rsp */
	want_reg(REG_RSP, STACK);
	OK("\x6a\xff"); /* push -1 */
	OK("\x8f\x44\x24\xf0"); /* pop [rsp - 16], from RSP after the pop */
	assert_int_equal(fx_get64(STACK - 16), ~(u64)0);
	OK("\x66\x50"); /* push ax */
	want_reg(REG_RSP, STACK - 2);
	OK("\x66\x59"); /* pop cx */
	OK("\xe8\x10\x00\x00\x00");
	assert_int_equal(fx_get64(STACK - 8), fx.cpu.rip - 0x10);
	OK("\xc2\x08\x00"); /* ret 8 */
	want_reg(REG_RSP, STACK + 8);
	reg(REG_RBP, 0x1234);
	OK("\xc8\x20\x00\x00"); /* enter 32, 0 */
	want_reg(REG_RBP, STACK);
	want_reg(REG_RSP, STACK - 32);
	OK("\xc9");
	want_reg(REG_RBP, 0x1234);
	want_reg(REG_RSP, STACK + 8);
}

static void test_enter_nested(void **state)
{
	(void)state;
	reg(REG_RBP, STACK + 0x100);
	fx_put64(STACK + 0xf8, 0xaaaa);
	fx_put64(STACK + 0xf0, 0xbbbb);
	OK("\xc8\x10\x00\x03");
	want_reg(REG_RBP, STACK - 8);
	want_reg(REG_RSP, STACK - 8 - 3 * 8 - 16);
	assert_int_equal(fx_get64(STACK - 16), 0xaaaa);
	assert_int_equal(fx_get64(STACK - 24), 0xbbbb);
	assert_int_equal(fx_get64(STACK - 32), STACK - 8);
}

/* --- strings ------------------------------------------------------------------------- */

/* Until the count is used up, as the run loop would; how many calls it took. */
static unsigned repeat(const char *code, unsigned len)
{
	u64 start = fx.cpu.rip;
	unsigned calls = 0;

	do {
		assert_true(run(code, len) >= 0);
		calls++;
	} while (fx.cpu.rip == start);
	assert_int_equal(fx.cpu.rip, start + len);
	return calls;
}
#define REPEAT(code) repeat(code, sizeof(code) - 1)

static void string_regs(u64 si, u64 di, u64 cx)
{
	reg(REG_RSI, si);
	reg(REG_RDI, di);
	reg(REG_RCX, cx);
}

static void test_rep_movs(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 0x5000; n++)
		fx.ram[0x200000 + n] = (u8)(n * 7 + (n >> 8));
	string_regs(0x200003, 0x300ff1, 0x4801);
	fx.cpu.attention = 1; /* the run loop is wanted: it looks up now and then */
	assert_true(REPEAT("\xf3\xa4") > 1);
	fx.cpu.attention = 0;
	assert_memory_equal(fx.ram + 0x200003, fx.ram + 0x300ff1, 0x4801);
	assert_int_equal(fx.ram[0x300ff0], 0);
	assert_int_equal(fx.ram[0x300ff1 + 0x4801], 0);
	want_reg(REG_RSI, 0x200003 + 0x4801);
	want_reg(REG_RDI, 0x300ff1 + 0x4801);
	want_reg(REG_RCX, 0);
	string_regs(0x200005, 0x310ffc, 0x123); /* elements across pages */
	REPEAT("\xf3\x48\xa5");
	assert_memory_equal(fx.ram + 0x200005, fx.ram + 0x310ffc, 0x123 * 8);
	string_regs(1, 2, 0);
	assert_int_equal(REPEAT("\xf3\xa4"), 1);
	want_reg(REG_RSI, 1);
}

static void test_movs_overlap(void **state)
{
	u8 *p = fx.ram + DATA;

	(void)state;
	memcpy(p, "ab", 2);
	string_regs(DATA, DATA + 2, 10);
	REPEAT("\xf3\xa4"); /* replicates */
	assert_memory_equal(p, "abababababab", 12);
	memcpy(p, "0123456789abcdef", 16);
	string_regs(DATA + 2, DATA, 10);
	REPEAT("\xf3\xa4");
	assert_memory_equal(p, "23456789ababcdef", 16);
	memcpy(p, "0123456789abcdef", 16);
	string_regs(DATA + 9, DATA + 12, 10);
	OK("\xfd"); /* std */
	REPEAT("\xf3\xa4");
	assert_memory_equal(p, "0120123456789def", 16);
	want_reg(REG_RDI, DATA + 2);
	string_regs(DATA + 8, DATA + 24, 2);
	REPEAT("\xf3\x48\xa5");
	want_reg(REG_RSI, DATA - 8);
	OK("\xfc");
}

static void test_rep_fault_is_precise(void **state)
{
	(void)state;
	hole();
	reg(REG_RAX, 0x55);
	string_regs(0, HOLE - 100, 200);
	assert_int_equal(RUN("\xf3\xaa"), X86_FAULT);
	want_reg(REG_RDI, HOLE);
	want_reg(REG_RCX, 100);
	assert_int_equal(fx.ram[HOLE - 1], 0x55);
	assert_int_equal(fx.cpu.rip, CODE);
	assert_int_equal(fx.cpu.fault.cr2, HOLE);
	string_regs(HOLE - 6, DATA, 4); /* the second dword is half there */
	assert_int_equal(RUN("\xf3\xa5"), X86_FAULT);
	want_reg(REG_RSI, HOLE - 2);
	want_reg(REG_RDI, DATA + 4);
	want_reg(REG_RCX, 3);
}

static void test_rep_stos_pattern(void **state)
{
	(void)state;
	reg(REG_RAX, 0x0102030405060708);
	string_regs(0, DATA + 3, 1000);
	REPEAT("\xf3\x48\xab");
	for (unsigned n = 0; n < 1000; n++)
		assert_int_equal(fx_get64(DATA + 3 + 8 * n), 0x0102030405060708);
	assert_int_equal(fx.ram[DATA + 2], 0);
	assert_int_equal(fx.ram[DATA + 3 + 8000], 0);
}

static void test_scan_compare(void **state)
{
	(void)state;
	memcpy(fx.ram + DATA, "hello, world", 13);
	memcpy(fx.ram + DATA + 0x20, "hello, wOrld", 13);
	reg(REG_RAX, 0);
	string_regs(0, DATA, ~(u64)0);
	REPEAT("\xf2\xae"); /* strlen */
	want_reg(REG_RCX, ~(u64)0 - 13);
	want_reg(REG_RDI, DATA + 13);
	assert_true(x86_zf(&fx.cpu));
	string_regs(DATA, DATA + 0x20, 13);
	REPEAT("\xf3\xa6"); /* repe cmpsb */
	want_reg(REG_RCX, 13 - 9);
	assert_false(x86_cf(&fx.cpu)); /* 'o' > 'O' */
	assert_false(x86_zf(&fx.cpu));
	flags(FL_ZF);
	string_regs(DATA, DATA, 0);
	REPEAT("\xf2\xa6"); /* no iteration, no flags */
	want_flags(FL_ZF);
	reg(REG_RAX, 0);
	string_regs(DATA, 0, 3);
	REPEAT("\xf3\xac"); /* rep lodsb: the last */
	want_reg(REG_RAX, 'l');
}

static void test_rep_single_step(void **state)
{
	(void)state;
	fx.cpu.rflags |= FL_TF;
	string_regs(DATA, DATA + 0x100, 3);
	assert_int_equal(REPEAT("\xf3\xa4"), 3);
}

/* --- 16 and 32 bits -------------------------------------------------------------------- */

static void test_mode32(void **state)
{
	(void)state;
	legacy(X86_MODE_32);
	reg(REG_RAX, 0x12345678);
	OK("\x50"); /* push eax */
	want_reg(REG_RSP, STACK - 4);
	OK("\x60"); /* pusha */
	want_reg(REG_RSP, STACK - 36);
	assert_int_equal(get_le32(fx.ram + STACK - 4 - 20), STACK - 4);
	reg(REG_RAX, 0);
	OK("\x61");
	want_reg(REG_RAX, 0x12345678);
	want_reg(REG_RSP, STACK - 4);
	OK("\xe8\x00\x01\x00\x00");
	assert_int_equal(get_le32(fx.ram + STACK - 8), fx.cpu.rip - 0x100);
	OK("\xc3");
	reg(REG_RBX, 0x10000000 - 4); /* wraps with the displacement */
	reg(REG_RSI, DATA);
	OK("\x8d\x84\x33\x00\x00\x00\xf0"); /* lea eax, [ebx + esi - 10000000h] */
	want_reg(REG_RAX, DATA - 4);
	reg(REG_RAX, 0x0f);
	OK("\x37"); /* aaa */
	want_reg(REG_RAX, 0x105);
	reg(REG_RAX, 0x9a);
	flags(0);
	OK("\x27"); /* daa */
	want_reg(REG_RAX, 0);
	want_flags(FL_CF | FL_AF | FL_ZF | FL_PF);
	reg(REG_RAX, 57);
	OK("\xd4\x0a"); /* aam */
	want_reg(REG_RAX, 0x507);
	OK("\xd5\x0a"); /* aad */
	want_reg(REG_RAX, 57);
	FAULTS("\xd4\x00", EXC_DE);
	put_le32(fx.ram + DATA, (u32)-5);
	put_le32(fx.ram + DATA + 4, 5);
	reg(REG_RAX, (u32)-5);
	OK("\x62\x06"); /* bound eax, [esi] */
	reg(REG_RAX, 6);
	FAULTS("\x62\x06", EXC_BR);
}

static void test_mode16(void **state)
{
	(void)state;
	legacy(X86_MODE_16);
	fx.cpu.rip = 0x1000;
	reg(REG_RSP, 0xabcd0000); /* SP wraps below 0 and keeps the upper half */
	reg(REG_RAX, 0x1234);
	OK("\x50");
	want_reg(REG_RSP, 0xabcdfffe);
	assert_int_equal(get_le16(fx.ram + 0xfffe), 0x1234);
	OK("\xe8\x00\xf0"); /* call -1000h */
	assert_int_equal(fx.cpu.rip, 4);
	OK("\xeb\x80"); /* below 0: IP wraps */
	assert_int_equal(fx.cpu.rip, 0xff86);
	reg(REG_RCX, 0xffff0001);
	OK("\xe2\x10"); /* loop: CX only */
	want_reg(REG_RCX, 0xffff0000);
	assert_int_equal(fx.cpu.rip, 0xff88);
	OK("\xe3\x01"); /* jcxz */
	assert_int_equal(fx.cpu.rip, 0xff8b);
	reg(REG_RBX, 0xffff);
	reg(REG_RSI, 0x11);
	fx.ram[0x10] = 0x77;
	OK("\x8a\x00"); /* mov al, [bx + si]: 16-bit wrap */
	want_reg(REG_RAX, 0x1277);
	string_regs(0x12340000 | 0x8000, 0x5678fffe, 2);
	reg(REG_RAX, 0xbeef);
	REPEAT("\xf3\xab"); /* rep stosw wraps DI */
	want_reg(REG_RDI, 0x56780002);
	assert_int_equal(get_le16(fx.ram + 0xfffe), 0xbeef);
	assert_int_equal(get_le16(fx.ram), 0xbeef);
}

static void test_code_limit(void **state)
{
	(void)state;
	legacy(X86_MODE_32);
	fx.cpu.seg[SEG_CS].limit = CODE + 0xff;
	x86_update_mode(&fx.cpu);
	OK("\xeb\x10");
	FAULTS("\xe9\x00\x01\x00\x00", EXC_GP);
	FAULTS("\xe8\x00\x01\x00\x00", EXC_GP);
	reg(REG_RCX, 2);
	fx.cpu.rip = CODE + 0xf0;
	FAULTS("\xe2\x7f", EXC_GP); /* loop: ECX as it was */
	reg(REG_RAX, CODE + 0x100);
	FAULTS("\xff\xe0", EXC_GP);
	put_le32(fx.ram + STACK, CODE + 0x100);
	FAULTS("\xc3", EXC_GP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_add_sizes), TEST(test_carry_chain), TEST(test_divide),
		TEST(test_bits), TEST(test_faults_change_nothing),
		TEST(test_page_crossing), TEST(test_device_operand),
		TEST(test_code_page_breaks), TEST(test_locked), TEST(test_stack),
		TEST(test_enter_nested), TEST(test_rep_movs),
		TEST(test_movs_overlap), TEST(test_rep_fault_is_precise),
		TEST(test_rep_stos_pattern), TEST(test_scan_compare),
		TEST(test_rep_single_step), TEST(test_mode32), TEST(test_mode16),
		TEST(test_code_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
