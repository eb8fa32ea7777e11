/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x87 and SSE: state instructions, lazy switching by #NM, rounding, denormals,
 * #MF and #XM. SDM vol. 1 chapters 8, 10, 11, 13; vol. 2 for each instruction.
 */
#include "lib/lib.h"

static u8 area[2][4096] __attribute__((aligned(64)));
static double zero, one = 1.0, three = 3.0;
static float tiny = 1e-40f; /* a denormal */

static void set_mxcsr(u32 v)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(v));
}
static u32 get_mxcsr(void)
{
	u32 v;

	__asm__ volatile("stmxcsr %0" : "=m"(v));
	return v;
}
static void set_fcw(u16 v)
{
	__asm__ volatile("fldcw %0" : : "m"(v));
}
static u16 get_fcw(void)
{
	u16 v;

	__asm__ volatile("fnstcw %0" : "=m"(v));
	return v;
}
static u16 get_fsw(void)
{
	u16 v;

	__asm__ volatile("fnstsw %0" : "=a"(v));
	return v;
}

static void test_init(void)
{
	__asm__ volatile("fninit");
	check_eq(get_fcw(), 0x37f, "fninit-fcw");
	check_eq(get_fsw(), 0, "fninit-fsw");
	set_mxcsr(0x1f80);
	check_eq(get_mxcsr(), 0x1f80, "mxcsr-load-store");
	TRY("ldmxcsr %0", : "m"((u32){ 0x80000000u }));
	check_fault(GP, 0, "gp-ldmxcsr-reserved");
	check_eq(get_mxcsr(), 0x1f80, "mxcsr-kept");
}

static void test_x87(void)
{
	u64 bits = 0;
	u8 wide[10] = { 0 };
	u16 sw;
	int32_t n = 0;

	__asm__ volatile("fninit; fldl %1; fldl %2; fdivrp; fstpl %0"
			 : "=m"(bits) : "m"(three), "m"(one));
	(void)bits;
	__asm__ volatile("fninit; fldl %1; fdivl %2; fstpl %0"
			 : "=m"(bits) : "m"(one), "m"(three));
	check_eq(bits, 0x3fd5555555555555, "x87-one-third");
	check(get_fsw() & 0x20, "x87-precision-flag");
	__asm__ volatile("fninit; fldl %1; fdivl %2; fstpt %0"
			 : "=m"(wide) : "m"(one), "m"(three));
	check(*(u64 *)wide == 0xaaaaaaaaaaaaaaab && *(u16 *)(wide + 8) == 0x3ffd,
	      "x87-80-bit-third");
	__asm__ volatile("fninit; fldpi; fstpt %0" : "=m"(wide));
	check(*(u64 *)wide == 0xc90fdaa22168c235 && *(u16 *)(wide + 8) == 0x4000,
	      "x87-pi");
	set_fcw(0x37f | 0xc00);
	__asm__ volatile("fldl %1; fchs; fdivl %2; fistpl %0"
			 : "=m"(n) : "m"(three), "m"((double){ 2.0 }));
	check_eq((u32)n, (u32)-1, "x87-truncate");
	set_fcw(0x37f | 0x800);
	__asm__ volatile("fldl %1; fdivl %2; fistpl %0"
			 : "=m"(n) : "m"(three), "m"((double){ 2.0 }));
	check_eq((u32)n, 2, "x87-round-up");
	__asm__ volatile("fninit; fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1");
	check_eq(get_fsw() >> 11 & 7, 0, "x87-top-after-eight");
	__asm__ volatile("fld1");
	sw = get_fsw();
	check((sw & 0x241) == 0x241, "x87-stack-overflow");
	__asm__ volatile("fninit; fldz; fxam");
	check_eq(get_fsw() & 0x4700, 0x4000, "x87-fxam-zero");
	__asm__ volatile("fninit; fld1; fldz; fcomip; pushf; pop %0"
			 : "=r"(bits) : : "cc", "memory");
	check_eq(bits & 0x45, 1, "x87-fcomip-less");
	__asm__ volatile("fninit");
}

