/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-modifying and cross-modifying code. SDM vol. 3A 8.1.3 and 11.6: on one
 * processor a store is seen by the instructions after the next jump, and on
 * every processor since the Pentium also by the very next one.
 */
#include "lib/lib.h"

#define V TEST_WINDOW

static u8 *code;

static ulong run(const void *at)
{
	ulong v;

	__asm__ volatile("call *%1" : "=a"(v) : "r"(at) : "memory", "rcx", "rdx", "cc");
	return v;
}

/* mov $value, %eax; ret */
static void emit(u8 *at, u32 value)
{
	at[0] = 0xb8;
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
}

static void test_rewrite(void)
{
	bool ok = true;

	emit(code, 1);
	check_eq(run(code), 1, "smc-first");
	emit(code, 2);
	check_eq(run(code), 2, "smc-rewritten");
	for (u32 i = 0; i < 2000; i++) {
		memcpy(code + 1, &i, 4);
		ok = ok && run(code) == i;
	}
	check(ok, "smc-2000-times");
	code[1] = 0x55;
	check_eq(run(code) & 0xff, 0x55, "smc-one-byte");
}

/* Code that patches an instruction a few bytes ahead of itself. */
static void test_same_block(void)
{
	static const u8 text[] = {
		0x31, 0xc0,                               /* xor eax, eax */
		0xc6, 0x05, 0x01, 0x00, 0x00, 0x00, 0x2a, /* movb $42, 1(rip) */
		0xb8, 0x07, 0x00, 0x00, 0x00,             /* mov $7, eax */
		0xc3,
	};

	memcpy(code, text, sizeof(text));
	check_eq(run(code), 42, "smc-next-instruction");
	code[10] = 7;
	check_eq(run(code), 42, "smc-next-instruction-again");
}

/* A loop that adds to its own immediate each time around. */
static void test_own_loop(void)
{
	static const u8 text[] = {
		0x31, 0xc0,                         /* xor eax, eax */
		0xb9, 0x0a, 0x00, 0x00, 0x00,       /* mov $10, ecx */
		0x05, 0x01, 0x00, 0x00, 0x00,       /* 1: add $1, eax */
		0xff, 0x05, 0xf6, 0xff, 0xff, 0xff, /* incl -10(rip): the immediate */
		0xff, 0xc9,                         /* dec ecx */
		0x75, 0xf1,                         /* jnz 1b */
		0xc3,
	};

	memcpy(code, text, sizeof(text));
	check_eq(run(code), 55, "smc-loop-own-immediate");
}

static void test_alias(void)
{
	u8 *alias = (u8 *)V;

	page_map(V, (ulong)code, PTE_P | PTE_W);
	emit(code, 10);
	check_eq(run(code), 10, "smc-alias-before");
	emit(alias, 11);
	check_eq(run(code), 11, "smc-written-through-alias");
	check_eq(run(alias), 11, "smc-run-through-alias");
	emit(code, 12);
	check_eq(run(alias), 12, "smc-alias-sees-original");
	/* another page at the same address */
	emit(code + PAGE, 13);
	*page_entry(boot_pml4, V, 1) = ((ulong)code + PAGE) | PTE_P | PTE_W;
	invlpg(V);
	check_eq(run(alias), 13, "smc-remapped");
}

static void test_crossing(void)
{
	u8 *at = code + PAGE - 3;

	emit(at, 0x01020304);
	check_eq(run(at), 0x01020304, "smc-crossing-before");
	code[PAGE] = 0x99;
	check_eq(run(at), 0x01990304, "smc-crossing-second-page");
	at[1] = 0x55;
	check_eq(run(at), 0x01990355, "smc-crossing-first-page");
	/* the second page replaced by mapping */
	page_map(V, (ulong)code, PTE_P | PTE_W);
	page_map(V + PAGE, (ulong)code + PAGE, PTE_P | PTE_W);
	check_eq(run((u8 *)V + PAGE - 3), 0x01990355, "smc-crossing-mapped");
	memcpy(code + 2 * PAGE, code + PAGE, 16);
	code[2 * PAGE] = 0x77;
	page_map(V + PAGE, (ulong)code + 2 * PAGE, PTE_P | PTE_W);
	check_eq(run((u8 *)V + PAGE - 3), 0x01770355, "smc-crossing-remapped");
}

/* One first page before two second ones, then before none. */
static void test_crossing_views(void)
{
	bool ok = true;

	page_map(V + 2 * PAGE, (ulong)code, PTE_P | PTE_W);
	page_map(V + 3 * PAGE, (ulong)code + PAGE, PTE_P | PTE_W);
	for (int i = 0; i < 20; i++)
		ok = ok && run((u8 *)V + PAGE - 3) == 0x01770355 &&
		     run((u8 *)V + 3 * PAGE - 3) == 0x01990355;
	check(ok, "smc-crossing-two-views");
	page_map(V + PAGE, 0, 0);
	TRY_JUMP("call *%0", : "r"(V + PAGE - 3) : "memory", "rax");
	check(trap_last.vector == PF && trap_last.error == 0x10 &&
	      trap_last.cr2 == V + PAGE && trap_last.ip == V + PAGE - 3,
	      "smc-crossing-unmapped");
	check_eq(run((u8 *)V + 3 * PAGE - 3), 0x01990355, "smc-crossing-other-view");
	page_map(V + PAGE, (ulong)code + PAGE, PTE_P | PTE_W);
	check_eq(run((u8 *)V + PAGE - 3), 0x01990355, "smc-crossing-mapped-again");
}

