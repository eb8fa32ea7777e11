/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ends in a hypervisor, from 32-bit code and from 16-bit code in protected and in
 * real mode: CPUID, MSRs, ports, string I/O, a device in memory. The ports are the test
 * device's latch, the memory its window; each reads back what was written.
 */
#include "lib/lib.h"

#define LATCH 0xe0
#define DEVICE 0xff000000u
#define KVM_ENOSYS 1000
#define LOW 0x7000u /* where the 16-bit code runs, segment base 0 */

static u32 device_at(u32 offset)
{
	return *(volatile u32 *)(DEVICE + offset);
}

/* --- 32-bit code --------------------------------------------------------------------- */

static void test_registers(void)
{
	u32 eax, ebx, hidden = 0x9876;

	__asm__ volatile("cpuid" : "=a"(eax), "=b"(ebx) : "a"(0) : "ecx", "edx");
	check(eax >= 1 && ebx, "cpuid-32");
	__asm__ volatile(".byte 0x66; cpuid" : "=a"(eax), "+b"(hidden) : "a"(0) : "ecx", "edx");
	check_eq(hidden, ebx, "cpuid-66");
	check_eq((u32)rdmsr(MSR_APIC_BASE) >> 12, 0xfee00, "rdmsr-32");
	eax = KVM_ENOSYS + 1; /* a number that nobody has */
	__asm__ volatile("vmmcall" : "+a"(eax) : "b"(0), "c"(0), "d"(0), "S"(0) : "memory");
	check_eq(eax, (u32)-KVM_ENOSYS, "vmmcall-32");
}

static void test_ports(void)
{
	u32 v = ~0u;

	outl(LATCH, 0x11223344);
	__asm__ volatile("inb $0xe0, %%al" : "+a"(v));
	check_eq(v, 0xffffff44, "in-al");
	v = ~0u;
	__asm__ volatile("inw %%dx, %%ax" : "+a"(v) : "d"(LATCH));
	check_eq(v, 0xffff3344, "in-ax");
	v = ~0u;
	__asm__ volatile("inl $0xe0, %%eax" : "+a"(v));
	check_eq(v, 0x11223344, "in-eax");
	__asm__ volatile("outb %%al, %%dx" : : "a"(0x55), "d"(LATCH + 3));
	check_eq(inl(LATCH), 0x55223344, "out-al");
	__asm__ volatile("outw %%ax, $0xe1" : : "a"(0x6677));
	check_eq(inl(LATCH), 0x55667744, "out-ax");
}

static void test_string_io(void)
{
	static u8 bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static u32 words[3];
	ulong si = (ulong)bytes, di = (ulong)words, count = 5;

	__asm__ volatile("rep outsb" : "+S"(si), "+c"(count) : "d"(LATCH) : "memory");
	check(inb(LATCH) == 5 && si == (ulong)bytes + 5 && !count, "rep-outsb");
	si = (ulong)bytes + 7;
	count = 3;
	__asm__ volatile("std; rep outsb; cld" : "+S"(si), "+c"(count) : "d"(LATCH) : "memory");
	check(inb(LATCH) == 6 && si == (ulong)bytes + 4, "rep-outsb-down");
	outl(LATCH, 0xdeadbeef);
	count = 2;
	__asm__ volatile("rep insl" : "+D"(di), "+c"(count) : "d"(LATCH) : "memory");
	check(words[0] == 0xdeadbeef && words[1] == 0xdeadbeef && !words[2], "rep-insl");
	count = 0x30002; /* CX alone counts */
	si = (ulong)bytes;
	__asm__ volatile("mov %0, %%esi; addr16 rep outsb"
			 : "+r"(si), "+c"(count) : "d"(LATCH) : "esi", "memory");
	check_eq(count, 0x30000, "rep-outsb-cx");
}

