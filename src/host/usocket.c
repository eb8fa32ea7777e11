/* SPDX-License-Identifier: Apache-2.0 */
/* Unix stream sockets with a name in the file system. */
#include "usocket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128
#define NAP_US 100000

static bool address(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof a->sun_path)
		return false;
	strcpy(a->sun_path, path);
	return true;
}

static int stream_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int usocket_connect(const char *path)
{
	struct sockaddr_un a;
	int fd, r;

	if (!address(&a, path))
		return -ENAMETOOLONG;
	fd = stream_socket();
	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* 0: nothing is there; 1: a socket left behind; -EADDRINUSE, -EEXIST. */
static int look(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = usocket_connect(path);
	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED ? 1 : -EADDRINUSE;
}

static int complain(const char *what, const char *path, int r, struct error *err)
{
	struct sockaddr_un a;

	if (r == -ENAMETOOLONG)
		return error_set(err, r, "%s: %.100s...: too long for a socket; expected at "
				 "most %u characters", what, path,
				 (unsigned)sizeof a.sun_path - 1);
	if (r == -EADDRINUSE)
		return error_set(err, r, "%s: %s: in use by another program", what, path);
	if (r == -EEXIST)
		return error_set(err, r, "%s: %s: there is a file that is no socket; "
				 "expected none", what, path);
	return error_set(err, r, "%s: %s: %s; expected a place for a socket", what, path,
			 strerror(-r));
}

static int bind_listen(struct usocket *s, const char *path)
{
	struct sockaddr_un a;
	struct stat st;
	int r;

	if (!address(&a, path))
		return -ENAMETOOLONG;
	r = look(path);
	if (r < 0)
		return r;
	if (r > 0 && unlink(path) < 0)
		return -errno;
	s->fd = stream_socket();
	if (s->fd < 0)
		return s->fd;
	if (bind(s->fd, (const struct sockaddr *)&a, sizeof a) < 0) {
		r = -errno;
		goto fail;
	}
	if (listen(s->fd, BACKLOG) < 0 || lstat(path, &st) < 0) {
		r = -errno;
		unlink(path);
		goto fail;
	}
	s->path = path;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return 0;
fail:
	close(s->fd);
	s->fd = -1;
	return r;
}

int usocket_listen(struct usocket *s, const char *what, const char *path,
		   struct error *err)
{
	int r;

	*s = (struct usocket){ .fd = -1 };
	r = bind_listen(s, path);
	return r ? complain(what, path, r, err) : 0;
}

/* Can a file be made in the directory of path? */
static int look_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int r;

	if (asprintf(&dir, "%.*s", slash ? (int)(slash - path) + 1 : 1,
		     slash ? path : ".") < 0)
		return -ENOMEM;
	r = access(dir, W_OK | X_OK) < 0 ? -errno : 0;
	free(dir);
	return r;
}

int usocket_check_directory(const char *what, const char *path, struct error *err)
{
	int r = look_directory(path);

	return r ? error_set(err, r, "%s: %s: %s; expected a place for a file", what, path,
			     strerror(-r)) : 0;
}

int usocket_check(const char *what, const char *path, struct error *err)
{
	struct sockaddr_un a;
	int r = address(&a, path) ? look(path) : -ENAMETOOLONG;

	if (r >= 0)
		r = look_directory(path);
	return r ? complain(what, path, r, err) : 0;
}

void usocket_remove(struct usocket *s)
{
	struct stat st;

	if (s->path && lstat(s->path, &st) == 0 && st.st_dev == s->device &&
	    st.st_ino == s->inode)
		unlink(s->path);
	s->path = NULL;
}

int usocket_accept(int fd)
{
	int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (got < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			errno == ENOBUFS))
		usleep(NAP_US); /* or the loop would spin until one is free */
	return got;
}
