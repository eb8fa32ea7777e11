/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step: run the engine once, handle what it says, inject what is pending.
 * The hosted program loops it on a thread per vCPU, the metal scheduler over
 * its run queue; neither handles an exit itself.
 */
#include <trivet/vm.h>

void vcpu_kick(struct vcpu *v)
{
	__atomic_store_n(&v->kick, 1, __ATOMIC_SEQ_CST);
	if (v->vm->engine->kick)
		v->vm->engine->kick(v);
	platform_vcpu_wake(v);
}

void vcpu_post(struct vcpu *v, enum vcpu_event event, u8 sipi_vector)
{
	if (event == VCPU_EVENT_SIPI)
		__atomic_store_n(&v->sipi_vector, sipi_vector, __ATOMIC_SEQ_CST);
	if (event == VCPU_EVENT_NMI)
		__atomic_add_fetch(&v->nmis, 1, __ATOMIC_SEQ_CST);
	__atomic_or_fetch(&v->events, (u32)event, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

u64 vcpu_guest_tsc(struct vcpu *v)
{
	return v->vm->engine->guest_tsc ? v->vm->engine->guest_tsc(v) :
					  platform_counter();
}

/* --- INIT and SIPI, SDM vol. 3A 8.4 --------------------------------------- */

/* The state layout is the architecture's; core only carries it about. */
#define VCPU_STATE_MAX 4096

struct vcpu_state_buf {
	u8 bytes[VCPU_STATE_MAX] __attribute__((aligned(64)));
};

static int vcpu_reset_init(struct vcpu *v)
{
	struct vcpu_state_buf st;
	int r = v->vm->engine->get_state(v, &st);

	if (r)
		return r;
	arch_state_reset(&st, v->vm, v->index, true);
	r = v->vm->engine->set_state(v, &st);
	if (r)
		return r;
	platform_mutex_lock(&v->vm->lock);
	if (v->irq)
		v->irq->reset(v->irq_ctx, true);
	platform_mutex_unlock(&v->vm->lock);
	v->state = v->index ? VCPU_WAIT_SIPI : VCPU_RUNNING;
	return 0;
}

static int vcpu_start_sipi(struct vcpu *v)
{
	struct vcpu_state_buf st;
	int r;

	if (v->state != VCPU_WAIT_SIPI)
		return 0;
	r = v->vm->engine->get_state(v, &st);
	if (r)
		return r;
	arch_state_sipi(&st, __atomic_load_n(&v->sipi_vector, __ATOMIC_SEQ_CST));
	r = v->vm->engine->set_state(v, &st);
	if (!r)
		v->state = VCPU_RUNNING;
	return r;
}

/* --- events ----------------------------------------------------------------- */

/* Stays posted: tried again once the engine can take it. */
static void vcpu_keep_nmis(struct vcpu *v, u32 count)
{
	__atomic_add_fetch(&v->nmis, count, __ATOMIC_SEQ_CST);
	__atomic_or_fetch(&v->events, VCPU_EVENT_NMI, __ATOMIC_SEQ_CST);
}

/*
 * A processor remembers one NMI while it handles another (SDM vol. 3A 6.7.1):
 * so of those that came since the last look two count, and one while blocked.
 */
static void vcpu_take_nmi(struct vcpu *v)
{
	u32 count = __atomic_exchange_n(&v->nmis, 0, __ATOMIC_SEQ_CST);
	int r;

	if (v->state == VCPU_WAIT_SIPI || !count)
		return;
	r = v->vm->engine->nmi_inject(v);
	if (r == -EBUSY)
		vcpu_keep_nmis(v, count > 2 ? 2 : count);
	else if (r)
		vcpu_keep_nmis(v, 1);
	else
		v->state = VCPU_RUNNING;
	/* the second one: asked for now, so that the engine tells when */
	if (!r && count > 1 && v->vm->engine->nmi_inject(v))
		vcpu_keep_nmis(v, 1);
}

static int vcpu_take_events(struct vcpu *v)
{
	u32 events = __atomic_exchange_n(&v->events, 0, __ATOMIC_SEQ_CST);
	int r = 0;

	if (events & VCPU_EVENT_INIT)
		r = vcpu_reset_init(v);
	if (!r && (events & VCPU_EVENT_SIPI))
		r = vcpu_start_sipi(v);
	if (!r && (events & VCPU_EVENT_WAKE) && v->state == VCPU_WAIT_SIPI)
		v->state = VCPU_RUNNING;
	if (!r && (events & VCPU_EVENT_NMI))
		vcpu_take_nmi(v);
	return r;
}

/* Injects one external interrupt, or asks for a window. */
static void vcpu_take_irq(struct vcpu *v)
{
	const struct engine_ops *e = v->vm->engine;
	bool ready, pending;
	int vector = -EAGAIN;

	if (!v->irq || v->state == VCPU_WAIT_SIPI)
		return;
	ready = e->irq_ready(v);
	platform_mutex_lock(&v->vm->lock);
	pending = v->irq->pending(v->irq_ctx);
	if (pending && ready) {
		vector = v->irq->ack(v->irq_ctx);
		pending = v->irq->pending(v->irq_ctx);
	}
	platform_mutex_unlock(&v->vm->lock);
	if (vector >= 0) {
		e->irq_inject(v, (u8)vector);
		v->stats.injected++;
		v->state = VCPU_RUNNING;
	}
	e->irq_window(v, pending);
}

/* --- exits ---------------------------------------------------------------- */

static void handle_io(struct vcpu *v, struct exit *x)
{
	if (x->io.write)
		bus_write(&v->vm->pio, v, x->io.port, x->io.size, x->io.value);
	else
		x->io.value = (u32)bus_read(&v->vm->pio, v, x->io.port, x->io.size);
}

static void handle_mmio(struct vcpu *v, struct exit *x)
{
	if (x->mmio.write)
		bus_write(&v->vm->mmio, v, x->mmio.addr.v, x->mmio.size, x->mmio.value);
	else
		x->mmio.value = bus_read(&v->vm->mmio, v, x->mmio.addr.v, x->mmio.size);
}

static void handle_msr(struct vcpu *v, struct exit *x)
{
	int r = -EINVAL;

	if (v->irq && x->msr.write)
		r = v->irq->msr_write(v->irq_ctx, x->msr.index, x->msr.value);
	else if (v->irq)
		r = v->irq->msr_read(v->irq_ctx, x->msr.index, &x->msr.value);
	x->msr.fault = r != 0;
}

static void handle_tpr(struct vcpu *v, struct exit *x)
{
	if (!v->irq)
		return;
	if (x->tpr.write) {
		v->irq->set_tpr(v->irq_ctx, x->tpr.value);
		/* a lower priority may let a waiting interrupt in */
		vcpu_kick(v);
	} else {
		x->tpr.value = v->irq->get_tpr(v->irq_ctx);
	}
}

static void handle_hypercall(struct vcpu *v, struct exit *x)
{
	u64 (*call)(struct vcpu *v, const struct exit *exit) = v->vm->hypercall;

	x->hypercall.unknown = !call;
	if (call)
		x->hypercall.result = call(v, x);
}

/*
 * Where the time goes. The engine runs from guest_enter to guest_leave; another
 * thread may look meanwhile (host statistics), so the fields are written whole.
 */
static void guest_enter(struct vcpu *v, u64 now)
{
	__atomic_store_n(&v->stats.guest_since, now, __ATOMIC_RELAXED);
}

static void guest_leave(struct vcpu *v, u64 now)
{
	v->stats.guest_ticks += now - v->stats.guest_since;
	guest_enter(v, 0);
}

static __attribute__((noinline)) int handle_locked(struct vcpu *v, struct exit *x)
{
	switch (x->reason) {
	case EXIT_MMIO:
		handle_mmio(v, x);
		return 0;
	case EXIT_MSR:
		handle_msr(v, x);
		return 0;
	case EXIT_TPR:
		handle_tpr(v, x);
		return 0;
	case EXIT_EOI:
		irq_end(v->vm, x->eoi.vector);
		return 0;
	case EXIT_FPU_ERROR:
		if (v->vm->fpu_error)
			v->vm->fpu_error(v->vm);
		return 0;
	default:
		return -EINVAL;
	}
}

static inline __attribute__((always_inline)) int handle(struct vcpu *v, struct exit *x)
{
	int status = 0;

	if (x->reason == EXIT_HYPERCALL) { /* takes the lock itself where it needs it */
		handle_hypercall(v, x);
		return 0;
	}
	platform_mutex_lock(&v->vm->lock);
	if (likely(x->reason == EXIT_IO))
		handle_io(v, x);
	else
		status = handle_locked(v, x);
	platform_mutex_unlock(&v->vm->lock);
	return status;
}

struct handled {
	u64 end; /* when it was done */
	int status;
};

/* An exit that began at start. In registers, and the commonest reason first: what
 * an exit costs is measured (`make bench-nested`). */
static inline __attribute__((always_inline)) struct handled handle_timed(struct vcpu *v,
									struct exit *x, u64 start)
{
	struct handled h;

	v->stats.exits[x->reason]++;
	h.status = handle(v, x);
	h.end = platform_counter();
	v->stats.exit_ticks[x->reason] += h.end - start;
	return h;
}

int vcpu_handle_exit(struct vcpu *v, struct exit *x)
{
	bool inside = v->stats.guest_since != 0; /* called by the engine */
	u64 start = platform_counter();
	struct handled h;

	if (inside)
		guest_leave(v, start);
	h = handle_timed(v, x, start);
	if (inside)
		guest_enter(v, h.end);
	return h.status;
}

static void vcpu_halt(struct vcpu *v)
{
	v->state = VCPU_HALTED;
	v->stats.halts++;
	__atomic_store_n(&v->halt_since_ns, platform_clock_ns(), __ATOMIC_RELAXED);
}

static void vcpu_halt_end(struct vcpu *v)
{
	v->stats.halted_ns += platform_clock_ns() - v->halt_since_ns;
	__atomic_store_n(&v->halt_since_ns, 0, __ATOMIC_RELAXED);
}

/* What ended run(), at left. */
static void vcpu_dispatch(struct vcpu *v, struct exit *x, u64 left)
{
	v->last_exit = x->reason;
	switch (x->reason) {
	case EXIT_IO:
	case EXIT_MMIO:
	case EXIT_MSR:
	case EXIT_TPR:
	case EXIT_HYPERCALL:
	case EXIT_EOI:
	case EXIT_FPU_ERROR:
		(void)handle_timed(v, x, left); /* these are all known */
		return;
	case EXIT_HALT:
		vcpu_halt(v);
		break;
	case EXIT_SHUTDOWN:
		vm_stop(v->vm, VM_CRASHED, 0, "vCPU %u: triple fault", v->index);
		break;
	case EXIT_ERROR:
		vm_stop(v->vm, VM_CRASHED, 0, "vCPU %u: %s", v->index,
			x->error ? x->error : "engine error");
		break;
	default:
		break;
	}
	v->stats.exits[x->reason]++;
	v->stats.exit_ticks[x->reason] += platform_counter() - left;
}

/* From now; *left is when it came back. Reading the counter costs: once a border. */
static int vcpu_run(struct vcpu *v, struct exit *x, u64 now, u64 *left)
{
	int r;

	guest_enter(v, now);
	r = v->vm->engine->run(v, x);
	*left = platform_counter();
	guest_leave(v, *left);
	return r;
}

/* Halted or waiting: is there anything to wake up for? */
static bool vcpu_stays_blocked(struct vcpu *v)
{
	if (v->state == VCPU_RUNNING)
		return false;
	return !__atomic_load_n(&v->kick, __ATOMIC_SEQ_CST);
}

/* Events and interrupts, before the engine runs; *end is when they were done. */
static int vcpu_prepare(struct vcpu *v, u64 *end)
{
	bool was_halted = v->state == VCPU_HALTED;
	u64 start = platform_counter();
	int r = vcpu_take_events(v);

	if (!r)
		vcpu_take_irq(v);
	if (was_halted && v->state != VCPU_HALTED)
		vcpu_halt_end(v);
	*end = platform_counter();
	v->stats.exit_ticks[v->last_exit] += *end - start;
	return r;
}

enum vcpu_step vcpu_step(struct vcpu *v)
{
	struct exit x = { .reason = EXIT_NONE };
	u64 now;
	int r;

	/* Cleared before looking: what is posted from here on kicks again. */
	__atomic_store_n(&v->kick, 0, __ATOMIC_SEQ_CST);
	if (vm_stop_reason(v->vm) != VM_RUNS)
		return VCPU_STOPPED;
	r = vcpu_prepare(v, &now);
	if (!r && v->state != VCPU_RUNNING)
		return vcpu_stays_blocked(v) ? VCPU_BLOCKED : VCPU_RUNNABLE;
	if (!r)
		r = vcpu_run(v, &x, now, &now);
	if (r)
		vm_stop(v->vm, VM_CRASHED, 0, "vCPU %u: engine %s failed (%d)",
			v->index, v->vm->engine->name, r);
	else
		vcpu_dispatch(v, &x, now);
	return vm_stop_reason(v->vm) == VM_RUNS ? VCPU_RUNNABLE : VCPU_STOPPED;
}
