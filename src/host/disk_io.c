/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as system calls on a raw image. */
#include "disk_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/uio.h>
#include <trivet/error.h>
#include <unistd.h>

#define VECTORS 64
#define ZEROES 65536

/* Where a transfer stands: the segment, and how far in it. */
struct cursor {
	const struct block_request *r;
	unsigned segment;
	u32 within;
};

static int fill_vectors(const struct cursor *c, struct iovec *v)
{
	u32 within = c->within;
	int n = 0;

	for (unsigned i = c->segment; i < c->r->count && n < VECTORS; i++) {
		const struct mem_segment *s = &c->r->segments[i];

		v[n++] = (struct iovec){ s->host + within, s->len - within };
		within = 0;
	}
	return n;
}

static void cursor_advance(struct cursor *c, u64 n)
{
	while (n) {
		u32 room = c->r->segments[c->segment].len - c->within;

		if (n < room) {
			c->within += (u32)n;
			return;
		}
		n -= room;
		c->segment++;
		c->within = 0;
	}
}

static int transfer(int fd, const struct block_request *r)
{
	struct cursor c = { .r = r };
	u64 done = 0;

	while (done < r->length) {
		struct iovec v[VECTORS];
		int count = fill_vectors(&c, v);
		off_t at = (off_t)(r->offset + done);
		ssize_t n = r->op == BLOCK_READ ? preadv(fd, v, count, at) :
						  pwritev(fd, v, count, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* the file became shorter */
		done += (u64)n;
		cursor_advance(&c, (u64)n);
	}
	return 0;
}

static int allocate(int fd, int mode, const struct block_request *r)
{
	while (fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)r->offset,
			 (off_t)r->length) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static bool unsupported(int result)
{
	return result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL ||
	       result == -ENODEV;
}

static int write_zeroes_plainly(int fd, const struct block_request *r)
{
	static const u8 zeroes[ZEROES];
	u64 done = 0;

	while (done < r->length) {
		u64 left = r->length - done;
		ssize_t n = pwrite(fd, zeroes, left < ZEROES ? left : ZEROES,
				   (off_t)(r->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (u64)n;
	}
	return 0;
}

/* A hole reads as zeroes, but gives the space back: only if that was allowed. */
static int write_zeroes(int fd, const struct block_request *r)
{
	int result = -EOPNOTSUPP;

	if (r->unmap)
		result = allocate(fd, FALLOC_FL_PUNCH_HOLE, r);
	if (unsupported(result))
		result = allocate(fd, FALLOC_FL_ZERO_RANGE, r);
	if (unsupported(result))
		result = write_zeroes_plainly(fd, r);
	return result;
}

static int flush(int fd)
{
	while (fdatasync(fd) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int disk_io(int fd, const struct block_request *r)
{
	int result;

	switch (r->op) {
	case BLOCK_READ:
		return transfer(fd, r);
	case BLOCK_FLUSH:
		return flush(fd);
	case BLOCK_WRITE:
		result = transfer(fd, r);
		break;
	case BLOCK_DISCARD:
		result = allocate(fd, FALLOC_FL_PUNCH_HOLE, r);
		if (unsupported(result))
			return 0; /* it is advice */
		break;
	default:
		result = write_zeroes(fd, r);
		break;
	}
	return result || !r->durable ? result : flush(fd);
}
