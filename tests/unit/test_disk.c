/* SPDX-License-Identifier: Apache-2.0 */
/* Disk images: both backends against a model in memory, and what can go wrong. */
// LIBS: build/obj/asan/src/host/disk.c.o build/obj/asan/src/host/disk_io.c.o build/obj/asan/src/host/disk_worker.c.o build/obj/asan/src/host/disk_uring.c.o build/obj/asan/src/host/log.c.o build/obj/asan/src/host/terminal.c.o build/obj/asan/src/host/sandbox*.c.o -lseccomp build/obj/asan/libtrivet.a -luring
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/host/disk.h"

#define LANES BLOCK_REQUESTS_MAX
#define LANE_SIZE ((u64)131072)
#define IMAGE_SIZE (LANES * LANE_SIZE)
#define OP_MAX ((u64)65536)
#define ROUNDS 150 /* operations of each lane */

static struct vm vm;

/* One request in flight at a time, on a part of the image of its own. */
struct lane {
	struct block_request r;
	struct mem_segment segments[BLOCK_SEGMENTS_MAX];
	u8 buffer[OP_MAX];
	unsigned index, left;
	unsigned seed;
	struct bench *bench;
};

struct bench {
	struct disk *disk;
	struct lane lanes[LANES];
	u8 *model;
	unsigned ends, bad, at_once;
};

static unsigned roll(struct lane *l, unsigned n)
{
	return (unsigned)rand_r(&l->seed) % n;
}

/* Cuts the buffer into segments of any size. */
static void cut(struct lane *l)
{
	unsigned pieces = 1 + roll(l, roll(l, 2) ? 3 : BLOCK_SEGMENTS_MAX);
	u64 at = 0;

	l->r.count = 0;
	while (at < l->r.length) {
		u64 n = l->r.length - at;

		if (l->r.count + 1 < pieces)
			n = 1 + roll(l, (unsigned)n);
		l->segments[l->r.count++] = (struct mem_segment){ l->buffer + at, gpa(at),
								  (u32)n };
		at += n;
	}
	l->r.segments = l->segments;
}

static void lane_done(struct block_request *r, int result);

static void lane_next(struct lane *l)
{
	struct blockdev *b = disk_blockdev(l->bench->disk);
	static const enum block_op ops[] = { BLOCK_READ, BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE,
					     BLOCK_WRITE_ZEROES, BLOCK_DISCARD, BLOCK_FLUSH };
	enum block_op op = ops[roll(l, ARRAY_SIZE(ops))];

	l->r = (struct block_request){ .op = op, .done = lane_done };
	if (op != BLOCK_FLUSH) {
		l->r.length = 512 * (1 + roll(l, OP_MAX / 512));
		l->r.offset = l->index * LANE_SIZE +
			      512 * roll(l, (unsigned)(LANE_SIZE - l->r.length) / 512 + 1);
		l->r.durable = op != BLOCK_READ && !roll(l, 10);
		l->r.unmap = op == BLOCK_WRITE_ZEROES && roll(l, 2);
	}
	if (op == BLOCK_READ || op == BLOCK_WRITE)
		cut(l);
	if (op == BLOCK_WRITE)
		memset(l->buffer, (int)roll(l, 256), l->r.length);
	if (op == BLOCK_READ && b->ops->at_once(b, &l->r)) {
		l->bench->at_once++;
		lane_done(&l->r, 0);
		return;
	}
	b->ops->submit(b, &l->r);
}

/* With vm.lock held. What was discarded is set to zeroes on the file systems here. */
static void lane_done(struct block_request *r, int result)
{
	struct lane *l = CONTAINER_OF(r, struct lane, r);
	u8 *model = l->bench->model + r->offset;

	l->bench->ends++;
	l->bench->bad += result != 0;
	if (r->op == BLOCK_READ)
		l->bench->bad += memcmp(l->buffer, model, r->length) != 0;
	else if (r->op == BLOCK_WRITE)
		memcpy(model, l->buffer, r->length);
	else if (r->op != BLOCK_FLUSH)
		memset(model, 0, r->length);
	if (--l->left) {
		lane_next(l);
		disk_blockdev(l->bench->disk)->ops->commit(disk_blockdev(l->bench->disk));
	}
}

