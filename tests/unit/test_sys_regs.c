/* SPDX-License-Identifier: Apache-2.0 */
/* Control, debug and model-specific registers, CPUID, flags, and the
 * instructions that tell a program about its machine. */
#include "test_sys.h"

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof *m);

	machine_init(m);
	*state = m;
	return 0;
}
static int setup_long(void **state)
{
	setup(state);
	enter_long(*state);
	return 0;
}
static int setup_prot(void **state)
{
	setup(state);
	enter_prot(*state);
	return 0;
}
static int teardown(void **state)
{
	machine_fini(*state);
	free(*state);
	return 0;
}

/*
 * The instructions that break Popek and Goldberg's criterion give the guest its
 * own machine's values, in ring 0 and in ring 3; UMIP makes five of them fault.
 */
static void check_tables(struct machine *m, bool fault)
{
	struct x86_cpu *c = &m->c;

	c->gpr[REG_RAX] = 0x8000;
	if (fault) {
		assert_fault(m, RUN(m, 0x0f, 0x01, 0x00), EXC_GP, 0);
		assert_fault(m, RUN(m, 0x0f, 0x01, 0x08), EXC_GP, 0);
		assert_fault(m, RUN(m, 0x0f, 0x00, 0xc3), EXC_GP, 0);
		assert_fault(m, RUN(m, 0x0f, 0x00, 0xcb), EXC_GP, 0);
		assert_fault(m, RUN(m, 0x0f, 0x01, 0xe3), EXC_GP, 0);
		return;
	}
	assert_int_equal(RUN(m, 0x0f, 0x01, 0x00), X86_OK); /* sgdt [rax] */
	assert_int_equal(peek(m, 0x8000, 2), GDT_END - 1);
	assert_int_equal(peek(m, 0x8002, 8), GDT);
	assert_int_equal(RUN(m, 0x0f, 0x01, 0x08), X86_OK); /* sidt [rax] */
	assert_int_equal(peek(m, 0x8000, 2), 0xfff);
	assert_int_equal(peek(m, 0x8002, 8), IDT);
	assert_int_equal(RUN(m, 0x0f, 0x00, 0xc3), X86_OK); /* sldt ebx */
	assert_int_equal(c->gpr[REG_RBX], S_LDT);
	assert_int_equal(RUN(m, 0x0f, 0x00, 0xcb), X86_OK); /* str ebx */
	assert_int_equal(c->gpr[REG_RBX], S_TSS);
	assert_int_equal(RUN(m, 0x48, 0x0f, 0x01, 0xe3), X86_OK); /* smsw rbx */
	assert_int_equal(c->gpr[REG_RBX], c->cr0);
	assert_int_equal(RUN(m, 0x0f, 0x01, 0x20), X86_OK); /* smsw [rax] */
	assert_int_equal(peek(m, 0x8000, 2), c->cr0 & 0xffff);
}

static void test_popek_tables(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	poke(m, GDT + S_LDT + 8, 0, 8);
	assert_int_equal(x86_lldt(c, S_LDT), X86_OK);
	check_tables(m, false);
	x86_write_cr4(c, c->cr4 | CR4_UMIP);
	check_tables(m, false);
	go_user64(m);
	check_tables(m, true);
	c->cr4 &= ~CR4_UMIP;
	check_tables(m, false);
}

