/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a guest, copied whole: a mapped file that somebody truncates would end
 * the monitor with SIGBUS.
 */
#include "blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_fault(const struct stat *st, u64 max_size)
{
	if (S_ISDIR(st->st_mode))
		return "is a directory";
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (st->st_size == 0)
		return "is empty";
	if ((u64)st->st_size > BLOB_MAX_SIZE)
		return "is too big, over 4 GiB";
	if ((u64)st->st_size > max_size)
		return "is too big for the guest's memory";
	return NULL;
}

/*
 * A file without a name, which nobody else can truncate: on disk, where it costs
 * memory only while it is used, or else in memory. -1: there is no place.
 */
static int nameless(bool on_disk)
{
	const char *dir = getenv("TMPDIR");

	return on_disk ? open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC,
			      0600) : memfd_create("blob", MFD_CLOEXEC);
}

/* 0 when all of size bytes were copied, -EIO when there were fewer, or -errno. */
static int copy_whole(int from, int to, size_t size)
{
	off_t at = 0;

	while ((size_t)at < size) {
		ssize_t n = sendfile(to, from, &at, size - (size_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

static int fill_from(struct blob *blob, int fd, size_t size, bool on_disk)
{
	int copy = nameless(on_disk);
	void *p = MAP_FAILED;
	int r = copy < 0 ? -errno : copy_whole(fd, copy, size);

	if (!r) {
		p = mmap(NULL, size, PROT_READ, MAP_SHARED, copy, 0);
		r = p == MAP_FAILED ? -errno : 0;
	}
	if (copy >= 0)
		close(copy);
	if (r)
		return r;
	blob->data = p;
	blob->size = size;
	return 0;
}

static int fill(struct blob *blob, int fd, size_t size, const char *what,
		struct error *err)
{
	int r = fill_from(blob, fd, size, true);

	if (r)
		r = fill_from(blob, fd, size, false);
	return r ? error_set(err, r, "%s: %s: cannot be read: %s", what, blob->name,
			     r == -EIO ? "a fault, or it shrank meanwhile" :
					 strerror(-r)) : 0;
}

static int read_fd(struct blob *blob, int fd, const char *what, u64 max_size,
		   struct error *err)
{
	const char *fault;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s: %s: %s", what, blob->name,
				 strerror(errno));
	fault = kind_fault(&st, max_size);
	if (fault)
		return error_set(err, -EINVAL, "%s: %s %s; expected the %s file", what,
				 blob->name, fault, what);
	return fill(blob, fd, (size_t)st.st_size, what, err);
}

int blob_open(struct blob *blob, const char *what, const char *path, u64 max_size,
	      struct error *err)
{
	/* O_NONBLOCK: a FIFO must be refused, not waited for */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	*blob = (struct blob){ .name = path };
	if (fd < 0)
		return error_set(err, -errno, "%s: %s: %s; expected the %s file", what,
				 path, strerror(errno), what);
	r = read_fd(blob, fd, what, max_size, err);
	close(fd);
	return r;
}

void blob_rest(const struct blob *blob)
{
	/* the mapping is shared: what it holds stays in the file */
	if (blob->data)
		(void)madvise((void *)(uintptr_t)blob->data, blob->size, MADV_DONTNEED);
}

void blob_close(struct blob *blob)
{
	if (blob->data)
		munmap((void *)(uintptr_t)blob->data, blob->size);
	*blob = (struct blob){ 0 };
}
