/* SPDX-License-Identifier: Apache-2.0 */
/* Segment selectors of the hypervisor, for C and assembler. */
#ifndef METAL_X86_SELECTORS_H
#define METAL_X86_SELECTORS_H

#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_CODE32 0x18 /* in the trampoline only */
#define SEL_TSS 0x20

#endif
