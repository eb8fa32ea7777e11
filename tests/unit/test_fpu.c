/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x87, MMX and SSE around the arithmetic: availability faults, delayed x87
 * exceptions, operands that cross pages or are devices, images in memory, state
 * kept across enter and leave. test_fpu_native.c has the arithmetic itself.
 */
#include "cpu_fixture.h"

#include <arch/x86/fpu.h>

#define DATA 0x10000
#define CODE 0x20000
#define HOLE 0x30000 /* the page after DATA's neighbour that tests unmap */

static unsigned mode = X86_MODE_64;

/* Runs one instruction: its status; c->fault.vector says which fault. */
static int step(const u8 *code)
{
	struct x86_cpu *c = &fx.cpu;
	struct x86_insn i;
	int r = x86_decode(&i, code, 15, mode);

	assert_int_equal(r, 0);
	i.fn = x86_bind_fpu(&i, mode);
	assert_non_null(i.fn);
	c->rip = CODE + i.len;
	c->fault.vector = 0xff;
	return x86_exec_one(c, &i);
}
#define RUN(...) step((const u8[15]){ __VA_ARGS__ })
#define OK(...) assert_int_equal(RUN(__VA_ARGS__), X86_OK)
#define FAULTS(vec, ...)                                                       \
	do {                                                                   \
		assert_int_equal(RUN(__VA_ARGS__), X86_FAULT);                 \
		assert_int_equal(fx.cpu.fault.vector, vec);                    \
	} while (0)

/* [rdi] forms */
#define FLD1 0xd9, 0xe8
#define FLDZ 0xd9, 0xee
#define FDIVP 0xde, 0xf9
#define FNSTSW_AX 0xdf, 0xe0
#define FLDCW 0xd9, 0x2f
#define FNSTCW 0xd9, 0x3f
#define FNSTENV 0xd9, 0x37
#define FLDENV 0xd9, 0x27
#define FNSAVE 0xdd, 0x37
#define FRSTOR 0xdd, 0x27
#define FSTP80 0xdb, 0x3f
#define FSTP64 0xdd, 0x1f
#define FXSAVE 0x0f, 0xae, 0x07
#define FXRSTOR 0x0f, 0xae, 0x0f
#define FXSAVE64 0x48, 0x0f, 0xae, 0x07
#define FXRSTOR64 0x48, 0x0f, 0xae, 0x0f
#define LDMXCSR 0x0f, 0xae, 0x17
#define STMXCSR 0x0f, 0xae, 0x1f
#define XSAVE64 0x48, 0x0f, 0xae, 0x27
#define XRSTOR64 0x48, 0x0f, 0xae, 0x2f
#define XSAVEOPT64 0x48, 0x0f, 0xae, 0x37
#define FWAIT 0x9b
#define FNINIT 0xdb, 0xe3
#define FNCLEX 0xdb, 0xe2
#define PADDB 0x0f, 0xfc, 0xc1
#define EMMS 0x0f, 0x77
#define ADDPS 0x0f, 0x58, 0xc1
#define DIVSS 0xf3, 0x0f, 0x5e, 0xc1
#define MOVUPS_LOAD 0x0f, 0x10, 0x07
#define MOVUPS_STORE 0x0f, 0x11, 0x07
#define MOVAPS_LOAD 0x0f, 0x28, 0x07
#define MOVQ_STORE 0x66, 0x0f, 0xd6, 0x07

static int setup(void **state)
{
	int r = fx_setup(state);

	mode = X86_MODE_64;
	fx.cpu.cr4 |= CR4_OSXSAVE;
	fx.cpu.xcr0 = XCR0_X87 | XCR0_SSE;
	x86_update_mode(&fx.cpu);
	fx.cpu.gpr[REG_RDI] = DATA;
	x86_fpu_enter(&fx.cpu);
	OK(FNINIT);
	return r;
}

static int teardown(void **state)
{
	x86_fpu_leave(&fx.cpu);
	return fx_teardown(state);
}

static void set_cr(u64 cr0_set, u64 cr4_clear)
{
	fx_long_mode(0);
	fx.cpu.cr4 |= CR4_OSXSAVE;
	fx.cpu.cr0 |= cr0_set;
	fx.cpu.cr4 &= ~cr4_clear;
	x86_update_mode(&fx.cpu);
}

