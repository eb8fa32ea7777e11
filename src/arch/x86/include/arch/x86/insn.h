/* SPDX-License-Identifier: Apache-2.0 */
/* One decoded instruction, and the decoder that makes it. */
#ifndef ARCH_X86_INSN_H
#define ARCH_X86_INSN_H

#include <arch/x86/defs.h>

struct x86_cpu;
struct x86_insn;

/*
 * What executing one instruction gives. Negative: the instruction did not
 * happen. Positive: it did, and the run loop must look up.
 */
enum x86_status {
	X86_OK = 0,
	X86_BREAK = 1,	   /* done; leave the block (state that decode used changed) */
	X86_HALT = 2,	   /* done; HLT */
	X86_PAUSE = 3,	   /* done; the guest spins: others may run */
	X86_AGAIN = 4,	   /* REP with elements to go: x86_rep_again */
	X86_FAULT = -1,	   /* c->fault is filled in; c->rip is reset by the loop */
	X86_SHUTDOWN = -2, /* triple fault */
	X86_ERROR = -3,	   /* engine cannot go on; c->error says why */
};

typedef int (*x86_exec_fn)(struct x86_cpu *c, const struct x86_insn *i);

/* Opcode maps. A key is map << 8 | opcode. */
enum x86_map { X86_MAP_1, X86_MAP_0F, X86_MAP_0F38, X86_MAP_0F3A };
#define X86_KEY(map, op) (((map) << 8) | (op))

/* x86_insn.flags */
enum {
	X86_I_LOCK = 1,	   /* F0 present (and allowed: the decoder checked) */
	X86_I_REP = 2,	   /* F3 present (last of F2/F3 wins) */
	X86_I_REPNE = 4,   /* F2 present (last of F2/F3 wins) */
	X86_I_OPSIZE = 8,  /* 66 present */
	X86_I_REX = 16,	   /* a REX prefix counts (so SPL.. not AH..) */
	X86_I_VEX = 32,	   /* VEX encoded; pp is folded into OPSIZE/REP/REPNE */
	X86_I_MEM = 64,	   /* ModRM names memory */
	X86_I_END = 128,   /* control transfer or system instruction: ends a block */
};

/*
 * Register numbers are final (REX/VEX bits applied). For an instruction without
 * ModRM whose opcode's low three bits name a register (push, pop, xchg, mov
 * imm, bswap), rm is that register.
 */
struct x86_insn {
	x86_exec_fn fn; /* NULL from the decoder; set by x86_bind */
	u64 imm;	/* immediate, sign-extended as the instruction does;
			   branch displacement, sign-extended; moffs; ENTER's
			   size; far pointer's offset */
	s32 disp;	/* of the memory operand (16-bit forms: sign-extended) */
	u16 key;	/* X86_KEY(map, opcode) */
	u16 sel;	/* far pointer's selector; ENTER's nesting level */
	u8 len;		/* 1..15 */
	u8 flags;
	u8 modrm;
	u8 opsize;   /* effective operand size 2, 4 or 8, whatever the opcode's
			own byte form: 64-bit mode's forced 64-bit for near
			branches, push, pop, ... is already applied */
	u8 addrsize; /* 2, 4, 8 */
	u8 reg;	     /* ModRM.reg with REX.R */
	u8 rm;	     /* ModRM.rm with REX.B when it names a register */
	u8 reg_b;    /* byte offset in c->gpr of the byte register reg, rm: */
	u8 rm_b;     /* AH..BH without REX are at 8 * (n - 4) + 1 */
	u8 base;     /* memory operand: REG_*; REG_ZERO for none */
	u8 index;    /* REG_ZERO for none */
	u8 scale;    /* shift 0..3 */
	u8 seg;	     /* SEG_*, override applied */
	u8 rip_rel;  /* 1: add the address of the next instruction */
	u8 vvvv;     /* VEX.vvvv register */
	u8 vex_lw;   /* bit 0 VEX.L, bit 1 VEX.W */
};

/* Decoder mode: what CS.L and CS.D say. */
enum x86_mode { X86_MODE_16, X86_MODE_32, X86_MODE_64 };

/*
 * Decodes one instruction from code[0..avail). mode is enum x86_mode. Returns
 * 0; -EAGAIN when more bytes are needed to decide (avail < 15); -EINVAL for an
 * encoding that is #UD (insn->len is then the bytes looked at); -E2BIG when it
 * is longer than 15 bytes (#GP). Knows the forms of x86-64-v2 plus BMI1/2, ADX,
 * MOVBE, FSGSBASE, RDRAND/RDSEED, XSAVE family, CLFLUSH(OPT)/CLWB, INVPCID,
 * CLAC/STAC, RDPID, PREFETCH*, system instructions, x87, MMX, SSE..SSE4.2, AES,
 * PCLMULQDQ; VMX, SVM and AVX encodings are -EINVAL except VMCALL, VMMCALL and
 * the VMX/SVM group forms, which decode and execute as #UD.
 * LOCK on anything the SDM does not allow it on is -EINVAL.
 */
int x86_decode(struct x86_insn *insn, const u8 *code, size_t avail,
	       unsigned mode);

/* Names for messages and tests: "add", "mov" ...; never NULL. */
const char *x86_mnemonic(const struct x86_insn *insn);

/*
 * Chooses insn->fn. The rooms are asked in turn: integer, system, x87/SSE; what
 * none of them knows executes as #UD. mode as in x86_decode. Never fails.
 */
void x86_bind(struct x86_insn *insn, unsigned mode);
/* Makes *insn the end of a block: see x86_chain in cpu.h. */
void x86_bind_end(struct x86_insn *insn);
/* Runs one bound instruction by itself; c->rip is already the next one's. */
int x86_exec_one(struct x86_cpu *c, const struct x86_insn *insn);
/* Each returns the handler, or NULL when the instruction is not its own. */
x86_exec_fn x86_bind_int(const struct x86_insn *insn, unsigned mode);
x86_exec_fn x86_bind_control(const struct x86_insn *insn, unsigned mode);
x86_exec_fn x86_bind_sys(const struct x86_insn *insn, unsigned mode);
x86_exec_fn x86_bind_fpu(const struct x86_insn *insn, unsigned mode);

#endif
