/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The soft engine behind its contract: guests of a few instructions in 64-bit
 * mode, at 100000h, that leave by writing a byte to port f4h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <arch/x86/cpuid.h>
#include <arch/x86/state.h>
#include <trivet/bits.h>
#include <trivet/engines.h>
#include <trivet/vm.h>

#include "../../src/engine/soft/soft.h"
#include "fake_platform.h"

#define CODE 0x100000
#define STACK 0x180000

static struct vm vm;
static struct x86_cpu_model model;

static u64 port_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)ctx, (void)v, (void)offset, (void)size;
	return 0x5a;
}
static void port_write(void *ctx, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	(void)ctx, (void)offset, (void)size;
	vm_stop(v->vm, VM_DEBUG_EXIT, (int)value, "exit");
}
static const struct bus_ops port_ops = { port_read, port_write };

static void tables(void)
{
	u8 *ram = vm.mem.slots[0].host;

	put_le64(ram + 0x1000, 0x2000 | 7);
	put_le64(ram + 0x2000, 0x3000 | 7);
	for (u64 i = 0; i < 512; i++)
		put_le64(ram + 0x3000 + 8 * i, i << 21 | 0x87);
	/* the page at 200000h is an alias of the code's */
	put_le64(ram + 0x3008, 0x4000 | 7);
	for (u64 i = 0; i < 512; i++)
		put_le64(ram + 0x4000 + 8 * i, (CODE + (i << 12)) | 7);
}

static void start_at(struct vcpu *v, u64 rip)
{
	static struct x86_state st;

	arch_state_reset(&st, &vm, v->index, false);
	st.cr0 |= 0x80000001;
	st.cr0 &= ~(u64)0x60000000;
	st.cr3 = 0x1000;
	st.cr4 = CR4_PAE | CR4_OSFXSR;
	st.efer = EFER_LME | EFER_LMA;
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		st.seg[s] = (struct x86_seg){ .limit = 0xffffffff, .sel = 0x10,
					      .attr = SA_P | SA_S | SA_WRITE | SA_ACCESSED | SA_DB | SA_G };
	st.seg[SEG_CS].attr = SA_P | SA_S | SA_CODE | SA_WRITE | SA_ACCESSED | SA_L | SA_G;
	st.rip = rip;
	st.gpr[REG_RSP] = STACK + 0x10000 * v->index;
	assert_int_equal(vm.engine->set_state(v, &st), 0);
	v->state = VCPU_RUNNING;
}

static int setup_cpus(unsigned cpus)
{
	struct error err;

	fake.clock_ns = 0;
	assert_int_equal(x86_cpu_model_init(&model, "baseline", 2000000000, cpus), 0);
	assert_int_equal(vm_init(&vm, "t", &engine_soft, &err), 0);
	vm.arch_config = &model;
	assert_int_equal(guest_mem_add(&vm, gpa(0), MIB(4), MEM_READ | MEM_WRITE), 0);
	for (unsigned i = 0; i < cpus; i++)
		assert_int_equal(vm_add_vcpu(&vm, &err), 0);
	bus_add(&vm.pio, &(struct bus_range){ 0xf4, 1, "exit", &port_ops, NULL });
	tables();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_cpus(1);
}

static int setup_two(void **state)
{
	(void)state;
	return setup_cpus(2);
}

static int setup_three(void **state)
{
	(void)state;
	return setup_cpus(3);
}

static int teardown(void **state)
{
	(void)state;
	vm_fini(&vm);
	return 0;
}

/* A blob of guest code between two labels in this file's text. */
#define GUEST(name, code)                                                      \
	__asm__(".pushsection .rodata\n.balign 4096\n" #name ":\n" code "\n" #name           \
		"_end:\n.popsection\n");                                       \
	extern const u8 name[], name##_end[]

static int run(struct vcpu *v)
{
	for (int i = 0; i < 1000000; i++) {
		enum vcpu_step s = vcpu_step(v);

		if (s == VCPU_STOPPED)
			return vm_stop_reason(&vm) == VM_DEBUG_EXIT ? vm.exit_code : -1;
		if (s == VCPU_BLOCKED)
			return -2;
	}
	return -3;
}

static void load(u64 at, const u8 *from, const u8 *to)
{
	assert_int_equal(guest_mem_write(&vm, gpa(at), from, (u64)(to - from)), 0);
}

