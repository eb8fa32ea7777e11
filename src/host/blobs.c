/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a guest, read whole: a mapped file that somebody truncates would end
 * the monitor with SIGBUS.
 */
#include "blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
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

/* Reads until size bytes or the end of the file. How many, or -errno. */
static s64 read_whole(int fd, u8 *p, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, p + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (s64)have;
}

static int fill(struct blob *blob, int fd, size_t size, const char *what,
		struct error *err)
{
	u8 *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	s64 got;
	int r;

	if (p == MAP_FAILED)
		return error_set(err, -ENOMEM, "%s: %s: no memory for its %llu bytes",
				 what, blob->name, (unsigned long long)size);
	got = read_whole(fd, p, size);
	if (got == (s64)size) {
		blob->data = p;
		blob->size = size;
		return 0;
	}
	r = got < 0 ? (int)got : -EIO;
	munmap(p, size);
	return error_set(err, r, "%s: %s: cannot be read: %s", what, blob->name,
			 got < 0 ? strerror(-r) : "it shrank meanwhile");
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

void blob_close(struct blob *blob)
{
	if (blob->data)
		munmap((void *)(uintptr_t)blob->data, blob->size);
	*blob = (struct blob){ 0 };
}
