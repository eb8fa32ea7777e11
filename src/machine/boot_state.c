/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU states in which kernels expect to be started. */
#include <trivet/string.h>

#include "boot.h"

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_PS BIT(7)

#define REAL_MODE_IDT_LIMIT (256 * 4 - 1)

int boot_write(struct machine *m, u64 addr, const void *bytes, u64 n,
	       struct error *err)
{
	int r = guest_mem_write(m->vm, gpa(addr), bytes, n);

	if (r)
		return error_set(err, r, NAME_FMT ": address %#llx is not in the guest's RAM",
				 m->config.kernel.name, (unsigned long long)addr);
	return 0;
}

static int write_gdt(struct machine *m, struct error *err)
{
	u8 gdt[32] = { 0 };

	put_le64(gdt + BOOT_CS32, 0x00cf9b000000ffff);
	put_le64(gdt + BOOT_CS64, 0x00af9b000000ffff);
	put_le64(gdt + BOOT_DS, 0x00cf93000000ffff);
	return boot_write(m, BOOT_GDT, gdt, sizeof gdt, err);
}

/* Four GiB in pages of 2 MiB: SDM vol. 3A 4.5. */
static int write_page_tables(struct machine *m, struct error *err)
{
	u8 page[PAGE_SIZE];
	int r;

	memset(page, 0, sizeof page);
	put_le64(page, (BOOT_PAGE_TABLES + PAGE_SIZE) | PTE_P | PTE_W);
	r = boot_write(m, BOOT_PAGE_TABLES, page, sizeof page, err);
	if (r)
		return r;
	for (u64 i = 0; i < 4; i++)
		put_le64(page + 8 * i,
			 (BOOT_PAGE_TABLES + (2 + i) * PAGE_SIZE) | PTE_P | PTE_W);
	r = boot_write(m, BOOT_PAGE_TABLES + PAGE_SIZE, page, sizeof page, err);
	for (u64 i = 0; i < 4 && !r; i++) {
		for (u64 j = 0; j < 512; j++)
			put_le64(page + 8 * j,
				 GIB(i) + MIB(2 * j) + (PTE_P | PTE_W | PTE_PS));
		r = boot_write(m, BOOT_PAGE_TABLES + (2 + i) * PAGE_SIZE, page,
			       sizeof page, err);
	}
	return r;
}

static struct x86_seg flat_segment(u16 sel, u32 attr)
{
	return (struct x86_seg){
		.limit = 0xffffffff,
		.attr = attr | SA_S | SA_P | SA_G | SA_ACCESSED,
		.sel = sel,
	};
}

static void set_flat(struct x86_state *st, u16 cs, u32 cs_size, u64 entry)
{
	st->seg[SEG_CS] = flat_segment(cs, SA_CODE | SA_WRITE | cs_size);
	for (unsigned s = 0; s <= SEG_GS; s++)
		if (s != SEG_CS)
			st->seg[s] = flat_segment(BOOT_DS, SA_WRITE | SA_DB);
	/* A busy TSS, as PVH wants it and VMX needs it. */
	st->seg[SEG_TR] = (struct x86_seg){ .limit = 0x67, .attr = SA_P | 0xb };
	st->gdt = (struct x86_dtable){ .base = BOOT_GDT, .limit = 31 };
	/* Real mode's table, for a kernel that goes there and keeps it. */
	st->idt = (struct x86_dtable){ .limit = REAL_MODE_IDT_LIMIT };
	st->rflags = FL_ONE;
	st->rip = entry;
}

int boot_state_long(struct machine *m, struct x86_state *st, u64 entry,
		    struct error *err)
{
	int r = write_gdt(m, err);

	if (!r)
		r = write_page_tables(m, err);
	if (r)
		return r;
	set_flat(st, BOOT_CS64, SA_L, entry);
	st->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	st->cr3 = BOOT_PAGE_TABLES;
	st->cr4 = CR4_PAE;
	st->efer = EFER_LME | EFER_LMA;
	return 0;
}

int boot_state_flat32(struct machine *m, struct x86_state *st, u32 entry,
		      struct error *err)
{
	int r = write_gdt(m, err);

	if (r)
		return r;
	set_flat(st, BOOT_CS32, SA_DB, entry);
	st->cr0 = CR0_PE | CR0_ET | CR0_NE; /* x87 errors are #MF until it says otherwise */
	st->cr4 = 0;
	st->efer = 0;
	return 0;
}
