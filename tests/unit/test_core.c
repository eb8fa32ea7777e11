/* SPDX-License-Identifier: Apache-2.0 */
/* Core on a fake engine: buses, lines, timers, guest memory and the step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <trivet/vm.h>

#include "fake_platform.h"

/* --- an engine that plays back what the test wants ------------------------- */

struct script {
	struct exit exits[8];
	unsigned count, at;
	bool ready;
	int injected; /* last vector, -1 none */
	bool window;
	int nmis, nmi_result;
	u64 written;
	unsigned resets, sipis;
	u64 run_ns; /* run() takes that long */
	bool inner; /* and handles an MSR access in the middle */
};

static struct script script;

static int fake_vm_init(struct vm *vm, struct error *err)
{
	(void)vm, (void)err;
	return 0;
}
static void fake_vm_fini(struct vm *vm)
{
	(void)vm;
}
static int fake_map(struct vm *vm, const struct mem_slot *slot)
{
	(void)vm, (void)slot;
	return 0;
}
static void fake_written(struct vm *vm, gpa_t a, u64 len)
{
	(void)vm, (void)a;
	script.written += len;
}
static int fake_vcpu_init(struct vcpu *v, struct error *err)
{
	(void)v, (void)err;
	return 0;
}
static void fake_vcpu_fini(struct vcpu *v)
{
	(void)v;
}
static int fake_run(struct vcpu *v, struct exit *x)
{
	struct exit msr = { .reason = EXIT_MSR };

	fake.clock_ns += script.run_ns;
	if (script.inner)
		vcpu_handle_exit(v, &msr);
	fake.clock_ns += script.inner ? script.run_ns : 0;
	*x = script.at < script.count ? script.exits[script.at++] :
					(struct exit){ .reason = EXIT_NONE };
	return 0;
}
static bool fake_ready(struct vcpu *v)
{
	(void)v;
	return script.ready;
}
static void fake_inject(struct vcpu *v, u8 vector)
{
	(void)v;
	script.injected = vector;
}
static void fake_window(struct vcpu *v, bool wanted)
{
	(void)v;
	script.window = wanted;
}
static int fake_nmi(struct vcpu *v)
{
	(void)v;
	if (!script.nmi_result)
		script.nmis++;
	return script.nmi_result;
}
static int fake_state(struct vcpu *v, void *st)
{
	(void)v, (void)st;
	return 0;
}
static int fake_set_state(struct vcpu *v, const void *st)
{
	(void)v, (void)st;
	script.resets++;
	return 0;
}

static const struct engine_ops fake_engine = {
	.name = "fake",
	.vm_init = fake_vm_init,
	.vm_fini = fake_vm_fini,
	.map = fake_map,
	.mem_written = fake_written,
	.vcpu_init = fake_vcpu_init,
	.vcpu_fini = fake_vcpu_fini,
	.run = fake_run,
	.irq_ready = fake_ready,
	.irq_inject = fake_inject,
	.irq_window = fake_window,
	.nmi_inject = fake_nmi,
	.get_state = fake_state,
	.set_state = fake_set_state,
};

static int irq_vectors[4];
static unsigned irq_count;

static bool fake_pending(void *ctx)
{
	(void)ctx;
	return irq_count > 0;
}
static int fake_ack(void *ctx)
{
	(void)ctx;
	return irq_count ? irq_vectors[--irq_count] : -EAGAIN;
}
static u64 fake_get_tpr(void *ctx)
{
	return *(u64 *)ctx;
}
static void fake_set_tpr(void *ctx, u64 cr8)
{
	*(u64 *)ctx = cr8;
}
static int fake_msr_read(void *ctx, u32 index, u64 *value)
{
	(void)ctx;
	*value = 0x1234;
	return index == 0x1b ? 0 : -EINVAL;
}
static int fake_msr_write(void *ctx, u32 index, u64 value)
{
	(void)ctx, (void)value;
	return index == 0x1b ? 0 : -EINVAL;
}
static void fake_irq_reset(void *ctx, bool init)
{
	(void)ctx, (void)init;
}

static u64 tpr;
static const struct vcpu_irq_ops fake_irq = { fake_pending,  fake_ack,	     fake_get_tpr,
					      fake_set_tpr,  fake_msr_read,  fake_msr_write,
					      fake_irq_reset };

static struct vm vm;

