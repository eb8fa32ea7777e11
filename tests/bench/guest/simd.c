/* SPDX-License-Identifier: Apache-2.0 */
/* SSE2 integer vectors: one iteration runs a lane-wise generator over 4 KiB. */
#include <emmintrin.h>

#include "bench.h"

#define VECTORS 256

static __m128i data[VECTORS];

static __m128i step(__m128i x, __m128i key)
{
	__m128i product = _mm_mullo_epi16(x, key);
	__m128i swapped = _mm_shuffle_epi32(x, 0x4e);
	__m128i larger = _mm_cmpgt_epi32(product, swapped);

	x = _mm_add_epi32(_mm_xor_si128(product, _mm_slli_epi32(x, 5)), swapped);
	return _mm_sub_epi8(_mm_xor_si128(x, _mm_srli_epi32(x, 11)), larger);
}

int main(int argc, char **argv)
{
	uint64_t n = bench_iterations(argc, argv, 120000);
	__m128i key = _mm_set_epi32(0x01000193, 0x3bd39e10, 0x5851f42d, 0x7f4a7c15);
	uint64_t check = 0, words[2], seed = 88172645463325252u, start;

	for (int i = 0; i < VECTORS; i++)
		data[i] = _mm_set_epi64x((int64_t)bench_random(&seed),
					 (int64_t)bench_random(&seed));
	start = bench_now();
	for (uint64_t i = 0; i < n; i++)
		for (int j = 0; j < VECTORS; j++)
			data[j] = step(data[j], key);
	for (int i = 0; i < VECTORS; i++) {
		memcpy(words, &data[i], sizeof(words));
		check = bench_mix(bench_mix(check, words[0]), words[1]);
	}
	bench_report("simd", n, start, check);
	return 0;
}
