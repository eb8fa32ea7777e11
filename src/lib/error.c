/* SPDX-License-Identifier: Apache-2.0 */
/* One line for the operator. */
#include <trivet/error.h>
#include <trivet/fmt.h>

int error_set(struct error *err, int code, const char *format, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, format);
	fmt_vsnprintf(err->msg, sizeof err->msg, format, ap);
	va_end(ap);
	return code;
}
