/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32-bit protected mode: segment limits and types, gates with parameters,
 * 16-bit segments, instructions that only exist here, 32-bit and PAE paging.
 * SDM vol. 3A chapters 4, 5 and 6.
 */
#include "lib/lib.h"

#define SEL_A SEL_TEST
#define SEL_B (SEL_TEST + 8)

static u8 window[8192] __attribute__((aligned(4096)));

/* type: the access byte; flags: G, D/B, L, AVL as the high nibble of byte 6. */
static u64 descriptor(u32 base, u32 limit, u8 type, u8 flags)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)type << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 |
	       (u64)(base >> 24) << 56;
}

static u64 call_gate(u16 sel, u32 offset, unsigned params, u8 attr)
{
	return (offset & 0xffff) | (u64)sel << 16 | (u64)params << 32 |
	       (u64)attr << 40 | (u64)(offset >> 16) << 48;
}

static void load_fs(u16 sel)
{
	__asm__ volatile("mov %0, %%fs" : : "r"(sel) : "memory");
}

static void test_exceptions(void)
{
	int32_t range[2] = { 3, 9 };
	ulong a = 0x7fffffff;

	trap_clear();
	__asm__ volatile("addl $1, %0\n" TRY_TEXT("into") : "+r"(a) : : "cc");
	check_trap(OF, "of-into");
	trap_clear();
	__asm__ volatile("xor %%eax, %%eax\n" TRY_TEXT("into") : : : "eax", "cc");
	check_no_trap("into-without-overflow");
	TRY("bound %0, %1", : "r"(2), "m"(range));
	check_fault(BR, 0, "br-below");
	TRY("bound %0, %1", : "r"(10), "m"(range));
	check_fault(BR, 0, "br-above");
	TRY("bound %0, %1", : "r"(9), "m"(range));
	check_no_trap("bound-inside");
	a = 5;
	TRY(".byte 0xd4, 0", "+a"(a) : : "cc");
	check_fault(DE, 0, "de-aam-zero");
	TRY(".byte 0xff, 0xd8", : : "memory");
	check_fault(UD, 0, "ud-far-call-register");
}

static void test_bcd(void)
{
	u32 a = 0x79, f = 0;

	__asm__ volatile("add $0x35, %%al; daa; pushf; pop %1"
			 : "+a"(a), "=r"(f) : : "cc");
	check((a & 0xff) == 0x14 && f & 1, "daa");
	a = 0x35;
	__asm__ volatile("sub $0x47, %%al; das; pushf; pop %1"
			 : "+a"(a), "=r"(f) : : "cc");
	check((a & 0xff) == 0x88 && f & 1, "das");
	a = 0x000f;
	__asm__ volatile("aaa" : "+a"(a) : : "cc");
	check_eq(a & 0xffff, 0x0105, "aaa");
	a = 0x0205;
	__asm__ volatile("sub $8, %%al; aas" : "+a"(a) : : "cc");
	check_eq(a & 0xffff, 0x0107, "aas");
	a = 0x0307;
	__asm__ volatile("aad" : "+a"(a) : : "cc");
	check_eq(a & 0xffff, 37, "aad");
	a = 99;
	__asm__ volatile("aam" : "+a"(a) : : "cc");
	check_eq(a & 0xffff, 0x0909, "aam");
	a = 0xff;
	__asm__ volatile("stc; .byte 0xd6" : "+a"(a) : : "cc");
	check_eq(a & 0xff, 0xff, "salc");
}

#define FS_READ(offset) \
	TRY("movl %%fs:(%1), %0", "=&r"(v) : "r"(offset) : "memory")
#define FS_WRITE(offset) \
	TRY("movl %0, %%fs:(%1)", : "r"(0x77), "r"(offset) : "memory")

