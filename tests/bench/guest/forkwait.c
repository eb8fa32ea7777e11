/* SPDX-License-Identifier: Apache-2.0 */
/* One iteration is fork, exit of the child, wait by the parent. */
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

int main(int argc, char **argv)
{
	uint64_t n = bench_iterations(argc, argv, 100);
	uint64_t start = bench_now();

	for (uint64_t i = 0; i < n; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			_exit((int)(i & 127));
		if (pid < 0 || waitpid(pid, &status, 0) != pid ||
		    !WIFEXITED(status) || WEXITSTATUS(status) != (int)(i & 127))
			bench_fail("forkwait");
	}
	bench_report("forkwait", n, start, n);
	return 0;
}
