/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded blocks: looked up by linear address, kept by guest-physical address. */
#include <trivet/error.h>
#include <trivet/string.h>

#include "soft.h"

#define INSN_MAX 15

/* --- making a block ----------------------------------------------------------- */

static void cache_reset(struct soft_vcpu *s)
{
	memset(s->hash, 0, sizeof s->hash[0] * BLOCK_HASH_SIZE);
	memset(s->jumps, 0, sizeof s->jumps[0] * JUMP_CACHE_SIZE);
	s->arena_used = 0;
}

static struct block *block_alloc(struct soft_vcpu *s)
{
	u64 most = sizeof(struct block) + (BLOCK_MAX_INSNS + 1) * sizeof(struct x86_insn);

	if (s->arena_used + most > BLOCK_ARENA_SIZE)
		cache_reset(s);
	return (struct block *)(void *)(s->arena + s->arena_used);
}

/* Jcc: leaves the block only when taken. */
static bool is_conditional(const struct x86_insn *i)
{
	return (i->key & ~0xfu) == X86_KEY(X86_MAP_1, 0x70) ||
	       (i->key & ~0xfu) == X86_KEY(X86_MAP_0F, 0x80);
}

/*
 * A near branch: changes RIP (and the stack) and nothing that decides which block
 * comes next at an address.
 */
static bool is_near_branch(const struct x86_insn *i)
{
	switch (i->key) {
	case 0xc2: case 0xc3: case 0xe0: case 0xe1: case 0xe2: case 0xe3:
	case 0xe8: case 0xe9: case 0xeb:
		return true;
	case 0xff:
		return (i->modrm & 0x38) == 0x10 || (i->modrm & 0x38) == 0x20;
	default:
		return is_conditional(i);
	}
}

/* Fills b from the page's bytes. False when not even one instruction fits. */
static bool block_decode(struct soft_vcpu *s, struct block *b, const u8 *host)
{
	struct x86_cpu *c = &s->cpu;
	unsigned room = (unsigned)(PAGE_SIZE - (b->gpa & ~PAGE_MASK));

	b->count = 0;
	b->bytes = 0;
	while (b->count < BLOCK_MAX_INSNS && b->bytes < room) {
		struct x86_insn *insn = &b->insns[b->count];
		unsigned avail = room - b->bytes;
		u8 code[INSN_MAX + 1]; /* the guest's bytes, read once */

		avail = avail < INSN_MAX ? avail : INSN_MAX;
		soft_page_mark(s, b->page, b->gpa + b->bytes, avail);
		memcpy(code, host + b->bytes, avail);
		if (x86_decode_bytes(c, insn, code, avail))
			break;
		b->bytes = (u16)(b->bytes + insn->len);
		b->count++;
		b->plain = !(insn->flags & X86_I_END) || is_near_branch(insn);
		if ((insn->flags & X86_I_END) && !is_conditional(insn))
			break;
	}
	return b->count != 0;
}

static unsigned block_slot(u64 a, unsigned mode)
{
	u64 h = (a ^ mode) * 0x9e3779b97f4a7c15u;

	return (unsigned)(h >> 40) & (BLOCK_HASH_SIZE - 1);
}

static struct block *block_make(struct soft_vcpu *s, u64 a, struct soft_page *page,
				const u8 *host)
{
	struct block *b = block_alloc(s);
	struct block **slot = &s->hash[block_slot(a, s->cpu.mode)];

	b->gpa = a;
	b->page = page;
	b->mode = s->cpu.mode;
	/* before the bytes are read: a store in between outdates the block */
	b->gen = __atomic_load_n(&page->gen, __ATOMIC_SEQ_CST);
	if (!block_decode(s, b, host))
		return NULL;
	x86_bind_end(&b->insns[b->count]);
	s->arena_used += sizeof *b + (b->count + 1u) * sizeof b->insns[0];
	b->next = *slot;
	*slot = b;
	return b;
}

/* Finds the block of a guest-physical address, dropping outdated ones passed. */
static struct block *block_lookup(struct soft_vcpu *s, u64 a)
{
	struct block **p = &s->hash[block_slot(a, s->cpu.mode)];

	while (*p) {
		struct block *b = *p;

		if (!soft_block_fresh(b)) {
			*p = b->next;
			continue;
		}
		if (b->gpa == a && b->mode == s->cpu.mode)
			return b;
		p = &b->next;
	}
	return NULL;
}

static struct block *block_by_gpa(struct soft_vcpu *s, u64 a)
{
	struct soft_slot *slot;
	struct soft_page *page;
	struct block *b = block_lookup(s, a);

	if (b)
		return b;
	page = soft_page_of(s->vm, a, &slot);
	return page ? block_make(s, a, page, slot->host + (a - slot->base)) : NULL;
}

/* --- finding one ----------------------------------------------------------------- */

struct block *soft_block_find(struct soft_vcpu *s, int *status)
{
	struct x86_cpu *c = &s->cpu;
	u64 lin = x86_code_lin(c);
	struct block *b;
	gpa_t a;

	*status = x86_code_room(c, 1) ? x86_translate(c, lin, X86_EXEC, &a) : x86_gp0(c);
	if (*status)
		return NULL;
	b = block_by_gpa(s, a.v);
	/* decoding may have flushed translations: take the key anew */
	if (b)
		*soft_jump_entry(s, lin) = (struct jump_entry){ lin, soft_jump_key(c), b };
	return b && soft_block_within_segment(c, b) ? b : NULL;
}