static void test_availability(void **state)
{
	(void)state;
	set_cr(CR0_EM, 0);
	FAULTS(EXC_NM, FLD1);
	FAULTS(EXC_NM, FNINIT);
	FAULTS(EXC_NM, FNSTCW);
	FAULTS(EXC_UD, PADDB);
	FAULTS(EXC_UD, EMMS);
	FAULTS(EXC_UD, ADDPS);
	FAULTS(EXC_UD, MOVUPS_LOAD);
	FAULTS(EXC_UD, LDMXCSR);
	FAULTS(EXC_NM, FXSAVE);
	OK(FWAIT);
	set_cr(CR0_TS, 0);
	FAULTS(EXC_NM, FLD1);
	FAULTS(EXC_NM, FNSTSW_AX);
	FAULTS(EXC_NM, PADDB);
	FAULTS(EXC_NM, ADDPS);
	FAULTS(EXC_NM, STMXCSR);
	FAULTS(EXC_NM, FXRSTOR);
	FAULTS(EXC_NM, XSAVE64);
	OK(FWAIT);
	set_cr(CR0_TS | CR0_MP, 0);
	FAULTS(EXC_NM, FWAIT);
	set_cr(CR0_TS, CR4_OSFXSR);
	FAULTS(EXC_UD, ADDPS);
	FAULTS(EXC_NM, PADDB);
	set_cr(0, CR4_OSFXSR | CR4_OSXSAVE);
	FAULTS(EXC_UD, ADDPS);
	FAULTS(EXC_UD, XRSTOR64);
	FAULTS(EXC_UD, 0xf3, 0x0f, 0xd6, 0xc1); /* MOVQ2DQ */
	OK(PADDB);
}

static void load_cw(u16 cw)
{
	put_le16(fx.ram + DATA, cw);
	OK(FLDCW);
}

static u16 status(void)
{
	OK(FNSTSW_AX);
	return (u16)fx.cpu.gpr[REG_RAX];
}

static void test_x87_delayed(void **state)
{
	(void)state;
	load_cw(0x37f & ~4); /* zero divide unmasked */
	OK(FLD1);
	OK(FLDZ);
	OK(FDIVP); /* noted only; operands and TOP stay */
	assert_int_equal(status(), 0x8084 | 6 << 11);
	FAULTS(EXC_MF, FLD1);
	FAULTS(EXC_MF, FWAIT);
	FAULTS(EXC_MF, PADDB);
	FAULTS(EXC_MF, EMMS);
	FAULTS(EXC_MF, FLDCW);
	FAULTS(EXC_MF, FSTP64);
	OK(FNSTCW);
	x86_fpu_leave(&fx.cpu); /* and survives a rest */
	assert_int_equal(fx.cpu.fx.fsw, 0x8084 | 6 << 11);
	x86_fpu_enter(&fx.cpu);
	FAULTS(EXC_MF, FWAIT);
	FAULTS(EXC_MF, FLD1);
	OK(FNCLEX);
	assert_int_equal(status(), 6 << 11);
	OK(FWAIT);
	OK(FSTP64);
	assert_int_equal(fx_get64(DATA), 0); /* 0.0 was left on top */
	load_cw(0x37f);
	OK(FLDZ);
	OK(FDIVP); /* 1 / 0, masked */
	assert_int_equal(status() & 0x84, 4);
	load_cw(0x37f & ~4); /* unmasking the sticky flag raises it */
	FAULTS(EXC_MF, FWAIT);
	OK(FNINIT);
	assert_int_equal(status(), 0);
}

static void test_x87_store_unmasked(void **state)
{
	(void)state;
	/* overflow to m32, unmasked: no store, no pop; on RAM and on a device */
	for (unsigned k = 0; k < 2; k++) {
		OK(FNINIT);
		fx.cpu.gpr[REG_RDI] = DATA;
		fx_put64(DATA, 0x7fefffffffffffff);
		OK(0xdd, 0x07); /* FLD m64 */
		load_cw(0x37f & ~8);
		fx.mmio_writes = 0;
		fx.cpu.gpr[REG_RDI] = k ? 0x40000000 : DATA;
		fx_put64(DATA, 0x1122334455667788);
		OK(0xd9, 0x1f); /* FSTP m32 */
		assert_int_equal(status() & 0x3888, 7 << 11 | 0x88);
		assert_int_equal(fx_get64(DATA), 0x1122334455667788);
		assert_int_equal(fx.mmio_writes, 0);
		OK(FNCLEX);
	}
	OK(FNINIT);
}