static void test_limits(void)
{
	u32 v = 0;

	*(u32 *)(window + 0xffc) = 0x12345678;
	gdt[SEL_A / 8] = descriptor((u32)window, 0xfff, 0x93, 4);
	load_fs(SEL_A);
	FS_READ(0xffc);
	check(trap_last.count == 0 && v == 0x12345678, "limit-last-word");
	FS_READ(0xffd);
	check_fault(GP, 0, "gp-limit-crossing");
	FS_WRITE(0x1000);
	check_fault(GP, 0, "gp-limit-write");
	FS_READ(0xffffffff);
	check_fault(GP, 0, "gp-limit-wrap");
	gdt[SEL_A / 8] = descriptor((u32)window, 1, 0x93, 0xc); /* 8 KiB by pages */
	load_fs(SEL_A);
	FS_READ(0x1ffc);
	check_no_trap("limit-page-granular");
	FS_READ(0x1ffd);
	check_fault(GP, 0, "gp-limit-page-granular");
	gdt[SEL_A / 8] = descriptor((u32)window, 0xfff, 0x97, 4); /* expand down */
	load_fs(SEL_A);
	FS_READ(0xffc);
	check_fault(GP, 0, "gp-expand-down-below");
	FS_READ(0x1000);
	check_no_trap("expand-down-above");
	FS_READ(0xfff);
	check_fault(GP, 0, "gp-expand-down-edge");
	gdt[SEL_A / 8] = descriptor((u32)window, 0xfff, 0x97, 0);
	load_fs(SEL_A);
	FS_READ(0xfffe);
	check_fault(GP, 0, "gp-expand-down-16-bit-top");
	gdt[SEL_A / 8] = descriptor((u32)window, 0xfff, 0x91, 4);
	load_fs(SEL_A);
	FS_WRITE(0);
	check_fault(GP, 0, "gp-read-only");
	FS_READ(0);
	check_no_trap("read-only-read");
	gdt[SEL_A / 8] = descriptor((u32)window, 0xfff, 0x9b, 4);
	load_fs(SEL_A);
	FS_READ(0);
	check_no_trap("code-readable");
	FS_WRITE(0);
	check_fault(GP, 0, "gp-write-code");
	load_fs(0); /* the handler reloads it: nothing bad may stay there */
	FS_READ(0);
	check_fault(GP, 0, "gp-null-segment");
	gdt[SEL_A / 8] = descriptor((u32)window, 0xfff, 0x99, 4);
	TRY("mov %w0, %%fs", : "r"(SEL_A));
	check_fault(GP, SEL_A, "gp-load-execute-only");
	gdt[SEL_A / 8] = descriptor((u32)window, 0xfff, 0x92, 4);
	load_fs(SEL_A);
	check(gdt[SEL_A / 8] >> 40 & 1, "accessed-bit-set");
	load_fs(0);
	gdt[SEL_A / 8] = descriptor((u32)window, 0xfff, 0x13, 4);
	TRY("mov %w0, %%fs", : "r"(SEL_A));
	check_fault(NP, SEL_A, "np-fs");
	TRY("mov %w0, %%ss", : "r"(SEL_A));
	check_fault(SS, SEL_A, "ss-not-present");
	TRY("mov %w0, %%ss", : "r"(0));
	check_fault(GP, 0, "gp-null-ss");
	load_fs(0);
}

/* SS ends with the first page of window, ESP is close to that end. */
static void test_stack_limit(void)
{
	u32 v = 0, sp = 0, end = (u32)window + 0x1000;

	gdt[SEL_A / 8] = descriptor(0, end / 4096 - 1, 0x93, 0xc);
	trap_clear();
	__asm__ volatile("mov %%esp, %%esi; mov %%ss, %%edi\n"
			 "mov %2, %%ss\n mov %3, %%esp\n"
			 TRY_TEXT("movl 0x10(%%esp), %0")
			 "mov %%esp, %1; mov %%edi, %%ss\n mov %%esi, %%esp"
			 : "=&r"(v), "=&r"(sp) : "r"(SEL_A), "r"(end - 16)
			 : "esi", "edi", "memory");
	check_fault(SS, 0, "ss-limit");
	check_eq(sp, end - 16, "ss-limit-keeps-esp");
	trap_clear();
	__asm__ volatile("mov %%esp, %%esi; mov %%ss, %%edi\n"
			 "mov %1, %%ss\n mov %2, %%esp\n"
			 TRY_TEXT("popl %%eax")
			 "mov %%esp, %0; mov %%edi, %%ss\n mov %%esi, %%esp"
			 : "=&r"(sp) : "r"(SEL_A), "r"(end - 2)
			 : "eax", "esi", "edi", "memory");
	check_fault(SS, 0, "ss-limit-pop");
	check_eq(sp, end - 2, "ss-limit-pop-keeps-esp");
	trap_clear();
	__asm__ volatile("mov %%ebp, %%esi; mov %%ss, %%edi; mov %%esp, %%edx\n"
			 "mov %1, %%ebp; mov %0, %%ss\n lea -256(%%ebp), %%esp\n"
			 TRY_TEXT("movb (%%ebp), %%al")
			 "mov %%edi, %%ss\n mov %%edx, %%esp; mov %%esi, %%ebp"
			 : : "b"(SEL_A), "c"(end)
			 : "eax", "edx", "esi", "edi", "memory");
	check_fault(SS, 0, "ss-limit-ebp");
}

