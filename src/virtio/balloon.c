/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio memory balloon: virtio 1.2, 5.5. */
#include <trivet/bits.h>
#include <trivet/string.h>
#include <trivet/virtio/balloon.h>

#define F_STATS_VQ BIT(1)
#define F_DEFLATE_ON_OOM BIT(2)
#define F_PAGE_REPORTING BIT(5)

enum { CONFIG_NUM_PAGES = 0, CONFIG_ACTUAL = 4, CONFIG_SIZE = 8 };

/*
 * 5.5.2 numbers the reporting queue 4, with 3 for a feature that is not offered
 * here; Linux leaves out the queues of features that it did not negotiate.
 */
enum { INFLATE, DEFLATE, STATS, REPORTING = 4, QUEUES };

#define PFN_SIZE 4
#define STAT_SIZE 10 /* le16 tag, le64 value */
#define STATS_MAX 32
#define STATS_PERIOD_NS (5 * NS_PER_SEC)
#define PFNS_AT_ONCE 256
#define PFNS_MAX 65536 /* of one chain; Linux sends 256 */

struct virtio_balloon {
	struct virtio_device dev;
	struct virtio_pci *pci;
	struct timer ask;      /* for the next statistics */
	bool has_stats;	       /* stats_chain is taken, for the next question */
	struct virtio_balloon_stats stats;
	struct vq_chain stats_chain, chain;
};

static struct virtio_balloon *balloon_of(struct virtio_device *d)
{
	return CONTAINER_OF(d, struct virtio_balloon, dev);
}

/* What the guest gave up goes back to the host; decoded code there is void. */
static void discard(struct virtio_balloon *b, gpa_t at, u64 n)
{
	struct vm *vm = b->dev.vm;
	void *host = guest_mem_ptr(vm, at, n);

	if (!host || !n)
		return;
	platform_ram_discard(host, n);
	if (vm->engine->mem_written)
		vm->engine->mem_written(vm, at, n);
}

/* Neighbours go together: one call of the host takes longer than many pages. */
struct run {
	u64 first, count; /* page frame numbers */
};

static bool run_extend(struct run *run, u64 pfn)
{
	if (run->count && pfn == run->first + run->count) {
		run->count++;
		return true;
	}
	if (run->count && pfn + 1 == run->first) {
		run->first--;
		run->count++;
		return true;
	}
	return false;
}

static void run_discard(struct virtio_balloon *b, struct run *run)
{
	discard(b, gpa(run->first << PAGE_SHIFT), run->count << PAGE_SHIFT);
	run->count = 0;
}

/* True when all numbers are pages of guest RAM. */
static bool inflate_pages(struct virtio_balloon *b, const u8 *pfns, u64 n,
			  struct run *run)
{
	for (u64 i = 0; i < n; i++) {
		u64 pfn = get_le32(pfns + PFN_SIZE * i);

		if (!guest_mem_ptr(b->dev.vm, gpa(pfn << PAGE_SHIFT), PAGE_SIZE))
			return false;
		if (run_extend(run, pfn))
			continue;
		run_discard(b, run);
		*run = (struct run){ pfn, 1 };
	}
	return true;
}

/* 5.5.6: an array of page frame numbers of 4 KiB, whatever the guest's page. */
static bool inflate_chain(struct virtio_balloon *b)
{
	u8 pfns[PFN_SIZE * PFNS_AT_ONCE];
	struct run run = { 0, 0 };
	bool ok = b->chain.out_len % PFN_SIZE == 0 &&
		  b->chain.out_len <= PFN_SIZE * PFNS_MAX;

	for (u64 at = 0; ok && at < b->chain.out_len;) {
		u64 left = b->chain.out_len - at;
		u64 n = left < sizeof pfns ? left : sizeof pfns;

		(void)vq_chain_read(&b->chain, at, pfns, n);
		ok = inflate_pages(b, pfns, n / PFN_SIZE, &run);
		at += n;
	}
	run_discard(b, &run);
	return ok;
}

static void take_inflated(struct virtio_balloon *b)
{
	while (virtio_pop(&b->dev, INFLATE, &b->chain)) {
		if (!inflate_chain(b)) {
			virtio_fail(&b->dev, "a page for the balloon is not guest memory");
			return;
		}
		vq_push(&b->dev.queues[INFLATE], &b->chain, 0);
	}
	virtio_signal(&b->dev, INFLATE);
}

/* Pages taken back come with the first touch: nothing to do. */
static void take_deflated(struct virtio_balloon *b)
{
	while (virtio_pop(&b->dev, DEFLATE, &b->chain))
		vq_push(&b->dev.queues[DEFLATE], &b->chain, 0);
	virtio_signal(&b->dev, DEFLATE);
}

/* 5.5.6.6: the buffers are the free pages; whole ones only are given back. */
static void take_reported(struct virtio_balloon *b, unsigned queue)
{
	while (virtio_pop(&b->dev, queue, &b->chain)) {
		const struct vq_chain *c = &b->chain;

		for (unsigned i = c->out; i < c->count; i++) {
			u64 start = align_up(c->segments[i].addr.v, PAGE_SIZE);
			u64 end = align_down(c->segments[i].addr.v +
						     c->segments[i].len, PAGE_SIZE);

			if (start >= end)
				continue;
			discard(b, gpa(start), end - start);
			b->stats.reported += end - start;
		}
		vq_push(&b->dev.queues[queue], c, 0);
	}
	virtio_signal(&b->dev, queue);
}