static void unmap(u64 page)
{
	fx_put64(FX_PT + 8 * (page >> 12), 0);
	x86_tlb_flush_all(&fx.cpu);
}

static void test_page_crossing(void **state)
{
	struct x86_cpu *c = &fx.cpu;
	u8 before[16];

	(void)state;
	for (unsigned n = 0; n < 64; n++)
		fx.ram[HOLE - 32 + n] = (u8)(n * 7 + 1);
	for (unsigned n = 1; n < 16; n++) {
		c->gpr[REG_RDI] = HOLE - n;
		OK(MOVUPS_LOAD);
		assert_memory_equal(c->fx.xmm[0], fx.ram + HOLE - n, 16);
		OK(0x0f, 0x10, 0x0f); /* xmm1 */
		c->fx.xmm[0][3] ^= 0xff;
		OK(MOVUPS_STORE);
		assert_memory_equal(c->fx.xmm[0], fx.ram + HOLE - n, 16);
		OK(0xdb, 0x2f); /* FLD m80 */
		OK(FSTP80);
	}
	unmap(HOLE);
	c->gpr[REG_RDI] = HOLE - 4;
	memcpy(before, c->fx.xmm[0], 16);
	FAULTS(EXC_PF, MOVUPS_LOAD);
	assert_int_equal(c->fault.cr2, HOLE);
	assert_memory_equal(before, c->fx.xmm[0], 16);
	memcpy(before, fx.ram + HOLE - 16, 16);
	FAULTS(EXC_PF, MOVUPS_STORE);
	FAULTS(EXC_PF, MOVQ_STORE);
	OK(FLD1);
	FAULTS(EXC_PF, FSTP80);
	assert_int_equal(status() >> 11 & 7, 7); /* not popped */
	FAULTS(EXC_PF, FNSTENV);
	FAULTS(EXC_PF, FNSAVE);
	assert_int_equal(status() >> 11 & 7, 7);
	c->gpr[REG_RDI] = HOLE - 256;
	FAULTS(EXC_PF, FXSAVE64);
	FAULTS(EXC_PF, XSAVE64);
	assert_memory_equal(before, fx.ram + HOLE - 16, 16);
}

static void test_alignment(void **state)
{
	(void)state;
	fx.cpu.gpr[REG_RDI] = DATA + 8;
	FAULTS(EXC_GP, MOVAPS_LOAD);
	FAULTS(EXC_GP, 0x0f, 0x29, 0x07);
	FAULTS(EXC_GP, 0x0f, 0x58, 0x07);
	FAULTS(EXC_GP, FXSAVE64);
	FAULTS(EXC_GP, FXRSTOR64);
	OK(MOVUPS_LOAD);
	OK(0xf2, 0x0f, 0x58, 0x07); /* ADDSD m64 */
	fx.cpu.gpr[REG_RDI] = DATA + 16;
	FAULTS(EXC_GP, XSAVE64);
	FAULTS(EXC_GP, XRSTOR64);
	OK(FXSAVE64);
}

static void test_devices_and_code(void **state)
{
	struct x86_cpu *c = &fx.cpu;

	(void)state;
	c->gpr[REG_RDI] = 0x40000000;
	fx.mmio_value = 0x0102030405060708;
	OK(0xf3, 0x0f, 0x7e, 0x07); /* MOVQ xmm0, m64 */
	assert_int_equal(get_le64(c->fx.xmm[0]), fx.mmio_value);
	put_le64(c->fx.xmm[0], 0xa1a2a3a4a5a6a7a8);
	assert_true(RUN(MOVQ_STORE) >= 0);
	assert_int_equal(fx.mmio_value, 0xa1a2a3a4a5a6a7a8);
	assert_true(RUN(MOVUPS_LOAD) >= 0);
	assert_int_equal(get_le64(c->fx.xmm[0] + 8), 0xa1a2a3a4a5a6a7a8);
	OK(FLD1);
	assert_true(RUN(FSTP64) >= 0);
	assert_int_equal(fx.mmio_value, 0x3ff0000000000000);
	/* a store to decoded code says so, and happens */
	fx.code_page[DATA / PAGE_SIZE] = true;
	x86_tlb_flush_all(c);
	c->gpr[REG_RDI] = DATA;
	assert_int_equal(RUN(MOVUPS_STORE), X86_BREAK);
	OK(FLD1);
	assert_int_equal(RUN(FSTP64), X86_BREAK);
	assert_int_equal(fx.code_writes, 2);
	assert_int_equal(fx_get64(DATA), 0x3ff0000000000000);
	assert_int_equal(status() & 0x3800, 0);
}

