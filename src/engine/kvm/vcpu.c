/* SPDX-License-Identifier: Apache-2.0 */
/* One vCPU: entering the guest, what it exits for, and getting it out. */
#include "kvm.h"

#include <trivet/bits.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- kicks ------------------------------------------------------------------ */

#define KICK_SIGNAL SIGRTMIN

static void kick_handler(int signo)
{
	(void)signo; /* that it came is enough: KVM_RUN returns EINTR */
}

int kvm_install_kick(void)
{
	struct sigaction act = { .sa_handler = kick_handler, .sa_flags = SA_RESTART };

	return sigaction(KICK_SIGNAL, &act, NULL) ? -errno : KICK_SIGNAL;
}

/*
 * v->kick is set. Either cpu_enter sees it, or the thread is in the guest and
 * gets a signal; one that comes between cpu_enter's look and KVM_RUN finds
 * immediate_exit set (api.rst 5). The thread waits in cpu_leave while it is sent
 * one, so that the signal never goes to a thread that has ended.
 */
void kvm_kick(struct vcpu *v)
{
	struct kvm_cpu *c = v->engine_data;
	u32 in = KVM_IN;

	__atomic_store_n(&c->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_compare_exchange_n(&c->where, &in, KVM_SIGNALLED, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	if (!pthread_equal(c->thread, pthread_self()))
		pthread_kill(c->thread, KICK_SIGNAL);
	__atomic_store_n(&c->where, KVM_IN, __ATOMIC_SEQ_CST);
}

static bool cpu_kicked(const struct kvm_cpu *c)
{
	return __atomic_load_n(&c->v->kick, __ATOMIC_SEQ_CST) != 0;
}

/* False when somebody wants the vCPU out. */
static bool cpu_enter(struct kvm_cpu *c)
{
	c->thread = pthread_self();
	__atomic_store_n(&c->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->where, KVM_IN, __ATOMIC_SEQ_CST);
	return !cpu_kicked(c);
}

static void cpu_leave(struct kvm_cpu *c)
{
	u32 in = KVM_IN;

	while (!__atomic_compare_exchange_n(&c->where, &in, KVM_OUT, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		in = KVM_IN;
		sched_yield();
	}
}

/* --- exits -------------------------------------------------------------------- */

static u32 io_load(const u8 *data, unsigned size)
{
	return size == 1 ? *data : size == 2 ? get_le16(data) : get_le32(data);
}

static void io_store(u8 *data, unsigned size, u32 value)
{
	if (size == 1)
		*data = (u8)value;
	else if (size == 2)
		put_le16(data, (u16)value);
	else
		put_le32(data, value);
}

/* One access of api.rst 5, KVM_EXIT_IO, at data. */
static inline void io_element(struct kvm_cpu *c, struct exit *x, u8 *data)
{
	if (x->io.write) {
		x->io.value = io_load(data, x->io.size);
		vcpu_handle_exit(c->v, x);
	} else {
		vcpu_handle_exit(c->v, x);
		io_store(data, x->io.size, x->io.value);
	}
}

/* count accesses of one string instruction. */
static __attribute__((noinline)) void io_string(struct kvm_cpu *c, struct exit *x, u8 *data,
						u32 count)
{
	for (; count; count--, data += x->io.size)
		io_element(c, x, data);
}

/*
 * The commonest exit: what it costs beyond KVM_RUN is measured (`make
 * bench-nested`).
 */
static inline __attribute__((always_inline)) void exit_io(struct kvm_cpu *c, struct exit *x)
{
	struct kvm_run *run = c->run;
	u8 *data = (u8 *)run + run->io.data_offset;

	x->reason = EXIT_IO;
	x->io.port = run->io.port;
	x->io.size = run->io.size;
	x->io.write = run->io.direction == KVM_EXIT_IO_OUT;
	if (likely(run->io.count == 1))
		io_element(c, x, data);
	else
		io_string(c, x, data, run->io.count);
	x->reason = EXIT_NONE;
	c->unfinished = true;
}

/* KVM splits accesses into pieces of 1, 2, 4 and 8 bytes where it can. */
static void exit_mmio(struct kvm_cpu *c)
{
	struct kvm_run *run = c->run;
	struct exit x = { .reason = EXIT_MMIO };
	u32 len = run->mmio.len;

	for (u32 at = 0; at < len && len <= 8; at += x.mmio.size) {
		bool whole = len == 1 || len == 2 || len == 4 || len == 8;

		x.mmio.addr = gpa(run->mmio.phys_addr + at);
		x.mmio.size = whole ? (u8)len : 1;
		x.mmio.write = run->mmio.is_write;
		x.mmio.value = 0;
		if (x.mmio.write)
			memcpy(&x.mmio.value, run->mmio.data + at, x.mmio.size);
		vcpu_handle_exit(c->v, &x);
		if (!x.mmio.write)
			memcpy(run->mmio.data + at, &x.mmio.value, x.mmio.size);
	}
	c->unfinished = true;
}

static int exit_error(struct exit *x, const char *text)
{
	x->reason = EXIT_ERROR;
	x->error = text;
	return 1;
}

/* api.rst 5, KVM_EXIT_INTERNAL_ERROR. */
static int exit_internal(const struct kvm_cpu *c, struct exit *x)
{
	if (c->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		return exit_error(x, "KVM cannot emulate an instruction of this guest; "
				     "--engine soft can");
	return exit_error(x, "KVM gave the guest up with an internal error; "
			     "--engine soft runs without KVM");
}

/* 0 to go on, 1 when *x is to be returned, or -errno. */
static int cpu_exit(struct kvm_cpu *c, struct exit *x)
{
	switch (c->run->exit_reason) {
	case KVM_EXIT_IO:
		exit_io(c, x);
		return 0;
	case KVM_EXIT_MMIO:
		exit_mmio(c);
		return 0;
	case KVM_EXIT_INTR:
		return 0;
	case KVM_EXIT_SHUTDOWN:
		x->reason = EXIT_SHUTDOWN;
		return 1;
	case KVM_EXIT_FAIL_ENTRY:
		return exit_error(x, "the CPU refuses to enter this guest's state; "
				     "--engine soft may take it");
	case KVM_EXIT_INTERNAL_ERROR:
		return exit_internal(c, x);
	default:
		return kvm_arch_exit(c, x);
	}
}

/* KVM_RUN failed: a signal or an INIT or start-up (EAGAIN) is no failure. */
static int run_failed(int code, struct exit *x)
{
	if (code == EINTR || code == EAGAIN)
		return 0;
	if (code == EFAULT)
		return exit_error(x, "the guest touched memory that KVM cannot map; is "
				     "this machine out of memory?");
	return -code;
}

int kvm_run_vcpu(struct vcpu *v, struct exit *x)
{
	struct kvm_cpu *c = v->engine_data;
	int r = 0;

	x->reason = EXIT_NONE;
	if (!cpu_enter(c))
		goto out;
	do {
		r = ioctl(c->fd, KVM_RUN, 0);
		c->unfinished = false;
		if (unlikely(r != 0))
			r = run_failed(errno, x);
		else if (likely(c->run->exit_reason == KVM_EXIT_IO))
			exit_io(c, x);
		else
			r = cpu_exit(c, x);
	} while (!r && !cpu_kicked(c));
out:
	cpu_leave(c);
	return r < 0 ? r : 0;
}

int kvm_vcpu_finish(struct kvm_cpu *c, bool forget)
{
	struct exit x;
	int r = 0;

	while (c->unfinished && !r) {
		__atomic_store_n(&c->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		r = kvm_ioctl_num(c->fd, KVM_RUN, 0);
		c->unfinished = r == 0; /* there was more of it */
		if (!r && !forget)
			r = cpu_exit(c, &x);
	}
	return r < 0 && r != -EINTR && r != -EAGAIN ? r : 0;
}

/* --- life ---------------------------------------------------------------------- */

int kvm_vcpu_init(struct vcpu *v, struct error *err)
{
	struct kvm_guest *g = v->vm->engine_data;
	struct kvm_cpu *c = platform_alloc(sizeof *c);
	int r;

	if (!c)
		return error_set(err, -ENOMEM, "no memory for vCPU %u of the KVM engine",
				 v->index);
	c->v = v;
	c->run_size = g->run_size;
	c->fd = kvm_ioctl_num(g->fd, KVM_CREATE_VCPU, v->index);
	if (c->fd < 0) {
		r = error_set(err, c->fd, "KVM makes no vCPU %u: %s", v->index,
			      strerror(-c->fd));
		goto fail;
	}
	c->run = mmap(NULL, c->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED) {
		r = error_set(err, -errno, "vCPU %u: %s", v->index, strerror(errno));
		goto fail_fd;
	}
	v->engine_data = c;
	r = kvm_arch_vcpu_init(v, err);
	if (!r)
		return 0;
	v->engine_data = NULL;
	munmap(c->run, c->run_size);
fail_fd:
	close(c->fd);
fail:
	platform_free(c, sizeof *c);
	return r;
}

void kvm_vcpu_fini(struct vcpu *v)
{
	struct kvm_cpu *c = v->engine_data;

	munmap(c->run, c->run_size);
	close(c->fd);
	platform_free(c, sizeof *c);
	v->engine_data = NULL;
}
