/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left to the program once a machine is built: no privileges, no new
 * files (Landlock), and per thread only the system calls its work needs
 * (seccomp). docs/guide.md says what a user sees of it.
 *
 * The order: open everything; sandbox_begin, before the first thread; then start
 * threads, each of which calls sandbox_thread first; the main thread's own turn
 * comes when the machine is built; sandbox_settle; then the guest.
 *
 * Privileges and filters belong to the process, and so does the state kept here.
 */
#ifndef HOST_SANDBOX_H
#define HOST_SANDBOX_H

#include <pthread.h>
#include <trivet/error.h>

/* 128 + SIGSYS: a thread made a system call its list does not have. */
#define STATUS_SANDBOX 159

/* One list of system calls each: sandbox_rules.c. */
enum sandbox_kind {
	SANDBOX_MAIN,	 /* events, and starting vCPU threads again after a reset */
	SANDBOX_VCPU,
	SANDBOX_CONSOLE, /* writes the guest's output */
	SANDBOX_DISK,
	SANDBOX_NET,	 /* user-mode networking, tap */
	SANDBOX_SOCKETS, /* unix sockets of ports and of vsock */
	SANDBOX_KINDS
};

#define SANDBOX_PATHS 64

/* What this machine's backends do with the world once it runs. */
struct sandbox_needs {
	bool network;	 /* TCP connections to anywhere, and /etc/resolv.conf */
	unsigned removes; /* files to remove at the end, such as unix sockets */
	const char *remove[SANDBOX_PATHS];
};

/*
 * Gives up privileges and takes the file system away, for this thread and those
 * it starts; prepares the filters. What this kernel does not have is told in
 * one line and done without. To be called with one thread and all files open.
 * With !wanted nothing is done, here and by sandbox_thread. -errno with err.
 */
int sandbox_begin(bool wanted, const struct sandbox_needs *needs, struct error *err);
/*
 * pthread_create of a thread that calls sandbox_thread, for sandbox_settle. 0, or
 * -EAGAIN.
 */
int sandbox_thread_create(pthread_t *thread, void *(*run)(void *), void *arg);
/* Waits until every thread that was created has been confined. */
void sandbox_settle(void);
/*
 * The first call of each thread: names it ("vcpu 3", at most 15 characters; NULL
 * keeps its name), and from here on a system call its kind does not have ends
 * the program, status STATUS_SANDBOX. Does not return when that cannot be had.
 */
void sandbox_thread(enum sandbox_kind kind, const char *name_format, ...)
	__attribute__((format(printf, 2, 3)));
/* "on", "off", or "on, without Landlock, without seccomp": for statistics. */
const char *sandbox_state(void);

#endif
