/* SPDX-License-Identifier: Apache-2.0 */
/* The console's output queue and its input, against pipes and files. */
// LIBS: build/obj/asan/src/host/console.c.o build/obj/asan/src/host/outq.c.o build/obj/asan/src/host/terminal.c.o build/obj/asan/src/host/log.c.o build/obj/asan/src/host/sandbox*.c.o -lseccomp build/obj/asan/libtrivet.a
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/host/console.h"
#include "../../src/host/outq.h"


#define MEGABYTE ((size_t)1 << 20)

/* What the log said on stderr while it was redirected, in text. */
struct capture {
	int saved, pipe[2];
	char text[1024];
};

static void capture_start(struct capture *c)
{
	assert_int_equal(pipe(c->pipe), 0);
	c->saved = dup(STDERR_FILENO);
	dup2(c->pipe[1], STDERR_FILENO);
}

static void capture_end(struct capture *c)
{
	ssize_t n;

	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	close(c->pipe[1]);
	n = read(c->pipe[0], c->text, sizeof c->text - 1);
	c->text[n < 0 ? 0 : n] = 0;
	close(c->pipe[0]);
}

static size_t read_all(int fd, u8 *p, size_t max)
{
	size_t have = 0;
	ssize_t n;

	while (have < max && (n = read(fd, p + have, max - have)) > 0)
		have += (size_t)n;
	return have;
}

static void queue_keeps_order(void **state)
{
	char path[] = "/tmp/trivet-outq-XXXXXX";
	int fd = mkstemp(path);
	size_t size = 3 * MEGABYTE, put = 0;
	u8 *out = malloc(size), *in = malloc(size + 1);
	struct outq *q;

	(void)state;
	unlink(path);
	for (size_t i = 0; i < size; i++)
		out[i] = (u8)(i * 7 + i / 4096);
	assert_int_equal(outq_open(fd, "file", &q), 0);
	while (put < size) { /* pieces of all sizes, around the ring's end too */
		size_t n = 1 + put % 9973;

		n = n < size - put ? n : size - put;
		while (outq_full(q))
			outq_wait(q);
		(void)outq_put(q, out + put, n);
		put += n;
	}
	assert_int_equal(outq_close(q, 60000), 0);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(read_all(fd, in, size + 1), size);
	assert_memory_equal(in, out, size);
	close(fd);
	free(in);
	free(out);
}

/* A pipe that nobody empties: full is told once, what does not fit is counted. */
static void queue_tells_congestion(void **state)
{
	u8 *bytes = calloc(1, MEGABYTE);
	struct outq *q;
	int fds[2], told = 0;
	size_t have;
	u8 *in = malloc(2 * MEGABYTE);
	u64 lost;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(outq_open(fds[1], "pipe", &q), 0);
	assert_false(outq_full(q));
	for (int i = 0; i < 24; i++) /* 1.5 MiB */
		told += outq_put(q, bytes, MEGABYTE / 16);
	assert_true(told >= 1);
	assert_true(outq_full(q));
	outq_wait(q); /* 100 ms and no more */
	assert_true(outq_full(q));
	/* a reader: what was taken arrives, the rest is counted as lost */
	fcntl(fds[1], F_SETFL, O_NONBLOCK); /* a shared descriptor may be so */
	fcntl(fds[0], F_SETPIPE_SZ, 1 << 20);
	have = 0;
	/* all may be here before the thread has said that there is room; what is left
	 * in the end must find room in the pipe */
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (outq_full(q) || have < MEGABYTE / 2) {
		struct pollfd some = { .fd = fds[0], .events = POLLIN };
		ssize_t n = poll(&some, 1, 10) ? read(fds[0], in + have, 65536) : 0;

		assert_true(n >= 0);
		have += (size_t)n;
	}
	lost = outq_close(q, 60000);
	close(fds[1]);
	have += read_all(fds[0], in + have, 2 * MEGABYTE - have);
	assert_int_equal(have + lost, 24 * (MEGABYTE / 16));
	close(fds[0]);
	free(in);
	free(bytes);
}

static void queue_tells_errors_once(void **state)
{
	struct capture cap;
	struct outq *q;
	int fd = open("/dev/full", O_WRONLY);

	(void)state;
	assert_true(fd >= 0);
	capture_start(&cap);
	assert_int_equal(outq_open(fd, "/dev/full", &q), 0);
	for (int i = 0; i < 10; i++) {
		(void)outq_put(q, (const u8 *)"lost", 4);
		usleep(2000);
	}
	assert_false(outq_full(q));
	assert_int_equal(outq_close(q, 60000), 0);
	capture_end(&cap);
	close(fd);
	assert_string_equal(cap.text, "trivet: console: /dev/full: No space left on "
				      "device; the guest's output is lost from here on\n");
}

static void queue_gives_up(void **state)
{
	u8 bytes[512] = { 0 };
	struct outq *q;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	fcntl(fds[1], F_SETPIPE_SZ, 4096);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 8; i++)
		assert_int_equal(write(fds[1], bytes, sizeof bytes), 512);
	assert_int_equal(outq_open(fds[1], "pipe", &q), 0);
	(void)outq_put(q, bytes, 100);
	assert_int_equal(outq_close(q, 50), 100);
	/* the abandoned thread ends as soon as its descriptor breaks */
	signal(SIGPIPE, SIG_IGN);
	close(fds[0]);
	usleep(300000);
	close(fds[1]);
}

