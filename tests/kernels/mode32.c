/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real mode (there and back) and virtual-8086 mode. SDM vol. 3A 9.9 and
 * chapter 20. The real-mode code runs at LOW, linear and segment base.
 */
#include "lib/lib.h"

#define LOW 0x7000u
#define RESULT ((volatile u16 *)0x7e00)

extern u8 real_image[], real_image_end[];
extern void real_run(void);
extern u8 real_ivt_int60[], real_ivt_de[], real_ivt_gp[], real_ivt_db[];

/* From 32-bit code to real mode, all its checks, and back. The results are
 * words at 7e00h. */
__asm__(
".text\n"
"real_run:\n"
"	pusha\n"
"	sidt	real_saved_idt\n"
"	mov	%esp, real_saved_sp\n"
"	ljmp	$0x28, $real_pm16 - real_image + 0x7000\n"
"real_back:\n"
"	mov	$0x10, %eax\n"
"	mov	%eax, %ds\n"
"	mov	%eax, %es\n"
"	mov	%eax, %ss\n"
"	xor	%eax, %eax\n"
"	mov	%eax, %fs\n"
"	mov	%eax, %gs\n"
"	mov	real_saved_sp, %esp\n"
"	lidt	real_saved_idt\n"
"	popa\n"
"	ret\n"
".data\n.align 8\nreal_saved_idt: .skip 8\nreal_saved_sp: .long 0\n"
".section .rodata\n.code16\n"
".globl real_image, real_image_end\n"
"real_image:\n"
"real_pm16:\n"
"	mov	$0x30, %ax\n"		/* 64 KiB limits for real mode */
"	mov	%ax, %ds\n"
"	mov	%ax, %es\n"
"	mov	%ax, %ss\n"
"	mov	%cr0, %eax\n"
"	and	$0xfe, %al\n"
"	mov	%eax, %cr0\n"
"	ljmp	$0x700, $real_go - real_image\n"
"real_ivt_pointer: .word 0x3ff; .long 0\n"
"real_go:\n"
"	xor	%ax, %ax\n"
"	mov	%ax, %ss\n"
"	mov	$0x6f00, %sp\n"
"	mov	%ax, %es\n"
"	mov	%cs, %ax\n"
"	mov	%ax, %ds\n"
"	lidtl	real_ivt_pointer - real_image\n"
/* 0: CS:IP arithmetic: data through DS = 0700h */
"	movw	$0x1234, 0xe00\n"
"	mov	%cs, %es:0x7e02\n"
/* 2: an interrupt through the table, flags and stack as they were */
"	mov	%sp, %bp\n"
"	stc\n"
"	int	$0x60\n"
"	jnc	1f\n"
"	movw	$1, %es:0x7e06\n"
"1:	sub	%sp, %bp\n"
"	mov	%bp, %es:0x7e08\n"
/* 5: divide error; its handler skips the two-byte div */
"	xor	%cx, %cx\n"
"	mov	$7, %ax\n"
"	div	%cx\n"
"	mov	%ax, %es:0x7e0c\n"
/* 7: a word at ffffh crosses the limit: interrupt 13 */
"	mov	$0xffff, %bx\n"
"	mov	(%bx), %ax\n"
"	nop\n"
/* 9: 32-bit operands and addresses */
"	mov	$0x12345678, %eax\n"
"	mov	$0x7e12, %ebx\n"
"	mov	%eax, %es:(%ebx)\n"
/* 11: push and pop, far call and return */
"	push	$0x55aa\n"
"	pop	%es:0x7e16\n"
"	lcall	$0x700, $real_far - real_image\n"
"	mov	%ax, %es:0x7e18\n"
/* 13: a string copy with wrap-free rep, backwards */
"	mov	$0xe00, %si\n"
"	mov	$0x7e1a, %di\n"
"	mov	$2, %cx\n"
"	cld\n"
"	rep	movsb\n"
/* 14: loop and jcxz */
"	mov	$5, %cx\n"
"	xor	%ax, %ax\n"
"2:	inc	%ax\n"
"	loop	2b\n"
"	jcxz	3f\n"
"	xor	%ax, %ax\n"
"3:	mov	%ax, %es:0x7e1c\n"
/* 15: lds */
"	push	%ds\n"
"	movl	$0x00200010, 0xe40\n"
"	lds	0xe40, %si\n"
"	mov	%ds, %ax\n"
"	pop	%ds\n"
"	add	%si, %ax\n"
"	mov	%ax, %es:0x7e1e\n"
/* 16: a 16-bit effective address wraps at 64 KiB */
"	movw	$0x4242, 0xe50\n"
"	mov	$0xf000, %bx\n"
"	mov	$0x1e50, %si\n"
"	mov	(%bx,%si), %ax\n"
"	mov	%ax, %es:0x7e20\n"
/* 17: pushf of flags with IOPL and NT as set by popf; 32-bit pushf */
"	push	$0x7002\n"
"	popf\n"
"	pushf\n"
"	pop	%es:0x7e22\n"
"	push	$2\n"
"	popf\n"
/* 18: smsw shows PE clear; cpuid works */
"	smsw	%ax\n"
"	mov	%ax, %es:0x7e24\n"
/* 19: single step: six traps, to the popf that clears TF */
"	movw	$0, %es:0x7e26\n"
"	pushf\n"
"	pop	%ax\n"
"	or	$0x100, %ax\n"
"	push	%ax\n"
"	popf\n"
"	nop\n"
"	pushf\n"
"	pop	%ax\n"
"	and	$0xfeff, %ax\n"
"	push	%ax\n"
"	popf\n"
"	nop\n"
/* 20: stack pointer wraps */
"	mov	%sp, %bp\n"
"	mov	$0, %sp\n"
"	push	$0x6161\n"
"	mov	%sp, %es:0x7e28\n"
"	pop	%ax\n"
"	mov	%bp, %sp\n"
/* 21: lock-free exchange and arithmetic prefixes */
"	mov	$0xffff, %ax\n"
"	add	$1, %ax\n"
"	adc	$0, %ax\n"
"	mov	%ax, %es:0x7e2a\n"
/* 22: ud2 in real mode goes to interrupt 6: skipped by its handler */
"	movw	$0, %es:0x7e2c\n"
"	ud2\n"
/* 23: unreal mode: a 4 GiB limit loaded in protected mode stays */
"	mov	%cr0, %eax\n"
"	or	$1, %al\n"
"	mov	%eax, %cr0\n"
"	mov	$0x10, %bx\n"
"	mov	%bx, %fs\n"
"	and	$0xfe, %al\n"
"	mov	%eax, %cr0\n"
"	mov	$0x01e00000, %ebx\n"
"	movw	$0x7007, %fs:(%ebx)\n"
"	mov	%fs:(%ebx), %ax\n"
"	mov	%ax, %es:0x7e2e\n"
/* 24: line 11, by the test device, at the vector where a BIOS puts it */
"	movw	$0, %es:0x7e30\n"
"	cmpl	$0, %es:0x7ef0\n"
"	je	4f\n"
"	mov	$0x200b, %dx\n"
"	mov	$1, %eax\n"
"	outl	%eax, %dx\n"
"	xor	%eax, %eax\n"
"	outl	%eax, %dx\n"
"	sti\n"
"	hlt\n"
"4:\n"
/* and back */
"	cli\n"
"	mov	%cr0, %eax\n"
"	or	$1, %al\n"
"	mov	%eax, %cr0\n"
"	ljmpl	$8, $real_back\n"
"real_far:\n"
"	mov	$0x0f0f, %ax\n"
"	lret\n"
"real_ivt_int60:\n"
"	movw	$0x6060, %es:0x7e04\n"
"	iret\n"
"real_ivt_de:\n"
"	push	%bp\n"
"	mov	%sp, %bp\n"
"	movw	$0xde, %es:0x7e0a\n"
"	addw	$2, 2(%bp)\n"
"	pop	%bp\n"
"	iret\n"
"real_ivt_gp:\n"
"	push	%bp\n"
"	mov	%sp, %bp\n"
"	movw	$0x13, %es:0x7e0e\n"
"	addw	$2, 2(%bp)\n"
"	pop	%bp\n"
"	iret\n"
"real_ivt_ud:\n"
"	push	%bp\n"
"	mov	%sp, %bp\n"
"	movw	$0x06, %es:0x7e2c\n"
"	addw	$2, 2(%bp)\n"
"	pop	%bp\n"
"	iret\n"
"real_ivt_line:\n"
"	incw	%es:0x7e30\n"
"	push	%ax\n"
"	mov	$0x20, %al\n"
"	outb	%al, $0xa0\n"
"	outb	%al, $0x20\n"
"	pop	%ax\n"
"	iret\n"
"real_ivt_db:\n"
"	incw	%es:0x7e26\n"
"	iret\n"
"real_image_end:\n"
".code32\n.text\n");
extern u8 real_ivt_ud[], real_ivt_line[];