static void test_mf(void)
{
	u64 before = 5;

	__asm__ volatile("fninit");
	set_fcw(0x37b); /* zero divide unmasked */
	trap_clear();
	__asm__ volatile("fldl %0; fdivl %1" : : "m"(one), "m"(zero));
	check_no_trap("mf-is-deferred");
	check(get_fsw() & 0x8000, "mf-summary-bit");
	TRY("fwait", : : "memory");
	check_fault(MF, 0, "mf-fwait");
	TRY("fld1", : : "memory");
	check_fault(MF, 0, "mf-next-x87");
	TRY("fstpl %0", "+m"(before));
	check_fault(MF, 0, "mf-store");
	check_eq(before, 5, "mf-store-wrote-nothing");
	TRY("fnstsw %%ax; fnclex", : : "rax");
	check_no_trap("mf-not-by-fnstsw-fnclex");
	TRY("fwait", : : "memory");
	check_no_trap("mf-cleared");
	__asm__ volatile("fninit");
}

static void test_xm(void)
{
	double r = 7;
	u64 bits;

	set_mxcsr(0x1f80 & ~0x200u);
	__asm__ volatile("movsd %0, %%xmm0" : : "m"(one));
	TRY("divsd %0, %%xmm0", : "m"(zero));
	check_fault(XM, 0, "xm-divide");
	check(get_mxcsr() & 4, "xm-flag");
	__asm__ volatile("movsd %%xmm0, %0" : "=m"(r));
	memcpy(&bits, &r, 8);
	check_eq(bits, 0x3ff0000000000000, "xm-keeps-destination");
	write_cr4(read_cr4() & ~(ulong)CR4_OSXMMEXCPT);
	TRY("divsd %0, %%xmm0", : "m"(zero));
	check_fault(UD, 0, "ud-xm-without-osxmmexcpt");
	write_cr4(read_cr4() | CR4_OSXMMEXCPT);
	set_mxcsr(0x1f80);
	__asm__ volatile("movsd %0, %%xmm0" : : "m"(one));
	TRY("divsd %0, %%xmm0", : "m"(zero));
	check_no_trap("xm-masked");
	__asm__ volatile("movsd %%xmm0, %0" : "=m"(r));
	memcpy(&bits, &r, 8);
	check_eq(bits, 0x7ff0000000000000, "xm-masked-infinity");
	check(get_mxcsr() & 4, "mxcsr-ze");
}

static u32 add_tiny(u32 mxcsr)
{
	u32 out;

	set_mxcsr(mxcsr);
	__asm__ volatile("movss %1, %%xmm0; addss %1, %%xmm0; movss %%xmm0, %0"
			 : "=m"(out) : "m"(tiny));
	return out;
}

static void test_sse_modes(void)
{
	u64 up, down;

	check(add_tiny(0x1f80) != 0, "sse-denormal");
	check(get_mxcsr() & 2, "sse-denormal-flag");
	check_eq(add_tiny(0x1f80 | 0x40), 0, "sse-daz");
	check_eq(add_tiny(0x1f80 | 0x8000), 0, "sse-ftz");
	set_mxcsr(0x1f80 | 0x4000);
	__asm__ volatile("movsd %1, %%xmm0; divsd %2, %%xmm0; movsd %%xmm0, %0"
			 : "=m"(up) : "m"(one), "m"(three));
	set_mxcsr(0x1f80 | 0x2000);
	__asm__ volatile("movsd %1, %%xmm0; divsd %2, %%xmm0; movsd %%xmm0, %0"
			 : "=m"(down) : "m"(one), "m"(three));
	check_eq(down, 0x3fd5555555555555, "sse-round-down");
	check_eq(up, 0x3fd5555555555556, "sse-round-up");
	set_mxcsr(0x1f80);
}

static void fill_xmm(u64 seed)
{
	u64 v[2] = { seed, ~seed };

	__asm__ volatile("movups %0, %%xmm0; movups %0, %%xmm7; movups %0, %%xmm15"
			 : : "m"(v));
}
static bool xmm_is(u64 seed)
{
	u64 v[3][2];

	__asm__ volatile("movups %%xmm0, %0; movups %%xmm7, %1; movups %%xmm15, %2"
			 : "=m"(v[0]), "=m"(v[1]), "=m"(v[2]));
	for (int i = 0; i < 3; i++)
		if (v[i][0] != seed || v[i][1] != ~seed)
			return false;
	return true;
}