static void test_popek_flags(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	c->rflags |= FL_IF;
	assert_int_equal(RUN(m, 0x9c), X86_OK);
	assert_int_equal(peek(m, STACK0 - 8, 8), FL_IF | x86_flags_get(c));
	poke(m, STACK0 - 8, FL_IOPL | FL_ONE | FL_CF, 8);
	assert_int_equal(RUN(m, 0x9d), X86_OK);
	assert_false(c->rflags & FL_IF);
	assert_int_equal(x86_iopl(c), 3);
	assert_true(x86_cf(c));
	c->rflags &= ~FL_IOPL;
	go_user64(m); /* ring 3, IOPL 0: IF stays as it is, without a fault */
	assert_int_equal(RUN(m, 0x9c), X86_OK);
	assert_true(peek(m, STACK3 - 8, 8) & FL_IF);
	poke(m, STACK3 - 8, FL_IOPL | FL_ONE | FL_DF, 8);
	assert_int_equal(RUN(m, 0x9d), X86_OK);
	assert_true(c->rflags & FL_IF);
	assert_true(c->rflags & FL_DF);
	assert_int_equal(x86_iopl(c), 0);
	assert_fault(m, RUN(m, 0xfa), EXC_GP, 0);
	c->rflags |= FL_IOPL;
	assert_int_equal(RUN(m, 0xfa), X86_OK);
	assert_false(c->rflags & FL_IF);
	assert_int_equal(RUN(m, 0xfb), X86_BREAK);
	assert_int_equal(c->irq_shadow, 2);
}

static void check_queries(struct machine *m, bool user)
{
	struct x86_cpu *c = &m->c;

	c->gpr[REG_RAX] = S_DATA3;
	assert_int_equal(RUN(m, 0x0f, 0x02, 0xd8), X86_OK); /* lar ebx, eax */
	assert_true(x86_zf(c));
	assert_int_equal(c->gpr[REG_RBX] & 0xf0ff00, 0xc0f300);
	assert_int_equal(RUN(m, 0x0f, 0x03, 0xd8), X86_OK); /* lsl ebx, eax */
	assert_true(x86_zf(c));
	assert_int_equal(c->gpr[REG_RBX], 0xffffffff);
	assert_int_equal(RUN(m, 0x0f, 0x00, 0xe0), X86_OK); /* verr ax */
	assert_true(x86_zf(c));
	assert_int_equal(RUN(m, 0x0f, 0x00, 0xe8), X86_OK); /* verw ax */
	assert_true(x86_zf(c));
	c->gpr[REG_RAX] = S_DATA0; /* not for ring 3 */
	assert_int_equal(RUN(m, 0x0f, 0x00, 0xe8), X86_OK);
	assert_int_equal(x86_zf(c), !user);
	c->gpr[REG_RAX] = S_CODE64_3;
	assert_int_equal(RUN(m, 0x0f, 0x00, 0xe8), X86_OK); /* code: not writable */
	assert_false(x86_zf(c));
	c->gpr[REG_RAX] = 0xfff8; /* beyond the guest's GDT */
	assert_int_equal(RUN(m, 0x0f, 0x02, 0xd8), X86_OK);
	assert_false(x86_zf(c));
}

static void test_popek_queries(void **state)
{
	struct machine *m = *state;

	x86_load_segment(&m->c, SEG_DS, S_DATA3);
	check_queries(m, false);
	go_user64(m);
	check_queries(m, true);
}

static void test_popek_cpuid(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	for (unsigned user = 0; user < 2; user++) {
		c->gpr[REG_RAX] = 0x40000000;
		assert_int_equal(RUN(m, 0x0f, 0xa2), X86_OK);
		assert_memory_equal(&c->gpr[REG_RBX], "Triv", 4);
		assert_memory_equal(&c->gpr[REG_RCX], "etTr", 4);
		assert_memory_equal(&c->gpr[REG_RDX], "ivet", 4);
		c->gpr[REG_RAX] = 0x12345678; /* unknown: zero */
		assert_int_equal(RUN(m, 0x0f, 0xa2), X86_OK);
		assert_int_equal(c->gpr[REG_RAX] | c->gpr[REG_RBX] | c->gpr[REG_RCX] |
				 c->gpr[REG_RDX], 0);
		if (!user)
			go_user64(m);
	}
}

