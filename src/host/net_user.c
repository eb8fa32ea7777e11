/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User-mode networking. libslirp is the thread's alone, from net_port_start on.
 *
 * Throughput is frames as long as possible: the guest is told an MTU near 64 KiB,
 * may leave segments and checksums to us, and libslirp takes a segment of any
 * length once its checksum is there. What comes from it is known to be right.
 */
#include "net_user.h"
#include "log.h"
#include "net_csum.h"

#include <arpa/inet.h>
#include <errno.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define USER_MTU 65520 /* libslirp takes up to 65521 */
#define POLL_FDS_FIRST 64
#define GUEST_ADDRESS 0x0a00020fu /* 10.0.2.15 */

struct net_user {
	struct net_port port;
	Slirp *slirp;
	struct pollfd *fds; /* fds[0] is net_port's */
	unsigned count, size;
	bool ra_armed;
	bool resolved; /* frames that wait for the guest's address may go */
	s64 ra_ms; /* when the timer of router advertisements is due */
};

static struct net_user *user_of(struct net_port *p)
{
	return CONTAINER_OF(p, struct net_user, port);
}

/* libslirp's callbacks */

static ssize_t cb_send_packet(const void *data, size_t n, void *opaque)
{
	struct net_user *u = opaque;
	struct netq_frame *f;

	if (n < NET_HEADER_SIZE || n > NET_FRAME_MAX)
		return (ssize_t)n;
	f = netq_reserve(&u->port.to_guest, (u32)n);
	if (!f)
		return (ssize_t)n; /* lost, as on any wire */
	f->offload = (struct net_offload){ .csum_valid = true };
	memcpy(f->data, data, n);
	netq_commit(&u->port.to_guest, f, (u32)n);
	return (ssize_t)n;
}

static void cb_guest_error(const char *text, void *opaque)
{
	(void)opaque;
	platform_log(LOG_INFO, "net: %s", text);
}

static int64_t cb_clock_get_ns(void *opaque)
{
	(void)opaque;
	return (int64_t)platform_clock_ns();
}

/* There is one timer: SLIRP_TIMER_RA. */
static void *cb_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	(void)id, (void)cb_opaque;
	return opaque;
}

static void cb_timer_free(void *timer, void *opaque)
{
	(void)timer;
	((struct net_user *)opaque)->ra_armed = false;
}

static void cb_timer_mod(void *timer, int64_t ms, void *opaque)
{
	struct net_user *u = opaque;

	(void)timer;
	u->ra_ms = ms;
	u->ra_armed = true;
}

static void cb_fd_nothing(int fd, void *opaque)
{
	(void)fd, (void)opaque;
}

static void cb_nothing(void *opaque)
{
	(void)opaque;
}

static const SlirpCb callbacks = {
	.send_packet = cb_send_packet,
	.guest_error = cb_guest_error,
	.clock_get_ns = cb_clock_get_ns,
	.timer_new_opaque = cb_timer_new,
	.timer_free = cb_timer_free,
	.timer_mod = cb_timer_mod,
	.register_poll_fd = cb_fd_nothing,
	.unregister_poll_fd = cb_fd_nothing,
	.notify = cb_nothing, /* only its own thread makes work for it */
};

/* SLIRP_POLL_*: poll's events, and back */

static int cb_add_poll(int fd, int events, void *opaque)
{
	struct net_user *u = opaque;
	short wanted = 0;

	if (u->count == u->size) {
		struct pollfd *more = reallocarray(u->fds, 2 * (size_t)u->size,
						   sizeof *more);

		if (!more)
			return -1; /* it waits for the next round */
		u->fds = more;
		u->size *= 2;
	}
	wanted = (short)((events & SLIRP_POLL_IN ? POLLIN : 0) |
			 (events & SLIRP_POLL_OUT ? POLLOUT : 0) |
			 (events & SLIRP_POLL_PRI ? POLLPRI : 0));
	u->fds[u->count] = (struct pollfd){ .fd = fd, .events = wanted };
	return (int)u->count++;
}

static int cb_get_revents(int index, void *opaque)
{
	const struct net_user *u = opaque;
	int r;

	if (index < 1 || (unsigned)index >= u->count)
		return 0;
	r = u->fds[index].revents;
	return (r & POLLIN ? SLIRP_POLL_IN : 0) | (r & POLLOUT ? SLIRP_POLL_OUT : 0) |
	       (r & POLLPRI ? SLIRP_POLL_PRI : 0) | (r & POLLERR ? SLIRP_POLL_ERR : 0) |
	       (r & POLLHUP ? SLIRP_POLL_HUP : 0);
}

/* The backend */

/* Does the guest say its address: ARP, or ICMPv6? libslirp does not look at what
 * waited for that before the next round. */
static bool may_resolve(const struct netq_frame *f)
{
	const u8 *d = f->data;

	return (d[12] == 0x08 && d[13] == 0x06) ||
	       (d[12] == 0x86 && d[13] == 0xdd && f->length > 20 && d[20] == 58);
}