static void test_fxsave(void)
{
	u16 tag;

	__asm__ volatile("fninit; fldpi; fld1");
	set_mxcsr(0x1fa0);
	fill_xmm(0x1111222233334444);
	memset(area[0], 0xcc, 4096);
	__asm__ volatile("fxsave64 %0" : "=m"(area[0]));
	check_eq(*(u16 *)area[0], 0x37f, "fxsave-fcw");
	check_eq(*(u16 *)(area[0] + 2) >> 11 & 7, 6, "fxsave-top");
	tag = area[0][4];
	check_eq(tag, 0xc0, "fxsave-abridged-tags");
	check_eq(*(u32 *)(area[0] + 24), 0x1fa0, "fxsave-mxcsr");
	check_eq(*(u64 *)(area[0] + 32), 0x8000000000000000, "fxsave-st0");
	check_eq(*(u64 *)(area[0] + 160), 0x1111222233334444, "fxsave-xmm0");
	check_eq(*(u64 *)(area[0] + 160 + 15 * 16), 0x1111222233334444, "fxsave-xmm15");
	check(area[0][464] == 0xcc && area[0][511] == 0xcc && area[0][512] == 0xcc,
	      "fxsave-leaves-the-rest");
	fill_xmm(5);
	set_mxcsr(0x1f80);
	__asm__ volatile("fninit; fxrstor64 %0" : : "m"(area[0]));
	check(xmm_is(0x1111222233334444), "fxrstor-xmm");
	check_eq(get_mxcsr(), 0x1fa0, "fxrstor-mxcsr");
	check_eq(get_fsw() >> 11 & 7, 6, "fxrstor-top");
	TRY("fxsave64 %0", "+m"(area[0][8]));
	check_fault(GP, 0, "gp-fxsave-unaligned");
	*(u32 *)(area[0] + 24) = 0xffff0000;
	TRY("fxrstor64 %0", : "m"(area[0]));
	check_fault(GP, 0, "gp-fxrstor-mxcsr");
	__asm__ volatile("fninit");
	set_mxcsr(0x1f80);
}

static void xsetbv(u64 v)
{
	__asm__ volatile("xsetbv" : : "a"((u32)v), "d"((u32)(v >> 32)), "c"(0));
}

static void test_xsave(void)
{
	u32 low = 0, high = 0;

	if (!(cpuid(1, 0).ecx & 1u << 26)) {
		check_skip("xsave", "not in CPUID");
		return;
	}
	TRY("xgetbv", "+a"(low), "+d"(high) : "c"(0));
	check_fault(UD, 0, "ud-xgetbv-without-osxsave");
	write_cr4(read_cr4() | CR4_OSXSAVE);
	TRY("xgetbv", "+a"(low), "+d"(high) : "c"(0));
	check_no_trap("xgetbv");
	check_eq(low, 1, "xcr0-at-reset");
	xsetbv(3);
	TRY("xsetbv", : "a"(2), "d"(0), "c"(0));
	check_fault(GP, 0, "gp-xsetbv-without-x87");
	TRY("xsetbv", : "a"(3), "d"(0x40000000), "c"(0));
	check_fault(GP, 0, "gp-xsetbv-unknown");
	TRY("xsetbv", : "a"(3), "d"(0), "c"(1));
	check_fault(GP, 0, "gp-xsetbv-index");
	check_eq(cpuid(13, 0).ebx, 576, "cpuid-xsave-size");
	fill_xmm(0xabcdef);
	memset(area[1], 0, 4096);
	__asm__ volatile("xsave64 %0" : "+m"(area[1]) : "a"(3), "d"(0));
	check((*(u64 *)(area[1] + 512) & 2) == 2, "xsave-xstate-bv");
	check_eq(*(u64 *)(area[1] + 160), 0xabcdef, "xsave-xmm0");
	fill_xmm(1);
	__asm__ volatile("xrstor64 %0" : : "m"(area[1]), "a"(3), "d"(0));
	check(xmm_is(0xabcdef), "xrstor-xmm");
	*(u64 *)(area[1] + 512) = 0;
	__asm__ volatile("xrstor64 %0" : : "m"(area[1]), "a"(3), "d"(0));
	__asm__ volatile("movups %%xmm0, %0" : "=m"(area[0]));
	check_eq(*(u64 *)area[0], 0, "xrstor-initial-state");
	*(u64 *)(area[1] + 520) = 1;
	TRY("xrstor64 %0", : "m"(area[1]), "a"(3), "d"(0));
	check_fault(GP, 0, "gp-xrstor-header");
	*(u64 *)(area[1] + 520) = 0;
	*(u64 *)(area[1] + 512) = 1ull << 40;
	TRY("xrstor64 %0", : "m"(area[1]), "a"(3), "d"(0));
	check_fault(GP, 0, "gp-xrstor-unknown-state");
	TRY("xsave64 %0", "+m"(area[1][16]) : "a"(3), "d"(0));
	check_fault(GP, 0, "gp-xsave-unaligned");
	write_cr4(read_cr4() & ~(ulong)CR4_OSXSAVE);
	TRY("xsave64 %0", "+m"(area[1]) : "a"(3), "d"(0));
	check_fault(UD, 0, "ud-xsave-without-osxsave");
}