static void ivt_set(unsigned vector, const u8 *handler)
{
	*(volatile u32 *)(vector * 4ul) =
		0x07000000u | (u32)(handler - real_image);
}

static void test_real(void)
{
	bool line_wanted;

	memcpy((void *)LOW, real_image, (size_t)(real_image_end - real_image));
	memset((void *)0x7e00, 0, 0x100);
	ivt_set(0, real_ivt_de);
	ivt_set(1, real_ivt_db);
	ivt_set(6, real_ivt_ud);
	ivt_set(13, real_ivt_gp);
	ivt_set(0x60, real_ivt_int60);
	ivt_set(0x73, real_ivt_line);
	/* Where the test device is, and on Trivet: it looks at what firmware left in
	 * the 8259s, which is another thing on each machine. */
	outb(0xe0, 0x5a);
	line_wanted = inb(0xe0) == 0x5a && cpuid(0x40000000, 0).ebx == 0x76697254;
	*(volatile u32 *)0x7ef0 = line_wanted;
	if (line_wanted) {
		outb(0x21, 0xfb);
		outb(0xa1, 0xf7);
	}
	real_run();
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	*(volatile u32 *)0x7ef0 = 0;
	check(true, "real-there-and-back");
	check_eq(RESULT[0], 0x1234, "real-segment-base");
	check_eq(RESULT[1], 0x700, "real-cs");
	check_eq(RESULT[2], 0x6060, "real-int");
	check_eq(RESULT[3], 1, "real-iret-flags");
	check_eq(RESULT[4], 0, "real-int-stack");
	check_eq(RESULT[5], 0xde, "real-divide-error");
	check_eq(RESULT[6], 7, "real-divide-error-goes-on");
	check_eq(RESULT[7], 0x13, "real-limit-interrupt-13");
	check_eq(*(volatile u32 *)0x7e12, 0x12345678, "real-32-bit-operands");
	check_eq(RESULT[11], 0x55aa, "real-push-pop");
	check_eq(RESULT[12], 0x0f0f, "real-far-call");
	check_eq(RESULT[13], 0x1234, "real-rep-movsb");
	check_eq(RESULT[14], 5, "real-loop");
	check_eq(RESULT[15], 0x30, "real-lds");
	check_eq(RESULT[16], 0x4242, "real-address-wraps");
	check_eq(RESULT[17], 0x7002, "real-popf-iopl-nt");
	check_eq(RESULT[18] & 1, 0, "real-smsw-pe");
	check_eq(RESULT[19], 6, "real-single-step");
	check_eq(RESULT[20], 0xfffe, "real-stack-wraps");
	check_eq(RESULT[21], 1, "real-carry");
	check_eq(RESULT[22], 6, "real-ud");
	check_eq(RESULT[23], 0x7007, "unreal-big-segment");
	if (line_wanted)
		check_eq(RESULT[24], 1, "real-line-11-wakes");
	/* and it can be done again */
	RESULT[0] = 0;
	real_run();
	check_eq(RESULT[0], 0x1234, "real-again");
}

