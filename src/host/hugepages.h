/* SPDX-License-Identifier: Apache-2.0 */
/* --hugepages. */
#ifndef HOST_HUGEPAGES_H
#define HOST_HUGEPAGES_H

#include <trivet/types.h>

/* As platform_ram_alloc, on huge pages set aside where there are enough; one line
 * in the log where not. For vm->ram_alloc; platform_ram_free takes it back. */
void *hugepages_alloc(u64 size);

#endif
