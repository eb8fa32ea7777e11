/* SPDX-License-Identifier: Apache-2.0 */
/* From an instruction that arch/x86 runs for the guest to the monitor. */
#include <trivet/hw.h>

static struct vcpu *vcpu_of(struct x86_cpu *c)
{
	return c->env_ctx;
}

static int env_io_read(struct x86_cpu *c, u16 port, unsigned size, u32 *value)
{
	*value = vcpu_io_read(vcpu_of(c), port, size);
	return X86_OK;
}

static int env_io_write(struct x86_cpu *c, u16 port, unsigned size, u32 value)
{
	vcpu_io_write(vcpu_of(c), port, size, value);
	return X86_BREAK;
}

static int env_mmio_read(struct x86_cpu *c, gpa_t a, unsigned size, u64 *value)
{
	*value = vcpu_mmio_read(vcpu_of(c), a, size);
	return X86_OK;
}

static int env_mmio_write(struct x86_cpu *c, gpa_t a, unsigned size, u64 value)
{
	vcpu_mmio_write(vcpu_of(c), a, size, value);
	return X86_OK;
}

static int env_msr_read(struct x86_cpu *c, u32 index, u64 *value)
{
	return vcpu_msr_read(vcpu_of(c), index, value);
}

static int env_msr_write(struct x86_cpu *c, u32 index, u64 value)
{
	return vcpu_msr_write(vcpu_of(c), index, value);
}

static u64 env_get_tpr(struct x86_cpu *c)
{
	return vcpu_tpr_read(vcpu_of(c));
}

static void env_set_tpr(struct x86_cpu *c, u64 cr8)
{
	vcpu_tpr_write(vcpu_of(c), cr8);
}

static int env_hypercall(struct x86_cpu *c, u64 number, const u64 args[4], u64 *result)
{
	return vcpu_hypercall(vcpu_of(c), number, args, c->cpl != 0, result);
}

static struct x86_page env_page(struct x86_cpu *c, gpa_t a)
{
	const struct hw_slot *s = hw_slot_of(vcpu_of(c)->vm->engine_data, a.v);

	if (!s)
		return (struct x86_page){ NULL, false, false };
	return (struct x86_page){ s->host + (a.v - s->base), s->writable, false };
}

/* The processor keeps its own decoded code in step with memory. */
static void env_code_write(struct x86_cpu *c, gpa_t a, unsigned size)
{
	(void)c, (void)a, (void)size;
}

static void env_bus_lock(struct x86_cpu *c, bool on)
{
	struct hw_vm *vm = vcpu_of(c)->vm->engine_data;

	if (on)
		platform_mutex_lock(&vm->bus_lock);
	else
		platform_mutex_unlock(&vm->bus_lock);
}

static void env_fpu_error(struct x86_cpu *c)
{
	struct exit x = { .reason = EXIT_FPU_ERROR };

	vcpu_handle_exit(vcpu_of(c), &x);
}

const struct x86_env hw_env = {
	.io_read = env_io_read,
	.io_write = env_io_write,
	.mmio_read = env_mmio_read,
	.mmio_write = env_mmio_write,
	.msr_read = env_msr_read,
	.msr_write = env_msr_write,
	.get_tpr = env_get_tpr,
	.set_tpr = env_set_tpr,
	.hypercall = env_hypercall,
	.page = env_page,
	.code_write = env_code_write,
	.bus_lock = env_bus_lock,
	.fpu_error = env_fpu_error,
};
