/* SPDX-License-Identifier: Apache-2.0 */
/* Protected mode: segments, call gates, task switches, virtual-8086, real mode. */
#include "test_sys.h"

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof *m);

	machine_init(m);
	enter_prot(m);
	*state = m;
	return 0;
}
static int teardown(void **state)
{
	machine_fini(*state);
	free(*state);
	return 0;
}

static void idt32(struct machine *m, unsigned vector, u32 offset, u32 access)
{
	poke(m, IDT + vector * 8, gate32(S_CODE32, offset, access, 0), 8);
}

static void test_segment_loads(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	assert_int_equal(c->flat, 0x3d); /* all but CS: it refuses stores */
	assert_int_equal(peek(m, GDT + S_DATA0 + 5, 1), 0x93); /* accessed */
	assert_fault(m, x86_load_segment(c, SEG_SS, 0), EXC_GP, 0);
	assert_fault(m, x86_load_segment(c, SEG_SS, S_DATA3), EXC_GP, S_DATA3 & ~3);
	assert_fault(m, x86_load_segment(c, SEG_SS, S_CODE32), EXC_GP, S_CODE32);
	assert_fault(m, x86_load_segment(c, SEG_DS, GDT_END), EXC_GP, GDT_END);
	assert_fault(m, x86_load_segment(c, SEG_DS, S_TSS), EXC_GP, S_TSS);
	gdt_put(m, S_NOTPRESENT, desc(0, 0xfffff, 0x12, 0xc));
	assert_fault(m, x86_load_segment(c, SEG_DS, S_NOTPRESENT), EXC_NP, S_NOTPRESENT);
	assert_fault(m, x86_load_segment(c, SEG_SS, S_NOTPRESENT), EXC_SS, S_NOTPRESENT);
	assert_fault(m, x86_load_segment(c, SEG_DS, 4), EXC_GP, 4); /* no LDT */
	assert_int_equal(x86_lldt(c, S_LDT), X86_OK);
	poke(m, LDT, desc(0x8000, 0xff, 0x92, 0x4), 8);
	assert_int_equal(x86_load_segment(c, SEG_DS, 4), X86_OK);
	assert_int_equal(c->seg_base[SEG_DS], 0x8000);
	assert_false(c->flat & 1u << SEG_DS);
	assert_int_equal(x86_load_segment(c, SEG_DS, 0), X86_OK);
	assert_true(c->seg[SEG_DS].attr & SA_UNUSABLE);
}

static void test_limits(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	u32 v;

	gdt_put(m, S_TSS2, desc(0x8000, 0xff, 0x92, 0x4));
	assert_int_equal(x86_load_segment(c, SEG_DS, S_TSS2), X86_OK);
	assert_int_equal(x86_load32(c, SEG_DS, 0xfc, &v), X86_OK);
	assert_fault(m, x86_load32(c, SEG_DS, 0xfd, &v), EXC_GP, 0);
	assert_int_equal(x86_load_segment(c, SEG_DS, S_EXPDOWN), X86_OK);
	assert_fault(m, x86_load32(c, SEG_DS, 0xffff, &v), EXC_GP, 0);
	assert_int_equal(x86_load32(c, SEG_DS, 0x10000, &v), X86_OK);
	assert_int_equal(x86_load_segment(c, SEG_DS, S_CODE32), X86_OK);
	assert_fault(m, x86_store32(c, SEG_DS, 0x8000, 1), EXC_GP, 0);
}

/* CALL through a gate from ring 3 to 0 with two parameters, RETF 8 back. */
static void test_call_gate(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	u32 sp;

	gdt_put(m, S_GATE, gate32(S_CODE32, HANDLER, 0xec, 2));
	load_data_segments(m, S_DATA0);
	go_user32(m);
	assert_int_equal(x86_load_segment(c, SEG_DS, S_DATA3), X86_OK);
	c->gpr[REG_RSP] = STACK3 - 8;
	poke(m, STACK3 - 8, 0x1111, 4);
	poke(m, STACK3 - 4, 0x2222, 4);
	assert_int_equal(RUN(m, 0x9a, 0, 0, 0, 0, S_GATE | 3, 0), X86_BREAK);
	assert_int_equal(c->cpl, 0);
	assert_int_equal(c->rip, HANDLER);
	assert_int_equal(c->seg[SEG_CS].sel, S_CODE32);
	sp = (u32)c->gpr[REG_RSP];
	assert_int_equal(sp, STACK0 - 0x1000 - 24);
	assert_int_equal(peek(m, sp, 4), CODE + 7);
	assert_int_equal(peek(m, sp + 4, 4), S_CODE32_3);
	assert_int_equal(peek(m, sp + 8, 4), 0x1111);
	assert_int_equal(peek(m, sp + 12, 4), 0x2222);
	assert_int_equal(peek(m, sp + 16, 4), STACK3 - 8);
	assert_int_equal(peek(m, sp + 20, 4), S_DATA3);
	assert_int_equal(RUN(m, 0xca, 8, 0), X86_BREAK);
	assert_int_equal(c->cpl, 3);
	assert_int_equal(c->rip, CODE + 7);
	assert_int_equal(c->gpr[REG_RSP], STACK3);
	assert_int_equal(c->seg[SEG_DS].sel, S_DATA3);
	assert_true(c->seg[SEG_ES].attr & SA_UNUSABLE); /* ring 0's */
}