/* --- virtual-8086 mode: code at 9000h --- */

static volatile struct frame v86_frame;
static volatile unsigned v86_count;

static void on_v86(struct frame *f)
{
	memcpy((void *)&v86_frame, f, sizeof(v86_frame));
	v86_count++;
	f->cs = SEL_CODE;
	f->ip = (ulong)user_leave;
	f->flags = 2;
}

/* Runs bytes at 0900:0000 with DS=0910, ES=0920, FS=0930, GS=0940. */
extern void v86_call(u32 flags);
__asm__(".text\nv86_call:\n"
	"	push %ebx; push %ebp; push %esi; push %edi\n"
	"	mov %esp, user_return_sp; mov %esp, tss + 4; movw $0x10, tss + 8\n"
	"	mov 20(%esp), %eax\n"
	"	push $0x940; push $0x930; push $0x910; push $0x920\n"
	"	push $0x900; push $0xf00; push %eax; push $0x900; push $0\n"
	"	mov $0x1111, %ebx\n"
	"	iret\n");

static void v86_run(const u8 *code, size_t n, u32 flags)
{
	memcpy((void *)0x9000, code, n);
	v86_count = 0;
	v86_call(2 | FLAG_VM | flags);
}

#define RUN(flags, ...)                                           \
	do {                                                      \
		static const u8 text[] = { __VA_ARGS__ };         \
		v86_run(text, sizeof(text), flags);               \
	} while (0)

