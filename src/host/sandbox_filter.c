/* SPDX-License-Identifier: Apache-2.0 */
/* From lists of rules to a seccomp filter: seccomp(2), seccomp_rule_add(3). */
#include "sandbox_private.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int add_rule(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
	struct scmp_arg_cmp args[ARRAY_SIZE(rule->args) + 1];
	unsigned n = 0;

	if (rule->own_process)
		args[n++] = (struct scmp_arg_cmp){ 0, SCMP_CMP_EQ, (u64)getpid(), 0 };
	for (unsigned i = 0; i < rule->count; i++)
		args[n++] = rule->args[i];
	return seccomp_rule_add_array(ctx, rule->refuse ? SCMP_ACT_ERRNO(ENOSYS) :
							  SCMP_ACT_ALLOW,
				      rule->call, n, args);
}

static int add_lists(scmp_filter_ctx ctx, const struct sandbox_lists *all)
{
	int r = 0;

	for (unsigned l = 0; l < SANDBOX_LISTS; l++)
		for (unsigned i = 0; i < all->list[l].count && !r; i++)
			r = add_rule(ctx, &all->list[l].rules[i]);
	return r;
}

/* The library writes to a descriptor only. */
static int export_program(scmp_filter_ctx ctx, struct sock_fprog *p)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (!r && fstat(fd, &st) < 0)
		r = -errno;
	if (r)
		goto out;
	p->len = (unsigned short)((size_t)st.st_size / sizeof(struct sock_filter));
	p->filter = malloc((size_t)st.st_size);
	if (!p->filter)
		r = -ENOMEM;
	else if (pread(fd, p->filter, (size_t)st.st_size, 0) != st.st_size)
		r = -EIO;
out:
	close(fd);
	return r;
}

int sandbox_filter_build(enum sandbox_kind kind, struct sock_fprog *p)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int r;

	*p = (struct sock_fprog){ 0 };
	if (!ctx)
		return -ENOMEM;
	/* another architecture's numbers (int 80h): no handler could name them */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* a binary tree: no call is much dearer than another */
	if (!r)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!r)
		r = add_lists(ctx, &sandbox_lists[kind]);
	if (!r)
		r = export_program(ctx, p);
	seccomp_release(ctx);
	if (r) {
		free(p->filter);
		*p = (struct sock_fprog){ 0 };
	}
	return r;
}

int sandbox_filter_load(const struct sock_fprog *p)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p) < 0 ? -errno : 0;
}

int sandbox_filter_probe(void)
{
	u32 action = SECCOMP_RET_TRAP;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? -errno : 0;
}
