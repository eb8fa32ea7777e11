/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the boot loader to C: Multiboot 1 (0.6.96) and Multiboot 2 (2.0), 32-bit
 * protected mode, paging off. Both leave a magic number in EAX and the address of
 * their information in EBX. Makes tables that map 4 GiB one to one, enters long mode
 * and calls metal_start(magic, information).
 */
#include "selectors.h"

	.section .boot, "ax"
	.code32
	.balign 8
multiboot1:
	.long 0x1badb002
	.long 3 /* modules on page boundaries; memory map wanted */
	.long -(0x1badb002 + 3)

	.balign 8
multiboot2:
	.long 0xe85250d6
	.long 0 /* protected mode, i386 */
	.long multiboot2_end - multiboot2
	.long -(0xe85250d6 + (multiboot2_end - multiboot2))
	.balign 8
	.short 6, 0 /* modules on page boundaries */
	.long 8
	.balign 8
	.short 0, 0
	.long 8
multiboot2_end:

	.globl start32
start32:
	cli
	cld
	mov %eax, %ebp
	mov %ebx, %esi
	mov $boot_stack_end, %esp

	/* Is this a 64-bit processor? */
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb no_long_mode
	mov $0x80000001, %eax
	cpuid
	bt $29, %edx
	jnc no_long_mode

	/* Four directories of 2 MiB pages; not executable but for the image's own
	 * 2 MiB pages, which get their final rights in paging.c. */
	mov $boot_pd, %edi
	mov $0x83, %eax
	mov $2048, %ecx
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	dec %ecx
	jnz 1b
	mov $boot_pd + 3, %eax
	mov $boot_pdpt, %edi
	mov $4, %ecx
1:	mov %eax, (%edi)
	add $0x1000, %eax
	add $8, %edi
	dec %ecx
	jnz 1b
	movl $boot_pdpt + 3, boot_pml4

	mov $boot_pml4, %eax
	mov %eax, %cr3
	mov $0x20, %eax /* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx
	rdmsr
	or $0x900, %eax /* LME, NXE */
	wrmsr
	mov %cr0, %eax
	and $0x9fffffff, %eax /* caches on: CD and NW clear */
	or $0x80010001, %eax /* PG, WP, PE */
	mov %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $SEL_CODE, $start64

no_long_mode:
	mov $no_long_mode_text, %esi
	mov $0x3fd, %dx
1:	lodsb
	test %al, %al
	jz 3f
	mov %al, %bl
2:	in %dx, %al
	test $0x20, %al
	jz 2b
	mov %bl, %al
	mov $0x3f8, %dx
	out %al, %dx
	mov $0x3fd, %dx
	jmp 1b
3:	hlt
	jmp 3b

	.code64
start64:
	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $boot_stack_end, %rsp
	mov %ebp, %edi
	mov %esi, %esi
	xor %ebp, %ebp
	call metal_start
1:	hlt
	jmp 1b

	/* metal_stack_switch(sp, fn, arg): on a new stack, for good. */
	.section .text
	.globl metal_stack_switch
metal_stack_switch:
	mov %rdi, %rsp
	mov %rdx, %rdi
	xor %ebp, %ebp
	call *%rsi
1:	hlt
	jmp 1b

	/*
	 * Where the other processors start, copied to a page below 1 MiB: real
	 * mode, CS = page >> 4. The last bytes are filled in by smp.c.
	 */
	.section .rodata
	.globl trampoline_start, trampoline_end
	.globl trampoline_jump32, trampoline_jump64, trampoline_gdt_base, trampoline_data
	.balign 16
	.code16
trampoline_start:
	cli
	cld
	xor %ebx, %ebx
	mov %cs, %bx
	mov %bx, %ds
	shl $4, %ebx /* the page's address, from here on */
	lgdtl trampoline_gdtr - trampoline_start
	mov %cr0, %eax
	and $0x9fffffff, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl *(trampoline_jump32 - trampoline_start)
	.balign 4
trampoline_jump32:
	.long trampoline32 - trampoline_start /* + page */
	.short SEL_CODE32
	.balign 4
trampoline_jump64:
	.long trampoline64 - trampoline_start /* + page */
	.short SEL_CODE
	.balign 4
	.short 0
trampoline_gdtr:
	.short 31
trampoline_gdt_base:
	.long trampoline_gdt - trampoline_start /* + page */
	.balign 8
trampoline_gdt: /* accessed already: the page is not writable */
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
	.quad 0x00cf9b000000ffff
	.code32
trampoline32:
	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $0x20, %eax
	mov %eax, %cr4
	mov trampoline_data - trampoline_start(%ebx), %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x900, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80010001, %eax
	mov %eax, %cr0
	ljmp *trampoline_jump64 - trampoline_start(%ebx)
	.code64
trampoline64:
	mov trampoline_data - trampoline_start + 8(%rbx), %rsp
	mov trampoline_data - trampoline_start + 16(%rbx), %rdi
	mov trampoline_data - trampoline_start + 24(%rbx), %rax
	xor %ebp, %ebp
	call *%rax
1:	hlt
	jmp 1b
	.balign 8
trampoline_data:
	.quad 0 /* CR3, below 4 GiB */
	.quad 0 /* stack */
	.quad 0 /* argument */
	.quad 0 /* function */
trampoline_end:

no_long_mode_text:
	.asciz "trivet: this processor has no 64-bit mode; expected x86-64 with VT-x or AMD-V\r\n"

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* code */
	.quad 0x00cf93000000ffff /* data */
boot_gdt_pointer:
	.short 23
	.long boot_gdt

	.section .bss
	.balign 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd: .skip 4 * 4096
	.balign 16
	.skip 16384
boot_stack_end:
	.section .note.GNU-stack, "", @progbits
