/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit CPU: the sensitive instructions give the guest its own values (Popek
 * and Goldberg), exceptions arrive precisely, ring 3 and the system calls.
 * SDM vol. 3A chapters 5 and 6, vol. 2 for each instruction.
 */
#include "lib/lib.h"

#define NON_CANONICAL 0x8000000000000000ul

struct __attribute__((packed)) pointer_out {
	u16 limit;
	u64 base;
};

/* --- sensitive instructions --- */

static void test_tables(void)
{
	struct pointer_out p = { 0, 0 };
	u16 sel = 0;
	ulong wide = ~0ul;

	__asm__ volatile("sgdt %0" : "=m"(p));
	check(p.base == (ulong)gdt && p.limit == sizeof(gdt) - 1, "sgdt");
	__asm__ volatile("sidt %0" : "=m"(p));
	check(p.base == (ulong)idt && p.limit == sizeof(idt) - 1, "sidt");
	__asm__ volatile("str %0" : "=r"(sel));
	check_eq(sel, SEL_TSS, "str");
	__asm__ volatile("str %q0" : "+r"(wide));
	check_eq(wide, SEL_TSS, "str-64-zero-extends");
	__asm__ volatile("lldt %w0" : : "r"(0));
	__asm__ volatile("sldt %0" : "=r"(sel));
	check_eq(sel, 0, "sldt-null");
	gdt[SEL_TEST / 8] = 0x0000820000000fffull | (u64)(ulong)gdt << 16;
	gdt[SEL_TEST / 8 + 1] = 0;
	__asm__ volatile("lldt %w0" : : "r"(SEL_TEST));
	__asm__ volatile("sldt %0" : "=r"(sel));
	check_eq(sel, SEL_TEST, "sldt");
	__asm__ volatile("lldt %w0" : : "r"(0));
}

static void test_smsw_pushf(void)
{
	ulong v = 0, saved = read_cr0();
	u16 word = 0;

	__asm__ volatile("smsw %q0" : "=r"(v));
	check_eq((u32)v, (u32)saved, "smsw-64");
	write_cr0(saved | CR0_TS);
	__asm__ volatile("smsw %w0" : "=r"(word));
	check_eq(word & 0xffff, (saved | CR0_TS) & 0xffff, "smsw-16-sees-ts");
	__asm__ volatile("clts");
	check_eq(read_cr0(), saved & ~8ul, "clts");
	__asm__ volatile("lmsw %w0" : : "r"((u16)(saved | CR0_TS)));
	check(read_cr0() & CR0_TS, "lmsw-sets-ts");
	__asm__ volatile("lmsw %w0" : : "r"((u16)(saved & ~CR0_TS & ~1ul)));
	check((read_cr0() & (CR0_PE | CR0_TS)) == CR0_PE, "lmsw-keeps-pe");
	write_cr0(saved);

	__asm__ volatile("sti");
	check(read_flags() & FLAG_IF, "pushf-sees-sti");
	__asm__ volatile("cli");
	check(!(read_flags() & FLAG_IF), "pushf-sees-cli");
	write_flags(FLAG_IOPL | FLAG_NT | FLAG_AC | FLAG_ID | 0xcd5 | FLAG_IF);
	v = read_flags();
	write_flags(2);
	check_eq(v, FLAG_IOPL | FLAG_NT | FLAG_AC | FLAG_ID | 0xcd5 | FLAG_IF | 2,
		 "popf-ring0-all");
	write_flags(~0ul & ~(ulong)(FLAG_TF | FLAG_IF));
	v = read_flags();
	write_flags(2);
	check_eq(v & (FLAG_RF | FLAG_VM | 0x802a), 2, "popf-never-rf-vm");
}

USER_TEXT static ulong user_popf(ulong value)
{
	ulong v;

	__asm__ volatile("push %1; popf; pushf; pop %0; push $2; popf"
			 : "=r"(v) : "r"(value) : "cc", "memory");
	return v;
}
USER_TEXT static ulong user_smsw(ulong unused)
{
	ulong v = unused;

	TRY_USER("smsw %q0", "+r"(v));
	return v;
}
USER_TEXT static ulong user_str(ulong unused)
{
	ulong v = unused;

	TRY_USER("str %q0", "+r"(v));
	return v;
}
USER_TEXT static ulong user_sldt(ulong unused)
{
	ulong v = unused;

	TRY_USER("sldt %q0", "+r"(v));
	return v;
}
USER_TEXT static ulong user_sgdt(ulong unused)
{
	struct pointer_out p = { 0, unused };

	TRY_USER("sgdt %0", "+m"(p));
	return p.base;
}
USER_TEXT static ulong user_sidt(ulong unused)
{
	struct pointer_out p = { 0, unused };

	TRY_USER("sidt %0", "+m"(p));
	return p.base;
}

