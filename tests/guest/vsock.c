/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock MODE PORT [N]: a vsock program for the guest.
 *   echo    serve N connections at once or in turn: what comes goes back
 *   call    connect to the host, send N bytes, end, and check that they come back
 *   many    N connections open at once, a message and its echo on each
 *   refused connect, and say what the error is
 *   close   serve one connection: say hello and close at once
 *   count   serve one connection: how many bytes came, and a sum of them
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST 2
#define MANY 1024

static void die(const char *what)
{
	printf("vsock: FAILED %s: %s\n", what, strerror(errno));
	exit(1);
}

static int dial(unsigned port)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = HOST, .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

static int serve(unsigned port)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY,
				 .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 128))
		die("listen");
	printf("vsock: listening\n");
	fflush(stdout);
	return fd;
}

static void put(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w <= 0)
			die("write");
		p += w;
		n -= (size_t)w;
	}
}

static void echo_one(int fd)
{
	uint8_t buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof buf)) > 0)
		put(fd, buf, (size_t)n);
	shutdown(fd, SHUT_RDWR);
	close(fd);
}

static int echo(unsigned port, unsigned count)
{
	int fd = serve(port);

	for (unsigned i = 0; i < count; i++) {
		int c = accept(fd, NULL, NULL);

		if (c < 0)
			die("accept");
		if (fork() == 0) {
			close(fd);
			echo_one(c);
			_exit(0);
		}
		close(c);
	}
	while (wait(NULL) > 0)
		;
	printf("vsock: served %u\n", count);
	return 0;
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 2654435761u >> 13);
}

static int call(unsigned port, size_t n)
{
	uint8_t buf[32768];
	size_t got = 0;
	ssize_t r;
	int fd = dial(port);

	if (fd < 0)
		die("connect");
	if (fork() == 0) {
		for (size_t at = 0; at < n;) {
			size_t m = n - at < sizeof buf ? n - at : sizeof buf;

			for (size_t i = 0; i < m; i++)
				buf[i] = pattern(at + i);
			put(fd, buf, m);
			at += m;
		}
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	while ((r = read(fd, buf, sizeof buf)) > 0)
		for (ssize_t i = 0; i < r; i++)
			if (buf[i] != pattern(got++)) {
				printf("vsock: FAILED at byte %zu\n", got - 1);
				return 1;
			}
	if (r < 0 || got != n)
		die("short echo");
	printf("vsock: echoed %zu\n", got);
	return 0;
}

static int many(unsigned port, unsigned count)
{
	static int fds[MANY];
	unsigned ok = 0;
	char text[32], back[32];

	for (unsigned i = 0; i < count && i < MANY; i++)
		if ((fds[i] = dial(port)) < 0)
			die("connect");
	for (unsigned i = 0; i < count; i++) {
		int n = snprintf(text, sizeof text, "message %u", i);

		put(fds[i], (uint8_t *)text, (size_t)n);
	}
	for (unsigned i = 0; i < count; i++) {
		int n = snprintf(text, sizeof text, "message %u", i), at = 0;

		while (at < n) {
			ssize_t r = read(fds[i], back + at, (size_t)(n - at));

			if (r <= 0)
				die("read");
			at += (int)r;
		}
		ok += memcmp(text, back, (size_t)n) == 0;
		close(fds[i]);
	}
	printf("vsock: many %u\n", ok);
	return 0;
}

static int refused(unsigned port)
{
	int fd = dial(port);

	printf("vsock: connect says %s\n", fd < 0 ? strerror(errno) : "yes");
	return 0;
}

static int close_at_once(unsigned port)
{
	int c = accept(serve(port), NULL, NULL);

	if (c < 0)
		die("accept");
	put(c, (const uint8_t *)"hello\n", 6);
	close(c);
	return 0;
}

static int count_bytes(unsigned port)
{
	uint8_t buf[4096];
	uint64_t n = 0, sum = 0;
	int c = accept(serve(port), NULL, NULL);
	ssize_t r;

	if (c < 0)
		die("accept");
	sleep(1); /* let the sender run into the end of its credit */
	while ((r = read(c, buf, sizeof buf)) > 0)
		for (ssize_t i = 0; i < r; i++)
			sum += buf[i] * (n++ % 251 + 1);
	printf("vsock: counted %llu %llu\n", (unsigned long long)n, (unsigned long long)sum);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	unsigned port = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 0;
	size_t n = argc > 3 ? strtoul(argv[3], NULL, 0) : 1;

	if (!strcmp(mode, "echo"))
		return echo(port, (unsigned)n);
	if (!strcmp(mode, "call"))
		return call(port, n);
	if (!strcmp(mode, "many"))
		return many(port, (unsigned)n);
	if (!strcmp(mode, "refused"))
		return refused(port);
	if (!strcmp(mode, "close"))
		return close_at_once(port);
	if (!strcmp(mode, "count"))
		return count_bytes(port);
	return 2;
}
