/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of forms: every opcode of the decoder's maps in every operand shape,
 * less what user mode cannot run or what does not give the same answer twice.
 */
#include "native.h"

#include "../../src/arch/x86/decode_tables.h"

/* Privileged, port I/O, segment loads, interrupts. */
static bool excluded_one_byte(const struct native_form *f)
{
	if (f->mode == X86_MODE_64 && (f->op & 0xf0) == 0x40)
		return true; /* REX */
	switch (f->op) {
	case 0x06: case 0x07: case 0x0e: case 0x16: case 0x17: case 0x1e: case 0x1f:
	case 0x0f: case 0x26: case 0x2e: case 0x36: case 0x3e:
	case 0x64 ... 0x67: case 0xf0: case 0xf2: case 0xf3: /* prefixes */
	case 0x6c ... 0x6f: case 0xe4 ... 0xe7: case 0xec ... 0xef:
	case 0x8e: case 0xc4: case 0xc5: case 0x9a: case 0xea: case 0xcc ... 0xce:
	case 0xf1: case 0xf4: case 0xfa: case 0xfb:
		return true;
	case 0x8c: /* the selectors of FS and GS are the host's */
		return f->digit >= 4 || f->mode != X86_MODE_64;
	case 0xca: case 0xcb: case 0xcf:
		return f->prefix || f->mode != X86_MODE_64;
	case 0x63: /* MOVSXD r16: memory of 16 bits (SDM), or 32 on AMD */
		return f->mem && f->prefix && !f->w && f->mode == X86_MODE_64;
	case 0xff: /* far, through memory; AMD has no 64-bit offsets there */
		return (f->digit == 3 || f->digit == 5) &&
		       (!f->mem || f->prefix || f->w || f->mode != X86_MODE_64);
	default:
		return false;
	}
}

static bool excluded_0f(const struct native_form *f)
{
	switch (f->op) {
	case 0x00: /* VERR, VERW */
		return (f->digit & 6) != 4;
	case 0x01: case 0x05 ... 0x09: case 0x20 ... 0x23: case 0x30 ... 0x35:
	case 0x78: case 0x79: case 0xa0 ... 0xa2: case 0xa8 ... 0xaa:
	case 0xb2: case 0xb4: case 0xb5:
		return true;
	case 0x0d: /* PREFETCHW of a register: #UD or NOP by vendor */
		return !f->mem;
	case 0xae: /* XSAVE (its image depends on XCR0), FS and GS base */
		if (!f->mem)
			return f->prefix == 0xf3;
		return f->prefix == 0 && f->digit >= 4 && f->digit <= 6;
	case 0xc7: /* only CMPXCHG8B and 16B */
		return !f->mem || f->digit != 1;
	default:
		return false;
	}
}

static bool excluded(const struct native_form *f)
{
	switch (f->map) {
	case X86_MAP_1: return excluded_one_byte(f);
	case X86_MAP_0F: return excluded_0f(f);
	case X86_MAP_0F38: return f->op >= 0x80 && f->op <= 0x82 && !f->vex;
	default: return false;
	}
}

/* Does F2 or F3 mean something here? */
static bool takes_rep(const struct native_form *f, u32 entry)
{
	if (PFX(entry))
		return true;
	if (f->map == X86_MAP_1)
		return (f->op >= 0xa4 && f->op <= 0xa7) || (f->op >= 0xaa && f->op <= 0xaf) ||
		       f->op == 0x90;
	return f->op == 0xbc || f->op == 0xbd || f->op == 0xae || f->op == 0x1e;
}

static bool is_branch(u32 entry, const struct native_form *f)
{
	return (entry & ENT_IMM) == JB || (entry & ENT_IMM) == JZ ||
	       (f->map == X86_MAP_1 && (f->op == 0xc2 || f->op == 0xc3 ||
		(f->op == 0xff && (f->digit == 2 || f->digit == 4))));
}

static bool vex_form(const struct native_form *f)
{
	if (f->map == X86_MAP_0F3A)
		return f->op == 0xf0;
	return f->map == X86_MAP_0F38 && f->op >= 0xf2 && f->op <= 0xf7 && f->op != 0xf4;
}

static bool form_exists(struct native_form *f, unsigned digit)
{
	u32 entry = decode_map[f->map][f->op];
	bool group = GROUP(entry) != GRP_NONE && GROUP(entry) != GRP_X87;

	if (f->vex) {
		group = f->map == X86_MAP_0F38 && f->op == 0xf3;
		entry = vex_form(f) ? M : 0;
	}
	f->digit = group || (GROUP(entry) == GRP_X87 && f->mem) ? (u8)digit : 0xff;
	if (f->digit == 0xff && digit && !(GROUP(entry) == GRP_X87 && !f->mem))
		return false;
	if (!entry || excluded(f))
		return false;
	if ((f->w && f->mode != X86_MODE_64) || (!(entry & M) && f->mem))
		return false;
	if (f->prefix >= 0xf2 && !f->vex && !takes_rep(f, entry))
		return false;
	return !(f->prefix && !f->vex && is_branch(entry, f));
}

/*
 * Does the processor read a descriptor table for it? A host that is itself a
 * paravirtual guest may not let user mode do so.
 */
bool form_reads_tables(const struct native_form *f)
{
	if (f->mode != X86_MODE_64)
		return true;
	if (f->map == X86_MAP_0F)
		return f->op == 0x00 || f->op == 0x02 || f->op == 0x03;
	return f->map == X86_MAP_1 && (f->op == 0xca || f->op == 0xcb || f->op == 0xcf ||
		(f->op == 0xff && (f->digit == 3 || f->digit == 5)));
}

/* n counts through mode, VEX, prefix, W, operand kind, ModRM digit, opcode, map;
 * for x87 registers the digit's loop is over the eight rows of ModRM. */
bool form_get(unsigned n, struct native_form *f, bool *used)
{
	static const u8 prefixes[4] = { 0, 0x66, 0xf3, 0xf2 };
	unsigned digit = n & 7, low = (n >> 8) & 7;

	*f = (struct native_form){
		.mem = (n >> 3) & 1, .w = (n >> 4) & 1, .prefix = prefixes[(n >> 5) & 3],
		.vex = (n >> 7) & 1, .op = (u8)(n >> 11), .map = (n >> 19) & 3,
		.mode = (n >> 21) & 1 ? X86_MODE_32 : X86_MODE_64,
	};
	f->modrm = (u8)(0xc0 | digit << 3 | low);
	*used = form_exists(f, digit);
	if (low && !(f->map == X86_MAP_1 && (f->op & 0xf8) == 0xd8 && !f->mem))
		*used = false;
	return n < 1u << 22;
}
