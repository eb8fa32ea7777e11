/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 4-level paging: error codes and CR2, A/D bits, WP, NX, SMEP, SMAP, large
 * pages, reserved bits, and when the TLB must have noticed a change. SDM vol.
 * 3A chapter 4.
 */
#include "lib/lib.h"

#define V TEST_WINDOW
#define FRAME_MASK 0x000ffffffffff000ull

USER_DATA static ulong user_word = 0x1122334455667788;

USER_TEXT static ulong user_read(ulong address)
{
	ulong v = 0;

	TRY_USER("mov (%1), %0", "+r"(v) : "r"(address));
	return v;
}
USER_TEXT static ulong user_write(ulong address)
{
	TRY_USER("movq $7, (%0)", : "r"(address) : "memory");
	return 0;
}
USER_TEXT static ulong user_noop(ulong x)
{
	return x + 1;
}

#define READ(address, value) \
	TRY("mov (%1), %0", "+r"(value) : "r"((ulong)(address)) : "memory")
#define WRITE(address) \
	TRY("movq $7, (%0)", : "r"((ulong)(address)) : "memory")
#define CALL(address) \
	TRY_JUMP("call *%0", : "r"((ulong)(address)) : "memory", "rax")

static void test_not_present(void)
{
	ulong v = 0;

	READ(V, v);
	check_page_fault(0, V, "pf-read-not-present");
	WRITE(V + 0x123);
	check_page_fault(2, V + 0x123, "pf-write-not-present");
	trap_clear();
	user_call(user_read, V + 8);
	check_page_fault(4, V + 8, "pf-user-read-not-present");
	trap_clear();
	user_call(user_write, V + 8);
	check_page_fault(6, V + 8, "pf-user-write-not-present");
	page_map(V, page_alloc(), PTE_P | PTE_W);
	READ(V, v);
	check_no_trap("present-read");
	trap_clear();
	user_call(user_read, V);
	check_page_fault(5, V, "pf-user-read-supervisor");
	trap_clear();
	user_call(user_write, V);
	check_page_fault(7, V, "pf-user-write-supervisor");
	page_map(V, page_alloc(), PTE_P | PTE_U);
	trap_clear();
	user_call(user_read, V);
	check_no_trap("user-read-ok");
	user_call(user_write, V);
	check_page_fault(7, V, "pf-user-write-read-only");
}

static void test_crossing(void)
{
	ulong first = page_alloc(), v = 0;

	page_map(V, first, PTE_P | PTE_W);
	*page_entry(boot_pml4, V + PAGE, 1) = 0;
	invlpg(V + PAGE);
	READ(V + PAGE - 3, v);
	check_page_fault(0, V + PAGE, "pf-read-crossing");
	*(u64 *)(first + PAGE - 8) = 0x5555555555555555;
	WRITE(V + PAGE - 3);
	check_page_fault(2, V + PAGE, "pf-write-crossing");
	check_eq(*(u64 *)(first + PAGE - 8), 0x5555555555555555,
		 "crossing-write-all-or-nothing");
	TRY("addl $1, (%0)", : "r"(V + PAGE - 2) : "memory", "cc");
	check_page_fault(2, V + PAGE, "pf-rmw-crossing");
	check_eq(*(u64 *)(first + PAGE - 8), 0x5555555555555555,
		 "crossing-rmw-all-or-nothing");
}

static void test_wp(void)
{
	ulong page = page_alloc(), v = 0;

	page_map(V, page, PTE_P);
	WRITE(V);
	check_page_fault(3, V, "pf-wp-supervisor-write");
	TRY("lock addq $0, (%0)", : "r"(V) : "memory", "cc");
	check_page_fault(3, V, "pf-wp-locked-add-zero");
	v = 99;
	*(u64 *)page = 5;
	TRY("cmpxchg %1, (%2)", "+a"(v) : "r"(v), "r"(V) : "memory", "cc");
	check_page_fault(3, V, "pf-wp-cmpxchg-not-equal");
	write_cr0(read_cr0() & ~(ulong)CR0_WP);
	WRITE(V);
	check_no_trap("wp-clear-write");
	write_cr0(read_cr0() | CR0_WP);
	WRITE(V);
	check_page_fault(3, V, "pf-wp-set-again");
	check_eq(*(u64 *)page, 7, "wp-clear-value");
	/* Read only at an upper level. */
	page_map(V, page, PTE_P | PTE_W | PTE_U);
	*page_entry(boot_pml4, V, 2) &= ~PTE_W;
	write_cr3(read_cr3());
	WRITE(V);
	check_page_fault(3, V, "pf-wp-upper-level");
	*page_entry(boot_pml4, V, 2) |= PTE_W;
	*page_entry(boot_pml4, V, 2) &= ~PTE_U;
	write_cr3(read_cr3());
	trap_clear();
	user_call(user_read, V);
	check_page_fault(5, V, "pf-user-upper-level");
	*page_entry(boot_pml4, V, 2) |= PTE_U;
	write_cr3(read_cr3());
}