/* A device that takes a few bytes at a time. */
struct device {
	u8 got[8192];
	size_t count, room;
};

static size_t device_receive(void *ctx, const u8 *data, size_t n)
{
	struct device *d = ctx;

	n = n < d->room ? n : d->room;
	memcpy(d->got + d->count, data, n);
	d->count += n;
	d->room -= n;
	return n;
}

static void input_waits_for_the_device(void **state)
{
	struct vm *vm = calloc(1, sizeof *vm);
	struct device d = { .room = 3 };
	int fds[2], wake = eventfd(0, EFD_NONBLOCK), saved = dup(STDIN_FILENO);
	struct console *c;
	struct error err;
	u64 count;

	(void)state;
	platform_mutex_init(&vm->lock);
	assert_int_equal(pipe(fds), 0);
	dup2(fds[0], STDIN_FILENO);
	assert_int_equal(console_open("stdio", wake, &c, &err), 0);
	assert_int_equal(console_attach(c, vm, &err), 0);
	console_chardev(c)->receive = device_receive;
	console_chardev(c)->receive_ctx = &d;
	assert_int_equal(console_input_fd(c), STDIN_FILENO);
	/* Ctrl-] from a pipe is an ordinary byte */
	assert_int_equal(write(fds[1], "ab\x1dq", 4), 4);
	console_input(c);
	assert_int_equal(console_key(c), CONSOLE_KEY_NONE);
	assert_int_equal(d.count, 3);
	d.room = 100;
	console_chardev(c)->ops->input_ready(console_chardev(c));
	assert_int_equal(read(wake, &count, sizeof count), sizeof count);
	console_deliver(c);
	assert_int_equal(d.count, 4);
	assert_memory_equal(d.got, "ab\x1dq", 4);
	close(fds[1]); /* end of input: no more descriptor, and no harm */
	console_input(c);
	assert_int_equal(console_input_fd(c), -1);
	console_close(c);
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(fds[0]);
	close(wake);
	platform_mutex_fini(&vm->lock);
	free(vm);
}

/* A device that takes nothing: the host stops reading, nothing is dropped. */
static void input_is_bounded(void **state)
{
	struct vm *vm = calloc(1, sizeof *vm);
	struct device d = { 0 };
	u8 bytes[6000];
	int fds[2], wake = eventfd(0, EFD_NONBLOCK), saved = dup(STDIN_FILENO);
	struct console *c;
	struct error err;

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	platform_mutex_init(&vm->lock);
	assert_int_equal(pipe(fds), 0);
	dup2(fds[0], STDIN_FILENO);
	assert_int_equal(console_open("stdio", wake, &c, &err), 0);
	assert_int_equal(console_attach(c, vm, &err), 0);
	console_chardev(c)->receive = device_receive;
	console_chardev(c)->receive_ctx = &d;
	assert_int_equal(write(fds[1], bytes, sizeof bytes), sizeof bytes);
	for (int i = 0; i < 10 && console_input_fd(c) >= 0; i++)
		console_input(c);
	assert_int_equal(console_input_fd(c), -1);
	d.room = sizeof d.got;
	console_deliver(c);
	assert_int_equal(console_input_fd(c), STDIN_FILENO);
	console_input(c);
	assert_int_equal(d.count, sizeof bytes);
	console_close(c);
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(fds[0]);
	close(fds[1]);
	close(wake);
	platform_mutex_fini(&vm->lock);
	free(vm);
}

static void console_files(void **state)
{
	char dir[] = "/tmp/trivet-console-XXXXXX", path[64], text[16];
	struct console *c;
	struct error err;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(console_open(path, -1, &c, &err) < 0); /* and does not hang */
	assert_non_null(strstr(err.msg, "nobody reads this FIFO"));
	unlink(path);
	assert_true(console_open(dir, -1, &c, &err) < 0);

	snprintf(path, sizeof path, "%s/log", dir);
	assert_int_equal(console_open(path, -1, &c, &err), 0);
	assert_int_equal(console_attach(c, NULL, &err), 0);
	assert_int_equal(console_input_fd(c), -1);
	console_chardev(c)->ops->write(console_chardev(c), (const u8 *)"text", 4);
	console_finish(c, 60000);
	/* what comes after the end vanishes */
	console_chardev(c)->ops->write(console_chardev(c), (const u8 *)"more", 4);
	console_close(c);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof text), 4);
	assert_memory_equal(text, "text", 4);
	close(fd);
	unlink(path);
	rmdir(dir);

	assert_int_equal(console_open("none", -1, &c, &err), 0);
	assert_int_equal(console_attach(c, NULL, &err), 0);
	console_chardev(c)->ops->write(console_chardev(c), (const u8 *)"text", 4);
	assert_false(console_congested(c));
	console_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_keeps_order),
		cmocka_unit_test(queue_tells_congestion),
		cmocka_unit_test(queue_tells_errors_once),
		cmocka_unit_test(queue_gives_up),
		cmocka_unit_test(input_waits_for_the_device),
		cmocka_unit_test(input_is_bounded),
		cmocka_unit_test(console_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
