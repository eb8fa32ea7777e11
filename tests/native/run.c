/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a case on the host CPU; exceptions come back as signals. */
#undef _GNU_SOURCE /* its REG_* clash with ours */
#define _DEFAULT_SOURCE

#include "native.h"

#include <asm/ldt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define USER_CS32 0x23 /* Linux's selector */
#define LDT_CS32 0x07  /* ours: entry 0 of the LDT */
#define TRAMPOLINE 0x800u
#define POINTERS 0x900u /* native_exit, native_exit_taken */

extern struct native_regs native_img;
extern u64 native_host_rsp;
extern struct {
	u32 offset;
	u16 selector;
} __attribute__((packed)) native_far;
extern u64 native_entry;
void native_enter(void);
void native_enter_far(void);
void native_exit(void);
void native_exit_taken(void);
void native_out(void);

_Static_assert(offsetof(struct native_regs, rflags) == 128 &&
	       offsetof(struct native_regs, taken) == 136 &&
	       offsetof(struct native_regs, fx) == 176, "enter.S knows the offsets");

static u8 *const scratch = (u8 *)SCRATCH;
static u8 *const code = (u8 *)CODE;
static volatile bool active;
static u16 code32; /* selector of a 32-bit code segment, or 0 */

/* REG_* of ucontext in the order of enum { REG_RAX, ... } (which clashes). */
static const int greg_of[16] = { 13, 14, 12, 11, 15, 10, 9, 8,
				 0, 1, 2, 3, 4, 5, 6, 7 };
enum { GREG_RSP = 15, GREG_RIP = 16, GREG_EFL = 17, GREG_CSGSFS = 18, GREG_ERR = 19,
       GREG_TRAPNO = 20, GREG_CR2 = 22 };

static void on_signal(int sig, siginfo_t *info, void *arg)
{
	ucontext_t *uc = arg;
	greg_t *g = uc->uc_mcontext.gregs;

	(void)info;
	if (!active) {
		signal(sig, SIG_DFL);
		return;
	}
	active = false;
	for (int n = 0; n < 16; n++)
		native_img.gpr[n] = (u64)g[greg_of[n]];
	native_img.rflags = (u64)g[GREG_EFL];
	native_img.fault = (u64)g[GREG_TRAPNO];
	native_img.cr2 = (u64)g[GREG_CR2];
	native_img.error = (u64)g[GREG_ERR];
	memcpy(&native_img.fx, uc->uc_mcontext.fpregs, sizeof native_img.fx);
	g[GREG_RIP] = (greg_t)(uintptr_t)native_out;
	g[GREG_RSP] = (greg_t)native_host_rsp; /* the case's may not be canonical */
	g[GREG_CSGSFS] = (g[GREG_CSGSFS] & ~(greg_t)0xffff) | SEL_CODE;
	g[GREG_EFL] = 0x202;
}

static void map_fixed(u8 *at, size_t size, int prot)
{
	void *p = mmap(at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != at) {
		perror("mmap");
		exit(2);
	}
}

/* At p: JMP [RIP+x] through pointer number which (aligned, so that EFLAGS.AC is
 * no trouble), from 64-bit code. */
static void put_jump(u8 *p, unsigned which)
{
	u8 *pointer = code + POINTERS + which * 8;

	put_le16(p, 0x25ff);
	put_le32(p + 2, (u32)(pointer - (p + 6)));
}

/* The way out of the code under test: from compatibility mode through a far
 * jump to the trampoline. */
static void put_exit(u8 *p, const struct native_case *t, unsigned which)
{
	if (t->mode == X86_MODE_64) {
		put_jump(p, which);
		return;
	}
	p[0] = 0xea;
	put_le32(p + 1, CODE + TRAMPOLINE + which * 16);
	put_le16(p + 5, SEL_CODE);
}

static bool selector_usable(u16 sel)
{
	u32 rights;
	bool ok;

	__asm__("lar %2, %0" : "=r"(rights), "=@ccz"(ok) : "r"((u32)sel));
	return ok;
}

/* A 32-bit code segment: the kernel's, or one of our own. 0: neither, as on a
 * kernel whose processor tables are not its own. */
static u16 find_code32(void)
{
	struct user_desc d = { .limit = 0xfffff, .seg_32bit = 1, .contents = 2,
			       .limit_in_pages = 1 };

	if (selector_usable(USER_CS32))
		return USER_CS32;
	if (syscall(SYS_modify_ldt, 1, &d, sizeof d))
		return 0;
	return selector_usable(LDT_CS32) ? LDT_CS32 : 0;
}

bool native_has_compat(void)
{
	code32 = find_code32();
	return code32 != 0;
}

void native_init(void)
{
	static const int signals[] = { SIGFPE, SIGSEGV, SIGILL, SIGTRAP, SIGBUS };
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	struct sigaction sa = { .sa_sigaction = on_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	u16 flat = SEL_DATA;

	map_fixed(scratch, SCRATCH_SIZE, PROT_READ | PROT_WRITE);
	map_fixed(code - PAGE_SIZE, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
	put_le64(code + POINTERS, (u64)(uintptr_t)native_exit);
	put_le64(code + POINTERS + 8, (u64)(uintptr_t)native_exit_taken);
	put_jump(code + TRAMPOLINE, 0);
	put_jump(code + TRAMPOLINE + 16, 1);
	sigaltstack(&stack, NULL);
	for (size_t n = 0; n < ARRAY_SIZE(signals); n++)
		sigaction(signals[n], &sa, NULL);
	/* compatibility mode needs real data segments */
	__asm__ volatile("movw %0, %%ds; movw %0, %%es" : : "r"(flat));
}

void native_run(const struct native_case *t, struct native_regs *out)
{
	memcpy(scratch, t->mem, SCRATCH_SIZE);
	memcpy(code - t->prelude_len, t->prelude, t->prelude_len);
	memcpy(code, t->code, t->len);
	put_exit(code + t->len, t, 0);
	put_exit(code + t->len + CODE_TAKEN, t, 1);
	native_img = t->in;
	native_img.taken = 0;
	native_img.fault = NO_FAULT;
	native_far.offset = CODE;
	native_far.selector = code32;
	native_entry = t->mode == X86_MODE_64 ? CODE - t->prelude_len : (u64)(uintptr_t)native_enter_far;
	active = true;
	native_enter();
	active = false;
	*out = native_img;
}

u8 *native_scratch(void)
{
	return scratch;
}
