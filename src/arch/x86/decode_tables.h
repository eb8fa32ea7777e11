/* SPDX-License-Identifier: Apache-2.0 */
/* The opcode maps as the decoder sees them. SDM vol. 2D appendix A. */
#ifndef X86_DECODE_TABLES_H
#define X86_DECODE_TABLES_H

#include <arch/x86/insn.h>

/* Immediate kinds, bits 3:0 of an entry. */
enum {
	IMM_NONE,
	IB,  /* a byte, zero-extended */
	IBS, /* a byte, sign-extended */
	IW,  /* 16 bits, zero-extended */
	IZ,  /* 16 or 32 bits by operand size, sign-extended */
	IV,  /* 16, 32 or 64 bits by operand size */
	JB,  /* branch displacement, a byte */
	JZ,  /* branch displacement, 16 or 32 bits */
	MOFFS,
	AP,  /* far pointer */
	ENT, /* ENTER: 16 bits and a byte */
	G3B, /* F6: byte for /0 and /1 */
	G3Z, /* F7: like IZ for /0 and /1 */
};
#define ENT_IMM 0xfu

#define M (1u << 4)	/* has ModRM */
#define I64 (1u << 5)	/* #UD in 64-bit mode */
#define D64 (1u << 6)	/* 64-bit mode: operand size 8, or 2 with 66 */
#define F64 (1u << 7)	/* 64-bit mode: operand size 8 whatever the prefixes */
#define LK (1u << 8)	/* LOCK allowed with a memory operand */
#define MO (1u << 9)	/* memory operand only */
#define RO (1u << 10)	/* register operand only */
#define END (1u << 11)	/* X86_I_END */
#define V (1u << 12)	/* valid, nothing else to say */
#define NOW (1u << 13)	/* operand size 8 is 4 (port I/O) */
#define NOSIZE (1u << 15) /* operand size 4 or 8: 66 only selects */

/* Mandatory prefixes that exist, bits 19:16; 0: prefixes do not select. */
#define NP (1u << 16)
#define P66 (1u << 17)
#define PF3 (1u << 18)
#define PF2 (1u << 19)
#define PFX(e) (((e) >> 16) & 0xfu)
/* Those of them with a memory form only, bits 23:20. */
#define NPM (NP | 1u << 20)
#define P66M (P66 | 1u << 21)
#define PF2M (PF2 | 1u << 23)
#define PFX_MEM(e) (((e) >> 20) & 0xfu)

/* Groups, bits 31:24. */
enum {
	GRP_NONE, GRP_1, GRP_1A, GRP_2, GRP_3, GRP_4, GRP_5, GRP_6, GRP_7,
	GRP_8, GRP_9, GRP_11, GRP_12, GRP_14, GRP_15, GRP_17, GRP_SREG_ST,
	GRP_SREG_LD, GRP_CR, GRP_DR, GRP_X87, GRP_MOVQ, GRP_CRC, GRP_COUNT
};
#define G(n) ((u32)(GRP_##n) << 24 | M)
#define GROUP(e) ((e) >> 24)

struct decode_group {
	u8 mem, reg; /* valid ModRM.reg values by operand kind, as bit masks */
	u8 lock;     /* where LOCK is allowed (memory) */
	u8 end;	     /* where X86_I_END is set */
};

extern const u32 decode_map[4][256];
extern const struct decode_group decode_group[GRP_COUNT];
/* ModRM bytes C0h..FFh that exist, for D8h..DFh; /digits that exist in memory */
extern const u64 decode_x87_reg[8];
extern const u8 decode_x87_mem[8];

#endif
