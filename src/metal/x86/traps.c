/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions, NMIs and interrupts of the hypervisor itself. */
#include <trivet/bits.h>
#include <trivet/fmt.h>

#include "asm.h"
#include "x86.h"

enum { T_NMI = 2, T_DOUBLE_FAULT = 8, T_PAGE_FAULT = 14, T_MACHINE_CHECK = 18 };

static const char *trap_name(u64 vector)
{
	static const char *const names[] = {
		"divide error", "debug exception", "NMI", "breakpoint", "overflow",
		"bound range exceeded", "invalid opcode", "device not available", "double fault",
		"coprocessor overrun", "invalid TSS", "segment not present", "stack fault",
		"general protection", "page fault", "reserved", "x87 error", "alignment check",
		"machine check", "SIMD error", "virtualization exception", "control protection",
	};

	return vector < ARRAY_SIZE(names) ? names[vector] : "unexpected interrupt";
}

static void explain_page_fault(const struct trap_frame *f, char *out, size_t size)
{
	u64 a = read_cr2();

	fmt_snprintf(out, size, "%s of %016llx: %s%s",
		     f->error & 16 ? "execution" : f->error & 2 ? "write" : "read",
		     (unsigned long long)a,
		     f->error & 1 ? "the mapping forbids it" : "nothing is mapped there",
		     a >= STACKS_BASE ? " (a stack ran over)" : a < PAGE_SIZE ? " (a null pointer)" : "");
}

static void explain(const struct trap_frame *f, char *out, size_t size)
{
	switch (f->vector) {
	case T_PAGE_FAULT:
		explain_page_fault(f, out, size);
		break;
	case T_DOUBLE_FAULT:
		fmt_snprintf(out, size, "a fault while another was delivered%s; last page fault at %016llx",
			     read_cr2() >= STACKS_BASE ? ": a stack ran over" : "",
			     (unsigned long long)read_cr2());
		break;
	case T_MACHINE_CHECK:
		fmt_snprintf(out, size, "the hardware reports an error (MCG_STATUS %llx)",
			     (unsigned long long)rdmsr(0x17a));
		break;
	default:
		fmt_snprintf(out, size, "error code %llx", (unsigned long long)f->error);
	}
}

#define L(v) ((unsigned long long)(v))

static void dump(const struct trap_frame *f)
{
	char why[160];

	/* the lock may be held by what just failed, on this processor */
	platform_mutex_init(&cpu_this()->metal->console.lock);
	__atomic_store_n(&cpu_this()->metal->dead, 1, __ATOMIC_SEQ_CST);
	explain(f, why, sizeof why);
	platform_log(LOG_ERROR, "processor %u: %s (vector %llu) in the hypervisor: %s",
		     cpu_this()->index, trap_name(f->vector), L(f->vector), why);
	platform_log(LOG_ERROR, "  rip %016llx  rsp %016llx  rflags %08llx", L(f->rip), L(f->rsp),
		     L(f->rflags));
	platform_log(LOG_ERROR, "  rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx", L(f->rax),
		     L(f->rbx), L(f->rcx), L(f->rdx));
	platform_log(LOG_ERROR, "  rsi %016llx  rdi %016llx  rbp %016llx  r8  %016llx", L(f->rsi),
		     L(f->rdi), L(f->rbp), L(f->r8));
	platform_log(LOG_ERROR, "  r9  %016llx  r10 %016llx  r11 %016llx  r12 %016llx", L(f->r9),
		     L(f->r10), L(f->r11), L(f->r12));
	platform_log(LOG_ERROR, "  r13 %016llx  r14 %016llx  r15 %016llx", L(f->r13), L(f->r14),
		     L(f->r15));
	platform_log(LOG_ERROR, "  cr0 %08llx  cr2 %016llx  cr3 %016llx  cr4 %08llx", L(read_cr0()),
		     L(read_cr2()), L(read_cr3()), L(read_cr4()));
}

void trap(struct trap_frame *f)
{
	struct cpu *cpu = cpu_this();

	if (__atomic_load_n(&cpu->metal->dead, __ATOMIC_SEQ_CST))
		arch_halt();
	switch (f->vector) {
	case VECTOR_SERIAL:
		serial_interrupt();
		/* fall through */
	case VECTOR_TIMER:
	case VECTOR_IPI:
		__atomic_store_n(&cpu->look, 1, __ATOMIC_SEQ_CST);
		apic_eoi();
		return;
	case VECTOR_SPURIOUS:
		return;
	case T_NMI: /* no lock may be waited for here: it may be ours */
		__atomic_store_n(&cpu->look, 1, __ATOMIC_SEQ_CST);
		return;
	default:
		dump(f);
		for (unsigned i = 0; i < cpu->metal->cpu_count; i++)
			if (cpu->metal->cpus[i] != cpu)
				arch_ipi(cpu->metal->cpus[i]);
		arch_halt();
	}
}
