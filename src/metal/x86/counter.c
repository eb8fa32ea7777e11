/* SPDX-License-Identifier: Apache-2.0 */
/* The time-stamp counter, which every exit reads twice: by itself, so that it is
 * compiled for speed and becomes part of whoever reads it. */
#include "asm.h"
#include "x86.h"

u64 arch_counter(void)
{
	return rdtsc();
}