static void check_v86(unsigned vector, ulong error, ulong ip, const char *name)
{
	bool ok = v86_count == 1 && v86_frame.vector == vector &&
		  v86_frame.error == error && v86_frame.ip == ip &&
		  v86_frame.cs == 0x900 && v86_frame.flags & FLAG_VM;

	check(ok, name);
	if (!ok) {
		print("  vector ");
		print_dec(v86_frame.vector);
		print(" error ");
		print_hex(v86_frame.error);
		print(" ip ");
		print_hex(v86_frame.ip);
		print(" flags ");
		print_hex(v86_frame.flags);
		print("\n");
	}
}

static void test_v86_basic(void)
{
	/* mov %cs,%ax; mov %ax,(0); mov %ds,%bx; push $0x77; pop %cx; int $0x92 */
	RUN(FLAG_IOPL, 0x8c, 0xc8, 0xa3, 0, 0, 0x8c, 0xdb, 0x6a, 0x77, 0x59,
	    0xcd, 0x92);
	check_v86(0x92, 0, 12, "v86-int-with-iopl3");
	check_eq(*(volatile u16 *)0x9100, 0x900, "v86-ds-base");
	check_eq(v86_frame.bx & 0xffff, 0x910, "v86-mov-ds");
	check_eq(v86_frame.cx & 0xffff, 0x77, "v86-push-pop");
	check(v86_frame.v_ds == 0x910 && v86_frame.v_es == 0x920 &&
	      v86_frame.v_fs == 0x930 && v86_frame.v_gs == 0x940,
	      "v86-saved-segments");
	check(v86_frame.ss == 0x900 && v86_frame.sp == 0xf00, "v86-saved-stack");
	check(v86_frame.ds == 0 && v86_frame.es == 0 && v86_frame.fs == 0 &&
	      v86_frame.gs == 0, "v86-segments-nulled");
	check_eq(v86_frame.bx >> 16, 0, "v86-registers-in");
}