#define RUN_GUEST(name)                                                        \
	(load(CODE, name, name##_end), start_at(vm.vcpus[0], CODE), run(vm.vcpus[0]))

GUEST(g_loop, "xor %eax,%eax\n mov $100000,%ecx\n 1: add %ecx,%eax\n dec %ecx\n jnz 1b\n"
	      "cmp $705082704,%eax\n sete %al\n out %al,$0xf4\n");

static void test_loop(void **state)
{
	(void)state;
	assert_int_equal(RUN_GUEST(g_loop), 1);
	assert_in_range(vm.vcpus[0]->stats.guest_instructions, 300000, 300010);
}

/* Overwrites the immediate of an instruction later in the same block. */
GUEST(g_smc_ahead, "lea 1f(%rip),%rbx\n movb $7,1(%rbx)\n 1: mov $3,%al\n out %al,$0xf4\n");

static void test_smc_ahead_in_block(void **state)
{
	(void)state;
	assert_int_equal(RUN_GUEST(g_smc_ahead), 7);
}

/* Runs a function, patches it, runs it again; the second time through the alias. */
GUEST(g_smc_call, "lea 2f(%rip),%rbx\n call *%rbx\n mov %al,%dl\n movb $9,1(%rbx)\n call *%rbx\n"
		  "add %al,%dl\n movb $30,0x100001(%rbx)\n call *%rbx\n add %dl,%al\n out %al,$0xf4\n"
		  "2: mov $5,%al\n ret\n");

static void test_smc_function_and_alias(void **state)
{
	(void)state;
	/* 5 + 9 + 30: the alias at +100000h maps the same page */
	assert_int_equal(RUN_GUEST(g_smc_call), 44);
}

GUEST(g_smc_locked, "lea 2f(%rip),%rbx\n call *%rbx\n mov %al,%dl\n mov $5,%al\n mov $8,%cl\n"
		    "lock cmpxchg %cl,1(%rbx)\n call *%rbx\n add %al,%dl\n lock addb $1,1(%rbx)\n"
		    "call *%rbx\n add %dl,%al\n out %al,$0xf4\n 2: mov $5,%al\n ret\n");

static void test_smc_by_locked_stores(void **state)
{
	(void)state;
	assert_int_equal(RUN_GUEST(g_smc_locked), 5 + 8 + 9);
}

/* A call whose instruction lies across a page boundary, then patched. */
GUEST(g_cross, "mov $4,%eax\n ret\n");

static void test_instruction_across_pages(void **state)
{
	/* mov $0x44332211,%eax (5 bytes) at the page's last two; out; patch */
	static const u8 mov[] = { 0xb8, 0x11, 0x22, 0x33, 0x44, 0xe6, 0xf4 };

	(void)state;
	load(CODE + 0xffe, mov, mov + sizeof mov);
	start_at(vm.vcpus[0], CODE + 0xffe);
	assert_int_equal(run(vm.vcpus[0]), 0x11);
	vm_clear_stop(&vm);
	assert_int_equal(guest_mem_write(&vm, gpa(CODE + 0xfff), "\x77", 1), 0);
	start_at(vm.vcpus[0], CODE + 0xffe);
	assert_int_equal(run(vm.vcpus[0]), 0x77);
	vm_clear_stop(&vm);
	assert_int_equal(RUN_GUEST(g_cross), -1); /* returns into nowhere: triple fault */
}

GUEST(g_triple, "ud2\n");

static void test_triple_fault(void **state)
{
	(void)state;
	assert_int_equal(RUN_GUEST(g_triple), -1);
	assert_int_equal(vm_stop_reason(&vm), VM_CRASHED);
}

GUEST(g_halt, "1: hlt\n jmp 1b\n");

static void test_halt_blocks(void **state)
{
	(void)state;
	assert_int_equal(RUN_GUEST(g_halt), -2);
	assert_int_equal(vm.vcpus[0]->stats.halts, 1);
}

GUEST(g_spin, "1: jmp 1b\n");

static void *kicker(void *arg)
{
	for (int i = 0; i < 50; i++)
		vcpu_kick(arg);
	vm_stop(&vm, VM_QUIT, 0, "done");
	return NULL;
}

static void test_kick_leaves_a_spinning_guest(void **state)
{
	pthread_t t;

	(void)state;
	load(CODE, g_spin, g_spin_end);
	start_at(vm.vcpus[0], CODE);
	pthread_create(&t, NULL, kicker, vm.vcpus[0]);
	assert_int_equal(run(vm.vcpus[0]), -1);
	pthread_join(t, NULL);
	assert_int_equal(vm_stop_reason(&vm), VM_QUIT);
}

/* --- two vCPUs --------------------------------------------------------------- */

static void *vcpu_thread(void *arg)
{
	while (vcpu_step(arg) != VCPU_STOPPED)
		;
	return NULL;
}

/* Both add to one counter with LOCK; the first to see both done leaves. */
GUEST(g_count, "mov $0x170000,%ebx\n mov $20000,%ecx\n 1: lock incl (%rbx)\n loop 1b\n"
	       "lock incl 4(%rbx)\n 2: pause\n cmpl $2,4(%rbx)\n jne 2b\n cmpl $40000,(%rbx)\n"
	       "sete %al\n out %al,$0xf4\n 3: jmp 3b\n");

static void run_two(const u8 *from, const u8 *to, u64 second)
{
	pthread_t t[2];

	load(CODE, from, to);
	start_at(vm.vcpus[0], CODE);
	start_at(vm.vcpus[1], CODE + second);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, vcpu_thread, vm.vcpus[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

static void test_locked_counter(void **state)
{
	(void)state;
	run_two(g_count, g_count_end, 0);
	assert_int_equal(vm.exit_code, 1);
}

/*
 * CPU 0 patches a function 500 times and tells CPU 1, which serialises with
 * CPUID, calls it and answers with what it returned.
 */
GUEST(g_cross_smc,
      "mov $0x170000,%ebp\n lea 9f(%rip),%rsi\n xor %edi,%edi\n"
      "1: inc %edi\n mov %edi,1(%rsi)\n mov %edi,(%rbp)\n 2: pause\n cmp %edi,8(%rbp)\n jne 2b\n"
      "cmp %edi,16(%rbp)\n jne 3f\n cmp $500,%edi\n jne 1b\n mov $1,%al\n out %al,$0xf4\n"
      "3: mov $2,%al\n out %al,$0xf4\n"
      ".balign 256\n"
      "mov $0x170000,%ebp\n lea 9f(%rip),%rsi\n xor %edi,%edi\n"
      "4: inc %edi\n 5: pause\n cmp %edi,(%rbp)\n jne 5b\n xor %eax,%eax\n cpuid\n call *%rsi\n"
      "mov %eax,16(%rbp)\n mov %edi,8(%rbp)\n jmp 4b\n"
      ".balign 4096\n"
      "9: mov $0,%eax\n ret\n");

static void test_code_written_by_another_cpu(void **state)
{
	(void)state;
	run_two(g_cross_smc, g_cross_smc_end, 256);
	assert_int_equal(vm.exit_code, 1);
}

struct marker {
	struct soft_vcpu *cpu;
	struct soft_page *page;
	int done;
};

static void *mark(void *arg)
{
	struct marker *m = arg;

	soft_page_mark(m->cpu, m->page, CODE, 16);
	__atomic_store_n(&m->done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/*
 * While CPU 0 waits for CPU 2 to drop its write translations, CPU 1 finds the page
 * marked: stores of CPU 2 are not seen yet, so it must not read the code either.
 */
static void test_second_decoder_waits_too(void **state)
{
	struct soft_vcpu *writer = vm.vcpus[2]->engine_data;
	struct soft_slot *slot;
	struct marker m[2];
	pthread_t t[2];

	(void)state;
	writer->running = 1;
	for (int i = 0; i < 2; i++) {
		m[i] = (struct marker){ vm.vcpus[i]->engine_data,
					soft_page_of(vm.engine_data, CODE, &slot), 0 };
		pthread_create(&t[i], NULL, mark, &m[i]);
		while (!(__atomic_load_n(&writer->cpu.attention, __ATOMIC_SEQ_CST) & ATT_SYNC))
			usleep(100);
	}
	usleep(50000);
	assert_int_equal(__atomic_load_n(&m[0].done, __ATOMIC_SEQ_CST), 0);
	assert_int_equal(__atomic_load_n(&m[1].done, __ATOMIC_SEQ_CST), 0);
	soft_attend_sync(writer);
	for (int i = 0; i < 2; i++) {
		while (!__atomic_load_n(&m[i].done, __ATOMIC_SEQ_CST))
			soft_attend_sync(writer);
		pthread_join(t[i], NULL);
	}
	/* from now on nobody waits: the page has been code all the time */
	m[0].done = 0;
	mark(&m[0]);
	assert_int_equal(writer->cpu.attention & ATT_SYNC, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define T2(f) cmocka_unit_test_setup_teardown(f, setup_two, teardown)
	const struct CMUnitTest tests[] = {
		T(test_loop),
		T(test_smc_ahead_in_block),
		T(test_smc_function_and_alias),
		T(test_smc_by_locked_stores),
		T(test_instruction_across_pages),
		T(test_triple_fault),
		T(test_halt_blocks),
		T(test_kick_leaves_a_spinning_guest),
		T2(test_locked_counter),
		T2(test_code_written_by_another_cpu),
		cmocka_unit_test_setup_teardown(test_second_decoder_waits_too, setup_three,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
