/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/self/smaps (proc(5)): each mapping's addresses, then its figures in KiB.
 * A mapping that holds guest RAM counts as the guest's.
 */
#include "memuse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int memuse_open(void)
{
	int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Does [start, end) hold guest RAM? */
static bool holds_ram(const struct vm *vm, u64 start, u64 end)
{
	for (unsigned i = 0; i < vm->mem.count; i++) {
		u64 host = (u64)(uintptr_t)vm->mem.slots[i].host;

		if (start < host + vm->mem.slots[i].size && host < end)
			return true;
	}
	return false;
}

struct parse {
	const struct vm *vm;
	struct memuse *m;
	bool guest;   /* the mapping that the lines are about */
	bool any;
};

static void parse_line(struct parse *p, const char *line)
{
	unsigned long long start, end, kib;

	if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
		p->guest = holds_ram(p->vm, start, end);
	else if (sscanf(line, "Rss: %llu kB", &kib) == 1)
		p->m->guest_resident += p->guest ? kib << 10 : 0;
	/* huge pages of hugetlbfs are in no other figure */
	else if (sscanf(line, "Private_Hugetlb: %llu kB", &kib) == 1 ||
		 sscanf(line, "Shared_Hugetlb: %llu kB", &kib) == 1)
		p->m->guest_resident += p->guest ? kib << 10 : 0;
	else if (sscanf(line, "Pss: %llu kB", &kib) == 1) {
		p->m->monitor_pss += p->guest ? 0 : kib << 10;
		p->any = true;
	}
}

/* Whole lines of buf[0..n); returns how many bytes are left of a broken one. */
static size_t parse_lines(struct parse *p, char *buf, size_t n)
{
	char *line = buf, *end;

	while ((end = memchr(line, '\n', n - (size_t)(line - buf))) != NULL) {
		*end = 0;
		parse_line(p, line);
		line = end + 1;
	}
	n -= (size_t)(line - buf);
	memmove(buf, line, n);
	return n;
}

int memuse_read(int fd, const struct vm *vm, struct memuse *m)
{
	struct parse p = { .vm = vm, .m = m };
	char buf[8192];
	size_t kept = 0;
	off_t at = 0;
	ssize_t n;

	*m = (struct memuse){ 0 };
	for (unsigned i = 0; i < vm->mem.count; i++)
		m->guest_size += vm->mem.slots[i].size;
	if (fd < 0)
		return -EBADF;
	while ((n = pread(fd, buf + kept, sizeof buf - kept, at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		kept = parse_lines(&p, buf, kept + (size_t)n);
		if (kept == sizeof buf)
			kept = 0; /* no line is that long */
	}
	return p.any ? 0 : -ENODATA;
}
