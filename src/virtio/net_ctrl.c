/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network device's control queue: virtio 1.2, 5.1.6.5. Frames are not
 * filtered, so that there are no commands for that.
 */
#include "net.h"

#include <trivet/string.h>

enum { CLASS_MAC = 1, CLASS_GUEST_OFFLOADS = 5 };
enum { MAC_ADDR_SET = 1 };
enum { GUEST_OFFLOADS_SET = 0 };
enum { ACK_OK = 0, ACK_ERR = 1 };

#define COMMAND_SIZE 2 /* class and command */
#define GUEST_OFFLOADS (F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6 | F_GUEST_ECN)

void net_set_receive_offloads(struct virtio_net *n, u64 features)
{
	const struct netdev_ops *ops = n->backend->ops;
	unsigned take = 0;

	if (features & F_GUEST_CSUM) { /* the others' condition, 5.1.3.1 */
		take = NETDEV_CSUM | (features & F_GUEST_TSO4 ? NETDEV_TSO4 : 0) |
		       (features & F_GUEST_TSO6 ? NETDEV_TSO6 : 0);
		if (take != NETDEV_CSUM && features & F_GUEST_ECN)
			take |= NETDEV_ECN;
	}
	n->receive_offloads = take;
	if (ops->set_offloads)
		ops->set_offloads(n->backend, take);
}

static u8 set_mac(struct virtio_net *n)
{
	u8 mac[NET_MAC_SIZE];

	if (!virtio_has(&n->dev, F_CTRL_MAC_ADDR) ||
	    !vq_chain_read(&n->ctrl, COMMAND_SIZE, mac, sizeof mac) || mac[0] & 1)
		return ACK_ERR;
	memcpy(n->dev.config, mac, sizeof mac);
	return ACK_OK;
}

static u8 set_guest_offloads(struct virtio_net *n)
{
	u8 raw[8];
	u64 wanted;

	if (!virtio_has(&n->dev, F_CTRL_GUEST_OFFLOADS) ||
	    !vq_chain_read(&n->ctrl, COMMAND_SIZE, raw, sizeof raw))
		return ACK_ERR;
	wanted = get_le64(raw);
	/* no more than were negotiated (5.1.6.5.6.2) */
	if (wanted & ~(n->dev.driver_features & GUEST_OFFLOADS))
		return ACK_ERR;
	net_set_receive_offloads(n, wanted);
	return ACK_OK;
}

static u8 execute(struct virtio_net *n, u8 class, u8 command)
{
	if (class == CLASS_MAC && command == MAC_ADDR_SET)
		return set_mac(n);
	if (class == CLASS_GUEST_OFFLOADS && command == GUEST_OFFLOADS_SET)
		return set_guest_offloads(n);
	return ACK_ERR;
}

void net_control(struct virtio_net *n)
{
	/* as many as fit at once; the driver waits for each */
	for (unsigned i = 0; i < VQ_SIZE_MAX; i++) {
		u8 head[COMMAND_SIZE], ack;

		if (!virtio_pop(&n->dev, NET_CTRL, &n->ctrl))
			break;
		if (!n->ctrl.in_len || !vq_chain_read(&n->ctrl, 0, head, sizeof head)) {
			virtio_fail(&n->dev, "a command without class or room for its "
				    "answer");
			return;
		}
		ack = execute(n, head[0], head[1]);
		(void)vq_chain_write(n->dev.vm, &n->ctrl, 0, &ack, 1);
		vq_push(&n->dev.queues[NET_CTRL], &n->ctrl, 1);
	}
	virtio_signal(&n->dev, NET_CTRL);
}
