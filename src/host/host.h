/* SPDX-License-Identifier: Apache-2.0 */
/* One running machine as the hosted program keeps it. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <trivet/machine.h>

#include "args.h"
#include "console.h"
#include "disks.h"
#include "links.h"
#include "nets.h"
#include "vcpus.h"

enum exit_status {
	STATUS_OK = 0,	     /* the guest powered off, or the operator quit */
	STATUS_USAGE = 2,    /* bad usage, VM file, kernel ... */
	STATUS_CRASHED = 3,  /* triple fault or engine error */
	STATUS_TIMEOUT = 124,
	STATUS_SIGNAL = 128, /* plus the signal's number */
};

/* Descriptors of the event thread; -1 when not open. */
struct events {
	int timer_fd;  /* the VM's earliest timer */
	int wake_fd;   /* look around: input wanted, or the vCPUs have ended */
	int signal_fd;
	u64 armed_ns;  /* what timer_fd is set to; with vm->lock */
};

struct host {
	struct vm vm;
	const struct vm_config *cfg;
	enum stats_form stats;
	struct machine_config machine_config;
	struct machine *machine;
	struct console *console;
	struct disks disks;
	struct links links;
	struct nets nets;
	struct events events;
	struct vcpus vcpus;
	int smaps_fd;	/* of memuse_open */
	u64 start_ns, deadline_ns; /* deadline: of --timeout; ~0 for none */
	bool quitting;		   /* the operator, a signal or the time-out */
	int quit_status;
	u64 force_ns; /* when vCPUs that do not end are given up */
};

/* run.c: everything from the settings to the exit status. */
int run_machine(const struct vm_config *cfg, enum stats_form stats);

/* events.c. Signals are blocked from events_open on, in every later thread. */
int events_open(struct events *e, struct error *err);
void events_close(struct events *e);
/* The program's main thread: serves timers, input and signals until every vCPU
 * thread has ended. */
void events_loop(struct host *h);

#endif