static void test_cpuid_leaves(void **state)
{
	struct machine *m = *state;
	struct x86_cpuid_regs v = x86_cpuid(&m->model, &m->c, 1, 1, 0);
	static const u64 rates[] = { 1000000000, 1996249000, 2000000000, 2399998000, 2499999000,
				     2500000000, 2593906000, 2808000000, 3417600000, 3999000000,
				     1500000001, 2100123456, 4200000000 };

	assert_int_equal(v.eax, 0x30661);
	assert_int_equal(v.ebx >> 24, 1);
	assert_true(v.ecx & BIT(31));
	assert_true(v.edx & BIT(9));
	v = x86_cpuid(&m->model, &m->c, 0, 0, 0);
	assert_int_equal(v.eax, 0x16);
	assert_memory_equal(&v.ebx, "Genu", 4);
	v = x86_cpuid(&m->model, &m->c, 1, 0xb, 1);
	assert_int_equal(v.eax, 1);
	assert_int_equal(v.ebx, 2);
	assert_int_equal(v.edx, 1);
	for (unsigned n = 0; n < ARRAY_SIZE(rates); n++) {
		struct x86_cpu_model model;
		u64 khz, want = rates[n] / 1000;

		assert_int_equal(x86_cpu_model_init(&model, "baseline", rates[n], 1), 0);
		v = x86_cpuid(&model, NULL, 0, 0x15, 0);
		assert_int_equal(v.ecx, X86_CRYSTAL_HZ);
		assert_true(v.eax && v.ebx);
		/* as Linux computes, in 32 bits */
		assert_true((u64)(v.ecx / 1000) * v.ebx < BIT(32));
		khz = v.ecx / 1000 * v.ebx / v.eax;
		assert_true(khz < want + want / 10000 && khz > want - want / 10000);
	}
	assert_int_equal(x86_cpu_model_init(&m->model, "nosuch", 1, 1), -EINVAL);
	assert_int_equal(x86_cpu_model_init(&m->model, "baseline", 1, 33), -EINVAL);
}

static void test_cr0_checks(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	assert_fault(m, x86_write_cr0(c, CR0_PG), EXC_GP, 0);
	assert_fault(m, x86_write_cr0(c, CR0_NW), EXC_GP, 0);
	assert_fault(m, x86_write_cr0(c, BIT(32)), EXC_GP, 0);
	assert_int_equal(x86_write_efer(c, EFER_LME), X86_BREAK);
	assert_fault(m, x86_write_cr0(c, CR0_PG | CR0_PE), EXC_GP, 0); /* no PAE */
	assert_fault(m, x86_write_efer(c, BIT(14)), EXC_GP, 0);
	assert_int_equal(x86_write_efer(c, 0), X86_BREAK);
	assert_int_equal(x86_write_cr4(c, CR4_PAE), X86_BREAK);
	poke(m, 0x8000, 3, 8); /* a reserved bit in a PDPTE */
	assert_int_equal(x86_write_cr3(c, 0x8000), X86_BREAK);
	assert_fault(m, x86_write_cr0(c, CR0_PG | CR0_PE), EXC_GP, 0);
	assert_false(c->cr0 & CR0_PG);
	assert_int_equal(x86_write_cr0(c, BIT(28)), X86_BREAK); /* reserved: ignored */
	assert_int_equal(c->cr0, CR0_ET);
}

