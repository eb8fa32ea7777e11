/* SPDX-License-Identifier: Apache-2.0 */
/* Lines to the operator, on stderr. */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include <stdarg.h>
#include <trivet/platform.h>

/* "trivet: " and one line. Any thread; right in a raw terminal too. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Text as it is, each \n fit for a raw terminal. */
void log_text(const char *text);

/*
 * What the freestanding rooms say. The environment's TRIVET_LOG=error, warn (the
 * default), info or debug chooses the level; a guest that provokes more than a
 * few lines a second has the rest counted and dropped.
 */
void log_guest_line(enum log_level level, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));

#endif
