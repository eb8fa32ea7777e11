/* SPDX-License-Identifier: Apache-2.0 */
/* A piece of guest RAM in a request: where it is here and for the guest. */
#ifndef TRIVET_SEGMENT_H
#define TRIVET_SEGMENT_H

#include <trivet/types.h>

struct mem_segment {
	u8 *host; /* valid as long as the VM */
	gpa_t addr;
	u32 len; /* not 0 */
};

#endif
