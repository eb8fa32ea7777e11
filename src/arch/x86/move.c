/* SPDX-License-Identifier: Apache-2.0 */
/* Which instructions are moves between memory and a register, and how wide. SDM vol. 2,
 * MOV, MOVZX, MOVSX. */
#include <arch/x86/insn.h>
#include <arch/x86/move.h>

/* 88 to 8B, C6, C7: bit 0 of the opcode tells words from bytes. */
static void plain(const struct x86_insn *i, struct x86_move *m)
{
	bool byte = !(i->key & 1);

	m->size = m->width = byte ? 1 : i->opsize;
	m->at = byte ? i->reg_b : (u8)(i->reg * 8);
}

/* 63, 0F B6, B7, BE, BF: from size bytes to a register of the operand's size. */
static void extending(const struct x86_insn *i, struct x86_move *m, u8 size, bool sign)
{
	m->size = size;
	m->sign = sign;
	m->width = i->opsize;
	m->at = (u8)(i->reg * 8);
}

bool x86_move_of(const struct x86_insn *i, struct x86_move *m)
{
	*m = (struct x86_move){ 0 };
	if (!(i->flags & X86_I_MEM))
		return false;
	switch (i->key) {
	case 0x88 ... 0x89:
		m->store = true;
		plain(i, m);
		return true;
	case 0x8a ... 0x8b:
		plain(i, m);
		return true;
	case 0xc6 ... 0xc7:
		m->store = m->imm = true;
		plain(i, m);
		return !(i->modrm >> 3 & 7);
	case 0x63:
		extending(i, m, i->opsize == 2 ? 2 : 4, true);
		return true;
	case X86_KEY(X86_MAP_0F, 0xb6):
	case X86_KEY(X86_MAP_0F, 0xbe):
		extending(i, m, 1, i->key & 8);
		return true;
	case X86_KEY(X86_MAP_0F, 0xb7):
	case X86_KEY(X86_MAP_0F, 0xbf):
		extending(i, m, 2, i->key & 8);
		return true;
	default:
		return false;
	}
}