static void test_user_sensitive(void)
{
	ulong v;

	check_eq(user_call(user_popf, 0x3ed7) & 0x3fd7, 0xcd7,
		 "popf-ring3-keeps-if-iopl");
	user_flags = 2 | FLAG_IF;
	v = user_call(user_popf, 2);
	user_flags = 2;
	check(v & FLAG_IF, "popf-ring3-cannot-clear-if");
	trap_clear();
	check_eq((u32)user_call(user_smsw, 0), (u32)read_cr0(), "smsw-ring3");
	check_eq(user_call(user_str, 0), SEL_TSS, "str-ring3");
	check_eq(user_call(user_sldt, 5), 0, "sldt-ring3");
	check_eq(user_call(user_sgdt, 0), (ulong)gdt, "sgdt-ring3");
	check_eq(user_call(user_sidt, 0), (ulong)idt, "sidt-ring3");
	check_no_trap("sensitive-ring3-no-trap-without-umip");
	if (!(cpuid7().ecx & 4)) {
		check_skip("umip", "not in CPUID");
		return;
	}
	write_cr4(read_cr4() | CR4_UMIP);
#define UMIP(fn, name)                                  \
	trap_clear();                                   \
	check_eq(user_call(fn, 0x5a5a), 0x5a5a, name "-value"); \
	check_fault(GP, 0, name)
	UMIP(user_smsw, "umip-smsw");
	UMIP(user_str, "umip-str");
	UMIP(user_sldt, "umip-sldt");
	UMIP(user_sgdt, "umip-sgdt");
	UMIP(user_sidt, "umip-sidt");
	test_tables();
	write_cr4(read_cr4() & ~(ulong)CR4_UMIP);
}

static bool lar(u16 sel, u32 *out)
{
	bool ok;
	u32 v = 0x12345678;

	__asm__ volatile("lar %2, %1" : "=@ccz"(ok), "+r"(v) : "r"((u32)sel));
	*out = v;
	return ok;
}
static bool lsl(u16 sel, u32 *out)
{
	bool ok;
	u32 v = 0x12345678;

	__asm__ volatile("lsl %2, %1" : "=@ccz"(ok), "+r"(v) : "r"((u32)sel));
	*out = v;
	return ok;
}
static bool verr(u16 sel)
{
	bool ok;

	__asm__ volatile("verr %1" : "=@ccz"(ok) : "r"(sel));
	return ok;
}
static bool verw(u16 sel)
{
	bool ok;

	__asm__ volatile("verw %1" : "=@ccz"(ok) : "r"(sel));
	return ok;
}

static void test_lar_lsl(void)
{
	u32 v;

	check(lar(SEL_CODE, &v) && (v & 0xf0ff00) == 0xa09b00, "lar-code");
	check(lar(SEL_USER_DATA, &v) && (v & 0xf0ff00) == 0xc0f300, "lar-user-data");
	check(!lar(0, &v) && v == 0x12345678, "lar-null");
	check(!lar(0x7f8 + 8, &v) && v == 0x12345678, "lar-beyond-limit");
	check(!lar(SEL_DATA | 3, &v) && v == 0x12345678, "lar-rpl");
	check(lar(SEL_TSS, &v) && (v & 0xff00) == 0x8b00, "lar-busy-tss");
	check(lsl(SEL_DATA, &v) && v == 0xffffffff, "lsl-page-granular");
	check(lsl(SEL_TSS, &v) && v == 104 + 8192, "lsl-tss");
	check(!lsl(0, &v) && v == 0x12345678, "lsl-null");
	gdt[SEL_TEST / 8] = 0x00008e0000080000ull; /* an interrupt gate */
	gdt[SEL_TEST / 8 + 1] = 0;
	check(!lar(SEL_TEST, &v), "lar-interrupt-gate");
	gdt[SEL_TEST / 8] = 0x00008c0000080000ull; /* a call gate */
	check(lar(SEL_TEST, &v) && (v & 0xff00) == 0x8c00, "lar-call-gate");
	check(!lsl(SEL_TEST, &v), "lsl-call-gate");
	check(verr(SEL_CODE) && verr(SEL_DATA), "verr-readable");
	check(!verw(SEL_CODE) && verw(SEL_DATA), "verw-writable");
	check(!verr(0) && !verw(0), "verr-verw-null");
	check(!verr(SEL_TSS), "verr-system");
	check(!verr(SEL_DATA | 3) && !verw(SEL_DATA | 3), "verr-verw-rpl");
	gdt[SEL_TEST / 8] = 0x00af99000000ffffull; /* execute only */
	check(!verr(SEL_TEST), "verr-execute-only");
	gdt[SEL_TEST / 8] = 0x00cf91000000ffffull; /* read only */
	check(verr(SEL_TEST) && !verw(SEL_TEST), "verw-read-only");
	gdt[SEL_TEST / 8] = 0x00af9f000000ffffull; /* conforming code */
	check(verr(SEL_TEST | 3), "verr-conforming-any-rpl");
}