static void user_output(struct net_port *p, struct netq_frame *f)
{
	user_of(p)->resolved |= may_resolve(f);
	if (f->offload.needs_csum)
		net_csum_finish(f->data, f->length, &f->offload);
	slirp_input(user_of(p)->slirp, f->data, (int)f->length);
}

static s64 now_ms(void)
{
	return (s64)(platform_clock_ns() / 1000000);
}

/* Milliseconds to sleep at most, no more than limit; -1: for ever. */
static int sleep_ms(const struct net_user *u, u32 limit)
{
	if (u->ra_armed) {
		s64 left = u->ra_ms - now_ms();

		if (left < 0)
			left = 0;
		if (left < (s64)limit)
			limit = (u32)left;
	}
	if (u->resolved)
		return 0;
	return limit > INT32_MAX ? -1 : (int)limit;
}

static void run_timer(struct net_user *u)
{
	if (!u->ra_armed || now_ms() < u->ra_ms)
		return;
	u->ra_armed = false;
	slirp_handle_timer(u->slirp, SLIRP_TIMER_RA, NULL);
}

static void user_round(struct net_port *p)
{
	struct net_user *u = user_of(p);
	u32 limit = UINT32_MAX;
	bool poll_sockets;
	int r;

	net_port_output(p);
	/* more for a guest that does not take it would be thrown away */
	poll_sockets = net_port_room(p);
	u->count = 1;
	if (poll_sockets)
		slirp_pollfds_fill(u->slirp, &limit, cb_add_poll, u);
	r = net_port_wait(p, u->fds, u->count, sleep_ms(u, limit));
	u->resolved = false;
	if (poll_sockets)
		slirp_pollfds_poll(u->slirp, r < 0, cb_get_revents, u);
	run_timer(u);
	net_port_deliver(p);
}

static void user_close(struct net_port *p)
{
	struct net_user *u = user_of(p);

	slirp_cleanup(u->slirp);
	free(u->fds);
	free(u);
}

static const struct net_port_ops user_ops = {
	.round = user_round,
	.output = user_output,
	.close = user_close,
};

/* The addresses that QEMU's user network has too. */
static Slirp *make_slirp(struct net_user *u)
{
	SlirpConfig c = {
		.version = 4,
		.in_enabled = true,
		.vnetwork.s_addr = htonl(0x0a000200),
		.vnetmask.s_addr = htonl(0xffffff00),
		.vhost.s_addr = htonl(0x0a000202),
		.vdhcp_start.s_addr = htonl(GUEST_ADDRESS),
		.vnameserver.s_addr = htonl(0x0a000203),
		.in6_enabled = true,
		.vprefix_len = 64,
		.if_mtu = USER_MTU,
		.if_mru = USER_MTU,
	};

	(void)inet_pton(AF_INET6, "fec0::", &c.vprefix_addr6);
	(void)inet_pton(AF_INET6, "fec0::2", &c.vhost6);
	(void)inet_pton(AF_INET6, "fec0::3", &c.vnameserver6);
	return slirp_new(&c, &callbacks, u);
}

int net_user_open(struct net_port **out, struct error *err)
{
	struct net_user *u = calloc(1, sizeof *u);
	int r;

	if (!u)
		return error_set(err, -ENOMEM, "net: out of memory");
	u->port.netdev.mtu = USER_MTU;
	u->port.netdev.send_offloads = NETDEV_CSUM | NETDEV_TSO4 | NETDEV_TSO6;
	u->port.netdev.receive_offloads = NETDEV_CSUM;
	u->size = POLL_FDS_FIRST;
	u->fds = calloc(u->size, sizeof *u->fds);
	r = u->fds ? net_port_init(&u->port, &user_ops, err) :
		     error_set(err, -ENOMEM, "net: out of memory");
	if (r)
		goto fail;
	u->slirp = make_slirp(u);
	if (!u->slirp) {
		r = error_set(err, -ENOMEM, "net: libslirp does not start");
		goto fail_port;
	}
	*out = &u->port;
	return 0;
fail_port:
	net_port_fini(&u->port);
fail:
	free(u->fds);
	free(u);
	return r;
}

/* libslirp lets two share a UDP port, and would not notice: try alone first. */
static int udp_taken(const struct net_forward *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(f->host),
				 .sin_addr.s_addr = htonl(f->address) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
		r = -errno;
	close(fd);
	return r;
}

int net_user_forward(struct net_port *p, const struct net_forward *f)
{
	const struct in_addr host = { htonl(f->address) };
	const struct in_addr guest = { htonl(GUEST_ADDRESS) };
	int r = f->udp ? udp_taken(f) : 0;

	if (r)
		return r;
	errno = 0;
	if (slirp_add_hostfwd(user_of(p)->slirp, f->udp, host, f->host, guest,
			      f->guest) < 0)
		return errno ? -errno : -EADDRINUSE;
	return 0;
}
