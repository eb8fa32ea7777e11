/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory on huge pages that the administrator set aside (vm.nr_hugepages;
 * Linux's Documentation/admin-guide/mm/hugetlbpage.rst). They are reserved when
 * they are mapped, so that a guest never dies of a page that is not there; where
 * they do not suffice, memory is as ever, and transparent huge pages do what they
 * can.
 */
#include "hugepages.h"
#include "log.h"

#include <trivet/bits.h>
#include <trivet/platform.h>

#include <stdio.h>
#include <sys/mman.h>

#define HUGE_SIZE MIB(2)

static void *reserve(u64 size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, size, MADV_DONTDUMP);
	return p;
}

static u64 pages_free(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	unsigned long long n = 0;

	if (f && fscanf(f, "%llu", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

void *hugepages_alloc(u64 size)
{
	u64 whole = align_up(size, HUGE_SIZE);
	void *p = size < HUGE_SIZE ? NULL : reserve(whole);

	/* a few pages of firmware are no case for it */
	if (p || size < HUGE_SIZE)
		return p ? p : platform_ram_alloc(size);
	log_line("hugepages: %llu of 2 MiB needed for %lluM of guest memory, %llu are free; "
		 "going on with transparent ones",
		 (unsigned long long)(whole / HUGE_SIZE),
		 (unsigned long long)(whole >> 20), (unsigned long long)pages_free());
	return platform_ram_alloc(size);
}
