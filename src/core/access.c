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

u32 vcpu_io_read(struct vcpu *v, u16 port, unsigned size)
{
	struct exit x = { .reason = EXIT_IO, .io = { .port = port, .size = (u8)size } };

	vcpu_handle_exit(v, &x);
	return x.io.value;
}

void vcpu_io_write(struct vcpu *v, u16 port, unsigned size, u32 value)
{
	struct exit x = { .reason = EXIT_IO,
			  .io = { .port = port, .size = (u8)size, .write = true,
				  .value = value } };

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
	struct exit x = { .reason = EXIT_MSR,
			  .msr = { .index = index, .write = write, .value = *value } };

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
	struct exit x = { .reason = EXIT_TPR };

	vcpu_handle_exit(v, &x);
	return x.tpr.value;
}

void vcpu_tpr_write(struct vcpu *v, u64 value)
{
	struct exit x = { .reason = EXIT_TPR, .tpr = { .write = true, .value = value } };

	vcpu_handle_exit(v, &x);
}

int vcpu_hypercall(struct vcpu *v, u64 number, const u64 args[4], bool user, u64 *result)
{
	struct exit x = { .reason = EXIT_HYPERCALL,
			  .hypercall = { .number = number, .user = user,
					 .args = { args[0], args[1], args[2], args[3] } } };

	vcpu_handle_exit(v, &x);
	*result = x.hypercall.result;
	return x.hypercall.unknown ? -ENOSYS : 0;
}