static void test_cpuid(void)
{
	struct cpuid r = cpuid(0, 0), one = cpuid(1, 0);
	u32 top = r.eax, ext = cpuid(0x80000000, 0).eax;
	ulong saved = read_cr4();

	check(top >= 1 && top < 0x100 && ext >= 0x80000008u, "cpuid-levels");
	check((one.edx & 0x07808151u) == 0x07808151u, "cpuid-base-features");
	check((one.ecx & 0x00982201u) == 0x00982201u, "cpuid-x86-64-v2");
	check(cpuid(0x80000001, 0).edx & 1u << 29, "cpuid-long-mode");
	if (one.ecx & 1u << 26) {
		write_cr4(saved | CR4_OSXSAVE);
		check(cpuid(1, 0).ecx & 1u << 27, "cpuid-osxsave-follows-cr4");
		write_cr4(saved & ~(ulong)CR4_OSXSAVE);
		check(!(cpuid(1, 0).ecx & 1u << 27), "cpuid-osxsave-clear");
	}
	check_eq(one.ebx >> 24, 0, "cpuid-apic-id-of-cpu0");
	r = cpuid(0x40000f00, 0);
	check(!(r.eax | r.ebx | r.ecx | r.edx), "cpuid-unknown-hypervisor-leaf");
	r = cpuid(0x8fffffff, 0);
	check(!(r.eax | r.ebx | r.ecx | r.edx), "cpuid-unknown-extended-leaf");
	r = cpuid(0xc0000000, 0);
	check(!(r.eax | r.ebx | r.ecx | r.edx), "cpuid-unknown-c0000000");
}

/* --- exceptions --- */

static void test_de_ud_bp(void)
{
	ulong a = 1, d = 0;

	TRY("div %2", "+a"(a), "+d"(d) : "r"(0ul) : "cc");
	check_fault(DE, 0, "de-div-zero");
	check(a == 1 && d == 0, "de-keeps-registers");
	a = 1ul << 63;
	d = ~0ul;
	TRY("idiv %2", "+a"(a), "+d"(d) : "r"(-1l) : "cc");
	check_fault(DE, 0, "de-idiv-overflow");
	a = 0x1000;
	TRY("divb %1", "+a"(a) : "q"((u8)1) : "cc");
	check_fault(DE, 0, "de-div8-overflow");
	TRY("ud2", : : "memory");
	check_fault(UD, 0, "ud-ud2");
	TRY(".byte 0x0f, 0xff, 0xc0", : : "memory");
	check_fault(UD, 0, "ud-ud0");
	TRY(".byte 0x06", : : "memory");
	check_fault(UD, 0, "ud-push-es");
	TRY(".byte 0xd4, 0x0a", : : "memory");
	check_fault(UD, 0, "ud-aam");
	TRY(".byte 0xce", : : "memory");
	check_fault(UD, 0, "ud-into");
	TRY(".byte 0xf0, 0x90", : : "memory");
	check_fault(UD, 0, "ud-lock-nop");
	TRY(".byte 0xf0, 0x01, 0xc0", : : "memory");
	check_fault(UD, 0, "ud-lock-add-register");
	TRY(".byte 0xf0, 0x3b, 0x00", : : "memory");
	check_fault(UD, 0, "ud-lock-cmp");
	TRY(".byte 0x0f, 0x20, 0xc8", : : "rax");
	check_fault(UD, 0, "ud-mov-from-cr1");
	TRY(".byte 0x8e, 0xc8", : : "memory");
	check_fault(UD, 0, "ud-mov-to-cs");
	TRY(".byte 0x8d, 0xc0", : : "rax");
	check_fault(UD, 0, "ud-lea-register");
	TRY("int3", : : "memory");
	check_trap(BP, "bp-int3");
	TRY(".byte 0xcd, 0x03", : : "memory");
	check_trap(BP, "bp-int-3");
	TRY(".byte 0xf1", : : "memory");
	check_trap(DB, "db-icebp");
}

