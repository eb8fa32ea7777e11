/* SPDX-License-Identifier: Apache-2.0 */
/* The network device's parts, between themselves. */
#ifndef VIRTIO_NET_PRIVATE_H
#define VIRTIO_NET_PRIVATE_H

#include <trivet/bits.h>
#include <trivet/virtio/net.h>

/* Feature bits, 5.1.3 */
#define F_CSUM BIT(0)
#define F_GUEST_CSUM BIT(1)
#define F_CTRL_GUEST_OFFLOADS BIT(2)
#define F_MTU BIT(3)
#define F_MAC BIT(5)
#define F_GUEST_TSO4 BIT(7)
#define F_GUEST_TSO6 BIT(8)
#define F_GUEST_ECN BIT(9)
#define F_HOST_TSO4 BIT(11)
#define F_HOST_TSO6 BIT(12)
#define F_HOST_ECN BIT(13)
#define F_MRG_RXBUF BIT(15)
#define F_STATUS BIT(16)
#define F_CTRL_VQ BIT(17)
#define F_CTRL_MAC_ADDR BIT(23)

enum { NET_RX, NET_TX, NET_CTRL, NET_QUEUES };

/* struct virtio_net_hdr, 5.1.6: little-endian, the same both ways. */
#define NET_HDR_SIZE 12

struct virtio_net {
	struct virtio_device dev;
	struct virtio_pci *pci;
	struct netdev *backend;
	unsigned receive_offloads; /* enum netdev_offload: what the driver takes */
	unsigned send_offloads;	   /* what it may use */
	struct timer again;	   /* goes on with what is left to send */
	bool sending;		   /* tx is taken, and waits for the backend */
	struct net_offload offload; /* of it */
	unsigned tx_count;
	struct vq_chain tx;
	struct mem_segment tx_segments[VQ_SIZE_MAX];
	struct vq_chain rx[2]; /* a frame's first, and the one in hand */
	struct vq_used used[VQ_SIZE_MAX];
	struct vq_chain ctrl;
};

/* net_header.c: 5.1.6. False: not what was negotiated, or not within the frame
 * of length bytes. */
bool net_header_parse(const u8 *raw, u32 length, unsigned offloads,
		      struct net_offload *o);
void net_header_make(u8 *raw, const struct net_offload *o);

/* net_ctrl.c: the control queue, 5.1.6.5. */
void net_control(struct virtio_net *n);
/* Drivers ask for offloads by feature or control command. */
void net_set_receive_offloads(struct virtio_net *n, u64 features);

#endif
