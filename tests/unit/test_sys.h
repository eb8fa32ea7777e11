/* SPDX-License-Identifier: Apache-2.0 */
/* One CPU with 4 MiB of RAM and nothing else, for the system tests. */
#ifndef TESTS_SYS_H
#define TESTS_SYS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arch/x86/access.h>
#include <arch/x86/cpuid.h>
#include <arch/x86/debug.h>
#include <arch/x86/flags.h>
#include <arch/x86/mmu.h>
#include <arch/x86/system.h>
#include <trivet/error.h>
#include <trivet/vm.h>

#include "fake_platform.h"

#define RAM_SIZE MIB(4)
/* where things are in the tests' RAM */
#define GDT 0x1000u
#define IDT 0x2000u
#define TSS 0x3000u
#define TSS2 0x3100u
#define LDT 0x3800u
#define CODE 0x10000u
#define HANDLER 0x20000u
#define STACK0 0x40000u /* top of the ring 0 stack, and so on */
#define STACK3 0x50000u
#define STACK_IST 0x60000u
#define PT 0x100000u

/* GDT selectors */
enum {
	S_CODE64 = 0x08, S_CODE32 = 0x10, S_DATA0 = 0x18, S_CODE64_3 = 0x23, S_DATA3 = 0x2b,
	S_CODE32_3 = 0x33, S_TSS = 0x38, S_TSS2 = 0x48, S_GATE = 0x58, S_LDT = 0x68,
	S_CONFORMING = 0x78, S_TASKGATE = 0x80, S_NOTPRESENT = 0x88, S_EXPDOWN = 0x90,
	S_CODE16 = 0x98,
	GDT_END = 0xa0
};

struct machine {
	struct x86_cpu c;
	struct x86_cpu_model model;
	u8 *ram;
	u32 io_last;
	u16 io_port;
	u64 tpr;
};

static inline struct machine *machine_of(struct x86_cpu *c)
{
	return c->env_ctx;
}

static inline int test_io_read(struct x86_cpu *c, u16 port, unsigned size, u32 *value)
{
	(void)size;
	machine_of(c)->io_port = port;
	*value = 0x55667788;
	return X86_OK;
}
static inline int test_io_write(struct x86_cpu *c, u16 port, unsigned size, u32 value)
{
	(void)size;
	machine_of(c)->io_port = port;
	machine_of(c)->io_last = value;
	return X86_OK;
}
static inline int test_mmio_read(struct x86_cpu *c, gpa_t a, unsigned size, u64 *value)
{
	(void)c, (void)a, (void)size;
	*value = ~(u64)0;
	return X86_OK;
}
static inline int test_mmio_write(struct x86_cpu *c, gpa_t a, unsigned size, u64 value)
{
	(void)c, (void)a, (void)size, (void)value;
	return X86_OK;
}
static inline int test_msr_read(struct x86_cpu *c, u32 index, u64 *value)
{
	(void)c;
	if (index != 0x1b)
		return -EINVAL;
	*value = 0xfee00900;
	return 0;
}
static inline int test_msr_write(struct x86_cpu *c, u32 index, u64 value)
{
	(void)c, (void)index, (void)value;
	return -EINVAL;
}
static inline u64 test_get_tpr(struct x86_cpu *c)
{
	return machine_of(c)->tpr;
}
static inline void test_set_tpr(struct x86_cpu *c, u64 cr8)
{
	machine_of(c)->tpr = cr8;
}
static inline struct x86_page test_page(struct x86_cpu *c, gpa_t a)
{
	struct x86_page p = { NULL, false, false };

	if (a.v < RAM_SIZE)
		p = (struct x86_page){ machine_of(c)->ram + a.v, true, false };
	return p;
}
static inline void test_code_write(struct x86_cpu *c, gpa_t a, unsigned size)
{
	(void)c, (void)a, (void)size;
}

static void env_bus_lock(struct x86_cpu *c, bool on)
{
	(void)c, (void)on;
}

static const struct x86_env test_env = {
	test_io_read, test_io_write, test_mmio_read, test_mmio_write, test_msr_read,
	test_msr_write, test_get_tpr, test_set_tpr, test_page, test_code_write,
	.bus_lock = env_bus_lock,
};

