/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction decoder. SDM vol. 2A chapter 2; maps in decode_tables.c. */
#include "decode_tables.h"

#include <trivet/error.h>
#include <trivet/string.h>

#define MAX_LEN 15

struct decoder {
	struct x86_insn *insn;
	const u8 *code;
	size_t avail;
	unsigned mode;
	unsigned pos;
	u32 entry;
	u8 rex;	       /* low four bits W R X B, from REX or VEX */
	u8 seg;	       /* override, or SEG_COUNT */
	bool lock;
	bool addr_prefix;
	u8 opcode;
	u8 map;
};

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

/* Little-endian, size 1, 2, 4 or 8; zero-extended. */
static int take(struct decoder *d, unsigned size, u64 *value)
{
	u64 v = 0;

	for (unsigned n = 0; n < size; n++) {
		if (d->pos >= MAX_LEN)
			return -E2BIG;
		if (d->pos >= d->avail)
			return -EAGAIN;
		v |= (u64)d->code[d->pos++] << (8 * n);
	}
	*value = v;
	return 0;
}

static int take_byte(struct decoder *d, u8 *b)
{
	u64 v = 0;
	int r = take(d, 1, &v);

	*b = (u8)v;
	return r;
}

static int take_signed(struct decoder *d, unsigned size, u64 *value)
{
	int r = take(d, size, value);

	if (!r)
		*value = bits_sign_extend(*value, size * 8);
	return r;
}

/* True when b is a legacy prefix. CS, DS, ES, SS do nothing in 64-bit mode. */
static bool legacy_prefix(struct decoder *d, u8 b)
{
	struct x86_insn *i = d->insn;

	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		if (d->mode != X86_MODE_64)
			d->seg = (u8)(SEG_ES + ((b >> 3) & 3));
		return true;
	case 0x64:
	case 0x65:
		d->seg = b == 0x64 ? SEG_FS : SEG_GS;
		return true;
	case 0x66:
		i->flags |= X86_I_OPSIZE;
		return true;
	case 0x67:
		d->addr_prefix = true;
		return true;
	case 0xf0:
		d->lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		i->flags &= (u8)~(X86_I_REP | X86_I_REPNE);
		i->flags |= b == 0xf3 ? X86_I_REP : X86_I_REPNE;
		return true;
	default:
		return false;
	}
}

/* Prefixes; *b is then the first opcode byte. A REX counts only right there. */
static int decode_prefixes(struct decoder *d, u8 *b)
{
	int r;

	for (;;) {
		r = take_byte(d, b);
		if (r)
			return r;
		if (legacy_prefix(d, *b)) {
			d->rex = 0;
			d->insn->flags &= (u8)~X86_I_REX;
		} else if (d->mode == X86_MODE_64 && (*b & 0xf0) == 0x40) {
			d->rex = *b & 0xf;
			d->insn->flags |= X86_I_REX;
		} else {
			return 0;
		}
	}
}

/* The VEX instructions known: BMI1 and BMI2 on general registers. */
static bool vex_known(const struct decoder *d, unsigned pp, unsigned reg)
{
	switch (X86_KEY(d->map, d->opcode)) {
	case X86_KEY(X86_MAP_0F38, 0xf2): return pp == 0; /* ANDN */
	case X86_KEY(X86_MAP_0F38, 0xf3): /* BLSR, BLSMSK, BLSI */
		return pp == 0 && reg >= 1 && reg <= 3;
	case X86_KEY(X86_MAP_0F38, 0xf5): return pp != 1; /* BZHI PEXT PDEP */
	case X86_KEY(X86_MAP_0F38, 0xf6): return pp == 3; /* MULX */
	case X86_KEY(X86_MAP_0F38, 0xf7): return true; /* BEXTR, shifts */
	case X86_KEY(X86_MAP_0F3A, 0xf0): /* RORX */
		return pp == 3 && d->insn->vvvv == 0;
	default: return false;
	}
}

