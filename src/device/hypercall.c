/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/hypercall.h>
#include <trivet/device/lapic.h>

enum { CALL_VAPIC_POLL_IRQ = 1, CALL_SEND_IPI = 10 };

#define CALL_EPERM 1
#define CALL_ENOSYS 1000

/* An IPI to the APIC ids first..first+127 whose bits are set: how many got it. Not
 * inline: what the other calls cost is measured (`make bench-metal`). */
static __attribute__((noinline)) u64 send_ipi(struct vm *vm, const u64 bits[2], u64 first, u64 icr)
{
	u64 sent = 0;

	if (first >= vm->vcpu_count)
		return 0;
	platform_mutex_lock(&vm->lock);
	for (u64 n = 0; n < 128 && first + n < vm->vcpu_count; n++)
		if ((bits[n / 64] >> (n % 64) & 1) &&
		    !irq_send_msi(vm, LAPIC_BASE | (first + n) << 12, (u32)icr & 0x7ff))
			sent++;
	platform_mutex_unlock(&vm->lock);
	return sent;
}

u64 kvm_hypercall(struct vcpu *v, const struct exit *exit)
{
	const u64 *args = exit->hypercall.args;

	if (exit->hypercall.user)
		return (u64)-CALL_EPERM;
	switch (exit->hypercall.number) {
	case CALL_VAPIC_POLL_IRQ:
		return 0;
	case CALL_SEND_IPI:
		return send_ipi(v->vm, args, args[2], args[3]);
	default:
		return (u64)-CALL_ENOSYS;
	}
}
