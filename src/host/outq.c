/* SPDX-License-Identifier: Apache-2.0 */
/* The output queue: a ring and the thread that drains it. */
#include "outq.h"
#include "sandbox.h"
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RING_SIZE ((size_t)1 << 20)
/* A guest writes byte by byte: gather for half a millisecond, then write. */
#define GATHER_NS 500000

struct outq {
	int fd;
	const char *name;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t some;  /* bytes are there, or closing */
	pthread_cond_t room;  /* less than half full */
	pthread_cond_t moved; /* bytes went out, or the thread ended */
	u8 *ring;
	size_t head, count; /* head: the oldest byte */
	atomic_bool full;
	bool closing, abandoned, broken, ended;
	u64 lost, written;
};

/* The oldest bytes that lie in one piece. */
static size_t first_piece(const struct outq *q)
{
	return q->count < RING_SIZE - q->head ? q->count : RING_SIZE - q->head;
}

/* One write without the lock; fd may block or, being shared, may not. */
static ssize_t write_some(int fd, const u8 *p, size_t n)
{
	for (;;) {
		ssize_t put = write(fd, p, n);

		if (put >= 0)
			return put;
		if (errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			(void)poll(&wait, 1, 100);
		} else if (errno != EINTR) {
			return -1;
		}
	}
}

static void consumed(struct outq *q, ssize_t put)
{
	if (put < 0) { /* EPIPE, ENOSPC: nobody reads; the guest goes on */
		q->broken = true;
		q->count = 0;
	} else {
		q->head = (q->head + (size_t)put) % RING_SIZE;
		q->count -= (size_t)put;
		q->written += (u64)put;
	}
	if (q->full && q->count < RING_SIZE / 4) {
		q->full = false;
		pthread_cond_broadcast(&q->room);
	}
	pthread_cond_broadcast(&q->moved);
}

static void gather(struct outq *q)
{
	const struct timespec pause = { 0, GATHER_NS };

	pthread_mutex_unlock(&q->lock);
	nanosleep(&pause, NULL);
	pthread_mutex_lock(&q->lock);
}

static void outq_free(struct outq *q)
{
	pthread_cond_destroy(&q->moved);
	pthread_cond_destroy(&q->room);
	pthread_cond_destroy(&q->some);
	pthread_mutex_destroy(&q->lock);
	free(q->ring);
	free(q);
}

/* With the lock, which is given back while it writes. */
static void write_piece(struct outq *q)
{
	size_t n = first_piece(q);
	ssize_t put;
	int fault;

	pthread_mutex_unlock(&q->lock);
	put = write_some(q->fd, q->ring + q->head, n);
	fault = errno;
	pthread_mutex_lock(&q->lock);
	if (put < 0 && !q->abandoned)
		log_line("console: %s: %s; the guest's output is lost from here on",
			 q->name, strerror(fault));
	consumed(q, put);
}

static void *writer(void *arg)
{
	struct outq *q = arg;
	bool abandoned;

	sandbox_thread(SANDBOX_CONSOLE, "console");
	pthread_mutex_lock(&q->lock);
	for (;;) {

		if (!q->count && !q->closing) {
			pthread_cond_wait(&q->some, &q->lock);
			if (!q->closing)
				gather(q);
			continue;
		}
		if (!q->count || q->abandoned)
			break;
		write_piece(q);
	}
	q->ended = true;
	abandoned = q->abandoned;
	pthread_cond_broadcast(&q->moved);
	pthread_mutex_unlock(&q->lock);
	if (abandoned)
		outq_free(q);
	return NULL;
}

int outq_open(int fd, const char *name, struct outq **out)
{
	struct outq *q = calloc(1, sizeof *q);
	pthread_condattr_t attr;

	if (!q)
		return -ENOMEM;
	q->fd = fd;
	q->name = name;
	q->ring = malloc(RING_SIZE);
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->some, &attr);
	pthread_cond_init(&q->room, &attr);
	pthread_cond_init(&q->moved, &attr);
	pthread_condattr_destroy(&attr);
	if (!q->ring || sandbox_thread_create(&q->thread, writer, q)) {
		bool memory = !q->ring;

		outq_free(q);
		return memory ? -ENOMEM : -EAGAIN;
	}
	*out = q;
	return 0;
}

static void ring_add(struct outq *q, const u8 *data, size_t n)
{
	size_t tail = (q->head + q->count) % RING_SIZE;
	size_t piece = n < RING_SIZE - tail ? n : RING_SIZE - tail;

	memcpy(q->ring + tail, data, piece);
	memcpy(q->ring, data + piece, n - piece);
	q->count += n;
}

bool outq_put(struct outq *q, const u8 *data, size_t n)
{
	bool newly_full = false;

	pthread_mutex_lock(&q->lock);
	if (!q->broken) {
		size_t room = RING_SIZE - q->count;

		if (n > room) {
			q->lost += n - room;
			n = room;
		}
		if (!q->count)
			pthread_cond_signal(&q->some);
		ring_add(q, data, n);
		newly_full = !q->full && q->count > RING_SIZE / 2;
		if (newly_full)
			q->full = true;
	}
	pthread_mutex_unlock(&q->lock);
	return newly_full;
}

bool outq_full(const struct outq *q)
{
	return atomic_load_explicit(&q->full, memory_order_relaxed);
}

static struct timespec after_ms(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

void outq_wait(struct outq *q)
{
	struct timespec until = after_ms(100);

	pthread_mutex_lock(&q->lock);
	if (q->full)
		pthread_cond_timedwait(&q->room, &q->lock, &until);
	pthread_mutex_unlock(&q->lock);
}

/* True once the thread ended; false when no byte moved for patience_ms. */
static bool drain(struct outq *q, unsigned patience_ms)
{
	while (!q->ended) {
		struct timespec until = after_ms(patience_ms);
		u64 before = q->written;
		int r = 0;

		while (!q->ended && q->written == before && r != ETIMEDOUT)
			r = pthread_cond_timedwait(&q->moved, &q->lock, &until);
		if (!q->ended && q->written == before)
			return false;
	}
	return true;
}

u64 outq_close(struct outq *q, unsigned patience_ms)
{
	pthread_t thread = q->thread;
	u64 lost;
	bool ended;

	pthread_mutex_lock(&q->lock);
	q->closing = true;
	pthread_cond_signal(&q->some);
	ended = drain(q, patience_ms);
	q->abandoned = !ended;
	lost = q->lost + (q->broken ? 0 : q->count);
	pthread_mutex_unlock(&q->lock);
	if (!ended) {
		/* it hangs in write(); the queue is left to it */
		pthread_detach(thread);
		return lost;
	}
	pthread_join(thread, NULL);
	outq_free(q);
	return lost;
}
