/* SPDX-License-Identifier: Apache-2.0 */
/* Long mode: interrupts, IRET, IST, double and triple faults, system calls. */
#include "test_sys.h"

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof *m);

	machine_init(m);
	enter_long(m);
	*state = m;
	return 0;
}
static int teardown(void **state)
{
	machine_fini(*state);
	free(*state);
	return 0;
}

static void test_interrupt_same_ring(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	idt64(m, 0x40, 0xffff800000020000, 0x8e, 0);
	c->gpr[REG_RSP] = STACK0 - 5; /* to be aligned */
	c->rflags |= FL_IF | FL_TF | FL_NT;
	assert_int_equal(x86_deliver_interrupt(c, 0x40), X86_OK);
	assert_int_equal(c->rip, 0xffff800000020000);
	assert_int_equal(c->gpr[REG_RSP], STACK0 - 16 - 40);
	assert_int_equal(peek(m, c->gpr[REG_RSP], 8), CODE);
	assert_int_equal(peek(m, c->gpr[REG_RSP] + 8, 8), S_CODE64);
	assert_int_equal(peek(m, c->gpr[REG_RSP] + 16, 8) & (FL_IF | FL_TF | FL_NT | FL_RF),
			 FL_IF | FL_TF | FL_NT);
	assert_int_equal(peek(m, c->gpr[REG_RSP] + 24, 8), STACK0 - 5);
	assert_int_equal(peek(m, c->gpr[REG_RSP] + 32, 8), S_DATA0);
	assert_false(c->rflags & (FL_IF | FL_TF | FL_NT));
	c->rip = CODE; /* the handler's IRET */
	assert_int_equal(RUN(m, 0x48, 0xcf), X86_BREAK); /* IF rose */
	assert_int_equal(c->gpr[REG_RSP], STACK0 - 5);
	assert_int_equal(c->rip, CODE);
	assert_true(c->rflags & FL_IF);
}

static void test_interrupt_from_user(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	idt64(m, 0x80, HANDLER, 0xee, 0);
	idt64(m, 0x81, HANDLER, 0x8e, 0);
	go_user64(m);
	assert_ptr_equal(c->tlb, c->tlb_table[X86_TLB_USER]);
	assert_fault(m, RUN(m, 0xcd, 0x81), EXC_GP, 0x81 * 8 + 2);
	assert_int_equal(c->gpr[REG_RSP], STACK3);
	assert_int_equal(RUN(m, 0xcd, 0x80), X86_BREAK);
	assert_int_equal(c->cpl, 0);
	assert_ptr_equal(c->tlb, c->tlb_table[X86_TLB_SUPER]);
	assert_int_equal(c->seg[SEG_SS].sel, 0);
	assert_int_equal(c->gpr[REG_RSP], STACK0 - 0x1000 - 40);
	assert_int_equal(peek(m, c->gpr[REG_RSP], 8), CODE + 2);
	assert_int_equal(peek(m, c->gpr[REG_RSP] + 24, 8), STACK3);
	assert_int_equal(peek(m, c->gpr[REG_RSP] + 32, 8), S_DATA3);
	assert_true(RUN(m, 0x48, 0xcf) >= 0);
	assert_int_equal(c->cpl, 3);
	assert_int_equal(c->seg[SEG_SS].sel, S_DATA3);
	assert_int_equal(c->gpr[REG_RSP], STACK3);
	assert_int_equal(c->rip, CODE + 2);
}

static void test_page_fault_on_ist(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	u64 v;

	idt64(m, EXC_PF, HANDLER, 0x8e, 1);
	go_user64(m);
	assert_int_equal(x86_load64(c, SEG_DS, 0x7fff0000, &v), X86_FAULT);
	assert_int_equal(c->fault.vector, EXC_PF);
	assert_int_equal(x86_deliver_fault(c), X86_OK);
	assert_int_equal(c->cr2, 0x7fff0000);
	assert_int_equal(c->gpr[REG_RSP], STACK_IST - 48);
	assert_int_equal(peek(m, c->gpr[REG_RSP], 8), PF_U);
	assert_true(peek(m, c->gpr[REG_RSP] + 24, 8) & FL_RF);
	x86_sp_add(c, 8);
	assert_true(RUN(m, 0x48, 0xcf) >= 0);
	assert_true(c->rflags & FL_RF); /* for the instruction to be run again */
	assert_int_equal(c->rip, CODE);
}

