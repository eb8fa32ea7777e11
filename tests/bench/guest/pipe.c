/* SPDX-License-Identifier: Apache-2.0 */
/* One iteration sends a byte to a child through a pipe and gets one back. */
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void echo(int in, int out)
{
	char c;

	while (read(in, &c, 1) == 1) {
		c++;
		if (write(out, &c, 1) != 1)
			break;
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	uint64_t n = bench_iterations(argc, argv, 2000);
	int there[2], back[2];
	uint64_t start;
	pid_t child;

	if (pipe(there) || pipe(back))
		bench_fail("pipe");
	child = fork();
	if (child == 0) {
		close(there[1]);
		close(back[0]);
		echo(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	start = bench_now();
	for (uint64_t i = 0; i < n; i++) {
		char c = (char)i, answer;

		if (write(there[1], &c, 1) != 1 || read(back[0], &answer, 1) != 1 ||
		    answer != (char)(c + 1))
			bench_fail("pipe: wrong answer");
	}
	bench_report("pipe", n, start, n);
	close(there[1]);
	waitpid(child, NULL, 0);
	return 0;
}
