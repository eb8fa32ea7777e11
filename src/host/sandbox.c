/* SPDX-License-Identifier: Apache-2.0 */
/* Putting up the sandbox, and what to do where a part of it cannot be had. */
#include "sandbox_private.h"
#include "log.h"
#include "terminal.h"

#include <trivet/platform.h>

#include <errno.h>
#include <linux/futex.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The sanitizers' run-time opens /proc files, starts a tracing process and maps
 * as it likes: a list wide enough for it would be no list.
 */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

struct sandbox {
	bool on, landlock, seccomp;
	u32 starting; /* atomic, a futex: threads that are not confined yet */
	struct sock_fprog programs[SANDBOX_KINDS];
};

/* The one of this process: see sandbox.h. But for `starting`, written by sandbox_begin
 * alone. */
static struct sandbox *sandbox(void)
{
	static struct sandbox one;

	return &one;
}

/* A kernel without Landlock (before 5.13, or left out at boot): one line. */
static int begin_landlock(struct sandbox *s, const struct sandbox_needs *needs,
			  struct error *err)
{
	int r;

	if (!sandbox_landlock_abi()) {
		platform_log(LOG_WARN, "sandbox: this kernel has no Landlock: files are "
			     "kept out by seccomp only");
		return 0;
	}
	r = sandbox_landlock_restrict(needs);
	if (r)
		return error_set(err, r, "sandbox: Landlock: %s; --no-sandbox runs "
				 "without", strerror(-r));
	s->landlock = true;
	return 0;
}

/* ENOSYS, EINVAL: a kernel without; EPERM, EACCES: refused by a container. */
static bool seccomp_missing(int r)
{
	return r == -ENOSYS || r == -EINVAL || r == -EPERM || r == -EACCES ||
	       r == -EOPNOTSUPP;
}

static int begin_seccomp(struct sandbox *s, struct error *err)
{
	int r = sandbox_filter_probe();

	if (seccomp_missing(r)) {
		platform_log(LOG_WARN, "sandbox: seccomp filters cannot be had here "
			     "(%s): system calls are not restricted", strerror(-r));
		return 0;
	}
	for (unsigned k = 0; k < SANDBOX_KINDS && !r; k++)
		r = sandbox_filter_build((enum sandbox_kind)k, &s->programs[k]);
	if (!r)
		r = sandbox_trap_install();
	if (r)
		return error_set(err, r, "sandbox: seccomp: %s; --no-sandbox runs "
				 "without", strerror(-r));
	s->seccomp = true;
	return 0;
}

int sandbox_begin(bool wanted, const struct sandbox_needs *needs, struct error *err)
{
	struct sandbox *s = sandbox();
	int r;

	if (!wanted || SANITIZED)
		return 0;
	/*
	 * With arenas per thread, free() would one day open /proc/sys/vm/
	 * overcommit_memory; nothing here allocates often enough to want them.
	 */
	mallopt(M_ARENA_MAX, 1);
	if ((r = sandbox_drop_privileges(err)) || (r = begin_landlock(s, needs, err)) ||
	    (r = begin_seccomp(s, err)))
		return r;
	s->on = true;
	return 0;
}

/* An unconfined thread must not go on, and there is nobody to return to. */
static void give_up(const char *what, int r)
{
	terminal_rescue();
	log_line("sandbox: %s: %s; --no-sandbox runs without", what, strerror(-r));
	_exit(STATUS_SANDBOX);
}

static void started(struct sandbox *s)
{
	if (__atomic_sub_fetch(&s->starting, 1, __ATOMIC_SEQ_CST) == 0)
		syscall(SYS_futex, &s->starting, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int sandbox_thread_create(pthread_t *thread, void *(*run)(void *), void *arg)
{
	struct sandbox *s = sandbox();
	int r;

	__atomic_add_fetch(&s->starting, 1, __ATOMIC_SEQ_CST);
	r = -pthread_create(thread, NULL, run, arg);
	if (r)
		started(s);
	return r;
}

void sandbox_settle(void)
{
	struct sandbox *s = sandbox();
	u32 n;

	while ((n = __atomic_load_n(&s->starting, __ATOMIC_SEQ_CST)))
		syscall(SYS_futex, &s->starting, FUTEX_WAIT_PRIVATE, n, NULL, NULL, 0);
}

static void confine(const struct sandbox *s, enum sandbox_kind kind)
{
	int r;

	if (!s->seccomp)
		return;
	r = sandbox_filter_load(&s->programs[kind]);
	if (r)
		give_up("a filter cannot be installed", r);
}

void sandbox_thread(enum sandbox_kind kind, const char *name_format, ...)
{
	struct sandbox *s = sandbox();
	char name[16];
	va_list ap;

	if (name_format) {
		va_start(ap, name_format);
		vsnprintf(name, sizeof name, name_format, ap);
		va_end(ap);
		/* by the thread itself: another's name would be a file to open */
		prctl(PR_SET_NAME, name, 0, 0, 0);
	}
	confine(s, kind);
	if (kind != SANDBOX_MAIN)
		started(s);
}

const char *sandbox_state(void)
{
	const struct sandbox *s = sandbox();

	if (!s->on)
		return "off";
	if (s->landlock)
		return s->seccomp ? "on" : "on, without seccomp";
	return s->seccomp ? "on, without Landlock" :
			    "on, without Landlock, without seccomp";
}
