/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk by direct I/O, one request at a time: sequential in 1 MiB, random in
 * 4 KiB, read and written. usage: diskio DEVICE [KIND]; prints lines of
 * "DISK name requests bytes nanoseconds". Not one of the programs that run natively.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <time.h>
#include <unistd.h>

#define SEQUENTIAL (1u << 20)
#define RANDOM 4096u
#define LIMIT_NS 3000000000ull /* of each kind */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t random64(void)
{
	static uint64_t x = 0x2545f4914f6cdd1d;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static const struct kind {
	const char *name;
	uint32_t block;
	int write;
} kinds[] = {
	{ "seqread", SEQUENTIAL, 0 },
	{ "seqwrite", SEQUENTIAL, 1 },
	{ "randread", RANDOM, 0 },
	{ "randwrite", RANDOM, 1 },
};

/* Until the time is up; sequential ones begin again at the device's end. */
static void run(int fd, const struct kind *k, uint64_t size)
{
	uint64_t start = now_ns(), at = 0, count = 0, blocks = size / k->block, end;
	uint32_t block = k->block;
	char *buffer = aligned_alloc(4096, block);

	if (!buffer)
		fail("memory");
	memset(buffer, 0x5a, block);
	do {
		off_t offset = (off_t)((block == RANDOM ? random64() % blocks :
							  at++ % blocks) * block);
		ssize_t n = k->write ? pwrite(fd, buffer, block, offset) :
				    pread(fd, buffer, block, offset);

		if (n != (ssize_t)block)
			fail(k->name);
		count++;
		end = now_ns();
	} while (end - start < LIMIT_NS);
	printf("DISK %s %llu %llu %llu\n", k->name, (unsigned long long)count,
	       (unsigned long long)(count * block), (unsigned long long)(end - start));
	free(buffer);
}

int main(int argc, char **argv)
{
	const char *only = argc == 3 ? argv[2] : "";
	int fd = argc >= 2 ? open(argv[1], O_RDWR | O_DIRECT) : -1;
	uint64_t size;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0)
		fail("diskio");
	puts(""); /* firmware may have left half a line */
	for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (!*only || !strcmp(only, kinds[i].name))
			run(fd, &kinds[i], size);
	return fsync(fd) ? 1 : 0;
}
