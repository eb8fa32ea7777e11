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

static int keep(struct blob *blob, void *p, size_t size)
{
	if (p == MAP_FAILED)
		return -errno;
	blob->data = p;
	blob->size = size;
	return 0;
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

/* Into a file without a name, which nobody else can truncate: it costs memory only
 * while it is used. */
static int fill_file(struct blob *blob, int fd, size_t size)
{
	const char *dir = getenv("TMPDIR");
	int copy = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (copy < 0)
		return -errno;
	r = copy_whole(fd, copy, size);
	if (!r)
		r = keep(blob, mmap(NULL, size, PROT_READ, MAP_SHARED, copy, 0), size);
	close(copy);
	return r;
}

static int read_at(int fd, u8 *p, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = pread(fd, p + have, size - have, (off_t)have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		have += (size_t)n;
	}
	return 0;
}

/* Into memory, shared so that blob_rest does not drop it. */
static int fill_memory(struct blob *blob, int fd, size_t size)
{
	int r = keep(blob, mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0), size);

	return r ? r : read_at(fd, (u8 *)(uintptr_t)blob->data, size);
}

static int fill(struct blob *blob, int fd, size_t size, const char *what,
		struct error *err)
{
	const char *name = blob->name;
	int r = fill_file(blob, fd, size);

	/* no such files here, no room, or a limit on their size */
	if (r)
		r = fill_memory(blob, fd, size);
	if (!r)
		return 0;
	blob_close(blob);
	return error_set(err, r, "%s: %s: cannot be read: %s", what, name,
			 r == -EIO ? "a fault, or it shrank meanwhile" : strerror(-r));
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
