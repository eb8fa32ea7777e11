/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt messages between local APICs, and from the I/O APIC and MSI:
 * SDM vol. 3A 11.6 and 11.11. */
#include "lapic_internal.h"

struct message {
	u32 dest;
	bool logical;
	bool wide; /* dest has 32 bits (sender in x2APIC mode) */
	bool level;
	bool lowest;
	unsigned mode; /* enum apic_delivery_mode */
	u8 vector;
};

static bool message_broadcast(const struct message *m)
{
	return m->wide ? m->dest == ~(u32)0 : m->dest == 0xff;
}

/* 11.6.2.2 and 11.12.10. */
static bool match_logical(const struct lapic *l, const struct message *m)
{
	u32 ldr;

	if (lapic_x2(l)) {
		ldr = lapic_x2_ldr(l);
		return ldr >> 16 == m->dest >> 16 && (ldr & m->dest & 0xffff);
	}
	ldr = l->ldr >> 24;
	switch (l->dfr >> 28) {
	case 0xf: /* flat */
		return (ldr & m->dest) != 0;
	case 0: /* cluster */
		return ldr >> 4 == (m->dest & 0xff) >> 4 && (ldr & m->dest & 0xf);
	default:
		return false;
	}
}

static bool message_match(const struct lapic *l, const struct message *m)
{
	if (!lapic_hw_enabled(l))
		return false;
	if (message_broadcast(m))
		return true;
	return m->logical ? match_logical(l, m) : m->dest == l->v->index;
}

static void message_deliver(struct lapic *l, const struct message *m)
{
	switch (m->mode) {
	case DM_FIXED:
	case DM_LOWEST:
		lapic_accept(l, m->vector, m->level);
		break;
	case DM_NMI:
		vcpu_post(l->v, VCPU_EVENT_NMI, 0);
		break;
	case DM_INIT:
		vcpu_post(l->v, VCPU_EVENT_INIT, 0);
		break;
	case DM_STARTUP:
		vcpu_post(l->v, VCPU_EVENT_SIPI, m->vector);
		break;
	default:
		break; /* SMI: none; ExtINT: only through LINT0 */
	}
}

/* 11.6.2.4: the lowest processor priority; equals take turns. */
static struct lapic *pick_lowest(struct lapic_set *s, const struct message *m)
{
	struct lapic *best = NULL;

	for (unsigned n = 0; n < s->count; n++) {
		struct lapic *l = &s->apics[(s->next_lowest + n) % s->count];

		if (!message_match(l, m) || !lapic_sw_enabled(l))
			continue;
		if (!best || lapic_ppr(l) < lapic_ppr(best))
			best = l;
	}
	if (best)
		s->next_lowest = (best->v->index + 1) % s->count;
	return best;
}

/* 0, or -ENODEV when nobody is at the destination. */
static int message_send(struct lapic_set *s, const struct message *m)
{
	bool found = false;

	if (m->lowest) {
		struct lapic *l = pick_lowest(s, m);

		if (!l)
			return -ENODEV;
		message_deliver(l, m);
		return 0;
	}
	for (unsigned i = 0; i < s->count; i++) {
		if (!message_match(&s->apics[i], m))
			continue;
		message_deliver(&s->apics[i], m);
		found = true;
	}
	return found ? 0 : -ENODEV;
}

static void send_all(struct lapic *from, const struct message *m, bool self)
{
	struct lapic_set *s = from->set;

	for (unsigned i = 0; i < s->count; i++)
		if (lapic_hw_enabled(&s->apics[i]) && (self || &s->apics[i] != from))
			message_deliver(&s->apics[i], m);
}

void lapic_send_ipi(struct lapic *l, u64 icr)
{
	struct message m = {
		.dest = lapic_x2(l) ? (u32)(icr >> 32) : (u32)(icr >> 56),
		.logical = (icr & ICR_LOGICAL) != 0,
		.wide = lapic_x2(l),
		.mode = APIC_DM(icr),
		.lowest = APIC_DM(icr) == DM_LOWEST,
		.vector = (u8)icr,
	};

	if (!lapic_hw_enabled(l))
		return;
	/* INIT level de-assert only synchronised arbitration ids, long ago. */
	if (m.mode == DM_INIT && (icr & ICR_LEVEL) && !(icr & ICR_ASSERT))
		return;
	if (m.mode <= DM_LOWEST && m.vector < 16) {
		lapic_error(l, ESR_SEND_ILLEGAL);
		return;
	}
	switch ((icr >> 18) & 3) {
	case 0:
		message_send(l->set, &m);
		break;
	case 1:
		message_deliver(l, &m);
		break;
	default:
		send_all(l, &m, ((icr >> 18) & 3) == 2);
		break;
	}
}

int lapic_send_msi(void *ctx, u64 address, u32 data)
{
	struct lapic_set *s = ctx;
	bool hint = (address >> 3) & 1;
	struct message m = {
		.dest = (u32)(address >> 12) & 0xff,
		.logical = (address & 4) != 0,
		.level = (data & ICR_LEVEL) != 0,
		.mode = APIC_DM(data),
		.vector = (u8)data,
	};

	if ((address & ~(u64)0xfffff) != LAPIC_BASE)
		return -EINVAL;
	/* 11.11.1: with the redirection hint, one of a logical destination */
	m.lowest = m.mode == DM_LOWEST ||
		   (m.mode == DM_FIXED && hint && m.logical);
	return message_send(s, &m);
}