static void test_memory(void)
{
	u32 v;

	*(volatile u32 *)(DEVICE + 0x100) = 0xaabbccdd;
	check_eq(device_at(0x100), 0xaabbccdd, "device-mov");
	*(volatile u16 *)(DEVICE + 0x102) = 0x1234;
	*(volatile u8 *)(DEVICE + 0x101) = 0x80;
	check_eq(device_at(0x100), 0x123480dd, "device-narrow");
	__asm__ volatile("movsbl 0xff000101, %0" : "=r"(v));
	check_eq(v, 0xffffff80, "device-movsx");
	__asm__ volatile("movzwl 0xff000101, %0" : "=r"(v));
	check_eq(v, 0x3480, "device-movzx-across");
	__asm__ volatile("addl $0x10, 0xff000100" : : : "memory");
	check_eq(device_at(0x100), 0x123480ed, "device-add");
	v = 7;
	__asm__ volatile("lock xaddl %0, 0xff000100" : "+r"(v) : : "memory");
	check(v == 0x123480ed && device_at(0x100) == 0x123480f4, "device-xadd");
	__asm__ volatile("pushl 0xff000100; popl 0xff000104" : : : "memory");
	check_eq(device_at(0x104), 0x123480f4, "device-push-pop");
}

/* A segment that begins at the device: the offset is not the address. */
static void test_segment(void)
{
	u32 v;

	gdt[SEL_TEST / 8] = 0x00cf93000000ffffull | (u64)(DEVICE >> 24) << 56;
	__asm__ volatile("mov %1, %%fs; movl %%fs:0x100, %0; movl $0x31415926, %%fs:0x108"
			 : "=&r"(v) : "r"(SEL_TEST) : "memory");
	check_eq(v, 0x123480f4, "device-segment-read");
	check_eq(device_at(0x108), 0x31415926, "device-segment-write");
	__asm__ volatile("addr16 movl %%fs:0x104, %0; mov %1, %%fs" : "=&r"(v) : "r"(0));
	check_eq(v, 0x123480f4, "device-address-16");
}

static void test_string_memory(void)
{
	static u32 from[4] = { 1, 2, 3, 4 }, back[4];
	ulong si = (ulong)from, di = DEVICE + 0x200, count = 4;

	__asm__ volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(count) : : "memory");
	si = DEVICE + 0x200;
	di = (ulong)back;
	count = 16;
	__asm__ volatile("rep movsb" : "+S"(si), "+D"(di), "+c"(count) : : "memory");
	check(!memcmp(from, back, sizeof back), "device-rep-movs");
	di = DEVICE + 0x200;
	count = 2;
	__asm__ volatile("rep stosl" : "+D"(di), "+c"(count) : "a"(0x77777777) : "memory");
	check(device_at(0x204) == 0x77777777 && device_at(0x208) == 3, "device-rep-stos");
}

/* --- 16-bit code ------------------------------------------------------------------------ */

struct results {
	u32 cpuid, al, ax, eax, immediate, device, word, zero, sign, added, out, apic_base;
	u8 strings[4], moved[4];
};
#define RESULTS(n) ((volatile struct results *)(0x7e00ul + (n) * 0x80))

