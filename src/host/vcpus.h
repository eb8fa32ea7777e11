/* SPDX-License-Identifier: Apache-2.0 */
/* One thread per vCPU, and how a blocked one is woken. */
#ifndef HOST_VCPUS_H
#define HOST_VCPUS_H

#include <pthread.h>
#include <trivet/vm.h>

#include "console.h"

struct vcpus;

struct vcpu_thread {
	struct vcpus *all;
	struct vcpu *v;
	pthread_t thread;
	u32 wakes;   /* atomic, a futex: counts wake-ups */
	u32 waiting; /* atomic: the thread is in, or about to enter, the wait */
};

struct vcpus {
	struct vcpu_thread threads[VM_MAX_VCPUS];
	unsigned count;	  /* threads to join */
	u32 running;	  /* atomic: threads that still step */
	u32 go;		  /* atomic, a futex: they may step */
	int done_fd;	  /* eventfd, written when the last one ends */
	struct console *console;
};

/*
 * Starts the threads of every vCPU, which wait for vcpus_go. On failure none is left and the VM is
 * stopped. -EAGAIN with err.
 */
int vcpus_start(struct vcpus *all, struct vm *vm, struct console *console,
		int done_fd, struct error *err);
/* The guest runs from here on. */
void vcpus_go(struct vcpus *all);
/* True while a thread steps. Any thread. */
bool vcpus_running(const struct vcpus *all);
/* Waits for the threads, which end once the VM has stopped. */
void vcpus_join(struct vcpus *all);

#endif
