/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A learning Ethernet switch between VMs (IEEE 802.1D without the spanning tree: there
 * are no loops). Each port is the backend of one network card, and has a queue of fixed
 * size for the frames to it. A sender, with its own vm->lock, copies into that queue;
 * the receiving VM's home takes from it, with that VM's lock: never are two held.
 *
 * What a guest cannot do, whatever it sends: get frames for a card's configured address
 * (those addresses are fixed, and a frame that comes under another port's is dropped);
 * fill a queue against others (a port's share is what it leaves free); make others'
 * addresses forgotten; keep a processor copying (a port that has made SWITCH_BURST
 * copies waits until its VM was served).
 *
 * Locks, between vm->lock and cpu->lock: the switch's, a port's; one at a time.
 */
#ifndef METAL_NETSWITCH_H
#define METAL_NETSWITCH_H

#include <trivet/platform.h>

#include "mactable.h"

#define SWITCH_NAME_MAX 15
#define SWITCH_MTU 1500
#define SWITCH_FRAME_MAX (SWITCH_MTU + NET_HEADER_SIZE + 4) /* with a VLAN tag */
#define SWITCH_QUEUE 256  /* frames that wait for a port */
#define SWITCH_BURST 512  /* copies between two netswitch_serve */
#define SWITCH_SERVE 64	  /* frames given to a card at one go */

struct netswitch;

struct switch_frame {
	u16 length, from; /* bytes; the port that sent it */
	u8 data[SWITCH_FRAME_MAX];
};

/* Frames that this port's guest sent, or that were for it. Whole words, no lock. */
struct switch_stats {
	u64 forwarded, flooded;
	u64 spoofed;  /* under another card's address */
	u64 refused;  /* too long, from a group address, not for passing on */
	u64 overrun;  /* for this port, whose queue had no room */
};

struct switch_port {
	struct netdev netdev;
	struct netswitch *sw;
	unsigned index;
	void (*wake)(void *ctx); /* netswitch_serve has something to do */
	void *wake_ctx;
	struct switch_stats stats;
	/* With the lock of its VM: */
	bool no_buffers; /* the card refused a frame */
	bool held_back;	 /* the card waits for send_ready */
	unsigned burst;	 /* copies since netswitch_serve */
	u8 out[SWITCH_FRAME_MAX]; /* the frame in hand: guest memory is read once */
	/* With lock: */
	struct platform_mutex lock;
	struct switch_frame *queue; /* NULL: nobody is there */
	unsigned first, count;
	u16 held[MACTABLE_PORTS]; /* of these, by sender */
};

struct netswitch {
	char name[SWITCH_NAME_MAX + 1];
	struct switch_port *ports[MACTABLE_PORTS];
	unsigned count;
	struct platform_mutex lock; /* of macs */
	struct mactable macs;
};

/* name: at most SWITCH_NAME_MAX characters. */
void netswitch_init(struct netswitch *s, const char *name);
/*
 * Plugs p in, zeroed but for netdev.mac, wake and wake_ctx. Before anything runs; p stays
 * as long as s. wake is called without a switch's or port's lock, on any processor. -EEXIST:
 * another port has that address; -ENOSPC; -ENOMEM.
 */
int netswitch_plug(struct netswitch *s, struct switch_port *p);
/* Gives the card what waits, at most SWITCH_SERVE frames. True: there is more that it
 * would take. With vm->lock held, from outside the card. */
bool netswitch_serve(struct switch_port *p);
/* Drops what waits, and what was learnt: the guest starts anew. As netswitch_serve. */
void netswitch_clear(struct switch_port *p);
/* Nobody is there any more: its memory is given back. The card is gone. */
void netswitch_unplug(struct switch_port *p);

#endif