static int setup(void **state)
{
	struct error err;

	(void)state;
	script = (struct script){ .injected = -1 };
	irq_count = 0;
	fake.clock_ns = 1000;
	assert_int_equal(vm_init(&vm, "t", &fake_engine, &err), 0);
	assert_int_equal(guest_mem_add(&vm, gpa(0), MIB(1), MEM_READ | MEM_WRITE), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vm_add_vcpu(&vm, &err), 0);
		vm.vcpus[i]->irq = &fake_irq;
		vm.vcpus[i]->irq_ctx = &tpr;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vm_fini(&vm);
	return 0;
}

/* --- bus ---------------------------------------------------------------------- */

struct latch {
	u8 bytes[16];
};

static u64 latch_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	u64 r = 0;

	(void)v;
	memcpy(&r, ((struct latch *)ctx)->bytes + offset, size);
	return r | 0xee00000000000000; /* bits beyond size are ignored */
}
static void latch_write(void *ctx, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	(void)v;
	memcpy(((struct latch *)ctx)->bytes + offset, &value, size);
}
static const struct bus_ops latch_ops = { latch_read, latch_write };

static int add(struct bus *bus, u64 base, u64 size, struct latch *l)
{
	return bus_add(bus, &(struct bus_range){ base, size, "latch", &latch_ops, l });
}

static void test_bus_ranges(void **state)
{
	struct latch l = { { 0 } };
	struct bus *bus = &vm.pio;

	(void)state;
	assert_int_equal(add(bus, 0x100, 8, &l), 0);
	assert_int_equal(add(bus, 0x10f, 4, &l), 0);
	assert_int_equal(add(bus, 0x107, 1, &l), -EEXIST);
	assert_int_equal(add(bus, 0xf0, 0x11, &l), -EEXIST);
	assert_int_equal(add(bus, 0x108, 8, &l), -EEXIST);
	assert_int_equal(add(bus, 0x108, 7, &l), 0);
	assert_int_equal(add(bus, 5, 0, &l), -EINVAL);
	assert_int_equal(add(bus, ~0ull, 2, &l), -EINVAL);
	assert_int_equal(add(&vm.mmio, ~0ull, 1, &l), 0);
	assert_ptr_equal(bus_find(bus, 0x107)->base, 0x100);
	assert_null(bus_find(bus, 0xff));
	assert_int_equal(bus_remove(bus, 0x101), -ENOENT);
	assert_int_equal(bus_remove(bus, 0x100), 0);
	assert_null(bus_find(bus, 0x107));
}

static void test_bus_access(void **state)
{
	struct latch l = { { 0 } };
	struct bus *bus = &vm.pio;

	(void)state;
	assert_int_equal(add(bus, 0x100, 6, &l), 0);
	bus_write(bus, NULL, 0x100, 4, 0x11223344);
	assert_int_equal(bus_read(bus, NULL, 0x100, 4), 0x11223344);
	assert_int_equal(bus_read(bus, NULL, 0x101, 2), 0x2233);
	/* over the end: the bytes inside go to the device, the rest float */
	bus_write(bus, NULL, 0x104, 4, 0xaabbccdd);
	assert_int_equal(bus_read(bus, NULL, 0x104, 4), 0xffffccdd);
	assert_int_equal(bus_read(bus, NULL, 0x200, 8), -1);
}

/* Memory that is nobody's: all ones, counted, and the end where that was asked for. */
static void test_bad_accesses(void **state)
{
	struct latch l = { { 0 } };
	struct vcpu *v = vm.vcpus[0];

	(void)state;
	assert_int_equal(add(&vm.mmio, 0x1000, 4, &l), 0);
	assert_int_equal(vcpu_mmio_read(v, gpa(0x5000), 8), -1);
	vcpu_mmio_write(v, gpa(0x1002), 4, 0x11223344);
	assert_int_equal(v->stats.bad_bytes, 10);
	assert_int_equal(vm_stop_reason(&vm), VM_RUNS);
	vm.bad_access_stops = true;
	(void)vcpu_mmio_read(v, gpa(0x1000), 4);
	(void)vcpu_io_read(v, 0x5000, 4); /* ports are not memory */
	assert_int_equal(bus_read(&vm.mmio, NULL, 0x5000, 4), 0xffffffff); /* nor is that the guest */
	assert_int_equal(vm_stop_reason(&vm), VM_RUNS);
	vcpu_mmio_write(v, gpa(0x1002), 4, 0);
	assert_int_equal(vm_stop_reason(&vm), VM_CRASHED);
	assert_string_equal(vm.stop_text, "vCPU 0: write to guest-physical 0x1004, where there is "
			    "neither memory nor a device (on_bad_access: stop)");
}

/* --- lines, timers, memory ---------------------------------------------------- */

