/* SPDX-License-Identifier: Apache-2.0 */
// The engine's own objects:
// LIBS: build/obj/asan/kvm.a build/obj/asan/libtrivet.a
/*
 * The KVM engine with small 64-bit guests, where /dev/kvm runs them on hardware;
 * elsewhere each test says why it is skipped. The nested test bed runs this
 * program too (tests/nested).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

#include <arch/x86/cpuid.h>
#include <arch/x86/state.h>
#include <trivet/bits.h>
#include <trivet/engines.h>
#include <trivet/vm.h>

#include "fake_platform.h"

/* --- the guests ---------------------------------------------------------------- */

/* Port 500h takes a value that the test reads, port 504h ends the guest. */
#define GUEST(name, text)                                                        \
	extern const u8 guest_##name[], guest_##name##_end[];                    \
	__asm__(".pushsection .rodata\nguest_" #name ":\n" text                  \
		"\nguest_" #name "_end: .popsection")
#define SAY "mov $0x500, %edx\nout %eax, %dx\n"
#define END "mov $0x504, %edx\nout %al, %dx\n1: hlt\njmp 1b\n"

GUEST(io, "mov $0x12345678, %eax\n" SAY
	  "mov $0x500, %edx\nin %dx, %eax\n" SAY
	  /* four bytes of a string, from the code itself */
	  "lea guest_io(%rip), %rsi\nmov $4, %ecx\nmov $0x508, %edx\ncld\nrep outsb\n"
	  "lea 0x9000, %rdi\nmov $3, %ecx\nmov $0x508, %edx\nrep insb\n"
	  "mov 0x9000, %eax\nand $0xffffff, %eax\n" SAY END);
GUEST(mmio, "mov $0x40000000, %rbx\nmov $0x1122334455667788, %rax\n"
	    "mov %rax, 8(%rbx)\nmovl $0x99, 4(%rbx)\nmovb $0x77, (%rbx)\n"
	    "mov 16(%rbx), %rax\n" SAY "shr $32, %rax\n" SAY
	    "movzwl 2(%rbx), %eax\n" SAY END);
/* Reads the MSR that the test put at 9000h; #GP says dead. */
GUEST(msr, "mov 0x9000, %ecx\nrdmsr\n" SAY END);
GUEST(wrmsr, "mov 0x9000, %ecx\nmov 0x9008, %eax\nmov 0x900c, %edx\nwrmsr\n"
	     "mov $1, %eax\n" SAY END);
GUEST(cpuid, "mov 0x9000, %eax\nmov 0x9004, %ecx\ncpuid\nmov %edx, %edi\n"
	     SAY "mov %ebx, %eax\n" SAY "mov %ecx, %eax\n" SAY "mov %edi, %eax\n" SAY END);
GUEST(triple, "lidt 0x9000\nud2\n");
GUEST(spin, "1: jmp 1b\n");
GUEST(dirty, "movb $1, 0x20123\nmovb $1, 0x23000\nmov 0x24000, %al\n" END);
GUEST(ring, "mov $0x40000000, %rbx\nmovw $5, 8(%rbx)\nmovw $6, 8(%rbx)\n"
	    "movl $7, 8(%rbx)\n" END);
GUEST(wait, "sti\n1: hlt\njmp 1b\n");
/* #GP at a008h's handler, vector 30h at its own: see prepare(). */
GUEST(gp, "mov $0xdead, %eax\n" SAY END);
GUEST(irq, "mov $0x30, %eax\n" SAY END);

/* --- the machine around them -------------------------------------------------------- */

struct bench {
	struct vm vm;
	struct x86_cpu_model model;
	u32 said[64];
	unsigned count;
	u8 bytes[16];
	unsigned byte_count;
	u64 written[4];
	unsigned sizes[4], writes;
	int vector; /* of the 8259 that is not there, or -1 */
};

static u64 port_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)ctx;
	(void)v;
	return offset < 8 ? 0xcafe0000u + size : 0xa0 + offset;
}

