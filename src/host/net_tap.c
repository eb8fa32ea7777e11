/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap interface: Linux's Documentation/networking/tuntap.rst. Frames come and go
 * with virtio's own header (IFF_VNET_HDR), so that the kernel does what the
 * guest leaves to the card, and the reverse.
 */
#include "net_tap.h"
#include "log.h"

#include <trivet/bits.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BUDGET 64 /* frames between two looks around */

struct net_tap {
	struct net_port port;
	int fd;
};

typedef struct virtio_net_hdr_mrg_rxbuf tap_header;

static struct net_tap *tap_of(struct net_port *p)
{
	return CONTAINER_OF(p, struct net_tap, port);
}

static tap_header header_of(const struct net_offload *o)
{
	static const u8 types[] = { VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_HDR_GSO_TCPV4,
				    VIRTIO_NET_HDR_GSO_TCPV6 };
	tap_header h = { 0 };

	if (o->needs_csum) {
		h.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.hdr.csum_start = o->csum_start;
		h.hdr.csum_offset = o->csum_offset;
	}
	if (o->gso == NET_GSO_NONE)
		return h;
	h.hdr.gso_type = (u8)(types[o->gso] | (o->ecn ? VIRTIO_NET_HDR_GSO_ECN : 0));
	h.hdr.gso_size = o->gso_size;
	h.hdr.hdr_len = o->header_len;
	return h;
}

/* False: a frame that no card takes. */
static bool offload_of(const tap_header *h, struct net_offload *o)
{
	*o = (struct net_offload){
		.needs_csum = h->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_valid = h->hdr.flags & VIRTIO_NET_HDR_F_DATA_VALID,
		.csum_start = h->hdr.csum_start,
		.csum_offset = h->hdr.csum_offset,
		.ecn = h->hdr.gso_type & VIRTIO_NET_HDR_GSO_ECN,
		.gso_size = h->hdr.gso_size,
		.header_len = h->hdr.hdr_len,
	};
	switch (h->hdr.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		o->gso = NET_GSO_NONE;
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		o->gso = NET_GSO_TCP4;
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		o->gso = NET_GSO_TCP6;
		return true;
	default:
		return false;
	}
}

/* A full queue of the host, or an interface that is down, loses the frame. */
static void tap_output(struct net_port *p, struct netq_frame *f)
{
	tap_header h = header_of(&f->offload);
	struct iovec iov[] = { { &h, sizeof h }, { f->data, f->length } };

	(void)!writev(tap_of(p)->fd, iov, 2);
}

/* One frame from the host; false when there is none. */
static bool tap_read(struct net_tap *t)
{
	struct netq_frame *f = netq_reserve(&t->port.to_guest, NET_FRAME_MAX);
	tap_header h;
	struct iovec iov[] = { { &h, sizeof h }, { NULL, NET_FRAME_MAX } };
	ssize_t n;

	if (!f)
		return false;
	iov[1].iov_base = f->data;
	n = readv(t->fd, iov, 2);
	if (n < 0)
		return false;
	if ((size_t)n > sizeof h && offload_of(&h, &f->offload))
		netq_commit(&t->port.to_guest, f, (u32)((size_t)n - sizeof h));
	return true;
}

static void tap_round(struct net_port *p)
{
	struct net_tap *t = tap_of(p);
	struct pollfd fds[2] = { [1] = { .fd = t->fd, .events = POLLIN } };

	net_port_output(p);
	/* what a guest does not take waits in the host's queue */
	(void)net_port_wait(p, fds, net_port_room(p) ? 2 : 1, -1);
	if (fds[1].revents & POLLERR) /* the interface is gone: nothing to do */
		fds[1].revents = 0;
	for (unsigned i = 0; fds[1].revents && i < READ_BUDGET; i++)
		if (!net_port_room(p) || !tap_read(t))
			break;
	net_port_deliver(p);
}

/* What the kernel may leave undone in frames to us. */
static void tap_set_offloads(struct net_port *p, unsigned offloads)
{
	unsigned flags = (offloads & NETDEV_CSUM ? TUN_F_CSUM : 0) |
			 (offloads & NETDEV_TSO4 ? TUN_F_TSO4 : 0) |
			 (offloads & NETDEV_TSO6 ? TUN_F_TSO6 : 0) |
			 (offloads & NETDEV_ECN ? TUN_F_TSO_ECN : 0);

	(void)ioctl(tap_of(p)->fd, TUNSETOFFLOAD, flags);
}

static void tap_close(struct net_port *p)
{
	struct net_tap *t = tap_of(p);

	close(t->fd);
	free(t);
}

static const struct net_port_ops tap_ops = {
	.round = tap_round,
	.output = tap_output,
	.set_offloads = tap_set_offloads,
	.close = tap_close,
};

static int attach_fault(const char *ifname, int code, struct error *err)
{
	switch (code) {
	case -EBUSY:
		return error_set(err, code, "net: tap:%s: in use by another program",
				 ifname);
	case -EPERM:
		return error_set(err, code, "net: tap:%s: not permitted; expected a tap "
				 "that this user owns (ip tuntap add %s mode tap user "
				 "NAME)", ifname, ifname);
	case -EINVAL:
		return error_set(err, code, "net: tap:%s: expected a tap interface, with "
				 "one queue", ifname);
	default:
		return error_set(err, code, "net: tap:%s: %s", ifname, strerror(-code));
	}
}

/* The descriptor, or -errno. */
static int tap_attach(const char *ifname, struct error *err)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header = sizeof(tap_header), fd, r;

	/* the next call would make it, had we the privilege */
	if (!if_nametoindex(ifname))
		return error_set(err, -ENODEV, "net: tap:%s: no such interface; expected "
				 "one made before (ip tuntap add %s mode tap)", ifname,
				 ifname);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_set(err, -errno, "net: tap:%s: /dev/net/tun: %s", ifname,
				 strerror(errno));
	memcpy(ifr.ifr_name, ifname, strlen(ifname) + 1);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0 ||
	    ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, 0) < 0) {
		r = attach_fault(ifname, -errno, err);
		close(fd);
		return r;
	}
	return fd;
}

int net_tap_open(const char *ifname, struct net_port **out, struct error *err)
{
	const unsigned all = NETDEV_CSUM | NETDEV_TSO4 | NETDEV_TSO6 | NETDEV_ECN;
	struct net_tap *t = calloc(1, sizeof *t);
	int r;

	if (!t)
		return error_set(err, -ENOMEM, "net: tap:%s: out of memory", ifname);
	t->fd = tap_attach(ifname, err);
	if (t->fd < 0) {
		r = t->fd;
		goto fail;
	}
	t->port.netdev.send_offloads = all;
	t->port.netdev.receive_offloads = all;
	r = net_port_init(&t->port, &tap_ops, err);
	if (r)
		goto fail_fd;
	*out = &t->port;
	return 0;
fail_fd:
	close(t->fd);
fail:
	free(t);
	return r;
}
