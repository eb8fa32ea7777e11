/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address space numbers: what a guest's translations are tagged with (ASID, VPID). A
 * flush is a new number; when they run out, everything goes and they start again. So
 * it needs no flush by number. APM vol. 2 15.16, SDM vol. 3C 28.1.
 */
#include <trivet/hw.h>
#include <trivet/metal.h>

void hw_tags_init(struct hw_tags *tags, u32 count)
{
	*tags = (struct hw_tags){ .count = count, .next = 1, .generation = 1 };
}

enum hw_tag hw_tag_take(struct hw_vcpu *h, struct hw_tags *tags)
{
	bool flush = __atomic_exchange_n(&h->flush, 0, __ATOMIC_SEQ_CST);

	if (!flush && h->tag_cpu == metal_cpu_index() && h->tag_generation == tags->generation)
		return tags->owed ? HW_TAG_WRAPPED : HW_TAG_KEPT;
	if (tags->next == tags->count) {
		tags->next = 1;
		tags->generation++;
		tags->owed = true;
	}
	h->tag = tags->next++;
	h->tag_generation = tags->generation;
	h->tag_cpu = metal_cpu_index();
	return tags->owed ? HW_TAG_WRAPPED : HW_TAG_NEW;
}