static void test_double_fault(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	idt64(m, EXC_DF, HANDLER, 0x8e, 1);
	c->rip = CODE; /* #GP's gate is absent: #NP in #GP */
	x86_gp0(c);
	assert_int_equal(x86_deliver_fault(c), X86_OK);
	assert_int_equal(c->rip, HANDLER);
	assert_int_equal(c->gpr[REG_RSP], STACK_IST - 48);
	assert_int_equal(peek(m, c->gpr[REG_RSP], 8), 0);
}

static void test_page_fault_in_page_fault(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	idt64(m, EXC_PF, HANDLER, 0x8e, 0);
	idt64(m, EXC_DF, HANDLER + 16, 0x8e, 1);
	c->gpr[REG_RSP] = 0x80000000; /* not mapped */
	x86_fault_code(c, EXC_PF, 0);
	c->fault.cr2 = 0x1234;
	assert_int_equal(x86_deliver_fault(c), X86_OK);
	assert_int_equal(c->rip, HANDLER + 16);
	assert_int_equal(c->cr2, 0x80000000 - 8);
	assert_int_equal(peek(m, STACK_IST - 16, 8), 0x80000000); /* old RSP */
}

static void test_benign_then_fault_is_serial(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	idt64(m, EXC_NP, HANDLER, 0x8e, 0);
	idt64(m, EXC_UD, 0, 0x0e, 0); /* not present: #NP, delivered in its stead */
	x86_ud(c);
	assert_int_equal(x86_deliver_fault(c), X86_OK);
	assert_int_equal(c->rip, HANDLER);
	assert_int_equal(peek(m, c->gpr[REG_RSP], 8), EXC_UD * 8 + 2 + 1);
}

static void test_triple_fault(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	c->idt.limit = 0;
	x86_ud(c);
	assert_int_equal(x86_deliver_fault(c), X86_SHUTDOWN);
}

static void test_nmi_blocks_until_iret(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	idt64(m, 2, HANDLER, 0x8e, 0);
	assert_int_equal(x86_deliver_interrupt(c, 2), X86_OK);
	assert_true(c->nmi_blocked);
	assert_true(RUN(m, 0x48, 0xcf) >= 0);
	assert_false(c->nmi_blocked);
}

static void test_iret_checks(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	u64 frame[5] = { (u64)1 << 47, S_CODE64_3, 0x202, STACK3, S_DATA3 };

	c->gpr[REG_RSP] = STACK0 - sizeof frame;
	memcpy(m->ram + c->gpr[REG_RSP], frame, sizeof frame);
	assert_fault(m, RUN(m, 0x48, 0xcf), EXC_GP, 0); /* not canonical */
	frame[0] = CODE;
	frame[1] = S_DATA3;
	memcpy(m->ram + c->gpr[REG_RSP], frame, sizeof frame);
	assert_fault(m, RUN(m, 0x48, 0xcf), EXC_GP, S_DATA3 & ~3);
	frame[1] = S_CODE64_3;
	frame[4] = 0;
	memcpy(m->ram + c->gpr[REG_RSP], frame, sizeof frame);
	assert_fault(m, RUN(m, 0x48, 0xcf), EXC_GP, 0);
	assert_int_equal(c->gpr[REG_RSP], STACK0 - sizeof frame);
	assert_int_equal(c->cpl, 0);
	frame[1] = S_CODE64; /* same ring, null SS */
	memcpy(m->ram + c->gpr[REG_RSP], frame, sizeof frame);
	assert_true(RUN(m, 0x48, 0xcf) >= 0);
	assert_int_equal(c->gpr[REG_RSP], STACK3);
	assert_int_equal(c->cpl, 0);
}

