/* SPDX-License-Identifier: Apache-2.0 */
/* Paging, the translation cache and the access paths. */
#include "cpu_fixture.h"

#define PTE(n) (FX_PT + 8 * (n))

static int load(u64 a, u64 *v)
{
	return x86_load64(&fx.cpu, SEG_DS, a, v);
}

static void expect_pf(int r, u64 cr2, u32 code)
{
	assert_int_equal(r, X86_FAULT);
	assert_int_equal(fx.cpu.fault.vector, EXC_PF);
	assert_int_equal(fx.cpu.fault.cr2, cr2);
	assert_int_equal(fx.cpu.fault.error, code);
}

static void user(void)
{
	fx_long_mode(3);
}

static void test_accessed_and_dirty(void **state)
{
	u64 v;

	(void)state;
	assert_int_equal(load(0x10000, &v), X86_OK);
	assert_int_equal(fx_get64(PTE(0x10)) & 0x60, 0x20);
	assert_int_equal(fx_get64(FX_PML4) & 0x20, 0x20);
	/* the cached read must not let a store skip the dirty bit */
	assert_int_equal(x86_store64(&fx.cpu, SEG_DS, 0x10000, 1), X86_OK);
	assert_int_equal(fx_get64(PTE(0x10)) & 0x60, 0x60);
	assert_int_equal(x86_store8(&fx.cpu, SEG_DS, 0x400000, 1), X86_OK);
	assert_int_equal(fx_get64(FX_PD + 16) & 0x60, 0x60);
}

static void test_not_present(void **state)
{
	u64 v;

	(void)state;
	fx_put64(PTE(0x11), 0);
	expect_pf(load(0x11008, &v), 0x11008, 0);
	expect_pf(x86_store8(&fx.cpu, SEG_DS, 0x11009, 0), 0x11009, PF_W);
	user();
	expect_pf(load(0x11008, &v), 0x11008, PF_U);
}

static void test_page_crossing_faults_whole(void **state)
{
	u64 v = 42;

	(void)state;
	fx_put64(PTE(0x21), 0);
	expect_pf(load(0x20ffc, &v), 0x21000, 0);
	expect_pf(x86_store64(&fx.cpu, SEG_DS, 0x20ffc, ~0ull), 0x21000, PF_W);
	assert_int_equal(get_le32(fx.ram + 0x20ffc), 0); /* nothing written */
	fx_put64(PTE(0x21), 0x30000 | FX_RWU);
	assert_int_equal(x86_store64(&fx.cpu, SEG_DS, 0x20ffc, 0x1122334455667788), X86_OK);
	assert_int_equal(get_le32(fx.ram + 0x20ffc), 0x55667788);
	assert_int_equal(get_le32(fx.ram + 0x30000), 0x11223344);
	assert_int_equal(load(0x20ffc, &v), X86_OK);
	assert_int_equal(v, 0x1122334455667788);
}

static void test_user_and_write_rights(void **state)
{
	u64 v;

	(void)state;
	fx_put64(PTE(0x12), 0x12000 | 3);	  /* supervisor, writable */
	fx_put64(PTE(0x13), 0x13000 | 5);	  /* user, read-only */
	user();
	expect_pf(load(0x12000, &v), 0x12000, PF_P | PF_U);
	assert_int_equal(load(0x13000, &v), X86_OK);
	expect_pf(x86_store8(&fx.cpu, SEG_DS, 0x13000, 1), 0x13000, PF_P | PF_U | PF_W);
	fx_long_mode(0);
	expect_pf(x86_store8(&fx.cpu, SEG_DS, 0x13000, 1), 0x13000, PF_P | PF_W);
	fx.cpu.cr0 &= ~CR0_WP;
	x86_tlb_flush_all(&fx.cpu);
	assert_int_equal(x86_store8(&fx.cpu, SEG_DS, 0x13000, 1), X86_OK);
}