/* Two "tasks" whose registers are switched at #NM, as old kernels do. */
static unsigned switches;

static void on_nm(struct frame *f)
{
	(void)f;
	switches++;
	__asm__ volatile("clts");
	__asm__ volatile("fxsave64 %0" : "=m"(area[switches & 1]));
	__asm__ volatile("fxrstor64 %0" : : "m"(area[~switches & 1]));
}

static void test_lazy(void)
{
	u64 v = 0;

	fill_xmm(100);
	__asm__ volatile("fxsave64 %0" : "=m"(area[0]));
	fill_xmm(200);
	trap_set_hook(NM, on_nm);
	switches = 0;
	write_cr0(read_cr0() | CR0_TS);
	__asm__ volatile("movq %%xmm0, %0" : "=r"(v));
	check(switches == 1 && v == 100, "nm-lazy-switch");
	__asm__ volatile("movq %%xmm0, %0" : "=r"(v));
	check_eq(switches, 1, "nm-once");
	write_cr0(read_cr0() | CR0_TS);
	__asm__ volatile("movq %%xmm0, %0" : "=r"(v));
	check(switches == 2 && v == 200, "nm-lazy-switch-back");
	trap_set_hook(NM, NULL);
	write_cr0(read_cr0() | CR0_TS);
	TRY("mov %0, %0; lfence; prefetcht0 (%0); movnti %0, (%0)", : "r"(area[0])
	    : "memory");
	check_no_trap("ts-not-for-movnti-fences");
	TRY("fxsave64 %0", "+m"(area[1]));
	check_fault(NM, 0, "nm-fxsave");
	TRY("ldmxcsr %0", : "m"((u32){ 0x1f80 }));
	check_fault(NM, 0, "nm-ldmxcsr");
	TRY("emms", : : "memory");
	check_fault(NM, 0, "nm-mmx");
	__asm__ volatile("clts");
}

/* Memory operands of SSE that fault leave the registers alone. */
static void test_sse_memory(void)
{
	page_map(TEST_WINDOW, page_alloc(), PTE_P | PTE_W);
	page_map(TEST_WINDOW + PAGE, 0, 0);
	fill_xmm(0x77);
	TRY("movups (%0), %%xmm0", : "r"(TEST_WINDOW + PAGE - 8) : "memory");
	check_page_fault(0, TEST_WINDOW + PAGE, "pf-movups-load");
	check(xmm_is(0x77), "pf-movups-keeps-register");
	*(u64 *)(TEST_WINDOW + PAGE - 8) = 0x1234;
	TRY("movups %%xmm0, (%0)", : "r"(TEST_WINDOW + PAGE - 8) : "memory");
	check_page_fault(2, TEST_WINDOW + PAGE, "pf-movups-store");
	check_eq(*(u64 *)(TEST_WINDOW + PAGE - 8), 0x1234, "pf-movups-store-nothing");
	TRY("fldt (%0)", : "r"(TEST_WINDOW + PAGE - 8) : "memory");
	check_page_fault(0, TEST_WINDOW + PAGE, "pf-fldt");
	check_eq(get_fsw() >> 11 & 7, 0, "pf-fldt-keeps-top");
}

void test_main(void)
{
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	test_init();
	test_x87();
	test_mf();
	test_xm();
	test_sse_modes();
	test_fxsave();
	test_xsave();
	test_lazy();
	test_sse_memory();
}