static void load_mxcsr(u32 v)
{
	put_le32(fx.ram + DATA, v);
	OK(LDMXCSR);
}

static u32 store_mxcsr(void)
{
	OK(STMXCSR);
	return get_le32(fx.ram + DATA);
}

static void test_simd_exceptions(void **state)
{
	struct x86_cpu *c = &fx.cpu;

	(void)state;
	memset(c->fx.xmm, 0, sizeof c->fx.xmm);
	put_le32(c->fx.xmm[0], 0x3f800000);
	load_mxcsr(0x1f80 & ~0x200); /* ZE unmasked */
	FAULTS(EXC_XM, DIVSS);
	assert_int_equal(get_le32(c->fx.xmm[0]), 0x3f800000);
	assert_int_equal(store_mxcsr(), (0x1f80 & ~0x200) | 4);
	set_cr(0, CR4_OSXMMEXCPT);
	FAULTS(EXC_UD, DIVSS);
	set_cr(0, 0);
	load_mxcsr(0x1f80);
	OK(DIVSS);
	assert_int_equal(get_le32(c->fx.xmm[0]), 0x7f800000);
	assert_int_equal(store_mxcsr(), 0x1f84);
	load_mxcsr(0x1f80 | 0x6000); /* toward zero, seen by CVTSD2SI */
	put_le64(c->fx.xmm[1], 0x3fffff0000000000); /* 1.999 */
	OK(0xf2, 0x0f, 0x2d, 0xc1);
	assert_int_equal(c->gpr[REG_RAX], 1);
	load_mxcsr(0x1f80);
	OK(0xf2, 0x0f, 0x2d, 0xc1);
	assert_int_equal(c->gpr[REG_RAX], 2);
	put_le32(fx.ram + DATA, 0x11f80);
	FAULTS(EXC_GP, LDMXCSR);
}

static u32 host_mxcsr(void)
{
	u32 v;

	__asm__ volatile("stmxcsr %0" : "=m"(v));
	return v;
}

static void test_host_state(void **state)
{
	u32 env[7], before;

	(void)state;
	x86_fpu_leave(&fx.cpu);
	before = host_mxcsr();
	x86_fpu_enter(&fx.cpu);
	load_mxcsr(0x7fc0 & ~0x1f80);
	load_cw(0x040);
	OK(FLD1);
	x86_fpu_leave(&fx.cpu);
	assert_int_equal(host_mxcsr(), before);
	__asm__ volatile("fnstenv %0\n\tfldenv %0" : "=m"(env));
	assert_int_equal(env[0] & 0xffff, 0x37f);
	assert_int_equal(env[2] & 0xffff, 0xffff);
	assert_int_equal(fx.cpu.fx.fcw, 0x40);
	assert_int_equal(fx.cpu.fx.ftw, 0x80);
	x86_fpu_enter(&fx.cpu);
	assert_int_equal(store_mxcsr(), 0x6040);
	x86_fpu_reset(&fx.cpu, true);
	assert_int_equal(store_mxcsr(), 0x6040);
	x86_fpu_reset(&fx.cpu, false);
	assert_int_equal(store_mxcsr(), 0x1f80);
	assert_int_equal(fx.cpu.fx.fcw, 0x37f);
	assert_int_equal(fx.cpu.fx.ftw, 0);
}

/* --- images ------------------------------------------------------------------ */

static void random_registers(void)
{
	struct x86_cpu *c = &fx.cpu;

	x86_fpu_sync(c);
	for (unsigned n = 0; n < sizeof c->fx.xmm; n++)
		c->fx.xmm[n / 16][n % 16] = (u8)(n * 37 + 11);
	for (unsigned n = 0; n < 8; n++)
		for (unsigned k = 0; k < 10; k++)
			c->fx.st[n][k] = (u8)(n * 16 + k + 1);
	c->fx.ftw = 0x5a;
	c->fx.fsw = 3 << 11 | 0x4100;
	c->fx.fip = 0x123456789abc;
	c->fx.fdp = 0xfedcba987654;
	c->fx.fop = 0x5a5;
	c->fx.mxcsr = 0x1f85;
	x86_fpu_loaded(c);
}

