/* SPDX-License-Identifier: Apache-2.0 */
/* What every network backend has: queues, a thread, waking it. */
#include "net_port.h"
#include "sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OUTPUT_BUDGET 64  /* frames to the world between two looks around */
#define DELIVER_BUDGET 32 /* frames to the guest under one hold of the lock */

static const char *const stat_names[NET_STATS] = { "sent", "received" };

static struct net_port *port_of(struct netdev *n)
{
	return CONTAINER_OF(n, struct net_port, netdev);
}

/* Sequentially consistent with net_port_wait: either it sees what was put, or we
 * see it asleep. */
static void wake(struct net_port *p)
{
	const u64 one = 1;

	if (__atomic_exchange_n(&p->asleep, 0, __ATOMIC_SEQ_CST))
		(void)!write(p->wake_fd, &one, sizeof one);
}

static bool port_send(struct netdev *n, const struct mem_segment *segments,
		      unsigned count, u32 length, const struct net_offload *o)
{
	struct net_port *p = port_of(n);
	struct netq_frame *f = netq_reserve(&p->to_world, length);
	u8 *to;

	if (!f) {
		__atomic_store_n(&p->starving, 1, __ATOMIC_SEQ_CST);
		f = netq_reserve(&p->to_world, length); /* taken meanwhile? */
		if (!f) {
			wake(p);
			return false;
		}
	}
	f->offload = *o;
	to = f->data;
	for (unsigned i = 0; i < count; i++) {
		memcpy(to, segments[i].host, segments[i].len);
		to += segments[i].len;
	}
	netq_commit(&p->to_world, f, length);
	wake(p);
	return true;
}

static void port_receive_ready(struct netdev *n)
{
	struct net_port *p = port_of(n);

	if (__atomic_exchange_n(&p->refused, 0, __ATOMIC_SEQ_CST))
		wake(p);
}

static void port_set_offloads(struct netdev *n, unsigned offloads)
{
	struct net_port *p = port_of(n);

	__atomic_store_n(&p->offloads, offloads, __ATOMIC_SEQ_CST);
	wake(p);
}

static const struct netdev_ops port_ops = {
	.send = port_send,
	.receive_ready = port_receive_ready,
	.set_offloads = port_set_offloads,
};

int net_port_init(struct net_port *p, const struct net_port_ops *ops,
		  struct error *err)
{
	p->ops = ops;
	p->netdev.ops = &port_ops;
	p->io = (struct io_group){ .kind = "net", .ops = stat_names,
				   .stats = p->stats, .count = NET_STATS };
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake_fd < 0)
		return error_set(err, -errno, "net: no event descriptor: %s",
				 strerror(errno));
	if (netq_init(&p->to_world) || netq_init(&p->to_guest)) {
		netq_fini(&p->to_world);
		close(p->wake_fd);
		return error_set(err, -ENOMEM, "net: out of memory");
	}
	pthread_mutex_init(&p->attach_mutex, NULL);
	return 0;
}

void net_port_fini(struct net_port *p)
{
	pthread_mutex_destroy(&p->attach_mutex);
	netq_fini(&p->to_guest);
	netq_fini(&p->to_world);
	close(p->wake_fd);
}

static void *port_thread(void *arg)
{
	struct net_port *p = arg;

	sandbox_thread(SANDBOX_NET, "net %u", p->index);
	while (!__atomic_load_n(&p->ending, __ATOMIC_SEQ_CST))
		p->ops->round(p);
	return NULL;
}

int net_port_attach(struct net_port *p, struct vm *vm, struct error *err)
{
	int r = 0;

	pthread_mutex_lock(&p->attach_mutex);
	p->vm = vm;
	pthread_mutex_unlock(&p->attach_mutex);
	if (!p->started)
		r = sandbox_thread_create(&p->thread, port_thread, p);
	if (r)
		return error_set(err, r, "net: no thread: %s", strerror(-r));
	p->started = true;
	vm_io_add(vm, &p->io);
	return 0;
}

void net_port_detach(struct net_port *p)
{
	pthread_mutex_lock(&p->attach_mutex);
	if (p->vm)
		vm_io_remove(p->vm, &p->io);
	p->vm = NULL;
	pthread_mutex_unlock(&p->attach_mutex);
	netq_clear(&p->to_world);
	netq_clear(&p->to_guest);
	__atomic_store_n(&p->refused, 0, __ATOMIC_SEQ_CST);
	wake(p);
}

void net_port_close(struct net_port *p)
{
	__atomic_store_n(&p->ending, 1, __ATOMIC_SEQ_CST);
	wake(p);
	if (p->started)
		pthread_join(p->thread, NULL);
	net_port_fini(p);
	p->ops->close(p);
}