static void port_write(void *ctx, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	struct bench *b = ctx;

	(void)v;
	(void)size;
	if (offset == 0 && b->count < ARRAY_SIZE(b->said))
		b->said[b->count++] = (u32)value;
	else if (offset == 4)
		vm_stop(&b->vm, VM_DEBUG_EXIT, 0, "done");
	else if (b->byte_count < sizeof b->bytes)
		b->bytes[b->byte_count++] = (u8)value;
}

static u64 mem_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)ctx;
	(void)v;
	return size == 8 ? 0x8877665544332211 + offset : 0xbeef;
}

static void mem_write(void *ctx, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	struct bench *b = ctx;

	(void)v;
	(void)offset;
	if (b->writes < ARRAY_SIZE(b->written)) {
		b->sizes[b->writes] = size;
		b->written[b->writes++] = value;
	}
}

static const struct bus_ops port_ops = { port_read, port_write };
static const struct bus_ops mem_ops = { mem_read, mem_write };

static bool irq_pending(void *ctx)
{
	return ((struct bench *)ctx)->vector >= 0;
}

static int irq_ack(void *ctx)
{
	struct bench *b = ctx;
	int vector = b->vector;

	b->vector = -1;
	return vector >= 0 ? vector : -EAGAIN;
}

static u64 irq_get_tpr(void *ctx)
{
	(void)ctx;
	return 0;
}

static int irq_msr(void *ctx, u32 index, u64 value)
{
	(void)ctx;
	(void)index;
	(void)value;
	return -EINVAL;
}

static int irq_rdmsr(void *ctx, u32 index, u64 *value)
{
	return irq_msr(ctx, index, *value);
}

static const struct vcpu_irq_ops irq_ops = {
	.pending = irq_pending, .ack = irq_ack, .get_tpr = irq_get_tpr,
	.msr_read = irq_rdmsr, .msr_write = irq_msr,
};

static void put(struct bench *b, u64 at, const void *bytes, u64 n)
{
	assert_int_equal(guest_mem_write(&b->vm, gpa(at), bytes, n), 0);
}

static void put64(struct bench *b, u64 at, u64 value)
{
	put(b, at, &value, 8);
}

/* A 64-bit interrupt gate: SDM vol. 3A 6.14.1. */
static void gate(struct bench *b, unsigned vector, u64 handler)
{
	put64(b, 0x6000 + 16 * vector, (handler & 0xffff) | 8u << 16 | (u64)0x8e00 << 32 |
				      (handler >> 16 & 0xffff) << 48);
	put64(b, 0x6008 + 16 * vector, handler >> 32);
}

#define CODE_AT 0x8000
#define GP_AT 0xa000
#define IRQ_AT 0xb000

/* Page tables at 1000h map 1 GiB and the device at 1 GiB, GDT 5000h, IDT 6000h. */
static void prepare(struct bench *b, const u8 *code, const u8 *end)
{
	struct x86_state st;

	put64(b, 0x1000, 0x2003);
	for (u64 i = 0; i < 2; i++)
		put64(b, 0x2000 + 8 * i, 0x3003 + 0x1000 * i);
	for (u64 i = 0; i < 1024; i++)
		put64(b, 0x3000 + 8 * i, MIB(2) * i | 0x83);
	put64(b, 0x5008, 0x00af9b000000ffff);
	put64(b, 0x5010, 0x00cf93000000ffff);
	gate(b, 13, GP_AT);
	gate(b, 0x30, IRQ_AT);
	put(b, CODE_AT, code, (u64)(end - code));
	put(b, GP_AT, guest_gp, (u64)(guest_gp_end - guest_gp));
	put(b, IRQ_AT, guest_irq, (u64)(guest_irq_end - guest_irq));
	arch_state_reset(&st, &b->vm, 0, false);
	for (unsigned s = 0; s <= SEG_GS; s++)
		st.seg[s] = (struct x86_seg){ .limit = ~0u, .sel = 0x10,
			.attr = SA_P | SA_S | SA_WRITE | SA_ACCESSED | SA_DB | SA_G };
	st.seg[SEG_CS] = (struct x86_seg){ .limit = ~0u, .sel = 8,
		.attr = SA_P | SA_S | SA_CODE | SA_WRITE | SA_ACCESSED | SA_L | SA_G };
	st.seg[SEG_TR] = (struct x86_seg){ .limit = 0x67, .attr = SA_P | 0xb };
	st.gdt = (struct x86_dtable){ .base = 0x5000, .limit = 0x17 };
	st.idt = (struct x86_dtable){ .base = 0x6000, .limit = 0xfff };
	st.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	st.cr3 = 0x1000;
	st.cr4 = CR4_PAE;
	st.efer = EFER_LME | EFER_LMA;
	st.rip = CODE_AT;
	st.gpr[REG_RSP] = 0xf000;
	st.rflags = FL_ONE;
	assert_int_equal(engine_kvm.set_state(b->vm.vcpus[0], &st), 0);
}

