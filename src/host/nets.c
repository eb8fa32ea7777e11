/* SPDX-License-Identifier: Apache-2.0 */
/* All network cards of a machine. */
#include "nets.h"
#include "net_tap.h"
#include "net_user.h"

#include <stdio.h>
#include <string.h>

/* Port forwards belong to the first user network. */
static int forward_all(struct net_port *p, const struct vm_config *cfg,
		       struct error *err)
{
	for (unsigned i = 0; i < cfg->forward_count; i++) {
		char text[NET_TEXT_MAX];
		int r = net_user_forward(p, &cfg->forwards[i]);

		if (!r)
			continue;
		net_forward_print(&cfg->forwards[i], text);
		return config_complain(cfg, KEY_PUBLISH, r, err,
				       "%s: %s; expected a port of this host that is free",
				       text, strerror(-r));
	}
	return 0;
}

static int open_one(struct nets *all, const struct vm_config *cfg, bool *forwarded,
		    struct error *err)
{
	unsigned i = all->count;
	const struct net_card *card = &cfg->nets[i];
	struct net_port *p;
	int r;

	if (card->kind == NET_SWITCH)
		return config_complain(cfg, KEY_NET, -EINVAL, err,
				       "switch:%s: only bare metal has switches (`trivet "
				       "image`); expected user or tap:INTERFACE",
				       card->ifname);
	r = card->kind == NET_TAP ? net_tap_open(card->ifname, &p, err) :
				    net_user_open(&p, err);
	if (r)
		return r;
	config_net_mac(cfg, i, p->netdev.mac);
	if (card->kind == NET_USER && !*forwarded) {
		r = forward_all(p, cfg, err);
		*forwarded = true;
	}
	if (r) {
		net_port_close(p);
		return r;
	}
	p->index = i;
	p->io.name = card->kind == NET_TAP ? card->ifname : "user";
	all->sockets |= card->kind == NET_USER;
	all->port[all->count++] = p;
	return 0;
}

int nets_open(struct nets *all, const struct vm_config *cfg,
	      struct machine_config *m, struct error *err)
{
	bool forwarded = false;

	all->count = 0;
	all->sockets = false;
	for (unsigned i = 0; i < cfg->net_count; i++) {
		int r = open_one(all, cfg, &forwarded, err);

		if (r) {
			nets_close(all);
			return r;
		}
		snprintf(all->name[i], sizeof all->name[i], "net %u", i);
		m->nets[i] = (struct machine_net){ all->name[i], &all->port[i]->netdev };
	}
	m->net_count = all->count;
	return 0;
}

int nets_check(const struct vm_config *cfg, struct error *err)
{
	struct machine_config m;
	struct nets all;
	int r = nets_open(&all, cfg, &m, err);

	if (!r)
		nets_close(&all);
	return r;
}

bool nets_need_sockets(const struct nets *all)
{
	return all->sockets;
}

int nets_attach(struct nets *all, struct vm *vm, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < all->count && !r; i++)
		r = net_port_attach(all->port[i], vm, err);
	return r;
}

void nets_detach(struct nets *all)
{
	for (unsigned i = 0; i < all->count; i++)
		net_port_detach(all->port[i]);
}

void nets_close(struct nets *all)
{
	while (all->count)
		net_port_close(all->port[--all->count]);
}
