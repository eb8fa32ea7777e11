/* SPDX-License-Identifier: Apache-2.0 */
/* `trivet image VMFILE... -o FILE.iso`: VMs for the bare-metal hypervisor. */
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include <trivet/error.h>

/*
 * argv: what stands behind "image". Compiles the VM files with all they name into a
 * bundle and packs it with trivet-x86.elf, found beside this program, into a GRUB ISO; a
 * name that does not end in .iso gets the bundle alone. -EINVAL and others with one line.
 */
int image_make(int argc, char *const argv[], struct error *err);

#endif
