/* SPDX-License-Identifier: Apache-2.0 */
/* A network backend: where a card's Ethernet frames go, and come from. */
#ifndef TRIVET_NETDEV_H
#define TRIVET_NETDEV_H

#include <trivet/segment.h>

#define NET_MAC_SIZE 6
#define NET_HEADER_SIZE 14 /* of Ethernet: the least that a frame has */
/* The longest frame: 64 KiB of IP, as one segment or to be segmented, behind an
 * Ethernet header with a VLAN tag. */
#define NET_FRAME_MAX (65535u + NET_HEADER_SIZE + 4)

struct netdev;

enum net_gso { NET_GSO_NONE, NET_GSO_TCP4, NET_GSO_TCP6 };

/* What is left to do with a frame, as virtio 1.2, 5.1.6 has it. */
struct net_offload {
	/* The checksum from csum_start to the end is still to be stored at
	 * csum_start + csum_offset, where the pseudo header's sum is. Within the
	 * frame. */
	bool needs_csum;
	bool csum_valid; /* received: the sums are known to be right */
	bool ecn;	 /* of GSO: TCP segments have ECN bits */
	u8 gso;		 /* enum net_gso: to be cut into segments */
	u16 gso_size;	 /* payload of each */
	u16 header_len;  /* a hint: Ethernet to TCP header */
	u16 csum_start, csum_offset;
};

enum netdev_offload { /* bits: what a side can do, or takes */
	NETDEV_CSUM = 1, /* needs_csum and csum_valid */
	NETDEV_TSO4 = 2,
	NETDEV_TSO6 = 4,
	NETDEV_ECN = 8,
};

/* Given by the program. Called with vm->lock held; must not block. */
struct netdev_ops {
	/*
	 * A frame from the guest, length bytes in all, NET_HEADER_SIZE to
	 * NET_FRAME_MAX; the memory is the backend's for the call only. False:
	 * no room now, send_ready will be called.
	 */
	bool (*send)(struct netdev *n, const struct mem_segment *segments,
		     unsigned count, u32 length, const struct net_offload *o);
	/* There are receive buffers again, if any were missing. */
	void (*receive_ready)(struct netdev *n);
	/* The offloads that `receive` takes from now on; NULL: never any. */
	void (*set_offloads)(struct netdev *n, unsigned offloads);
};

/* Counted by the device, with vm->lock held. */
struct netdev_stats {
	u64 sent_frames, sent_bytes;
	u64 received_frames, received_bytes;
	u64 dropped; /* bad, or too big for the driver's buffers */
};

/* Embedded by the program in its own struct. */
struct netdev {
	const struct netdev_ops *ops;
	u8 mac[NET_MAC_SIZE];	  /* the card's; unicast */
	u16 mtu;		  /* 68..65535; 0: the guest is told none */
	unsigned send_offloads;	  /* enum netdev_offload: what `send` takes */
	unsigned receive_offloads; /* what may come by `receive` */
	struct netdev_stats stats;
	/*
	 * Set by the device; NULL: no card. The program calls them with vm->lock
	 * held, from outside its ops. receive: a frame for the guest; false: no
	 * buffers, receive_ready will be called; one that cannot be received is
	 * dropped. receive_flush ends a run of them: the guest is told.
	 * send_ready: there is room again after send said no.
	 */
	bool (*receive)(void *ctx, const u8 *frame, u32 length,
			const struct net_offload *o);
	void (*receive_flush)(void *ctx);
	void (*send_ready)(void *ctx);
	void *ctx;
};

#endif