/* A descriptor: access byte, flags nibble (G DB L AVL), limit as encoded. */
static inline u64 desc(u32 base, u32 limit, u32 access, u32 flags)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

static inline u64 gate32(u16 sel, u32 offset, u32 access, u32 params)
{
	return (offset & 0xffff) | (u64)sel << 16 | (u64)params << 32 | (u64)access << 40 |
	       (u64)(offset >> 16) << 48;
}

static inline void poke(struct machine *m, u64 a, u64 v, unsigned size)
{
	memcpy(m->ram + a, &v, size);
}
static inline u64 peek(struct machine *m, u64 a, unsigned size)
{
	u64 v = 0;

	memcpy(&v, m->ram + a, size);
	return v;
}

static inline void gdt_put(struct machine *m, unsigned sel, u64 raw)
{
	poke(m, GDT + (sel & ~7u), raw, 8);
}

static inline void fill_gdt(struct machine *m, bool wide)
{
	gdt_put(m, S_CODE64, desc(0, 0xfffff, 0x9a, 0xa));
	gdt_put(m, S_CODE32, desc(0, 0xfffff, 0x9a, 0xc));
	gdt_put(m, S_DATA0, desc(0, 0xfffff, 0x92, 0xc));
	gdt_put(m, S_CODE64_3, desc(0, 0xfffff, 0xfa, 0xa));
	gdt_put(m, S_DATA3, desc(0, 0xfffff, 0xf2, 0xc));
	gdt_put(m, S_CODE32_3, desc(0, 0xfffff, 0xfa, 0xc));
	gdt_put(m, S_TSS, desc(TSS, 0xff, 0x89, 0));
	gdt_put(m, S_CONFORMING, desc(0, 0xfffff, 0x9e, 0xc));
	gdt_put(m, S_NOTPRESENT, desc(0, 0xfffff, 0x12, 0xc));
	gdt_put(m, S_EXPDOWN, desc(0, 0xffff, 0x96, 0x4));
	gdt_put(m, S_CODE16, desc(0, 0xffff, 0x9a, 0));
	gdt_put(m, S_LDT, desc(LDT, 0xff, 0x82, 0));
	if (!wide)
		gdt_put(m, S_TSS2, desc(TSS2, 0x67, 0x89, 0));
	m->c.gdt = (struct x86_dtable){ .base = GDT, .limit = GDT_END - 1 };
	m->c.idt = (struct x86_dtable){ .base = IDT, .limit = 0xfff };
}

static inline void machine_init(struct machine *m)
{
	memset(m, 0, sizeof *m);
	m->ram = platform_ram_alloc(RAM_SIZE);
	assert_int_equal(x86_cpu_model_init(&m->model, "baseline", 2500000000u, 2), 0);
	assert_int_equal(x86_cpu_init(&m->c, &test_env, m, &m->model, 1), 0);
}

static inline void machine_fini(struct machine *m)
{
	x86_cpu_fini(&m->c);
	platform_ram_free(m->ram, RAM_SIZE);
}

static inline void load_data_segments(struct machine *m, u16 sel)
{
	static const unsigned seg[] = { SEG_SS, SEG_DS, SEG_ES, SEG_FS, SEG_GS };

	for (unsigned n = 0; n < 5; n++)
		assert_int_equal(x86_load_segment(&m->c, seg[n], sel), X86_OK);
}

/* 32-bit protected mode without paging, ring 0, TSS loaded. */
static inline void enter_prot(struct machine *m)
{
	struct x86_cpu *c = &m->c;

	fill_gdt(m, false);
	assert_int_equal(x86_write_cr0(c, CR0_PE | CR0_ET), X86_BREAK);
	c->seg[SEG_CS].limit = 0xffffffff;
	assert_int_equal(x86_far_jump(c, S_CODE32, CODE, 4), X86_BREAK);
	load_data_segments(m, S_DATA0);
	assert_int_equal(x86_ltr(c, S_TSS), X86_OK);
	c->gpr[REG_RSP] = STACK0;
	poke(m, TSS + 4, STACK0 - 0x1000, 4);
	poke(m, TSS + 8, S_DATA0, 4);
	assert_int_equal(c->mode, X86_MODE_32);
}

