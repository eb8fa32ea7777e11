/* SPDX-License-Identifier: Apache-2.0 */
/* Unix stream sockets with a name in the file system. */
#ifndef HOST_USOCKET_H
#define HOST_USOCKET_H

#include <sys/types.h>
#include <trivet/error.h>
#include <trivet/types.h>

/* A socket that listens, and the file that is its name. */
struct usocket {
	int fd; /* -1: none */
	const char *path; /* the caller's */
	dev_t device;
	ino_t inode;
};

/*
 * Listens at path, which must not be there yet, or be a socket that nobody listens
 * at any more. err begins with what. A negative errno.
 */
int usocket_listen(struct usocket *s, const char *what, const char *path,
		   struct error *err);
/* Would usocket_listen succeed? Leaves nothing behind. */
int usocket_check(const char *what, const char *path, struct error *err);
/* Could a file be made at path? */
int usocket_check_directory(const char *what, const char *path, struct error *err);
/* Removes the file, if it is still ours. The descriptor is the caller's. */
void usocket_remove(struct usocket *s);
/* A new caller, not blocking; -1: none. Naps when descriptors have run out. */
int usocket_accept(int fd);
/* Connects, not blocking. The descriptor or a negative errno. */
int usocket_connect(const char *path);

#endif
