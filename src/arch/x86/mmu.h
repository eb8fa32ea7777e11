/* SPDX-License-Identifier: Apache-2.0 */
/* Between the page walk, the translation cache and the access paths. */
#ifndef X86_MMU_PRIVATE_H
#define X86_MMU_PRIVATE_H

#include <arch/x86/access.h>
#include <arch/x86/mmu.h>

/* What a walk found for one linear page. */
struct walk_result {
	gpa_t page;	/* 4 KiB frame of the address */
	bool user, write, exec; /* rights of the mapping, all levels combined */
	bool global;
	bool dirty; /* the leaf's D bit is set */
	u8 size_shift; /* log2 of what the leaf maps: 12, 21, 22, 30 */
};

/* Who asks: decides which rights count. */
struct walk_query {
	u64 lin;
	enum x86_access access;
	enum x86_tlb_index index;
	struct x86_trace *trace; /* filled if not NULL; 4-level paging alone */
};

/*
 * Walks the guest's page tables, sets A and D as the access would. X86_OK, or
 * X86_FAULT with #PF in c->fault.
 */
int x86_walk(struct x86_cpu *c, const struct walk_query *q,
	     struct walk_result *out);

/* One page as an access sees it, from the cache or a walk. */
struct translation {
	gpa_t gpa; /* of the byte asked for */
	struct x86_page page;
	u8 *host; /* of the byte asked for; NULL for a device */
};

int x86_translate_page(struct x86_cpu *c, const struct walk_query *q,
		       struct translation *out);
/* The table that stands for the CPU's current privilege, and for system
 * accesses (descriptor tables, TSS). */
enum x86_tlb_index x86_tlb_current(const struct x86_cpu *c);
enum x86_tlb_index x86_tlb_system(const struct x86_cpu *c);

#endif
