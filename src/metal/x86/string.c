/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and fills by the processor's own string instructions. */
#include <trivet/string.h>
#include <trivet/types.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	void *d = dst;
	size_t words = n / 8;

	n &= 7;
	__asm__ volatile("rep movsq\n\tmov %3, %2\n\trep movsb"
			 : "+D"(d), "+S"(src), "+c"(words) : "r"(n) : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= n)
		return memcpy(dst, src, n);
	d += n - 1;
	s += n - 1;
	__asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;
	size_t words = n / 8;

	n &= 7;
	__asm__ volatile("rep stosq\n\tmov %2, %1\n\trep stosb"
			 : "+D"(d), "+c"(words)
			 : "r"(n), "a"((u64)(u8)c * 0x0101010101010101) : "memory");
	return dst;
}