static void test_call_gate_checks(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	gdt_put(m, S_GATE, gate32(S_CODE32, HANDLER, 0x8c, 0));
	go_user32(m);
	assert_fault(m, x86_far_call(c, S_GATE, 0, 4), EXC_GP, S_GATE); /* DPL */
	gdt_put(m, S_GATE, gate32(S_CODE32, HANDLER, 0x6c, 0));
	assert_fault(m, x86_far_call(c, S_GATE, 0, 4), EXC_NP, S_GATE);
	gdt_put(m, S_GATE, gate32(S_CODE32, HANDLER, 0xec, 0));
	assert_fault(m, x86_far_jump(c, S_GATE, 0, 4), EXC_GP, S_CODE32);
	poke(m, TSS + 8, 0, 4); /* no stack for ring 0 */
	assert_fault(m, x86_far_call(c, S_GATE, 0, 4), EXC_TS, 0);
	poke(m, TSS + 8, S_NOTPRESENT, 4);
	assert_fault(m, x86_far_call(c, S_GATE, 0, 4), EXC_SS, S_NOTPRESENT);
	poke(m, TSS + 8, S_EXPDOWN, 4);
	poke(m, TSS + 4, 0x10002, 4); /* no room in it */
	assert_fault(m, x86_far_call(c, S_GATE, 0, 4), EXC_SS, S_EXPDOWN);
	assert_int_equal(c->cpl, 3);
	assert_int_equal(c->gpr[REG_RSP], STACK3);
	assert_int_equal(x86_far_call(c, S_CONFORMING, HANDLER, 4), X86_BREAK);
	assert_int_equal(c->cpl, 3);
	assert_int_equal(c->seg[SEG_CS].sel, S_CONFORMING | 3);
	assert_fault(m, x86_far_jump(c, S_CODE32, 0, 4), EXC_GP, S_CODE32);
}

static void make_task(struct machine *m, u32 eip)
{
	static const u16 seg[6] = { S_DATA0, S_CODE32, S_DATA0, S_DATA0, 0, 0 };

	memset(m->ram + TSS2, 0, 0x68);
	poke(m, TSS2 + 0x20, eip, 4);
	poke(m, TSS2 + 0x24, 2, 4);
	for (unsigned n = 0; n < 8; n++)
		poke(m, TSS2 + 0x28 + n * 4, n == REG_RSP ? STACK_IST : 0x100 + n, 4);
	for (unsigned n = 0; n < 6; n++)
		poke(m, TSS2 + 0x48 + n * 4, seg[n], 4);
}

static void test_task_jump(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	make_task(m, HANDLER);
	c->gpr[REG_RBX] = 0xabcd;
	assert_int_equal(RUN(m, 0xea, 0, 0, 0, 0, S_TSS2, 0), X86_BREAK);
	assert_int_equal(c->rip, HANDLER);
	assert_int_equal(c->gpr[REG_RBX], 0x103);
	assert_int_equal(c->gpr[REG_RSP], STACK_IST);
	assert_int_equal(c->seg[SEG_TR].sel, S_TSS2);
	assert_true(c->cr0 & CR0_TS);
	assert_int_equal(peek(m, GDT + S_TSS + 5, 1), 0x89);  /* not busy any more */
	assert_int_equal(peek(m, GDT + S_TSS2 + 5, 1), 0x8b); /* busy */
	assert_int_equal(peek(m, TSS + 0x20, 4), CODE + 7);
	assert_int_equal(peek(m, TSS + 0x28 + 3 * 4, 4), 0xabcd);
	assert_int_equal(x86_far_jump(c, S_TSS, 0, 4), X86_BREAK);
	assert_int_equal(c->rip, CODE + 7);
	assert_int_equal(c->gpr[REG_RBX], 0xabcd);
}

