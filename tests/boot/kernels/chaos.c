/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs random bytes as code, over and over: an exception ends a try and the next
 * begins. What the bytes do to segments, control registers or the stack is
 * their business; the monitor must outlive it.
 */
#include "kernel.h"

#define TRIES 4000

struct __attribute__((packed)) table {
	u16 limit;
	u32 base;
};

extern char chaos_handler[], chaos_resume[];
u32 chaos_esp;
static u64 gdt[3] = { 0, 0x00cf9b000000ffffull, 0x00cf93000000ffffull };
static u64 idt[256];
static u8 code[4096] __attribute__((aligned(4096)));

/* Back to a known machine: our tables, segments, stack, then the loop. */
__asm__(".globl chaos_handler, chaos_resume\n"
	"chaos_handler:\n"
	"	movw $16, %ax\n"
	"	movw %ax, %ds\n"
	"	movw %ax, %es\n"
	"	movw %ax, %fs\n"
	"	movw %ax, %gs\n"
	"	movw %ax, %ss\n"
	"	movl chaos_esp, %esp\n"
	"	ret\n"
	/* chaos_try(code): saves what C expects, jumps */
	".globl chaos_try\n"
	"chaos_try:\n"
	"	movl 4(%esp), %eax\n"
	"	pushl %ebx\n"
	"	pushl %esi\n"
	"	pushl %edi\n"
	"	pushl %ebp\n"
	"	pushl $1f\n"
	"	movl %esp, chaos_esp\n"
	"	jmp *%eax\n"
	"1:	popl %ebp\n"
	"	popl %edi\n"
	"	popl %esi\n"
	"	popl %ebx\n"
	"	ret\n");
void chaos_try(const u8 *code);

static void tables_load(void)
{
	struct table g = { sizeof gdt - 1, (u32)gdt }, i = { sizeof idt - 1, (u32)idt };
	u32 handler = (u32)chaos_handler;

	for (int n = 0; n < 256; n++)
		idt[n] = (u64)(handler >> 16) << 48 | 0x8e0000080000ull << 0 |
			 (handler & 0xffff);
	__asm__ volatile("lgdt %0; lidt %1; ljmp $8, $1f; 1:" : : "m"(g), "m"(i));
}

void kmain(const struct multiboot *mb)
{
	u64 seed = 0x2545f4914f6cdd1dull ^ option(mb, "seed", 1);

	for (int i = 0; i < TRIES; i++) {
		tables_load();
		for (u32 n = 0; n < 256; n++)
			code[n] = (u8)random_next(&seed);
		/* the timer ends a try that loops: PIT, channel 0, 1 ms, on IRQ 0 */
		outb(0x20, 0x11);
		outb(0x21, 0x20);
		outb(0x21, 4);
		outb(0x21, 1);
		outb(0x21, 0xfe);
		outb(0x43, 0x30);
		outb(0x40, 0xa9);
		outb(0x40, 4);
		__asm__ volatile("sti");
		chaos_try(code);
		__asm__ volatile("cli");
	}
	finish(9);
}