static void test_long_cr_checks(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	u64 gen;

	assert_true(x86_long_mode(c));
	assert_fault(m, x86_write_cr0(c, CR0_PE), EXC_GP, 0); /* in 64-bit code */
	assert_fault(m, x86_write_cr4(c, 0), EXC_GP, 0);
	assert_fault(m, x86_write_cr4(c, c->cr4 | BIT(12)), EXC_GP, 0); /* LA57 */
	assert_fault(m, x86_write_cr3(c, BIT(46)), EXC_GP, 0);
	assert_fault(m, x86_write_efer(c, EFER_SCE), EXC_GP, 0); /* LME under paging */
	c->cr3 = PT | 1;
	assert_fault(m, x86_write_cr4(c, c->cr4 | CR4_PCIDE), EXC_GP, 0);
	c->cr3 = PT;
	assert_int_equal(x86_write_cr4(c, c->cr4 | CR4_PCIDE), X86_BREAK);
	gen = c->lookup_gen;
	assert_int_equal(x86_write_cr3(c, BIT(63) | PT | 5), X86_BREAK);
	assert_int_equal(c->cr3, PT | 5);
	assert_true(c->lookup_gen != gen);
	assert_fault(m, x86_write_cr0(c, c->cr0 & ~CR0_PG), EXC_GP, 0);
	go_user64(m);
	assert_fault(m, RUN(m, 0x0f, 0x20, 0xc0), EXC_GP, 0);
	assert_fault(m, RUN(m, 0x0f, 0x22, 0xd8), EXC_GP, 0);
	assert_fault(m, RUN(m, 0x0f, 0x06), EXC_GP, 0);
	assert_fault(m, RUN(m, 0xf4), EXC_GP, 0);
	assert_fault(m, RUN(m, 0x0f, 0x32), EXC_GP, 0);
	assert_fault(m, RUN(m, 0x0f, 0x01, 0x38), EXC_GP, 0); /* invlpg */
	assert_fault(m, RUN(m, 0x0f, 0x33), EXC_GP, 0);	      /* rdpmc */
}

static void test_cr8(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	c->gpr[REG_RAX] = 9;
	assert_int_equal(RUN(m, 0x44, 0x0f, 0x22, 0xc0), X86_BREAK);
	assert_int_equal(m->tpr, 9);
	assert_int_equal(RUN(m, 0x44, 0x0f, 0x20, 0xc3), X86_OK);
	assert_int_equal(c->gpr[REG_RBX], 9);
	c->gpr[REG_RAX] = 16;
	assert_fault(m, RUN(m, 0x44, 0x0f, 0x22, 0xc0), EXC_GP, 0);
}

static void test_invpcid(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	c->gpr[REG_RCX] = 0x8000;
	c->gpr[REG_RAX] = 4;
	assert_fault(m, RUN(m, 0x66, 0x0f, 0x38, 0x82, 0x01), EXC_GP, 0);
	c->gpr[REG_RAX] = 2;
	assert_int_equal(RUN(m, 0x66, 0x0f, 0x38, 0x82, 0x01), X86_BREAK);
	c->gpr[REG_RAX] = 0;
	poke(m, 0x8000, 0x1000, 8);
	assert_fault(m, RUN(m, 0x66, 0x0f, 0x38, 0x82, 0x01), EXC_GP, 0);
	poke(m, 0x8000, 0, 8);
	poke(m, 0x8008, BIT(63), 8);
	assert_fault(m, RUN(m, 0x66, 0x0f, 0x38, 0x82, 0x01), EXC_GP, 0);
}

static void test_msrs(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	static const u32 canonical[] = { 0x175, 0x176, 0xc0000082, 0xc0000083, 0xc0000100,
					 0xc0000101, 0xc0000102 };
	u64 v;

	for (unsigned n = 0; n < ARRAY_SIZE(canonical); n++) {
		assert_int_equal(x86_msr_write(c, canonical[n], BIT(47)), -EINVAL);
		assert_int_equal(x86_msr_write(c, canonical[n], ~(u64)0xfff), 0);
		assert_int_equal(x86_msr_read(c, canonical[n], &v), 0);
		assert_int_equal(v, ~(u64)0xfff);
	}
	assert_int_equal(c->seg_base[SEG_GS], ~(u64)0xfff);
	assert_int_equal(x86_msr_read(c, 0x12345, &v), -EINVAL);
	assert_int_equal(x86_msr_read(c, 0xc0010015, &v), -EINVAL);
	assert_int_equal(x86_msr_write(c, 0x277, 2), -EINVAL); /* PAT type 2 */
	assert_int_equal(x86_msr_write(c, 0x277, 0x0706050401000607), 0);
	assert_int_equal(x86_msr_write(c, 0x2ff, 0xc06), 0);
	assert_int_equal(x86_msr_write(c, 0x2ff, 0x1006), -EINVAL);
	assert_int_equal(x86_msr_write(c, 0x201, BIT(46)), -EINVAL);
	assert_int_equal(x86_msr_write(c, 0x268, 0x0202020202020202), -EINVAL);
	assert_int_equal(x86_msr_write(c, 0x3a, 5), -EINVAL); /* locked */
	assert_int_equal(x86_msr_write(c, 0x10a, 0), -EINVAL);
	assert_int_equal(x86_msr_write(c, 0xfe, 0), -EINVAL);
	assert_int_equal(x86_msr_write(c, 0xc0000103, BIT(32)), -EINVAL);
	assert_int_equal(x86_msr_read(c, 0x1b, &v), 0); /* the machine's */
	assert_int_equal(v, 0xfee00900);
	c->gpr[REG_RCX] = 0x999;
	assert_fault(m, RUN(m, 0x0f, 0x32), EXC_GP, 0);
	assert_fault(m, RUN(m, 0x0f, 0x30), EXC_GP, 0);
}

