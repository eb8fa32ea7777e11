/* SPDX-License-Identifier: Apache-2.0 */
/* Loaders: each kind of kernel, and what is wrong with bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "machine_fixture.h"

static u8 file[ELF_BYTES];
static const u8 initrd[5000] = { 'i', 'n', 'i', 't', [4999] = 'z' };

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
		.cpus = 1,
		.cpu_model = "baseline",
		.kernel = { .name = "dir/k.bin", .data = file },
		.cmdline = "console=ttyS0 quiet",
	};
	assert_int_equal(vm_init(&b->vm, "test", &rec_engine, &b->err), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;

	machine_destroy(b->m);
	vm_fini(&b->vm);
	free(b);
	return 0;
}

/* The bytes are copied to a block of just that size, so that ASan sees a read
 * beyond the file. */
static int load(struct box *b, size_t n)
{
	u8 *copy = malloc(n ? n : 1);
	int r;

	memcpy(copy, file, n);
	b->config.kernel.data = copy;
	b->config.kernel.size = n;
	b->err.msg[0] = 0;
	r = machine_create(&b->vm, &b->config, &b->m, &b->err);
	free(copy);
	return r;
}

static void load_ok(struct box *b, size_t n)
{
	int r = load(b, n);

	if (r)
		print_error("%s\n", b->err.msg);
	assert_int_equal(r, 0);
}