static void test_fxsave(void **state)
{
	struct x86_cpu *c = &fx.cpu;
	struct x86_fxsave want, *mem = (void *)(fx.ram + DATA);

	(void)state;
	random_registers();
	want = c->fx;
	memset(mem, 0xee, 512);
	OK(FXSAVE64);
	assert_memory_equal(mem, &want, 416);
	assert_int_equal(mem->pad1[0], 0xee);
	assert_int_equal(mem->mxcsr_mask, 0xffff);
	x86_fpu_reset(c, false);
	OK(FXRSTOR64);
	assert_memory_equal(&c->fx, &want, 416);
	OK(FXSAVE); /* 32-bit pointers */
	assert_int_equal(mem->fip, 0x56789abc);
	assert_int_equal(mem->fdp, 0xba987654);
	/* the host's pointers never show */
	OK(FLDZ);
	OK(FXSAVE64);
	assert_int_equal(mem->fip, CODE);
	assert_int_equal(mem->fop, 0x1ee);
	OK(FXSAVE); /* and selectors: CS is 10h */
	assert_int_equal(mem->fip, (u64)0x10 << 32 | CODE);
	OK(FXRSTOR);
	OK(FXSAVE);
	assert_int_equal(mem->fip, (u64)0x10 << 32 | CODE);
	mem->mxcsr = 0x10000;
	FAULTS(EXC_GP, FXRSTOR64);
	assert_int_equal(store_mxcsr(), want.mxcsr);
}

static void protected_mode(void)
{
	struct x86_cpu *c = &fx.cpu;

	c->cr0 = CR0_PE | CR0_ET | CR0_NE;
	c->efer = 0;
	c->seg[SEG_CS] = fx_seg(0x10, SA_P | SA_S | SA_CODE | SA_WRITE | SA_ACCESSED | SA_DB | SA_G);
	x86_update_mode(c);
	x86_tlb_flush_all(c);
	mode = X86_MODE_32;
}

static void real_mode(void)
{
	struct x86_cpu *c = &fx.cpu;

	protected_mode();
	c->cr0 = CR0_ET;
	c->seg[SEG_CS].attr &= ~SA_DB;
	c->seg[SEG_CS].sel = 0x1234;
	c->seg[SEG_CS].base = 0x12340;
	x86_update_mode(c);
	x86_tlb_flush_all(c);
	mode = X86_MODE_16;
}

static void test_fxsave_32(void **state)
{
	struct x86_fxsave *mem = (void *)(fx.ram + DATA);

	(void)state;
	random_registers();
	protected_mode();
	memset(mem, 0xee, 512);
	OK(FXSAVE);
	assert_memory_equal(mem->xmm, fx.cpu.fx.xmm, 128);
	assert_int_equal(mem->xmm[8][0], 0xee);
	memset(mem->xmm, 0x77, sizeof mem->xmm);
	OK(FXRSTOR);
	assert_int_equal(fx.cpu.fx.xmm[7][15], 0x77);
	assert_int_not_equal(fx.cpu.fx.xmm[8][0], 0x77);
}

static void test_xsave(void **state)
{
	struct x86_cpu *c = &fx.cpu;
	struct x86_fxsave want, *mem = (void *)(fx.ram + DATA);
	u64 bv = DATA + 512;

	(void)state;
	c->gpr[REG_RAX] = 7;
	c->gpr[REG_RDX] = ~(u64)0;
	random_registers();
	want = c->fx;
	memset(mem, 0xee, 576);
	fx_put64(bv, 0xf0);
	OK(XSAVE64);
	assert_memory_equal(mem, &want, 416);
	assert_int_equal(fx_get64(bv), 0xf3); /* only bits 1:0 are ours */
	assert_int_equal(fx_get64(bv + 8), 0xeeeeeeeeeeeeeeee);
	fx_put64(bv, 3);
	FAULTS(EXC_GP, XRSTOR64); /* XCOMP_BV */
	fx_put64(bv + 8, 0);
	fx_put64(bv + 16, 0);
	fx_put64(bv, 7);
	FAULTS(EXC_GP, XRSTOR64); /* not in XCR0 */
	fx_put64(bv, 3);
	x86_fpu_reset(c, false);
	OK(XRSTOR64);
	assert_memory_equal(&c->fx, &want, 416);
	/* init: x87 from the image, XMM cleared, MXCSR from the image */
	fx_put64(bv, 1);
	OK(XRSTOR64);
	assert_int_equal(c->fx.xmm[3][3], 0);
	assert_int_equal(store_mxcsr(), 0x1f85);
	fx_put64(bv, 0);
	fx_put64(DATA, 0);
	OK(XRSTOR64);
	assert_int_equal(c->fx.fcw, 0x37f);
	/* init optimisation */
	memset(mem, 0xee, 512);
	OK(XSAVEOPT64);
	assert_int_equal(fx_get64(bv), 0);
	assert_int_equal(mem->st[0][0], 0xee);
	assert_int_equal(mem->xmm[0][0], 0xee);
	assert_int_equal(mem->mxcsr, 0x1f85);
	OK(XSAVE64);
	assert_int_equal(fx_get64(bv), 0);
	assert_int_equal(mem->fcw, 0x37f);
	/* parts */
	c->gpr[REG_RAX] = 1;
	memset(mem, 0xee, 512);
	OK(FLD1);
	OK(XSAVE64);
	assert_int_equal(fx_get64(bv), 1);
	assert_int_equal(mem->xmm[0][0], 0xee);
	assert_int_equal(mem->mxcsr, 0xeeeeeeee);
	assert_int_equal(get_le16(mem->st[0] + 8), 0x3fff);
}

