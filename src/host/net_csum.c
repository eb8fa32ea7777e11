/* SPDX-License-Identifier: Apache-2.0 */
/* The Internet checksum: RFC 1071. */
#include "net_csum.h"

#include <string.h>

/* The ones' complement sum does not mind the order of bytes: RFC 1071, 2(B). */
static u16 sum(const u8 *p, u32 n)
{
	u64 total = 0;
	u32 word;
	u16 half;

	for (; n >= sizeof word; p += sizeof word, n -= (u32)sizeof word) {
		memcpy(&word, p, sizeof word);
		total += word; /* no overflow in 64 bits: a frame is short */
	}
	if (n & 2) {
		memcpy(&half, p, sizeof half);
		total += half;
		p += 2;
	}
	if (n & 1)
		total += *p; /* little-endian: as if a zero followed */
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffff) + (total >> 16);
	total = (total & 0xffff) + (total >> 16);
	return (u16)total;
}

void net_csum_finish(u8 *frame, u32 length, const struct net_offload *o)
{
	u16 check = (u16)~sum(frame + o->csum_start, length - o->csum_start);

	if (!check)
		check = 0xffff; /* the same, and UDP's 0 means none */
	memcpy(frame + o->csum_start + o->csum_offset, &check, sizeof check);
}
