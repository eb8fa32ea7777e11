/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The soft engine: an interpreter over decoded blocks.
 *
 * A block is a run of decoded instructions of one guest-physical page and one
 * CPU mode, or one instruction across two pages. Blocks are per vCPU; what is shared by the VM is, for every page of
 * RAM, a generation number and a map of its 64-byte chunks that some vCPU has
 * decoded. A store to such a chunk raises the generation, and a block of an older
 * generation is never entered again.
 */
#ifndef SOFT_H
#define SOFT_H

#include <arch/x86/access.h>
#include <arch/x86/cpu.h>
#include <arch/x86/step.h>
#include <trivet/vm.h>

/* One 4 KiB page of guest RAM. */
struct soft_page {
	/* atomic, written with pages_lock held */
	u32 gen;
	u32 watched; /* gen + 1: all stores in that generation are seen */
	u64 chunks;  /* 64-byte chunks that hold decoded code */
};

struct soft_slot {
	u64 base, size;
	u8 *host;
	bool writable;
	struct soft_page *pages; /* size / PAGE_SIZE of them */
};

struct soft_vm {
	struct soft_slot slots[MEM_MAX_SLOTS];
	unsigned count;
	/* Held by the owner of the bus, see bus.c. Taken outside vm->lock. */
	struct platform_mutex bus_lock;
	/* Of what is in struct soft_page; nothing else is taken inside it. */
	struct platform_mutex pages_lock;
};

/* A system call of Linux's runs through more decoded code than the host's nearest cache
 * holds: what is looked at together lies together. */
#define CACHE_LINE 64

#define BLOCK_MAX_INSNS 32

struct block {
	u64 gpa;
	struct soft_page *page;
	struct soft_page *page2; /* NULL, or where its only instruction ends */
	struct block *next; /* in its hash chain */
	u64 gpa2;	    /* of page2's begin */
	u32 gen, gen2;
	u16 bytes;
	u8 mode;
	u8 count;
	bool plain; /* ends in a near branch or runs on: see run_plain */
	struct x86_insn insns[]; /* count of them, and the end: x86_bind_end */
};

#define JUMP_CACHE_SETS 4096u
#define JUMP_CACHE_WAYS 2 /* a system call and what it waits for are a thousand blocks */
#define BLOCK_HASH_SIZE 16384u
/* A vCPU's decoded code; when it is full all starts anew. With 6 MiB Debian with systemd
 * boots a tenth faster than with 4, with 16 no more than that: this keeps the monitor
 * under 8 MiB. */
#define BLOCK_ARENA_SIZE KIB(3584)

/* Which block a linear address led to. */
struct jump_entry {
	u64 lin;
	u64 key;
	struct block *block;
};

struct jump_set {
	struct jump_entry way[JUMP_CACHE_WAYS]; /* the latest first */
} __attribute__((aligned(CACHE_LINE)));

/* Bits of x86_cpu.attention. */
enum {
	ATT_KICK = 1,	/* leave run() */
	ATT_WINDOW = 2, /* leave run() when interrupts can be taken */
	ATT_NMI = 4,	/* leave run() when NMIs are unblocked */
	ATT_SYNC = 8,	/* pages became code: drop cached write translations */
	ATT_FLUSH = 16, /* drop all cached translations */
	ATT_BUS = 32,	/* wait until the bus is free */
};

struct soft_vcpu {
	struct x86_cpu cpu;
	struct vcpu *v;
	struct soft_vm *vm;
	struct jump_set *jumps;
	struct block **hash;
	u8 *arena;
	u64 arena_used;
	int pending_vector; /* interrupt to deliver, or -1 */
	bool pending_nmi;
	u32 running;   /* atomic: inside run() */
	u32 bus_waits; /* atomic: in no instruction's middle but that of a bus lock */
	u64 instructions;
	unsigned pauses;
};

static inline struct soft_vcpu *soft_of(struct x86_cpu *c)
{
	return CONTAINER_OF(c, struct soft_vcpu, cpu);
}

/* --- soft.c ----------------------------------------------------------------- */

/* Sets bits of attention, an enum above, in each vCPU of the VM but one (or NULL). Any
 * thread. */
void soft_tell(struct vm *vm, const struct soft_vcpu *but, u32 bits);

/* --- pages.c: shared bookkeeping of decoded code ------------------------- */

/* The slot's page that holds a, or NULL when a is not RAM. */
struct soft_page *soft_page_of(struct soft_vm *vm, u64 a, struct soft_slot **slot);
struct x86_page soft_env_page(struct x86_cpu *c, gpa_t a);
void soft_env_code_write(struct x86_cpu *c, gpa_t a, unsigned size);
void soft_mem_written(struct vm *vm, gpa_t a, u64 len);
/* [a, a+len), within a page, is about to be decoded by s: when this returns, every
 * vCPU's stores there are seen, or blocks of the generation that the page had before
 * are outdated. s's own thread. */
void soft_page_mark(struct soft_vcpu *s, struct soft_page *page, u64 a, unsigned len);
/* Handles ATT_SYNC and ATT_FLUSH of this vCPU. */
void soft_attend_sync(struct soft_vcpu *s);

/* --- block.c: finding and making blocks ----------------------------------- */

/* What beside the linear address decides which block it is. */
static inline u64 soft_jump_key(const struct x86_cpu *c)
{
	return c->asid | (u64)(c->cpl == 3) << 12 | (u64)c->mode << 13 |
	       c->lookup_gen << 16;
}

static inline struct jump_set *soft_jump_set(struct soft_vcpu *s, u64 lin)
{
	return &s->jumps[(lin ^ lin >> 12) & (JUMP_CACHE_SETS - 1)];
}

static inline bool soft_block_fresh(const struct block *b)
{
	return b->gen == __atomic_load_n(&b->page->gen, __ATOMIC_RELAXED) &&
	       (likely(!b->page2) ||
		b->gen2 == __atomic_load_n(&b->page2->gen, __ATOMIC_RELAXED));
}

static inline bool soft_block_within_segment(const struct x86_cpu *c,
					     const struct block *b)
{
	return c->mode == X86_MODE_64 ||
	       c->rip + b->bytes - 1u <= c->seg[SEG_CS].limit;
}

/* The block at the CPU's current instruction when it was there before, or NULL.
 * key: soft_jump_key now. */
static inline struct block *soft_block_hit(struct soft_vcpu *s, u64 key)
{
	struct x86_cpu *c = &s->cpu;
	u64 lin = x86_code_lin(c);
	const struct jump_entry *e = soft_jump_set(s, lin)->way;

	if (unlikely(e->lin != lin || e->key != key))
		e++;
	if (likely(e->lin == lin && e->key == key) &&
	    likely(soft_block_fresh(e->block) && soft_block_within_segment(c, e->block)))
		return e->block;
	return NULL;
}

/*
 * The same, made if need be. NULL with *status X86_OK when the instruction must
 * go the slow way (not RAM, segment end), or X86_FAULT.
 */
struct block *soft_block_find(struct soft_vcpu *s, int *status);

/* --- bus.c: locked accesses that the host cannot do as one ----------------- */

/* The CPU is to have the bus, or has had it. Returns with all others stopped. */
void soft_env_bus_lock(struct x86_cpu *c, bool on);
/* Between two instructions: waits while another vCPU has the bus. */
void soft_attend_bus(struct soft_vcpu *s);

/* --- env.c: the CPU's way to the monitor ---------------------------------- */

extern const struct x86_env soft_env;

/* --- run.c ------------------------------------------------------------------ */

int soft_run(struct vcpu *v, struct exit *exit);

#endif
