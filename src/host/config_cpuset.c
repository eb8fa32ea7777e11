/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of processors as text: "0,2-3", as cgroups and taskset have them. */
#include "config.h"

#include <trivet/bits.h>

#include <ctype.h>

#define CPU_MAX 63

/* A number at *text, which moves behind it; false when there is none. */
static bool cpu_parse(const char **text, unsigned *cpu)
{
	unsigned v = 0;

	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text) && v <= CPU_MAX; (*text)++)
		v = v * 10 + (unsigned)(**text - '0');
	*cpu = v;
	return v <= CPU_MAX;
}

bool cpuset_parse(const char *text, u64 *cpus)
{
	*cpus = 0;
	for (;;) {
		unsigned first, last;

		if (!cpu_parse(&text, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!cpu_parse(&text, &last) || last < first)
				return false;
		}
		for (; first <= last; first++)
			*cpus |= BIT(first);
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}
