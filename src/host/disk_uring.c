/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk on io_uring. One thread per disk owns the ring: it takes what was
 * submitted, hands all of it to the kernel in one call, which also waits, and ends
 * what has completed under one vm->lock. Submitting is queueing, and a write to an
 * eventfd, which the ring reads, when the thread sleeps in the kernel.
 */
#include "disk_backend.h"
#include "log.h"
#include "sandbox.h"

#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_ENTRIES (2 * BLOCK_REQUESTS_MAX)

struct uring_op {
	struct block_request *r;
	struct disk_cursor cursor;
	u64 done; /* bytes */
	struct uring_op *next_free;
	struct iovec vectors[BLOCK_SEGMENTS_MAX];
};

struct disk_uring {
	struct disk *disk;
	const struct disk_file *file;
	struct disk_worker *worker;
	pthread_t thread;
	char name[16];
	int wake_fd;

	pthread_mutex_t mutex; /* for these; taken inside vm->lock */
	struct block_request *first, **last;
	bool sleeping, ending;
	bool opened; /* the thread knows whether it has a ring */
	int open_result;
	pthread_cond_t open_done;

	/* the thread's own */
	struct io_uring ring;
	u64 woken; /* where the eventfd's count is read to */
	bool listening;
	unsigned told; /* how often entering failed */
	unsigned in_flight;
	struct uring_op *free;
	struct uring_op ops[BLOCK_REQUESTS_MAX];
	unsigned ended_count;
	struct disk_result ended[BLOCK_REQUESTS_MAX];
};

static void wake(struct disk_uring *u)
{
	const u64 one = 1;

	(void)!write(u->wake_fd, &one, sizeof one);
}

/* Discard and zeroes need several tries, and ioctls on block devices. */
static bool for_worker(const struct block_request *r)
{
	return r->op == BLOCK_DISCARD || r->op == BLOCK_WRITE_ZEROES;
}

void disk_uring_submit(struct disk_uring *u, struct block_request *r)
{
	if (for_worker(r)) {
		disk_worker_submit(u->worker, r);
		return;
	}
	r->next = NULL;
	pthread_mutex_lock(&u->mutex);
	*u->last = r;
	u->last = &r->next;
	pthread_mutex_unlock(&u->mutex);
}

void disk_uring_commit(struct disk_uring *u)
{
	bool asleep;

	pthread_mutex_lock(&u->mutex);
	asleep = u->first && u->sleeping;
	if (asleep)
		u->sleeping = false;
	pthread_mutex_unlock(&u->mutex);
	if (asleep)
		wake(u);
}

/* --- the thread ------------------------------------------------------------- */

/* All that was submitted. */
static struct block_request *take_all(struct disk_uring *u, bool *ending)
{
	struct block_request *first;

	pthread_mutex_lock(&u->mutex);
	first = u->first;
	u->first = NULL;
	u->last = &u->first;
	u->sleeping = false;
	*ending = u->ending;
	pthread_mutex_unlock(&u->mutex);
	return first;
}

/* From now on a commit wakes the thread; false when there was one already. */
static bool may_sleep(struct disk_uring *u)
{
	bool ok;

	pthread_mutex_lock(&u->mutex);
	ok = !u->first && !u->ending;
	u->sleeping = ok;
	pthread_mutex_unlock(&u->mutex);
	return ok;
}

/* There is always one: the ring has more entries than there are requests. */
static struct io_uring_sqe *next_sqe(struct disk_uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (!sqe) {
		(void)io_uring_submit(&u->ring);
		sqe = io_uring_get_sqe(&u->ring);
	}
	if (!sqe)
		abort();
	return sqe;
}

static void await_wake(struct disk_uring *u)
{
	struct io_uring_sqe *sqe;

	if (u->listening)
		return;
	sqe = next_sqe(u);
	io_uring_prep_read(sqe, u->wake_fd, &u->woken, sizeof u->woken, 0);
	io_uring_sqe_set_data(sqe, NULL);
	u->listening = true;
}