static void test_gp(void)
{
	u64 buffer[4] = { 0, 0, 0, 0 };
	ulong bad = NON_CANONICAL, v = 0;

	TRY("mov (%1), %0", "+r"(v) : "S"(bad));
	check_fault(GP, 0, "gp-non-canonical");
	__asm__ volatile("movaps (%0), %%xmm0" : : "r"((ulong)buffer & ~15ul)
			 : "memory");
	TRY("movaps (%0), %%xmm0", : "r"(((ulong)buffer & ~15ul) + 1));
	check_fault(GP, 0, "gp-movaps-unaligned");
	TRY("mov %w0, %%es", : "r"(0x7f8 + 8));
	check_fault(GP, 0x800, "gp-selector-beyond-limit");
	TRY("mov %w0, %%es", : "r"(SEL_TSS | 3));
	check_fault(GP, SEL_TSS, "gp-system-in-es");
	TRY("mov %w0, %%ss", : "r"(SEL_CODE));
	check_fault(GP, SEL_CODE, "gp-code-in-ss");
	TRY("mov %w0, %%ss", : "r"(SEL_USER_DATA));
	check_fault(GP, SEL_USER_DATA & ~3u, "gp-ss-dpl");
	TRY("ltr %w0", : "r"(SEL_TSS));
	check_fault(GP, SEL_TSS, "gp-ltr-busy");
	TRY("ltr %w0", : "r"(0));
	check_fault(GP, 0, "gp-ltr-null");
	gdt_set_tss(SEL_TSS, tss, 104 + 8192);
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
	TRY("lldt %w0", : "r"(SEL_DATA));
	check_fault(GP, SEL_DATA, "gp-lldt-not-ldt");
	TRY("int $0x82", : : "memory");
	check_trap(0x82, "int-82-ring0");
	/* The jump itself faults, before RIP changes (SDM vol. 2A JMP). */
	TRY_JUMP("jmp *%0", : "r"(bad));
	check_fault(GP, 0, "gp-jmp-non-canonical");
}

static void test_msr(void)
{
	u32 a = 0, d = 0;

	TRY("rdmsr", "+a"(a), "+d"(d) : "c"(0x4b564dff));
	check_fault(GP, 0, "gp-rdmsr-unknown");
	TRY("wrmsr", : "a"(0), "d"(0), "c"(0x4b564dff));
	check_fault(GP, 0, "gp-wrmsr-unknown");
	TRY("wrmsr", : "a"(0), "d"(0x80000000u), "c"(MSR_LSTAR));
	check_fault(GP, 0, "gp-wrmsr-lstar-non-canonical");
	TRY("wrmsr", : "a"(0), "d"(0x80000000u), "c"(MSR_FS_BASE));
	check_fault(GP, 0, "gp-wrmsr-fs-non-canonical");
	TRY("wrmsr", : "a"((u32)rdmsr(MSR_EFER) | 0x40000000u), "d"(0),
	    "c"(MSR_EFER));
	check_fault(GP, 0, "gp-wrmsr-efer-reserved");
	TRY("wrmsr", : "a"((u32)rdmsr(MSR_EFER) & ~0x100u), "d"(0),
	    "c"(MSR_EFER));
	check_fault(GP, 0, "gp-wrmsr-efer-lme-while-paging");
	wrmsr(MSR_GS_BASE, 0x123456789abcull);
	check_eq(rdmsr(MSR_GS_BASE), 0x123456789abcull, "msr-gs-base");
	wrmsr(MSR_KERNEL_GS, 0x5000);
	__asm__ volatile("swapgs");
	check_eq(rdmsr(MSR_GS_BASE), 0x5000, "swapgs");
	check_eq(rdmsr(MSR_KERNEL_GS), 0x123456789abcull, "swapgs-other");
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
	/* The TSC goes on and can be set. */
	wrmsr(0x10, 1000);
	check(rdtsc() >= 1000 && rdtsc() < 1000000000ull, "msr-tsc-write");
	check((rdmsr(MSR_APIC_BASE) & 0xfffff900u) == 0xfee00900u,
	      "msr-apic-base-bsp");
}

static void test_np_ss(void)
{
	ulong v = 0;

	gdt[SEL_TEST / 8] = 0x00cf13000000ffffull; /* data, not present */
	TRY("mov %w0, %%es", : "r"(SEL_TEST));
	check_fault(NP, SEL_TEST, "np-es");
	TRY("mov %w0, %%ss", : "r"(SEL_TEST));
	check_fault(SS, SEL_TEST, "ss-not-present");
	trap_clear();
	__asm__ volatile("mov %%rbp, %%r12; mov %1, %%rbp\n"
			 TRY_TEXT("mov (%%rbp), %0") "mov %%r12, %%rbp"
			 : "+r"(v) : "r"(NON_CANONICAL) : "r12");
	check_fault(SS, 0, "ss-rbp-non-canonical");
}