/* It patches the instruction across the pages that comes next. */
static void test_crossing_ahead(void)
{
	static const u8 text[] = {
		0xc6, 0x05, 0x02, 0x00, 0x00, 0x00, 0x2b, /* movb $43, 2(rip) */
		0xb8, 0x07, 0x00, 0x00, 0x00,             /* mov $7, eax */
		0xc3,
	};
	u8 *at = code + PAGE - 9;

	for (int i = 0; i < 3; i++) {
		memcpy(at, text, sizeof text);
		check_eq(run(at), 0x2b07, "smc-crossing-next-instruction");
	}
}

static void emit_jump(u8 *at, const u8 *to)
{
	u32 rel = (u32)(to - (at + 5));

	at[0] = 0xe9;
	memcpy(at + 1, &rel, 4);
}

/* A jump of which the second page holds the end, and no other code. */
static void test_crossing_jump(void)
{
	u8 *at = code + PAGE - 2;

	emit(code + 0x100, 1);
	emit(code + 0x200, 2);
	emit_jump(at, code + 0x100);
	check_eq(run(at), 1, "smc-crossing-jump");
	code[PAGE] ^= 1; /* 256 bytes on */
	check_eq(run(at), 2, "smc-crossing-jump-rewritten");
}

/* A jump from one page to another whose target changes. */
static void test_chain(void)
{
	bool ok = true;
	u8 *a = code, *b = code + PAGE;

	emit_jump(a, b);
	for (u32 i = 0; i < 200; i++) {
		emit(b, i);
		ok = ok && run(a) == i;
	}
	check(ok, "smc-jump-target-rewritten");
	emit(b + 64, 0x4444);
	emit_jump(a, b + 64);
	check_eq(run(a), 0x4444, "smc-jump-rewritten");
}

/* Data next to code in one page: many stores, code still right. */
static void test_data_near(void)
{
	volatile u32 *data = (volatile u32 *)(code + 512);
	bool ok = true;

	emit(code, 0x600d);
	for (u32 i = 0; i < 5000; i++) {
		*data = i;
		if (!(i & 63))
			ok = ok && run(code) == 0x600d;
	}
	check(ok && *data == 4999, "smc-data-near-code");
}

/* Stores by string instructions, locked and wide ones. */
static void test_store_kinds(void)
{
	u8 image[16] = { 0 };
	ulong di, si, cx;

	emit(image, 0x31);
	emit(code, 1);
	run(code);
	di = (ulong)code;
	si = (ulong)image;
	cx = 6;
	__asm__ volatile("rep movsb" : "+D"(di), "+S"(si), "+c"(cx) : : "memory");
	check_eq(run(code), 0x31, "smc-rep-movsb");
	__asm__ volatile("lock incb (%0)" : : "r"(code + 1) : "memory", "cc");
	check_eq(run(code), 0x32, "smc-lock-inc");
	__asm__ volatile("xchgb %b0, (%1)" : : "q"(0x44), "r"(code + 1) : "memory");
	check_eq(run(code), 0x44, "smc-xchg");
	emit(image, 0x51);
	__asm__ volatile("movups (%0), %%xmm0; movups %%xmm0, (%1)"
			 : : "r"(image), "r"(code) : "memory");
	check_eq(run(code), 0x51, "smc-sse-store");
	__asm__ volatile("fninit; fildll (%0); fistpll (%1)" : : "r"(image), "r"(code)
			 : "memory");
	__asm__ volatile("push %0; popq (%1)" : : "r"(*(u64 *)image + 0x100),
			 "r"(code) : "memory");
	check_eq(run(code), 0x52, "smc-pop-to-memory");
	__asm__ volatile("btsl $8, (%0)" : : "r"(code) : "memory", "cc");
	check_eq(run(code), 0x53, "smc-bts");
}

/* Page permissions change under code that is cached. */
static void test_permissions(void)
{
	page_map(V, (ulong)code, PTE_P | PTE_W);
	emit(code, 5);
	check_eq(run((void *)V), 5, "smc-permission-before");
	page_map(V, (ulong)code, PTE_P | PTE_W | PTE_NX);
	TRY_JUMP("call *%0", : "r"(V) : "memory", "rax");
	check(trap_last.vector == PF && trap_last.error == 0x11,
	      "smc-cached-code-obeys-nx");
	page_map(V, (ulong)code, PTE_P | PTE_W);
	check_eq(run((void *)V), 5, "smc-permission-after");
}

void test_main(void)
{
	write_cr4(read_cr4() | CR4_OSFXSR);
	code = (u8 *)page_alloc();
	page_alloc();
	page_alloc();
	test_rewrite();
	test_same_block();
	test_own_loop();
	test_alias();
	test_crossing();
	test_crossing_views();
	test_crossing_ahead();
	test_crossing_jump();
	test_chain();
	test_data_near();
	test_store_kinds();
	test_permissions();
}
