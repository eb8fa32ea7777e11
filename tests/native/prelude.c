/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions before the one under test. Flags are kept in a lazy form that
 * depends on what produced them; so they come from every kind of producer, not
 * only from a loaded RFLAGS image. All leave every status flag defined.
 */
#include "native.h"

#include <stdlib.h>

enum { SPARE_MIN = REG_R8 };

/* A register of R8..R15 that the instruction does not name; 0: none. */
static unsigned spare_register(const struct native_case *t)
{
	const struct x86_insn *i = &t->insn;
	unsigned first = native_random() & 7;

	for (unsigned n = 0; n < 8; n++) {
		unsigned r = SPARE_MIN + ((first + n) & 7);

		if (r != i->base && r != i->index && r != i->reg && r != i->rm && r != i->vvvv)
			return r;
	}
	return 0;
}

static void put(struct native_case *t, unsigned byte)
{
	t->prelude[t->prelude_len++] = (u8)byte;
}

/* op with the spare register as ModRM.rm; reg is a register or a digit. */
static void put_modrm(struct native_case *t, unsigned op, unsigned spare, unsigned reg)
{
	if ((native_random() & 3) == 0)
		put(t, 0x66);
	put(t, 0x41 | (native_random() & 1 ? 8 : 0) | (reg & 8 ? 4 : 0));
	if (op >> 8)
		put(t, 0x0f);
	put(t, op & 0xff);
	put(t, 0xc0 | (reg & 7) << 3 | (spare & 7));
}

static void put_one(struct native_case *t, unsigned spare)
{
	/* ADD ADC SBB SUB CMP XADD; then INC DEC NEG by digit; then no operand */
	static const u16 binary[] = { 0x00, 0x01, 0x10, 0x11, 0x18, 0x19, 0x28, 0x29,
				      0x38, 0x39, 0x1c0, 0x1c1 };
	static const u16 unary[][2] = { { 0xfe, 0 }, { 0xff, 0 }, { 0xfe, 1 }, { 0xff, 1 },
					{ 0xf6, 3 }, { 0xf7, 3 } };
	static const u8 bare[] = { 0xf5, 0xf8, 0xf9, 0x9e }; /* CMC CLC STC SAHF */
	unsigned n = native_random() & 15, other = native_random() & 15;

	if (n < 2 || !spare) {
		put(t, bare[native_random() % ARRAY_SIZE(bare)]);
	} else if (n < 7) {
		n = native_random() % ARRAY_SIZE(unary);
		put_modrm(t, unary[n][0], spare, unary[n][1]);
	} else {
		n = native_random() % ARRAY_SIZE(binary);
		if (binary[n] >> 8) /* XADD writes both */
			other = spare;
		put_modrm(t, binary[n], spare, other);
	}
}

void prelude_build(struct native_case *t)
{
	unsigned count = t->mode == X86_MODE_64 ? native_random() % (PRELUDE_MAX + 1) : 0;
	unsigned spare = spare_register(t), at = 0;

	t->prelude_len = 0;
	t->prelude_count = count;
	for (unsigned n = 0; n < count; n++)
		put_one(t, spare);
	for (unsigned n = 0; n < count; n++) {
		struct x86_insn *i = &t->prelude_insn[n];

		if (x86_decode(i, t->prelude + at, t->prelude_len - at, t->mode))
			abort();
		x86_bind(i, t->mode);
		at += i->len;
	}
}
