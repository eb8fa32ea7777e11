/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's constant-rate counter and its rate. */
#ifndef HOST_COUNTER_H
#define HOST_COUNTER_H

#include <trivet/types.h>

/* The counter now. Any thread. */
static inline u64 counter_read(void)
{
	return __builtin_ia32_rdtsc();
}

/* Its rate in Hz: found at the first call (up to 20 ms), the same ever after. */
u64 counter_hz(void);

#endif