static unsigned line_log[8][2], line_count;

static void line_set(void *ctx, unsigned line, bool level)
{
	(void)ctx;
	line_log[line_count][0] = line;
	line_log[line_count++ & 7][1] = level;
}

static void test_irq_lines_report_changes_only(void **state)
{
	(void)state;
	line_count = 0;
	assert_int_equal(irq_add_sink(&vm, &(struct irq_sink){ line_set, NULL }), 0);
	irq_set(&vm, 4, true);
	irq_set(&vm, 4, true);
	irq_set(&vm, 4, false);
	irq_pulse(&vm, 9);
	irq_set(&vm, IRQ_MAX_LINES, true);
	assert_int_equal(line_count, 4);
	assert_int_equal(line_log[2][0], 9);
	assert_int_equal(irq_send_msi(&vm, 0xfee00000, 0), -ENODEV);
}

static unsigned fired[3];
static struct timer timers[3];

static void on_timer(struct timer *t)
{
	fired[t - timers]++;
	if (t == &timers[2])
		timer_set(t, t->deadline_ns + 100);
}

static void test_timers(void **state)
{
	(void)state;
	memset(fired, 0, sizeof fired);
	for (int i = 0; i < 3; i++)
		timer_init(&timers[i], &vm, on_timer);
	timer_set(&timers[0], 3000);
	timer_set(&timers[1], 2000);
	assert_int_equal(fake.armed_ns, 2000);
	timer_cancel(&timers[1]);
	assert_int_equal(fake.armed_ns, 3000);
	timer_set(&timers[1], 4000);
	fake.clock_ns = 3000;
	assert_int_equal(timers_run(&vm), 4000);
	assert_int_equal(fired[0], 1);
	assert_int_equal(fired[1], 0);
	timer_set(&timers[1], TIMER_NEVER);
	assert_int_equal(timers_next(&vm), TIMER_NEVER);
	timer_set(&timers[2], 3100); /* periodic: catches up, then waits */
	fake.clock_ns = 3450;
	assert_int_equal(timers_run(&vm), 3500);
	assert_int_equal(fired[2], 4);
	timer_cancel(&timers[2]);
}

static void test_memory_bounds(void **state)
{
	u8 b[4] = { 1, 2, 3, 4 };

	(void)state;
	assert_int_equal(guest_mem_write(&vm, gpa(MIB(1) - 4), b, 4), 0);
	assert_int_equal(script.written, 4);
	assert_int_equal(guest_mem_write(&vm, gpa(MIB(1) - 3), b, 4), -EFAULT);
	assert_int_equal(guest_mem_read(&vm, gpa(~0ull), b, 4), -EFAULT);
	assert_int_equal(guest_mem_read(&vm, gpa(4), b, ~0ull), -EFAULT);
	assert_non_null(guest_mem_ptr(&vm, gpa(0), MIB(1)));
	assert_null(guest_mem_ptr(&vm, gpa(0), MIB(1) + 1));
	assert_int_equal(guest_mem_add(&vm, gpa(MIB(1) - PAGE_SIZE), PAGE_SIZE, MEM_READ), -EINVAL);
	assert_int_equal(guest_mem_add(&vm, gpa(MIB(2) + 1), PAGE_SIZE, MEM_READ), -EINVAL);
	assert_int_equal(guest_mem_add(&vm, gpa(MIB(2)), 0, MEM_READ), -EINVAL);
	assert_int_equal(guest_mem_add(&vm, gpa(~PAGE_SIZE + 1), PAGE_SIZE * 2, MEM_READ), -EINVAL);
}

/* --- the step -------------------------------------------------------------------- */

static void test_step_io(void **state)
{
	struct latch l = { { 0 } };

	(void)state;
	assert_int_equal(add(&vm.pio, 0x80, 4, &l), 0);
	script.exits[0] = (struct exit){ .reason = EXIT_IO,
					 .io = { .port = 0x81, .size = 1, .write = true, .value = 7 } };
	script.count = 1;
	assert_int_equal(vcpu_step(vm.vcpus[0]), VCPU_RUNNABLE);
	assert_int_equal(l.bytes[1], 7);
	assert_int_equal(vm.vcpus[0]->stats.exits[EXIT_IO], 1);
}

