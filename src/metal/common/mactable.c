/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets of a few entries: each operation looks at one bucket, whatever guests do. */
#include "mactable.h"

#include <trivet/error.h>
#include <trivet/string.h>

#define NO_ENTRY 0xffff

void mactable_init(struct mactable *t, const u64 secret[2])
{
	memset(t, 0, sizeof *t);
	memset(t->learnt, 0xff, sizeof t->learnt);
	t->secret[0] = secret[0];
	t->secret[1] = secret[1] | 1;
}

static struct mactable_entry *bucket_of(struct mactable *t, const u8 *mac)
{
	u64 h = 0;

	for (unsigned i = 0; i < NET_MAC_SIZE; i++)
		h = h << 8 | mac[i];
	h = (h ^ t->secret[0]) * t->secret[1];
	h ^= h >> 32;
	h *= t->secret[1];
	return &t->entries[(h >> 40) % MACTABLE_BUCKETS * MACTABLE_WAYS];
}

static struct mactable_entry *entry_of(struct mactable *t, const u8 *mac)
{
	struct mactable_entry *b = bucket_of(t, mac);

	for (unsigned i = 0; i < MACTABLE_WAYS; i++)
		if (b[i].used && !memcmp(b[i].mac, mac, NET_MAC_SIZE))
			return &b[i];
	return NULL;
}

/* Another processor's clock may have been read later than ours. */
static bool too_old(const struct mactable_entry *e, u64 now)
{
	return !e->fixed && now > e->seen_ns && now - e->seen_ns > MACTABLE_AGE_NS;
}

/* Free, or of no use any more, or port's own oldest; NULL: full of others'. */
static struct mactable_entry *place_for(struct mactable *t, const u8 *mac, unsigned port,
					u64 now)
{
	struct mactable_entry *b = bucket_of(t, mac), *own = NULL;

	for (unsigned i = 0; i < MACTABLE_WAYS; i++) {
		if (!b[i].used || too_old(&b[i], now))
			return &b[i];
		if (!b[i].fixed && b[i].port == port && (!own || b[i].seen_ns < own->seen_ns))
			own = &b[i];
	}
	return own;
}

/* Makes room in port's list: what it learnt longest ago goes, if that is still its. */
static u16 *list_slot(struct mactable *t, unsigned port)
{
	u16 *slot = &t->learnt[port][t->next[port]];

	t->next[port] = (u8)((t->next[port] + 1u) % MACTABLE_PORT_MACS);
	if (*slot != NO_ENTRY) {
		struct mactable_entry *e = &t->entries[*slot];

		if (e->used && !e->fixed && e->port == port)
			e->used = false;
	}
	return slot;
}

int mactable_fix(struct mactable *t, const u8 mac[NET_MAC_SIZE], unsigned port)
{
	struct mactable_entry *e = entry_of(t, mac);

	if (e && e->fixed)
		return e->port == port ? 0 : -EEXIST;
	if (!e)
		e = place_for(t, mac, MACTABLE_PORTS, 0);
	if (!e)
		return -ENOSPC;
	*e = (struct mactable_entry){ .port = (u8)port, .used = true, .fixed = true };
	memcpy(e->mac, mac, NET_MAC_SIZE);
	return 0;
}

bool mactable_learn(struct mactable *t, const u8 mac[NET_MAC_SIZE], unsigned port, u64 now_ns)
{
	struct mactable_entry *e = entry_of(t, mac);
	u16 *slot;

	if (e && (e->fixed || e->port == port)) {
		e->seen_ns = now_ns;
		return e->port == port;
	}
	slot = list_slot(t, port);
	if (!e)
		e = place_for(t, mac, port, now_ns);
	*slot = e ? (u16)(e - t->entries) : NO_ENTRY;
	if (!e)
		return true;
	*e = (struct mactable_entry){ .port = (u8)port, .used = true, .seen_ns = now_ns };
	memcpy(e->mac, mac, NET_MAC_SIZE);
	return true;
}

int mactable_find(struct mactable *t, const u8 mac[NET_MAC_SIZE], u64 now_ns)
{
	const struct mactable_entry *e = entry_of(t, mac);

	return e && !too_old(e, now_ns) ? e->port : -1;
}

void mactable_forget(struct mactable *t, unsigned port)
{
	for (unsigned i = 0; i < MACTABLE_SIZE; i++)
		if (!t->entries[i].fixed && t->entries[i].port == port)
			t->entries[i].used = false;
	memset(t->learnt[port], 0xff, sizeof t->learnt[port]);
	t->next[port] = 0;
}
