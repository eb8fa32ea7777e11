/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPU on 16 MiB of RAM for tests of instruction semantics: 64-bit flat mode
 * with 4-level paging, or what the test makes of it. MMIO above RAM is recorded.
 */
#ifndef TESTS_CPU_FIXTURE_H
#define TESTS_CPU_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <arch/x86/access.h>
#include <arch/x86/cpu.h>
#include <arch/x86/cpuid.h>
#include <arch/x86/flags.h>
#include <arch/x86/mmu.h>
#include <arch/x86/system.h>
#include <trivet/error.h>

#include "fake_platform.h"

#define RAM_SIZE MIB(16)

struct cpu_fixture {
	struct x86_cpu cpu;
	struct x86_cpu_model model;
	u8 *ram;
	bool code_page[RAM_SIZE / PAGE_SIZE];
	bool rom_page[RAM_SIZE / PAGE_SIZE];
	unsigned code_writes;
	u64 mmio_addr, mmio_value;
	unsigned mmio_size, mmio_reads, mmio_writes;
	u64 tpr;
};

static struct cpu_fixture fx;

static int fx_io_read(struct x86_cpu *c, u16 port, unsigned size, u32 *value)
{
	(void)c, (void)size;
	*value = 0x01010101u * (port & 0xff);
	return X86_OK;
}
static int fx_io_write(struct x86_cpu *c, u16 port, unsigned size, u32 value)
{
	(void)c;
	fx.mmio_addr = port;
	fx.mmio_size = size;
	fx.mmio_value = value;
	fx.mmio_writes++;
	return X86_OK;
}
static int fx_mmio_read(struct x86_cpu *c, gpa_t a, unsigned size, u64 *value)
{
	(void)c;
	fx.mmio_addr = a.v;
	fx.mmio_size = size;
	fx.mmio_reads++;
	*value = fx.mmio_value & bits_mask(size * 8);
	return X86_OK;
}
static int fx_mmio_write(struct x86_cpu *c, gpa_t a, unsigned size, u64 value)
{
	(void)c;
	fx.mmio_addr = a.v;
	fx.mmio_size = size;
	fx.mmio_value = value;
	fx.mmio_writes++;
	return X86_OK;
}
static int fx_msr_read(struct x86_cpu *c, u32 index, u64 *value)
{
	(void)c, (void)index;
	*value = 0;
	return -EINVAL;
}
static int fx_msr_write(struct x86_cpu *c, u32 index, u64 value)
{
	(void)c, (void)index, (void)value;
	return -EINVAL;
}
static u64 fx_get_tpr(struct x86_cpu *c)
{
	(void)c;
	return fx.tpr;
}
static void fx_set_tpr(struct x86_cpu *c, u64 cr8)
{
	(void)c;
	fx.tpr = cr8;
}
static struct x86_page fx_page(struct x86_cpu *c, gpa_t a)
{
	(void)c;
	if (a.v >= RAM_SIZE)
		return (struct x86_page){ NULL, false, false };
	return (struct x86_page){ fx.ram + a.v, !fx.rom_page[a.v / PAGE_SIZE],
				  fx.code_page[a.v / PAGE_SIZE] };
}
static void fx_code_write(struct x86_cpu *c, gpa_t a, unsigned size)
{
	(void)c, (void)a, (void)size;
	fx.code_writes++;
}

static void fx_bus_lock(struct x86_cpu *c, bool on)
{
	(void)c, (void)on;
}

static const struct x86_env fx_env = {
	.io_read = fx_io_read,	   .io_write = fx_io_write,
	.mmio_read = fx_mmio_read, .mmio_write = fx_mmio_write,
	.msr_read = fx_msr_read,   .msr_write = fx_msr_write,
	.get_tpr = fx_get_tpr,	   .set_tpr = fx_set_tpr,
	.page = fx_page,	   .code_write = fx_code_write,
	.bus_lock = fx_bus_lock,
};

static inline void fx_put64(u64 a, u64 v)
{
	put_le64(fx.ram + a, v);
}
static inline u64 fx_get64(u64 a)
{
	return get_le64(fx.ram + a);
}

/* Page tables: PML4 at 1000h, PDPT 2000h, PD 3000h, PT 4000h (maps 0..2 MiB with
 * 4 KiB pages, identity, user, writable), the PD's others as 2 MiB pages. */
#define FX_PML4 0x1000
#define FX_PDPT 0x2000
#define FX_PD 0x3000
#define FX_PT 0x4000
#define FX_RWU 7

static inline void fx_tables(void)
{
	fx_put64(FX_PML4, FX_PDPT | FX_RWU);
	fx_put64(FX_PDPT, FX_PD | FX_RWU);
	fx_put64(FX_PDPT + 8, 0x40000000 | FX_RWU | 0x80);
	fx_put64(FX_PD, FX_PT | FX_RWU);
	for (u64 i = 1; i < 512; i++)
		fx_put64(FX_PD + 8 * i, (i << 21) | FX_RWU | 0x80);
	for (u64 i = 0; i < 512; i++)
		fx_put64(FX_PT + 8 * i, (i << 12) | FX_RWU);
}

static inline struct x86_seg fx_seg(u16 sel, u32 attr)
{
	return (struct x86_seg){ .limit = 0xffffffff, .attr = attr, .sel = sel };
}

/* 64-bit ring 0 (or ring cpl) in flat segments. */
static inline void fx_long_mode(unsigned cpl)
{
	struct x86_cpu *c = &fx.cpu;
	u32 dpl = cpl << SA_DPL_SHIFT;

	c->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	c->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	c->cr3 = FX_PML4;
	c->efer = EFER_LME | EFER_LMA | EFER_NX | EFER_SCE;
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		c->seg[s] = fx_seg((u16)(0x18 | cpl), SA_P | SA_S | SA_WRITE | SA_ACCESSED | SA_DB | SA_G | dpl);
	c->seg[SEG_CS] = fx_seg((u16)(0x10 | cpl), SA_P | SA_S | SA_CODE | SA_WRITE | SA_ACCESSED | SA_L | SA_G | dpl);
	x86_flags_set(c, FL_ONE);
	x86_update_mode(c);
	x86_tlb_flush_all(c);
}

static inline int fx_setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	fx.ram = platform_ram_alloc(RAM_SIZE);
	assert_int_equal(x86_cpu_model_init(&fx.model, "baseline", 2000000000, 1), 0);
	assert_int_equal(x86_cpu_init(&fx.cpu, &fx_env, NULL, &fx.model, 0), 0);
	fx_tables();
	fx_long_mode(0);
	return 0;
}

static inline int fx_teardown(void **state)
{
	(void)state;
	x86_cpu_fini(&fx.cpu);
	platform_ram_free(fx.ram, RAM_SIZE);
	return 0;
}

#define FX_TEST(f) cmocka_unit_test_setup_teardown(f, fx_setup, fx_teardown)

#endif
