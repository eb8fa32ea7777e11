/* SPDX-License-Identifier: Apache-2.0 */
/* udpecho PORT: answers each datagram with the same in capital letters. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	static char text[65536];
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	a.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 7));
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) < 0) {
		perror("udpecho");
		return 1;
	}
	for (;;) {
		socklen_t size = sizeof a;
		ssize_t n = recvfrom(s, text, sizeof text, 0, (struct sockaddr *)&a, &size);

		if (n < 0)
			continue;
		for (ssize_t i = 0; i < n; i++)
			text[i] = (char)toupper((unsigned char)text[i]);
		(void)sendto(s, text, (size_t)n, 0, (struct sockaddr *)&a, size);
	}
}