static void test_nx_and_smep(void **state)
{
	gpa_t a;

	(void)state;
	fx_put64(PTE(0x14), 0x14000 | FX_RWU | BIT(63));
	expect_pf(x86_translate(&fx.cpu, 0x14000, X86_EXEC, &a), 0x14000, PF_P | PF_I);
	assert_int_equal(x86_translate(&fx.cpu, 0x15000, X86_EXEC, &a), X86_OK);
	fx.cpu.cr4 |= CR4_SMEP;
	x86_tlb_flush_all(&fx.cpu);
	expect_pf(x86_translate(&fx.cpu, 0x15000, X86_EXEC, &a), 0x15000, PF_P | PF_I);
	user();
	fx.cpu.cr4 |= CR4_SMEP;
	assert_int_equal(x86_translate(&fx.cpu, 0x15000, X86_EXEC, &a), X86_OK);
	fx.cpu.efer &= ~EFER_NX; /* NX is then a reserved bit */
	x86_tlb_flush_all(&fx.cpu);
	expect_pf(x86_translate(&fx.cpu, 0x14000, X86_READ, &a), 0x14000, PF_P | PF_U | PF_RSVD);
}

static void test_smap(void **state)
{
	u64 v;

	(void)state;
	fx.cpu.cr4 |= CR4_SMAP;
	x86_update_mode(&fx.cpu);
	x86_tlb_flush_all(&fx.cpu);
	expect_pf(load(0x15000, &v), 0x15000, PF_P);
	fx.cpu.rflags |= FL_AC;
	x86_update_mode(&fx.cpu);
	assert_int_equal(load(0x15000, &v), X86_OK);
	/* system accesses do not look at AC */
	expect_pf(x86_sys_load(&fx.cpu, 0x15000, &v, 8), 0x15000, PF_P);
	fx.cpu.rflags &= ~FL_AC;
	x86_update_mode(&fx.cpu);
	expect_pf(load(0x15000, &v), 0x15000, PF_P);
}

static void test_reserved_bits(void **state)
{
	u64 v;

	(void)state;
	fx_put64(PTE(0x16), 0x16000 | FX_RWU | BIT(50));
	expect_pf(load(0x16000, &v), 0x16000, PF_P | PF_RSVD);
	fx_put64(FX_PD + 8 * 3, 0x600000 | FX_RWU | 0x80 | BIT(13));
	expect_pf(load(0x600000, &v), 0x600000, PF_P | PF_RSVD);
	fx_put64(FX_PML4, FX_PDPT | FX_RWU | 0x80);
	x86_tlb_flush_all(&fx.cpu);
	expect_pf(load(0, &v), 0, PF_P | PF_RSVD);
}

static void test_noncanonical(void **state)
{
	u64 v;

	(void)state;
	assert_int_equal(load(0x800000000000, &v), X86_FAULT);
	assert_int_equal(fx.cpu.fault.vector, EXC_GP);
	assert_int_equal(load(0x7ffffffffffc, &v), X86_FAULT);
	assert_int_equal(fx.cpu.fault.vector, EXC_GP);
	assert_int_equal(x86_load64(&fx.cpu, SEG_SS, 0x800000000000, &v), X86_FAULT);
	assert_int_equal(fx.cpu.fault.vector, EXC_SS);
}

static void test_invlpg_and_stale_entries(void **state)
{
	u64 v;

	(void)state;
	fx_put64(0x17000, 1);
	fx_put64(0x18000, 2);
	load(0x17000, &v);
	fx_put64(PTE(0x17), 0x18000 | FX_RWU);
	x86_tlb_flush_page(&fx.cpu, 0x17123);
	load(0x17000, &v);
	assert_int_equal(v, 2);
	load(0x400000, &v); /* a large page: in pieces */
	fx_put64(FX_PD + 16, 0);
	x86_tlb_flush_page(&fx.cpu, 0x5ff000);
	expect_pf(load(0x400000, &v), 0x400000, 0);
}