/* The card waited for room, and there is some. */
static void feed(struct net_port *p)
{
	pthread_mutex_lock(&p->attach_mutex);
	if (p->vm) {
		platform_mutex_lock(&p->vm->lock);
		if (p->netdev.send_ready)
			p->netdev.send_ready(p->netdev.ctx);
		platform_mutex_unlock(&p->vm->lock);
	}
	pthread_mutex_unlock(&p->attach_mutex);
}

static void take_offloads(struct net_port *p)
{
	u32 wanted = __atomic_load_n(&p->offloads, __ATOMIC_SEQ_CST);

	if (wanted == p->offloads_set)
		return;
	p->offloads_set = wanted;
	if (p->ops->set_offloads)
		p->ops->set_offloads(p, wanted);
}

static void record(struct net_port *p, enum net_port_stat what,
		   const struct netq_frame *f, bool ok)
{
	io_stats_record(&p->stats[what], platform_clock_ns() - f->since_ns, f->length,
			ok);
}

void net_port_output(struct net_port *p)
{
	struct netq_frame *f;

	take_offloads(p);
	for (unsigned i = 0; i < OUTPUT_BUDGET; i++) {
		f = netq_first(&p->to_world);
		if (!f)
			break;
		p->ops->output(p, f);
		record(p, NET_SENT, f, true);
		netq_next(&p->to_world);
	}
	if (__atomic_exchange_n(&p->starving, 0, __ATOMIC_SEQ_CST))
		feed(p);
}

/* Who brought it may have seen the thread awake, and not woken it. */
static bool work_waits(struct net_port *p)
{
	return !netq_empty(&p->to_world) ||
	       (!netq_empty(&p->to_guest) &&
		!__atomic_load_n(&p->refused, __ATOMIC_SEQ_CST)) ||
	       __atomic_load_n(&p->offloads, __ATOMIC_SEQ_CST) != p->offloads_set ||
	       __atomic_load_n(&p->ending, __ATOMIC_SEQ_CST);
}

int net_port_wait(struct net_port *p, struct pollfd *fds, unsigned n, int timeout_ms)
{
	u64 count;
	int r;

	fds[0] = (struct pollfd){ .fd = p->wake_fd, .events = POLLIN };
	__atomic_store_n(&p->asleep, 1, __ATOMIC_SEQ_CST);
	if (work_waits(p))
		timeout_ms = 0;
	r = poll(fds, n, timeout_ms);
	__atomic_store_n(&p->asleep, 0, __ATOMIC_SEQ_CST);
	if (r > 0 && fds[0].revents)
		(void)!read(p->wake_fd, &count, sizeof count);
	return r;
}

bool net_port_room(struct net_port *p)
{
	return netq_room(&p->to_guest) >= NETQ_SIZE / 2;
}

/* One frame; false: the card takes it later. One that it dropped is an error. */
static bool deliver_one(struct net_port *p, struct netq_frame *f)
{
	struct netdev *n = &p->netdev;
	u64 dropped = n->stats.dropped;

	if (!n->receive)
		return true;
	if (!n->receive(n->ctx, f->data, f->length, &f->offload))
		return false;
	record(p, NET_RECEIVED, f, n->stats.dropped == dropped);
	return true;
}

/* False: the card takes no more now. */
static bool deliver_some(struct net_port *p)
{
	struct netdev *n = &p->netdev;
	struct netq_frame *f = NULL;
	bool took = !__atomic_load_n(&p->refused, __ATOMIC_SEQ_CST);

	for (unsigned i = 0; i < DELIVER_BUDGET && took; i++) {
		f = netq_first(&p->to_guest);
		if (!f)
			break;
		took = deliver_one(p, f);
		if (took)
			netq_next(&p->to_guest);
		else
			__atomic_store_n(&p->refused, 1, __ATOMIC_SEQ_CST);
	}
	if (n->receive_flush)
		n->receive_flush(n->ctx);
	return f && took;
}

void net_port_deliver(struct net_port *p)
{
	bool more = true;

	if (netq_empty(&p->to_guest))
		return;
	pthread_mutex_lock(&p->attach_mutex);
	while (more && p->vm) {
		platform_mutex_lock(&p->vm->lock);
		more = deliver_some(p);
		platform_mutex_unlock(&p->vm->lock);
	}
	if (!p->vm) /* nobody is there */
		while (netq_first(&p->to_guest))
			netq_next(&p->to_guest);
	pthread_mutex_unlock(&p->attach_mutex);
}
