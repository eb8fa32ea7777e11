/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile code: the input is a CPU mode, register values and instruction bytes.
 * Up to 256 instructions run, faults are delivered; nothing may touch memory
 * outside the guest's (the sanitizers look), loop for ever or leave the state in
 * a form that x86_update_mode would not produce.
 */
#include <stdlib.h>
#include <string.h>

#include <arch/x86/access.h>
#include <arch/x86/cpuid.h>
#include <arch/x86/debug.h>
#include <arch/x86/flags.h>
#include <arch/x86/fpu.h>
#include <arch/x86/mmu.h>
#include <arch/x86/system.h>
#include <trivet/error.h>
#include <trivet/vm.h>

#include "../unit/fake_platform.h"

#define RAM_SIZE KIB(256)
#define CODE 0x8000

static u8 *ram;

static int io_read(struct x86_cpu *c, u16 port, unsigned size, u32 *value)
{
	(void)c, (void)port, (void)size;
	*value = 0xa5a5a5a5;
	return X86_OK;
}
static int io_write(struct x86_cpu *c, u16 port, unsigned size, u32 value)
{
	(void)c, (void)port, (void)size, (void)value;
	return X86_OK;
}
static int mmio_read(struct x86_cpu *c, gpa_t a, unsigned size, u64 *value)
{
	(void)c, (void)a, (void)size;
	*value = ~0ull;
	return X86_OK;
}
static int mmio_write(struct x86_cpu *c, gpa_t a, unsigned size, u64 value)
{
	(void)c, (void)a, (void)size, (void)value;
	return X86_OK;
}
static int msr_read(struct x86_cpu *c, u32 index, u64 *value)
{
	(void)c, (void)index;
	*value = 0;
	return -EINVAL;
}
static int msr_write(struct x86_cpu *c, u32 index, u64 value)
{
	(void)c, (void)index, (void)value;
	return -EINVAL;
}
static u64 get_tpr(struct x86_cpu *c)
{
	(void)c;
	return 0;
}
static void set_tpr(struct x86_cpu *c, u64 cr8)
{
	(void)c, (void)cr8;
}
static struct x86_page page(struct x86_cpu *c, gpa_t a)
{
	(void)c;
	if (a.v >= RAM_SIZE)
		return (struct x86_page){ NULL, false, false };
	/* every second page pretends to hold code, so both store paths run */
	return (struct x86_page){ ram + a.v, true, (a.v >> PAGE_SHIFT) & 1 };
}
static void code_write(struct x86_cpu *c, gpa_t a, unsigned size)
{
	(void)c, (void)a, (void)size;
}

static void bus_lock(struct x86_cpu *c, bool on)
{
	(void)c, (void)on;
}

static const struct x86_env env = { io_read,  io_write,	 mmio_read, mmio_write, msr_read,
				    msr_write, get_tpr,	 set_tpr,   page,	code_write, bus_lock, NULL, NULL };

static u64 take(const u8 **data, size_t *size, unsigned n)
{
	u64 v = 0;

	for (unsigned i = 0; i < n && *size; i++, (*size)--)
		v |= (u64) * (*data)++ << (8 * i);
	return v;
}

static void seg(struct x86_cpu *c, unsigned s, u64 base, u32 limit, u32 attr)
{
	c->seg[s] = (struct x86_seg){ .base = base, .limit = limit, .attr = attr, .sel = 8 };
}

static void setup(struct x86_cpu *c, u8 how)
{
	unsigned cpl = (how >> 2) & 3;
	u32 dpl = cpl << SA_DPL_SHIFT, data = SA_P | SA_S | SA_WRITE | SA_ACCESSED | SA_DB | SA_G | dpl;
	u32 code = SA_P | SA_S | SA_CODE | SA_WRITE | SA_ACCESSED | SA_G | dpl;

	if ((how & 3) == 0) { /* real mode, as at power-up */
		seg(c, SEG_CS, 0, 0xffff, SA_P | SA_S | SA_CODE | SA_WRITE | SA_ACCESSED);
		x86_update_mode(c);
		return;
	}
	c->cr0 |= CR0_PE;
	c->cr4 |= CR4_OSFXSR | CR4_OSXSAVE | CR4_FSGSBASE;
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		seg(c, s, 0, 0xffffffff, data);
	seg(c, SEG_CS, 0, 0xffffffff, code | ((how & 3) == 1 ? SA_DB : 0));
	if ((how & 3) == 3) {
		c->cr0 |= CR0_PG;
		c->cr4 |= CR4_PAE;
		c->efer = EFER_LME | EFER_LMA | EFER_NX | EFER_SCE;
		c->cr3 = 0x1000;
		put_le64(ram + 0x1000, 0x2000 | 7);
		put_le64(ram + 0x2000, 0x3000 | 7);
		for (u64 i = 0; i < 512; i++)
			put_le64(ram + 0x3000 + 8 * i, i << 21 | 0x87);
		c->seg[SEG_CS].attr |= SA_L;
	}
	x86_update_mode(c);
	x86_tlb_flush_all(c);
}

static bool step(struct x86_cpu *c)
{
	struct x86_insn insn;
	u8 code[15];
	unsigned got, len = 0;
	int r = x86_fetch(c, c->rip + c->seg_base[SEG_CS], code, sizeof code, &got);

	if (!r) {
		r = x86_decode(&insn, code, got, c->mode);
		if (r)
			r = x86_ud(c);
		else {
			len = insn.len;
			x86_bind(&insn, c->mode);
			c->rip += len;
			r = x86_exec_one(c, &insn);
		}
	}
	if (r == X86_FAULT) {
		c->rip -= len;
		r = x86_deliver_fault(c);
	}
	return r == X86_OK || r == X86_BREAK;
}

/* One CPU for all runs: making its tables costs more than running on it. */
static struct x86_cpu *cpu_fresh(void)
{
	static struct x86_cpu_model model;
	static struct x86_cpu *c;
	struct x86_state st;

	if (!c) {
		c = calloc(1, sizeof *c);
		ram = aligned_alloc(PAGE_SIZE, RAM_SIZE);
		x86_cpu_model_init(&model, "baseline", 2000000000, 1);
		if (!c || !ram || x86_cpu_init(c, &env, NULL, &model, 0))
			abort();
	}
	memset(ram, 0, RAM_SIZE);
	arch_state_reset(&st, NULL, 0, false);
	x86_cpu_set_state(c, &st);
	c->attention = 1; /* a repeated instruction is many steps */
	x86_tlb_flush_all(c);
	return c;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct x86_cpu *c = cpu_fresh();
	u8 how = (u8)take(&data, &size, 1);
	u64 seed = take(&data, &size, 2);

	setup(c, how);
	for (unsigned i = 0; i < 16; i++) { /* small, page ends, wild, by the seed */
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		c->gpr[i] = (seed >> 60) < 10 ? (seed >> 20) % RAM_SIZE :
			    (seed >> 60) < 14 ? ((seed >> 20) % RAM_SIZE & PAGE_MASK) - (seed >> 56 & 7) :
						seed;
	}
	memcpy(ram + CODE, data, size < 4096 ? size : 4096);
	c->rip = CODE;
	x86_fpu_enter(c);
	for (unsigned i = 0; i < 256 && step(c); i++)
		;
	x86_fpu_leave(c);
	if (c->gpr[REG_ZERO])
		abort();
	return 0;
}
