/* SPDX-License-Identifier: Apache-2.0 */
/* One thread, one epoll set. */
#include "ioloop.h"
#include "sandbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct ioloop {
	int epoll_fd;
	pthread_t thread;
	bool started;
	bool ending; /* the thread's own */
	struct ioloop_bell end;
};

/*
 * One event at a time: a handler may drop any source, and no event of a dropped
 * one is left over then.
 */
static void *loop_main(void *arg)
{
	struct ioloop *l = arg;

	sandbox_thread(SANDBOX_SOCKETS, "sockets");
	while (!l->ending) {
		struct epoll_event event;

		if (epoll_wait(l->epoll_fd, &event, 1, -1) == 1) {
			struct ioloop_source *s = event.data.ptr;

			s->ready(s, event.events);
		}
	}
	return NULL;
}

int ioloop_watch(struct ioloop *l, struct ioloop_source *s, u32 events)
{
	struct epoll_event event = { .events = events, .data.ptr = s };
	int op = !s->watched ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

	if (s->fd < 0 || events == s->watched)
		return 0;
	if (epoll_ctl(l->epoll_fd, op, s->fd, &event) < 0)
		return -errno;
	s->watched = events;
	return 0;
}

void ioloop_drop(struct ioloop *l, struct ioloop_source *s)
{
	(void)ioloop_watch(l, s, 0);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void bell_ready(struct ioloop_source *s, u32 events)
{
	struct ioloop_bell *b = CONTAINER_OF(s, struct ioloop_bell, source);
	u64 count;

	(void)events;
	(void)!read(s->fd, &count, sizeof count);
	atomic_store(&b->rung, false); /* a ring from here on is another */
	b->answer(b);
}

int ioloop_bell_open(struct ioloop *l, struct ioloop_bell *b,
		     void (*answer)(struct ioloop_bell *b))
{
	int r;

	b->answer = answer;
	atomic_init(&b->rung, false);
	b->source = (struct ioloop_source){
		.ready = bell_ready, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (b->source.fd < 0)
		return -errno;
	r = ioloop_watch(l, &b->source, EPOLLIN);
	if (r)
		ioloop_drop(l, &b->source);
	return r;
}

void ioloop_bell_ring(struct ioloop_bell *b)
{
	const u64 one = 1;

	if (!atomic_exchange(&b->rung, true))
		(void)!write(b->source.fd, &one, sizeof one);
}

static void end_answer(struct ioloop_bell *b)
{
	CONTAINER_OF(b, struct ioloop, end)->ending = true;
}

int ioloop_open(struct ioloop **out)
{
	struct ioloop *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return -ENOMEM;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		r = -errno;
		goto fail;
	}
	r = ioloop_bell_open(l, &l->end, end_answer);
	if (r)
		goto fail_epoll;
	*out = l;
	return 0;
fail_epoll:
	close(l->epoll_fd);
fail:
	free(l);
	return r;
}

int ioloop_start(struct ioloop *l)
{
	int r = sandbox_thread_create(&l->thread, loop_main, l);

	l->started = !r;
	return r;
}

void ioloop_stop(struct ioloop *l)
{
	if (!l->started)
		return;
	ioloop_bell_ring(&l->end);
	pthread_join(l->thread, NULL);
	l->started = false;
}

void ioloop_close(struct ioloop *l)
{
	if (!l)
		return;
	ioloop_stop(l);
	ioloop_drop(l, &l->end.source);
	close(l->epoll_fd);
	free(l);
}