static void test_task_call_and_iret(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	make_task(m, HANDLER);
	assert_int_equal(x86_far_call(c, S_TSS2, 0, 4), X86_BREAK);
	assert_true(c->rflags & FL_NT);
	assert_int_equal(peek(m, TSS2, 2), S_TSS);
	assert_int_equal(peek(m, GDT + S_TSS + 5, 1), 0x8b); /* both busy */
	assert_fault(m, x86_far_jump(c, S_TSS, 0, 4), EXC_GP, S_TSS);
	assert_int_equal(RUN(m, 0xcf), X86_BREAK);
	assert_int_equal(c->seg[SEG_TR].sel, S_TSS);
	assert_int_equal(c->rip, CODE);
	assert_false(c->rflags & FL_NT);
	assert_int_equal(peek(m, GDT + S_TSS2 + 5, 1), 0x89);
}

/* A task gate in the IDT, for an exception with an error code. */
static void test_task_gate(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	make_task(m, HANDLER);
	poke(m, IDT + EXC_GP * 8, gate32(S_TSS2, 0, 0x85, 0), 8);
	x86_fault_code(c, EXC_GP, 0x58);
	assert_int_equal(x86_deliver_fault(c), X86_OK);
	assert_int_equal(c->rip, HANDLER);
	assert_int_equal(c->gpr[REG_RSP], STACK_IST - 4);
	assert_int_equal(peek(m, STACK_IST - 4, 4), 0x58);
	assert_int_equal(peek(m, TSS + 0x20, 4), CODE);
	assert_true(peek(m, TSS + 0x24, 4) & FL_RF);
}

/* A fault while the new task's segments load belongs to the new task. */
static void test_task_bad_segment(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	make_task(m, HANDLER);
	poke(m, TSS2 + 0x54, S_TSS, 2); /* DS */
	idt32(m, EXC_TS, HANDLER + 0x100, 0x8e);
	assert_int_equal(x86_far_jump(c, S_TSS2, 0, 4), X86_BREAK);
	assert_int_equal(c->rip, HANDLER + 0x100);
	assert_int_equal(c->seg[SEG_TR].sel, S_TSS2);
	assert_int_equal(peek(m, c->gpr[REG_RSP], 4), S_TSS); /* JMP: not external */
	assert_int_equal(peek(m, c->gpr[REG_RSP] + 4, 4), HANDLER);
}

static void test_task_checks(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	gdt_put(m, S_TSS2, desc(TSS2, 0x66, 0x89, 0));
	assert_fault(m, x86_far_jump(c, S_TSS2, 0, 4), EXC_TS, S_TSS2);
	gdt_put(m, S_TSS2, desc(TSS2, 0x67, 0x09, 0));
	assert_fault(m, x86_far_jump(c, S_TSS2, 0, 4), EXC_NP, S_TSS2);
	make_task(m, HANDLER);
	poke(m, TSS2 + 0x64, 1, 1); /* T: a debug trap on entry */
	gdt_put(m, S_TSS2, desc(TSS2, 0x67, 0x89, 0));
	idt32(m, EXC_DB, HANDLER + 0x200, 0x8e);
	assert_int_equal(x86_far_jump(c, S_TSS2, 0, 4), X86_BREAK);
	assert_int_equal(c->rip, HANDLER + 0x200);
	assert_true(c->dr[6] & BIT(15));
}

/* --- virtual-8086 mode ------------------------------------------------------ */

static void enter_v86(struct machine *m, u32 iopl)
{
	struct x86_cpu *c = &m->c;
	u32 frame[9] = { 0x10, 0x1000, (u32)FL_VM | 0x202 | iopl << 12, 0xff00, 0x2000,
			 0x3001, 0x3002, 0x3003, 0x3004 };

	c->gpr[REG_RSP] = STACK0 - sizeof frame;
	memcpy(m->ram + c->gpr[REG_RSP], frame, sizeof frame);
	assert_int_equal(RUN(m, 0xcf), X86_BREAK);
	assert_int_equal(c->cpl, 3);
	assert_int_equal(c->mode, X86_MODE_16);
	assert_int_equal(c->seg_base[SEG_CS], 0x10000);
	assert_int_equal(c->seg_base[SEG_DS], 0x30020);
	assert_int_equal(c->gpr[REG_RSP], 0xff00);
}

