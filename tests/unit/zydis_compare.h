/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder against Zydis 4.0, an independent one: the unit test and the fuzz
 * target share this. Include it from one C file per program.
 */
#ifndef TESTS_ZYDIS_COMPARE_H
#define TESTS_ZYDIS_COMPARE_H

#include <Zydis/Zydis.h>
#include <arch/x86/insn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trivet/error.h>

struct zydis_stats {
	unsigned long compared; /* both decoded, everything equal */
	unsigned long rejected; /* both say it is not an instruction */
	unsigned long skipped;	/* outside the instruction set Trivet has */
};

struct zydis_oracle {
	ZydisDecoder decoder[3];
	struct zydis_stats stats;
	char why[160]; /* of the last disagreement */
};

static inline void zydis_oracle_init(struct zydis_oracle *o)
{
	static const ZydisMachineMode mode[3] = { ZYDIS_MACHINE_MODE_LEGACY_16,
		ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_MACHINE_MODE_LONG_64 };
	static const ZydisStackWidth width[3] = { ZYDIS_STACK_WIDTH_16,
		ZYDIS_STACK_WIDTH_32, ZYDIS_STACK_WIDTH_64 };

	memset(o, 0, sizeof *o);
	for (int n = 0; n < 3; n++) {
		ZydisDecoderInit(&o->decoder[n], mode[n], width[n]);
		/* without these extensions the encodings are NOPs */
		ZydisDecoderEnableMode(&o->decoder[n], ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
		ZydisDecoderEnableMode(&o->decoder[n], ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
		ZydisDecoderEnableMode(&o->decoder[n], ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
		ZydisDecoderEnableMode(&o->decoder[n], ZYDIS_DECODER_MODE_WBNOINVD, ZYAN_FALSE);
	}
}

/* The instruction sets the decoder promises; all others are not compared: AVX,
 * AVX-512, AMX, XOP, FMA, F16C, 3DNow!, TSX, CET, MPX, SHA, GFNI, VMX, SVM, SMX,
 * SGX, PKU, PadLock, WAITPKG, Key Locker, and single instructions of the kind. */
static inline bool zydis_in_set(ZydisISASet set)
{
	switch (set) {
	case ZYDIS_ISA_SET_ADOX_ADCX: case ZYDIS_ISA_SET_AES:
	case ZYDIS_ISA_SET_BMI1: case ZYDIS_ISA_SET_BMI2:
	case ZYDIS_ISA_SET_CLFLUSHOPT: case ZYDIS_ISA_SET_CLFSH:
	case ZYDIS_ISA_SET_CLWB: case ZYDIS_ISA_SET_CMOV:
	case ZYDIS_ISA_SET_CMPXCHG16B: case ZYDIS_ISA_SET_FAT_NOP:
	case ZYDIS_ISA_SET_FCMOV: case ZYDIS_ISA_SET_FXSAVE:
	case ZYDIS_ISA_SET_FXSAVE64: case ZYDIS_ISA_SET_I186:
	case ZYDIS_ISA_SET_I286PROTECTED: case ZYDIS_ISA_SET_I286REAL:
	case ZYDIS_ISA_SET_I386: case ZYDIS_ISA_SET_I486:
	case ZYDIS_ISA_SET_I486REAL: case ZYDIS_ISA_SET_I86:
	case ZYDIS_ISA_SET_INVPCID: case ZYDIS_ISA_SET_LAHF:
	case ZYDIS_ISA_SET_LONGMODE: case ZYDIS_ISA_SET_LZCNT:
	case ZYDIS_ISA_SET_MONITOR: case ZYDIS_ISA_SET_MOVBE:
	case ZYDIS_ISA_SET_PAUSE: case ZYDIS_ISA_SET_PCLMULQDQ:
	case ZYDIS_ISA_SET_PENTIUMMMX: case ZYDIS_ISA_SET_PENTIUMREAL:
	case ZYDIS_ISA_SET_POPCNT: case ZYDIS_ISA_SET_PPRO:
	case ZYDIS_ISA_SET_PREFETCH_NOP: case ZYDIS_ISA_SET_RDPID:
	case ZYDIS_ISA_SET_RDPMC: case ZYDIS_ISA_SET_RDRAND:
	case ZYDIS_ISA_SET_RDSEED: case ZYDIS_ISA_SET_RDTSCP:
	case ZYDIS_ISA_SET_RDWRFSGS: case ZYDIS_ISA_SET_SMAP:
	case ZYDIS_ISA_SET_SSE: case ZYDIS_ISA_SET_SSE2:
	case ZYDIS_ISA_SET_SSE2MMX: case ZYDIS_ISA_SET_SSE3:
	case ZYDIS_ISA_SET_SSE3X87: case ZYDIS_ISA_SET_SSE4:
	case ZYDIS_ISA_SET_SSE42: case ZYDIS_ISA_SET_SSEMXCSR:
	case ZYDIS_ISA_SET_SSE_PREFETCH: case ZYDIS_ISA_SET_SSSE3:
	case ZYDIS_ISA_SET_SSSE3MMX: case ZYDIS_ISA_SET_X87:
	case ZYDIS_ISA_SET_XSAVE: case ZYDIS_ISA_SET_XSAVEC:
	case ZYDIS_ISA_SET_XSAVEOPT: case ZYDIS_ISA_SET_XSAVES:
		return true;
	default:
		return false;
	}
}

#define ZC_FAIL(o, ...) (snprintf((o)->why, sizeof (o)->why, __VA_ARGS__), false)

/* A Zydis general register as number, byte registers as offset in the file. */
static inline bool zc_reg(struct zydis_oracle *o, ZydisRegister r, bool rm,
			  const struct x86_insn *i)
{
	ZydisRegisterClass cls = ZydisRegisterGetClass(r);
	int id = ZydisRegisterGetId(r);
	unsigned got = rm ? i->rm : i->reg;

	if (cls == ZYDIS_REGCLASS_GPR8) {
		int off = id < 4 ? 8 * id : id < 8 ? 8 * (id - 4) + 1 : 8 * (id - 4);

		got = rm ? i->rm_b : i->reg_b;
		if ((unsigned)off != got)
			return ZC_FAIL(o, "byte register %s: offset %u", ZydisRegisterGetString(r), got);
		return true;
	}
	if (cls == ZYDIS_REGCLASS_MMX || cls == ZYDIS_REGCLASS_X87)
		got &= 7; /* REX.R and REX.B are ignored */
	if ((unsigned)id != got)
		return ZC_FAIL(o, "register %s: %u", ZydisRegisterGetString(r), got);
	return true;
}

static inline u8 zc_id(ZydisRegister r)
{
	return r == ZYDIS_REGISTER_NONE ? REG_ZERO : (u8)ZydisRegisterGetId(r);
}

static inline bool zc_mem(struct zydis_oracle *o, const ZydisDecodedOperand *op,
			  const struct x86_insn *i)
{
	bool rip = op->mem.base == ZYDIS_REGISTER_RIP || op->mem.base == ZYDIS_REGISTER_EIP;
	/* With REX.B and 67, Zydis 4.0 takes mod 0 with SIB base 5 for R13D without
	 * displacement (of the right length): SDM vol. 2A table 2-5 */
	bool quirk = op->mem.base == ZYDIS_REGISTER_R13D && i->modrm < 0x40 &&
		     i->base == REG_ZERO;

	if (!(i->flags & X86_I_MEM))
		return ZC_FAIL(o, "memory operand not seen");
	if (rip != i->rip_rel)
		return ZC_FAIL(o, "rip_rel %u", i->rip_rel);
	if (!quirk && (rip ? REG_ZERO : zc_id(op->mem.base)) != i->base)
		return ZC_FAIL(o, "base %s: %u", ZydisRegisterGetString(op->mem.base), i->base);
	if (zc_id(op->mem.index) != i->index)
		return ZC_FAIL(o, "index %s: %u", ZydisRegisterGetString(op->mem.index), i->index);
	if (op->mem.index != ZYDIS_REGISTER_NONE && op->mem.scale != 1u << i->scale)
		return ZC_FAIL(o, "scale %u: %u", op->mem.scale, i->scale);
	if (!quirk && op->mem.disp.value != i->disp)
		return ZC_FAIL(o, "disp %lld: %d", (long long)op->mem.disp.value, i->disp);
	/* LEA and the NOPs only compute the address: its segment says nothing */
	if (op->mem.type == ZYDIS_MEMOP_TYPE_MEM && op->mem.segment != ZYDIS_REGISTER_NONE &&
	    zc_id(op->mem.segment) != i->seg)
		return ZC_FAIL(o, "segment %s: %u", ZydisRegisterGetString(op->mem.segment), i->seg);
	return true;
}

/* Memory named by no ModRM: moffs, and the overridable side of XLAT, MOVS... */
static inline bool zc_implicit_mem(struct zydis_oracle *o, const ZydisDecodedOperand *op,
				   const struct x86_insn *i)
{
	unsigned op8 = i->key & 0xff;

	if (op->encoding == ZYDIS_OPERAND_ENCODING_DISP16_32_64) {
		u64 mask = bits_mask(i->addrsize * 8u);

		if (((u64)op->mem.disp.value & mask) != i->imm || zc_id(op->mem.segment) != i->seg)
			return ZC_FAIL(o, "moffs %llx", (unsigned long long)i->imm);
		return true;
	}
	if (i->key >> 8 == X86_MAP_1 && (op8 == 0xd7 || zc_id(op->mem.base) == REG_RSI) &&
	    zc_id(op->mem.segment) != i->seg)
		return ZC_FAIL(o, "implicit segment %s: %u", ZydisRegisterGetString(op->mem.segment), i->seg);
	return true;
}

static inline bool zc_imm(struct zydis_oracle *o, const ZydisDecodedOperand *op,
			  const struct x86_insn *i, unsigned nth)
{
	u64 mask = bits_mask(op->size);
	u64 got = nth ? i->sel : i->imm;

	if (op->imm.is_relative)
		mask = ~(u64)0;
	if ((op->imm.value.u & mask) != (got & mask))
		return ZC_FAIL(o, "immediate %llx: %llx", (unsigned long long)op->imm.value.u,
			       (unsigned long long)got);
	return true;
}

static inline bool zc_operand(struct zydis_oracle *o, const ZydisDecodedOperand *op,
			      const struct x86_insn *i, unsigned *imms)
{
	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		switch (op->encoding) {
		case ZYDIS_OPERAND_ENCODING_MODRM_REG: return zc_reg(o, op->reg.value, false, i);
		case ZYDIS_OPERAND_ENCODING_MODRM_RM:
		case ZYDIS_OPERAND_ENCODING_OPCODE: return zc_reg(o, op->reg.value, true, i);
		case ZYDIS_OPERAND_ENCODING_NDSNDD:
			if (ZydisRegisterGetId(op->reg.value) != i->vvvv)
				return ZC_FAIL(o, "vvvv %u", i->vvvv);
			return true;
		default: return true;
		}
	case ZYDIS_OPERAND_TYPE_MEMORY:
		if (op->encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM)
			return zc_mem(o, op, i);
		return zc_implicit_mem(o, op, i);
	case ZYDIS_OPERAND_TYPE_POINTER:
		if (op->ptr.segment != i->sel || op->ptr.offset != (u32)i->imm)
			return ZC_FAIL(o, "far pointer %x:%llx", i->sel, (unsigned long long)i->imm);
		return true;
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		if (op->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
			return zc_imm(o, op, i, (*imms)++);
		return true;
	default:
		return true;
	}
}

/* Does the effective operand size mean anything Zydis can be asked about? */
static inline bool zc_has_opsize(const ZydisDecodedInstruction *z, const struct x86_insn *i)
{
	switch (z->meta.isa_set) {
	case ZYDIS_ISA_SET_I86: case ZYDIS_ISA_SET_I186: case ZYDIS_ISA_SET_I386:
	case ZYDIS_ISA_SET_I486: case ZYDIS_ISA_SET_LONGMODE: case ZYDIS_ISA_SET_CMOV:
	case ZYDIS_ISA_SET_MOVBE: case ZYDIS_ISA_SET_POPCNT: case ZYDIS_ISA_SET_LZCNT:
	case ZYDIS_ISA_SET_BMI1: case ZYDIS_ISA_SET_BMI2: case ZYDIS_ISA_SET_ADOX_ADCX:
	case ZYDIS_ISA_SET_RDWRFSGS: case ZYDIS_ISA_SET_RDRAND: case ZYDIS_ISA_SET_RDSEED:
		break;
	default:
		return false;
	}
	if (z->operand_width == 8)
		return false;
	/* BMI in 16-bit mode: Zydis says 16 bits, but without VEX.W it is 32 */
	if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX)
		return z->machine_mode != ZYDIS_MACHINE_MODE_LEGACY_16;
	switch (i->key) {
	case X86_KEY(X86_MAP_1, 0x6d): /* INS, OUTS: never 64 bits, which */
	case X86_KEY(X86_MAP_1, 0x6f): /* Zydis says with REX.W */
	case X86_KEY(X86_MAP_0F, 0x05): /* SYSCALL: has none */
	case X86_KEY(X86_MAP_0F, 0xb9): /* UD1, UD0: nothing is done */
	case X86_KEY(X86_MAP_0F, 0xff):
		return false;
	default:
		return true;
	}
}

static inline bool zc_fields(struct zydis_oracle *o, const ZydisDecodedInstruction *z,
			     const ZydisDecodedOperand *ops, const struct x86_insn *i)
{
	unsigned imms = 0;
	bool rep = z->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE);
	bool repne = z->attributes & ZYDIS_ATTRIB_HAS_REPNE;

	if (z->length != i->len)
		return ZC_FAIL(o, "length %u: %u", z->length, i->len);
	if (z->opcode != (i->key & 0xff))
		return ZC_FAIL(o, "opcode %02x: %02x", z->opcode, i->key & 0xff);
	if (z->address_width != i->addrsize * 8)
		return ZC_FAIL(o, "address width %u: %u", z->address_width, i->addrsize);
	if (zc_has_opsize(z, i) && z->operand_width != i->opsize * 8)
		return ZC_FAIL(o, "operand width %u: %u", z->operand_width, i->opsize);
	if (!!(z->attributes & ZYDIS_ATTRIB_HAS_LOCK) != !!(i->flags & X86_I_LOCK))
		return ZC_FAIL(o, "lock");
	if ((rep && !(i->flags & X86_I_REP)) || (repne && !(i->flags & X86_I_REPNE)))
		return ZC_FAIL(o, "rep");
	/* BOUND is an interrupt to Zydis; it faults, and otherwise goes on */
	if (i->key != X86_KEY(X86_MAP_1, 0x62) && (z->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
	     z->meta.category == ZYDIS_CATEGORY_INTERRUPT ||
	     z->meta.category == ZYDIS_CATEGORY_IO || z->meta.category == ZYDIS_CATEGORY_SYSCALL ||
	     z->meta.category == ZYDIS_CATEGORY_SYSRET) && !(i->flags & X86_I_END))
		return ZC_FAIL(o, "does not end a block");
	for (unsigned n = 0; n < z->operand_count; n++) {
		if (!zc_operand(o, &ops[n], i, &imms))
			return false;
	}
	return true;
}

/*
 * Decodes code[0..n) both ways. True when they agree, or when it is outside the
 * compared set; else o->why says what differs (Zydis: ours).
 */
static inline bool zydis_agrees(struct zydis_oracle *o, const u8 *code, size_t n,
				unsigned mode)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	struct x86_insn i;
	ZyanStatus zs = ZydisDecoderDecodeFull(&o->decoder[mode], code, n, &z, ops);
	int r = x86_decode(&i, code, n, mode);

	if (ZYAN_SUCCESS(zs) && !zydis_in_set(z.meta.isa_set)) {
		o->stats.skipped++;
		return true;
	}
	if (!ZYAN_SUCCESS(zs)) {
		if (r == 0)
			return ZC_FAIL(o, "Zydis rejects it (%x), key %03x", (unsigned)zs & 0xff, i.key);
		o->stats.rejected++;
		return true;
	}
	if (r)
		return ZC_FAIL(o, "%s (isa %d): rejected, %d", ZydisMnemonicGetString(z.mnemonic),
			       z.meta.isa_set, r);
	if (!zc_fields(o, &z, ops, &i))
		return false;
	o->stats.compared++;
	return true;
}

#endif
