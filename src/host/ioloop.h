/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that waits for descriptors and calls their handlers: the sockets of
 * ports and of vsock. Handlers run in that thread, without vm->lock.
 */
#ifndef HOST_IOLOOP_H
#define HOST_IOLOOP_H

#include <stdatomic.h>
#include <trivet/error.h>
#include <trivet/types.h>

struct ioloop;

/* Embedded by its owner; fd is the owner's. */
struct ioloop_source {
	void (*ready)(struct ioloop_source *s, u32 events); /* EPOLLIN ... */
	int fd;
	u32 watched; /* the loop's: 0, it is not looked at */
};

/* Any thread rings, the loop's answers; several rings may give one answer. */
struct ioloop_bell {
	struct ioloop_source source;
	void (*answer)(struct ioloop_bell *b);
	atomic_bool rung;
};

/* -ENOMEM, or what epoll says. */
int ioloop_open(struct ioloop **out);
/* From here on handlers run. -EAGAIN. */
int ioloop_start(struct ioloop *l);
/* Ends the thread, if there is one: no handler runs from here on. */
void ioloop_stop(struct ioloop *l);
/* Stops, and forgets its sources. May be NULL. */
void ioloop_close(struct ioloop *l);

/*
 * Says what to wait for: EPOLLIN, EPOLLOUT; EPOLLET alone: a hang-up, once; 0:
 * nothing at all. Before ioloop_start, or in a handler. 0 or a negative errno.
 */
int ioloop_watch(struct ioloop *l, struct ioloop_source *s, u32 events);
/* No longer, and closes the descriptor. Harmless on fd -1. */
void ioloop_drop(struct ioloop *l, struct ioloop_source *s);

int ioloop_bell_open(struct ioloop *l, struct ioloop_bell *b,
		     void (*answer)(struct ioloop_bell *b));
void ioloop_bell_ring(struct ioloop_bell *b);

#endif
