/* SPDX-License-Identifier: Apache-2.0 */
/* Lines to the operator: whole lines, never a flood. */
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_all(const char *p, size_t n)
{
	while (n) {
		ssize_t put = write(STDERR_FILENO, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return; /* nobody is left to be told */
		p += put;
		n -= (size_t)put;
	}
}

void log_text(const char *text)
{
	bool tty = isatty(STDERR_FILENO);
	const char *end;

	for (; (end = strchr(text, '\n')); text = end + 1) {
		write_all(text, (size_t)(end - text));
		/* a raw terminal does not return the carriage by itself */
		write_all(tty ? "\r\n" : "\n", tty ? 2 : 1);
	}
	write_all(text, strlen(text));
}

static void line_put(const char *format, va_list ap)
	__attribute__((format(printf, 1, 0)));

/* One line in one write, so that lines of two threads do not mix. */
static void line_put(const char *format, va_list ap)
{
	char line[1024] = "trivet: ";
	size_t n = strlen(line);
	int more = vsnprintf(line + n, sizeof line - n - 2, format, ap);

	n += more < 0 ? 0 : (size_t)more;
	if (n > sizeof line - 3)
		n = sizeof line - 3;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' '; /* a name from a file cannot fake a line */
	if (isatty(STDERR_FILENO))
		line[n++] = '\r';
	line[n++] = '\n';
	write_all(line, n);
}

void log_line(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	line_put(format, ap);
	va_end(ap);
}

/* platform_log has no handle, so its level and allowance live here. */
struct log_state {
	pthread_mutex_t lock;
	bool ready;
	enum log_level level;
	u64 second;
	unsigned lines, dropped;
};

#define LOG_LINES_PER_SECOND 20

static enum log_level level_wanted(void)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	const char *s = getenv("TRIVET_LOG");

	for (unsigned i = 0; s && i < ARRAY_SIZE(names); i++)
		if (strcmp(s, names[i]) == 0)
			return (enum log_level)i;
	return LOG_WARN;
}

/* True when the line may go; *dropped is what to report first. */
static bool log_admit(struct log_state *s, enum log_level level, unsigned *dropped)
{
	u64 second = platform_clock_ns() / NS_PER_SEC;
	bool ok;

	*dropped = 0;
	pthread_mutex_lock(&s->lock);
	if (!s->ready) {
		s->ready = true;
		s->level = level_wanted();
	}
	if (second != s->second) {
		s->second = second;
		s->lines = 0;
	}
	ok = level <= s->level &&
	     (s->level == LOG_DEBUG || s->lines < LOG_LINES_PER_SECOND);
	if (ok) {
		s->lines++;
		*dropped = s->dropped;
		s->dropped = 0;
	} else if (level <= s->level) {
		s->dropped++;
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
}

void log_guest_line(enum log_level level, const char *format, va_list ap)
{
	static struct log_state state = { .lock = PTHREAD_MUTEX_INITIALIZER };
	unsigned dropped;

	if (!log_admit(&state, level, &dropped))
		return;
	if (dropped)
		log_line("%u lines of the guest's doing were dropped", dropped);
	line_put(format, ap);
}
