/* SPDX-License-Identifier: Apache-2.0 */
/* The named ports and the vsock of a machine. */
#include "links.h"

#include <string.h>
#include <time.h>

#define CLOSE_PATIENCE_MS 2000 /* of files that take no bytes */

static int open_ports(struct links *all, const struct vm_config *cfg,
		      struct machine_config *m, struct error *err)
{
	for (unsigned i = 0; i < cfg->port_count; i++) {
		int r = port_open(&cfg->ports[i], all->loop, &all->ports[i], err);

		if (r)
			return r;
		all->count++;
		m->ports[i] = (struct virtio_console_port){
			cfg->ports[i].name, port_chardev(all->ports[i]),
			port_connected(all->ports[i]),
		};
	}
	m->port_count = all->count;
	return 0;
}

static int open_vsock(struct links *all, const struct vm_config *cfg,
		      struct machine_config *m, struct error *err)
{
	int r = vsock_open(cfg->vsock, cfg->vsock_cid, all->loop, &all->vsock, err);

	if (!r)
		m->vsock = vsock_device(all->vsock);
	return r;
}

int links_open(struct links *all, const struct vm_config *cfg,
	       struct machine_config *m, struct error *err)
{
	int r;

	*all = (struct links){ 0 };
	if (!cfg->port_count && !cfg->vsock)
		return 0;
	r = ioloop_open(&all->loop);
	if (r)
		return error_set(err, r, "no event descriptors: %s", strerror(-r));
	r = open_ports(all, cfg, m, err);
	if (!r && cfg->vsock)
		r = open_vsock(all, cfg, m, err);
	if (r)
		links_close(all);
	return r;
}

int links_check(const struct vm_config *cfg, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < cfg->port_count && !r; i++)
		r = port_check(&cfg->ports[i], err);
	return r || !cfg->vsock ? r : vsock_check(cfg->vsock, err);
}

void links_needs(const struct links *all, struct sandbox_needs *needs)
{
	for (unsigned i = 0; i < all->count; i++)
		if (port_socket(all->ports[i]))
			needs->remove[needs->removes++] = port_socket(all->ports[i]);
	if (all->vsock)
		needs->remove[needs->removes++] = vsock_path(all->vsock);
}

int links_start(struct links *all, struct vm *vm, struct error *err)
{
	int r;

	all->vm = vm;
	if (!all->loop)
		return 0;
	for (unsigned i = 0; i < all->count; i++)
		if ((r = port_attach(all->ports[i], vm, err)))
			return r;
	if (all->vsock)
		vsock_attach(all->vsock, vm);
	r = ioloop_start(all->loop);
	return r ? error_set(err, r, "no thread for sockets: %s", strerror(-r)) : 0;
}

static bool all_idle(const struct links *all)
{
	bool idle = true;

	platform_mutex_lock(&all->vm->lock);
	for (unsigned i = 0; i < all->count; i++)
		idle &= port_idle(all->ports[i]);
	if (all->vsock)
		idle &= vsock_idle(all->vsock);
	platform_mutex_unlock(&all->vm->lock);
	return idle;
}

void links_finish(struct links *all, unsigned patience_ms)
{
	const struct timespec step = { 0, 5000000 };

	if (!all->loop)
		return;
	for (unsigned ms = 0; ms < patience_ms && !all_idle(all); ms += 5)
		nanosleep(&step, NULL);
	ioloop_stop(all->loop);
}

void links_close(struct links *all)
{
	while (all->count)
		port_close(all->ports[--all->count], CLOSE_PATIENCE_MS);
	if (all->vsock)
		vsock_close(all->vsock);
	ioloop_close(all->loop);
	*all = (struct links){ 0 };
}
