/* SPDX-License-Identifier: Apache-2.0 */
/* The Internet checksum, for backends that take none but finished frames. */
#ifndef HOST_NET_CSUM_H
#define HOST_NET_CSUM_H

#include <trivet/netdev.h>

/* Finishes the checksum that o says is left (virtio 1.2, 5.1.6.2). */
void net_csum_finish(u8 *frame, u32 length, const struct net_offload *o);

#endif
