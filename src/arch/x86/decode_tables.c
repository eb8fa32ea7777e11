/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opcode maps: SDM vol. 2D tables, with the aliases that hardware
 * has (82h, D6h, F6h/1, C0h/6, x87 duplicates). An absent opcode is 0: #UD.
 */
#include "decode_tables.h"

#define SSE1 (M | NOSIZE | NP)
#define SSE12 (M | NOSIZE | NP | P66)
#define SSE4 (M | NOSIZE | NP | P66 | PF3 | PF2)
#define SSE66 (M | NOSIZE | P66)

#define ALU(b, lk)                                                             \
	[(b)] = M | (lk), [(b) + 1] = M | (lk), [(b) + 2] = M, [(b) + 3] = M,  \
	[(b) + 4] = IB, [(b) + 5] = IZ

const u32 decode_map[4][256] = {
[X86_MAP_1] = {
	ALU(0x00, LK), [0x06] = I64, [0x07] = I64 | END,
	ALU(0x08, LK), [0x0e] = I64,
	ALU(0x10, LK), [0x16] = I64, [0x17] = I64 | END,
	ALU(0x18, LK), [0x1e] = I64, [0x1f] = I64 | END,
	ALU(0x20, LK), [0x27] = I64,
	ALU(0x28, LK), [0x2f] = I64,
	ALU(0x30, LK), [0x37] = I64,
	ALU(0x38, 0), [0x3f] = I64,
	[0x40 ... 0x4f] = I64 | V,
	[0x50 ... 0x5f] = D64,
	[0x60] = I64, [0x61] = I64, [0x62] = M | MO | I64, [0x63] = M,
	[0x68] = IZ | D64, [0x69] = M | IZ, [0x6a] = IBS | D64, [0x6b] = M | IBS,
	[0x6c ... 0x6f] = V | NOW | END,
	[0x70 ... 0x7f] = JB | F64 | END,
	[0x80] = G(1) | IB, [0x81] = G(1) | IZ, [0x82] = G(1) | IB | I64,
	[0x83] = G(1) | IBS,
	[0x84] = M, [0x85] = M, [0x86] = M | LK, [0x87] = M | LK,
	[0x88 ... 0x8b] = M,
	[0x8c] = G(SREG_ST), [0x8d] = M | MO, [0x8e] = G(SREG_LD) | END,
	[0x8f] = G(1A) | D64,
	[0x90 ... 0x99] = V,
	[0x9a] = AP | I64 | END, [0x9b] = V, [0x9c] = D64, [0x9d] = D64 | END,
	[0x9e] = V, [0x9f] = V,
	[0xa0 ... 0xa3] = MOFFS, [0xa4 ... 0xa7] = V,
	[0xa8] = IB, [0xa9] = IZ, [0xaa ... 0xaf] = V,
	[0xb0 ... 0xb7] = IB, [0xb8 ... 0xbf] = IV,
	[0xc0] = G(2) | IB, [0xc1] = G(2) | IB,
	[0xc2] = IW | F64 | END, [0xc3] = F64 | END,
	[0xc4] = M | MO | I64 | END, [0xc5] = M | MO | I64 | END,
	[0xc6] = G(11) | IB, [0xc7] = G(11) | IZ,
	[0xc8] = ENT | D64, [0xc9] = D64,
	[0xca] = IW | END, [0xcb] = V | END,
	[0xcc] = V | END, [0xcd] = IB | END, [0xce] = I64 | END, [0xcf] = V | END,
	[0xd0 ... 0xd3] = G(2),
	[0xd4] = IB | I64, [0xd5] = IB | I64, [0xd6] = I64, [0xd7] = V,
	[0xd8 ... 0xdf] = G(X87),
	[0xe0 ... 0xe3] = JB | F64 | END,
	[0xe4 ... 0xe7] = IB | NOW | END,
	[0xe8] = JZ | F64 | END, [0xe9] = JZ | F64 | END,
	[0xea] = AP | I64 | END, [0xeb] = JB | F64 | END,
	[0xec ... 0xef] = V | NOW | END,
	[0xf1] = V | END, [0xf4] = V | END, [0xf5] = V,
	[0xf6] = G(3) | G3B, [0xf7] = G(3) | G3Z,
	[0xf8] = V, [0xf9] = V, [0xfa] = V | END, [0xfb] = V | END,
	[0xfc] = V, [0xfd] = V,
	[0xfe] = G(4), [0xff] = G(5),
},
[X86_MAP_0F] = {
	[0x00] = G(6) | END, [0x01] = G(7) | END, [0x02] = M, [0x03] = M,
	[0x05 ... 0x09] = V | END, [0x0b] = V | END, [0x0d] = M,
	[0x10 ... 0x11] = SSE4,
	[0x12] = M | NOSIZE | NP | P66M | PF3 | PF2,
	[0x13] = M | NOSIZE | NPM | P66M,
	[0x14 ... 0x15] = SSE12,
	[0x16] = M | NOSIZE | NP | P66M | PF3,
	[0x17] = M | NOSIZE | NPM | P66M,
	[0x18 ... 0x1f] = M, /* PREFETCHh, ENDBR and reserved hints: NOP */
	[0x20] = G(CR) | F64 | END, [0x21] = G(DR) | F64 | END,
	[0x22] = G(CR) | F64 | END, [0x23] = G(DR) | F64 | END,
	[0x28 ... 0x29] = SSE12, [0x2a] = SSE4,
	[0x2b] = M | NOSIZE | NPM | P66M,
	[0x2c ... 0x2d] = SSE4, [0x2e ... 0x2f] = SSE12,
	[0x30] = V | END, [0x31 ... 0x33] = V, [0x34 ... 0x35] = V | END,
	[0x40 ... 0x4f] = M,
	[0x50] = SSE12 | RO, [0x51] = SSE4,
	[0x52 ... 0x53] = M | NOSIZE | NP | PF3, [0x54 ... 0x57] = SSE12,
	[0x58 ... 0x5a] = SSE4, [0x5b] = M | NOSIZE | NP | P66 | PF3,
	[0x5c ... 0x5f] = SSE4,
	[0x60 ... 0x6b] = SSE12, [0x6c ... 0x6d] = SSE66, [0x6e] = SSE12,
	[0x6f] = M | NOSIZE | NP | P66 | PF3,
	[0x70] = SSE4 | IB,
	[0x71 ... 0x72] = G(12) | NOSIZE | NP | P66 | IB,
	[0x73] = G(14) | NOSIZE | NP | P66 | IB,
	[0x74 ... 0x76] = SSE12, [0x77] = NOSIZE | NP,
	[0x78 ... 0x79] = SSE1 | F64 | END,
	[0x7c ... 0x7d] = M | NOSIZE | P66 | PF2,
	[0x7e ... 0x7f] = M | NOSIZE | NP | P66 | PF3,
	[0x80 ... 0x8f] = JZ | F64 | END,
	[0x90 ... 0x9f] = M,
	[0xa0] = D64, [0xa1] = D64 | END, [0xa2] = V | END, [0xa3] = M,
	[0xa4] = M | IB, [0xa5] = M,
	[0xa8] = D64, [0xa9] = D64 | END, [0xaa] = V | END, [0xab] = M | LK,
	[0xac] = M | IB, [0xad] = M, [0xae] = G(15), [0xaf] = M,
	[0xb0 ... 0xb1] = M | LK, [0xb2] = M | MO | END, [0xb3] = M | LK,
	[0xb4 ... 0xb5] = M | MO | END, [0xb6 ... 0xb7] = M,
	[0xb8] = M | PF3, [0xb9] = M | END, [0xba] = G(8) | IB,
	[0xbb] = M | LK, [0xbc ... 0xbf] = M,
	[0xc0 ... 0xc1] = M | LK, [0xc2] = SSE4 | IB, [0xc3] = SSE1 | MO,
	[0xc4] = SSE12 | IB, [0xc5] = SSE12 | IB | RO, [0xc6] = SSE12 | IB,
	[0xc7] = G(9), [0xc8 ... 0xcf] = V,
	[0xd0] = M | NOSIZE | P66 | PF2, [0xd1 ... 0xd5] = SSE12,
	[0xd6] = G(MOVQ) | NOSIZE | P66 | PF3 | PF2, [0xd7] = SSE12 | RO,
	[0xd8 ... 0xe5] = SSE12, [0xe6] = M | NOSIZE | P66 | PF3 | PF2,
	[0xe7] = SSE12 | MO, [0xe8 ... 0xef] = SSE12,
	[0xf0] = M | NOSIZE | PF2M, [0xf1 ... 0xf6] = SSE12,
	[0xf7] = SSE12 | RO, [0xf8 ... 0xfe] = SSE12, [0xff] = M | END,
},
[X86_MAP_0F38] = {
	[0x00 ... 0x0b] = SSE12, [0x10] = SSE66, [0x14 ... 0x15] = SSE66,
	[0x17] = SSE66, [0x1c ... 0x1e] = SSE12, [0x20 ... 0x25] = SSE66,
	[0x28 ... 0x29] = SSE66, [0x2a] = SSE66 | MO, [0x2b] = SSE66,
	[0x30 ... 0x35] = SSE66, [0x37 ... 0x41] = SSE66,
	[0x80 ... 0x82] = SSE66 | MO | F64 | END,
	[0xdb ... 0xdf] = SSE66,
	[0xf0 ... 0xf1] = G(CRC) | NP | P66 | PF2,
	[0xf6] = M | NOSIZE | P66 | PF3,
},
[X86_MAP_0F3A] = {
	[0x08 ... 0x0e] = SSE66 | IB, [0x0f] = SSE12 | IB,
	[0x14 ... 0x17] = SSE66 | IB, [0x20 ... 0x22] = SSE66 | IB,
	[0x40 ... 0x42] = SSE66 | IB, [0x44] = SSE66 | IB,
	[0x60 ... 0x63] = SSE66 | IB, [0xdf] = SSE66 | IB,
},
};