/* C4 or C5 was the first byte and VEX it is. SDM vol. 2A 2.3. */
static int decode_vex(struct decoder *d, u8 first)
{
	static const u8 pp_flags[4] = { 0, X86_I_OPSIZE, X86_I_REP, X86_I_REPNE };
	struct x86_insn *i = d->insn;
	u8 p1, p2, next;
	int r;

	if (d->lock || (i->flags & (X86_I_REX | X86_I_OPSIZE | X86_I_REP | X86_I_REPNE)))
		return -EINVAL;
	if (first == 0xc5)
		return -EINVAL; /* map 0F: vectors only */
	if ((r = take_byte(d, &p1)) || (r = take_byte(d, &p2)) ||
	    (r = take_byte(d, &d->opcode)))
		return r;
	d->map = (p1 & 0x1f) == 2 ? X86_MAP_0F38 : X86_MAP_0F3A;
	d->rex = (u8)((~p1 >> 5) & 7);
	if (p2 & 0x80)
		d->rex |= REX_W;
	i->vvvv = (~p2 >> 3) & 0xf;
	i->vex_lw = (u8)((p2 >> 2) & 1) | (u8)((p2 >> 7) << 1);
	if (d->mode != X86_MODE_64) {
		d->rex = 0; /* W too is ignored */
		i->vex_lw &= 1;
	}
	if ((p1 & 0x1f) < 2 || (p1 & 0x1f) > 3 || (i->vex_lw & 1))
		return -EINVAL;
	if (d->pos >= MAX_LEN)
		return -E2BIG;
	if (d->pos >= d->avail)
		return -EAGAIN;
	next = d->code[d->pos];
	if (!vex_known(d, p2 & 3, (next >> 3) & 7))
		return -EINVAL;
	if (d->mode != X86_MODE_64)
		i->vvvv &= 7;
	i->flags |= (u8)(X86_I_VEX | pp_flags[p2 & 3]);
	d->entry = M | NOSIZE | V | (d->map == X86_MAP_0F3A ? IB : 0u);
	return 0;
}

/* Outside 64-bit mode C4, C5 are LES, LDS when a memory ModRM follows. */
static int is_vex(struct decoder *d, u8 b, bool *vex)
{
	*vex = false;
	if (b != 0xc4 && b != 0xc5)
		return 0;
	if (d->pos >= MAX_LEN)
		return -E2BIG;
	if (d->pos >= d->avail)
		return -EAGAIN;
	*vex = d->mode == X86_MODE_64 || d->code[d->pos] >= 0xc0;
	return 0;
}

static int decode_opcode(struct decoder *d)
{
	bool vex;
	u8 b;
	int r;

	r = decode_prefixes(d, &b);
	if (r)
		return r;
	r = is_vex(d, b, &vex);
	if (r)
		return r;
	if (vex)
		return decode_vex(d, b);
	d->map = X86_MAP_1;
	if (b == 0x0f) {
		d->map = X86_MAP_0F;
		r = take_byte(d, &b);
		if (!r && (b == 0x38 || b == 0x3a)) {
			d->map = b == 0x38 ? X86_MAP_0F38 : X86_MAP_0F3A;
			r = take_byte(d, &b);
		}
		if (r)
			return r;
	}
	d->opcode = b;
	d->entry = decode_map[d->map][b];
	if (!d->entry || ((d->entry & I64) && d->mode == X86_MODE_64))
		return -EINVAL;
	return 0;
}

/* 16-bit addressing, SDM vol. 2A table 2-1. */
static int decode_mem16(struct decoder *d, unsigned mod, unsigned rm)
{
	static const u8 base[8] = { REG_RBX, REG_RBX, REG_RBP, REG_RBP,
				    REG_RSI, REG_RDI, REG_RBP, REG_RBX };
	static const u8 index[8] = { REG_RSI, REG_RDI, REG_RSI, REG_RDI,
				     REG_ZERO, REG_ZERO, REG_ZERO, REG_ZERO };
	struct x86_insn *i = d->insn;
	u64 disp = 0;
	int r = 0;

	i->base = base[rm];
	i->index = index[rm];
	if (mod == 0 && rm == 6) {
		i->base = REG_ZERO;
		mod = 2;
	}
	if (mod)
		r = take_signed(d, mod, &disp);
	i->disp = (s32)disp;
	return r;
}

