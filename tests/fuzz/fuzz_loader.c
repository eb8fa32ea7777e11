/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile kernels and initrds: whatever the bytes, they are loaded or refused
 * with a message, and nothing else happens. The first byte chooses what the rest
 * is: a kernel as it stands, or patches over a good one of each kind.
 */
#include <stdlib.h>

#include "../../src/machine/boot.h"
#include "../unit/machine_fixture.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

enum { KINDS = 6, MAX_PATCHES = 32 };

static size_t make_kind(unsigned kind, u8 *buf)
{
	switch (kind) {
	case 0: return make_bzimage(buf);
	case 1: return make_elf64(buf, MIB(2));
	case 2: return make_pvh(buf, MIB(1));
	case 3: return make_multiboot(buf, MIB(4));
	default: return make_multiboot_flat(buf, MIB(2));
	}
}

/* Four bytes each: two of offset, mask, value; what follows is the initrd. */
static size_t patch(u8 *buf, size_t n, const u8 *data, size_t size)
{
	size_t at = 0;

	for (unsigned i = 0; i < MAX_PATCHES && at + 4 <= size; i++, at += 4) {
		size_t where = get_le16(data + at) % n;

		buf[where] = (u8)((buf[where] & data[at + 2]) ^ data[at + 3]);
	}
	return at;
}

/* One machine for the whole run: each input is loaded into it anew. */
static struct machine *the_machine(void)
{
	static struct vm vm __attribute__((aligned(64)));
	static struct machine *m;
	static u8 good[ELF_BYTES];
	struct machine_config config = {
		.name = "fuzz",
		.memory = MIB(16),
		.cpus = 1,
		.cpu_model = "baseline",
		.kernel = { "kernel", good, make_bzimage(good) },
		.cmdline = "a b",
	};

	if (!m && (vm_init(&vm, "fuzz", &rec_engine, NULL) ||
		   machine_create(&vm, &config, &m, NULL)))
		abort();
	return m;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static u8 base[ELF_BYTES];
	struct machine *m = the_machine();
	struct error err = { .msg = "" };
	struct x86_state st;
	size_t n, used = size - 1;
	u8 *kernel;

	if (size < 2)
		return 0;
	if (data[0] % KINDS == KINDS - 1) {
		n = used;
		kernel = malloc(n);
		memcpy(kernel, data + 1, n);
	} else {
		n = make_kind(data[0] % KINDS, base);
		used = patch(base, n, data + 1, size - 1);
		if (data[0] & 0x80) /* cut short */
			n = n * data[1] / 256 + 1;
		kernel = malloc(n);
		memcpy(kernel, base, n);
	}
	m->config.kernel = (struct blob){ "kernel", kernel, n };
	m->config.initrd = (struct blob){ "initrd", data + 1 + used, size - 1 - used };
	arch_state_reset(&st, m->vm, 0, false);
	if (boot_load(m, &st, &err) && err.msg[0] == 0)
		abort(); /* refused without a word */
	free(kernel);
	return 0;
}
