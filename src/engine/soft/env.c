/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an instruction in flight to the monitor: the same struct exit and the same
 * handler as an exit that leaves run(), answered on the spot.
 */
#include "soft.h"

/* A device that was written to may want this very CPU: then before the next
 * instruction, as on hardware. */
static int answered(const struct x86_cpu *c)
{
	return __atomic_load_n(&c->attention, __ATOMIC_RELAXED) ? X86_BREAK : X86_OK;
}

static int env_io_read(struct x86_cpu *c, u16 port, unsigned size, u32 *value)
{
	*value = vcpu_io_read(soft_of(c)->v, port, size);
	return answered(c);
}

static int env_io_write(struct x86_cpu *c, u16 port, unsigned size, u32 value)
{
	vcpu_io_write(soft_of(c)->v, port, size, value);
	return answered(c);
}

static int env_mmio_read(struct x86_cpu *c, gpa_t a, unsigned size, u64 *value)
{
	*value = vcpu_mmio_read(soft_of(c)->v, a, size);
	return X86_OK;
}

static int env_mmio_write(struct x86_cpu *c, gpa_t a, unsigned size, u64 value)
{
	vcpu_mmio_write(soft_of(c)->v, a, size, value);
	return answered(c);
}

static int env_msr_read(struct x86_cpu *c, u32 index, u64 *value)
{
	return vcpu_msr_read(soft_of(c)->v, index, value);
}

static int env_msr_write(struct x86_cpu *c, u32 index, u64 value)
{
	return vcpu_msr_write(soft_of(c)->v, index, value);
}

static u64 env_get_tpr(struct x86_cpu *c)
{
	return vcpu_tpr_read(soft_of(c)->v);
}

static void env_set_tpr(struct x86_cpu *c, u64 cr8)
{
	vcpu_tpr_write(soft_of(c)->v, cr8);
}

static int env_hypercall(struct x86_cpu *c, u64 number, const u64 args[4], u64 *result)
{
	return vcpu_hypercall(soft_of(c)->v, number, args, c->cpl != 0, result);
}

static void env_fpu_error(struct x86_cpu *c)
{
	struct exit x = { .reason = EXIT_FPU_ERROR };

	vcpu_handle_exit(soft_of(c)->v, &x);
}

const struct x86_env soft_env = {
	.io_read = env_io_read,
	.io_write = env_io_write,
	.mmio_read = env_mmio_read,
	.mmio_write = env_mmio_write,
	.msr_read = env_msr_read,
	.msr_write = env_msr_write,
	.get_tpr = env_get_tpr,
	.set_tpr = env_set_tpr,
	.hypercall = env_hypercall,
	.fpu_error = env_fpu_error,
	.page = soft_env_page,
	.code_write = soft_env_code_write,
	.bus_lock = soft_env_bus_lock,
};