static void test_v86_iopl(void)
{
	RUN(0, 0x90, 0xfa);
	check_v86(GP, 0, 1, "v86-cli-iopl0");
	RUN(0, 0x9c);
	check_v86(GP, 0, 0, "v86-pushf-iopl0");
	RUN(0, 0x9d);
	check_v86(GP, 0, 0, "v86-popf-iopl0");
	RUN(0, 0xcf);
	check_v86(GP, 0, 0, "v86-iret-iopl0");
	RUN(0, 0xcd, 0x92);
	check_v86(GP, 0, 0, "v86-int-iopl0");
	RUN(FLAG_IOPL, 0xcd, 0x93);
	check_v86(GP, 0x93 * 8 + 2, 0, "v86-int-gate-dpl");
	RUN(FLAG_IOPL, 0xe4, 0x70);
	check_v86(GP, 0, 0, "v86-in-uses-bitmap");
	RUN(FLAG_IOPL, 0xf4);
	check_v86(GP, 0, 0, "v86-hlt");
	RUN(FLAG_IOPL, 0x0f, 0x20, 0xc0);
	check_v86(GP, 0, 0, "v86-mov-cr0");
	RUN(FLAG_IOPL, 0x0f, 0x00, 0xc8);
	check_v86(UD, 0, 0, "v86-str-undefined");
	RUN(FLAG_IOPL, 0x0f, 0x02, 0xc0);
	check_v86(UD, 0, 0, "v86-lar-undefined");
	RUN(FLAG_IOPL, 0x0f, 0x0b);
	check_v86(UD, 0, 0, "v86-ud2");
	/* a word at ffffh */
	RUN(FLAG_IOPL, 0xa1, 0xff, 0xff);
	check_v86(GP, 0, 0, "v86-limit");
	/* pushf; pop %bx; int: VM and RF do not show, IOPL does */
	RUN(FLAG_IOPL | FLAG_CF, 0x9c, 0x5b, 0xcd, 0x92);
	check_eq(v86_frame.bx & 0xffff, 0x3003, "v86-pushf-value");
	/* pushfl; pop %ebx */
	RUN(FLAG_IOPL | FLAG_CF, 0x66, 0x9c, 0x66, 0x5b, 0xcd, 0x92);
	check_eq(v86_frame.bx & 0x3ffff, 0x3003, "v86-pushfl-hides-vm");
	/* push $0; popf cannot change IOPL; then int with IOPL 3 still works */
	RUN(FLAG_IOPL, 0x6a, 0x00, 0x9d, 0xcd, 0x92);
	check_v86(0x92, 0, 5, "v86-popf-keeps-iopl");
	/* far jump inside: ljmp $0x901, $0 (to 9010h where the int is) */
	((volatile u8 *)0x9010)[0] = 0xcd;
	((volatile u8 *)0x9010)[1] = 0x92;
	RUN(FLAG_IOPL, 0xea, 0, 0, 0x01, 0x09);
	check(v86_frame.vector == 0x92 && v86_frame.cs == 0x901 &&
	      v86_frame.ip == 2, "v86-far-jump");
}

static void test_v86_vme(void)
{
	if (!(cpuid(1, 0).edx & 2)) {
		check_skip("v86-vme", "not in CPUID");
		return;
	}
	write_cr4(read_cr4() | CR4_VME);
	/* cli; pushf; pop %bx; int $0x92 with IOPL 3 is as without VME */
	RUN(FLAG_IF | 1u << 19, 0xfa, 0xcc);
	check(v86_frame.vector != GP || v86_frame.ip == 1, "vme-cli-iopl0-clears-vif");
	check(!(v86_frame.flags & 1u << 19) && v86_frame.flags & FLAG_IF,
	      "vme-vif-not-if");
	RUN(1u << 20, 0xfb);
	check_v86(GP, 0, 0, "vme-sti-with-vip");
	write_cr4(read_cr4() & ~(ulong)CR4_VME);
}

void test_main(void)
{
	/* A kernel may go to real mode and use the table that firmware leaves. */
	check(entry_idt_pointer.base == 0 && entry_idt_pointer.limit >= 0x3ff,
	      "entry-real-mode-table");
	test_real();
	for (unsigned v = 0; v < 32; v++)
		if (v != DB && v != DF)
			trap_set_hook(v, on_v86);
	trap_set_hook(0x92, on_v86);
	idt[0x92].attr = 0xee;
	memset(tss + 104, 0xff, 8192 + 1);
	test_v86_basic();
	test_v86_iopl();
	test_v86_vme();
}
