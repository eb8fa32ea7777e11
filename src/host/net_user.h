/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User-mode networking by libslirp: a network of its own, 10.0.2.0/24 and
 * fec0::/64, behind the program's sockets; needs no privileges.
 */
#ifndef HOST_NET_USER_H
#define HOST_NET_USER_H

#include "net_port.h"
#include "net_spec.h"

/* A card's network, without a forward, its thread not started. -errno. */
int net_user_open(struct net_port **out, struct error *err);
/* Before the thread is started. -errno: the port is taken, say. */
int net_user_forward(struct net_port *p, const struct net_forward *f);

#endif