/* Code in a segment that ends: the fetch beyond it faults. */
static void test_code_limit(void)
{
	window[0] = 0x90;
	window[1] = 0xcb; /* lret */
	window[0xffe] = 0x90;
	window[0xfff] = 0x90;
	window[0x1000] = 0xcb; /* for a CPU that lets it through */
	gdt[SEL_A / 8] = descriptor((u32)window, 0xfff, 0x9b, 4);
	TRY_JUMP("lcall %0, $0", : "i"(SEL_A) : "memory");
	check_no_trap("code-segment-call");
	TRY_JUMP("lcall %0, $0xffe", : "i"(SEL_A) : "memory");
	check(trap_last.vector == GP && trap_last.error == 0 &&
	      trap_last.ip == 0x1000, "gp-code-limit");
	TRY_JUMP("lcall %0, $0x1000", : "i"(SEL_A) : "memory");
	check_fault(GP, 0, "gp-far-call-beyond-limit");
	gdt[SEL_A / 8] &= ~(1ull << 47);
	TRY_JUMP("lcall %0, $0", : "i"(SEL_A) : "memory");
	check_fault(NP, SEL_A, "np-far-call");
	TRY_JUMP("lcall %0, $0", : "i"(SEL_DATA) : "memory");
	check_fault(GP, SEL_DATA, "gp-far-call-data");
	TRY_JUMP("lcall $0, $0", : : "memory");
	check_fault(GP, 0, "gp-far-call-null");
	TRY_JUMP("lcall %0, $0", : "i"(SEL_USER_CODE) : "memory");
	check_fault(GP, SEL_USER_CODE & ~3u, "gp-far-call-outer");
}

/* 16-bit code: push %cs; 16-bit arithmetic; far return by operand size 32. */
static void test_code16(void)
{
	static const u8 text[] = {
		0xb8, 0x34, 0x12,             /* mov $0x1234, %ax */
		0x66, 0xb9, 0x78, 0x56, 0x34, 0x12, /* mov $0x12345678, %ecx */
		0x89, 0xe2,                   /* mov %sp, %dx */
		0x50, 0x29, 0xe2, 0x5b,       /* push ax; sub sp, dx; pop bx */
		0x66, 0xcb,                   /* lretl */
	};
	u32 a = 0xffff0000, b = 0xffff0000, c = 0, d = 0;

	memcpy(window, text, sizeof(text));
	gdt[SEL_A / 8] = descriptor((u32)window, 0xffff, 0x9b, 0);
	__asm__ volatile("lcall %4, $0" : "+a"(a), "+b"(b), "+c"(c), "+d"(d)
			 : "i"(SEL_A) : "cc", "memory");
	check(a == 0xffff1234 && b == 0xffff1234, "code16-operands");
	check_eq(c, 0x12345678, "code16-operand-prefix");
	check_eq(d & 0xffff, 2, "code16-push-size");
}

/* --- call gates --- */

static volatile u32 gate_saw[6];
extern void gate_entry(void);
__asm__(".text\ngate_entry:\n"
	"mov %esp, gate_saw; mov (%esp), %eax; mov %eax, gate_saw+4\n"
	"mov 4(%esp), %eax; mov %eax, gate_saw+8\n"
	"mov 8(%esp), %eax; mov %eax, gate_saw+12\n"
	"mov 12(%esp), %eax; mov %eax, gate_saw+16\n"
	"mov %cs, %eax; mov %eax, gate_saw+20\n"
	"lret $8\n");