extern u8 image16[], image16_end[];
extern void run16(void);
__asm__(
".text\n"
"run16:	pusha\n"
"	mov	%esp, saved_sp\n"
"	ljmp	$0x28, $0x7000\n"
"back16:\n"
"	mov	$0x10, %eax\n"
"	mov	%eax, %ds\n"
"	mov	%eax, %es\n"
"	mov	%eax, %ss\n"
"	xor	%eax, %eax\n"
"	mov	%eax, %fs\n"
"	mov	saved_sp, %esp\n"
"	popa\n"
"	ret\n"
".data\n.align 4\nsaved_sp: .long 0\n"
".section .rodata\n.code16\n"
"image16:\n"
"	mov	$0x10, %ax\n" /* FS reaches all memory, in real mode as well */
"	mov	%ax, %fs\n"
"	mov	$0x30, %ax\n"
"	mov	%ax, %ds\n"
"	mov	%ax, %es\n"
"	mov	%ax, %ss\n"
"	mov	$0x6f00, %sp\n"
"	mov	$0x7e00, %bp\n"
"	call	body16\n"
"	mov	%cr0, %eax\n"
"	and	$0xfe, %al\n"
"	mov	%eax, %cr0\n"
"	ljmp	$0, $real16 - image16 + 0x7000\n"
"real16:	xor	%ax, %ax\n"
"	mov	%ax, %ds\n"
"	mov	%ax, %es\n"
"	mov	%ax, %ss\n"
"	mov	$0x7e80, %bp\n"
"	call	body16\n"
"	mov	%cr0, %eax\n"
"	or	$1, %al\n"
"	mov	%eax, %cr0\n"
"	ljmpl	$8, $back16\n"
/* results to DS:BP */
"body16:	xor	%eax, %eax\n"
"	cpuid\n"
"	mov	%ebx, %ds:(%bp)\n"
"	mov	$0xe0, %dx\n"
"	mov	$0x11223344, %eax\n"
"	outl	%eax, %dx\n"
"	mov	$-1, %eax\n"
"	inb	%dx, %al\n"
"	mov	%eax, %ds:4(%bp)\n"
"	mov	$-1, %eax\n"
"	inw	%dx, %ax\n"
"	mov	%eax, %ds:8(%bp)\n"
"	inl	%dx, %eax\n"
"	mov	%eax, %ds:12(%bp)\n"
"	mov	$-1, %eax\n"
"	inw	$0xe2, %ax\n"
"	mov	%eax, %ds:16(%bp)\n"
"	mov	$0xff000300, %ebx\n"
"	movl	$0xaabbccdd, %fs:(%ebx)\n"
"	mov	%fs:(%ebx), %eax\n"
"	mov	%eax, %ds:20(%bp)\n"
"	movw	$0x1234, %fs:2(%ebx)\n"
"	mov	%fs:(%ebx), %eax\n"
"	mov	%eax, %ds:24(%bp)\n"
"	movzbl	%fs:3(%ebx), %eax\n"
"	mov	%eax, %ds:28(%bp)\n"
"	movsbl	%fs:1(%ebx), %eax\n"
"	mov	%eax, %ds:32(%bp)\n"
"	addw	$1, %fs:(%ebx)\n"
"	mov	%fs:(%ebx), %eax\n"
"	mov	%eax, %ds:36(%bp)\n"
/* three bytes of the results to the port, and its byte back three times */
"	mov	%bp, %si\n"
"	add	$20, %si\n"
"	mov	$3, %cx\n"
"	rep	outsb\n"
"	xor	%eax, %eax\n"
"	inb	%dx, %al\n"
"	mov	%eax, %ds:40(%bp)\n"
"	mov	$0x1b, %ecx\n"
"	rdmsr\n"
"	mov	%eax, %ds:44(%bp)\n"
"	mov	%bp, %di\n"
"	add	$48, %di\n"
"	mov	$0xe0, %dx\n"
"	mov	$3, %cx\n"
"	rep	insb\n"
/* from the device, 32-bit addresses */
"	movzwl	%bp, %edi\n"
"	add	$52, %edi\n"
"	mov	%ebx, %esi\n"
"	mov	$4, %ecx\n"
"	addr32 rep movsb %fs:(%esi), %es:(%edi)\n"
"	ret\n"
"image16_end:\n"
".code32\n.text\n");

static bool is_bytes(const volatile u8 *p, u32 want)
{
	return (p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24) == want;
}

static void check16(const volatile struct results *r, const char *const names[5])
{
	check_eq(r->cpuid, cpuid(0, 0).ebx, names[0]);
	check(r->al == 0xffffff44 && r->ax == 0xffff3344 && r->eax == 0x11223344 &&
	      r->immediate == 0xffff1122, names[1]);
	check(r->device == 0xaabbccdd && r->word == 0x1234ccdd && r->zero == 0x12 &&
	      r->sign == 0xffffffcc && r->added == 0x1234ccde, names[2]);
	check(r->out == 0xbb && is_bytes(r->strings, 0xbbbbbb) && is_bytes(r->moved, 0x1234ccde),
	      names[3]);
	check_eq(r->apic_base >> 12, 0xfee00, names[4]);
}

static void test_16(void)
{
	static const char *const protected[5] = { "cpuid-16", "ports-16", "device-16",
						  "strings-16", "rdmsr-16" };
	static const char *const real[5] = { "cpuid-real", "ports-real", "device-real",
					     "strings-real", "rdmsr-real" };

	memcpy((void *)LOW, image16, (size_t)(image16_end - image16));
	memset((void *)0x7e00, 0, 0x100);
	run16();
	check16(RESULTS(0), protected);
	check16(RESULTS(1), real);
}

void test_main(void)
{
	test_registers();
	test_ports();
	test_string_io();
	test_memory();
	test_segment();
	test_string_memory();
	test_16();
}