static void test_syscall(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	c->msr.star = (u64)0x13 << 48 | (u64)S_CODE64 << 32;
	c->msr.lstar = HANDLER;
	c->msr.sfmask = FL_IF | FL_TF | FL_DF;
	go_user64(m);
	x86_flags_set_arith(c, FL_CF | FL_ZF);
	assert_true(RUN(m, 0x0f, 0x05) >= 0);
	assert_int_equal(c->cpl, 0);
	assert_int_equal(c->rip, HANDLER);
	assert_int_equal(c->gpr[REG_RCX], CODE + 2);
	assert_int_equal(c->gpr[REG_R11], FL_IF | FL_ONE | FL_CF | FL_ZF);
	assert_false(c->rflags & FL_IF);
	assert_int_equal(c->seg[SEG_CS].sel, S_CODE64);
	assert_int_equal(c->seg[SEG_SS].sel, S_CODE64 + 8);
	assert_int_equal(c->gpr[REG_RSP], STACK3);
	assert_true(RUN(m, 0x48, 0x0f, 0x07) >= 0);
	assert_int_equal(c->cpl, 3);
	assert_int_equal(c->rip, CODE + 2);
	assert_int_equal(c->seg[SEG_CS].sel, 0x23);
	assert_int_equal(c->seg[SEG_SS].sel, 0x1b);
	assert_int_equal(x86_flags_get(c) & 0xfff, FL_IF | FL_ONE | FL_CF | FL_ZF);
	assert_fault(m, RUN(m, 0x48, 0x0f, 0x07), EXC_GP, 0); /* SYSRET in ring 3 */
	c->efer &= ~EFER_SCE;
	assert_fault(m, RUN(m, 0x0f, 0x05), EXC_UD, 0);
}

static void test_sysret_noncanonical_and_compat(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	c->msr.star = (u64)0x33 << 48 | (u64)S_CODE64 << 32;
	c->msr.cstar = HANDLER;
	c->gpr[REG_RCX] = (u64)1 << 63;
	assert_fault(m, RUN(m, 0x48, 0x0f, 0x07), EXC_GP, 0);
	assert_int_equal(c->cpl, 0);
	c->gpr[REG_RCX] = 0x1234;
	assert_int_equal(RUN(m, 0x0f, 0x07), X86_BREAK);
	assert_int_equal(c->mode, X86_MODE_32);
	assert_int_equal(c->cpl, 3);
	idt64(m, 0x40, HANDLER, 0x8e, 0);
	assert_int_equal(x86_deliver_interrupt(c, 0x40), X86_OK);
	assert_int_equal(c->mode, X86_MODE_64);
	poke(m, c->gpr[REG_RSP] + 32, S_DATA3, 8); /* SYSRET's SS is not in the GDT */
	assert_true(RUN(m, 0x48, 0xcf) >= 0);
	assert_int_equal(c->mode, X86_MODE_32);
	assert_int_equal(c->rip, 0x1234);
	assert_int_equal(RUN(m, 0x0f, 0x05), X86_BREAK); /* to CSTAR */
	assert_int_equal(c->mode, X86_MODE_64);
	assert_int_equal(c->cpl, 0);
	assert_int_equal(c->rip, HANDLER);
}

static void test_sysenter(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	go_user64(m);
	assert_fault(m, RUN(m, 0x0f, 0x34), EXC_GP, 0);
	c->msr.sysenter_cs = S_CODE64;
	c->msr.sysenter_esp = STACK0;
	c->msr.sysenter_eip = HANDLER;
	assert_int_equal(RUN(m, 0x0f, 0x34), X86_BREAK);
	assert_int_equal(c->cpl, 0);
	assert_int_equal(c->rip, HANDLER);
	assert_int_equal(c->gpr[REG_RSP], STACK0);
	c->gpr[REG_RDX] = CODE;
	c->gpr[REG_RCX] = STACK3;
	assert_int_equal(RUN(m, 0x48, 0x0f, 0x35), X86_BREAK);
	assert_int_equal(c->cpl, 3);
	assert_int_equal(c->mode, X86_MODE_64);
	assert_int_equal(c->seg[SEG_CS].sel, (S_CODE64 + 32) | 3);
}