static void test_step_halts_and_wakes(void **state)
{
	struct vcpu *v = vm.vcpus[0];

	(void)state;
	script.exits[0].reason = EXIT_HALT;
	script.count = 1;
	assert_int_equal(vcpu_step(v), VCPU_RUNNABLE);
	assert_int_equal(vcpu_step(v), VCPU_BLOCKED);
	vcpu_kick(v); /* a kick alone is no reason to run */
	assert_int_equal(vcpu_step(v), VCPU_BLOCKED);
	irq_vectors[irq_count++] = 0x31;
	script.ready = true;
	fake.clock_ns += 500;
	vcpu_post(v, VCPU_EVENT_IRQ, 0);
	assert_true(fake.wakes > 0);
	assert_int_equal(vcpu_step(v), VCPU_RUNNABLE);
	assert_int_equal(script.injected, 0x31);
	assert_int_equal(v->stats.halted_ns, 500);
}

/* A device that takes 7 ns. */
static u64 slow_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)ctx, (void)v, (void)offset, (void)size;
	fake.clock_ns += 7;
	return 0;
}
static void slow_write(void *ctx, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	(void)slow_read(ctx, v, offset, size), (void)value;
}
static const struct bus_ops slow_ops = { slow_read, slow_write };

/* Time in the engine, time in the monitor by exit, time halted: each once. */
static void test_step_times(void **state)
{
	struct vcpu *v = vm.vcpus[0];
	const struct vcpu_stats *s = &v->stats;

	(void)state;
	fake.counter_hz = NS_PER_SEC;
	script.run_ns = 100;
	bus_add(&vm.pio, &(struct bus_range){ 0x80, 1, "slow", &slow_ops, NULL });
	script.exits[0] = (struct exit){ .reason = EXIT_IO, .io = { .port = 0x80, .size = 1 } };
	script.exits[1].reason = EXIT_HALT;
	script.count = 2;
	vcpu_step(v);
	assert_int_equal(s->guest_ticks, 100);
	assert_int_equal(s->exit_ticks[EXIT_IO], 7);
	vcpu_step(v);
	fake.clock_ns += 1000; /* halted */
	assert_int_equal(s->guest_ticks, 200);
	assert_int_equal(s->halted_ns, 0);
	assert_int_equal(v->halt_since_ns, fake.clock_ns - 1000);
	irq_vectors[irq_count++] = 0x31;
	script.ready = true;
	script.inner = true; /* an exit that the engine handles in the middle */
	vcpu_post(v, VCPU_EVENT_IRQ, 0);
	vcpu_step(v);
	assert_int_equal(s->halted_ns, 1000);
	assert_int_equal(v->halt_since_ns, 0);
	assert_int_equal(s->guest_ticks, 400);
	assert_int_equal(s->exits[EXIT_MSR], 1);
	assert_int_equal(s->exits[EXIT_IO], 1);
	assert_int_equal(s->exit_ticks[EXIT_IO], 7);
	assert_int_equal(s->guest_since, 0);
}

static void test_step_asks_for_window(void **state)
{
	(void)state;
	irq_vectors[irq_count++] = 0x40;
	assert_int_equal(vcpu_step(vm.vcpus[0]), VCPU_RUNNABLE);
	assert_int_equal(script.injected, -1);
	assert_true(script.window);
	script.ready = true;
	vcpu_step(vm.vcpus[0]);
	assert_int_equal(script.injected, 0x40);
	assert_false(script.window);
}

static void test_nmi_waits_while_blocked(void **state)
{
	struct vcpu *v = vm.vcpus[0];

	(void)state;
	script.nmi_result = -EAGAIN;
	vcpu_post(v, VCPU_EVENT_NMI, 0);
	vcpu_step(v);
	assert_int_equal(script.nmis, 0);
	script.nmi_result = 0;
	vcpu_step(v);
	assert_int_equal(script.nmis, 1);
	vcpu_step(v);
	assert_int_equal(script.nmis, 1);
}

static void test_sipi_starts_waiting_vcpu_only(void **state)
{
	struct vcpu *v = vm.vcpus[1];

	(void)state;
	assert_int_equal(vcpu_step(v), VCPU_BLOCKED);
	irq_vectors[irq_count++] = 0x40; /* interrupts do not start it */
	script.ready = true;
	vcpu_post(v, VCPU_EVENT_IRQ, 0);
	assert_int_equal(vcpu_step(v), VCPU_BLOCKED);
	assert_int_equal(script.injected, -1);
	irq_count = 0;
	vcpu_post(v, VCPU_EVENT_SIPI, 0x9a);
	assert_int_equal(vcpu_step(v), VCPU_RUNNABLE);
	assert_int_equal(script.resets, 1);
	vcpu_post(v, VCPU_EVENT_SIPI, 0x10); /* running: ignored */
	vcpu_step(v);
	assert_int_equal(script.resets, 1);
	vcpu_post(v, VCPU_EVENT_INIT, 0);
	assert_int_equal(vcpu_step(v), VCPU_BLOCKED);
}