USER_TEXT static ulong user_gate(ulong unused)
{
	ulong before, after;

	(void)unused;
	__asm__ volatile("mov %%esp, %0; pushl $0x1111; pushl $0x2222\n"
			 TRY_TEXT("lcall $0x38, $0") "mov %%esp, %1; mov %0, %%esp"
			 : "=&r"(before), "=&r"(after) : : "eax", "memory");
	return before - after;
}

static void test_call_gates(void)
{
	u32 kernel_sp;
	ulong left;

	gdt[SEL_A / 8] = call_gate(SEL_CODE, (u32)gate_entry, 2, 0xec);
	trap_clear();
	left = user_call(user_gate, 0);
	kernel_sp = *(u32 *)(tss + 4);
	check_no_trap("call-gate-from-ring3");
	check_eq(left, 0, "call-gate-lret-n-releases-both");
	check_eq(gate_saw[0], kernel_sp - 24, "call-gate-inner-stack");
	check((gate_saw[2] & 0xffff) == SEL_USER_CODE, "call-gate-saved-cs");
	check(gate_saw[3] == 0x2222 && gate_saw[4] == 0x1111, "call-gate-parameters");
	check_eq(gate_saw[5] & 3, 0, "call-gate-cpl");
	gdt[SEL_A / 8] = call_gate(SEL_CODE, (u32)gate_entry, 2, 0x8c);
	trap_clear();
	user_call(user_gate, 0);
	check_fault(GP, SEL_A, "gp-call-gate-dpl");
	gdt[SEL_A / 8] = call_gate(SEL_CODE, (u32)gate_entry, 2, 0x6c);
	trap_clear();
	user_call(user_gate, 0);
	check_fault(NP, SEL_A, "np-call-gate");
	gdt[SEL_A / 8] = call_gate(SEL_DATA, (u32)gate_entry, 2, 0xec);
	trap_clear();
	user_call(user_gate, 0);
	check_fault(GP, SEL_DATA, "gp-call-gate-data");
	gdt[SEL_A / 8] = call_gate(SEL_CODE, (u32)gate_entry, 2, 0x8c);
	__asm__ volatile("pushl $1; pushl $2; lcall $0x38, $0" : : : "eax", "memory");
	check((gate_saw[2] & 0xffff) == SEL_CODE && gate_saw[3] == 2,
	      "call-gate-same-level");
}

/* --- ring 3 --- */

USER_TEXT static ulong user_int90(ulong x)
{
	TRY_USER("int $0x90", : : "memory");
	return x;
}
USER_TEXT static ulong user_in(ulong x)
{
	TRY_USER("inb $0x70, %%al", : : "eax");
	return x;
}
USER_TEXT static ulong user_load_kernel_ds(ulong x)
{
	TRY_USER("mov %0, %%fs", : "r"(SEL_DATA));
	return x;
}

static void test_ring3(void)
{
	idt[0x90].attr = 0xee;
	trap_clear();
	user_call(user_int90, 0);
	check_trap(0x90, "int-from-ring3");
	check(trap_last.cs == SEL_USER_CODE && trap_last.ss == SEL_USER_DATA,
	      "int-from-ring3-frame");
	trap_clear();
	user_call(user_in, 0);
	check_fault(GP, 0, "gp-ring3-in");
	trap_clear();
	user_call(user_load_kernel_ds, 0);
	check_fault(GP, SEL_DATA, "gp-ring3-load-ring0-data");
	idt_reset(0x90);
	trap_clear();
	user_call(user_int90, 0);
	check_fault(GP, 0x90 * 8 + 2, "gp-ring3-int-dpl");
}

/* --- paging --- */

static u32 dir[1024] __attribute__((aligned(4096)));
static u32 table[1024] __attribute__((aligned(4096)));
static u64 pdpt[4] __attribute__((aligned(32)));
static u64 pae_dir[4][512] __attribute__((aligned(4096)));
static u64 pae_table[512] __attribute__((aligned(4096)));

#define V 0x40000000ul
#define MREAD(address) \
	TRY("movl (%1), %0", "=&r"(v) : "r"((ulong)(address)) : "memory")
