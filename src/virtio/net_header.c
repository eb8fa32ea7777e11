/* SPDX-License-Identifier: Apache-2.0 */
/* The header before each frame: virtio 1.2, 5.1.6. */
#include "net.h"

#include <trivet/string.h>

enum { /* offsets */
	FLAGS = 0,
	GSO_TYPE = 1,
	HDR_LEN = 2,
	GSO_SIZE = 4,
	CSUM_START = 6,
	CSUM_OFFSET = 8,
};

#define FLAG_NEEDS_CSUM 1u
#define FLAG_DATA_VALID 2u
#define GSO_TCPV4 1u
#define GSO_TCPV6 4u
#define GSO_ECN 0x80u

/* The kind of segmentation when offloads have it; -1 when not. */
static int gso_of(unsigned type, unsigned offloads)
{
	if (type & GSO_ECN && !(offloads & NETDEV_ECN))
		return -1;
	switch (type & ~GSO_ECN) {
	case 0:
		return type ? -1 : NET_GSO_NONE;
	case GSO_TCPV4:
		return offloads & NETDEV_TSO4 ? NET_GSO_TCP4 : -1;
	case GSO_TCPV6:
		return offloads & NETDEV_TSO6 ? NET_GSO_TCP6 : -1;
	default:
		return -1;
	}
}

bool net_header_parse(const u8 *raw, u32 length, unsigned offloads,
		      struct net_offload *o)
{
	int gso = gso_of(raw[GSO_TYPE], offloads);

	*o = (struct net_offload){ 0 };
	if (gso < 0)
		return false;
	if (raw[FLAGS] & FLAG_NEEDS_CSUM) {
		o->needs_csum = true;
		o->csum_start = get_le16(raw + CSUM_START);
		o->csum_offset = get_le16(raw + CSUM_OFFSET);
		if (!(offloads & NETDEV_CSUM) ||
		    (u32)o->csum_start + o->csum_offset + 2 > length)
			return false;
	}
	if (gso == NET_GSO_NONE)
		return true;
	o->gso = (u8)gso;
	o->ecn = raw[GSO_TYPE] & GSO_ECN;
	o->gso_size = get_le16(raw + GSO_SIZE);
	o->header_len = get_le16(raw + HDR_LEN);
	/* segmentation includes the checksum (5.1.6.2.1) */
	return o->needs_csum && o->gso_size && o->header_len <= length;
}

void net_header_make(u8 *raw, const struct net_offload *o)
{
	static const u8 types[] = { 0, GSO_TCPV4, GSO_TCPV6 };

	memset(raw, 0, NET_HDR_SIZE);
	if (o->needs_csum) {
		raw[FLAGS] = FLAG_NEEDS_CSUM;
		put_le16(raw + CSUM_START, o->csum_start);
		put_le16(raw + CSUM_OFFSET, o->csum_offset);
	} else if (o->csum_valid) {
		raw[FLAGS] = FLAG_DATA_VALID;
	}
	if (o->gso == NET_GSO_NONE)
		return;
	raw[GSO_TYPE] = (u8)(types[o->gso] | (o->ecn ? GSO_ECN : 0));
	put_le16(raw + HDR_LEN, o->header_len);
	put_le16(raw + GSO_SIZE, o->gso_size);
}