static void test_tsc(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	u64 v, old = x86_tsc(c);

	assert_int_equal(x86_msr_write(c, 0x10, old + 1000), 0);
	assert_int_equal(x86_tsc(c), old + 1000);
	assert_int_equal(x86_msr_read(c, 0x3b, &v), 0);
	assert_int_equal(v, 1000);
	assert_int_equal(x86_msr_write(c, 0x3b, 0), 0);
	assert_int_equal(x86_tsc(c), old);
	c->msr.tsc_aux = 7;
	assert_int_equal(RUN(m, 0x0f, 0x01, 0xf9), X86_OK);
	assert_int_equal(c->gpr[REG_RCX], 7);
	assert_int_equal(c->gpr[REG_RAX], (u32)old);
	x86_write_cr4(c, c->cr4 | CR4_TSD);
	assert_int_equal(RUN(m, 0x0f, 0x31), X86_OK);
	go_user64(m);
	assert_fault(m, RUN(m, 0x0f, 0x31), EXC_GP, 0);
}

static void test_xcr0(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	c->gpr[REG_RCX] = c->gpr[REG_RDX] = 0;
	assert_fault(m, RUN(m, 0x0f, 0x01, 0xd0), EXC_UD, 0);
	x86_write_cr4(c, c->cr4 | CR4_OSXSAVE);
	c->gpr[REG_RAX] = 3;
	assert_int_equal(RUN(m, 0x0f, 0x01, 0xd1), X86_OK);
	c->gpr[REG_RAX] = 7;
	assert_fault(m, RUN(m, 0x0f, 0x01, 0xd1), EXC_GP, 0);
	c->gpr[REG_RAX] = 2;
	assert_fault(m, RUN(m, 0x0f, 0x01, 0xd1), EXC_GP, 0);
	assert_int_equal(RUN(m, 0x0f, 0x01, 0xd0), X86_OK);
	assert_int_equal(c->gpr[REG_RAX], 3);
}