static int decode_sib(struct decoder *d, unsigned *mod)
{
	struct x86_insn *i = d->insn;
	u8 sib;
	int r = take_byte(d, &sib);

	if (r)
		return r;
	i->scale = sib >> 6;
	i->index = (u8)(((sib >> 3) & 7) | (d->rex & REX_X ? 8 : 0));
	if (i->index == REG_RSP) {
		i->index = REG_ZERO;
		i->scale = 0;
	}
	i->base = (u8)((sib & 7) | (d->rex & REX_B ? 8 : 0));
	if ((sib & 7) == 5 && *mod == 0) {
		i->base = REG_ZERO;
		*mod = 2;
	}
	return 0;
}

/* 32- and 64-bit addressing, SDM vol. 2A tables 2-2 and 2-3. */
static int decode_mem32(struct decoder *d, unsigned mod, unsigned rm)
{
	struct x86_insn *i = d->insn;
	u64 disp = 0;
	int r = 0;

	if (rm == 4) {
		r = decode_sib(d, &mod);
		if (r)
			return r;
	} else if (rm == 5 && mod == 0) {
		i->rip_rel = d->mode == X86_MODE_64;
		mod = 2;
	} else {
		i->base = (u8)(rm | (d->rex & REX_B ? 8 : 0));
	}
	if (mod)
		r = take_signed(d, mod == 1 ? 1 : 4, &disp);
	i->disp = (s32)disp;
	return r;
}

static int decode_modrm(struct decoder *d)
{
	struct x86_insn *i = d->insn;
	unsigned mod, rm;
	int r = take_byte(d, &i->modrm);

	if (r)
		return r;
	mod = i->modrm >> 6;
	rm = i->modrm & 7;
	i->reg = (u8)(((i->modrm >> 3) & 7) | (d->rex & REX_R ? 8 : 0));
	i->rm = (u8)(rm | (d->rex & REX_B ? 8 : 0));
	if (mod == 3 || GROUP(d->entry) == GRP_CR || GROUP(d->entry) == GRP_DR)
		return 0;
	i->flags |= X86_I_MEM;
	r = i->addrsize == 2 ? decode_mem16(d, mod, rm) : decode_mem32(d, mod, rm);
	if (d->seg == SEG_COUNT && (i->base == REG_RSP || i->base == REG_RBP))
		i->seg = SEG_SS;
	return r;
}

/* The prefix that selects, as an index into the NP, 66, F3, F2 bits. */
static unsigned selecting_prefix(const struct x86_insn *i)
{
	if (i->flags & X86_I_REPNE)
		return 3;
	if (i->flags & X86_I_REP)
		return 2;
	return i->flags & X86_I_OPSIZE ? 1 : 0;
}

/* 0F 01: SGDT and its neighbours; register forms have the ModRM byte as opcode. */
static bool group7_valid(const struct decoder *d)
{
	const struct x86_insn *i = d->insn;
	bool np = selecting_prefix(i) == 0;
	unsigned reg = i->reg & 7;

	if (i->flags & X86_I_MEM)
		return true;
	switch (i->modrm) {
	case 0xc1 ... 0xc4: /* VMCALL.. VMXOFF */
	case 0xc8 ... 0xcb: /* MONITOR, MWAIT, CLAC, STAC */
	case 0xd0 ... 0xd1: /* XGETBV, XSETBV */
	case 0xd4:	    /* VMFUNC */
		return np;
	case 0xd8 ... 0xdf: /* VMRUN .. INVLPGA */
	case 0xf9:	    /* RDTSCP */
		return true;
	case 0xf8: /* SWAPGS */
		return d->mode == X86_MODE_64;
	default:
		return reg == 4 || reg == 6; /* SMSW, LMSW */
	}
}

/* 0F C7: CMPXCHG8B, XSAVEC and so on, RDRAND, RDSEED, RDPID. */
static bool group9_valid(const struct decoder *d)
{
	const struct x86_insn *i = d->insn;
	unsigned p = selecting_prefix(i), reg = i->reg & 7;

	if (i->flags & X86_I_MEM) {
		if (reg == 1)
			return true;
		return p == 0 || (reg == 6 && p < 3);
	}
	return p <= 1 || (reg == 7 && p == 2);
}