static char path[] = "/tmp/trivet-disk-XXXXXX";

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/trivet-disk-XXXXXX");
	fd = mkstemp(path);
	assert_int_equal(ftruncate(fd, IMAGE_SIZE), 0);
	close(fd);
	signal(SIGXFSZ, SIG_IGN); /* as the program does */
	platform_mutex_init(&vm.lock);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	platform_mutex_fini(&vm.lock);
	return 0;
}

static struct disk *open_disk(enum disk_way way)
{
	struct vm_disk what = { .path = path, .way = way };
	struct error err = { "" };
	struct disk *d = NULL;

	if (disk_open(&what, 3, &d, &err) || disk_attach(d, &vm, &err))
		fail_msg("%s", err.msg);
	return d;
}

static void run_lanes(enum disk_way way)
{
	struct bench *b = calloc(1, sizeof *b);
	u8 *found = malloc(IMAGE_SIZE);
	int fd;

	b->model = calloc(1, IMAGE_SIZE);
	b->disk = open_disk(way);
	platform_mutex_lock(&vm.lock);
	for (unsigned i = 0; i < LANES; i++) {
		b->lanes[i].index = i;
		b->lanes[i].left = ROUNDS;
		b->lanes[i].seed = 77 + i;
		b->lanes[i].bench = b;
		lane_next(&b->lanes[i]);
	}
	disk_blockdev(b->disk)->ops->commit(disk_blockdev(b->disk));
	platform_mutex_unlock(&vm.lock);
	disk_drain(b->disk);
	assert_int_equal(b->ends, LANES * ROUNDS);
	assert_int_equal(b->bad, 0);
	disk_close(b->disk);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, found, IMAGE_SIZE), IMAGE_SIZE);
	close(fd);
	assert_memory_equal(found, b->model, IMAGE_SIZE);
	free(found);
	free(b->model);
	free(b);
}

static void test_threads(void **state)
{
	(void)state;
	run_lanes(DISK_THREADS);
}

static void test_uring(void **state)
{
	(void)state;
	run_lanes(DISK_AUTO);
}

/* --- one request at a time ---------------------------------------------------- */

struct one {
	struct block_request r;
	int result;
};

static void one_done(struct block_request *r, int result)
{
	CONTAINER_OF(r, struct one, r)->result = result;
}

static int one(struct disk *d, enum block_op op, u64 offset, u64 length)
{
	static u8 buffer[2 * OP_MAX];
	struct mem_segment s = { buffer, gpa(0), (u32)length };
	struct one o = { .r = { .op = op, .offset = offset, .length = length,
				.segments = &s, .count = 1, .done = one_done },
			 .result = 1 };
	struct blockdev *b = disk_blockdev(d);

	platform_mutex_lock(&vm.lock);
	b->ops->submit(b, &o.r);
	b->ops->commit(b);
	platform_mutex_unlock(&vm.lock);
	disk_drain(d);
	return o.result;
}

static u64 image_length(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (u64)st.st_size;
}

