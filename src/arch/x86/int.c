/* SPDX-License-Identifier: Apache-2.0 */
/* Which integer instruction an opcode is: SDM vol. 2, appendix A. */
#include "int.h"

#define ALU_ROW(op) [(op) ... (op) + 5] = int_bind_alu

static int_bind_fn *const bind_1[256] = {
	ALU_ROW(0x00), ALU_ROW(0x08), ALU_ROW(0x10), ALU_ROW(0x18),
	ALU_ROW(0x20), ALU_ROW(0x28), ALU_ROW(0x30), ALU_ROW(0x38),
	[0x27] = int_bind_decimal,
	[0x2f] = int_bind_decimal,
	[0x37] = int_bind_decimal,
	[0x3f] = int_bind_decimal,
	[0x40 ... 0x4f] = int_bind_incdec,
	[0x50 ... 0x57] = int_bind_push,
	[0x58 ... 0x5f] = int_bind_pop,
	[0x60] = int_bind_push,
	[0x61] = int_bind_pop,
	[0x62] = int_bind_bound,
	[0x63] = int_bind_mov_ext,
	[0x68] = int_bind_push,
	[0x69] = int_bind_imul,
	[0x6a] = int_bind_push,
	[0x6b] = int_bind_imul,
	[0x70 ... 0x7f] = int_bind_jcc,
	[0x80 ... 0x83] = int_bind_alu_imm,
	[0x84 ... 0x85] = int_bind_test,
	[0x86 ... 0x87] = int_bind_xchg,
	[0x88 ... 0x8c] = int_bind_mov,
	[0x8d] = int_bind_lea,
	[0x8f] = int_bind_pop,
	[0x90 ... 0x97] = int_bind_xchg,
	[0x98 ... 0x99] = int_bind_convert,
	[0x9e ... 0x9f] = int_bind_flag,
	[0xa0 ... 0xa3] = int_bind_mov,
	[0xa4 ... 0xa7] = int_bind_string,
	[0xa8 ... 0xa9] = int_bind_test,
	[0xaa ... 0xaf] = int_bind_string,
	[0xb0 ... 0xbf] = int_bind_mov_imm,
	[0xc0 ... 0xc1] = int_bind_shift,
	[0xc2 ... 0xc3] = int_bind_ret,
	[0xc6 ... 0xc7] = int_bind_mov,
	[0xc8 ... 0xc9] = int_bind_frame,
	[0xd0 ... 0xd3] = int_bind_shift,
	[0xd4 ... 0xd5] = int_bind_decimal,
	[0xd6] = int_bind_flag,
	[0xd7] = int_bind_convert,
	[0xe0 ... 0xe3] = int_bind_loop,
	[0xe8] = int_bind_call,
	[0xe9] = int_bind_jump,
	[0xeb] = int_bind_jump,
	[0xf5] = int_bind_flag,
	[0xf6 ... 0xf7] = int_bind_group3,
	[0xf8 ... 0xf9] = int_bind_flag,
	[0xfc ... 0xfd] = int_bind_flag,
	[0xfe ... 0xff] = int_bind_group5,
};

static int_bind_fn *const bind_0f[256] = {
	[0x0d] = int_bind_hint,
	[0x18 ... 0x1f] = int_bind_hint,
	[0x40 ... 0x4f] = int_bind_cmov,
	[0x80 ... 0x8f] = int_bind_jcc,
	[0x90 ... 0x9f] = int_bind_setcc,
	[0xa3] = int_bind_bt,
	[0xa4 ... 0xa5] = int_bind_shiftd,
	[0xab] = int_bind_bt,
	[0xac ... 0xad] = int_bind_shiftd,
	[0xae] = int_bind_group15,
	[0xaf] = int_bind_imul,
	[0xb0 ... 0xb1] = int_bind_cmpxchg,
	[0xb3] = int_bind_bt,
	[0xb6 ... 0xb7] = int_bind_mov_ext,
	[0xb8] = int_bind_scan,
	[0xba ... 0xbb] = int_bind_bt,
	[0xbc ... 0xbd] = int_bind_scan,
	[0xbe ... 0xbf] = int_bind_mov_ext,
	[0xc0 ... 0xc1] = int_bind_xadd,
	[0xc3] = int_bind_swap,
	[0xc7] = int_bind_group9,
	[0xc8 ... 0xcf] = int_bind_swap,
};

x86_exec_fn x86_bind_int(const struct x86_insn *insn, unsigned mode)
{
	unsigned code = insn->key & 0xff;
	int_bind_fn *bind = NULL;

	switch (insn->key >> 8) {
	case X86_MAP_1: bind = bind_1[code]; break;
	case X86_MAP_0F: bind = bind_0f[code]; break;
	case X86_MAP_0F38:
		bind = code >= 0xf0 && code <= 0xf7 ? int_bind_0f38_f : NULL;
		break;
	default: bind = code == 0xf0 ? int_bind_rorx : NULL; break;
	}
	return bind ? bind(insn, mode) : NULL;
}
