/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest can read of its machine, printed, so that two engines can be compared:
 * CPUID, MSRs that can be read, ACPI tables, PCI configuration space. Rates that were
 * measured are left out.
 */
#include "lib/lib.h"

static void item(const char *kind, u64 index, u64 sub)
{
	print("NOTE ");
	print(kind);
	print(" ");
	print_hex(index);
	print(".");
	print_hex(sub);
	print(":");
}

static void word(u64 v)
{
	print(" ");
	print_hex(v);
}

static void cpuid_leaf(u32 leaf, u32 sub)
{
	struct cpuid v = cpuid(leaf, sub);

	if (leaf == 0x15 || leaf == 0x16)
		return;
	item("cpuid", leaf, sub);
	word(v.eax);
	word(v.ebx);
	word(v.ecx);
	word(v.edx);
	print("\n");
}

static void print_cpuid(void)
{
	for (u32 leaf = 0; leaf <= 0x20; leaf++)
		for (u32 sub = 0; sub < 4; sub++)
			cpuid_leaf(leaf, sub);
	for (u32 leaf = 0; leaf < 4; leaf++)
		cpuid_leaf(0x40000000 + leaf, 0);
	for (u32 leaf = 0; leaf <= 0x22; leaf++)
		cpuid_leaf(0x80000000 + leaf, 0);
}

/* Those that count time. */
static bool msr_moves(u32 i)
{
	return i == 0x10 || i == 0x6e0 || (i >= 0x830 && i <= 0x83f);
}

static void msr(u32 index)
{
	u32 low = 0, high = 0;

	if (msr_moves(index))
		return;
	trap_clear();
	__asm__ volatile(TRY_TEXT("rdmsr") : "+a"(low), "+d"(high) : "c"(index));
	if (trap_last.count)
		return;
	item("msr", index, 0);
	word((u64)high << 32 | low);
	print("\n");
}

static void print_msrs(void)
{
	for (u32 i = 0; i < 0x900; i++)
		msr(i);
	for (u32 i = 0; i < 0x104; i++)
		msr(0xc0000000 + i);
	for (u32 i = 0; i < 0x120; i++)
		msr(0xc0010000 + i);
}

/* The firmware's area, where the tables are, summed by 16 bytes. */
static void print_acpi(void)
{
	for (ulong a = 0xf0000; a < 0xf1000; a += 64) {
		u64 sum = 0;

		for (ulong i = 0; i < 64; i += 8)
			sum = (sum << 7 | sum >> 57) ^ *(volatile u64 *)(a + i);
		item("acpi", a, 0);
		word(sum);
		print("\n");
	}
}

static u32 pci_read(u32 slot, u32 reg)
{
	outl(0xcf8, 0x80000000u | slot << 11 | reg);
	return inl(0xcfc);
}

static void print_pci(void)
{
	for (u32 slot = 0; slot < 32; slot++) {
		if ((pci_read(slot, 0) & 0xffff) == 0xffff)
			continue;
		item("pci", slot, 0);
		for (u32 reg = 0; reg < 256; reg += 4)
			word(pci_read(slot, reg));
		print("\n");
	}
}

void test_main(void)
{
	print_cpuid();
	print_msrs();
	print_acpi();
	print_pci();
	check(true, "inventory");
}
