/* SPDX-License-Identifier: Apache-2.0 */
/* One request on an image, start to end. */
#ifndef HOST_DISK_IO_H
#define HOST_DISK_IO_H

#include <trivet/blockdev.h>

#include <sys/uio.h>

/* An opened image. */
struct disk_file {
	int fd;
	u64 size;   /* bytes, as the guest was told */
	bool block; /* a block device of the host */
};

/* Where a transfer stands: the segment, and how far in it. */
struct disk_cursor {
	const struct block_request *r;
	unsigned segment;
	u32 within;
};

/* What is left, as at most max vectors: how many. */
int disk_vectors(const struct disk_cursor *c, struct iovec *v, int max);
/* n more bytes of it are done. */
void disk_advance(struct disk_cursor *c, u64 n);

/* A file that became shorter would silently grow again, with a hole in place of
 * what was there: 0, or -EIO. */
int disk_check_length(const struct disk_file *f);

/* 0 when all of it was done, else a negative errno. Any thread; may block. */
int disk_io(const struct disk_file *f, const struct block_request *r);
/* A read of what is in the host's page cache: true when all of it was. */
bool disk_io_at_once(const struct disk_file *f, const struct block_request *r);

#endif
