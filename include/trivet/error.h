/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a negative errno unwinds, a message names the thing.
 *
 * The numbers are Linux's, spelled so that a host file may include <errno.h>
 * as well, in any order.
 */
#ifndef TRIVET_ERROR_H
#define TRIVET_ERROR_H

#include <trivet/types.h>

#ifndef EPERM
#define EPERM 1
#endif
#ifndef ENOENT
#define ENOENT 2
#endif
#ifndef EIO
#define EIO 5
#endif
#ifndef E2BIG
#define E2BIG 7
#endif
#ifndef EAGAIN
#define EAGAIN 11
#endif
#ifndef ENOMEM
#define ENOMEM 12
#endif
#ifndef EACCES
#define EACCES 13
#endif
#ifndef EFAULT
#define EFAULT 14
#endif
#ifndef EBUSY
#define EBUSY 16
#endif
#ifndef EEXIST
#define EEXIST 17
#endif
#ifndef ENODEV
#define ENODEV 19
#endif
#ifndef EINVAL
#define EINVAL 22
#endif
#ifndef EFBIG
#define EFBIG 27
#endif
#ifndef ENOSPC
#define ENOSPC 28
#endif
#ifndef ERANGE
#define ERANGE 34
#endif
#ifndef ENOSYS
#define ENOSYS 38
#endif
#ifndef EOPNOTSUPP
#define EOPNOTSUPP 95
#endif

/* One line for the operator: what, where, what was expected. No newline. */
struct error {
	char msg[256];
};

/*
 * Formats into err->msg (err may be NULL) and returns code, so that
 * `return error_set(err, -EINVAL, "...")` reads as one statement. Formats are
 * those of fmt_snprintf().
 */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