static void test_gates(void)
{
	idt_set(0x83, (ulong)user_leave, SEL_CODE, 0x0e, 0);
	TRY("int $0x83", : : "memory");
	check_fault(NP, 0x83 * 8 + 2, "np-gate");
	idt_set(0x83, (ulong)user_leave, SEL_CODE, 0x8c, 0);
	TRY("int $0x83", : : "memory");
	check_fault(GP, 0x83 * 8 + 2, "gp-gate-type");
	idt_set(0x83, (ulong)user_leave, 0, 0x8e, 0);
	TRY("int $0x83", : : "memory");
	check_fault(GP, 0, "gp-gate-null-selector");
	idt_set(0x83, (ulong)user_leave, SEL_DATA, 0x8e, 0);
	TRY("int $0x83", : : "memory");
	check_fault(GP, SEL_DATA, "gp-gate-data-selector");
	idt_set(0x83, (ulong)user_leave, SEL_CODE32, 0x8e, 0);
	TRY("int $0x83", : : "memory");
	check_fault(GP, SEL_CODE32, "gp-gate-code32");
	idt_reset(0x83);
	idt_pointer.limit = 0x83 * 16 - 1;
	__asm__ volatile("lidt %0" : : "m"(idt_pointer));
	TRY("int $0x83", : : "memory");
	check_fault(GP, 0x83 * 8 + 2, "gp-beyond-idt");
	idt_pointer.limit = sizeof(idt) - 1;
	__asm__ volatile("lidt %0" : : "m"(idt_pointer));
}

static void test_nm_fpu(void)
{
	ulong saved = read_cr0();

	write_cr0(saved | CR0_TS);
	TRY("fnop", : : "memory");
	check_fault(NM, 0, "nm-x87");
	TRY("movaps %%xmm0, %%xmm1", : : "memory");
	check_fault(NM, 0, "nm-sse");
	TRY("fwait", : : "memory");
	check_fault(NM, 0, "nm-fwait-mp-ts");
	write_cr0((saved | CR0_TS) & ~(ulong)CR0_MP);
	TRY("fwait", : : "memory");
	check_no_trap("fwait-without-mp");
	write_cr0(saved | CR0_EM);
	TRY("fnop", : : "memory");
	check_fault(NM, 0, "nm-em-x87");
	TRY("movaps %%xmm0, %%xmm1", : : "memory");
	check_fault(UD, 0, "ud-em-sse");
	write_cr0(saved);
	write_cr4(read_cr4() & ~(ulong)CR4_OSFXSR);
	TRY("movaps %%xmm0, %%xmm1", : : "memory");
	check_fault(UD, 0, "ud-sse-without-osfxsr");
	write_cr4(read_cr4() | CR4_OSFXSR);
}

/* #PF whose gate is not present: #NP while delivering #PF is a double fault. */
static void test_double_fault(void)
{
	ulong v = 0;

	idt[PF].attr = 0x0e;
	TRY("mov (%1), %0", "+r"(v) : "r"(TEST_WINDOW));
	idt_reset(PF);
	check_fault(DF, 0, "df-not-present-pf-gate");
	check(trap_last.sp != 0 && trap_last.ss == SEL_DATA, "df-ist-frame");
	trap_clear();
	__asm__ volatile("mov %%rsp, %%r12; mov %0, %%rsp\n"
			 TRY_TEXT("push %%rax") "mov %%r12, %%rsp"
			 : : "r"(TEST_WINDOW + 0x800) : "r12", "memory");
	check_fault(DF, 0, "df-bad-stack-through-ist");
	check_eq(trap_last.sp, TEST_WINDOW + 0x800, "df-saved-rsp");
}

/* --- ring 3 --- */

#define USER_INSN(name, insn)                        \
	USER_TEXT static ulong name(ulong arg)       \
	{                                            \
		TRY_USER(insn, "+a"(arg) : : "memory", "rdx", "rcx"); \
		return arg;                          \
	}
USER_INSN(user_hlt, "hlt")
USER_INSN(user_cli, "cli")
USER_INSN(user_in, "inb $0x70, %%al")
USER_INSN(user_rdmsr, "rdmsr")
USER_INSN(user_cr0, "mov %%cr0, %%rax")
USER_INSN(user_dr, "mov %%dr0, %%rax")
USER_INSN(user_clts, "clts")
USER_INSN(user_int82, "int $0x82")
USER_INSN(user_int3, "int3")
USER_INSN(user_rdtsc, "rdtsc")
USER_INSN(user_sysret, "sysretq")
USER_INSN(user_sysexit, "sysexitl")
USER_INSN(user_swapgs, "swapgs")
USER_INSN(user_misaligned, "movl 1(%%rsp), %%edx")
USER_INSN(user_lgdt, "lgdt (%%rsp)")
USER_INSN(user_ltr, "ltr %%ax")
USER_INSN(user_invlpg, "invlpg (%%rax)")
USER_INSN(user_wbinvd, "wbinvd")
USER_INSN(user_syscall, "syscall")
USER_INSN(user_sysenter, "sysenter")

static void check_user_gp(ulong (*fn)(ulong), const char *name)
{
	trap_clear();
	user_call(fn, 0);
	check_fault(GP, 0, name);
}