/* 64-bit mode, the 4 MiB identity-mapped for user and supervisor. */
static inline void enter_long(struct machine *m)
{
	struct x86_cpu *c = &m->c;

	fill_gdt(m, true);
	poke(m, PT, (PT + 0x1000) | 7, 8);
	poke(m, PT + 0x1000, (PT + 0x2000) | 7, 8);
	for (unsigned n = 0; n < 2; n++)
		poke(m, PT + 0x2000 + n * 8, n * MIB(2) | 0x87, 8);
	assert_int_equal(x86_write_cr4(c, CR4_PAE | CR4_OSFXSR), X86_BREAK);
	assert_int_equal(x86_write_cr3(c, PT), X86_BREAK);
	assert_int_equal(x86_write_efer(c, EFER_LME | EFER_SCE | EFER_NX), X86_BREAK);
	assert_int_equal(x86_write_cr0(c, CR0_PE | CR0_PG | CR0_WP | CR0_ET), X86_BREAK);
	c->seg[SEG_CS].limit = 0xffffffff;
	assert_int_equal(x86_far_jump(c, S_CODE64, CODE, 4), X86_BREAK);
	load_data_segments(m, S_DATA0);
	assert_int_equal(x86_ltr(c, S_TSS), X86_OK);
	c->gpr[REG_RSP] = STACK0;
	poke(m, TSS + 4, STACK0 - 0x1000, 8);
	poke(m, TSS + 0x24, STACK_IST, 8);
	assert_int_equal(c->mode, X86_MODE_64);
}

static inline void idt64(struct machine *m, unsigned vector, u64 offset, u32 access, u32 ist)
{
	poke(m, IDT + vector * 16, gate32(S_CODE64, (u32)offset, access, ist), 8);
	poke(m, IDT + vector * 16 + 8, offset >> 32, 8);
}

/* To ring 3 by IRET. */
static inline void go_user64(struct machine *m)
{
	struct x86_cpu *c = &m->c;
	u64 frame[5] = { CODE, S_CODE64_3, 0x202, STACK3, S_DATA3 };

	c->gpr[REG_RSP] = STACK0 - sizeof frame;
	memcpy(m->ram + c->gpr[REG_RSP], frame, sizeof frame);
	assert_true(x86_iret(c, 8) >= 0);
	assert_int_equal(c->cpl, 3);
	assert_int_equal(c->gpr[REG_RSP], STACK3);
}

static inline void go_user32(struct machine *m)
{
	struct x86_cpu *c = &m->c;
	u32 frame[5] = { CODE, S_CODE32_3, 0x202, STACK3, S_DATA3 };

	c->gpr[REG_RSP] = STACK0 - sizeof frame;
	memcpy(m->ram + c->gpr[REG_RSP], frame, sizeof frame);
	assert_true(x86_iret(c, 4) >= 0);
	assert_int_equal(c->cpl, 3);
	assert_int_equal(c->gpr[REG_RSP], STACK3);
}

/* Decodes and runs one instruction of this room at c->rip; on a fault rip is
 * put back, as the engine does. */
static inline int run_bytes(struct machine *m, const void *bytes, size_t n)
{
	struct x86_cpu *c = &m->c;
	struct x86_insn insn;
	u8 code[15];
	int r;

	memset(code, 0x90, sizeof code);
	memcpy(code, bytes, n);
	memset(&insn, 0, sizeof insn);
	assert_int_equal(x86_decode(&insn, code, sizeof code, c->mode), 0);
	assert_int_equal(insn.len, n);
	insn.fn = x86_bind_control(&insn, c->mode);
	if (!insn.fn)
		insn.fn = x86_bind_sys(&insn, c->mode);
	assert_non_null(insn.fn);
	c->rip += insn.len;
	r = x86_exec_one(c, &insn);
	if (r == X86_FAULT)
		c->rip -= insn.len;
	return r;
}
#define RUN(m, ...)                                                            \
	({                                                                     \
		const u8 bytes_[] = { __VA_ARGS__ };                           \
		run_bytes(m, bytes_, sizeof bytes_);                           \
	})

#define assert_fault(m, r, vec, err)                                           \
	do {                                                                   \
		assert_int_equal(r, X86_FAULT);                                \
		assert_int_equal((m)->c.fault.vector, vec);                    \
		assert_int_equal((m)->c.fault.error, err);                     \
	} while (0)

#endif
