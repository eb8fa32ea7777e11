/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk image: opened, locked, given a backend, and its requests counted. The
 * device submits with vm->lock held; completions take that lock, one at a time.
 */
#include "disk.h"
#include "disk_backend.h"
#include "log.h"

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

/* Bytes that are copied with vm->lock held, with several vCPUs and with one. */
#define AT_ONCE_MAX KIB(64)
#define AT_ONCE_MAX_ALONE MIB(1)

struct disk {
	struct blockdev blockdev;
	const char *path;
	struct vm *vm;
	enum disk_way way;
	unsigned index;
	struct disk_file file;
	struct disk_worker *worker;
	struct disk_uring *uring; /* NULL: the worker does it all */
	u64 errors; /* atomic */

	pthread_mutex_t mutex; /* for outstanding; taken inside vm->lock */
	pthread_cond_t idle;
	unsigned outstanding;
};

static struct disk *disk_of(struct blockdev *b)
{
	return CONTAINER_OF(b, struct disk, blockdev);
}

static void disk_count(struct disk *d, int change)
{
	pthread_mutex_lock(&d->mutex);
	d->outstanding += (unsigned)change;
	if (!d->outstanding)
		pthread_cond_broadcast(&d->idle);
	pthread_mutex_unlock(&d->mutex);
}

static void disk_submit(struct blockdev *b, struct block_request *r)
{
	struct disk *d = disk_of(b);

	disk_count(d, 1);
	if (d->uring)
		disk_uring_submit(d->uring, r);
	else
		disk_worker_submit(d->worker, r);
}

static void disk_commit(struct blockdev *b)
{
	struct disk *d = disk_of(b);

	if (d->uring)
		disk_uring_commit(d->uring);
}

/* A read that costs little more than the way to another thread and back. Alone, a
 * vCPU keeps nobody waiting for vm->lock meanwhile. */
static bool disk_at_once(struct blockdev *b, const struct block_request *r)
{
	struct disk *d = disk_of(b);
	u64 max = d->vm->vcpu_count > 1 ? AT_ONCE_MAX : AT_ONCE_MAX_ALONE;

	return r->length <= max && disk_io_at_once(&d->file, r);
}

static const struct blockdev_ops disk_ops = { .submit = disk_submit,
					      .commit = disk_commit,
					      .at_once = disk_at_once };

static const char *op_name(enum block_op op)
{
	static const char *const names[] = { "read", "write", "flush", "discard",
					     "write zeroes" };

	return names[op];
}

/* The guest sees each fault as an I/O error; the operator sees the first. */
static void report(struct disk *d, const struct block_request *r, int result)
{
	if (!result || __atomic_fetch_add(&d->errors, 1, __ATOMIC_RELAXED))
		return;
	log_line("disk: %s: %s of %llu bytes at %llu: %s; the guest was told", d->path,
		 op_name(r->op), (unsigned long long)r->length,
		 (unsigned long long)r->offset,
		 disk_check_length(&d->file) ? "the file became shorter" :
					       strerror(-result));
}