/* The rest of op, from its start or after a part was done. */
static void prepare(struct disk_uring *u, struct uring_op *op)
{
	struct io_uring_sqe *sqe = next_sqe(u);
	struct block_request *r = op->r;
	unsigned n = (unsigned)disk_vectors(&op->cursor, op->vectors, BLOCK_SEGMENTS_MAX);
	int fd = u->file->fd;

	if (r->op == BLOCK_FLUSH)
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	else if (r->op == BLOCK_READ)
		io_uring_prep_readv(sqe, fd, op->vectors, n, r->offset + op->done);
	else
		io_uring_prep_writev2(sqe, fd, op->vectors, n, r->offset + op->done,
				      r->durable ? RWF_DSYNC : 0);
	io_uring_sqe_set_data(sqe, op);
}

static void end_request(struct disk_uring *u, struct block_request *r, int result)
{
	u->ended[u->ended_count++] = (struct disk_result){ r, result };
}

static void start(struct disk_uring *u, struct block_request *r)
{
	int fault = r->op == BLOCK_WRITE ? disk_check_length(u->file) : 0;
	struct uring_op *op = u->free;

	if (fault) {
		end_request(u, r, fault);
		return;
	}
	u->free = op->next_free;
	op->r = r;
	op->cursor = (struct disk_cursor){ .r = r };
	op->done = 0;
	u->in_flight++;
	prepare(u, op);
}

static bool only_writes(const struct block_request *r)
{
	while (r && r->op == BLOCK_WRITE && !r->durable)
		r = r->next;
	return !r;
}

/*
 * A write into the page cache is a copy, but the ring hands those of a file to one
 * of its own threads, one after the other. While nothing else is in flight that
 * would wait for them they are done here.
 */
static void start_all(struct disk_uring *u, struct block_request *r)
{
	bool here = !u->in_flight && only_writes(r);

	while (r) {
		struct block_request *next = r->next;

		if (here)
			end_request(u, r, disk_io(u->file, r));
		else
			start(u, r);
		r = next;
	}
}

/* Did op end, and how? Goes on with what is left of it otherwise. */
static bool op_ended(struct disk_uring *u, struct uring_op *op, int res, int *result)
{
	if (res == -EINTR || res == -EAGAIN) {
		prepare(u, op);
		return false;
	}
	*result = res < 0 ? res : 0;
	if (res < 0 || op->r->op == BLOCK_FLUSH)
		return true;
	if (res == 0) {
		*result = -EIO; /* the file became shorter */
		return true;
	}
	op->done += (u64)res;
	if (op->done >= op->r->length)
		return true;
	disk_advance(&op->cursor, (u64)res);
	prepare(u, op);
	return false;
}

static void complete(struct disk_uring *u, struct io_uring_cqe *cqe)
{
	struct uring_op *op = io_uring_cqe_get_data(cqe);
	int result;

	if (!op) {
		u->listening = false;
		return;
	}
	if (!op_ended(u, op, cqe->res, &result))
		return;
	end_request(u, op->r, result);
	op->next_free = u->free;
	u->free = op;
	u->in_flight--;
}

static void reap(struct disk_uring *u)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	io_uring_for_each_cqe(&u->ring, head, cqe) {
		complete(u, cqe);
		n++;
	}
	io_uring_cq_advance(&u->ring, n);
}

static void finish_ended(struct disk_uring *u)
{
	unsigned n = u->ended_count;

	u->ended_count = 0;
	if (n)
		disk_finish(u->disk, u->ended, n);
}

/* Hands over what is prepared, and sleeps until something ends, unless there is
 * news to be told first. */
static void enter(struct disk_uring *u, bool ending)
{
	bool wait = !u->ended_count && (ending ? u->in_flight != 0 : may_sleep(u));
	int r = wait ? io_uring_submit_and_wait(&u->ring, 1) : io_uring_submit(&u->ring);

	if (r >= 0 || r == -EINTR || r == -EAGAIN || r == -EBUSY)
		return;
	if (!u->told++)
		log_line("disk: io_uring failed: %s; \",io=threads\" does without",
			 strerror(-r));
	usleep(10000); /* nothing better is known than to try again */
}

/*
 * seccomp does not see what goes through a ring: it takes the operations below and
 * no other, ever (Linux 5.10).
 */