static void test_debug_registers(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	assert_int_equal(x86_write_dr(c, 0, CODE), X86_BREAK);
	assert_int_equal(x86_write_dr(c, 1, 0x8004), X86_BREAK);
	/* 0: execute; 1: write, 4 bytes */
	assert_int_equal(x86_write_dr(c, 7, 0x1 | 0x4 | 0xd00000), X86_BREAK);
	assert_int_equal(c->dr[7], 0xd00405);
	assert_true(c->debug_exec && c->debug_watch);
	assert_fault(m, x86_debug_before(c), EXC_DB, 0);
	assert_int_equal(c->fault.dr6, 1);
	c->rflags |= FL_RF;
	assert_int_equal(x86_debug_before(c), X86_OK);
	c->rflags &= ~FL_RF;
	assert_int_equal(x86_store32(c, SEG_DS, 0x8008, 1), X86_OK);
	assert_int_equal(c->pending_dr6, 0);
	assert_int_equal(x86_store16(c, SEG_DS, 0x8006, 1), X86_OK);
	assert_fault(m, x86_debug_after(c, true), EXC_DB, 0);
	assert_int_equal(c->fault.dr6, 2 | BIT(14));
	idt64(m, EXC_DB, HANDLER, 0x8e, 0);
	assert_int_equal(x86_deliver_fault(c), X86_OK);
	assert_int_equal(c->dr[6], 0xffff4ff2);
	assert_int_equal(x86_debug_after(c, false), X86_OK);
	assert_fault(m, x86_write_dr(c, 6, BIT(32)), EXC_GP, 0);
	c->dr[7] |= BIT(13);
	assert_fault(m, RUN(m, 0x0f, 0x21, 0xc0), EXC_DB, 0);
	assert_int_equal(c->fault.dr6, BIT(13));
	c->dr[7] = 0x400;
	assert_int_equal(RUN(m, 0x0f, 0x21, 0xe0), X86_OK); /* DR4 is DR6 */
	assert_int_equal(c->gpr[REG_RAX], 0xffff4ff2);
	x86_write_cr4(c, c->cr4 | CR4_DE);
	assert_fault(m, RUN(m, 0x0f, 0x21, 0xe0), EXC_UD, 0);
}

static void test_io_breakpoint(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	u32 v;

	x86_write_cr4(c, c->cr4 | CR4_DE);
	x86_write_dr(c, 2, 0x3f8);
	x86_write_dr(c, 7, 0x20 | (u64)2 << 24);
	assert_int_equal(x86_io_in(c, 0x3f9, 1, &v), X86_OK);
	assert_int_equal(c->pending_dr6, 0);
	assert_int_equal(x86_io_in(c, 0x3f8, 1, &v), X86_OK);
	assert_int_equal(c->pending_dr6, 4);
}

/* INT n clears TF on its way: no trap in the handler. */
static void test_no_step_into_handlers(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	idt64(m, 0x80, HANDLER, 0x8e, 0);
	c->rflags |= FL_TF;
	assert_int_equal(RUN(m, 0xcd, 0x80), X86_BREAK);
	assert_int_equal(x86_debug_after(c, true), X86_OK);
	c->gpr[REG_RAX] = S_DATA0;
	assert_int_equal(RUN(m, 0x8e, 0xd0), X86_BREAK); /* mov ss, eax */
	assert_int_equal(c->irq_shadow, 2);
	assert_int_equal(x86_debug_after(c, true), X86_OK);
}

static void test_undefined(void **state)
{
	struct machine *m = *state;

	assert_fault(m, RUN(m, 0x0f, 0x0b), EXC_UD, 0);
	assert_fault(m, RUN(m, 0x0f, 0x01, 0xc1), EXC_UD, 0); /* vmcall */
	assert_fault(m, RUN(m, 0x0f, 0x01, 0xd9), EXC_UD, 0); /* vmmcall */
	assert_fault(m, RUN(m, 0x0f, 0x01, 0xc8), EXC_UD, 0); /* monitor */
	assert_fault(m, RUN(m, 0x0f, 0xaa), EXC_UD, 0);	      /* rsm */
	assert_int_equal(RUN(m, 0xf4), X86_HALT);
}