static void test_global_pages_survive(void **state)
{
	u64 v;

	(void)state;
	fx_put64(0x19000, 7);
	fx_put64(PTE(0x19), 0x19000 | FX_RWU | BIT(8));
	load(0x19000, &v);
	load(0x1a000, &v);
	fx_put64(PTE(0x19), 0);
	fx_put64(PTE(0x1a), 0);
	x86_tlb_flush_nonglobal(&fx.cpu);
	assert_int_equal(load(0x19000, &v), X86_OK);
	assert_int_equal(v, 7);
	expect_pf(load(0x1a000, &v), 0x1a000, 0);
	x86_tlb_flush_all(&fx.cpu);
	expect_pf(load(0x19000, &v), 0x19000, 0);
}

static void test_pcids_keep_their_entries(void **state)
{
	u64 v;

	(void)state;
	fx.cpu.cr4 |= CR4_PCIDE;
	fx.cpu.cr3 = FX_PML4 | 1;
	x86_tlb_flush_all(&fx.cpu);
	load(0x1b000, &v);
	fx_put64(PTE(0x1b), 0);
	fx.cpu.cr3 = FX_PML4 | 2;
	x86_tlb_switch(&fx.cpu);
	expect_pf(load(0x1b000, &v), 0x1b000, 0);
	fx.cpu.cr3 = FX_PML4 | 1; /* without a flush the old entry is still good */
	x86_tlb_switch(&fx.cpu);
	assert_int_equal(load(0x1b000, &v), X86_OK);
	x86_tlb_flush_pcid(&fx.cpu, 1);
	expect_pf(load(0x1b000, &v), 0x1b000, 0);
}

static void test_asids_run_out(void **state)
{
	u64 v;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		fx_put64(PTE(0x1c), (i & 1 ? 0x1d000 : 0x1e000) | FX_RWU);
		fx_put64(i & 1 ? 0x1d000 : 0x1e000, (u64)i);
		x86_tlb_flush_nonglobal(&fx.cpu);
		load(0x1c000, &v);
		assert_int_equal(v, i);
	}
}

static void test_device_access(void **state)
{
	u64 v = 0;
	u8 buf[16];

	(void)state;
	fx.mmio_value = 0x1122334455667788;
	assert_int_equal(x86_load64(&fx.cpu, SEG_DS, 0x40000000, &v), X86_OK);
	assert_int_equal(v, 0x1122334455667788);
	assert_int_equal(x86_store16(&fx.cpu, SEG_DS, 0x40000010, 0xabcd), X86_OK);
	assert_int_equal(fx.mmio_addr, 0x40000010);
	assert_int_equal(fx.mmio_size, 2);
	assert_int_equal(fx.mmio_value, 0xabcd);
	fx.mmio_reads = 0;
	assert_int_equal(x86_load_bytes(&fx.cpu, SEG_DS, 0x40000000, buf, 16), X86_OK);
	assert_int_equal(fx.mmio_reads, 2);
}

static void test_code_pages_are_noticed(void **state)
{
	struct x86_rmw m;
	u64 v;
	bool done;

	(void)state;
	assert_int_equal(x86_store8(&fx.cpu, SEG_DS, 0x50000, 1), X86_OK);
	fx.code_page[0x50] = true;
	x86_tlb_forget_gpa(&fx.cpu, gpa(0x50000));
	assert_int_equal(x86_store8(&fx.cpu, SEG_DS, 0x50001, 2), X86_BREAK);
	assert_int_equal(x86_store64(&fx.cpu, SEG_DS, 0x4fffc, 2), X86_BREAK);
	assert_int_equal(fx.code_writes, 2);
	assert_int_equal(x86_rmw_open(&fx.cpu, SEG_DS, 0x50008, 4, &m), X86_OK);
	x86_rmw_read(&fx.cpu, &m, &v);
	assert_int_equal(x86_rmw_write(&fx.cpu, &m, v + 1), X86_BREAK);
	assert_int_equal(x86_rmw_cas(&fx.cpu, &m, &(u64){ v + 1 }, 9, &done), X86_BREAK);
	assert_true(done);
	assert_int_equal(fx.code_writes, 4);
	assert_int_equal(get_le32(fx.ram + 0x50008), 9);
}

