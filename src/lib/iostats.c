/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a histogram of latencies. */
#include <trivet/iostats.h>

/* The greatest value that falls into a bucket. */
static u64 bucket_last(unsigned bucket)
{
	unsigned octave = bucket / IO_HIST_SUB, sub = bucket % IO_HIST_SUB;

	if (!octave)
		return sub;
	return ((u64)(IO_HIST_SUB + sub + 1) << (octave - 1)) - 1;
}

u64 io_stats_quantile(const struct io_stats *s, unsigned permille)
{
	u64 total = 0, seen = 0, wanted;
	u64 max = __atomic_load_n(&s->max_ns, __ATOMIC_RELAXED);

	/* of what the buckets hold now, whatever `timed` says by then */
	for (unsigned i = 0; i < IO_HIST_BUCKETS; i++)
		total += __atomic_load_n(&s->hist[i], __ATOMIC_RELAXED);
	if (!total)
		return 0;
	wanted = (u64)(((unsigned __int128)total * permille + 999) / 1000);
	for (unsigned i = 0; i < IO_HIST_BUCKETS; i++) {
		seen += __atomic_load_n(&s->hist[i], __ATOMIC_RELAXED);
		if (seen >= wanted && seen)
			return i + 1 < IO_HIST_BUCKETS && bucket_last(i) < max ?
				       bucket_last(i) : max;
	}
	return max;
}