static void test_stop_first_reason_wins(void **state)
{
	(void)state;
	vm_stop(&vm, VM_DEBUG_EXIT, 33, "exit %d", 33);
	vm_stop(&vm, VM_CRASHED, 0, "later");
	assert_int_equal(vcpu_step(vm.vcpus[0]), VCPU_STOPPED);
	assert_int_equal(vm_stop_reason(&vm), VM_DEBUG_EXIT);
	assert_int_equal(vm.exit_code, 33);
	assert_string_equal(vm.stop_text, "exit 33");
	vm_clear_stop(&vm);
	assert_int_equal(vcpu_step(vm.vcpus[0]), VCPU_RUNNABLE);
}

static void test_shutdown_and_errors_stop(void **state)
{
	(void)state;
	script.exits[0].reason = EXIT_SHUTDOWN;
	script.count = 1;
	assert_int_equal(vcpu_step(vm.vcpus[0]), VCPU_STOPPED);
	assert_int_equal(vm_stop_reason(&vm), VM_CRASHED);
	assert_non_null(strstr(vm.stop_text, "triple fault"));
}

static void test_msr_and_tpr_exits(void **state)
{
	struct exit x = { .reason = EXIT_MSR, .msr = { .index = 0x1b } };

	(void)state;
	assert_int_equal(vcpu_handle_exit(vm.vcpus[0], &x), 0);
	assert_false(x.msr.fault);
	assert_int_equal(x.msr.value, 0x1234);
	x.msr.index = 0x777;
	vcpu_handle_exit(vm.vcpus[0], &x);
	assert_true(x.msr.fault);
	x = (struct exit){ .reason = EXIT_TPR, .tpr = { true, 5 } };
	vcpu_handle_exit(vm.vcpus[0], &x);
	assert_int_equal(tpr, 5);
}

static u64 sum_of(struct vcpu *v, const struct exit *x)
{
	(void)v;
	return x->hypercall.number + x->hypercall.args[3] + (x->hypercall.user ? 100 : 0);
}

/* What an engine asks for in the middle of an instruction. */
static void test_single_accesses(void **state)
{
	const u64 args[4] = { 0, 0, 0, 7 };
	struct vcpu *v = vm.vcpus[0];
	struct latch ports = { { 0 } }, memory = { { 0 } };
	u64 value;

	(void)state;
	assert_int_equal(add(&vm.pio, 0x80, 4, &ports), 0);
	assert_int_equal(add(&vm.mmio, 0x80, 4, &memory), 0);
	vcpu_io_write(v, 0x81, 1, 0x77);
	vcpu_mmio_write(v, gpa(0x82), 1, 0x66);
	assert_int_equal(ports.bytes[1], 0x77);
	assert_int_equal(memory.bytes[2], 0x66);
	assert_int_equal(vcpu_io_read(v, 0x81, 1) & 0xff, 0x77);
	assert_int_equal(vcpu_mmio_read(v, gpa(0x82), 1) & 0xff, 0x66);
	assert_int_equal(vcpu_msr_read(v, 0x1b, &value), 0);
	assert_int_equal(value, 0x1234);
	assert_int_equal(vcpu_msr_read(v, 0x777, &value), -EINVAL);
	assert_int_equal(vcpu_msr_write(v, 0x777, 1), -EINVAL);
	vcpu_tpr_write(v, 9);
	assert_int_equal(tpr, 9);
	assert_int_equal(vcpu_tpr_read(v), 9);
	assert_int_equal(vcpu_hypercall(v, 5, args, true, &value), -ENOSYS);
	vm.hypercall = sum_of;
	assert_int_equal(vcpu_hypercall(v, 5, args, true, &value), 0);
	assert_int_equal(value, 112);
	assert_int_equal(v->stats.exits[EXIT_IO], 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_bus_ranges),	     T(test_bus_access), T(test_bad_accesses),
		T(test_irq_lines_report_changes_only),
		T(test_timers),		     T(test_memory_bounds),
		T(test_step_io),	     T(test_step_halts_and_wakes), T(test_step_times),
		T(test_step_asks_for_window), T(test_nmi_waits_while_blocked),
		T(test_sipi_starts_waiting_vcpu_only),
		T(test_stop_first_reason_wins), T(test_shutdown_and_errors_stop),
		T(test_msr_and_tpr_exits), T(test_single_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
