/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up privileges: capabilities(7), PR_SET_NO_NEW_PRIVS(2const), core(5). */
#include "sandbox_private.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_capability(unsigned cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	return data[cap / 32].effective & (1u << (cap % 32));
}

/*
 * The bounding set is what a program we would execute could get back. Without
 * CAP_SETPCAP it cannot be changed, nor can it matter: no_new_privs.
 */
static int drop_bounding(void)
{
	if (!has_capability(CAP_SETPCAP))
		return 0;
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		return errno == EINVAL && cap > CAP_SETPCAP ? 0 : -errno;
	}
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
	int r = drop_bounding();

	if (r)
		return r;
	/* since Linux 4.3; EINVAL: there is no ambient set to clear */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		return -errno;
	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

/* EPERM: in a user namespace where setgroups is denied; they are gone already. */
static int drop_groups(void)
{
	if (!has_capability(CAP_SETGID) || setgroups(0, NULL) == 0 || errno == EPERM)
		return 0;
	return -errno;
}

int sandbox_drop_privileges(struct error *err)
{
	const struct rlimit none = { 0, 0 };
	int r = drop_groups();

	if (!r)
		r = drop_capabilities();
	if (!r && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		r = -errno;
	/* neither a core file nor another program of this user gets at the guest */
	if (!r && (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)))
		r = -errno;
	if (r)
		return error_set(err, r, "sandbox: privileges cannot be dropped: %s; "
				 "--no-sandbox keeps them", strerror(-r));
	return 0;
}