/* Faults, told on stderr; how many lines that were. */
static unsigned log_lines(void (*body)(enum disk_way), enum disk_way way)
{
	char text[2048];
	int saved = dup(STDERR_FILENO), fds[2];
	unsigned lines = 0;
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	body(way);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	n = read(fds[0], text, sizeof text);
	close(fds[0]);
	for (ssize_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

static void truncate_body(enum disk_way way)
{
	struct disk *d = open_disk(way);

	assert_int_equal(one(d, BLOCK_WRITE, IMAGE_SIZE - 512, 512), 0);
	assert_int_equal(truncate(path, 10000), 0);
	assert_int_equal(one(d, BLOCK_READ, 0, 4096), 0);
	assert_int_equal(one(d, BLOCK_READ, 8192, 4096), -EIO); /* half there */
	assert_int_equal(one(d, BLOCK_READ, 1 << 20, 4096), -EIO);
	/* a write would make the file grow again, with a hole where data was */
	assert_int_equal(one(d, BLOCK_WRITE, 1 << 20, 4096), -EIO);
	assert_int_equal(one(d, BLOCK_WRITE_ZEROES, 1 << 20, 4096), -EIO);
	assert_int_equal(one(d, BLOCK_FLUSH, 0, 0), 0);
	assert_int_equal(image_length(), 10000);
	disk_close(d);
}

static void test_truncated(void **state)
{
	(void)state;
	/* the first fault, and at the end how many */
	assert_int_equal(log_lines(truncate_body, DISK_THREADS), 2);
	assert_int_equal(truncate(path, IMAGE_SIZE), 0);
	assert_int_equal(log_lines(truncate_body, DISK_AUTO), 2);
}

static void limit_body(enum disk_way way)
{
	struct rlimit old, limit;
	struct disk *d = open_disk(way);

	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 1 << 20;
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(one(d, BLOCK_WRITE, 4096, 4096), 0);
	assert_int_equal(one(d, BLOCK_WRITE, 2 << 20, 4096), -EFBIG);
	/* up to the limit and no further: not all of it */
	assert_int_not_equal(one(d, BLOCK_WRITE, (1 << 20) - 4096, 8192), 0);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(one(d, BLOCK_WRITE, 2 << 20, 4096), 0);
	disk_close(d);
}

static void test_file_limit(void **state)
{
	(void)state;
	assert_int_equal(log_lines(limit_body, DISK_THREADS), 2);
	assert_int_equal(log_lines(limit_body, DISK_AUTO), 2);
}

static void test_locks(void **state)
{
	struct vm_disk what = { .path = path };
	struct vm_disk ro = { .path = path, .read_only = true };
	struct disk *first, *second;
	struct error err;

	(void)state;
	first = open_disk(DISK_AUTO);
	assert_int_equal(disk_open(&what, 1, &second, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "in use"));
	assert_int_equal(disk_open(&ro, 1, &second, &err), -EBUSY);
	disk_close(first);
	assert_int_equal(disk_open(&ro, 0, &first, &err), 0);
	assert_int_equal(disk_open(&ro, 1, &second, &err), 0);
	disk_close(second);
	assert_int_equal(disk_open(&what, 1, &second, &err), -EBUSY);
	disk_close(first);
}

static void test_identity(void **state)
{
	struct vm_disk what = { .path = path, .read_only = true, .serial = "a-serial-of-20-chars" };
	struct disk *d = open_disk(DISK_THREADS);
	struct error err;

	(void)state;
	assert_string_equal(disk_blockdev(d)->serial, "trivet-3");
	assert_string_equal(disk_blockdev(d)->how, "threads");
	assert_true(disk_blockdev(d)->discard);
	disk_close(d);
	assert_int_equal(disk_open(&what, 0, &d, &err), 0);
	assert_string_equal(disk_blockdev(d)->serial, "a-serial-of-20-chars");
	assert_false(disk_blockdev(d)->discard);
	disk_close(d);
}

/* A kernel, or a container, that refuses io_uring: system calls from 425 to 427. */
static void refuse_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_setup + 2, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(10);
}

static void test_refused(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (!child) {
		struct vm_disk what = { .path = path, .way = DISK_URING };
		struct error err;
		struct disk *d;

		refuse_uring();
		if (disk_open(&what, 0, &d, &err) != -EPERM ||
		    !strstr(err.msg, "io=threads"))
			_exit(1);
		what.way = DISK_AUTO;
		if (disk_open(&what, 0, &d, &err) || disk_attach(d, &vm, &err))
			_exit(2);
		if (strcmp(disk_blockdev(d)->how, "threads"))
			_exit(3);
		if (one(d, BLOCK_WRITE, 0, 4096) || one(d, BLOCK_READ, 0, 4096))
			_exit(4);
		disk_close(d);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_threads),    T(test_uring), T(test_truncated), T(test_file_limit),
		T(test_locks),	    T(test_identity), T(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