/* Fails with a message that has `word`; then the VM can be used again. */
static void load_fails(struct box *b, size_t n, const char *word)
{
	int r = load(b, n);

	if (r == 0 || !strstr(b->err.msg, word))
		print_error("%d, message: %s\n", r, b->err.msg);
	assert_int_equal(r, -EINVAL);
	assert_non_null(strstr(b->err.msg, word));
	assert_null(strchr(b->err.msg, '\n'));
	assert_null(b->m);
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

static void check_segment(const struct x86_state *st, unsigned seg, u32 attr)
{
	assert_int_equal(st->seg[seg].base, 0);
	assert_int_equal(st->seg[seg].limit, 0xffffffff);
	assert_int_equal(st->seg[seg].attr, attr);
}

static void check_long_mode(struct box *b)
{
	const struct x86_state *st = &rec.state[0];
	u64 pml4 = get_le64(mem(b, st->cr3, 8)), pdpt;

	assert_int_equal(st->cr0 & (CR0_PE | CR0_PG), CR0_PE | CR0_PG);
	assert_int_equal(st->cr4, CR4_PAE);
	assert_int_equal(st->efer, EFER_LME | EFER_LMA);
	assert_int_equal(st->rflags, 2);
	assert_int_equal(st->seg[SEG_CS].sel, 0x10);
	assert_int_equal(st->seg[SEG_DS].sel, 0x18);
	check_segment(st, SEG_CS, SA_G | SA_L | SA_P | SA_S | 0xb);
	check_segment(st, SEG_SS, SA_G | SA_DB | SA_P | SA_S | 0x3);
	assert_int_equal(get_le64(mem(b, st->gdt.base + 0x10, 8)), 0x00af9b000000ffff);
	/* Every address below 4 GiB maps to itself. */
	for (u64 a = 0; a < GIB(4); a += MIB(2)) {
		pdpt = get_le64(mem(b, (pml4 & PAGE_MASK) + 8 * (a >> 30), 8));
		assert_int_equal(get_le64(mem(b, (pdpt & PAGE_MASK) + 8 * (a >> 21 & 511), 8)),
				 a | 0x83);
	}
}

static void check_flat32(struct box *b, u32 entry)
{
	const struct x86_state *st = &rec.state[0];

	(void)b;
	assert_int_equal(st->cr0 & (CR0_PE | CR0_PG), CR0_PE);
	assert_int_equal(st->cr4, 0);
	assert_int_equal(st->efer, 0);
	assert_int_equal(st->rflags, 2);
	assert_int_equal(st->rip, entry);
	check_segment(st, SEG_CS, SA_G | SA_DB | SA_P | SA_S | 0xb);
	check_segment(st, SEG_DS, SA_G | SA_DB | SA_P | SA_S | 0x3);
	check_segment(st, SEG_ES, SA_G | SA_DB | SA_P | SA_S | 0x3);
}

static void check_code(struct box *b, u64 addr, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(*mem(b, addr + i, 1), 0x90);
}

static void use_initrd(struct box *b)
{
	b->config.initrd = (struct blob){ "rd.gz", initrd, sizeof initrd };
}

/* RAM below and above the hole, the hole's parts, APICs, PCI configuration space. */
#define MAP_ENTRIES 7

/* An entry is base, size, type; stride bytes apart. */
static void check_ecam_reserved(const u8 *map, unsigned stride)
{
	unsigned found = 0;

	for (unsigned n = 0; n < MAP_ENTRIES; n++)
		if (get_le64(map + n * stride) == 0xe0000000)
			found = get_le32(map + n * stride + 16);
	assert_int_equal(found, 2); /* reserved */
}

static void check_boot_params(struct box *b)
{
	const u8 *zp = mem(b, rec.state[0].gpr[REG_RSI], 4096);
	u64 rd = get_le32(zp + 0x218);

	assert_int_equal(get_le16(zp + 0x1fe), 0xaa55);
	assert_memory_equal(zp + 0x202, "HdrS", 4);
	assert_int_equal(zp[0x210], 0xff);
	assert_string_equal((const char *)mem(b, get_le32(zp + 0x228), 64), b->config.cmdline);
	assert_int_equal(get_le32(zp + 0x21c), sizeof initrd);
	assert_int_equal(rd, align_down(MIB(16) - sizeof initrd, 4096));
	assert_memory_equal(mem(b, rd, sizeof initrd), initrd, sizeof initrd);
	assert_memory_equal(mem(b, get_le64(zp + 0x70), 8), "RSD PTR ", 8);
	assert_int_equal(zp[0x1e8], MAP_ENTRIES);
	check_ecam_reserved(zp + 0x2d0, 20);
	/* First entry: conventional memory. Third: the rest. */
	assert_int_equal(get_le64(zp + 0x2d0), 0);
	assert_int_equal(get_le64(zp + 0x2d8), 0x9fc00);
	assert_int_equal(get_le32(zp + 0x2e0), 1);
	assert_int_equal(get_le64(zp + 0x2f8), MIB(1));
	assert_int_equal(get_le64(zp + 0x300), MIB(15));
}

static void test_bzimage(void **state)
{
	struct box *b = *state;
	size_t n = make_bzimage(file);

	use_initrd(b);
	load_ok(b, n);
	assert_int_equal(rec.state[0].rip, MIB(4) + 0x200);
	check_long_mode(b);
	check_boot_params(b);
	check_code(b, MIB(4), BZ_BYTES);
	assert_int_equal(get_le16(mem(b, rec.state[0].gpr[REG_RSI] + 0x206, 2)), 0x20f);
}

static void test_bzimage_initrd_limits(void **state)
{
	struct box *b = *state;
	size_t n = make_bzimage(file);
	const u8 *zp;

	use_initrd(b);
	put_le32(file + 0x22c, MIB(8) - 1);
	load_ok(b, n);
	zp = mem(b, rec.state[0].gpr[REG_RSI], 4096);
	assert_int_equal(get_le32(zp + 0x218), MIB(8) - 8192);
}

static void test_bzimage_bad(void **state)
{
	struct box *b = *state;
	size_t n = make_bzimage(file);

	for (size_t i = 0x208; i < n; i += 97)
		load_fails(b, i, "truncated");
	put_le16(file + 0x206, 0x20b);
	load_fails(b, n, "2.12");
	make_bzimage(file);
	put_le16(file + 0x236, 0);
	load_fails(b, n, "64-bit");
	make_bzimage(file);
	put_le64(file + 0x258, ~(u64)0xfff);
	load_fails(b, n, "impossible");
	put_le64(file + 0x258, 0x1000);
	load_fails(b, n, "impossible");
	put_le64(file + 0x258, MIB(15));
	load_fails(b, n, "needs memory up to 17 MiB");
	make_bzimage(file);
	put_le32(file + 0x260, 0xffffffff);
	load_fails(b, n, "needs memory");
	make_bzimage(file);
	put_le32(file + 0x1f4, 0xffffffff);
	load_fails(b, n, "truncated");
	put_le32(file + 0x1f4, 1);
	load_fails(b, n, "truncated");
	make_bzimage(file);
	file[0x1f1] = 255;
	load_fails(b, n, "truncated");
}

static void test_bzimage_initrd_bad(void **state)
{
	struct box *b = *state;
	size_t n = make_bzimage(file);

	use_initrd(b);
	put_le32(file + 0x22c, MIB(6) + 100);
	load_fails(b, n, "rd.gz");
	put_le32(file + 0x22c, 0);
	load_fails(b, n, "do not fit");
	make_bzimage(file);
	b->config.initrd.size = MIB(11);
	load_fails(b, n, "do not fit");
	b->config.initrd.size = ~(u64)0;
	load_fails(b, n, "do not fit");
	b->config.initrd = (struct blob){ "rd.gz", NULL, 0 };
	load_fails(b, n, "empty");
}

static void test_cmdline(void **state)
{
	struct box *b = *state;
	char line[8193];
	size_t n = make_bzimage(file);

	memset(line, 'x', sizeof line);
	line[256] = 0;
	b->config.cmdline = line;
	load_fails(b, n, "command line");
	line[255] = 0;
	load_ok(b, n);
	machine_destroy(b->m);
	b->m = NULL;
	vm_fini(&b->vm);
	assert_int_equal(vm_init(&b->vm, "test", &rec_engine, &b->err), 0);
	put_le32(file + 0x238, 0xffffffff);
	line[255] = 'x';
	line[256] = 'x';
	line[8192] = 0;
	load_ok(b, n);
}

static void test_vmlinux(void **state)
{
	struct box *b = *state;
	size_t n = make_elf64(file, MIB(2));

	use_initrd(b);
	load_ok(b, n);
	assert_int_equal(rec.state[0].rip, MIB(2) + 16);
	check_long_mode(b);
	check_boot_params(b);
	check_code(b, MIB(2), 256);
}

static void test_vmlinux_bad(void **state)
{
	struct box *b = *state;
	size_t n = make_elf64(file, MIB(2));

	for (size_t i = 5; i < ELF_CODE + 256; i += 61)
		load_fails(b, i, "truncated");
	put_le64(file + 24, MIB(1));
	load_fails(b, n, "entry");
	make_elf64(file, MIB(16) - 4096);
	load_fails(b, n, "does not fit");
	make_elf64(file, 0xa0000);
	load_fails(b, n, "does not fit");
	make_elf64(file, 0x8f000);
	load_fails(b, n, "does not fit");
	make_elf64(file, ~(u64)0 - 100);
	load_fails(b, n, "does not fit");
	make_elf64(file, MIB(2));
	put_le64(file + 64 + 8, ~(u64)0 - 10);
	load_fails(b, n, "truncated");
	make_elf64(file, MIB(2));
	put_le64(file + 64 + 32, 9000);
	load_fails(b, n, "more bytes than memory");
	make_elf64(file, MIB(2));
	put_le64(file + 32, ~(u64)0 - 55);
	load_fails(b, n, "truncated");
	make_elf64(file, MIB(2));
	put_le16(file + 54, 8);
	load_fails(b, n, "program headers");
	make_elf64(file, MIB(2));
	put_le16(file + 56, 0xffff);
	load_fails(b, n, "program headers");
	make_elf64(file, MIB(2));
	put_le16(file + 18, 183);
	load_fails(b, n, "machine 183");
	make_elf64(file, MIB(2));
	put_le32(file + 64, 4);
	load_fails(b, n, "entry");
}

static void test_pvh(void **state)
{
	struct box *b = *state;
	size_t n = make_pvh(file, MIB(1));
	const u8 *info, *mod, *map;

	use_initrd(b);
	load_ok(b, n);
	check_flat32(b, (u32)MIB(1) + 32);
	check_code(b, MIB(1), 256);
	assert_int_equal(rec.state[0].seg[SEG_TR].limit, 0x67);
	info = mem(b, rec.state[0].gpr[REG_RBX], 56);
	assert_int_equal(get_le32(info), 0x336ec578);
	assert_int_equal(get_le32(info + 4), 1);
	assert_int_equal(get_le32(info + 12), 1);
	mod = mem(b, get_le64(info + 16), 32);
	assert_int_equal(get_le64(mod + 8), sizeof initrd);
	assert_memory_equal(mem(b, get_le64(mod), sizeof initrd), initrd, sizeof initrd);
	assert_string_equal((const char *)mem(b, get_le64(info + 24), 64), b->config.cmdline);
	assert_memory_equal(mem(b, get_le64(info + 32), 8), "RSD PTR ", 8);
	assert_int_equal(get_le32(info + 48), MAP_ENTRIES);
	map = mem(b, get_le64(info + 40), MAP_ENTRIES * 24);
	check_ecam_reserved(map, 24);
	assert_int_equal(get_le64(map + 8), 0x9fc00);
	assert_int_equal(get_le32(map + 16), 1);
	assert_int_equal(get_le64(map + 48), MIB(1));
	assert_int_equal(get_le64(map + 56), MIB(15));
}

static void test_pvh_bad_notes(void **state)
{
	struct box *b = *state;
	size_t n = make_pvh(file, MIB(1));

	/* A note that claims to be longer than its segment ends the search: the
	 * file is then a plain ELF64. */
	put_le32(file + 512 + 4, 0xffffffff);
	load_ok(b, n);
	assert_int_equal(rec.state[0].rip, MIB(1) + 16);
	check_long_mode(b);
}

static void test_pvh_bad_entry(void **state)
{
	struct box *b = *state;
	size_t n = make_pvh(file, MIB(1));

	put_le64(file + 512 + 24 + 16, 0x100000000);
	load_fails(b, n, "entry");
	make_pvh(file, MIB(1));
	put_le64(file + 64 + 56 + 8, ~(u64)0); /* the notes' offset */
	load_ok(b, n);
}

static void check_multiboot_info(struct box *b, u64 module)
{
	const struct x86_state *st = &rec.state[0];
	const u8 *info = mem(b, st->gpr[REG_RBX], 120), *mod, *map;
	u32 left;
	bool high = false;

	assert_int_equal(st->gpr[REG_RAX], 0x2badb002);
	assert_int_equal(get_le32(info), 0x24d);
	assert_int_equal(get_le32(info + 4), 639);
	assert_int_equal(get_le32(info + 8), 15 * 1024);
	assert_string_equal((const char *)mem(b, get_le32(info + 16), 64),
			    "k.bin console=ttyS0 quiet");
	assert_int_equal(get_le32(info + 20), module ? 1 : 0);
	if (module) {
		mod = mem(b, get_le32(info + 24), 16);
		assert_int_equal(get_le32(mod), module);
		assert_int_equal(get_le32(mod + 4), module + sizeof initrd);
		assert_string_equal((const char *)mem(b, get_le32(mod + 8), 8), "initrd");
		assert_memory_equal(mem(b, module, sizeof initrd), initrd, sizeof initrd);
	}
	map = mem(b, get_le32(info + 48), get_le32(info + 44));
	for (left = get_le32(info + 44); left; left -= get_le32(map) + 4, map += get_le32(map) + 4)
		if (get_le64(map + 4) == MIB(1))
			high = get_le64(map + 12) == MIB(15) && get_le32(map + 20) == 1;
	assert_true(high);
	assert_string_equal((const char *)mem(b, get_le32(info + 64), 8), "Trivet");
}

static void test_multiboot(void **state)
{
	struct box *b = *state;
	size_t n = make_multiboot(file, MIB(4));

	use_initrd(b);
	load_ok(b, n);
	check_flat32(b, (u32)MIB(4) + 16);
	check_code(b, MIB(4) + 12, 200);
	check_multiboot_info(b, MIB(4) + 8192);
}

/* Real-mode test kernels are linked at 16 KiB. */
static void test_multiboot_low(void **state)
{
	struct box *b = *state;

	load_ok(b, make_multiboot(file, 0x4000));
	check_flat32(b, 0x4010);
	/* They use the interrupt table that firmware leaves at 0. */
	assert_int_equal(rec.state[0].idt.base, 0);
	assert_int_equal(rec.state[0].idt.limit, 0x3ff);
	check_multiboot_info(b, 0);
}

static void test_multiboot_flat(void **state)
{
	struct box *b = *state;

	use_initrd(b);
	load_ok(b, make_multiboot_flat(file, (u32)MIB(2)));
	check_flat32(b, (u32)MIB(2) + 128);
	check_code(b, MIB(2), 64);
	check_code(b, MIB(2) + 96, 1024 - 96);
	check_multiboot_info(b, MIB(2) + 4096);
}

static void test_multiboot_bad(void **state)
{
	struct box *b = *state;
	size_t n = make_multiboot(file, MIB(4));

	put_multiboot(file + ELF_CODE, 1u << 5);
	load_fails(b, n, "unknown features");
	make_elf64(file, MIB(2));
	put_multiboot(file + ELF_CODE, 3);
	load_fails(b, n, "ELF64");
	memset(file, 0, sizeof file);
	put_multiboot(file + 128, 3);
	load_fails(b, 4096, "no ELF");
	make_elf32(file, (u32)MIB(2));
	load_fails(b, n, "ELF32 with neither");
	/* A header that is not whole within 8 KiB is none. */
	make_elf32(file, (u32)MIB(2));
	put_le32(file + ELF_BYTES - 4, 0x1badb002);
	load_fails(b, n, "ELF32 with neither");
	make_multiboot(file, 0xfffff000);
	load_fails(b, n, "does not fit");
}

static void flat_fails(struct box *b, unsigned field, u32 value, const char *word)
{
	size_t n = make_multiboot_flat(file, (u32)MIB(2));

	put_le32(file + 64 + field, value);
	load_fails(b, n, word);
}

static void test_multiboot_flat_bad(void **state)
{
	struct box *b = *state;

	flat_fails(b, 12, 0, "load address");
	flat_fails(b, 12, (u32)MIB(2) + 65, "load address");
	flat_fails(b, 16, 0xffffffff, "load address");
	flat_fails(b, 20, (u32)MIB(2) + 1025, "load end");
	flat_fails(b, 20, 5, "load end");
	flat_fails(b, 24, (u32)MIB(2) + 1023, "bss end");
	flat_fails(b, 24, 0xffffffff, "do not fit");
	flat_fails(b, 28, (u32)MIB(2) - 1, "entry");
	flat_fails(b, 28, (u32)MIB(2) + 4096, "entry");
	make_multiboot_flat(file, (u32)MIB(2));
	load_fails(b, 80, "not a kernel");
}

static void test_garbage(void **state)
{
	struct box *b = *state;

	load_fails(b, 0, "empty");
	memset(file, 0, sizeof file);
	load_fails(b, 1, "not a kernel");
	load_fails(b, sizeof file, "dir/k.bin: not a kernel; expected a bzImage");
	for (size_t i = 0; i < sizeof file; i++)
		file[i] = (u8)(i * 167 + (i >> 3));
	load_fails(b, sizeof file, "not a kernel");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_bzimage),
		T(test_bzimage_initrd_limits),
		T(test_bzimage_bad),
		T(test_bzimage_initrd_bad),
		T(test_cmdline),
		T(test_vmlinux),
		T(test_vmlinux_bad),
		T(test_pvh),
		T(test_pvh_bad_notes),
		T(test_pvh_bad_entry),
		T(test_multiboot),
		T(test_multiboot_low),
		T(test_multiboot_flat),
		T(test_multiboot_bad),
		T(test_multiboot_flat_bad),
		T(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
