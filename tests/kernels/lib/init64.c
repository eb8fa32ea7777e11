/* SPDX-License-Identifier: Apache-2.0 */
/* Set-up of the 64-bit test kernels, and their page tables. */
#include "lib.h"

extern u8 user_end[];
static u8 df_stack[4096] __attribute__((aligned(16)));

static void tss_init(void)
{
	u64 ist1 = (ulong)df_stack + sizeof(df_stack);
	u64 rsp0 = user_return_sp;
	u16 iomap = 104;

	memset(tss + 104, 0xff, 8192 + 1);
	memcpy(tss + 4, &rsp0, 8);
	memcpy(tss + 36, &ist1, 8);
	memcpy(tss + 102, &iomap, 2);
	gdt_set_tss(SEL_TSS, tss, 104 + 8192);
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
}

void kernel_main(void);
void kernel_main(void)
{
	for (unsigned v = 0; v < 256; v++)
		idt_reset(v);
	idt[DF].ist = 1;
	idt_set(VECTOR_LEAVE, (ulong)user_leave, SEL_CODE, 0xee, 0);
	__asm__ volatile("lidt %0" : : "m"(idt_pointer));
	tss_init();
	/* The two 2 MiB pages from 8 MiB are ring 3's. */
	boot_pd[4] |= PTE_U;
	boot_pd[5] |= PTE_U;
	write_cr3(read_cr3());
	serial_init();
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	test_main();
	finish();
}

u64 *page_entry(u64 *pml4, ulong virt, int level)
{
	u64 *table = pml4;

	for (int l = 4; l > level; l--) {
		u64 *e = &table[virt >> (12 + 9 * (l - 1)) & 511];

		if (!(*e & PTE_P))
			*e = page_alloc() | PTE_P | PTE_W | PTE_U;
		table = (u64 *)(*e & 0x000ffffffffff000ull);
	}
	return &table[virt >> (12 + 9 * (level - 1)) & 511];
}

void page_map(ulong virt, ulong phys, u64 flags)
{
	*page_entry(boot_pml4, virt, 1) = phys | flags;
	invlpg(virt);
}
