/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: configuration, memory map, firmware's traces, ACPI, reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <trivet/pci.h>

#include "machine_fixture.h"

#include "../../src/machine/acpi.h"
#include "../../src/machine/memmap.h"

static u8 file[ELF_BYTES];

struct box {
	struct vm vm;
	struct machine *m;
	struct machine_config config;
	struct error err;
};

static int setup(void **state)
{
	struct box *b = aligned_alloc(64, (sizeof *b + 63) & ~(size_t)63);

	memset(b, 0, sizeof *b);
	memset(&rec, 0, sizeof rec);
	b->config = (struct machine_config){
		.name = "test",
		.memory = MIB(16),
		.cpus = 3,
		.cpu_model = "baseline",
		.kernel = { "k", file, make_bzimage(file) },
		.cmdline = "",
	};
	assert_int_equal(vm_init(&b->vm, "test", &rec_engine, &b->err), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;

	fake.alloc_budget_on = false;
	machine_destroy(b->m);
	vm_fini(&b->vm);
	free(b);
	return 0;
}

static void create(struct box *b)
{
	int r = machine_create(&b->vm, &b->config, &b->m, &b->err);

	if (r)
		print_error("%s\n", b->err.msg);
	assert_int_equal(r, 0);
}

static void create_fails(struct box *b, int code, const char *word)
{
	int r = machine_create(&b->vm, &b->config, &b->m, &b->err);

	if (r != code || !strstr(b->err.msg, word))
		print_error("%d: %s\n", r, b->err.msg);
	assert_int_equal(r, code);
	assert_non_null(strstr(b->err.msg, word));
	vm_fini(&b->vm);
	assert_int_equal(rec.vcpus, 0);
	assert_int_equal(vm_init(&b->vm, "test", &rec_engine, &b->err), 0);
}

static const u8 *mem(struct box *b, u64 addr, u64 n)
{
	const u8 *p = guest_mem_ptr(&b->vm, gpa(addr), n);

	assert_non_null(p);
	return p;
}

static void test_bad_config(void **state)
{
	struct box *b = *state;
	struct machine_config good = b->config;

	b->config.memory = MIB(15);
	create_fails(b, -EINVAL, "memory");
	b->config.memory = GIB(257);
	create_fails(b, -EINVAL, "memory");
	b->config.memory = MIB(16) + 4096;
	create_fails(b, -EINVAL, "multiple of 1 MiB");
	b->config = good;
	b->config.cpus = 0;
	create_fails(b, -EINVAL, "cpus: 0");
	b->config.cpus = 33;
	create_fails(b, -EINVAL, "1 to 32");
	b->config = good;
	b->config.cpu_model = "pentium";
	create_fails(b, -EINVAL, "pentium");
	b->config = good;
	b->config.kernel = (struct blob){ 0 };
	create_fails(b, -EINVAL, "kernel: none given");
	b->config = good;
	rec.refuse_map = true;
	create_fails(b, -ENOMEM, "memory");
	rec.refuse_map = false;
}

/* Every allocation fails in its turn; nothing leaks, and the last try works. */
static void test_out_of_memory(void **state)
{
	struct box *b = *state;
	int r = -ENOMEM;

	for (u64 budget = 0; r; budget++) {
		assert_true(budget < 200);
		fake.alloc_budget = budget;
		fake.alloc_budget_on = true;
		r = machine_create(&b->vm, &b->config, &b->m, &b->err);
		fake.alloc_budget_on = false;
		if (!r)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_true(b->err.msg[0] != 0);
		vm_fini(&b->vm);
		assert_int_equal(rec.vcpus, 0);
		assert_int_equal(vm_init(&b->vm, "test", &rec_engine, &b->err), 0);
	}
}

static void check_map(u64 ram)
{
	struct memmap map;
	u64 total = 0, last = 0;

	memmap_init(&map, ram);
	for (unsigned i = 0; i < map.count; i++) {
		const struct memmap_entry *e = &map.entries[i];

		assert_true(e->base >= last);
		assert_true(e->size > 0);
		last = e->base + e->size;
		if (e->type == MEMMAP_RAM)
			total += e->size;
	}
	assert_int_equal(total, ram - (MIB(1) - 0x9fc00));
	assert_true(map.low_end <= GIB(3));
	assert_int_equal(map.low_end + (map.high_end - GIB(4)), ram);
}

static void test_memory_map(void **state)
{
	struct memmap map;

	(void)state;
	check_map(MIB(16));
	check_map(MIB(3071));
	check_map(GIB(3));
	check_map(GIB(3) + MIB(1));
	check_map(GIB(256));
	memmap_init(&map, GIB(3) + MIB(2));
	assert_true(memmap_loadable(&map, 0x4000, 0x8c000));
	assert_false(memmap_loadable(&map, 0x4000, 0x8c001));
	assert_false(memmap_loadable(&map, 0xf0000, 1));
	assert_true(memmap_loadable(&map, MIB(1), GIB(3) - MIB(1)));
	assert_false(memmap_loadable(&map, MIB(1), GIB(3)));
	assert_true(memmap_loadable(&map, GIB(4), MIB(2)));
	assert_false(memmap_loadable(&map, GIB(4), MIB(2) + 1));
	assert_false(memmap_loadable(&map, ~(u64)0, 2));
}

static u8 sum(const u8 *p, size_t n)
{
	u8 s = 0;

	while (n--)
		s = (u8)(s + *p++);
	return s;
}

static const u8 *table(struct box *b, u64 addr, const char *signature)
{
	const u8 *p = mem(b, addr, 36);

	assert_memory_equal(p, signature, 4);
	p = mem(b, addr, get_le32(p + 4));
	assert_int_equal(sum(p, get_le32(p + 4)), 0);
	return p;
}

static const u8 *find_rsdp(struct box *b)
{
	for (u64 a = 0xe0000; a < 0x100000; a += 16)
		if (memcmp(mem(b, a, 8), "RSD PTR ", 8) == 0)
			return mem(b, a, 36);
	return NULL;
}

static void test_acpi(void **state)
{
	struct box *b = *state;
	const u8 *rsdp, *rsdt, *xsdt, *fadt, *madt, *mcfg, *facs;

	create(b);
	rsdp = find_rsdp(b);
	assert_non_null(rsdp);
	assert_int_equal(rsdp[15], 2);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	rsdt = table(b, get_le32(rsdp + 16), "RSDT");
	xsdt = table(b, get_le64(rsdp + 24), "XSDT");
	assert_int_equal(get_le32(xsdt + 4), 36 + 24);
	assert_int_equal(get_le32(rsdt + 4), 36 + 12);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(get_le64(xsdt + 36 + 8 * i), get_le32(rsdt + 36 + 4 * i));
	fadt = table(b, get_le64(xsdt + 36), "FACP");
	assert_int_equal(get_le32(fadt + 4), 276);
	assert_int_equal(get_le32(fadt + 40), get_le64(fadt + 140));
	assert_int_equal(get_le16(fadt + 46), 9);
	assert_int_equal(get_le32(fadt + 56), get_le64(fadt + 152));
	assert_int_equal(get_le64(fadt + 120), 0xcf9);
	table(b, get_le64(fadt + 140), "DSDT");
	facs = mem(b, get_le32(fadt + 36), 64);
	assert_memory_equal(facs, "FACS", 4);
	assert_int_equal(get_le32(fadt + 36) % 64, 0);
	madt = table(b, get_le64(xsdt + 44), "APIC");
	assert_int_equal(get_le32(madt + 36), 0xfee00000);
	assert_int_equal(get_le32(madt + 4), 44 + 3 * 8 + 12 + 10 + 10 + 6);
	mcfg = table(b, get_le64(xsdt + 52), "MCFG");
	assert_int_equal(get_le32(mcfg + 4), 60);
	assert_int_equal(get_le64(mcfg + 44), PCI_ECAM_BASE);
	assert_int_equal(bus_read(&b->vm.mmio, NULL, get_le64(mcfg + 44), 4), 0x0d578086);
}

static void test_acpi_entries(void **state)
{
	u8 buf[0x4000];
	unsigned lapics = 0, ioapics = 0, overrides = 0, nmis = 0;
	size_t n = acpi_build(buf, sizeof buf, 0xf0000, 32), at = 0;

	(void)state;
	assert_true(n > 0);
	for (size_t small = 0; small < n; small += 7)
		assert_int_equal(acpi_build(buf, small, 0xf0000, 32), 0);
	assert_int_equal(acpi_build(buf, n, 0xf0000, 32), n);
	while (memcmp(buf + at, "APIC", 4) != 0)
		at += 64;
	for (size_t e = at + 44; e < at + get_le32(buf + at + 4); e += buf[e + 1]) {
		assert_true(buf[e + 1] >= 6);
		lapics += buf[e] == 0;
		ioapics += buf[e] == 1;
		overrides += buf[e] == 2;
		nmis += buf[e] == 4;
	}
	assert_int_equal(lapics, 32);
	assert_int_equal(ioapics, 1);
	assert_int_equal(overrides, 2);
	assert_int_equal(nmis, 1);
}

/* Intel's own compiler must read the tables, and take what it read back. */
static void test_acpi_iasl(void **state)
{
	static const char *const names[] = { "DSDT", "FACS", "FACP", "APIC", "MCFG", "RSDT", "XSDT" };
	char dir[] = "/tmp/test_machine.XXXXXX", cmd[512];
	u8 buf[0x4000];
	size_t n = acpi_build(buf, sizeof buf, 0xf0000, 4);
	unsigned found = 0;

	(void)state;
	if (system("command -v iasl >/dev/null") != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	for (size_t at = 0; at < n; at += 64)
		for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
			FILE *f;

			if (memcmp(buf + at, names[i], 4) != 0)
				continue;
			found++;
			snprintf(cmd, sizeof cmd, "%s/%s.aml", dir, names[i]);
			f = fopen(cmd, "wb");
			assert_non_null(f);
			fwrite(buf + at, 1, get_le32(buf + at + 4), f);
			fclose(f);
			snprintf(cmd, sizeof cmd,
				 "cd %s && iasl -d %s.aml >d.log 2>&1 && iasl -p new %s.dsl >c.log 2>&1 && "
				 "! grep -iE 'invalid|incorrect|bad checksum' d.log && "
				 "grep -q '0 Errors, 0 Warnings' c.log", dir, names[i], names[i]);
			assert_int_equal(system(cmd), 0);
		}
	assert_int_equal(found, ARRAY_SIZE(names));
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

static void test_firmware(void **state)
{
	struct box *b = *state;

	create(b);
	assert_int_equal(get_le16(mem(b, 0x413, 2)), 639);
	assert_int_equal(get_le16(mem(b, 0x40e, 2)), 0x9fc0);
	assert_int_equal(*mem(b, 0xffff0, 1), 0xea);
	assert_memory_equal(mem(b, 0xffff0, 5), mem(b, 0xfffffff0, 5), 5);
	assert_null(guest_mem_ptr(&b->vm, gpa(0xa0000), 1));
	assert_null(guest_mem_ptr(&b->vm, gpa(0xdffff), 1));
	assert_null(guest_mem_ptr(&b->vm, gpa(MIB(16)), 1));
}

static void test_cpus(void **state)
{
	struct box *b = *state;
	u64 tsc;

	create(b);
	assert_int_equal(b->vm.vcpu_count, 3);
	assert_int_equal(rec.set_count, 3);
	assert_ptr_equal(b->vm.machine, b->m);
	for (unsigned i = 0; i < 3; i++) {
		assert_non_null(b->vm.vcpus[i]->irq);
		assert_int_equal(b->vm.vcpus[i]->state, i ? VCPU_WAIT_SIPI : VCPU_RUNNING);
		/* Linux complains when firmware left different MTRRs. */
		assert_memory_equal(&rec.state[i].msr.mtrr, &rec.state[0].msr.mtrr,
				    sizeof rec.state[0].msr.mtrr);
	}
	assert_int_equal(rec.state[1].cr0 & CR0_PE, 0);
	tsc = vcpu_guest_tsc(b->vm.vcpus[0]);
	assert_true(vcpu_guest_tsc(b->vm.vcpus[0]) >= tsc);
}

static u64 in(struct box *b, u16 port, unsigned size)
{
	u64 v;

	platform_mutex_lock(&b->vm.lock);
	v = bus_read(&b->vm.pio, b->vm.vcpus[0], port, size);
	platform_mutex_unlock(&b->vm.lock);
	return v;
}

static void out(struct box *b, u16 port, unsigned size, u64 value)
{
	platform_mutex_lock(&b->vm.lock);
	bus_write(&b->vm.pio, b->vm.vcpus[0], port, size, value);
	platform_mutex_unlock(&b->vm.lock);
}

static u64 lapic_read(struct box *b, u64 reg)
{
	u64 v;

	platform_mutex_lock(&b->vm.lock);
	v = bus_read(&b->vm.mmio, b->vm.vcpus[0], 0xfee00000 + reg, 4);
	platform_mutex_unlock(&b->vm.lock);
	return v;
}

static void test_devices(void **state)
{
	struct box *b = *state;

	b->config.testdev = true;
	create(b);
	assert_int_equal(in(b, 0x3fd, 1) & 0x60, 0x60); /* COM1 can send */
	assert_int_equal(lapic_read(b, 0x20), 0);
	assert_int_equal(lapic_read(b, 0xf0), 0x1ff);
	assert_int_equal(lapic_read(b, 0x350) & 0x10700, 0x700);
	out(b, 0xe0, 4, 0x12345678);
	assert_int_equal(in(b, 0xe0, 4), 0x12345678);
	out(b, 0xe4, 4, 0x5000);
	assert_int_equal(rec.flushed, 1);
	/* fw_cfg item 5: CPUs. */
	out(b, 0x510, 2, 5);
	assert_int_equal(in(b, 0x511, 1), 3);
	assert_int_equal(in(b, 0x511, 1), 0);
	/* S5: what the DSDT names and the FADT points at. */
	out(b, 0x604, 2, 5 << 10 | 1 << 13);
	assert_int_equal(vm_stop_reason(&b->vm), VM_POWEROFF);
}

static void test_no_testdev(void **state)
{
	struct box *b = *state;

	create(b);
	out(b, 0xe0, 4, 0x12345678);
	assert_int_equal(in(b, 0xe0, 4), 0xffffffff);
	out(b, 0xf4, 4, 3);
	assert_int_equal(vm_stop_reason(&b->vm), VM_DEBUG_EXIT);
	assert_int_equal(b->vm.exit_code, 7);
}

/* A bus with one host bridge; the reset register keeps its byte at cf9h. */
static void test_pci(void **state)
{
	struct box *b = *state;

	create(b);
	out(b, 0xcf8, 4, 0x80000000);
	assert_int_equal(in(b, 0xcf8, 4), 0x80000000);
	assert_int_equal(in(b, 0xcfc, 2), 0x8086);
	out(b, 0xcf8, 4, 0x80000008);
	assert_int_equal(in(b, 0xcfe, 2), 0x0600);
	assert_int_equal(in(b, 0xcff, 1), 0x06);
	out(b, 0xcf8, 4, 0x80000600); /* would be a reset, were it for cf9h */
	assert_int_equal(in(b, 0xcfc, 4), 0xffffffff);
	out(b, 0xcf8, 4, 0x80010000);
	assert_int_equal(in(b, 0xcfc, 4), 0xffffffff);
	out(b, 0xcf8, 4, 0);
	assert_int_equal(in(b, 0xcfc, 4), 0xffffffff);
	assert_int_equal(vm_stop_reason(&b->vm), VM_RUNS);
	out(b, 0xcf9, 1, 6);
	assert_int_equal(vm_stop_reason(&b->vm), VM_RESET);
}

static void test_reset(void **state)
{
	struct box *b = *state;
	struct x86_state first;
	static u8 zp[4096];
	u8 byte = 0xaa;

	create(b);
	first = rec.state[0];
	memcpy(zp, mem(b, first.gpr[REG_RSI], 4096), 4096);
	guest_mem_write(&b->vm, gpa(MIB(9)), &byte, 1);
	guest_mem_write(&b->vm, gpa(MIB(4) + 0x200), &byte, 1);
	guest_mem_write(&b->vm, gpa(first.gpr[REG_RSI] + 5), &byte, 1);
	memset(rec.state, 0xee, sizeof rec.state);
	out(b, 0xcf9, 1, 6);
	assert_int_equal(vm_stop_reason(&b->vm), VM_RESET);
	assert_int_equal(machine_reset(b->m, &b->err), 0);
	assert_int_equal(vm_stop_reason(&b->vm), VM_RUNS);
	assert_int_equal(*mem(b, MIB(9), 1), 0);
	assert_int_equal(*mem(b, MIB(4) + 0x200, 1), 0x90);
	assert_memory_equal(mem(b, first.gpr[REG_RSI], 4096), zp, 4096);
	assert_memory_equal(&rec.state[0], &first, sizeof first);
	assert_int_equal(b->vm.vcpus[1]->state, VCPU_WAIT_SIPI);
}

static void test_power_button(void **state)
{
	struct box *b = *state;

	create(b);
	platform_mutex_lock(&b->vm.lock);
	machine_power_button(b->m);
	platform_mutex_unlock(&b->vm.lock);
	assert_int_equal(in(b, 0x600, 2) & 0x100, 0x100); /* PWRBTN_STS */
}

static void test_two_machines(void **state)
{
	struct box *b = *state;
	struct box *c;
	void *other;

	create(b);
	setup(&other);
	c = other;
	create(c);
	out(b, 0xf4, 1, 1);
	assert_int_equal(vm_stop_reason(&b->vm), VM_DEBUG_EXIT);
	assert_int_equal(vm_stop_reason(&c->vm), VM_RUNS);
	teardown(&other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_bad_config),
		T(test_out_of_memory),
		cmocka_unit_test(test_memory_map),
		T(test_acpi),
		cmocka_unit_test(test_acpi_entries),
		cmocka_unit_test(test_acpi_iasl),
		T(test_firmware),
		T(test_cpus),
		T(test_devices),
		T(test_no_testdev),
		T(test_pci),
		T(test_reset),
		T(test_power_button),
		T(test_two_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