void disk_finish(struct disk *d, const struct disk_result *ended, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		report(d, ended[i].r, ended[i].result);
	platform_mutex_lock(&d->vm->lock);
	for (unsigned i = 0; i < count; i++)
		ended[i].r->done(ended[i].r, ended[i].result);
	platform_mutex_unlock(&d->vm->lock);
	disk_count(d, -(int)count);
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

static int image_size(int fd, const char *path, struct disk_file *f, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "disk: %s: %s", path, strerror(errno));
	f->size = (u64)st.st_size;
	f->block = S_ISBLK(st.st_mode);
	if (f->block) {
		if (ioctl(fd, BLKGETSIZE64, &f->size) < 0)
			return error_set(err, -errno, "disk: %s: %s", path,
					 strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		return error_set(err, -EINVAL, "disk: %s: is %s; expected a file or a "
				 "block device", path,
				 S_ISDIR(st.st_mode) ? "a directory" : "neither");
	}
	if (!f->size || f->size % BLOCK_SECTOR)
		return error_set(err, -EINVAL, "disk: %s: %llu bytes; expected a "
				 "multiple of 512, and not 0", path,
				 (unsigned long long)f->size);
	return 0;
}

static int open_image(struct disk_file *f, const char *path, bool read_only,
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
	r = image_size(fd, path, f, err);
	if (!r)
		r = lock_image(fd, path, read_only, err);
	if (r) {
		close(fd);
		return r;
	}
	/* else io_uring would not wait for the file either */
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	f->fd = fd;
	return 0;
}

/* How requests will reach the kernel: by threads where io_uring is not to be had. */
static int choose_backend(struct disk *d, struct error *err)
{
	int r = d->way == DISK_THREADS ? -ENOSYS : disk_uring_probe();

	d->blockdev.how = r ? "threads" : "uring";
	if (!r || d->way == DISK_THREADS)
		return 0;
	if (d->way == DISK_URING)
		return error_set(err, r, "disk: %s: no io_uring here: %s; expected "
				 "another kernel, or io=threads", d->path, strerror(-r));
	platform_log(LOG_DEBUG, "disk: %s: no io_uring here (%s): threads instead",
		     d->path, strerror(-r));
	d->way = DISK_THREADS;
	return 0;
}

static int open_backend(struct disk *d, struct error *err)
{
	char name[16];
	int r;

	snprintf(name, sizeof name, "disk %u", d->index);
	r = disk_worker_open(d, &d->file, name, &d->worker);
	if (r)
		return error_set(err, r, "disk: %s: no thread: %s", d->path, strerror(-r));
	if (d->way == DISK_THREADS)
		return 0;
	snprintf(name, sizeof name, "disk %u ring", d->index);
	r = disk_uring_open(d, &d->file, name, d->worker, &d->uring);
	if (r)
		return error_set(err, r, "disk: %s: io_uring: %s; io=threads does without",
				 d->path, strerror(-r));
	return 0;
}

static void close_backend(struct disk *d)
{
	disk_uring_close(d->uring);
	disk_worker_close(d->worker);
}

int disk_open(const struct vm_disk *what, unsigned index, struct disk **out,
	      struct error *err)
{
	struct disk *d = calloc(1, sizeof *d);
	int r;

	if (!d)
		return error_set(err, -ENOMEM, "disk: %s: out of memory", what->path);
	d->path = what->path;
	d->way = what->way;
	d->index = index;
	r = open_image(&d->file, what->path, what->read_only, err);
	if (r)
		goto fail;
	d->blockdev = (struct blockdev){ .ops = &disk_ops, .size = d->file.size,
					 .read_only = what->read_only,
					 .discard = !what->read_only };
	if (what->serial[0])
		memcpy(d->blockdev.serial, what->serial, sizeof what->serial);
	else
		snprintf(d->blockdev.serial, sizeof d->blockdev.serial, "trivet-%u", index);
	r = choose_backend(d, err);
	if (r)
		goto fail_file;
	pthread_mutex_init(&d->mutex, NULL);
	pthread_cond_init(&d->idle, NULL);
	*out = d;
	return 0;
fail_file:
	close(d->file.fd);
fail:
	free(d);
	return r;
}

struct blockdev *disk_blockdev(struct disk *d)
{
	return &d->blockdev;
}

int disk_attach(struct disk *d, struct vm *vm, struct error *err)
{
	d->vm = vm;
	return open_backend(d, err);
}

void disk_drain(struct disk *d)
{
	pthread_mutex_lock(&d->mutex);
	while (d->outstanding)
		pthread_cond_wait(&d->idle, &d->mutex);
	pthread_mutex_unlock(&d->mutex);
}

void disk_close(struct disk *d)
{
	if (!d)
		return;
	disk_drain(d);
	close_backend(d);
	if (d->errors > 1)
		log_line("disk: %s: %llu requests failed", d->path,
			 (unsigned long long)d->errors);
	if (close(d->file.fd) < 0)
		log_line("disk: %s: %s", d->path, strerror(errno));
	pthread_cond_destroy(&d->idle);
	pthread_mutex_destroy(&d->mutex);
	free(d);
}
