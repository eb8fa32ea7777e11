/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies outside: memory that is not this machine's reads all ones and swallows
 * writes, and the instructions and registers of virtualization are not there. Run with
 * 128 MiB.
 */
#include "lib/lib.h"

#define V TEST_WINDOW
#define RAM_END 0x8000000ul

static volatile u64 *at(ulong phys)
{
	page_map(V, phys & ~(PAGE - 1), PTE_P | PTE_W);
	invlpg(V);
	return (volatile u64 *)(V + (phys & (PAGE - 1)));
}

/* One address every 2 MiB up to 4 GiB, a few beyond; devices' windows left out. */
static bool is_device(ulong a)
{
	return a >= 0xe0000000ul && a < 0x100000000ul;
}

static void test_memory(void)
{
	static const ulong far[] = { 0x100000000ul, 0x140000000ul, 0x1000000000ul, 0x4000000000ul,
				     0x7ffffff000ul };
	unsigned reads = 0, writes = 0;

	for (ulong a = RAM_END; a < 0x100000000ul; a += 0x200000) {
		volatile u64 *p = at(a + 0xff8);

		if (is_device(a))
			continue;
		reads += *p != ~0ull;
		*p = 0x5a5a5a5a5a5a5a5aull;
		writes += *p != ~0ull;
	}
	check_eq(reads, 0, "outside-reads-ones");
	check_eq(writes, 0, "outside-swallows-writes");
	for (unsigned i = 0; i < sizeof far / sizeof *far; i++) {
		reads += *at(far[i]) != ~0ull;
		__asm__ volatile("lock incq %0" : "+m"(*at(far[i])));
		writes += *at(far[i]) != ~0ull;
	}
	check_eq(reads, 0, "far-outside-reads-ones");
	check_eq(writes, 0, "far-outside-swallows-writes");
	*at(RAM_END - 8) = 0x1122334455667788ull;
	check_eq(*at(RAM_END - 8), 0x1122334455667788ull, "the-last-word-of-ram");
	/* the last bytes of RAM and the first beyond in one access */
	page_map(V, RAM_END - PAGE, PTE_P | PTE_W);
	page_map(V + PAGE, RAM_END, PTE_P | PTE_W);
	invlpg(V);
	invlpg(V + PAGE);
	check_eq(*(volatile u64 *)(V + PAGE - 4), 0xffffffff11223344ull, "across-the-end");
	__asm__ volatile("rep movsb" : : "S"(V + PAGE - 16), "D"(V + 64), "c"(32ul) : "memory");
	check_eq(*(volatile u64 *)(V + 80), ~0ull, "string-across-the-end");
}

#define ABSENT(text, name)                                  \
	do {                                                \
		TRY(text, : "a"(0ul), "c"(0ul), "d"(0ul) : "memory"); \
		check_fault(UD, 0, name);                   \
	} while (0)

static void test_instructions(void)
{
	static u64 operand[2];

	ABSENT("vmrun", "ud-vmrun");
	ABSENT("vmload", "ud-vmload");
	ABSENT("vmsave", "ud-vmsave");
	ABSENT("stgi", "ud-stgi");
	ABSENT("clgi", "ud-clgi");
	ABSENT("skinit", "ud-skinit");
	ABSENT("invlpga", "ud-invlpga");
	ABSENT("vmlaunch", "ud-vmlaunch");
	ABSENT("vmresume", "ud-vmresume");
	ABSENT("vmxoff", "ud-vmxoff");
	ABSENT("vmread %%rax, %%rcx", "ud-vmread");
	ABSENT("vmwrite %%rax, %%rcx", "ud-vmwrite");
	ABSENT("monitor", "ud-monitor");
	ABSENT("mwait", "ud-mwait");
	ABSENT("rsm", "ud-rsm");
	TRY("vmxon %0", : "m"(operand));
	check_fault(UD, 0, "ud-vmxon");
	TRY("vmptrld %0", : "m"(operand));
	check_fault(UD, 0, "ud-vmptrld");
	TRY("vmclear %0", : "m"(operand));
	check_fault(UD, 0, "ud-vmclear");
	TRY("rdpmc", : "c"(0) : "rax", "rdx");
	check_fault(GP, 0, "gp-rdpmc");
	TRY("wbinvd", :);
	check_no_trap("wbinvd");
}

static void test_registers(void)
{
	static const struct {
		u32 index;
		const char *name;
	} absent[] = {
		{ 0xc0010114, "gp-rdmsr-vm-cr" }, { 0xc0010117, "gp-rdmsr-vm-hsave-pa" },
		{ 0x480, "gp-rdmsr-vmx-basic" },  { 0x48c, "gp-rdmsr-vmx-ept" },
		{ 0xc0010015, "gp-rdmsr-hwcr" },  { 0x1fffff, "gp-rdmsr-unknown" },
		{ 0xc0011023, "gp-rdmsr-bu-cfg" }, { 0x40000000, "gp-rdmsr-hypervisor" },
	};

	for (unsigned i = 0; i < sizeof absent / sizeof *absent; i++) {
		TRY("rdmsr", : "c"(absent[i].index) : "rax", "rdx");
		check_fault(GP, 0, absent[i].name);
	}
	TRY("wrmsr", : "c"(MSR_EFER), "a"((u32)rdmsr(MSR_EFER) | 1u << 12), "d"(0));
	check_fault(GP, 0, "gp-efer-svme");
	check(!(rdmsr(MSR_EFER) & 1u << 12), "efer-shows-no-svme");
	TRY("mov %0, %%cr4", : "r"(read_cr4() | 1ul << 13));
	check_fault(GP, 0, "gp-cr4-vmxe");
	check(!(cpuid(1, 0).ecx & 1u << 5), "no-vmx-in-cpuid");
	check(!(cpuid(0x80000001, 0).ecx & 1u << 2), "no-svm-in-cpuid");
	check_eq(cpuid(0x8000000a, 0).ebx, 0, "no-asids-in-cpuid");
	check_eq(rdmsr(0x3a) & 5, 1, "feature-control-locked-without-vmx");
}

void test_main(void)
{
	test_memory();
	test_instructions();
	test_registers();
}