static void test_env_protected(void **state)
{
	struct x86_cpu *c = &fx.cpu;
	u8 *m = fx.ram + DATA;

	(void)state;
	protected_mode();
	OK(FLD1);
	load_cw(0x270 | 0x3e);
	OK(0xd9, 0x07); /* FLD m32: FDP */
	OK(FNSTENV);
	assert_int_equal(get_le32(m), 0xffff027e);
	assert_int_equal(get_le32(m + 4), 0xffff0000 | 6 << 11 | 2); /* the m32 is denormal */
	assert_int_equal(get_le32(m + 8), 0xffff0fff);
	assert_int_equal(get_le32(m + 12), CODE);
	assert_int_equal(get_le32(m + 16), 0x107 << 16 | 0x10);
	assert_int_equal(get_le32(m + 20), DATA);
	assert_int_equal(get_le32(m + 24), 0xffff0018);
	OK(FNSTCW);
	assert_int_equal(get_le16(m), 0x27f); /* FNSTENV masked all */
	put_le16(m, 0x27e);
	put_le32(m + 12, 0xabcd1234);
	put_le32(m + 16, 0x7ff << 16 | 0xbeef);
	OK(FLDENV);
	assert_int_equal(c->fx.fcw, 0x27e);
	assert_int_equal(c->fx.fip, 0xabcd1234);
	assert_int_equal(c->fx.fop, 0x7ff);
	/* 16-bit format */
	OK(0x66, FNSTENV);
	assert_int_equal(get_le16(m + 6), 0x1234);
	assert_int_equal(get_le16(m + 8), 0xbeef);
	assert_int_equal(get_le16(m + 12), 0x18);
	assert_int_equal(get_le16(m + 4), 0x0fff);
	/* an unmasked flag in the image is pending at once */
	put_le16(m, 0x37e);
	put_le16(m + 2, 0x0001);
	OK(0x66, FLDENV);
	FAULTS(EXC_MF, FWAIT);
	assert_int_equal(status(), 0x8081);
	/* and a stale ES is not */
	OK(FNINIT);
	OK(FNSTENV);
	put_le16(m + 4, 0x8080);
	OK(FLDENV);
	OK(FWAIT);
	OK(FLD1);
	assert_int_equal(status(), 7 << 11);
}

