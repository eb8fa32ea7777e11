/* SPDX-License-Identifier: Apache-2.0 */
/* Single accesses of a vCPU as exits answered on the spot. */
#include <trivet/vm.h>

/* Of a struct exit, which is long, only the part for its reason is set: what it costs
 * to answer an access is measured (`make bench-metal`). */

static void set_mmio(struct exit *x, gpa_t a, unsigned size, bool write, u64 value)
{
	x->reason = EXIT_MMIO;
	x->mmio.addr = a;
	x->mmio.size = (u8)size;
	x->mmio.write = write;
	x->mmio.value = value;
}

static void set_io(struct exit *x, u16 port, unsigned size, bool write, u32 value)
{
	x->reason = EXIT_IO;
	x->io.port = port;
	x->io.size = (u8)size;
	x->io.write = write;
	x->io.value = value;
}

u32 vcpu_io_read(struct vcpu *v, u16 port, unsigned size)
{
	struct exit x;

	set_io(&x, port, size, false, 0);
	vcpu_handle_exit(v, &x);
	return x.io.value;
}

void vcpu_io_write(struct vcpu *v, u16 port, unsigned size, u32 value)
{
	struct exit x;

	set_io(&x, port, size, true, value);
	vcpu_handle_exit(v, &x);
}

u64 vcpu_mmio_read(struct vcpu *v, gpa_t a, unsigned size)
{
	struct exit x;

	set_mmio(&x, a, size, false, 0);
	vcpu_handle_exit(v, &x);
	return x.mmio.value;
}

void vcpu_mmio_write(struct vcpu *v, gpa_t a, unsigned size, u64 value)
{
	struct exit x;

	set_mmio(&x, a, size, true, value);
	vcpu_handle_exit(v, &x);
}

static int access_msr(struct vcpu *v, u32 index, u64 *value, bool write)
{
	struct exit x;

	x.reason = EXIT_MSR;
	x.msr.index = index;
	x.msr.write = write;
	x.msr.fault = false;
	x.msr.value = *value;
	vcpu_handle_exit(v, &x);
	*value = x.msr.value;
	return x.msr.fault ? -EINVAL : 0;
}

int vcpu_msr_read(struct vcpu *v, u32 index, u64 *value)
{
	*value = 0;
	return access_msr(v, index, value, false);
}

int vcpu_msr_write(struct vcpu *v, u32 index, u64 value)
{
	return access_msr(v, index, &value, true);
}

u64 vcpu_tpr_read(struct vcpu *v)
{
	struct exit x;

	x.reason = EXIT_TPR;
	x.tpr.write = false;
	x.tpr.value = 0;
	vcpu_handle_exit(v, &x);
	return x.tpr.value;
}

void vcpu_tpr_write(struct vcpu *v, u64 value)
{
	struct exit x;

	x.reason = EXIT_TPR;
	x.tpr.write = true;
	x.tpr.value = value;
	vcpu_handle_exit(v, &x);
}

int vcpu_hypercall(struct vcpu *v, u64 number, const u64 args[4], bool user, u64 *result)
{
	struct exit x;

	x.reason = EXIT_HYPERCALL;
	x.hypercall.number = number;
	for (unsigned n = 0; n < 4; n++)
		x.hypercall.args[n] = args[n];
	x.hypercall.user = user;
	x.hypercall.unknown = false;
	x.hypercall.result = 0;
	vcpu_handle_exit(v, &x);
	*result = x.hypercall.result;
	return x.hypercall.unknown ? -ENOSYS : 0;
}
