/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that end in a hypervisor, in odd dress: prefixes, page ends,
 * behind STI, in code that has just changed. What is checked is the next instruction's
 * address and the registers, whichever way it was done.
 */
#include "lib/apic.h"

#define AT (TEST_WINDOW + 0x1000) /* where code is put, one page */

static u8 *page, *other;

static void map(u8 *to)
{
	page_map(AT, (ulong)to, PTE_P | PTE_W);
}

/* The bytes, then RET, so that they end `end` bytes before the page's end. */
static ulong run(u8 *to, const u8 *code, unsigned n, unsigned end)
{
	unsigned at = PAGE - end - n - 1;

	memset(to, 0x90, PAGE);
	memcpy(to + at, code, n);
	to[at + n] = 0xc3;
	__asm__ volatile("push %%rbx; call *%1; pop %%rbx"
			 : "=a"(at) : "r"(AT + at), "a"(0), "c"(0)
			 : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
	return at;
}
#define RUN(to, end, ...)                                     \
	({                                                    \
		static const u8 code_[] = { __VA_ARGS__ };    \
		run(to, code_, sizeof code_, end);            \
	})

static void test_prefixes(void)
{
	ulong plain = cpuid(0, 0).eax;

	check_eq(RUN(page, 100, 0x0f, 0xa2), plain, "cpuid");
	check_eq(RUN(page, 100, 0x66, 0x0f, 0xa2), plain, "cpuid-66");
	check_eq(RUN(page, 100, 0xf3, 0x0f, 0xa2), plain, "cpuid-f3");
	check_eq(RUN(page, 100, 0x48, 0x0f, 0xa2), plain, "cpuid-rex");
	check_eq(RUN(page, 100, 0x2e, 0x67, 0x66, 0xf2, 0x41, 0x0f, 0xa2), plain, "cpuid-many");
	check_eq(RUN(page, 0, 0x0f, 0xa2), plain, "cpuid-at-page-end");
	for (unsigned end = 0; end < 20; end++)
		if (RUN(page, end, 0x0f, 0xa2, 0x90) != plain)
			check_eq(end, ~0ul, "cpuid-near-page-end");
}

/* The same address, other bytes: by a store, by another page, by other tables. */
static void test_changes(void)
{
	u64 *pml4 = (u64 *)page_alloc(), cr3 = read_cr3();
	ulong plain = cpuid(0, 0).eax, got;

	check_eq(RUN(page, 100, 0x0f, 0xa2, 0x90), plain, "change-before");
	check_eq(RUN(page, 100, 0x66, 0x0f, 0xa2), plain, "change-store");
	map(other);
	check_eq(RUN(other, 100, 0x0f, 0xa2, 0x90), plain, "change-page");
	map(page);
	check_eq(RUN(page, 99, 0x0f, 0xa2), plain, "change-page-back");
	memcpy(pml4, boot_pml4, PAGE);
	pml4[TEST_WINDOW >> 39 & 511] = 0;
	*page_entry(pml4, AT, 1) = (ulong)other | PTE_P | PTE_W;
	write_cr3((ulong)pml4);
	got = RUN(other, 100, 0xf3, 0x0f, 0xa2);
	write_cr3(cr3);
	check_eq(got, plain, "change-cr3");
	check_eq(RUN(page, 100, 0x0f, 0xa2, 0x90), plain, "change-cr3-back");
}

static void test_device(void)
{
	volatile u8 *io = (u8 *)0xfec00000ul;
	ulong v, want;

	*(volatile u32 *)io = 1; /* the version register */
	want = *(volatile u32 *)(io + 0x10);
	__asm__ volatile("movl (%1), %k0" : "=r"(v) : "r"(io + 0x10) : "memory");
	check_eq(v, want, "device-mov");
	__asm__ volatile("mov $-1, %0; movzwl 16(%1,%2,2), %k0" : "=&r"(v) : "r"(io), "r"(0ul) : "memory");
	check_eq(v, want & 0xffff, "device-movzx");
	__asm__ volatile("movb 16(%1), %%ah; movzbl %%ah, %%eax" : "=a"(v) : "r"(io) : "memory");
	check_eq(v, want & 0xff, "device-high-byte");
	__asm__ volatile("mov $-1, %0; movw (%1), %w0" : "=&r"(v) : "r"(io + 0x10) : "memory");
	check_eq(v, ~0xfffful | (want & 0xffff), "device-66");
	__asm__ volatile("movl (%k1), %k0" : "=r"(v) : "r"(io + 0x10) : "memory");
	check_eq(v, want, "device-address-size");
	wrmsr(MSR_GS_BASE, (ulong)io);
	__asm__ volatile("movl %%gs:0x10, %k0" : "=r"(v) : : "memory");
	check_eq(v, want, "device-gs");
	__asm__ volatile("mov $5, %k0; add (%1), %k0" : "=&r"(v) : "r"(io + 0x10) : "memory");
	check_eq(v, (u32)(want + 5), "device-add");
}

/* RAM that string I/O has just read and written gives way to a device's page. */
static void test_device_in_place_of_ram(void)
{
	ulong where = AT + PAGE;
	volatile u32 *at = (volatile u32 *)where;
	u32 *ram = (u32 *)page_alloc();
	ulong source = where, sink = where + 1;
	u32 want;

	*(volatile u32 *)0xfec00000ul = 1;
	want = *(volatile u32 *)0xfec00010ul;
	*(volatile u32 *)0xfec00000ul = 0;
	page_map(where, (ulong)ram, PTE_P | PTE_W);
	invlpg(where);
	__asm__ volatile("outsb; insb" : "+S"(source), "+D"(sink) : "d"(0xe0) : "memory");
	ram[0] = ram[4] = 0x12345678;
	page_map(where, 0xfec00000ul, PTE_P | PTE_W);
	invlpg(where);
	at[0] = 1;
	check_eq(ram[0], 0x12345678, "device-write-not-to-ram");
	check_eq(at[4], want, "device-read-not-of-ram");
}

/* KVM's: Linux, Documentation/virt/kvm/x86/hypercalls.rst. */
enum { POLL_IRQ = 1, NOBODYS = 1000, ENOSYS = 1000, EPERM = 1 };

#define HYPERCALL(insn, number)                                                     \
	({                                                                          \
		ulong a_ = (number);                                                \
										    \
		__asm__ volatile(insn : "+a"(a_) : "b"(0), "c"(0), "d"(0), "S"(0) : "memory"); \
		a_;                                                                 \
	})

USER_TEXT static ulong user_vmcall(ulong number)
{
	return HYPERCALL("vmcall", number);
}

USER_TEXT static ulong user_vmmcall(ulong number)
{
	return HYPERCALL("vmmcall", number);
}

static bool hypercalls; /* there are some */

/* Either maker's instruction, on either's processor. */
static void test_hypercall(void)
{
	ulong a = NOBODYS;

	TRY("vmcall", "+a"(a) : "b"(0), "c"(0), "d"(0), "S"(0) : "memory");
	if (trap_last.count) {
		check_skip("hypercall", "no hypercalls here");
		return;
	}
	hypercalls = true;
	check_eq(a, (ulong)-ENOSYS, "vmcall");
	check_eq(HYPERCALL("vmmcall", NOBODYS), (ulong)-ENOSYS, "vmmcall");
	check_eq(HYPERCALL("vmcall", POLL_IRQ), 0, "vmcall-known");
	check_eq(HYPERCALL("vmmcall", POLL_IRQ), 0, "vmmcall-known");
	check_eq(HYPERCALL("vmcall", POLL_IRQ | 1ul << 32), (ulong)-ENOSYS, "vmcall-high-half");
	check_eq(HYPERCALL("vmmcall", POLL_IRQ | 1ul << 32), (ulong)-ENOSYS, "vmmcall-high-half");
	check_eq(user_call(user_vmcall, POLL_IRQ), (ulong)-EPERM, "vmcall-user");
	check_eq(user_call(user_vmmcall, POLL_IRQ), (ulong)-EPERM, "vmmcall-user");
}

static volatile unsigned ticks;
static volatile ulong irq_ip;

static void on_irq(struct frame *f)
{
	irq_ip = f->ip;
	ticks++;
	apic_write(APIC_EOI, 0);
}

/* An interrupt that waits comes behind the instruction after STI, not before it. */
#define BEHIND_STI(name, insn)                                                             \
	do {                                                                               \
		ulong after_;                                                              \
											   \
		ticks = 0;                                                                 \
		apic_ipi(apic_id(), ICR_SELF | 0x40);                                      \
		__asm__ volatile("lea 1f(%%rip), %0; xor %%eax, %%eax; sti; " insn "\n1:\tnop; cli" \
				 : "=&r"(after_) : : "rax", "rbx", "rcx", "rdx", "memory"); \
		check_eq(ticks, 1, name "-interrupt");                                     \
		check_eq(irq_ip, after_, name "-behind");                                 \
	} while (0)

static void test_shadow(void)
{
	apic_enable();
	idt_reset(0x40);
	trap_set_hook(0x40, on_irq);
	BEHIND_STI("shadow-cpuid", "cpuid");
	if (hypercalls) {
		BEHIND_STI("shadow-vmcall", "vmcall");
		BEHIND_STI("shadow-vmmcall", "vmmcall");
	}
	trap_set_hook(0x40, NULL);
}

void test_main(void)
{
	page = (u8 *)page_alloc();
	other = (u8 *)page_alloc();
	map(page);
	test_prefixes();
	test_changes();
	test_device();
	test_device_in_place_of_ram();
	test_hypercall();
	test_shadow();
}
