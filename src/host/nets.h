/* SPDX-License-Identifier: Apache-2.0 */
/* All network cards of a machine, from its settings. */
#ifndef HOST_NETS_H
#define HOST_NETS_H

#include <trivet/machine.h>

#include "config.h"
#include "net_port.h"

struct nets {
	struct net_port *port[MACHINE_MAX_NETS];
	char name[MACHINE_MAX_NETS][8]; /* for messages: "net 0" */
	unsigned count;
	bool sockets; /* a user network: it makes connections */
};

/* Opens what cfg names, forwards ports, and puts the cards into m. On error
 * nothing stays open. */
int nets_open(struct nets *all, const struct vm_config *cfg,
	      struct machine_config *m, struct error *err);
/* Would nets_open succeed? */
int nets_check(const struct vm_config *cfg, struct error *err);
/* Do backends open sockets while the machine runs? */
bool nets_need_sockets(const struct nets *all);
/* As net_port_attach, net_port_detach, net_port_close. */
int nets_attach(struct nets *all, struct vm *vm, struct error *err);
void nets_detach(struct nets *all);
void nets_close(struct nets *all);

#endif