static void test_v86_round_trip(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	u32 sp = STACK0 - 0x1000 - 36;

	idt32(m, 0x21, HANDLER, 0xee);
	idt32(m, EXC_GP, HANDLER, 0x8e);
	enter_v86(m, 3);
	assert_int_equal(RUN(m, 0xcd, 0x21), X86_BREAK);
	assert_int_equal(c->cpl, 0);
	assert_false(c->rflags & FL_VM);
	assert_int_equal(c->gpr[REG_RSP], sp);
	assert_int_equal(peek(m, sp, 4), 0x12);
	assert_int_equal(peek(m, sp + 4, 4), 0x1000);
	assert_true(peek(m, sp + 8, 4) & FL_VM);
	assert_int_equal(peek(m, sp + 12, 4), 0xff00);
	assert_int_equal(peek(m, sp + 16, 4), 0x2000);
	assert_int_equal(peek(m, sp + 20, 4), 0x3001);
	assert_int_equal(peek(m, sp + 32, 4), 0x3004);
	assert_true(c->seg[SEG_DS].attr & SA_UNUSABLE);
	assert_int_equal(RUN(m, 0xcf), X86_BREAK);
	assert_true(c->rflags & FL_VM);
	assert_int_equal(c->rip, 0x12);
	assert_int_equal(c->seg[SEG_GS].sel, 0x3004);
}

static void test_v86_iopl(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	enter_v86(m, 0);
	assert_fault(m, RUN(m, 0xcd, 0x21), EXC_GP, 0);
	assert_fault(m, RUN(m, 0x9c), EXC_GP, 0);
	assert_fault(m, RUN(m, 0x9d), EXC_GP, 0);
	assert_fault(m, RUN(m, 0xfa), EXC_GP, 0);
	assert_fault(m, RUN(m, 0xcf), EXC_GP, 0);
	assert_fault(m, RUN(m, 0x0f, 0x00, 0xc0), EXC_UD, 0); /* SLDT */
	assert_int_equal(c->gpr[REG_RSP], 0xff00);
}

static void test_v86_vme(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	assert_int_equal(x86_write_cr4(c, CR4_VME), X86_BREAK);
	poke(m, TSS + 0x66, 0x88, 2); /* I/O bit map; redirection map below, all 0 */
	poke(m, TSS + 0x68 + 4, 2, 1); /* but INT 21h goes to the monitor */
	poke(m, 0x20 * 4, 0x12340056, 4);
	enter_v86(m, 0);
	c->rflags &= ~FL_VIF;
	assert_int_equal(RUN(m, 0xfb), X86_OK);
	assert_true(c->rflags & FL_VIF);
	assert_int_equal(RUN(m, 0xcd, 0x20), X86_BREAK);
	assert_int_equal(c->rip, 0x56);
	assert_int_equal(c->seg[SEG_CS].sel, 0x1234);
	assert_false(c->rflags & FL_VIF);
	assert_true(c->rflags & FL_IF);
	assert_true(peek(m, 0x20000 + 0xff00 - 2, 2) & FL_IF); /* was VIF */
	assert_int_equal(RUN(m, 0xcf), X86_BREAK);
	assert_int_equal(c->rip, 0x13);
	assert_true(c->rflags & FL_VIF);
	assert_fault(m, RUN(m, 0xcd, 0x21), EXC_GP, 0);
	c->rflags |= FL_VIP;
	c->rflags &= ~FL_VIF;
	assert_fault(m, RUN(m, 0xfb), EXC_GP, 0);
}

static void test_io_bitmap(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	u32 v;

	poke(m, TSS + 0x66, 0x88, 2);
	memset(m->ram + TSS + 0x88, 0xff, 0x78);
	poke(m, TSS + 0x88 + 0x60 / 8, 0xf0, 1); /* ports 60h..63h */
	go_user32(m);
	assert_int_equal(x86_io_in(c, 0x60, 4, &v), X86_OK);
	assert_fault(m, x86_io_in(c, 0x61, 4, &v), EXC_GP, 0);
	assert_fault(m, x86_io_in(c, 0x3f8, 1, &v), EXC_GP, 0);
	c->gpr[REG_RDX] = 0x60;
	c->gpr[REG_RAX] = 0xaabbcc;
	assert_int_equal(RUN(m, 0x66, 0xef), X86_OK);
	assert_int_equal(m->io_last, 0xbbcc);
	assert_fault(m, RUN(m, 0xe4, 0x80), EXC_GP, 0);
	c->rflags |= FL_IOPL;
	assert_int_equal(RUN(m, 0xe4, 0x80), X86_OK);
	assert_int_equal(c->gpr[REG_RAX], 0xaabb88);
}

