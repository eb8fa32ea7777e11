/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our engine and core add to a port-I/O exit: the same guest in the same VM,
 * once run by vcpu_step as the program does, once by a bare KVM_RUN loop. What a
 * message costs by each way. And the time from exec to the first byte a guest
 * writes, for each command line given. In ticks of the TSC, which counts
 * instructions in the nested bed.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "kvm.h"

#include <arch/x86/cpuid.h>
#include <trivet/bits.h>
#include <trivet/engines.h>

#define EXITS 2000
#define ROUNDS 5
#define MEMORY MIB(1)

/* 16-bit code at 0: mov ecx, EXITS; mov dx, 500h; 1: out dx, al; dec ecx; jnz 1b;
 * out 10h, al; 2: hlt; jmp 2b */
static const u8 guest[] = { 0x66, 0xb9, EXITS & 0xff, EXITS >> 8, 0, 0, 0xba, 0x00, 0x05,
			    0xee, 0x66, 0x49, 0x75, 0xfb, 0xe6, 0x10, 0xf4, 0xeb, 0xfd };

/* What the program has of trivet/platform.h beside the files linked here. */
void platform_vcpu_wake(struct vcpu *v)
{
	(void)v;
}

void platform_timer_arm(struct vm *vm, u64 deadline_ns)
{
	(void)vm;
	(void)deadline_ns;
}

static u64 port_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)ctx;
	(void)v;
	(void)offset;
	(void)size;
	return 0;
}

static void port_write(void *ctx, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	u64 *count = ctx;

	(void)v;
	(void)offset;
	(void)size;
	(void)value;
	++*count;
}

static void end_write(void *ctx, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	(void)offset;
	(void)size;
	(void)value;
	(void)ctx;
	vm_stop(v->vm, VM_POWEROFF, 0, "done");
}

static const struct bus_ops count_ops = { port_read, port_write };
static const struct bus_ops end_ops = { port_read, end_write };

static void check(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "%s: error %d\n", what, -r);
		exit(1);
	}
}

static void start(struct vcpu *v)
{
	struct kvm_cpu *c = v->engine_data;
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs s;

	check(kvm_vcpu_finish(c, true), "finish");
	check(kvm_ioctl(c->fd, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
	s.cs.selector = 0;
	s.cs.base = 0;
	check(kvm_ioctl(c->fd, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
	check(kvm_ioctl(c->fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	c->run->immediate_exit = 0;
}

static u64 run_ours(struct vcpu *v)
{
	u64 t;

	vm_clear_stop(v->vm);
	start(v);
	t = __rdtsc();
	while (vcpu_step(v) != VCPU_STOPPED)
		;
	return __rdtsc() - t;
}

static u64 run_bare(struct vcpu *v)
{
	struct kvm_cpu *c = v->engine_data;
	u64 t;

	start(v);
	t = __rdtsc();
	while (ioctl(c->fd, KVM_RUN, 0) == 0)
		if (c->run->exit_reason != KVM_EXIT_IO || c->run->io.port == 0x10)
			break;
	c->unfinished = true;
	return __rdtsc() - t;
}

static u64 best(u64 (*run)(struct vcpu *v), struct vcpu *v)
{
	u64 least = ~(u64)0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		u64 took = run(v);

		least = took < least ? took : least;
	}
	return least / EXITS;
}

/* A message to the only CPU's APIC: KVM_SIGNAL_MSI against an irqfd's write. */
static void messages(struct vm *vm)
{
	struct kvm_guest *g = vm->engine_data;
	struct kvm_irqfd f = { .gsi = 23, .fd = (u32)eventfd(0, EFD_NONBLOCK) };
	const u64 one = 1;
	u64 t, signal, irqfd;

	kvm_arch_irqchip.route_level(vm, 23, true, 0xfee00000, 0x41);
	check(kvm_ioctl(g->fd, KVM_IRQFD, &f), "KVM_IRQFD");
	for (unsigned i = 0; i < 10; i++) {
		kvm_arch_irqchip.send_msi(vm, 0xfee00000, 0x41);
		check((int)write((int)f.fd, &one, sizeof one), "irqfd");
	}
	t = __rdtsc();
	for (unsigned i = 0; i < EXITS; i++)
		kvm_arch_irqchip.send_msi(vm, 0xfee00000, 0x41);
	signal = (__rdtsc() - t) / EXITS;
	t = __rdtsc();
	for (unsigned i = 0; i < EXITS; i++)
		check((int)write((int)f.fd, &one, sizeof one), "irqfd");
	irqfd = (__rdtsc() - t) / EXITS;
	printf("message: KVM_SIGNAL_MSI %llu ticks, irqfd %llu\n", (unsigned long long)signal,
	       (unsigned long long)irqfd);
}

/* Until the byte comes that argv's guest writes first. */
static u64 first_byte(char **argv)
{
	posix_spawn_file_actions_t actions;
	int fds[2], status;
	char byte;
	pid_t child;
	u64 t;

	check(pipe(fds), "pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_addclose(&actions, fds[0]);
	t = __rdtsc();
	check(-posix_spawn(&child, argv[0], &actions, NULL, argv, environ), argv[0]);
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		check(-EIO, "the guest says nothing");
	t = __rdtsc() - t;
	close(fds[0]);
	waitpid(child, &status, 0);
	posix_spawn_file_actions_destroy(&actions);
	return t;
}

/* Command lines with "--" between them, a name before each. The second time counts:
 * files are read and pages were had before. */
static void print_starts(char **words)
{
	for (char **end = words; *words; words = end) {
		u64 t;

		for (end = words; *end && strcmp(*end, "--"); end++)
			;
		if (*end)
			*end++ = NULL;
		first_byte(words + 1);
		t = first_byte(words + 1);
		printf("exec to the guest's first byte: %s %llu ticks\n", words[0],
		       (unsigned long long)t);
	}
}

int main(int argc, char **argv)
{
	struct x86_cpu_model model;
	struct error err = { "" };
	u64 count = 0, ours, bare;
	struct vm vm;

	check(vm_init(&vm, "bench", &engine_kvm, &err), err.msg);
	check(guest_mem_add(&vm, gpa(0), MEMORY, MEM_READ | MEM_WRITE | MEM_EXEC), "RAM");
	check(guest_mem_write(&vm, gpa(0), guest, sizeof guest), "RAM");
	check(x86_cpu_model_init(&model, "baseline", 1000000000, 1), "model");
	vm.arch_config = &model;
	check(vm_add_vcpu(&vm, &err), err.msg);
	check(bus_add(&vm.pio, &(struct bus_range){ 0x500, 1, "count", &count_ops, &count }), "bus");
	check(bus_add(&vm.pio, &(struct bus_range){ 0x10, 1, "end", &end_ops, NULL }), "bus");
	check(engine_kvm.irqchip->reset(&vm), "reset");
	bare = best(run_bare, vm.vcpus[0]);
	ours = best(run_ours, vm.vcpus[0]);
	printf("port-I/O exit: bare KVM_RUN %llu ticks, ours %llu, added %.1f %%\n",
	       (unsigned long long)bare, (unsigned long long)ours,
	       100.0 * ((double)ours - (double)bare) / (double)bare);
	messages(&vm);
	vm_fini(&vm);
	if (argc > 1)
		print_starts(argv + 1);
	return count == 0;
}
