/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder on arbitrary bytes: stays within the buffer and 15 bytes, gives
 * the same answer whatever more is behind the instruction, asks for more bytes
 * exactly when they decide, and agrees with Zydis.
 */
// LIBS: -lZydis
#include "zydis_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                             \
	do {                                                                   \
		if (!(x)) {                                                    \
			fprintf(stderr, "failed: %s\n", #x);                   \
			abort();                                               \
		}                                                              \
	} while (0)

/* Decodes from a heap buffer of exactly n bytes, so that ASan sees overreads. */
static int decode_exact(struct x86_insn *i, const u8 *data, size_t n, unsigned mode)
{
	u8 *copy = malloc(n ? n : 1);
	int r;

	memcpy(copy, data, n);
	r = x86_decode(i, copy, n, mode);
	free(copy);
	return r;
}

static void check_prefixes(const u8 *data, size_t size, unsigned mode)
{
	struct x86_insn full, part;
	int r = decode_exact(&full, data, size, mode);

	REQUIRE(r == 0 || r == -EAGAIN || r == -EINVAL || r == -E2BIG);
	REQUIRE(full.len <= 15 && full.len <= size);
	REQUIRE(r != -EAGAIN || size < 15);
	REQUIRE(x86_mnemonic(&full));
	if (r == -EAGAIN)
		return;
	REQUIRE(r != 0 || full.len > 0);
	for (size_t n = 0; n < size; n++) {
		int p = decode_exact(&part, data, n, mode);

		if (p == -EAGAIN) {
			REQUIRE(r != 0 || n < full.len);
			continue;
		}
		REQUIRE(p == r && !memcmp(&part, &full, sizeof full));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zydis_oracle o;

	if (size > 20)
		size = 20;
	zydis_oracle_init(&o);
	for (unsigned mode = 0; mode < 3; mode++) {
		check_prefixes(data, size, mode);
		if (size >= 15 && !zydis_agrees(&o, data, size, mode)) {
			fprintf(stderr, "mode %u: %s\n", mode, o.why);
			abort();
		}
	}
	return 0;
}
