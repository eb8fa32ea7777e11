/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the sandbox; tests/unit/test_sandbox.c uses them one by one. */
#ifndef HOST_SANDBOX_PRIVATE_H
#define HOST_SANDBOX_PRIVATE_H

#include "sandbox.h"

#include <linux/filter.h>
#include <seccomp.h>

/*
 * A system call that a kind of thread may make, if its arguments compare as said
 * (all of them; several rules for one call are alternatives).
 */
struct sandbox_rule {
	int call;	  /* SCMP_SYS(...) */
	bool refuse;	  /* answer ENOSYS instead: the C library then does without */
	bool own_process; /* the first argument is this process's number */
	unsigned count;
	struct scmp_arg_cmp args[2];
};

struct sandbox_list {
	const struct sandbox_rule *rules;
	unsigned count;
};

#define SANDBOX_LISTS 4
/* The lists that make up a kind's filter; unused places have count 0. */
struct sandbox_lists {
	struct sandbox_list list[SANDBOX_LISTS];
};
extern const struct sandbox_lists sandbox_lists[SANDBOX_KINDS];

/* Compiles a kind's lists; p->filter is malloc'ed. -errno. */
int sandbox_filter_build(enum sandbox_kind kind, struct sock_fprog *p);
/* For the calling thread, for good. Wants no_new_privs. -errno. */
int sandbox_filter_load(const struct sock_fprog *p);
/* 0 when this kernel and whoever confines us have what is needed, else -errno. */
int sandbox_filter_probe(void);

/* From now on a forbidden call ends the program with one line. -errno. */
int sandbox_trap_install(void);

/* 1 and up; 0 when this kernel has no Landlock or has it switched off. */
int sandbox_landlock_abi(void);
/* For the calling thread and those it starts. Wants no_new_privs. -errno. */
int sandbox_landlock_restrict(const struct sandbox_needs *needs);

/* Capabilities, groups, no_new_privs, core dumps. -errno with err. */
int sandbox_drop_privileges(struct error *err);

#endif
