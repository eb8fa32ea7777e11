/* SPDX-License-Identifier: Apache-2.0 */
/* The VMs' network cards, on switches that have names. */
#include <trivet/bits.h>
#include <trivet/bundle.h>
#include <trivet/string.h>

#include "metal.h"

/* Between two looks at a VM's ports: what senders can cost its home is bounded. */
#define PAUSE_NS 20000

static void net_wake(void *ctx)
{
	struct metal_vm *m = ctx;

	if (!__atomic_exchange_n(&m->net_waits, 1, __ATOMIC_SEQ_CST))
		sched_poke(m->home);
}

/* The switch of that name, made when it is the first time that it is named. */
static struct netswitch *switch_of(struct metal *metal, const char *name)
{
	struct netswitch *s;

	for (unsigned i = 0; i < metal->switch_count; i++)
		if (!strcmp(metal->switches[i]->name, name))
			return metal->switches[i];
	s = metal->switch_count < METAL_MAX_SWITCHES ? platform_alloc(sizeof *s) : NULL;
	if (s) {
		netswitch_init(s, name);
		metal->switches[metal->switch_count++] = s;
	}
	return s;
}

static int plug(struct metal_vm *m, const struct bundle_net *from, struct error *err)
{
	struct switch_port *p = &m->nets[m->net_count];
	struct netswitch *s = switch_of(m->metal, from->sw);
	const u8 *a = from->mac;
	int r;

	if (!s)
		return error_set(err, -ENOSPC, "net: switch:%s: no room; expected at most %d "
				 "switches", from->sw, METAL_MAX_SWITCHES);
	memcpy(p->netdev.mac, from->mac, NET_MAC_SIZE);
	p->wake = net_wake;
	p->wake_ctx = m;
	r = netswitch_plug(s, p);
	if (r == -EEXIST)
		return error_set(err, r, "net: switch:%s: another card has the address "
				 "%02x:%02x:%02x:%02x:%02x:%02x", from->sw, a[0], a[1], a[2], a[3],
				 a[4], a[5]);
	if (r)
		return error_set(err, r, "net: switch:%s: no room for a card", from->sw);
	m->config.nets[m->net_count++] = (struct machine_net){ m->name, &p->netdev };
	return 0;
}

int nets_create(struct metal_vm *m, const struct bundle_vm *from, struct error *err)
{
	int r = 0;

	if (!from->net_count)
		return 0;
	/* not given back: once plugged in, a switch knows it for good */
	m->nets = platform_alloc(from->net_count * sizeof *m->nets);
	if (!m->nets)
		return error_set(err, -ENOMEM, "out of memory");
	for (u32 i = 0; i < from->net_count && !r; i++)
		r = plug(m, &from->nets[i], err);
	m->config.net_count = m->net_count;
	if (r)
		nets_destroy(m);
	return r;
}

static bool serve_all(struct metal_vm *m)
{
	bool more = false;

	platform_mutex_lock(&m->vm.lock);
	for (unsigned i = 0; i < m->net_count; i++)
		more |= netswitch_serve(&m->nets[i]);
	platform_mutex_unlock(&m->vm.lock);
	return more;
}

/* While net_waits is set nobody sends another IPI. */
u64 nets_serve(struct metal_vm *m)
{
	u64 now;

	if (!__atomic_load_n(&m->net_waits, __ATOMIC_SEQ_CST))
		return NEVER;
	now = platform_clock_ns();
	if (now < m->net_again_ns)
		return m->net_again_ns;
	__atomic_store_n(&m->net_waits, 0, __ATOMIC_SEQ_CST);
	if (serve_all(m))
		__atomic_store_n(&m->net_waits, 1, __ATOMIC_SEQ_CST);
	m->net_again_ns = platform_clock_ns() + PAUSE_NS;
	return __atomic_load_n(&m->net_waits, __ATOMIC_SEQ_CST) ? m->net_again_ns : NEVER;
}

void nets_clear(struct metal_vm *m)
{
	for (unsigned i = 0; i < m->net_count; i++)
		netswitch_clear(&m->nets[i]);
}

void nets_destroy(struct metal_vm *m)
{
	for (unsigned i = 0; i < m->net_count; i++)
		netswitch_unplug(&m->nets[i]);
}
