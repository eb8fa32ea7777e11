/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a guest, mapped. */
#include "blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_fault(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return "is a directory";
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (st->st_size == 0)
		return "is empty";
	if ((u64)st->st_size > BLOB_MAX_SIZE)
		return "is too big, over 4 GiB";
	return NULL;
}

static int map_fd(struct blob *blob, int fd, const char *what, const char *path,
		  struct error *err)
{
	const char *fault;
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s: %s: %s", what, path,
				 strerror(errno));
	fault = kind_fault(&st);
	if (fault)
		return error_set(err, -EINVAL, "%s: %s %s; expected a %s file", what,
				 path, fault, what);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return error_set(err, -errno, "%s: %s: cannot be mapped: %s", what,
				 path, strerror(errno));
	*blob = (struct blob){ .name = path, .data = p, .size = (u64)st.st_size };
	return 0;
}

int blob_open(struct blob *blob, const char *what, const char *path,
	      struct error *err)
{
	/* O_NONBLOCK: a FIFO must be refused, not waited for */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	*blob = (struct blob){ .name = path };
	if (fd < 0)
		return error_set(err, -errno, "%s: %s: %s; expected a %s file", what,
				 path, strerror(errno), what);
	r = map_fd(blob, fd, what, path, err);
	close(fd);
	return r;
}

void blob_close(struct blob *blob)
{
	if (blob->data)
		munmap((void *)(uintptr_t)blob->data, blob->size);
	*blob = (struct blob){ 0 };
}
