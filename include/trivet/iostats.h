/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device did for its guest: counts, bytes and a histogram of latencies of
 * fixed size, so that recording neither allocates nor takes a lock of its own.
 * Recorded with vm->lock held; a reader without it sees a snapshot.
 */
#ifndef TRIVET_IOSTATS_H
#define TRIVET_IOSTATS_H

#include <trivet/types.h>

/*
 * Log-scale: eight buckets to each power of two, so a bucket's bounds are within
 * an eighth of each other. Below 8 ns a bucket each; from 2^40 ns (18 minutes) on
 * all is in the last.
 */
#define IO_HIST_SUB_BITS 3
#define IO_HIST_SUB (1u << IO_HIST_SUB_BITS)
#define IO_HIST_OCTAVES 40
#define IO_HIST_BUCKETS ((IO_HIST_OCTAVES - IO_HIST_SUB_BITS + 1) * IO_HIST_SUB)

/* One kind of operation. bytes are those of operations that succeeded. */
struct io_stats {
	u64 count, errors, bytes;
	u64 timed; /* operations in the histogram */
	u64 total_ns, max_ns;
	u64 hist[IO_HIST_BUCKETS];
};

/* Embedded by a device, in the VM's list: vm_io_add in <trivet/vm.h>. */
struct io_group {
	const char *kind; /* "block", "net": static storage */
	const char *name; /* the device's; outlives it */
	const char *detail; /* its backend, in a word; may be NULL */
	const char *const *ops; /* count names */
	struct io_stats *stats; /* count of them */
	unsigned count;
	struct io_group *next; /* core's */
};

static inline unsigned io_hist_bucket(u64 ns)
{
	unsigned top, bucket;

	if (ns < IO_HIST_SUB)
		return (unsigned)ns;
	top = 63 - (unsigned)__builtin_clzll(ns);
	bucket = (top - IO_HIST_SUB_BITS + 1) * IO_HIST_SUB +
		 ((unsigned)(ns >> (top - IO_HIST_SUB_BITS)) & (IO_HIST_SUB - 1));
	return bucket < IO_HIST_BUCKETS ? bucket : IO_HIST_BUCKETS - 1;
}

/* An operation without a latency worth the name. With vm->lock held. */
static inline void io_stats_count(struct io_stats *s, u64 bytes, bool ok)
{
	s->count++;
	if (ok)
		s->bytes += bytes;
	else
		s->errors++;
}

/* An operation that took ns from the guest's request to its end. With vm->lock held. */
static inline void io_stats_record(struct io_stats *s, u64 ns, u64 bytes, bool ok)
{
	io_stats_count(s, bytes, ok);
	s->timed++;
	s->total_ns += ns;
	if (ns > s->max_ns)
		s->max_ns = ns;
	s->hist[io_hist_bucket(ns)]++;
}

/*
 * The latency in ns that permille of the timed operations did not exceed: the
 * upper bound of its bucket, or the maximum if that is less. 0 when none was timed.
 */
u64 io_stats_quantile(const struct io_stats *s, unsigned permille);

#endif