static void test_user_privileged(void)
{
	check_user_gp(user_hlt, "gp-ring3-hlt");
	check_eq(trap_last.cs, SEL_USER_CODE, "ring3-saved-cs");
	check_eq(trap_last.ss, SEL_USER_DATA, "ring3-saved-ss");
	check_user_gp(user_cli, "gp-ring3-cli");
	check_user_gp(user_in, "gp-ring3-in");
	check_user_gp(user_rdmsr, "gp-ring3-rdmsr");
	check_user_gp(user_cr0, "gp-ring3-mov-cr0");
	check_user_gp(user_dr, "gp-ring3-mov-dr0");
	check_user_gp(user_clts, "gp-ring3-clts");
	check_user_gp(user_swapgs, "gp-ring3-swapgs");
	check_user_gp(user_lgdt, "gp-ring3-lgdt");
	check_user_gp(user_ltr, "gp-ring3-ltr");
	check_user_gp(user_invlpg, "gp-ring3-invlpg");
	check_user_gp(user_wbinvd, "gp-ring3-wbinvd");
	trap_clear();
	user_call(user_int82, 0);
	check_fault(GP, 0x82 * 8 + 2, "gp-ring3-int-dpl");
	trap_clear();
	user_call(user_int3, 0);
	check_fault(GP, BP * 8 + 2, "gp-ring3-int3-dpl");
	idt[BP].attr = 0xee;
	trap_clear();
	user_call(user_int3, 0);
	check_trap(BP, "bp-ring3");
	idt_reset(BP);
	tss[104 + 0x70 / 8] = 0xfe;
	trap_clear();
	user_call(user_in, 0);
	check_no_trap("ring3-in-allowed-by-bitmap");
	tss[104 + 0x70 / 8] = 0xff;
	user_flags = 2 | FLAG_IOPL;
	trap_clear();
	user_call(user_in, 0);
	user_call(user_cli, 0);
	user_flags = 2;
	check_no_trap("ring3-in-cli-with-iopl3");
	trap_clear();
	user_call(user_rdtsc, 0);
	check_no_trap("ring3-rdtsc");
	write_cr4(read_cr4() | 4);
	check_user_gp(user_rdtsc, "gp-ring3-rdtsc-tsd");
	write_cr4(read_cr4() & ~4ul);
}

static void test_alignment(void)
{
	ulong saved = read_cr0();

	write_cr0(saved | CR0_AM);
	user_flags = 2 | FLAG_AC;
	trap_clear();
	user_call(user_misaligned, 0);
	check_fault(AC, 0, "ac-ring3");
	write_cr0(saved & ~(ulong)CR0_AM);
	trap_clear();
	user_call(user_misaligned, 0);
	check_no_trap("ac-needs-am");
	user_flags = 2;
	write_cr0(saved | CR0_AM);
	trap_clear();
	user_call(user_misaligned, 0);
	check_no_trap("ac-needs-flag");
	write_flags(2 | FLAG_AC);
	TRY("movl 1(%%rsp), %%edx", : : "rdx");
	write_flags(2);
	check_no_trap("ac-not-in-ring0");
	write_cr0(saved);
}

/* Where SYSCALL and SYSENTER land: saves what they left, leaves ring 3. */
extern void fast_entry(void);
extern u64 fast_saved[6];
__asm__(".text\n.globl fast_entry\nfast_entry:\n"
	"mov %rsp, fast_saved\n mov %rcx, fast_saved+8\n"
	"mov %r11, fast_saved+16\n"
	"mov $fast_stack_end, %rsp\n"
	"pushf\n pop fast_saved+24\n"
	"mov %cs, %ecx\n mov %rcx, fast_saved+32\n"
	"mov %ss, %ecx\n mov %rcx, fast_saved+40\n"
	"jmp user_leave\n"
	".bss\n.align 16\n.skip 1024\nfast_stack_end:\n.globl fast_saved\n"
	"fast_saved: .skip 48\n.text");

/* sysretq to a ring-3 routine that reports where it is. */
extern void do_sysret(ulong ip, ulong flags);
extern void do_sysexit(ulong ip, ulong sp);
USER_DATA static ulong user_saw[3];
__asm__(".text\n"
	"do_sysret: push %rbx; push %rbp; push %r12; push %r13; push %r14\n"
	"push %r15; mov %rsp, user_return_sp; mov %rsp, tss+4\n"
	"mov %rdi, %rcx; mov %rsi, %r11; mov $user_stack_end-8, %rsp; sysretq\n"
	"do_sysexit: push %rbx; push %rbp; push %r12; push %r13; push %r14\n"
	"push %r15; mov %rsp, user_return_sp; mov %rsp, tss+4\n"
	"mov %rdi, %rdx; mov $user_stack_end-8, %rcx; rex.w sysexit\n");
