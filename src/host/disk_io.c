/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as system calls on a raw image. */
#include "disk_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <trivet/error.h>
#include <unistd.h>

#define VECTORS BLOCK_SEGMENTS_MAX
#define ZEROES 65536

int disk_vectors(const struct disk_cursor *c, struct iovec *v, int max)
{
	u32 within = c->within;
	int n = 0;

	for (unsigned i = c->segment; i < c->r->count && n < max; i++) {
		const struct mem_segment *s = &c->r->segments[i];

		v[n++] = (struct iovec){ s->host + within, s->len - within };
		within = 0;
	}
	return n;
}

void disk_advance(struct disk_cursor *c, u64 n)
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

int disk_check_length(const struct disk_file *f)
{
	struct stat st;

	if (f->block)
		return 0;
	if (fstat(f->fd, &st) < 0)
		return -errno;
	return (u64)st.st_size < f->size ? -EIO : 0;
}

static int transfer(int fd, const struct block_request *r)
{
	struct disk_cursor c = { .r = r };
	u64 done = 0;

	while (done < r->length) {
		struct iovec v[VECTORS];
		int count = disk_vectors(&c, v, VECTORS);
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
		disk_advance(&c, (u64)n);
	}
	return 0;
}

bool disk_io_at_once(const struct disk_file *f, const struct block_request *r)
{
	struct disk_cursor c = { .r = r };
	struct iovec v[VECTORS];

	if (r->op != BLOCK_READ || r->count > VECTORS)
		return false;
	return preadv2(f->fd, v, disk_vectors(&c, v, VECTORS), (off_t)r->offset,
		       RWF_NOWAIT) == (ssize_t)r->length;
}

static int allocate(int fd, int mode, const struct block_request *r)
{
	while (fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)r->offset,
			 (off_t)r->length) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int block_ioctl(int fd, unsigned long what, const struct block_request *r)
{
	u64 range[2] = { r->offset, r->length };

	while (ioctl(fd, what, range) < 0)
		if (errno != EINTR)
			return errno == ENOTTY ? -EOPNOTSUPP : -errno;
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
static int write_zeroes(const struct disk_file *f, const struct block_request *r)
{
	int result = -EOPNOTSUPP;

	if (r->unmap)
		result = allocate(f->fd, FALLOC_FL_PUNCH_HOLE, r);
	if (unsupported(result))
		result = f->block ? block_ioctl(f->fd, BLKZEROOUT, r) :
				    allocate(f->fd, FALLOC_FL_ZERO_RANGE, r);
	if (unsupported(result))
		result = write_zeroes_plainly(f->fd, r);
	return result;
}

/* Advice: a host that cannot has taken it all the same. */
static int discard(const struct disk_file *f, const struct block_request *r)
{
	int result = f->block ? block_ioctl(f->fd, BLKDISCARD, r) :
				allocate(f->fd, FALLOC_FL_PUNCH_HOLE, r);

	return unsupported(result) ? 0 : result;
}

static int flush(int fd)
{
	while (fdatasync(fd) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int disk_io(const struct disk_file *f, const struct block_request *r)
{
	int result;

	if (r->op == BLOCK_READ)
		return transfer(f->fd, r);
	if (r->op == BLOCK_FLUSH)
		return flush(f->fd);
	result = disk_check_length(f);
	if (result)
		return result;
	switch (r->op) {
	case BLOCK_WRITE:
		result = transfer(f->fd, r);
		break;
	case BLOCK_DISCARD:
		result = discard(f, r);
		break;
	default:
		result = write_zeroes(f, r);
		break;
	}
	return result || !r->durable ? result : flush(f->fd);
}