static void test_rom_ignores_stores(void **state)
{
	(void)state;
	fx.rom_page[0x60] = true;
	fx_put64(0x60000, 0x77);
	assert_int_equal(x86_store64(&fx.cpu, SEG_DS, 0x60000, 1), X86_OK);
	assert_int_equal(fx_get64(0x60000), 0x77);
}

static void test_rmw_across_pages(void **state)
{
	struct x86_rmw m;
	u64 v;
	bool done;

	(void)state;
	fx_put64(0x20ffc, 0x1111111122222222);
	assert_int_equal(x86_rmw_open(&fx.cpu, SEG_DS, 0x20ffc, 8, &m), X86_OK);
	x86_rmw_read(&fx.cpu, &m, &v);
	assert_int_equal(v, 0x1111111122222222);
	v = 5;
	x86_rmw_cas(&fx.cpu, &m, &v, 6, &done);
	assert_false(done);
	assert_int_equal(v, 0x1111111122222222);
	x86_rmw_cas(&fx.cpu, &m, &v, 6, &done);
	assert_true(done);
	assert_int_equal(fx_get64(0x20ffc), 6);
	fx_put64(PTE(0x13), 0x13000 | 5);
	expect_pf(x86_rmw_open(&fx.cpu, SEG_DS, 0x13000, 4, &m), 0x13000, PF_P | PF_W);
}

static void test_cas16_on_a_device_and_rom(void **state)
{
	u64 seen[2] = { 1, 1 }, want[2] = { 3, 4 };
	struct x86_rmw m;
	bool done;

	(void)state;
	fx.mmio_value = 7;
	assert_int_equal(x86_rmw_open(&fx.cpu, SEG_DS, 0x40000000, 16, &m), X86_OK);
	assert_int_equal(x86_rmw_cas16(&fx.cpu, &m, seen, want, &done), X86_OK);
	assert_false(done);
	assert_int_equal(seen[1], 7);
	assert_int_equal(x86_rmw_cas16(&fx.cpu, &m, seen, want, &done), X86_OK);
	assert_true(done);
	assert_int_equal(fx.mmio_addr, 0x40000008);
	assert_int_equal(fx.mmio_value, 4);
	fx.rom_page[0x60] = true;
	seen[0] = seen[1] = 0;
	assert_int_equal(x86_rmw_open(&fx.cpu, SEG_DS, 0x60000, 16, &m), X86_OK);
	assert_int_equal(x86_rmw_cas16(&fx.cpu, &m, seen, want, &done), X86_OK);
	assert_true(done);
	assert_int_equal(fx_get64(0x60000), 0);
}

/* --- 32-bit and PAE ------------------------------------------------------------ */

static void legacy(u64 cr4)
{
	struct x86_cpu *c = &fx.cpu;

	fx_long_mode(0);
	c->efer = 0;
	c->cr4 = cr4;
	c->seg[SEG_CS].attr = (c->seg[SEG_CS].attr & ~SA_L) | SA_DB;
	x86_update_mode(c);
	x86_tlb_flush_all(c);
}

static void test_32bit_paging(void **state)
{
	u64 v;

	(void)state;
	legacy(CR4_PSE);
	fx.cpu.cr3 = 0x70000;
	put_le32(fx.ram + 0x70000, 0x71000 | FX_RWU);
	put_le32(fx.ram + 0x71000 + 4 * 5, 0x6000 | FX_RWU);
	put_le32(fx.ram + 0x70004, 0x400000 | FX_RWU | 0x80);
	fx_put64(0x6010, 99);
	fx_put64(0x412340, 98);
	x86_tlb_flush_all(&fx.cpu);
	assert_int_equal(load(0x5010, &v), X86_OK);
	assert_int_equal(v, 99);
	assert_int_equal(load(0x412340, &v), X86_OK);
	assert_int_equal(v, 98);
	expect_pf(load(0x6000, &v), 0x6000, 0);
	put_le32(fx.ram + 0x70008, 0x400000 | FX_RWU | 0x80 | BIT(21));
	expect_pf(load(0x800000, &v), 0x800000, PF_P | PF_RSVD);
}

