/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a disk's requests reach the kernel: disk_uring.c on io_uring, disk_worker.c on
 * a thread and plain system calls, the reference for the other.
 */
#ifndef HOST_DISK_BACKEND_H
#define HOST_DISK_BACKEND_H

#include "disk.h"
#include "disk_io.h"

/*
 * A request's end, for both: the operator hears of the first fault, then under one
 * vm->lock every request's done is called. Without vm->lock; any thread.
 */
struct disk_result {
	struct block_request *r;
	int result; /* 0 or a negative errno */
};
void disk_finish(struct disk *d, const struct disk_result *ended, unsigned count);

struct disk_worker;

/* A thread named name that takes requests in turn and calls disk_finish. */
int disk_worker_open(struct disk *d, const struct disk_file *f, const char *name,
		     struct disk_worker **out);
/* Does not block for long: with vm->lock held. */
void disk_worker_submit(struct disk_worker *w, struct block_request *r);
/* After the last request has ended. w may be NULL. */
void disk_worker_close(struct disk_worker *w);

struct disk_uring;

/* 0, or -ENOSYS, -EPERM ...: this host has none for us. */
int disk_uring_probe(void);
/* What io_uring has no call for goes to worker. A negative errno. */
int disk_uring_open(struct disk *d, const struct disk_file *f, const char *name,
		    struct disk_worker *worker, struct disk_uring **out);
void disk_uring_submit(struct disk_uring *u, struct block_request *r);
void disk_uring_commit(struct disk_uring *u);
void disk_uring_close(struct disk_uring *u);

#endif