static void test_nx(void)
{
	ulong page = page_alloc();
	u64 *pte;

	*(u8 *)page = 0xc3;
	page_map(V, page, PTE_P | PTE_W);
	CALL(V);
	check(trap_last.count == 0, "fetch-ok");
	page_map(V, page, PTE_P | PTE_W | PTE_NX);
	CALL(V);
	check(trap_last.vector == PF && trap_last.error == 0x11 &&
	      trap_last.ip == V && trap_last.cr2 == V, "pf-nx");
	page_map(V, page, PTE_P | PTE_W);
	*page_entry(boot_pml4, V, 2) |= PTE_NX;
	write_cr3(read_cr3());
	CALL(V);
	check(trap_last.vector == PF && trap_last.error == 0x11, "pf-nx-upper-level");
	*page_entry(boot_pml4, V, 2) &= ~PTE_NX;
	page_map(V, 0, 0);
	CALL(V);
	check(trap_last.vector == PF && trap_last.error == 0x10 &&
	      trap_last.cr2 == V, "pf-fetch-not-present");
	/* An instruction whose second half is in a page that may not run. */
	page_map(V, page, PTE_P | PTE_W);
	page_map(V + PAGE, page_alloc(), PTE_P | PTE_NX);
	((u8 *)page)[PAGE - 1] = 0xb8;
	CALL(V + PAGE - 1);
	check(trap_last.vector == PF && trap_last.error == 0x11 &&
	      trap_last.cr2 == V + PAGE && trap_last.ip == V + PAGE - 1,
	      "pf-nx-second-page-of-insn");
	/* With EFER.NXE clear the bit is reserved. */
	pte = page_entry(boot_pml4, V, 1);
	*pte |= PTE_NX;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~0x800ull);
	write_cr3(read_cr3());
	WRITE(V);
	check_page_fault(0xb, V, "pf-nx-reserved-without-nxe");
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 0x800);
	page_map(V, page, PTE_P | PTE_W);
}

static void test_reserved(void)
{
	ulong v = 0, page = page_alloc();
	u64 *pde;

	page_map(V, page | 1ull << 51, PTE_P | PTE_W);
	READ(V, v);
	check_page_fault(9, V, "pf-reserved-address-bit");
	trap_clear();
	page_map(V, page | 1ull << 51, PTE_P | PTE_W | PTE_U);
	user_call(user_write, V);
	check_page_fault(0xf, V, "pf-reserved-user-write");
	page_map(V, page, PTE_P | PTE_W);
	pde = page_entry(boot_pml4, V + (2ul << 20), 2);
	*pde = 0x2000 | PTE_P | PTE_W | PTE_PS;
	invlpg(V + (2ul << 20));
	READ(V + (2ul << 20), v);
	check_page_fault(9, V + (2ul << 20), "pf-reserved-in-2m-entry");
	*pde = 0;
	boot_pml4[300] = boot_pml4[0] | PTE_PS;
	READ(0xffff960000000000ul, v);
	check_page_fault(9, 0xffff960000000000ul, "pf-reserved-ps-in-pml4e");
	boot_pml4[300] = 0;
	write_cr3(read_cr3());
}