static void test_pae_paging(void **state)
{
	u64 v;

	(void)state;
	legacy(CR4_PAE);
	fx_put64(0x72020, 0x73000 | 1);
	fx_put64(0x72028, 0);
	fx_put64(0x73000, 0x74000 | FX_RWU);
	fx_put64(0x74000 + 8 * 5, 0x6000 | FX_RWU);
	fx_put64(0x6010, 97);
	fx.cpu.cr3 = 0x72020;
	assert_int_equal(x86_load_pdptes(&fx.cpu, fx.cpu.cr3), X86_OK);
	x86_tlb_flush_all(&fx.cpu);
	assert_int_equal(load(0x5010, &v), X86_OK);
	assert_int_equal(v, 97);
	expect_pf(load(0x40000000, &v), 0x40000000, 0);
	fx_put64(0x72028, 0x73000 | 3); /* reserved bit 1 */
	assert_int_equal(x86_load_pdptes(&fx.cpu, fx.cpu.cr3), X86_FAULT);
	assert_int_equal(fx.cpu.fault.vector, EXC_GP);
}

static void test_segment_limits(void **state)
{
	u8 b;

	(void)state;
	legacy(CR4_PAE);
	fx.cpu.cr0 &= ~CR0_PG;
	fx.cpu.seg[SEG_DS].limit = 0xfff;
	fx.cpu.seg[SEG_DS].base = 0x80000;
	fx.cpu.seg[SEG_SS].attr |= SA_EXPDOWN;
	fx.cpu.seg[SEG_SS].limit = 0xfff;
	x86_update_mode(&fx.cpu);
	x86_tlb_flush_all(&fx.cpu);
	fx.ram[0x80fff] = 0x5a;
	assert_int_equal(x86_load8(&fx.cpu, SEG_DS, 0xfff, &b), X86_OK);
	assert_int_equal(b, 0x5a);
	assert_int_equal(x86_load16(&fx.cpu, SEG_DS, 0xfff, &(u16){ 0 }), X86_FAULT);
	assert_int_equal(fx.cpu.fault.vector, EXC_GP);
	assert_int_equal(x86_load8(&fx.cpu, SEG_SS, 0xfff, &b), X86_FAULT);
	assert_int_equal(fx.cpu.fault.vector, EXC_SS);
	assert_int_equal(x86_load8(&fx.cpu, SEG_SS, 0x1000, &b), X86_OK);
	assert_int_equal(x86_store8(&fx.cpu, SEG_CS, 0, 1), X86_FAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FX_TEST(test_accessed_and_dirty),   FX_TEST(test_not_present),
		FX_TEST(test_page_crossing_faults_whole),
		FX_TEST(test_user_and_write_rights), FX_TEST(test_nx_and_smep),
		FX_TEST(test_smap),		    FX_TEST(test_reserved_bits),
		FX_TEST(test_noncanonical),	    FX_TEST(test_invlpg_and_stale_entries),
		FX_TEST(test_global_pages_survive), FX_TEST(test_pcids_keep_their_entries),
		FX_TEST(test_asids_run_out),	    FX_TEST(test_device_access),
		FX_TEST(test_code_pages_are_noticed), FX_TEST(test_rom_ignores_stores),
		FX_TEST(test_rmw_across_pages), FX_TEST(test_cas16_on_a_device_and_rom),	    FX_TEST(test_32bit_paging),
		FX_TEST(test_pae_paging),	    FX_TEST(test_segment_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