static int ring_restrict(struct io_uring *ring)
{
	static const u8 needed[] = { IORING_OP_READ, IORING_OP_READV, IORING_OP_WRITEV,
				     IORING_OP_FSYNC };
	struct io_uring_restriction all[ARRAY_SIZE(needed)] = { { 0 } };

	for (unsigned i = 0; i < ARRAY_SIZE(needed); i++) {
		all[i].opcode = IORING_RESTRICTION_SQE_OP;
		all[i].sqe_op = needed[i];
	}
	/* by hand: not every liburing has its own functions for this */
	if (syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_RESTRICTIONS, all,
		    ARRAY_SIZE(all)) < 0 ||
	    syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS,
		    NULL, 0) < 0)
		return -errno;
	return 0;
}

/* The ring is this thread's alone, which newer kernels can make use of. */
static int ring_open(struct io_uring *ring)
{
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, 0
	};
	int r = -EINVAL;

	for (unsigned i = 0; i < ARRAY_SIZE(flags) && r == -EINVAL; i++)
		r = io_uring_queue_init(RING_ENTRIES, ring,
					flags[i] | IORING_SETUP_R_DISABLED);
	if (r)
		return r;
	r = ring_restrict(ring);
	if (r)
		io_uring_queue_exit(ring);
	return r;
}

int disk_uring_probe(void)
{
	struct io_uring ring;
	int r = ring_open(&ring);

	if (!r)
		io_uring_queue_exit(&ring);
	return r;
}

/* To disk_uring_open: 0, or why there is no ring. */
static void tell_open(struct disk_uring *u, int result)
{
	pthread_mutex_lock(&u->mutex);
	u->open_result = result;
	u->opened = true;
	pthread_cond_signal(&u->open_done);
	pthread_mutex_unlock(&u->mutex);
}

static void *uring_main(void *arg)
{
	struct disk_uring *u = arg;
	bool ending = false;
	int r = ring_open(&u->ring);

	tell_open(u, r);
	if (r)
		return NULL;
	sandbox_thread(SANDBOX_DISK, "%s", u->name);
	while (!ending || u->in_flight) {
		struct block_request *first = take_all(u, &ending);

		start_all(u, first);
		await_wake(u);
		enter(u, ending);
		reap(u);
		finish_ended(u);
	}
	io_uring_queue_exit(&u->ring);
	return NULL;
}

/* --- life --------------------------------------------------------------------- */

static int start_thread(struct disk_uring *u)
{
	int r = sandbox_thread_create(&u->thread, uring_main, u);

	if (r)
		return r;
	pthread_mutex_lock(&u->mutex);
	while (!u->opened)
		pthread_cond_wait(&u->open_done, &u->mutex);
	pthread_mutex_unlock(&u->mutex);
	if (u->open_result)
		pthread_join(u->thread, NULL);
	return u->open_result;
}

static void uring_free(struct disk_uring *u)
{
	if (u->wake_fd >= 0)
		close(u->wake_fd);
	pthread_cond_destroy(&u->open_done);
	pthread_mutex_destroy(&u->mutex);
	free(u);
}

int disk_uring_open(struct disk *d, const struct disk_file *f, const char *name,
		    struct disk_worker *worker, struct disk_uring **out)
{
	struct disk_uring *u = calloc(1, sizeof *u);
	int r;

	if (!u)
		return -ENOMEM;
	u->disk = d;
	u->file = f;
	u->worker = worker;
	u->last = &u->first;
	snprintf(u->name, sizeof u->name, "%s", name);
	for (unsigned i = 0; i < BLOCK_REQUESTS_MAX; i++) {
		u->ops[i].next_free = u->free;
		u->free = &u->ops[i];
	}
	pthread_mutex_init(&u->mutex, NULL);
	pthread_cond_init(&u->open_done, NULL);
	u->wake_fd = eventfd(0, EFD_CLOEXEC);
	r = u->wake_fd < 0 ? -errno : start_thread(u);
	if (r)
		uring_free(u);
	else
		*out = u;
	return r;
}

void disk_uring_close(struct disk_uring *u)
{
	if (!u)
		return;
	pthread_mutex_lock(&u->mutex);
	u->ending = true;
	pthread_mutex_unlock(&u->mutex);
	wake(u);
	pthread_join(u->thread, NULL);
	uring_free(u);
}
