/* SPDX-License-Identifier: Apache-2.0 */
/* One disk as text: FILE[,ro|rw][,serial=TEXT][,io=uring|threads]. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECTED "expected ,ro ,rw ,serial=TEXT ,io=uring or ,io=threads"

static int set_serial(struct vm_disk *d, const char *text, size_t n)
{
	bool ok = n >= 1 && n <= BLOCK_SERIAL_MAX;

	for (size_t i = 0; i < n && ok; i++)
		ok = isalnum((unsigned char)text[i]) || strchr("-_.", text[i]);
	if (!ok)
		return -EINVAL;
	memcpy(d->serial, text, n);
	d->serial[n] = 0;
	return 0;
}

static bool is_word(const char *text, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(text, word, n) == 0;
}

/* -ENOENT: text[0..n) is no option; -EINVAL: one with a bad value. */
static int parse_option(struct vm_disk *d, const char *text, size_t n)
{
	static const char serial[] = "serial=", io[] = "io=";

	if (is_word(text, n, "ro"))
		d->read_only = true;
	else if (is_word(text, n, "rw"))
		d->read_only = false;
	else if (is_word(text, n, "io=uring"))
		d->way = DISK_URING;
	else if (is_word(text, n, "io=threads"))
		d->way = DISK_THREADS;
	else if (n >= sizeof serial - 1 && !memcmp(text, serial, sizeof serial - 1))
		return set_serial(d, text + sizeof serial - 1, n - (sizeof serial - 1));
	else
		return n >= sizeof io - 1 && !memcmp(text, io, sizeof io - 1) ? -EINVAL :
										-ENOENT;
	return 0;
}

/*
 * Options are taken off from the end. What is before them may hold commas, but not
 * without an option behind it: a misspelt one would be taken for a file's name.
 */
int config_parse_disk(struct vm_disk *d, const char *text, char *what, size_t size)
{
	size_t n = strlen(text);
	unsigned options = 0;

	*d = (struct vm_disk){ 0 };
	for (;; options++) {
		const char *comma = memrchr(text, ',', n);
		size_t length = comma ? (size_t)(text + n - comma - 1) : 0;
		int r = comma ? parse_option(d, comma + 1, length) : 0;

		if (r == -EINVAL || (r && !options)) {
			snprintf(what, size, "'%.*s' given after the file; %s",
				 length < 40 ? (int)length + 1 : 40, comma,
				 comma[1] == 's' ? "expected ,serial= and 1 to 20 letters, "
				 "digits, '-', '_' or '.'" : EXPECTED);
			return -EINVAL;
		}
		if (!comma || r)
			break;
		n = (size_t)(comma - text);
	}
	snprintf(what, size, "%s", n ? "out of memory" :
		 "expected a file name, not nothing");
	if (!n)
		return -EINVAL;
	d->path = strndup(text, n);
	return d->path ? 0 : -ENOMEM;
}