static void forget_stats(struct virtio_balloon *b)
{
	u64 reported = b->stats.reported;

	memset(&b->stats, 0xff, sizeof b->stats); /* every field unknown */
	b->stats.reported = reported;
	b->stats.actual = 0;
}

static u64 *stat_field(struct virtio_balloon_stats *s, u16 tag)
{
	u64 *const fields[] = { /* 5.5.6.4 */
		&s->swap_in, &s->swap_out, &s->major_faults, &s->minor_faults,
		&s->free, &s->total, &s->available, &s->caches,
	};

	return tag < ARRAY_SIZE(fields) ? fields[tag] : NULL;
}

static void read_stats(struct virtio_balloon *b)
{
	const struct vq_chain *c = &b->stats_chain;
	u8 stat[STAT_SIZE];

	for (unsigned i = 0; i < STATS_MAX; i++) {
		u64 *field;

		if (!vq_chain_read(c, (u64)i * STAT_SIZE, stat, sizeof stat))
			break;
		field = stat_field(&b->stats, get_le16(stat));
		if (field)
			*field = get_le64(stat + 2);
	}
}

/* One buffer goes to and fro: to give it back is to ask anew (5.5.6.3). */
static void take_stats(struct virtio_balloon *b)
{
	if (b->has_stats || !virtio_pop(&b->dev, STATS, &b->stats_chain))
		return;
	b->has_stats = true;
	read_stats(b);
	timer_set(&b->ask, platform_clock_ns() + STATS_PERIOD_NS);
}

static void ask_stats(struct timer *t)
{
	struct virtio_balloon *b = CONTAINER_OF(t, struct virtio_balloon, ask);

	if (!b->has_stats || !virtio_running(&b->dev))
		return;
	b->has_stats = false;
	vq_push(&b->dev.queues[STATS], &b->stats_chain, 0);
	virtio_signal(&b->dev, STATS);
	take_stats(b);
}

static void balloon_notify(struct virtio_device *d, unsigned queue)
{
	struct virtio_balloon *b = balloon_of(d);
	bool stats = virtio_has(d, F_STATS_VQ);

	if (queue == INFLATE)
		take_inflated(b);
	else if (queue == DEFLATE)
		take_deflated(b);
	else if (queue == STATS && stats)
		take_stats(b);
	else if (virtio_has(d, F_PAGE_REPORTING) &&
		 (queue == REPORTING || queue == (unsigned)STATS + stats))
		take_reported(b, queue);
}

/* The driver says how far it got. */
static void balloon_config_write(struct virtio_device *d, unsigned offset,
				 unsigned size, u32 value)
{
	if (offset != CONFIG_ACTUAL || size != 4)
		return;
	put_le32(d->config + CONFIG_ACTUAL, value);
	balloon_of(d)->stats.actual = (u64)value << PAGE_SHIFT;
}

static void balloon_forget(struct virtio_device *d)
{
	struct virtio_balloon *b = balloon_of(d);

	timer_cancel(&b->ask);
	b->has_stats = false;
	put_le32(d->config + CONFIG_ACTUAL, 0);
}

/* What the last driver said stays to be read until there is another. */
static void balloon_start(struct virtio_device *d)
{
	forget_stats(balloon_of(d));
}

static const struct virtio_device_ops balloon_ops = {
	.notify = balloon_notify,
	.reset = balloon_forget,
	.start = balloon_start,
	.config_write = balloon_config_write,
};

static void put_target(struct virtio_balloon *b, u64 bytes)
{
	u64 pages = bytes >> PAGE_SHIFT;

	put_le32(b->dev.config + CONFIG_NUM_PAGES,
		 pages > ~(u32)0 ? ~(u32)0 : (u32)pages);
}

int virtio_balloon_create(struct vm *vm, struct pci_host *host, u64 target,
			  struct virtio_balloon **out)
{
	struct virtio_balloon *b = platform_alloc(sizeof *b);
	int r;

	if (!b)
		return -ENOMEM;
	b->dev = (struct virtio_device){
		.vm = vm, .ops = &balloon_ops, .name = "virtio balloon",
		.id = VIRTIO_ID_BALLOON, .queue_count = QUEUES,
		.features = F_STATS_VQ | F_DEFLATE_ON_OOM | F_PAGE_REPORTING,
		.config_size = CONFIG_SIZE,
	};
	put_target(b, target);
	forget_stats(b);
	b->stats.reported = 0;
	timer_init(&b->ask, vm, ask_stats);
	virtio_init(&b->dev);
	r = virtio_pci_create(host, &b->dev, 0xff0000, &b->pci);
	if (r) {
		platform_free(b, sizeof *b);
		return r;
	}
	*out = b;
	return 0;
}

void virtio_balloon_target(struct virtio_balloon *b, u64 bytes)
{
	put_target(b, bytes);
	if (virtio_running(&b->dev))
		virtio_config_changed(&b->dev);
}

void virtio_balloon_stats(const struct virtio_balloon *b,
			  struct virtio_balloon_stats *stats)
{
	*stats = b->stats;
	stats->target = (u64)get_le32(b->dev.config + CONFIG_NUM_PAGES) << PAGE_SHIFT;
}

void virtio_balloon_reset(struct virtio_balloon *b)
{
	virtio_pci_reset(b->pci);
}

void virtio_balloon_destroy(struct virtio_balloon *b)
{
	if (!b)
		return;
	timer_cancel(&b->ask);
	virtio_pci_destroy(b->pci);
	platform_free(b, sizeof *b);
}
