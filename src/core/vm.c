/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a VM: made empty, given RAM and vCPUs, stopped, taken apart. */
#include <stdarg.h>
#include <trivet/fmt.h>
#include <trivet/string.h>
#include <trivet/vm.h>

/* Guest-physical memory that is neither RAM nor a device. */
static void bad_access(struct vcpu *v, u64 addr, bool write)
{
	v->stats.bad_bytes++;
	if (v->vm->bad_access_stops)
		vm_stop(v->vm, VM_CRASHED, 0, "vCPU %u: %s guest-physical %#llx, where there is "
			"neither memory nor a device (on_bad_access: stop)", v->index,
			write ? "write to" : "read of", (unsigned long long)addr);
}

int vm_init(struct vm *vm, const char *name, const struct engine_ops *engine,
	    struct error *err)
{
	int r;

	memset(vm, 0, sizeof *vm);
	fmt_snprintf(vm->name, sizeof vm->name, "%s", name);
	vm->engine = engine;
	vm->mmio.missed = bad_access;
	platform_mutex_init(&vm->lock);
	r = engine->vm_init(vm, err);
	if (r)
		platform_mutex_fini(&vm->lock);
	return r;
}

/* An engine with interrupt controllers of its own lets its CPUs wait itself. */
static enum vcpu_state vcpu_power_up(const struct vm *vm, unsigned index)
{
	return index && !vm->engine->irqchip ? VCPU_WAIT_SIPI : VCPU_RUNNING;
}

void vm_fini(struct vm *vm)
{
	while (vm->vcpu_count) {
		struct vcpu *v = vm->vcpus[--vm->vcpu_count];

		vm->engine->vcpu_fini(v);
		platform_free(v, sizeof *v);
	}
	guest_mem_fini(vm);
	vm->engine->vm_fini(vm);
	platform_mutex_fini(&vm->lock);
}

int vm_add_vcpu(struct vm *vm, struct error *err)
{
	struct vcpu *v;
	int r;

	if (vm->vcpu_count == VM_MAX_VCPUS)
		return error_set(err, -ENOSPC, "more than %d vCPUs", VM_MAX_VCPUS);
	v = platform_alloc(sizeof *v);
	if (!v)
		return error_set(err, -ENOMEM, "no memory for vCPU %u", vm->vcpu_count);
	v->vm = vm;
	v->index = vm->vcpu_count;
	v->state = vcpu_power_up(vm, v->index);
	r = vm->engine->vcpu_init(v, err);
	if (r) {
		platform_free(v, sizeof *v);
		return r;
	}
	vm->vcpus[vm->vcpu_count++] = v;
	return 0;
}

void vm_stop(struct vm *vm, enum vm_stop reason, int exit_code,
	     const char *format, ...)
{
	u32 runs = VM_RUNS;
	va_list ap;

	/* The text and code are written by the winner only, and read after the
	 * vCPU threads have seen `stop` and ended. */
	if (!__atomic_compare_exchange_n(&vm->stop, &runs, (u32)reason, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	vm->exit_code = exit_code;
	va_start(ap, format);
	fmt_vsnprintf(vm->stop_text, sizeof vm->stop_text, format, ap);
	va_end(ap);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_kick(vm->vcpus[i]);
}

enum vm_stop vm_stop_reason(const struct vm *vm)
{
	return (enum vm_stop)__atomic_load_n(&vm->stop, __ATOMIC_SEQ_CST);
}

void vm_clear_stop(struct vm *vm)
{
	vm->stop_text[0] = 0;
	vm->exit_code = 0;
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = vm->vcpus[i];

		v->state = vcpu_power_up(vm, i);
		if (v->halt_since_ns)
			v->stats.halted_ns += platform_clock_ns() - v->halt_since_ns;
		v->halt_since_ns = 0;
		v->events = 0;
		v->nmis = 0;
		v->kick = 0;
	}
	__atomic_store_n(&vm->stop, VM_RUNS, __ATOMIC_SEQ_CST);
}

void vm_io_add(struct vm *vm, struct io_group *g)
{
	struct io_group **at = &vm->io;

	while (*at)
		at = &(*at)->next;
	g->next = NULL;
	*at = g;
}

void vm_io_remove(struct vm *vm, struct io_group *g)
{
	struct io_group **at = &vm->io;

	while (*at && *at != g)
		at = &(*at)->next;
	if (*at)
		*at = g->next;
}

void vm_flush_page(struct vm *vm, gpa_t page)
{
	if (vm->engine->flush_page)
		vm->engine->flush_page(vm, page);
}

void vm_doorbell_add(struct vm *vm, gpa_t a)
{
	if (vm->engine && vm->engine->doorbell_add)
		(void)vm->engine->doorbell_add(vm, a);
}

void vm_doorbell_remove(struct vm *vm, gpa_t a)
{
	if (vm->engine && vm->engine->doorbell_remove)
		vm->engine->doorbell_remove(vm, a);
}

void vm_doorbell_ring(struct vm *vm, gpa_t a)
{
	bus_write(&vm->mmio, NULL, a.v, 2, 0);
}
