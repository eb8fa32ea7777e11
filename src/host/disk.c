/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk image and the thread that reads and writes it. The device submits with
 * vm->lock held; completions take that lock, one at a time.
 */
#include "disk.h"
#include "disk_io.h"
#include "log.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct disk {
	struct blockdev blockdev;
	const char *path;
	struct vm *vm; /* NULL until attached: no thread */
	unsigned index;
	int fd;
	u64 errors; /* the thread's own */

	pthread_t thread;
	pthread_mutex_t mutex; /* for what follows */
	pthread_cond_t work, idle;
	struct block_request *first, **last;
	bool busy, ending;
};

static struct disk *disk_of(struct blockdev *b)
{
	return CONTAINER_OF(b, struct disk, blockdev);
}

static void disk_submit(struct blockdev *b, struct block_request *r)
{
	struct disk *d = disk_of(b);

	r->next = NULL;
	pthread_mutex_lock(&d->mutex);
	*d->last = r;
	d->last = &r->next;
	pthread_cond_signal(&d->work);
	pthread_mutex_unlock(&d->mutex);
}

static const struct blockdev_ops disk_ops = { .submit = disk_submit };

/* The next request; NULL when the thread shall end. */
static struct block_request *take(struct disk *d)
{
	struct block_request *r;

	pthread_mutex_lock(&d->mutex);
	d->busy = false;
	if (!d->first)
		pthread_cond_broadcast(&d->idle);
	while (!d->first && !d->ending)
		pthread_cond_wait(&d->work, &d->mutex);
	r = d->first;
	if (r) {
		d->busy = true;
		d->first = r->next;
		if (!d->first)
			d->last = &d->first;
	}
	pthread_mutex_unlock(&d->mutex);
	return r;
}

static const char *op_name(enum block_op op)
{
	static const char *const names[] = { "read", "write", "flush", "discard",
					     "write zeroes" };

	return names[op];
}

/* The guest sees each fault as an I/O error; the operator sees the first. */
static void report(struct disk *d, const struct block_request *r, int result)
{
	if (result && !d->errors++)
		log_line("disk: %s: %s of %llu bytes at %llu: %s; the guest was told",
			 d->path, op_name(r->op), (unsigned long long)r->length,
			 (unsigned long long)r->offset, strerror(-result));
}

static void *disk_thread(void *arg)
{
	struct disk *d = arg;
	struct block_request *r;

	sandbox_thread(SANDBOX_DISK, "disk %u", d->index);
	while ((r = take(d)) != NULL) {
		int result = disk_io(d->fd, r);

		report(d, r, result);
		platform_mutex_lock(&d->vm->lock);
		r->done(r, result);
		platform_mutex_unlock(&d->vm->lock);
	}
	return NULL;
}

/* An open file description's lock: another process, or another disk of this one,
 * cannot have it; it ends with the descriptor. */
static int lock_image(int fd, const char *path, bool read_only, struct error *err)
{
	struct flock lock = { .l_type = read_only ? F_RDLCK : F_WRLCK,
			      .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return error_set(err, -EBUSY, "disk: %s: in use by another machine or "
				 "disk; expected an image that is not%s", path,
				 read_only ? " written" : "");
	return error_set(err, -errno, "disk: %s: cannot be locked: %s", path,
			 strerror(errno));
}

static int image_size(int fd, const char *path, u64 *size, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "disk: %s: %s", path, strerror(errno));
	*size = (u64)st.st_size;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, size) < 0)
			return error_set(err, -errno, "disk: %s: %s", path,
					 strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		return error_set(err, -EINVAL, "disk: %s: is %s; expected a file or a "
				 "block device", path,
				 S_ISDIR(st.st_mode) ? "a directory" : "neither");
	}
	if (!*size || *size % BLOCK_SECTOR)
		return error_set(err, -EINVAL, "disk: %s: %llu bytes; expected a "
				 "multiple of 512, and not 0", path,
				 (unsigned long long)*size);
	return 0;
}

/* The descriptor, or a negative errno. */
static int open_image(const char *path, bool read_only, u64 *size,
		      struct error *err)
{
	/* O_NONBLOCK: a FIFO must be refused, not waited for */
	int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY |
			    O_NONBLOCK);
	int r;

	if (fd < 0)
		return error_set(err, -errno, "disk: %s: %s; expected a disk image%s",
				 path, strerror(errno),
				 !read_only && (errno == EACCES || errno == EROFS) ?
					 " to write, or \",ro\" after it" : "");
	r = image_size(fd, path, size, err);
	if (!r)
		r = lock_image(fd, path, read_only, err);
	if (r) {
		close(fd);
		return r;
	}
	return fd;
}

int disk_open(const char *path, bool read_only, unsigned index, struct disk **out,
	      struct error *err)
{
	struct disk *d = calloc(1, sizeof *d);
	int r;

	if (!d)
		return error_set(err, -ENOMEM, "disk: %s: out of memory", path);
	d->fd = open_image(path, read_only, &d->blockdev.size, err);
	if (d->fd < 0) {
		r = d->fd;
		free(d);
		return r;
	}
	d->path = path;
	d->index = index;
	d->blockdev.ops = &disk_ops;
	d->blockdev.read_only = read_only;
	d->blockdev.discard = !read_only;
	snprintf(d->blockdev.serial, sizeof d->blockdev.serial, "trivet-%u", index);
	d->last = &d->first;
	pthread_mutex_init(&d->mutex, NULL);
	pthread_cond_init(&d->work, NULL);
	pthread_cond_init(&d->idle, NULL);
	*out = d;
	return 0;
}

struct blockdev *disk_blockdev(struct disk *d)
{
	return &d->blockdev;
}

int disk_attach(struct disk *d, struct vm *vm, struct error *err)
{
	int r;

	d->vm = vm;
	r = -pthread_create(&d->thread, NULL, disk_thread, d);
	if (!r)
		return 0;
	d->vm = NULL;
	return error_set(err, r, "disk: %s: no thread: %s", d->path, strerror(-r));
}

void disk_drain(struct disk *d)
{
	pthread_mutex_lock(&d->mutex);
	while (d->first || d->busy)
		pthread_cond_wait(&d->idle, &d->mutex);
	pthread_mutex_unlock(&d->mutex);
}

static void end_thread(struct disk *d)
{
	pthread_mutex_lock(&d->mutex);
	d->ending = true;
	pthread_cond_signal(&d->work);
	pthread_mutex_unlock(&d->mutex);
	pthread_join(d->thread, NULL);
}

void disk_close(struct disk *d)
{
	if (!d)
		return;
	if (d->vm)
		end_thread(d);
	if (d->errors > 1)
		log_line("disk: %s: %llu requests failed", d->path,
			 (unsigned long long)d->errors);
	if (close(d->fd) < 0)
		log_line("disk: %s: %s", d->path, strerror(errno));
	pthread_cond_destroy(&d->idle);
	pthread_cond_destroy(&d->work);
	pthread_mutex_destroy(&d->mutex);
	free(d);
}