/* 0F AE: FXSAVE, XSAVE, fences, FS and GS base. */
static bool group15_valid(const struct decoder *d)
{
	const struct x86_insn *i = d->insn;
	unsigned p = selecting_prefix(i), reg = i->reg & 7;

	if (i->flags & X86_I_MEM)
		return p == 0 || (p == 1 && reg >= 6);
	if (reg < 4)
		return p == 2 && d->mode == X86_MODE_64;
	return p == 0 && reg > 4;
}

static bool x87_valid(const struct decoder *d)
{
	const struct x86_insn *i = d->insn;
	unsigned n = d->opcode & 7;

	if (i->flags & X86_I_MEM)
		return (decode_x87_mem[n] >> (i->reg & 7)) & 1;
	return (decode_x87_reg[n] >> (i->modrm & 0x3f)) & 1;
}

static bool group_valid(const struct decoder *d)
{
	const struct x86_insn *i = d->insn;
	unsigned p = selecting_prefix(i);

	switch (GROUP(d->entry)) {
	case GRP_7: return group7_valid(d);
	case GRP_9: return group9_valid(d);
	case GRP_15: return group15_valid(d);
	case GRP_X87: return x87_valid(d);
	case GRP_CR: return i->reg <= 4 || i->reg == 8;
	case GRP_DR: return i->reg < 8;
	case GRP_14: /* PSRLDQ, PSLLDQ: XMM only */
		return (i->reg & 7) == 2 || (i->reg & 7) == 6 || p == 1;
	case GRP_MOVQ: /* MOVQ2DQ, MOVDQ2Q: registers only */
		return p == 1 || !(i->flags & X86_I_MEM);
	case GRP_CRC: /* MOVBE is memory only; CRC32 not */
		return p == 3 || (i->flags & X86_I_MEM);
	default: return true;
	}
}

/* Does this combination of prefixes, ModRM and LOCK exist? */
static bool encoding_valid(struct decoder *d)
{
	const struct decode_group *g = &decode_group[GROUP(d->entry)];
	struct x86_insn *i = d->insn;
	unsigned bit = 1u << (i->reg & 7), p = selecting_prefix(i);
	bool mem = i->flags & X86_I_MEM;

	if (PFX(d->entry) && !((PFX(d->entry) >> p) & 1))
		return false;
	if (d->entry & M) {
		if (!mem && ((d->entry & MO) || ((PFX_MEM(d->entry) >> p) & 1)))
			return false;
		if (mem && (d->entry & RO))
			return false;
		if (!((mem ? g->mem : g->reg) & bit) || !group_valid(d))
			return false;
		if (g->end & bit)
			i->flags |= X86_I_END;
	}
	if (d->lock) {
		if (!mem || !((d->entry & LK) || (g->lock & bit)))
			return false;
		i->flags |= X86_I_LOCK;
	}
	return true;
}

/* Forms whose operand size in 64-bit mode is not what the map entry says. */
static u32 size_rule(const struct decoder *d)
{
	const struct x86_insn *i = d->insn;
	unsigned reg = i->reg & 7;

	switch (GROUP(d->entry)) {
	case GRP_5:
		if (reg == 2 || reg == 4)
			return F64;
		return reg == 6 ? D64 : 0;
	case GRP_7:
		return (i->flags & X86_I_MEM) && reg < 4 ? F64 : 0;
	case GRP_9: /* RDPID */
		return reg == 7 && (i->flags & X86_I_REP) ? F64 : 0;
	default:
		return d->entry & (D64 | F64);
	}
}

static u8 operand_size(const struct decoder *d)
{
	bool prefix = d->insn->flags & X86_I_OPSIZE;
	u32 rule = size_rule(d);
	u8 size;

	if (GROUP(d->entry) == GRP_CR || GROUP(d->entry) == GRP_DR)
		return d->mode == X86_MODE_64 ? 8 : 4;
	if (d->entry & NOSIZE)
		size = d->rex & REX_W ? 8 : 4;
	else if (d->mode == X86_MODE_64 && ((rule & F64) || (d->rex & REX_W)))
		size = 8;
	else if (d->mode == X86_MODE_64 && (rule & D64))
		size = prefix ? 2 : 8;
	else
		size = (d->mode == X86_MODE_16) == prefix ? 4 : 2;
	if ((d->entry & F64) && d->mode == X86_MODE_64)
		size = 8;
	return (d->entry & NOW) && size == 8 ? 4 : size;
}

