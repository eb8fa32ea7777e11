/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every network backend has: a thread, a queue from the guest, one to it,
 * and the netdev that the card is given. Neither a vCPU's thread nor vm->lock is
 * held while the backend works: under the lock frames are copied, nothing else.
 */
#ifndef HOST_NET_PORT_H
#define HOST_NET_PORT_H

#include <trivet/vm.h>

#include <poll.h>
#include <pthread.h>

#include "netq.h"

struct net_port;

struct net_port_ops {
	/* One round of the thread: ends with net_port_wait and what it brought. */
	void (*round)(struct net_port *p);
	/* A frame from the guest, whose data may be changed. In net_port_output. */
	void (*output)(struct net_port *p, struct netq_frame *f);
	/* In the thread, when p->offloads has changed; may be NULL. */
	void (*set_offloads)(struct net_port *p, unsigned offloads);
	void (*close)(struct net_port *p); /* with the thread gone; frees p */
};

/* Embedded by a backend in its own struct. */
struct net_port {
	struct netdev netdev;
	const struct net_port_ops *ops;
	struct netq to_world, to_guest;
	int wake_fd;
	u32 asleep;   /* atomic: the thread must be woken */
	u32 starving; /* atomic: the card waits for room in to_world */
	u32 ending;   /* atomic */
	u32 offloads, offloads_set; /* atomic: wanted by the card; the thread's own */
	unsigned index;
	pthread_t thread;
	bool started;
	struct vm *vm; /* with attach_mutex, as all that follows */
	pthread_mutex_t attach_mutex; /* taken before vm->lock */
	u32 refused; /* atomic, set with vm->lock: the card lacks receive buffers */
};

/* netdev's mac, mtu and offloads are filled in by the caller. -errno. */
int net_port_init(struct net_port *p, const struct net_port_ops *ops,
		  struct error *err);
/* Undoes init, when no thread was started. */
void net_port_fini(struct net_port *p);
/* The VM whose card is served, built and without a running vCPU. The first time
 * this starts the thread. -errno. */
int net_port_attach(struct net_port *p, struct vm *vm, struct error *err);
/* Drops what is queued, and leaves the VM alone until it is attached again.
 * Without vm->lock, with no vCPU running. */
void net_port_detach(struct net_port *p);
/* Ends the thread, if there is one, and frees p. Detached. */
void net_port_close(struct net_port *p);

/* For the thread. Hands a bounded number of the guest's frames to ops->output. */
void net_port_output(struct net_port *p);
/*
 * poll() on n descriptors, of which fds[0] is filled in here: it wakes. timeout_ms
 * may be -1. Does not sleep while the guest has sent something. As poll().
 */
int net_port_wait(struct net_port *p, struct pollfd *fds, unsigned n, int timeout_ms);
/* Is there room for frames to the guest? */
bool net_port_room(struct net_port *p);
/* Gives the card what to_guest holds, as far as it takes it. */
void net_port_deliver(struct net_port *p);

#endif
