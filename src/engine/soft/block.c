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
	memset(s->jumps, 0, sizeof s->jumps[0] * JUMP_CACHE_SETS);
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

/* Adds the instruction in code, of which avail bytes may be looked at. False: it needs
 * more of them. */
static bool block_add(struct soft_vcpu *s, struct block *b, const u8 *code, unsigned avail)
{
	struct x86_insn *insn = &b->insns[b->count];

	if (x86_decode_bytes(&s->cpu, insn, code, avail))
		return false;
	b->bytes = (u16)(b->bytes + insn->len);
	b->count++;
	b->plain = !(insn->flags & X86_I_END) || is_near_branch(insn);
	return true;
}

static bool block_ends(const struct block *b)
{
	const struct x86_insn *last = &b->insns[b->count - 1];

	return b->count == BLOCK_MAX_INSNS ||
	       ((last->flags & X86_I_END) && !is_conditional(last));
}

/* Fills b from the page's bytes. False when not even one instruction fits. */
static bool block_decode(struct soft_vcpu *s, struct block *b, const u8 *host)
{
	unsigned room = (unsigned)(PAGE_SIZE - (b->gpa & ~PAGE_MASK));

	while (b->bytes < room) {
		unsigned avail = room - b->bytes;
		u8 code[INSN_MAX]; /* the guest's bytes, read once */

		avail = avail < INSN_MAX ? avail : INSN_MAX;
		soft_page_mark(s, b->page, b->gpa + b->bytes, avail);
		memcpy(code, host + b->bytes, avail);
		if (!block_add(s, b, code, avail) || block_ends(b))
			break;
	}
	return b->count != 0;
}

static unsigned block_slot(u64 a, unsigned mode)
{
	u64 h = (a ^ mode) * 0x9e3779b97f4a7c15u;

	return (unsigned)(h >> 40) & (BLOCK_HASH_SIZE - 1);
}

static u32 page_gen(const struct soft_page *page)
{
	return __atomic_load_n(&page->gen, __ATOMIC_SEQ_CST);
}

static void block_begin(struct soft_vcpu *s, struct block *b, u64 a, struct soft_page *page)
{
	*b = (struct block){ .gpa = a, .page = page, .mode = s->cpu.mode };
	/* before the bytes are read: a store in between outdates the block */
	b->gen = page_gen(page);
}

static struct block *block_finish(struct soft_vcpu *s, struct block *b)
{
	struct block **slot = &s->hash[block_slot(b->gpa, b->mode)];

	x86_bind_end(&b->insns[b->count]);
	s->arena_used += align_up(sizeof *b + (b->count + 1u) * sizeof b->insns[0], CACHE_LINE);
	b->next = *slot;
	*slot = b;
	return b;
}

/* --- one instruction across two pages ------------------------------------------------ */

/* The guest-physical address of the page behind the one that a, at RIP, lies in. */
static int next_page(struct soft_vcpu *s, u64 a, gpa_t *next)
{
	struct x86_cpu *c = &s->cpu;

	return x86_translate(c, x86_code_lin(c) + (PAGE_SIZE - (a & ~PAGE_MASK)), X86_EXEC,
			     next);
}

/* b has its first page. NULL: the other is not RAM, or the segment ends before it. */
static struct block *block_cross(struct soft_vcpu *s, struct block *b, const u8 *host, int *status)
{
	unsigned room = (unsigned)(PAGE_SIZE - (b->gpa & ~PAGE_MASK)), rest = INSN_MAX - room;
	u8 code[INSN_MAX];
	struct soft_slot *slot;
	gpa_t next;

	if (x86_code_room(&s->cpu, room + 1) <= room)
		return NULL;
	*status = next_page(s, b->gpa, &next);
	if (*status)
		return NULL;
	b->page2 = soft_page_of(s->vm, next.v, &slot);
	if (!b->page2)
		return NULL;
	b->gpa2 = next.v;
	b->gen2 = page_gen(b->page2);
	soft_page_mark(s, b->page2, next.v, rest);
	memcpy(code, host, room);
	memcpy(code + room, slot->host + (next.v - slot->base), rest);
	return block_add(s, b, code, INSN_MAX) ? block_finish(s, b) : NULL;
}

/* --- finding one ----------------------------------------------------------------- */

static struct block *block_make(struct soft_vcpu *s, u64 a, int *status)
{
	struct block *b = block_alloc(s);
	struct soft_slot *slot;
	struct soft_page *page = soft_page_of(s->vm, a, &slot);
	const u8 *host;

	if (!page)
		return NULL;
	host = slot->host + (a - slot->base);
	block_begin(s, b, a, page);
	if (block_decode(s, b, host))
		return block_finish(s, b);
	return block_cross(s, b, host, status);
}

/* Is b at a? For one across two pages *status may be the second's fault. */
static bool block_is_at(struct soft_vcpu *s, const struct block *b, u64 a, int *status)
{
	gpa_t next;

	if (b->gpa != a || b->mode != s->cpu.mode)
		return false;
	if (likely(!b->page2))
		return true;
	*status = next_page(s, a, &next);
	return !*status && next.v == b->gpa2;
}

/* Finds the block of a guest-physical address, dropping outdated ones passed. */
static struct block *block_lookup(struct soft_vcpu *s, u64 a, int *status)
{
	struct block **p = &s->hash[block_slot(a, s->cpu.mode)];

	while (*p && !*status) {
		struct block *b = *p;

		if (!soft_block_fresh(b))
			*p = b->next;
		else if (block_is_at(s, b, a, status))
			return b;
		else
			p = &b->next;
	}
	return NULL;
}

static void remember(struct soft_vcpu *s, u64 lin, struct block *b)
{
	struct jump_set *set = soft_jump_set(s, lin);

	if (set->way[0].lin != lin)
		set->way[1] = set->way[0];
	/* decoding may have flushed translations: the key as it is now */
	set->way[0] = (struct jump_entry){ lin, soft_jump_key(&s->cpu), b };
}

struct block *soft_block_find(struct soft_vcpu *s, int *status)
{
	struct x86_cpu *c = &s->cpu;
	u64 lin = x86_code_lin(c);
	struct block *b;
	gpa_t a;

	*status = x86_code_room(c, 1) ? x86_translate(c, lin, X86_EXEC, &a) : x86_gp0(c);
	if (*status)
		return NULL;
	b = block_lookup(s, a.v, status);
	if (!b && !*status)
		b = block_make(s, a.v, status);
	if (b)
		remember(s, lin, b);
	return b && soft_block_within_segment(c, b) ? b : NULL;
}
