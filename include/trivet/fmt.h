/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text formatting and parsing for freestanding rooms.
 *
 * The subset of printf that is understood: %d %i %u %x %X %c %s %p %% with
 * flags '-' '0' '#', width and precision (also '*'), and the lengths hh h l ll
 * z t. Anything else is copied as it stands.
 */
#ifndef TRIVET_FMT_H
#define TRIVET_FMT_H

#include <stdarg.h>
#include <trivet/types.h>

/*
 * Writes at most size bytes to buf including the terminating NUL (nothing when
 * size is 0). Returns the length the whole text has, without the NUL.
 */
size_t fmt_snprintf(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
size_t fmt_vsnprintf(char *buf, size_t size, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));

#endif
