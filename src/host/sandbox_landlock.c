/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock (landlock(7), Linux's Documentation/userspace-api/landlock.rst): open
 * files stay usable, and no other can be opened, made or removed. Its numbers
 * are written out, as headers are often older than the kernel.
 */
#include "sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1

/* struct landlock_ruleset_attr as of ABI 6; an older kernel takes zeroes. */
struct ruleset {
	u64 fs, net, scoped;
};

/* struct landlock_path_beneath_attr */
struct path_beneath {
	u64 access;
	s32 fd;
} __attribute__((packed));

#define FS_READ_FILE ((u64)1 << 2)
#define FS_REMOVE_FILE ((u64)1 << 5)
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
		r.net = NET_BIND_TCP | (needs->network ? 0 : NET_CONNECT_TCP);
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return r;
}

/* Allows access to path and what is beneath. A path that is not there needs none. */
static int allow(int ruleset, const char *path, u64 access)
{
	struct path_beneath rule = { .access = access };
	int r = 0;

	rule.fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.fd < 0)
		return 0;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
		r = -errno;
	close(rule.fd);
	return r;
}

/* Only a whole directory can be opened for removals. */
static int allow_remove(int ruleset, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	if (!slash)
		return allow(ruleset, ".", FS_REMOVE_FILE);
	snprintf(dir, sizeof dir, "%.*s/", (int)(slash - path), path);
	return allow(ruleset, dir, FS_REMOVE_FILE);
}

/*
 * The host's name servers, which may change while the guest runs. Where another
 * program keeps that file in a directory of its own, it is replaced there by a
 * new file: then the directory. In /etc there is too much besides.
 */
static int allow_resolv_conf(int ruleset)
{
	static const char file[] = "/etc/resolv.conf";
	char real[PATH_MAX], *slash;

	if (!realpath(file, real))
		return 0;
	slash = strrchr(real, '/');
	if (strncmp(real, "/run/", 5) != 0 || slash == real + 4)
		return allow(ruleset, file, FS_READ_FILE);
	*slash = 0;
	return allow(ruleset, real, FS_READ_FILE);
}

static int add_rules(int ruleset, const struct sandbox_needs *needs)
{
	int r = needs->network ? allow_resolv_conf(ruleset) : 0;

	for (unsigned i = 0; i < needs->removes && !r; i++)
		r = allow_remove(ruleset, needs->remove[i]);
	return r;
}

int sandbox_landlock_restrict(const struct sandbox_needs *needs)
{
	struct ruleset r = ruleset_of(sandbox_landlock_abi(), needs);
	long fd = syscall(SYS_landlock_create_ruleset, &r, sizeof r, 0);
	int result;

	if (fd < 0)
		return -errno;
	result = add_rules((int)fd, needs);
	if (!result && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		result = -errno;
	close((int)fd);
	return result;
}
