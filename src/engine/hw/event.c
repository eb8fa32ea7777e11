/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts, NMIs and exceptions on their way to the guest. */
#include <trivet/hw.h>

void hw_inject_exception(struct hw_vcpu *h, u8 vector, bool has_error, u32 error)
{
	h->event = vector | HW_EVENT_EXCP << 8 | HW_EVENT_VALID;
	if (has_error)
		h->event |= HW_EVENT_ERROR | (u64)error << 32;
}

/*
 * INT n, INT3, INTO and INT1 run again, since RIP still points at them; hardware's
 * own events and what was injected would be lost. APM vol. 2 15.7.2, SDM vol. 3C
 * 27.2.4.
 */
void hw_requeue_event(struct hw_vcpu *h, u64 e)
{
	unsigned type = HW_EVENT_TYPE(e);

	h->event = 0;
	if (!(e & HW_EVENT_VALID) || type >= HW_EVENT_SOFT)
		return;
	if (type == HW_EVENT_EXCP && ((e & 0xff) == EXC_BP || (e & 0xff) == EXC_OF))
		return;
	h->event = e;
}

bool hw_next_event(struct hw_vcpu *h)
{
	if (h->event & HW_EVENT_VALID)
		return false;
	if (h->pending_nmi) {
		h->event = EXC_NMI | HW_EVENT_NMI << 8 | HW_EVENT_VALID;
		h->pending_nmi = false;
		return true;
	}
	if (h->pending_vector >= 0) {
		h->event = (u64)h->pending_vector | HW_EVENT_VALID;
		h->pending_vector = -1;
	}
	return false;
}

bool hw_irq_ready(const struct hw_vcpu *h, u64 rflags, bool shadow)
{
	return (rflags & FL_IF) && !shadow && !hw_event_waits(h);
}

int hw_nmi_inject(struct hw_vcpu *h, bool blocked, bool shadow)
{
	if (blocked || h->pending_nmi) {
		h->nmi_window = true;
		return -EAGAIN;
	}
	if (shadow || hw_event_waits(h)) {
		h->nmi_window = true;
		return -EBUSY;
	}
	h->pending_nmi = true;
	return 0;
}

bool hw_nmi_window_opens(struct hw_vcpu *h, bool blocked, bool shadow)
{
	if (!h->nmi_window || blocked || shadow || hw_event_waits(h))
		return false;
	h->nmi_window = false;
	return true;
}
