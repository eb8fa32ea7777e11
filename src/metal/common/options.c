/* SPDX-License-Identifier: Apache-2.0 */
/* The image's command line. */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "options.h"

/* A number with K, M or G; false when it is none. */
static bool parse_size(const char *s, size_t n, u64 *out)
{
	u64 v = 0;
	size_t i = 0;

	for (; i < n && s[i] >= '0' && s[i] <= '9'; i++)
		if (mul_overflows(v, 10, &v) || add_overflows(v, (u64)(s[i] - '0'), &v))
			return false;
	if (!i)
		return false;
	if (i + 1 == n) {
		unsigned shift = s[i] == 'K' ? 10 : s[i] == 'M' ? 20 : s[i] == 'G' ? 30 : 0;

		if (!shift || v >> (63 - shift))
			return false;
		v <<= shift;
	} else if (i != n) {
		return false;
	}
	*out = v;
	return true;
}

static bool word_is(const char *word, size_t n, const char *text)
{
	return strlen(text) == n && !strncmp(word, text, n);
}

static int parse_log(struct options *o, const char *v, size_t n)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (word_is(v, n, names[i])) {
			o->log = (enum log_level)i;
			return 0;
		}
	return -EINVAL;
}

static int parse_word(struct options *o, const char *word, size_t n, struct error *err)
{
	size_t key = 0;
	u64 v;

	while (key < n && word[key] != '=')
		key++;
	if (key < n) {
		const char *value = word + key + 1;
		size_t len = n - key - 1;

		if (word_is(word, key, "memory") && parse_size(value, len, &o->memory))
			return 0;
		if (word_is(word, key, "cpus") && parse_size(value, len, &v) && v && v <= 32) {
			o->cpus = (unsigned)v;
			return 0;
		}
		if (word_is(word, key, "testdev") && word_is(value, len, "on")) {
			o->testdev = true;
			return 0;
		}
		if (word_is(word, key, "log") && !parse_log(o, value, len))
			return 0;
	}
	return error_set(err, -EINVAL, "command line: \"%.*s\"; expected memory=512M, cpus=1 to 32, "
			 "log=error|warn|info|debug, testdev=on, or -- and the guest's command line",
			 (int)(n > 60 ? 60 : n), word);
}

int options_parse(struct options *o, const char *s, struct error *err)
{
	*o = (struct options){ .memory = MIB(256), .cpus = 1, .log = LOG_INFO, .guest = "" };
	for (;;) {
		size_t n = 0;
		int r;

		while (*s == ' ')
			s++;
		if (!*s)
			return 0;
		while (s[n] && s[n] != ' ')
			n++;
		if (word_is(s, n, "--")) {
			o->guest = s[n] ? s + n + 1 : "";
			return 0;
		}
		r = parse_word(o, s, n, err);
		if (r)
			return r;
		s += n;
	}
}