static void test_accessed_dirty(void)
{
	ulong v = 0, page = page_alloc();
	u64 *pte, *pde;

	page_map(V, page, PTE_P | PTE_W | PTE_U);
	pte = page_entry(boot_pml4, V, 1);
	pde = page_entry(boot_pml4, V, 2);
	*pde &= ~(PTE_A | PTE_D);
	write_cr3(read_cr3());
	check(!(*pte & (PTE_A | PTE_D)), "ad-clear");
	READ(V, v);
	check((*pte & (PTE_A | PTE_D)) == PTE_A, "a-on-read");
	check((*pde & (PTE_A | PTE_D)) == PTE_A, "a-on-upper-level");
	WRITE(V);
	check((*pte & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "d-on-write-after-read");
	check(!(*pde & PTE_D), "no-d-on-upper-level");
	*pte &= ~(PTE_A | PTE_D);
	invlpg(V);
	WRITE(V);
	check((*pte & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "ad-on-write");
	*pte &= ~PTE_D;
	invlpg(V);
	READ(V, v);
	check(!(*pte & PTE_D), "no-d-on-read");
	WRITE(V);
	check(*pte & PTE_D, "d-again-after-invlpg");
	*pte = page | PTE_P;
	invlpg(V);
	WRITE(V);
	check(!(*pte & PTE_D), "no-d-on-faulting-write");
	*(u8 *)page = 0xc3;
	*pte = page | PTE_P;
	invlpg(V);
	CALL(V);
	check((*pte & (PTE_A | PTE_D)) == PTE_A, "a-on-fetch");
	*pte = page | PTE_P | PTE_W | PTE_U;
	invlpg(V);
	user_call(user_write, V);
	check((*pte & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "ad-on-user-write");
}

static void test_large(void)
{
	ulong base = V + (1ul << 30), v = 0;
	u64 *pde = page_entry(boot_pml4, base, 2);

	*(u64 *)0x1e00000 = 0xabcdef;
	*pde = 0x1e00000 | PTE_P | PTE_W | PTE_PS;
	READ(base, v);
	check_eq(v, 0xabcdef, "large-2m-read");
	check((*pde & (PTE_A | PTE_D)) == PTE_A, "large-2m-accessed");
	WRITE(base + 0x1ff008);
	check_eq(*(u64 *)0x1fff008, 7, "large-2m-write");
	check((*pde & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "large-2m-dirty");
	/* one INVLPG anywhere in it drops all of it */
	READ(base + 0x100000, v);
	*pde = 0;
	invlpg(base + 0x1000);
	READ(base + 0x100000, v);
	check_page_fault(0, base + 0x100000, "large-2m-invlpg");
	if (!(cpuid(0x80000001, 0).edx & 1u << 26)) {
		check_skip("large-1g", "not in CPUID");
		return;
	}
	pde = page_entry(boot_pml4, V + (4ul << 30), 3);
	*pde = PTE_P | PTE_W | PTE_PS;
	READ(V + (4ul << 30) + 0x1e00000, v);
	check_eq(v, 0xabcdef, "large-1g-read");
	check(*pde & PTE_A, "large-1g-accessed");
	*pde = 0;
	write_cr3(read_cr3());
}

static void test_smep_smap(void)
{
	ulong v = 0;

	if (!(cpuid7().ebx & 1u << 7) || !(cpuid7().ebx & 1u << 20)) {
		check_skip("smep-smap", "not in CPUID");
		return;
	}
	CALL(user_noop);
	check_no_trap("user-code-from-ring0-without-smep");
	write_cr4(read_cr4() | CR4_SMEP);
	CALL(user_noop);
	check(trap_last.vector == PF && trap_last.error == 0x11 &&
	      trap_last.cr2 == (ulong)user_noop, "pf-smep");
	write_cr4(read_cr4() & ~(ulong)CR4_SMEP);
	READ(&user_word, v);
	check_no_trap("user-data-from-ring0-without-smap");
	write_cr4(read_cr4() | CR4_SMAP);
	READ(&user_word, v);
	check_page_fault(1, (ulong)&user_word, "pf-smap-read");
	WRITE(&user_word);
	check_page_fault(3, (ulong)&user_word, "pf-smap-write");
	__asm__ volatile("stac");
	READ(&user_word, v);
	check_no_trap("smap-stac");
	__asm__ volatile("clac");
	READ(&user_word, v);
	check_page_fault(1, (ulong)&user_word, "pf-smap-clac");
	trap_clear();
	check_eq(user_call(user_read, (ulong)&user_word), v, "smap-ring3-reads");
	write_cr0(read_cr0() & ~(ulong)CR0_WP);
	WRITE(&user_word);
	check_page_fault(3, (ulong)&user_word, "pf-smap-without-wp");
	write_cr0(read_cr0() | CR0_WP);
	/* An implicit access is a supervisor's whatever AC says. */
	__asm__ volatile("stac");
	gdt[SEL_TEST / 8] = 0x0000820000000fffull |
			    ((u64)(ulong)&user_word & 0xffffff) << 16;
	gdt[SEL_TEST / 8 + 1] = 0;
	__asm__ volatile("lldt %w0" : : "r"(SEL_TEST));
	TRY("mov %w0, %%es", : "r"(4));
	check_page_fault(1, (ulong)&user_word, "pf-smap-implicit");
	__asm__ volatile("clac; lldt %w0" : : "r"(0));
	write_cr4(read_cr4() & ~(ulong)CR4_SMAP);
}

static void test_tlb(void)
{
	ulong a = page_alloc(), b = page_alloc(), v = 0;

	*(u64 *)a = 0xaa;
	*(u64 *)b = 0xbb;
	page_map(V, a, PTE_P | PTE_W);
	READ(V, v);
	check_eq(v, 0xaa, "tlb-first");
	*page_entry(boot_pml4, V, 1) = b | PTE_P | PTE_W;
	invlpg(V + 0x800);
	READ(V, v);
	check_eq(v, 0xbb, "tlb-invlpg");
	*page_entry(boot_pml4, V, 1) = a | PTE_P | PTE_W;
	write_cr3(read_cr3());
	READ(V, v);
	check_eq(v, 0xaa, "tlb-cr3");
	/* from absent to present needs no invalidation */
	*page_entry(boot_pml4, V, 1) = 0;
	invlpg(V);
	READ(V, v);
	*page_entry(boot_pml4, V, 1) = b | PTE_P | PTE_W;
	READ(V, v);
	check_no_trap("tlb-absent-not-cached");
	/* a fault drops the stale entry: the retried access sees more rights */
	page_map(V, b, PTE_P);
	READ(V, v);
	*page_entry(boot_pml4, V, 1) |= PTE_W;
	WRITE(V);
	if (trap_last.count)
		WRITE(V);
	check_no_trap("tlb-fault-drops-entry");
	write_cr4(read_cr4() | CR4_PGE);
	page_map(V, a, PTE_P | PTE_W | PTE_G);
	*(u64 *)a = 0xaa;
	*(u64 *)b = 0xbb;
	READ(V, v);
	*page_entry(boot_pml4, V, 1) = b | PTE_P | PTE_W | PTE_G;
	write_cr4(read_cr4() & ~(ulong)CR4_PGE);
	READ(V, v);
	check_eq(v, 0xbb, "tlb-global-dropped-by-pge");
	write_cr4(read_cr4() | CR4_PGE);
	page_map(V, a, PTE_P | PTE_W | PTE_G);
	READ(V, v);
	check_eq(v, 0xaa, "tlb-global-invlpg");
	write_cr4(read_cr4() & ~(ulong)CR4_PGE);
	page_map(V, a, PTE_P | PTE_W);
}

/* Another address space: a copy of the top level with V elsewhere. */
static ulong second_space(ulong page)
{
	u64 *top = (u64 *)page_alloc();

	for (int i = 0; i < 512; i++)
		top[i] = boot_pml4[i];
	top[V >> 39] = 0;
	*page_entry(top, V, 1) = page | PTE_P | PTE_W;
	return (ulong)top;
}

static void test_pcid(void)
{
	ulong a = page_alloc(), b = page_alloc(), v = 0, one, two;

	*(u64 *)a = 0xaa;
	*(u64 *)b = 0xbb;
	page_map(V, a, PTE_P | PTE_W);
	one = (ulong)boot_pml4;
	two = second_space(b);
	write_cr3(two);
	READ(V, v);
	check_eq(v, 0xbb, "cr3-switch");
	write_cr3(one);
	READ(V, v);
	check_eq(v, 0xaa, "cr3-switch-back");
	if (!(cpuid(1, 0).ecx & 1u << 17)) {
		check_skip("pcid", "not in CPUID");
		return;
	}
	write_cr4(read_cr4() | CR4_PCIDE);
	write_cr3(one | 1);
	READ(V, v);
	write_cr3(two | 2);
	READ(V, v);
	check_eq(v, 0xbb, "pcid-2");
	write_cr3(one | 1 | 1ul << 63);
	READ(V, v);
	check_eq(v, 0xaa, "pcid-1-kept");
	check_eq(read_cr3(), one | 1, "pcid-cr3-bit63-reads-zero");
	write_cr3(two | 2 | 1ul << 63);
	READ(V, v);
	check_eq(v, 0xbb, "pcid-2-kept");
	*page_entry((u64 *)two, V, 1) = a | PTE_P | PTE_W;
	write_cr3(two | 2);
	READ(V, v);
	check_eq(v, 0xaa, "pcid-cr3-without-bit63-flushes");
	/* INVLPG works on the current one */
	*page_entry((u64 *)two, V, 1) = b | PTE_P | PTE_W;
	invlpg(V);
	READ(V, v);
	check_eq(v, 0xbb, "pcid-invlpg");
	if (cpuid7().ebx & 1u << 10) {
		u64 desc[2] = { 1, V };

		*page_entry(boot_pml4, V, 1) = b | PTE_P | PTE_W;
		__asm__ volatile("invpcid %0, %1" : : "m"(desc), "r"(0ul)
				 : "memory");
		write_cr3(one | 1 | 1ul << 63);
		READ(V, v);
		check_eq(v, 0xbb, "invpcid-address");
		TRY("invpcid %0, %1", : "m"(desc), "r"(4ul) : "memory");
		check_fault(GP, 0, "gp-invpcid-type");
	}
	write_cr3(one);
	write_cr4(read_cr4() & ~(ulong)CR4_PCIDE);
}

/* String instructions stop precisely at the page that faults. */
static void test_string_fault(void)
{
	ulong page = page_alloc(), di = V + PAGE - 16, cx = 8, si = page;

	page_map(V, page_alloc(), PTE_P | PTE_W);
	page_map(V + PAGE, 0, 0);
	TRY("rep stosq", "+D"(di), "+c"(cx) : "a"(0x77ul) : "memory");
	check_page_fault(2, V + PAGE, "pf-rep-stos");
	check(di == V + PAGE && cx == 6, "rep-stos-registers-at-fault");
	di = V + PAGE - 5;
	cx = 100;
	TRY("rep movsb", "+D"(di), "+S"(si), "+c"(cx) : : "memory");
	check_page_fault(2, V + PAGE, "pf-rep-movs");
	check(di == V + PAGE && cx == 95 && si == page + 5,
	      "rep-movs-registers-at-fault");
	di = V + PAGE + 8;
	cx = 3;
	page_map(V + PAGE, page_alloc(), PTE_P | PTE_W);
	page_map(V, 0, 0);
	trap_clear();
	__asm__ volatile("std\n" TRY_TEXT("rep stosq") "cld"
			 : "+D"(di), "+c"(cx) : "a"(1ul) : "memory");
	check(trap_last.vector == PF && trap_last.cr2 == V + PAGE - 8 && cx == 1,
	      "pf-rep-stos-backwards");
	trap_clear();
	page_map(V, page, PTE_P | PTE_W);
}

/* Pushes and calls whose stack page is missing leave RSP as it was. */
static void test_stack_fault(void)
{
	ulong before = 0, after = 0;

	page_map(V, 0, 0);
	idt[PF].ist = 1;
	trap_clear();
	__asm__ volatile("mov %%rsp, %%r12; mov %2, %%rsp; mov %%rsp, %0\n"
			 TRY_TEXT("push %%rax") "mov %%rsp, %1; mov %%r12, %%rsp"
			 : "=&r"(before), "=&r"(after) : "r"(V + 8)
			 : "r12", "memory");
	check_page_fault(2, V, "pf-push");
	check(before == after, "pf-push-keeps-rsp");
	trap_clear();
	__asm__ volatile("mov %%rsp, %%r12; mov %2, %%rsp; mov %%rsp, %0\n"
			 TRY_TEXT("call 1f") "1: mov %%rsp, %1; mov %%r12, %%rsp"
			 : "=&r"(before), "=&r"(after) : "r"(V + 8)
			 : "r12", "memory");
	check_page_fault(2, V, "pf-call");
	check(before == after, "pf-call-keeps-rsp");
	trap_clear();
	__asm__ volatile("mov %%rsp, %%r12; mov %2, %%rsp; mov %%rsp, %0\n"
			 TRY_TEXT("pop %%rax") "mov %%rsp, %1; mov %%r12, %%rsp"
			 : "=&r"(before), "=&r"(after) : "r"(V + 8)
			 : "r12", "rax", "memory");
	check_page_fault(0, V + 8, "pf-pop");
	check(before == after, "pf-pop-keeps-rsp");
	idt_reset(PF);
}

void test_main(void)
{
	test_not_present();
	test_crossing();
	test_wp();
	test_nx();
	test_reserved();
	test_accessed_dirty();
	test_large();
	test_smep_smap();
	test_tlb();
	test_pcid();
	test_string_fault();
	test_stack_fault();
}