const struct decode_group decode_group[GRP_COUNT] = {
	[GRP_NONE] = { 0xff, 0xff, 0, 0 },
	[GRP_1] = { 0xff, 0xff, 0x7f, 0 },
	[GRP_1A] = { 0x01, 0x01, 0, 0 },
	[GRP_2] = { 0xff, 0xff, 0, 0 },
	[GRP_3] = { 0xff, 0xff, 0x0c, 0 },
	[GRP_4] = { 0x03, 0x03, 0x03, 0 },
	[GRP_5] = { 0x7f, 0x57, 0x03, 0x3c },
	[GRP_6] = { 0x3f, 0x3f, 0, 0 },
	[GRP_7] = { 0xdf, 0xdf, 0, 0 },
	[GRP_8] = { 0xf0, 0xf0, 0xe0, 0 },
	[GRP_9] = { 0xfa, 0xc0, 0x02, 0 },
	[GRP_11] = { 0x01, 0x01, 0, 0 },
	[GRP_12] = { 0, 0x54, 0, 0 },
	[GRP_14] = { 0, 0xcc, 0, 0 },
	[GRP_15] = { 0xff, 0xef, 0, 0 },
	[GRP_SREG_ST] = { 0x3f, 0x3f, 0, 0 },
	[GRP_SREG_LD] = { 0x3d, 0x3d, 0, 0 },
	[GRP_CR] = { 0, 0x1d, 0, 0 },
	[GRP_DR] = { 0, 0xff, 0, 0 },
	[GRP_X87] = { 0xff, 0xff, 0, 0 },
	[GRP_MOVQ] = { 0xff, 0xff, 0, 0 },
	[GRP_CRC] = { 0xff, 0xff, 0, 0 },
};

/* Each byte is one /digit, lowest first; bit n in it: C0h + 8 * digit + n. */
const u64 decode_x87_reg[8] = {
	0xffffffffffffffff, /* D8 */
	0xffff7f33ff01ffff, /* D9: D0 is FNOP */
	0x00000200ffffffff, /* DA: FCMOVcc, FUCOMPP */
	0x00ffff1fffffffff, /* DB: FCMOVNcc, FNCLEX.., FUCOMI, FCOMI */
	0xffffffffffffffff, /* DC */
	0x0000ffffffffffff, /* DD */
	0xffffffff02ffffff, /* DE: FCOMPP alone in /3 */
	0x00ffff01ffffffff, /* DF: FNSTSW AX alone in /4 */
};
const u8 decode_x87_mem[8] = { 0xff, 0xfd, 0xff, 0xaf, 0xff, 0xdf, 0xff, 0xff };
