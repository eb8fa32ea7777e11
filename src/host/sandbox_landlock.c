/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock (landlock(7), Linux's Documentation/userspace-api/landlock.rst): open
 * files stay usable, and no other can be opened, made or removed. Its numbers
 * are written out, as headers are often older than the kernel.
 */
#include "sandbox_private.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_RULESET_VERSION 1u

/* struct landlock_ruleset_attr as of ABI 6; an older kernel takes zeroes. */
struct ruleset {
	u64 fs, net, scoped;
};

#define FS_ALL_1 (((u64)1 << 13) - 1)	/* execute, read, write, remove, make */
#define FS_REFER ((u64)1 << 13)		/* ABI 2: rename and link across */
#define FS_TRUNCATE ((u64)1 << 14)	/* ABI 3 */
#define NET_BIND_TCP ((u64)1 << 0)	/* ABI 4 */
#define NET_CONNECT_TCP ((u64)1 << 1)	/* ABI 4 */
#define FS_IOCTL_DEV ((u64)1 << 15)	/* ABI 5: of devices opened from now on */
#define SCOPE_ABSTRACT_UNIX ((u64)1 << 0) /* ABI 6 */
#define SCOPE_SIGNAL ((u64)1 << 1)	/* ABI 6: to processes outside */

int sandbox_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

/*
 * Everything that this ABI can take away, but connections where they are
 * needed. A port the guest is reached at is bound before, so none is later.
 * Connecting to a unix socket in the file system is not Landlock's matter.
 */
static struct ruleset ruleset_of(int abi, const struct sandbox_needs *needs)
{
	struct ruleset r = { .fs = FS_ALL_1 };

	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4)
		r.net = NET_BIND_TCP | (needs->connect_tcp ? 0 : NET_CONNECT_TCP);
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return r;
}

int sandbox_landlock_restrict(const struct sandbox_needs *needs)
{
	struct ruleset r = ruleset_of(sandbox_landlock_abi(), needs);
	long fd = syscall(SYS_landlock_create_ruleset, &r, sizeof r, 0);
	int result = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		result = -errno;
	close((int)fd);
	return result;
}