extern void user_report(void);
__asm__(".section .user.text, \"ax\"\nuser_report:\n mov %cs, %eax; mov %rax, user_saw\n"
	"mov %ss, %eax; mov %rax, user_saw+8; pushf; pop user_saw+16\n"
	"int $0x81\n.text");

static void test_syscall(void)
{
	trap_clear();
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~1ull);
	user_call(user_syscall, 0);
	check_fault(UD, 0, "ud-syscall-without-sce");
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1);
	wrmsr(MSR_STAR, 0x0018000800000000ull);
	wrmsr(MSR_LSTAR, (ulong)fast_entry);
	wrmsr(MSR_SFMASK, FLAG_IF | FLAG_CF | FLAG_DF);
	user_flags = 2 | FLAG_CF | FLAG_DF | FLAG_IF | 0x84;
	user_call(user_syscall, 0);
	user_flags = 2;
	check_eq(fast_saved[2], 2 | FLAG_CF | FLAG_DF | FLAG_IF | 0x84,
		 "syscall-r11-flags");
	check_eq(fast_saved[3] & 0x7d7, 0x86 & 0x7d7, "syscall-masks-flags");
	check_eq(fast_saved[4], SEL_CODE, "syscall-cs");
	check_eq(fast_saved[5], SEL_DATA, "syscall-ss");
	check(*(u16 *)(fast_saved[1] - 2) == 0x050f, "syscall-rcx-next");
	user_return_sp = 0;
	do_sysret((ulong)user_report, 2 | FLAG_CF | FLAG_IF | 0x84);
	check_eq(user_saw[0], SEL_USER_CODE, "sysret-cs");
	check_eq(user_saw[1], SEL_USER_DATA, "sysret-ss");
	check_eq(user_saw[2], 2 | FLAG_CF | FLAG_IF | 0x84, "sysret-flags");
	check_user_gp(user_sysret, "gp-ring3-sysret");
}

static void test_sysenter(void)
{
	/* AMD's processors have no SYSENTER in long mode (APM vol. 3). */
	if (!(cpuid(1, 0).edx & 1u << 11) || cpuid(0, 0).ecx == 0x444d4163) {
		check_skip("sysenter", "not in this CPU's long mode");
		return;
	}
	wrmsr(0x174, 0);
	check_user_gp(user_sysenter, "gp-sysenter-cs-zero");
	check_user_gp(user_sysexit, "gp-ring3-sysexit");
	wrmsr(0x174, SEL_SYSENTER);
	wrmsr(0x175, 0x123456789a0ull);
	wrmsr(0x176, (ulong)fast_entry);
	check_eq(rdmsr(0x175), 0x123456789a0ull, "sysenter-msr");
	user_flags = 2 | FLAG_IF | FLAG_CF;
	trap_clear();
	user_call(user_sysenter, 0);
	user_flags = 2;
	if (trap_last.count) {
		check_no_trap("sysenter");
		return;
	}
	check_eq(fast_saved[0], 0x123456789a0ull, "sysenter-rsp");
	check_eq(fast_saved[3] & (FLAG_IF | FLAG_CF), FLAG_CF, "sysenter-clears-if");
	check_eq(fast_saved[4], SEL_SYSENTER, "sysenter-cs");
	check_eq(fast_saved[5], SEL_SYSENTER + 8, "sysenter-ss");
	/* ss must be as iretq wants it again */
	__asm__ volatile("mov %w0, %%ss" : : "r"(SEL_DATA));
	__asm__ volatile("pushq %0; pushq $1f; lretq; 1:" : : "i"(SEL_CODE));
	do_sysexit((ulong)user_report, 0);
	check_eq(user_saw[0], SEL_SYSENTER + 32 + 3, "sysexit-cs");
	check_eq(user_saw[1], SEL_SYSENTER + 40 + 3, "sysexit-ss");
}

static u64 pair[4] __attribute__((aligned(16)));