/* A 64-bit call gate to ring 0. */
static void test_call_gate64(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	static const u8 call[] = { 0x48, 0xff, 0x1c, 0x25, 0, 0x80, 0, 0 }; /* [0x8000] */

	gdt_put(m, S_GATE, gate32(S_CODE64, HANDLER, 0xec, 0));
	gdt_put(m, S_GATE + 8, 0);
	poke(m, 0x8008, S_GATE | 3, 2);
	go_user64(m);
	assert_int_equal(run_bytes(m, call, sizeof call), X86_BREAK);
	assert_int_equal(c->cpl, 0);
	assert_int_equal(c->rip, HANDLER);
	assert_int_equal(c->gpr[REG_RSP], STACK0 - 0x1000 - 32);
	assert_int_equal(peek(m, c->gpr[REG_RSP], 8), CODE + sizeof call);
	assert_int_equal(peek(m, c->gpr[REG_RSP] + 24, 8), S_DATA3);
	assert_int_equal(RUN(m, 0x48, 0xcb), X86_BREAK);
	assert_int_equal(c->cpl, 3);
	assert_int_equal(c->gpr[REG_RSP], STACK3);
	assert_int_equal(c->seg[SEG_DS].attr & SA_UNUSABLE, SA_UNUSABLE); /* was ring 0's */
}

static void test_smap_table(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	assert_int_equal(x86_write_cr4(c, c->cr4 | CR4_SMAP), X86_BREAK);
	assert_ptr_equal(c->tlb, c->tlb_table[X86_TLB_SUPER_SMAP]);
	assert_int_equal(RUN(m, 0x0f, 0x01, 0xcb), X86_OK);
	assert_ptr_equal(c->tlb, c->tlb_table[X86_TLB_SUPER]);
	assert_int_equal(RUN(m, 0x0f, 0x01, 0xca), X86_OK);
	assert_ptr_equal(c->tlb, c->tlb_table[X86_TLB_SUPER_SMAP]);
}

static void test_fsgs(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	c->gpr[REG_RAX] = 0xffff888000001000;
	assert_fault(m, RUN(m, 0xf3, 0x48, 0x0f, 0xae, 0xd8), EXC_UD, 0);
	x86_write_cr4(c, c->cr4 | CR4_FSGSBASE);
	assert_int_equal(RUN(m, 0xf3, 0x48, 0x0f, 0xae, 0xd8), X86_OK); /* wrgsbase rax */
	assert_int_equal(c->seg_base[SEG_GS], 0xffff888000001000);
	c->msr.kernel_gs_base = 0x77;
	assert_int_equal(RUN(m, 0x0f, 0x01, 0xf8), X86_OK); /* swapgs */
	assert_int_equal(c->seg_base[SEG_GS], 0x77);
	assert_int_equal(c->msr.kernel_gs_base, 0xffff888000001000);
	assert_int_equal(RUN(m, 0xf3, 0x48, 0x0f, 0xae, 0xcb), X86_OK); /* rdgsbase rbx */
	assert_int_equal(c->gpr[REG_RBX], 0x77);
	c->gpr[REG_RAX] = (u64)1 << 63;
	assert_fault(m, RUN(m, 0xf3, 0x48, 0x0f, 0xae, 0xd0), EXC_GP, 0);
	go_user64(m);
	assert_fault(m, RUN(m, 0x0f, 0x01, 0xf8), EXC_GP, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_interrupt_same_ring), T(test_interrupt_from_user),
		T(test_page_fault_on_ist), T(test_double_fault),
		T(test_page_fault_in_page_fault), T(test_benign_then_fault_is_serial),
		T(test_triple_fault), T(test_nmi_blocks_until_iret), T(test_iret_checks),
		T(test_syscall), T(test_sysret_noncanonical_and_compat), T(test_sysenter),
		T(test_call_gate64), T(test_smap_table), T(test_fsgs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