static void test_env_real(void **state)
{
	u8 *m = fx.ram + 0x8000;

	(void)state;
	real_mode();
	fx.cpu.gpr[REG_RBX] = 0x8000;
	OK(FLD1);
	assert_int_equal(get_le16(fx.cpu.fx.pad1), 0x1234);
	fx.cpu.fx.fip = 0xabc56789 - 0x12340;
	fx.cpu.fx.fdp = 0x00012345;
	OK(0xd9, 0x37); /* FNSTENV [bx], 14 bytes */
	assert_int_equal(get_le16(m), 0x37f);
	assert_int_equal(get_le16(m + 2), 7 << 11);
	assert_int_equal(get_le16(m + 4), 0x3fff);
	assert_int_equal(get_le16(m + 6), 0x6789);
	assert_int_equal(get_le16(m + 8), 0x5000 | 0x1e8);
	assert_int_equal(get_le16(m + 10), 0x2345);
	assert_int_equal(get_le16(m + 12), 0x1000);
	OK(0xd9, 0x27);
	assert_int_equal(fx.cpu.fx.fip, 0x56789);
	assert_int_equal(fx.cpu.fx.fdp, 0x12345);
	assert_int_equal(fx.cpu.fx.fop, 0x1e8);
	fx.cpu.fx.fip = 0xabc56789;
	OK(0x66, 0xd9, 0x37); /* 28 bytes */
	assert_int_equal(get_le16(m + 12), 0x6789);
	assert_int_equal(get_le32(m + 16), 0xabc5000 | 0x1e8);
	OK(0x66, 0xd9, 0x27);
	assert_int_equal(fx.cpu.fx.fip, 0xabc56789);
	fx.cpu.fx.fip = 0;
	OK(0xd9, 0x07); /* FLD m32 */
	assert_int_equal(fx.cpu.fx.fip, CODE);
	assert_int_equal(fx.cpu.fx.fdp, 0x8000);
	OK(0x66, 0xd9, 0x37);
	assert_int_equal(get_le16(m + 12), 0x2340);
	assert_int_equal(get_le16(m + 20), 0x8180); /* DS is 18h */
}

static void test_fsave(void **state)
{
	struct x86_cpu *c = &fx.cpu;
	struct x86_fxsave want;

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		random_registers();
		want = c->fx;
		if (k)
			OK(0x66, FNSAVE);
		else
			OK(FNSAVE);
		assert_memory_equal(fx.ram + DATA + (k ? 14 : 28) + 30, want.st[3], 10);
		x86_fpu_sync(c);
		assert_int_equal(c->fx.fcw, 0x37f);
		assert_int_equal(c->fx.ftw, 0);
		assert_int_equal(c->fx.fip, 0);
		if (k)
			OK(0x66, FRSTOR);
		else
			OK(FRSTOR);
		x86_fpu_sync(c);
		assert_memory_equal(c->fx.st, want.st, sizeof want.st);
		assert_int_equal(c->fx.fsw, want.fsw);
		assert_int_equal(c->fx.ftw, want.ftw);
		assert_int_equal(c->fx.fip, want.fip & (k ? 0xffff : 0xffffffff));
	}
}

static void test_maskmov(void **state)
{
	struct x86_cpu *c = &fx.cpu;

	(void)state;
	for (unsigned n = 0; n < 16; n++) {
		c->fx.xmm[0][n] = (u8)(n + 1);
		c->fx.xmm[1][n] = n % 3 ? 0x7f : 0x80;
		fx.ram[DATA + n] = 0xcc;
	}
	OK(0x66, 0x0f, 0xf7, 0xc1);
	for (unsigned n = 0; n < 16; n++)
		assert_int_equal(fx.ram[DATA + n], n % 3 ? 0xcc : n + 1);
	OK(0xf2, 0x0f, 0xd6, 0xc0); /* MOVDQ2Q mm0, xmm0 */
	OK(0xf2, 0x0f, 0xd6, 0xc9);
	memset(fx.ram + DATA, 0xcc, 16);
	OK(0x0f, 0xf7, 0xc1);
	for (unsigned n = 0; n < 16; n++)
		assert_int_equal(fx.ram[DATA + n], n % 3 || n > 7 ? 0xcc : n + 1);
	OK(EMMS);
	/* faults before any byte is written */
	unmap(HOLE);
	c->gpr[REG_RDI] = HOLE - 8;
	memset(fx.ram + HOLE - 8, 0xcc, 8);
	FAULTS(EXC_PF, 0x66, 0x0f, 0xf7, 0xc1);
	assert_int_equal(fx.ram[HOLE - 8], 0xcc);
}

#define FPU_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FPU_TEST(test_availability),
		FPU_TEST(test_x87_delayed),
		FPU_TEST(test_x87_store_unmasked),
		FPU_TEST(test_page_crossing),
		FPU_TEST(test_alignment),
		FPU_TEST(test_devices_and_code),
		FPU_TEST(test_simd_exceptions),
		FPU_TEST(test_host_state),
		FPU_TEST(test_fxsave),
		FPU_TEST(test_fxsave_32),
		FPU_TEST(test_xsave),
		FPU_TEST(test_env_protected),
		FPU_TEST(test_env_real),
		FPU_TEST(test_fsave),
		FPU_TEST(test_maskmov),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