static void test_cmpxchg(void)
{
	u64 low = 1, high = 2;

	pair[0] = 5;
	pair[1] = 6;
	TRY("cmpxchg16b %2", "+a"(low), "+d"(high), "+m"(pair[0])
	    : "b"(7ul), "c"(8ul) : "cc", "memory");
	check(trap_last.count == 0 && low == 5 && high == 6 && pair[0] == 5,
	      "cmpxchg16b-not-equal");
	TRY("lock cmpxchg16b %2", "+a"(low), "+d"(high), "+m"(pair[0])
	    : "b"(7ul), "c"(8ul) : "cc", "memory");
	check(pair[0] == 7 && pair[1] == 8, "cmpxchg16b-equal");
	TRY("cmpxchg16b %2", "+a"(low), "+d"(high), "+m"(pair[1])
	    : "b"(7ul), "c"(8ul) : "cc", "memory");
	check_fault(GP, 0, "gp-cmpxchg16b-unaligned");
	TRY(".byte 0x0f, 0xc7, 0xc8", : : "memory");
	check_fault(UD, 0, "ud-cmpxchg8b-register");
	TRY(".byte 0xf0, 0x0f, 0xc7, 0xc8", : : "memory");
	check_fault(UD, 0, "ud-lock-cmpxchg8b-register");
	/* fifteen bytes are the most an instruction may have */
	TRY(".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,"
	    "0x66,0x66,0x90", : : "memory");
	check_no_trap("insn-of-15-bytes");
	TRY(".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,"
	    "0x66,0x66,0x66,0x90", : : "memory");
	check_fault(GP, 0, "gp-insn-of-16-bytes");
}

/* --- IRET --- */

static void test_iret(void)
{
	ulong flags = 0, sp_before, sp_after;

	__asm__ volatile("mov %%rsp, %%rax; pushq %2; push %%rax; pushq %3;"
			 "pushq %4; pushq $1f; iretq; 1: pushf; pop %0"
			 : "=r"(flags) : "m"(flags), "i"(SEL_DATA),
			   "i"(FLAG_CF | FLAG_AC | 2), "i"(SEL_CODE)
			 : "rax", "cc", "memory");
	write_flags(2);
	check_eq(flags, FLAG_CF | FLAG_AC | 2, "iret-same-level");
	__asm__ volatile("mov %%rsp, %0; pushq $0; pushq %0; pushq $2; pushq %2;"
			 "pushq $1f; iretq; 1: mov %%rsp, %1"
			 : "=&r"(sp_before), "=r"(sp_after) : "i"(SEL_CODE)
			 : "memory");
	check(sp_before == sp_after, "iret-null-ss-in-ring0");
	__asm__ volatile("mov %w0, %%ss" : : "r"(SEL_DATA));
	write_flags(2 | FLAG_NT);
	TRY("iretq", : : "memory");
	write_flags(2);
	check_fault(GP, 0, "gp-iret-nt-long-mode");
	trap_clear();
	__asm__ volatile("mov %%rsp, %%r12; pushq %0; pushq %%r12; pushq $2;"
			 "pushq %1; pushq $0\n" TRY_TEXT("iretq")
			 "mov %%r12, %%rsp" : : "i"(SEL_DATA), "i"(SEL_TSS)
			 : "r12", "memory");
	check_fault(GP, SEL_TSS, "gp-iret-system-cs");
	trap_clear();
	__asm__ volatile("mov %%rsp, %%r12; pushq %0; pushq %%r12; pushq $2;"
			 "pushq %1; pushq $0\n" TRY_TEXT("iretq")
			 "mov %%r12, %%rsp" : : "i"(SEL_DATA), "i"(SEL_USER_CODE)
			 : "r12", "memory");
	check_fault(GP, SEL_DATA, "gp-iret-ring3-with-ring0-ss");
	trap_clear();
	__asm__ volatile("movl $772f, trap_escape\n"
			 "mov %%rsp, %%r12; pushq %0; pushq %%r12; pushq $2;"
			 "pushq %1; pushq %2\n" TRY_TEXT("iretq")
			 "mov %%r12, %%rsp" : : "i"(SEL_DATA), "i"(SEL_CODE),
			   "r"(NON_CANONICAL) : "r12", "memory");
	trap_escape = 0;
	check_fault(GP, 0, "gp-iret-non-canonical-rip");
}

static void test_int_frame(void)
{
	write_flags(2 | FLAG_IF | FLAG_CF);
	TRY("int $0x90", : : "memory");
	__asm__ volatile("cli");
	check_trap(0x90, "int-n");
	check_eq(trap_last.cs, SEL_CODE, "int-saved-cs");
	check_eq(trap_last.ss, SEL_DATA, "int-saved-ss");
	check(trap_last.flags & FLAG_IF, "int-saved-if");
	idt[0x90].attr = 0x8f;
	write_flags(2 | FLAG_IF);
	TRY("int $0x90", : : "memory");
	check_trap(0x90, "int-trap-gate");
	__asm__ volatile("cli");
	idt_reset(0x90);
}

void test_main(void)
{
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	test_tables();
	test_smsw_pushf();
	test_user_sensitive();
	test_lar_lsl();
	test_cpuid();
	test_de_ud_bp();
	test_gp();
	test_msr();
	test_np_ss();
	test_gates();
	test_nm_fpu();
	test_double_fault();
	test_user_privileged();
	test_alignment();
	test_syscall();
	test_sysenter();
	test_cmpxchg();
	test_iret();
	test_int_frame();
}
