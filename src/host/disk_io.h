/* SPDX-License-Identifier: Apache-2.0 */
/* One request on an image, start to end. */
#ifndef HOST_DISK_IO_H
#define HOST_DISK_IO_H

#include <trivet/blockdev.h>

/* 0 when all of it was done, else a negative errno. Any thread; may block. */
int disk_io(int fd, const struct block_request *r);

#endif