static bool usable(void)
{
	struct engine_caps caps;

	if (engine_kvm.probe(&caps) == 0)
		return true;
	print_message("skipped: %s\n", caps.why);
	return false;
}

static void bench_open(struct bench *b, unsigned cpus)
{
	struct error err = { "" };

	memset(b, 0, sizeof *b);
	b->vector = -1;
	fake.counter_hz = 2000000000;
	if (vm_init(&b->vm, "test", &engine_kvm, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(x86_cpu_model_init(&b->model, "baseline", 2000000000, cpus), 0);
	b->model.speculates = engine_kvm.native;
	b->vm.arch_config = &b->model;
	assert_int_equal(guest_mem_add(&b->vm, gpa(0), MIB(1), MEM_READ | MEM_WRITE | MEM_EXEC),
			 0);
	for (unsigned i = 0; i < cpus; i++)
		if (vm_add_vcpu(&b->vm, &err))
			fail_msg("%s", err.msg);
	b->vm.vcpus[0]->irq_ctx = b;
	b->vm.vcpus[0]->irq = &irq_ops;
	assert_int_equal(bus_add(&b->vm.pio, &(struct bus_range){ 0x500, 16, "test",
								  &port_ops, b }), 0);
	assert_int_equal(bus_add(&b->vm.mmio, &(struct bus_range){ GIB(1), 4096, "test",
								   &mem_ops, b }), 0);
	assert_int_equal(engine_kvm.irqchip->reset(&b->vm), 0);
}

static void bench_close(struct bench *b)
{
	vm_fini(&b->vm);
}

/* Steps until the guest ends; fails when it takes thousands of steps. */
static enum vm_stop go(struct bench *b)
{
	for (unsigned i = 0; i < 10000; i++)
		if (vcpu_step(b->vm.vcpus[0]) == VCPU_STOPPED)
			break;
	return vm_stop_reason(&b->vm);
}

#define OPEN(b, guest)                                          \
	struct bench b;                                         \
	if (!usable())                                          \
		skip();                                         \
	bench_open(&b, 1);                                      \
	prepare(&b, guest_##guest, guest_##guest##_end)

/* --- tests ------------------------------------------------------------------------- */

static void ports(void **state)
{
	OPEN(b, io);
	(void)state;
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	assert_int_equal(b.count, 3);
	assert_int_equal(b.said[0], 0x12345678);
	assert_int_equal(b.said[1], 0xcafe0004);
	assert_int_equal(b.said[2], 0xa8a8a8);
	assert_int_equal(b.byte_count, 4);
	assert_memory_equal(b.bytes, guest_io, 4);
	/* OUT, IN, OUT, four and three of the strings, OUT, the end */
	assert_int_equal(b.vm.vcpus[0]->stats.exits[EXIT_IO], 12);
	bench_close(&b);
}

static void memory_mapped(void **state)
{
	OPEN(b, mmio);
	(void)state;
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	assert_int_equal(b.writes, 3);
	assert_int_equal(b.sizes[0], 8);
	assert_int_equal(b.written[0], 0x1122334455667788);
	assert_int_equal(b.sizes[1], 4);
	assert_int_equal(b.written[1], 0x99);
	assert_int_equal(b.sizes[2], 1);
	assert_int_equal(b.written[2], 0x77);
	assert_int_equal(b.said[0], 0x44332221);
	assert_int_equal(b.said[1], 0x88776655);
	assert_int_equal(b.said[2], 0xbeef);
	bench_close(&b);
}

static u32 read_msr(u32 index)
{
	struct bench b;
	u32 said;

	bench_open(&b, 1);
	prepare(&b, guest_msr, guest_msr_end);
	put64(&b, 0x9000, index);
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	said = b.said[0];
	bench_close(&b);
	return said;
}

static void msrs_are_an_allow_list(void **state)
{
	(void)state;
	if (!usable())
		skip();
	assert_int_equal(read_msr(0x3a), 1);	      /* FEATURE_CONTROL: ours */
	assert_int_equal(read_msr(0xc0000080), EFER_LME | EFER_LMA);
	assert_int_equal(read_msr(0x179), 0x104);     /* MCG_CAP */
	assert_int_equal(read_msr(0xfe), 0x508);      /* MTRR_CAP */
	assert_int_equal(read_msr(0x4b564d00), 0xdead); /* KVM's own clock */
	assert_int_equal(read_msr(0x11), 0xdead);
	assert_int_equal(read_msr(0xc0010015), 0xdead); /* AMD's HWCR */
	assert_int_equal(read_msr(0x480), 0xdead);    /* VMX */
}

static void unknown_msr_write_faults(void **state)
{
	OPEN(b, wrmsr);
	(void)state;
	put64(&b, 0x9000, 0x3a);
	put64(&b, 0x9008, 5);
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	assert_int_equal(b.said[0], 0xdead);
	bench_close(&b);
}

static struct x86_cpuid_regs ask_cpuid(u32 leaf, u32 sub)
{
	struct x86_cpuid_regs v;
	struct bench b;

	bench_open(&b, 1);
	prepare(&b, guest_cpuid, guest_cpuid_end);
	put64(&b, 0x9000, leaf | (u64)sub << 32);
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	v = (struct x86_cpuid_regs){ b.said[0], b.said[1], b.said[2], b.said[3] };
	bench_close(&b);
	return v;
}

/* The model's answer; feature bits that the host's CPU lacks may be gone. */
static void cpuid_is_the_models(void **state)
{
	static const u32 same[][2] = { { 0, 0 }, { 4, 0 }, { 4, 3 }, { 6, 0 }, { 0xb, 0 },
				       { 0xb, 1 }, { 0x15, 0 }, { 0x40000000, 0 },
				       { 0x80000000, 0 }, { 0x80000002, 0 },
				       { 0x80000006, 0 }, { 0x80000008, 0 } };
	struct x86_cpu_model m;

	(void)state;
	if (!usable())
		skip();
	assert_int_equal(x86_cpu_model_init(&m, "baseline", 2000000000, 1), 0);
	m.speculates = true;
	for (unsigned i = 0; i < ARRAY_SIZE(same); i++) {
		struct x86_cpuid_regs want = x86_cpuid(&m, NULL, 0, same[i][0], same[i][1]);
		struct x86_cpuid_regs got = ask_cpuid(same[i][0], same[i][1]);

		if (memcmp(&want, &got, sizeof want))
			fail_msg("leaf %x.%x: %x %x %x %x, expected %x %x %x %x", same[i][0],
				 same[i][1], got.eax, got.ebx, got.ecx, got.edx, want.eax,
				 want.ebx, want.ecx, want.edx);
	}
	assert_int_equal(ask_cpuid(1, 0).eax, x86_cpuid(&m, NULL, 0, 1, 0).eax);
	assert_int_equal(ask_cpuid(1, 0).ecx & ~x86_cpuid(&m, NULL, 0, 1, 0).ecx, 0);
	/* nothing of AMD's or KVM's shows */
	assert_int_equal(ask_cpuid(0x80000001, 0).ecx & 1u << 2, 0);
}

static void triple_fault_ends_the_vm(void **state)
{
	OPEN(b, triple);
	(void)state;
	put64(&b, 0x9000, 0);
	put64(&b, 0x9008, 0);
	assert_int_equal(go(&b), VM_CRASHED);
	assert_non_null(strstr(b.vm.stop_text, "triple fault"));
	bench_close(&b);
}

static void *stopper(void *arg)
{
	const struct timespec ms = { 0, 50000000 };

	nanosleep(&ms, NULL);
	vm_stop(arg, VM_QUIT, 0, "enough");
	return NULL;
}

static void a_kick_ends_a_loop(void **state)
{
	pthread_t thread;
	OPEN(b, spin);
	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, stopper, &b.vm), 0);
	assert_int_equal(go(&b), VM_QUIT);
	pthread_join(thread, NULL);
	bench_close(&b);
}

static void dirty_pages_are_told(void **state)
{
	u64 bitmap[4];
	OPEN(b, dirty);
	(void)state;
	assert_int_equal(guest_mem_watch(&b.vm, 1, true), -EINVAL);
	assert_int_equal(guest_mem_watch(&b.vm, 0, true), 0);
	assert_int_equal(guest_mem_dirty(&b.vm, 0, bitmap), 0);
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	memset(bitmap, 0xff, sizeof bitmap);
	assert_int_equal(guest_mem_dirty(&b.vm, 0, bitmap), 0);
	assert_int_equal(bitmap[0] & (BIT(0x20) | BIT(0x23)), BIT(0x20) | BIT(0x23));
	/* what was read may be in it; what was not touched is not */
	assert_int_equal(bitmap[0] >> 0x25, 0);
	assert_int_equal(bitmap[1] | bitmap[2] | bitmap[3], 0);
	assert_int_equal(guest_mem_dirty(&b.vm, 0, bitmap), 0);
	assert_int_equal(bitmap[0], 0);
	bench_close(&b);
}

static void doorbells_ring_later(void **state)
{
	struct pollfd p = { .events = POLLIN };
	OPEN(b, ring);
	(void)state;
	p.fd = engine_kvm.doorbell_fd(&b.vm);
	vm_doorbell_add(&b.vm, gpa(GIB(1) + 8));
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	assert_int_equal(b.writes, 0);
	assert_int_equal(b.vm.vcpus[0]->stats.exits[EXIT_MMIO], 0);
	assert_int_equal(poll(&p, 1, 0), 1);
	engine_kvm.doorbells_serve(&b.vm);
	assert_int_equal(b.writes, 1);
	assert_int_equal(b.written[0], 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	/* without it, they are exits again */
	vm_doorbell_remove(&b.vm, gpa(GIB(1) + 8));
	vm_clear_stop(&b.vm);
	prepare(&b, guest_ring, guest_ring_end);
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	assert_int_equal(b.writes, 4);
	assert_int_equal(b.written[3], 7);
	bench_close(&b);
}

static void an_8259_interrupts(void **state)
{
	OPEN(b, wait);
	(void)state;
	b.vector = 0x30;
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	assert_int_equal(b.said[0], 0x30);
	assert_int_equal(b.vm.vcpus[0]->stats.injected, 1);
	bench_close(&b);
}

static void a_message_interrupts(void **state)
{
	OPEN(b, wait);
	(void)state;
	assert_int_equal(engine_kvm.irqchip->send_msi(&b.vm, 0xfee00000, 0x30), 0);
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	assert_int_equal(b.said[0], 0x30);
	/* APIC 5 is not there */
	assert_int_equal(engine_kvm.irqchip->send_msi(&b.vm, 0xfee05000, 0x30), -ENODEV);
	bench_close(&b);
}

static void fill_state(struct x86_state *st)
{
	for (unsigned i = 0; i < 16; i++) {
		st->gpr[i] = 0x1111111111111111u * i;
		memset(st->fx.xmm[i], (int)(0x80 + i), 16);
	}
	for (unsigned i = 0; i < 8; i++)
		memset(st->fx.st[i], (int)(0x10 + i), 10);
	st->fx.fcw = 0x27f;
	st->fx.mxcsr = 0x1fa0;
	st->cr2 = 0xabcdef;
	st->dr[0] = 0x1234;
	st->seg[SEG_FS].base = 0x7fff12345678;
	st->msr.lstar = 0xffffffff81000000;
	st->msr.star = 0x23001000000000;
	st->msr.sysenter_eip = 0xffffffff82000000;
	st->msr.kernel_gs_base = 0x7f0000000000;
	st->msr.pat = 0x0007010600070106;
	st->msr.mtrr.def_type = 0xc06;
	st->msr.mtrr.fixed[5] = 0x0505050505050505;
	st->msr.mtrr.base[1] = 0xc0000000;
	st->msr.mtrr.mask[1] = 0x3fc0000800;
	st->nmi_blocked = 1;
}

static void state_comes_back(void **state)
{
	struct x86_state in, out;
	OPEN(b, spin);
	(void)state;
	assert_int_equal(engine_kvm.get_state(b.vm.vcpus[0], &in), 0);
	fill_state(&in);
	assert_int_equal(engine_kvm.set_state(b.vm.vcpus[0], &in), 0);
	assert_int_equal(engine_kvm.get_state(b.vm.vcpus[0], &out), 0);
	assert_true(out.tsc >= in.tsc);
	out.tsc = in.tsc;
	for (unsigned i = 0; i < sizeof in / 8; i++)
		if (((const u64 *)&in)[i] != ((const u64 *)&out)[i])
			fail_msg("offset %u: %llx set, %llx read", i * 8,
				 ((const unsigned long long *)&in)[i],
				 ((const unsigned long long *)&out)[i]);
	bench_close(&b);
}

/* Two VMs in one process, the second CPU of one waiting for its start. */
static void two_machines(void **state)
{
	struct bench a, b;

	(void)state;
	if (!usable())
		skip();
	bench_open(&a, 2);
	bench_open(&b, 1);
	prepare(&a, guest_io, guest_io_end);
	prepare(&b, guest_mmio, guest_mmio_end);
	assert_int_equal(go(&a), VM_DEBUG_EXIT);
	assert_int_equal(go(&b), VM_DEBUG_EXIT);
	assert_int_equal(a.vm.vcpus[1]->state, VCPU_RUNNING);
	bench_close(&b);
	bench_close(&a);
}

/* Whatever the machine: the probe decides, and says why in one line. */
static void probe_says_why(void **state)
{
	struct engine_caps caps;
	int r = engine_kvm.probe(&caps);

	(void)state;
	assert_true(caps.why[0] != 0);
	assert_null(strchr(caps.why, '\n'));
	assert_int_equal(r == 0, caps.usable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_says_why),
		cmocka_unit_test(ports),
		cmocka_unit_test(memory_mapped),
		cmocka_unit_test(msrs_are_an_allow_list),
		cmocka_unit_test(unknown_msr_write_faults),
		cmocka_unit_test(cpuid_is_the_models),
		cmocka_unit_test(triple_fault_ends_the_vm),
		cmocka_unit_test(a_kick_ends_a_loop),
		cmocka_unit_test(dirty_pages_are_told),
		cmocka_unit_test(doorbells_ring_later),
		cmocka_unit_test(an_8259_interrupts),
		cmocka_unit_test(a_message_interrupts),
		cmocka_unit_test(state_comes_back),
		cmocka_unit_test(two_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
