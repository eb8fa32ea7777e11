/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which port of a switch an Ethernet address is behind: a table of fixed size. An
 * address is fixed (a card's own, as configured) or learnt from what a port sends. A
 * port that sends under ever new addresses takes its own oldest entries, nobody
 * else's. The caller locks.
 */
#ifndef METAL_MACTABLE_H
#define METAL_MACTABLE_H

#include <trivet/netdev.h>
#include <trivet/types.h>

#define MACTABLE_PORTS 128
#define MACTABLE_WAYS 8
#define MACTABLE_BUCKETS 256 /* a power of two */
#define MACTABLE_SIZE (MACTABLE_BUCKETS * MACTABLE_WAYS)
#define MACTABLE_PORT_MACS 64 /* learnt ones a port has at most */
/* IEEE 802.1D-2004, table 7-5: the recommended ageing time. */
#define MACTABLE_AGE_NS (300 * (u64)1000000000)

struct mactable_entry {
	u8 mac[NET_MAC_SIZE];
	u8 port;
	bool used, fixed;
	u64 seen_ns;
};

struct mactable {
	struct mactable_entry entries[MACTABLE_SIZE];
	u64 secret[2]; /* a guest cannot tell which addresses share a bucket */
	u16 learnt[MACTABLE_PORTS][MACTABLE_PORT_MACS]; /* entries, oldest at next */
	u8 next[MACTABLE_PORTS];
};

/* Empty. secret: random. */
void mactable_init(struct mactable *t, const u64 secret[2]);
/* mac is behind port for good. -EEXIST: it is another's; -ENOSPC. */
int mactable_fix(struct mactable *t, const u8 mac[NET_MAC_SIZE], unsigned port);
/*
 * port sends as mac, a single station's address. False: that is fixed behind another
 * port. True says nothing of whether there was room to note it.
 */
bool mactable_learn(struct mactable *t, const u8 mac[NET_MAC_SIZE], unsigned port, u64 now_ns);
/* The port that mac is behind; -1: not known, or not heard of for too long. */
int mactable_find(struct mactable *t, const u8 mac[NET_MAC_SIZE], u64 now_ns);
/* Forgets what was learnt from port. */
void mactable_forget(struct mactable *t, unsigned port);

#endif