static u8 address_size(const struct decoder *d)
{
	if (d->mode == X86_MODE_64)
		return d->addr_prefix ? 4 : 8;
	return (d->mode == X86_MODE_16) == d->addr_prefix ? 4 : 2;
}

static int take_pair(struct decoder *d, unsigned first, unsigned second)
{
	u64 sel = 0;
	int r = take(d, first, &d->insn->imm);

	if (!r)
		r = take(d, second, &sel);
	d->insn->sel = (u16)sel;
	return r;
}

static int decode_imm(struct decoder *d)
{
	struct x86_insn *i = d->insn;
	unsigned z = i->opsize == 2 ? 2 : 4;

	switch (d->entry & ENT_IMM) {
	case IB: return take(d, 1, &i->imm);
	case JB:
	case IBS: return take_signed(d, 1, &i->imm);
	case IW: return take(d, 2, &i->imm);
	case JZ:
	case IZ: return take_signed(d, z, &i->imm);
	case IV: return take(d, i->opsize, &i->imm);
	case MOFFS: return take(d, i->addrsize, &i->imm);
	case AP: return take_pair(d, z, 2);
	case ENT: return take_pair(d, 2, 1);
	case G3B: return (i->reg & 7) < 2 ? take(d, 1, &i->imm) : 0;
	case G3Z: return (i->reg & 7) < 2 ? take_signed(d, z, &i->imm) : 0;
	default: return 0;
	}
}

/* c->gpr byte offset of byte register n: without REX 4..7 are AH..BH. */
static u8 byte_offset(const struct x86_insn *i, u8 n)
{
	if (n >= 4 && n < 8 && !(i->flags & X86_I_REX))
		return (u8)(8 * (n - 4) + 1);
	return (u8)(8 * n);
}

/* What needs the whole encoding: +r and byte register numbers, block ends. */
static void finish(struct decoder *d)
{
	struct x86_insn *i = d->insn;

	if (!(d->entry & M))
		i->rm = (u8)((d->opcode & 7) | (d->rex & REX_B ? 8 : 0));
	i->reg_b = byte_offset(i, i->reg);
	i->rm_b = byte_offset(i, i->rm);
	if (d->entry & END)
		i->flags |= X86_I_END;
	if (i->key == X86_KEY(X86_MAP_1, 0x90) && (i->flags & X86_I_REP) && !i->rm)
		i->flags |= X86_I_END; /* PAUSE */
}

static int decode(struct decoder *d)
{
	struct x86_insn *i = d->insn;
	int r = decode_opcode(d);

	if (r)
		return r;
	i->key = (u16)X86_KEY(d->map, d->opcode);
	i->addrsize = address_size(d);
	i->seg = d->seg == SEG_COUNT ? SEG_DS : d->seg;
	if (d->entry & M) {
		r = decode_modrm(d);
		if (r)
			return r;
	}
	if (GROUP(d->entry) == GRP_SREG_ST || GROUP(d->entry) == GRP_SREG_LD)
		i->reg &= 7; /* REX.R is ignored */
	i->opsize = operand_size(d);
	if (!encoding_valid(d))
		return -EINVAL;
	r = decode_imm(d);
	if (!r)
		finish(d);
	return r;
}

int x86_decode(struct x86_insn *insn, const u8 *code, size_t avail,
	       unsigned mode)
{
	struct decoder d = {
		.insn = insn, .code = code, .avail = avail, .mode = mode,
		.seg = SEG_COUNT,
	};
	int r;

	memset(insn, 0, sizeof *insn);
	insn->base = REG_ZERO;
	insn->index = REG_ZERO;
	r = decode(&d);
	insn->len = (u8)d.pos;
	return r;
}