static void test_string_io(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	c->gpr[REG_RDI] = 0x8000;
	c->gpr[REG_RCX] = 2;
	c->gpr[REG_RDX] = 0x1f0;
	c->attention = 1; /* the run loop is wanted between two elements */
	assert_int_equal(RUN(m, 0xf3, 0x66, 0x6d), X86_AGAIN);
	assert_int_equal(c->rip, CODE); /* again */
	assert_true(c->rflags & FL_RF); /* SDM vol. 3B 17.3.1.1 */
	assert_int_equal(c->gpr[REG_RDI], 0x8002);
	c->attention = 0;
	assert_int_equal(RUN(m, 0xf3, 0x66, 0x6d), X86_OK);
	assert_int_equal(c->rip, CODE + 3);
	assert_int_equal(c->gpr[REG_RDI], 0x8004);
	assert_int_equal(peek(m, 0x8000, 4), 0x77887788);
	assert_int_equal(RUN(m, 0xf3, 0x66, 0x6d), X86_OK); /* count 0 */
	assert_int_equal(c->gpr[REG_RDI], 0x8004);
	c->gpr[REG_RCX] = 3; /* undisturbed: all in one go */
	assert_int_equal(RUN(m, 0xf3, 0x66, 0x6d), X86_OK);
	assert_int_equal(c->gpr[REG_RDI], 0x800a);
	assert_int_equal(c->gpr[REG_RCX], 0);
	c->gpr[REG_RSI] = 0x8000;
	c->rflags |= FL_DF;
	assert_int_equal(RUN(m, 0x6e), X86_OK);
	assert_int_equal(m->io_last, 0x88);
	assert_int_equal(c->gpr[REG_RSI], 0x7fff);
}

static void test_interrupt16_gate(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	poke(m, IDT + 0x30 * 8, gate32(S_CODE32, HANDLER, 0x86, 0), 8);
	assert_int_equal(x86_deliver_interrupt(c, 0x30), X86_OK);
	assert_int_equal(c->rip, HANDLER & 0xffff);
	assert_int_equal(c->gpr[REG_RSP], STACK0 - 6);
	assert_int_equal(peek(m, STACK0 - 4, 2), S_CODE32);
	c->rip = CODE;
	assert_int_equal(RUN(m, 0x66, 0xcf), X86_BREAK);
	assert_int_equal(c->rip, CODE & 0xffff);
	assert_int_equal(c->gpr[REG_RSP], STACK0);
}

static void test_real_mode_int(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	c->idt = (struct x86_dtable){ .base = 0, .limit = 0x3ff };
	assert_int_equal(x86_far_jump(c, S_CODE16, 0x100, 4), X86_BREAK);
	assert_int_equal(x86_write_cr0(c, CR0_ET), X86_BREAK);
	assert_int_equal(x86_far_jump(c, 0x1000, 0x200, 2), X86_BREAK);
	for (unsigned n = SEG_ES; n <= SEG_GS; n++)
		if (n != SEG_CS)
			assert_int_equal(x86_load_segment(c, n, 0x2000), X86_OK);
	assert_int_equal(c->seg[SEG_DS].limit, 0xffffffff); /* "unreal" */
	c->gpr[REG_RSP] = 0x1000;
	poke(m, 0x10 * 4, 0xf0001234, 4);
	c->rflags |= FL_IF;
	assert_int_equal(RUN(m, 0xcd, 0x10), X86_BREAK);
	assert_int_equal(c->rip, 0x1234);
	assert_int_equal(c->seg[SEG_CS].base, 0xf0000);
	assert_false(c->rflags & FL_IF);
	assert_int_equal(peek(m, 0x20ffa, 2), 0x202);
	assert_int_equal(RUN(m, 0xcf), X86_BREAK);
	assert_int_equal(c->rip, 0x202);
	assert_int_equal(c->seg[SEG_CS].sel, 0x1000);
	assert_true(c->rflags & FL_IF);
	assert_fault(m, RUN(m, 0x0f, 0x00, 0xd8), EXC_UD, 0); /* LTR */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_segment_loads), T(test_limits), T(test_call_gate),
		T(test_call_gate_checks), T(test_task_jump), T(test_task_call_and_iret),
		T(test_task_gate), T(test_task_bad_segment), T(test_task_checks),
		T(test_v86_round_trip), T(test_v86_iopl), T(test_v86_vme), T(test_io_bitmap),
		T(test_string_io), T(test_interrupt16_gate), T(test_real_mode_int),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
