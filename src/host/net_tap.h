/* SPDX-License-Identifier: Apache-2.0 */
/* A network card on a tap interface of the host that is already there. */
#ifndef HOST_NET_TAP_H
#define HOST_NET_TAP_H

#include "net_port.h"

/* Attaches to the interface; the thread is not started. -errno; err names the
 * interface and what was expected. */
int net_tap_open(const char *ifname, struct net_port **out, struct error *err);

#endif
