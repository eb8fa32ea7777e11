/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a thread that made a forbidden system call: SIGSYS, one line that
 * says which, the terminal as it was, status 159. Should the handler be gone
 * or the signal blocked, the kernel kills the process by itself.
 */
#include "sandbox_private.h"
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#define NUMBERS 512
#define NAME_MAX_SIZE 28

/* Looked up beforehand: the library allocates, which a signal handler must not. */
struct call_names {
	char name[NUMBERS][NAME_MAX_SIZE];
};

/* A signal handler gets no pointer of ours; written before it is installed. */
static struct call_names *call_names(void)
{
	static struct call_names names;

	return &names;
}

static void names_fill(struct call_names *all)
{
	for (int i = 0; i < NUMBERS; i++) {
		char *s = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);

		if (s)
			strncpy(all->name[i], s, NAME_MAX_SIZE - 1);
		free(s);
	}
}

/* One line, put together with what a signal handler may use. */
struct line {
	char text[320];
	size_t n;
};

static void put(struct line *l, const char *s)
{
	for (; *s && l->n < sizeof l->text - 2; s++)
		l->text[l->n++] = *s;
}

static void put_number(struct line *l, u64 v, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	for (char one[2] = ""; n;) {
		one[0] = digits[--n];
		put(l, one);
	}
}

static void put_call(struct line *l, int number)
{
	const char *name = number >= 0 && number < NUMBERS ?
				   call_names()->name[number] : "";

	put(l, *name ? name : "unknown");
	put(l, " (number ");
	put_number(l, (u64)(unsigned)number, 10);
}

/* Three are enough to tell ioctls, prctls and sockets apart. */
static void put_arguments(struct line *l, const ucontext_t *u)
{
	static const int registers[] = { REG_RDI, REG_RSI, REG_RDX };

	put(l, "; arguments");
	for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
		put(l, " 0x");
		put_number(l, (u64)u->uc_mcontext.gregs[registers[i]], 16);
	}
	put(l, ")");
}

static void trap_handler(int signo, siginfo_t *info, void *context)
{
	struct line l = { .n = 0 };
	char name[16] = "?";

	(void)signo;
	prctl(PR_GET_NAME, name, 0, 0, 0);
	terminal_rescue();
	put(&l, "trivet: sandbox: the thread \"");
	put(&l, name);
	put(&l, "\" made a forbidden system call, ");
	put_call(&l, info->si_syscall);
	put_arguments(&l, context);
	put(&l, ", and the program ends; please report this. --no-sandbox runs without");
	l.text[l.n++] = '\n';
	(void)!write(STDERR_FILENO, l.text, l.n);
	_exit(STATUS_SANDBOX);
}

int sandbox_trap_install(void)
{
	struct sigaction sa = { .sa_sigaction = trap_handler, .sa_flags = SA_SIGINFO };
	sigset_t set;

	names_fill(call_names());
	sigfillset(&sa.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	if (sigaction(SIGSYS, &sa, NULL) || sigprocmask(SIG_UNBLOCK, &set, NULL))
		return -errno;
	return 0;
}