#define MWRITE(address) \
	TRY("movl $7, (%0)", : "r"((ulong)(address)) : "memory")

static void test_paging32(void)
{
	u32 v = 0, page = (u32)page_alloc();

	for (u32 i = 0; i < 1024; i++)
		dir[i] = i << 22 | 0x83;
	dir[2] |= 4; /* 8 MiB: ring 3's */
	dir[V >> 22] = (u32)table | 7;
	table[0] = page | 3;
	write_cr4(read_cr4() | CR4_PSE);
	write_cr3((ulong)dir);
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
	MWRITE(V);
	check(trap_last.count == 0 && *(u32 *)page == 7, "paging32-write");
	check((table[0] & 0x60) == 0x60, "paging32-ad");
	check(dir[1] & 0x20, "paging32-4m-accessed");
	MREAD(V + 4096);
	check_page_fault(0, V + 4096, "paging32-not-present");
	table[0] = page | 1;
	invlpg(V);
	MWRITE(V);
	check_page_fault(3, V, "paging32-wp");
	write_cr0(read_cr0() & ~(ulong)CR0_WP);
	MWRITE(V);
	check_no_trap("paging32-wp-off");
	dir[V >> 22] = 0x01800083;
	write_cr3((ulong)dir);
	*(u32 *)0x01812340 = 0x4d4d;
	MREAD(V + 0x12340);
	check_eq(v, 0x4d4d, "paging32-4m");
	/* the high address bits of a 4 MiB entry (PSE-36), reserved above */
	dir[V >> 22] = 0x01800083 | 1u << 21;
	write_cr3((ulong)dir);
	MREAD(V);
	check_page_fault(9, V, "paging32-4m-reserved");
	write_cr0(read_cr0() & ~(ulong)CR0_PG);
	write_cr4(read_cr4() & ~(ulong)CR4_PSE);
}

static void test_pae(void)
{
	u32 v = 0, page = (u32)page_alloc();

	for (u64 i = 0; i < 2048; i++)
		pae_dir[i / 512][i % 512] = i << 21 | 0x83;
	for (int i = 0; i < 4; i++)
		pdpt[i] = (u32)pae_dir[i] | 1;
	pae_dir[1][0] = (u32)pae_table | 7;
	pae_table[0] = page | 3;
	write_cr4(read_cr4() | CR4_PAE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 0x800);
	write_cr3((ulong)pdpt);
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
	MWRITE(V);
	check(trap_last.count == 0 && *(u32 *)page == 7, "pae-write");
	check((pae_table[0] & 0x60) == 0x60, "pae-ad");
	pae_table[0] = page | 3 | PTE_NX;
	*(u8 *)page = 0xc3;
	invlpg(V);
	TRY_JUMP("call *%0", : "r"(V) : "memory");
	check(trap_last.vector == PF && trap_last.error == 0x11 &&
	      trap_last.cr2 == V, "pae-nx");
	pae_table[0] = page | 3 | 1ull << 51;
	invlpg(V);
	MREAD(V);
	check_page_fault(9, V, "pae-reserved");
	/* the PDPTEs are loaded with CR3, not on each walk (SDM 4.4.1) */
	pae_table[0] = page | 3;
	invlpg(V);
	pdpt[1] = 0;
	invlpg(V);
	MREAD(V);
	check_no_trap("pae-pdptes-are-registers");
	write_cr3((ulong)pdpt);
	MREAD(V);
	check_page_fault(0, V, "pae-pdpte-not-present");
	pdpt[1] = (u32)pae_dir[1] | 1 | 2; /* reserved */
	TRY("mov %0, %%cr3", : "r"(pdpt) : "memory");
	check_fault(GP, 0, "gp-pae-pdpte-reserved");
	write_cr0(read_cr0() & ~(ulong)CR0_PG);
	write_cr4(read_cr4() & ~(ulong)CR4_PAE);
	(void)v;
}

void test_main(void)
{
	test_exceptions();
	test_bcd();
	test_limits();
	test_stack_limit();
	test_code_limit();
	test_code16();
	test_call_gates();
	test_ring3();
	test_paging32();
	test_pae();
}