static void test_segment_moves(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;

	assert_int_equal(RUN(m, 0x06), X86_OK); /* push es: the upper half stays */
	assert_int_equal(c->gpr[REG_RSP], STACK0 - 4);
	poke(m, STACK0 - 4, 0xabcd0000 | S_DATA3, 4);
	assert_int_equal(RUN(m, 0x1f), X86_OK); /* pop ds */
	assert_int_equal(c->seg[SEG_DS].sel, S_DATA3);
	assert_int_equal(c->gpr[REG_RSP], STACK0);
	assert_int_equal(RUN(m, 0x8c, 0xd8), X86_OK); /* mov eax, ds */
	assert_int_equal(c->gpr[REG_RAX], S_DATA3);
	poke(m, 0x8000, 0x11223344, 4);
	poke(m, 0x8004, S_DATA0, 2);
	assert_int_equal(RUN(m, 0x0f, 0xb4, 0x1d, 0, 0x80, 0, 0), X86_OK); /* lfs ebx */
	assert_int_equal(c->gpr[REG_RBX], 0x11223344);
	assert_int_equal(c->seg[SEG_FS].sel, S_DATA0);
	c->gpr[REG_RAX] = 0x10; /* arpl ax, bx */
	assert_int_equal(RUN(m, 0x63, 0xd8), X86_OK);
	assert_false(x86_zf(c));
	c->gpr[REG_RBX] = 3;
	assert_int_equal(RUN(m, 0x63, 0xd8), X86_OK);
	assert_true(x86_zf(c));
	assert_int_equal(c->gpr[REG_RAX], 0x13);
}

static void test_reset_and_state(void **state)
{
	struct machine *m = *state;
	struct x86_cpu *c = &m->c;
	struct x86_state st, back;
	char text[4096];
	u64 tsc;

	assert_int_equal(c->rip, 0xfff0);
	assert_int_equal(c->seg_base[SEG_CS], 0xffff0000);
	assert_int_equal(c->cr0, 0x60000010);
	assert_int_equal(c->gpr[REG_RDX], 0x30661);
	x86_msr_write(c, 0x10, x86_tsc(c) + BIT(40));
	x86_cpu_get_state(c, &st);
	assert_int_equal(st.size, arch_state_size());
	fake.clock_ns += 1000; /* INIT takes time, the TSC does not notice */
	tsc = x86_tsc(c);
	st.cr0 |= CR0_PE;
	arch_state_reset(&st, NULL, 1, true);
	arch_state_sipi(&st, 0x9a);
	x86_cpu_set_state(c, &st);
	assert_int_equal(x86_tsc(c), tsc);
	assert_int_equal(c->rip, 0);
	assert_int_equal(c->seg_base[SEG_CS], 0x9a000);
	assert_int_equal(c->cr0, 0x60000010);
	x86_cpu_get_state(c, &back);
	back.tsc = st.tsc;
	assert_memory_equal(&st, &back, sizeof st);
	assert_true(arch_state_print(&st, text, sizeof text) < sizeof text);
	assert_non_null(strstr(text, "rip 0000000000000000"));
	assert_true(arch_state_print(&st, text, 10) > 10);
	assert_int_equal(strlen(text), 9);
}

static void test_alloc_failure(void **state)
{
	struct x86_cpu *c = calloc(1, sizeof *c);
	struct machine *m = *state;

	for (u64 n = 0; n < 7; n++) {
		memset(c, 0, sizeof *c);
		fake.alloc_budget_on = true;
		fake.alloc_budget = n;
		assert_int_equal(x86_cpu_init(c, &test_env, m, &m->model, 0), -ENOMEM);
		fake.alloc_budget_on = false;
	}
	free(c);
}

int main(void)
{
#define R(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define L(name) cmocka_unit_test_setup_teardown(name, setup_long, teardown)
#define P(name) cmocka_unit_test_setup_teardown(name, setup_prot, teardown)
	const struct CMUnitTest tests[] = {
		L(test_popek_tables), L(test_popek_flags), L(test_popek_queries),
		L(test_popek_cpuid), R(test_cpuid_leaves), R(test_cr0_checks),
		L(test_long_cr_checks), L(test_cr8), L(test_invpcid), L(test_msrs), L(test_tsc),
		L(test_xcr0), L(test_debug_registers), L(test_io_breakpoint),
		L(test_no_step_into_handlers), L(test_undefined), P(test_segment_moves),
		R(test_reset_and_state), R(test_alloc_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
