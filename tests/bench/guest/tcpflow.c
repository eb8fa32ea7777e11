/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcpflow up|down PORT MIB: a bulk TCP transfer with the host, 10.0.2.2, which
 * takes the time. Not one of the table's programs: tests/bench/netbench.py.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[256 * 1024];

static long long push(int s, long long left)
{
	long long done = 0;

	while (left > 0) {
		ssize_t n = write(s, buffer, left < (long long)sizeof buffer ?
						     (size_t)left : sizeof buffer);
		if (n <= 0)
			break;
		done += n;
		left -= n;
	}
	shutdown(s, SHUT_WR);
	(void)!read(s, buffer, 1); /* the host's close: it has everything */
	return done;
}

static long long pull(int s)
{
	long long done = 0;
	ssize_t n;

	while ((n = read(s, buffer, sizeof buffer)) > 0)
		done += n;
	return done;
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	long long want, got;

	if (argc != 4)
		return 2;
	want = atoll(argv[3]) << 20;
	a.sin_port = htons((unsigned short)atoi(argv[2]));
	inet_pton(AF_INET, "10.0.2.2", &a.sin_addr);
	if (connect(s, (struct sockaddr *)&a, sizeof a) < 0) {
		perror("tcpflow: connect");
		return 1;
	}
	memset(buffer, 0x5a, sizeof buffer);
	got = strcmp(argv[1], "up") ? pull(s) : push(s, want);
	printf("TCPFLOW %s %lld of %lld\n", argv[1], got, want);
	return got != want;
}
