/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one instruction on this very CPU: registers, flags and FPU state in,
 * the same out, faults caught as the kernel reports them. R15 and RSP are the
 * harness's own.
 */
#ifndef TESTS_FPU_NATIVE_H
#define TESTS_FPU_NATIVE_H

/* <sys/ucontext.h> has a GNU enumeration of REG_* that is not ours. */
#include <features.h>
#pragma push_macro("__USE_GNU")
#undef __USE_GNU
#include <signal.h>
#include <ucontext.h>
#pragma pop_macro("__USE_GNU")
#define UCONTEXT_RIP 16

#include <arch/x86/state.h>
#include <string.h>
#include <sys/mman.h>

struct native {
	u64 gpr[16];
	u64 flags;
	u64 host_rsp;
	u64 pad[2 + 4];
	struct x86_fxsave in, out;
};

extern const u8 native_begin[], native_hole[], native_end[];
__asm__(".text\n"
	"native_begin:\n"
	"	push %rbx\n	push %rbp\n	push %r12\n"
	"	push %r13\n	push %r14\n	push %r15\n"
	"	mov %rdi, %r15\n"
	"	fxrstor64 192(%r15)\n"
	"	pushq 128(%r15)\n	popfq\n"
	"	mov 0(%r15), %rax\n	mov 8(%r15), %rcx\n"
	"	mov 16(%r15), %rdx\n	mov 24(%r15), %rbx\n"
	"	mov 40(%r15), %rbp\n	mov 48(%r15), %rsi\n"
	"	mov 56(%r15), %rdi\n	mov 64(%r15), %r8\n"
	"	mov 72(%r15), %r9\n	mov 80(%r15), %r10\n"
	"	mov 88(%r15), %r11\n	mov 96(%r15), %r12\n"
	"	mov 104(%r15), %r13\n	mov 112(%r15), %r14\n"
	"native_hole:\n"
	"	.fill 16, 1, 0x90\n"
	"	mov %rax, 0(%r15)\n	mov %rcx, 8(%r15)\n"
	"	pushfq\n	popq 128(%r15)\n	cld\n"
	"	mov %rdx, 16(%r15)\n	mov %rbx, 24(%r15)\n"
	"	mov %rbp, 40(%r15)\n	mov %rsi, 48(%r15)\n"
	"	mov %rdi, 56(%r15)\n	mov %r8, 64(%r15)\n"
	"	mov %r9, 72(%r15)\n	mov %r10, 80(%r15)\n"
	"	mov %r11, 88(%r15)\n	mov %r12, 96(%r15)\n"
	"	mov %r13, 104(%r15)\n	mov %r14, 112(%r15)\n"
	"	fxsave64 704(%r15)\n	fninit\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n"
	"	pop %r12\n	pop %rbp\n	pop %rbx\n"
	"	ret\n"
	"native_end:\n");
_Static_assert(offsetof(struct native, in) == 192, "asm knows");
_Static_assert(offsetof(struct native, out) == 704, "asm knows");

static u8 *native_code;
static volatile int native_signal;

static inline void native_handler(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;
	u8 *resume = native_code + (native_hole - native_begin) + 16;
	u8 *rip = (u8 *)uc->uc_mcontext.gregs[UCONTEXT_RIP];

	(void)info;
	native_signal = sig;
	if (rip < native_code || rip >= native_code + 4096) {
		signal(sig, SIG_DFL);
		return;
	}
	uc->uc_mcontext.gregs[UCONTEXT_RIP] = (greg_t)resume;
}

static inline void native_init(void)
{
	struct sigaction sa = { .sa_sigaction = native_handler, .sa_flags = SA_SIGINFO };

	native_code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(native_code, native_begin, (size_t)(native_end - native_begin));
	sigaction(SIGFPE, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
}

/* The signal it ended in, 0 for none. */
static inline int native_run(struct native *n, const u8 *code, unsigned len)
{
	u8 *hole = native_code + (native_hole - native_begin);
	u32 mxcsr;

	memset(hole, 0x90, 16);
	memcpy(hole, code, len);
	native_signal = 0;
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	((void (*)(struct native *))(uintptr_t)native_code)(n);
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	return native_signal;
}

#endif
