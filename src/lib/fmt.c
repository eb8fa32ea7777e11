/* SPDX-License-Identifier: Apache-2.0 */
/* The subset of printf that the freestanding rooms use: C11 7.21.6.1. */
#include <trivet/fmt.h>
#include <trivet/string.h>

struct out {
	char *buf;
	size_t size;
	size_t len; /* of the whole text, stored or not */
};

struct spec {
	bool left, zero, alt;
	bool has_precision;
	size_t width;
	size_t precision;
	int length; /* sizeof the argument's type; 4 when none was given */
};

/* A width beyond this is taken as this: no text here needs more. */
#define FIELD_MAX 4096

static void out_char(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void out_fill(struct out *o, char c, size_t n)
{
	while (n--)
		out_char(o, c);
}

static void out_text(struct out *o, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out_char(o, s[i]);
}

/* s, n bytes, in a field: prefix stays before any zeros. */
static void out_field(struct out *o, const struct spec *sp, const char *prefix,
		      size_t zeros, const char *s, size_t n)
{
	size_t prefix_len = strlen(prefix);
	size_t total = prefix_len + zeros + n;
	size_t pad = sp->width > total ? sp->width - total : 0;

	if (!sp->left && !sp->zero)
		out_fill(o, ' ', pad);
	out_text(o, prefix, prefix_len);
	if (!sp->left && sp->zero)
		out_fill(o, '0', pad);
	out_fill(o, '0', zeros);
	out_text(o, s, n);
	if (sp->left)
		out_fill(o, ' ', pad);
}

static void out_number(struct out *o, struct spec *sp, u64 v, unsigned base,
		       bool upper, const char *prefix)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	size_t at = sizeof text, n, zeros = 0;

	while (v) {
		text[--at] = digits[v % base];
		v /= base;
	}
	n = sizeof text - at;
	if (sp->has_precision) {
		sp->zero = false;
		zeros = sp->precision > n ? sp->precision - n : 0;
	} else if (n == 0) {
		zeros = 1;
	}
	out_field(o, sp, prefix, zeros, text + at, n);
}

static void out_string(struct out *o, struct spec *sp, const char *s)
{
	size_t n = 0;

	if (!s)
		s = "(null)";
	while ((!sp->has_precision || n < sp->precision) && s[n])
		n++;
	sp->zero = false;
	out_field(o, sp, "", 0, s, n);
}

static size_t parse_number(const char **f)
{
	size_t n = 0;

	while (**f >= '0' && **f <= '9') {
		n = n * 10 + (size_t)(**f - '0');
		if (n > FIELD_MAX)
			n = FIELD_MAX;
		(*f)++;
	}
	return n;
}

static size_t clamp_field(int v)
{
	return v > FIELD_MAX ? FIELD_MAX : (size_t)v;
}

static void parse_flags(const char **f, struct spec *sp)
{
	for (;; (*f)++) {
		if (**f == '-')
			sp->left = true;
		else if (**f == '0')
			sp->zero = true;
		else if (**f == '#')
			sp->alt = true;
		else
			return;
	}
}

static void parse_length(const char **f, struct spec *sp)
{
	sp->length = 4;
	if (**f == 'h') {
		(*f)++;
		sp->length = 2;
		if (**f == 'h') {
			(*f)++;
			sp->length = 1;
		}
	} else if (**f == 'l' || **f == 'z' || **f == 't') {
		sp->length = 8;
		if (*(*f)++ == 'l' && **f == 'l')
			(*f)++;
	}
}

/* va_list as a parameter may be an array: a struct carries it by pointer. */
struct args {
	va_list ap;
};

static void parse_spec(const char **f, struct spec *sp, struct args *args)
{
	*sp = (struct spec){ 0 };
	parse_flags(f, sp);
	if (**f == '*') {
		int w = va_arg(args->ap, int);

		(*f)++;
		if (w < 0)
			sp->left = true;
		sp->width = clamp_field(w < 0 ? (w < -FIELD_MAX ? FIELD_MAX : -w) : w);
	} else {
		sp->width = parse_number(f);
	}
	if (**f == '.') {
		(*f)++;
		sp->has_precision = true;
		if (**f == '*') {
			int p = va_arg(args->ap, int);

			(*f)++;
			sp->has_precision = p >= 0;
			sp->precision = p < 0 ? 0 : clamp_field(p);
		} else {
			sp->precision = parse_number(f);
		}
	}
	parse_length(f, sp);
}

static u64 arg_unsigned(const struct spec *sp, struct args *args)
{
	if (sp->length == 8)
		return va_arg(args->ap, u64);
	if (sp->length == 2)
		return (u16)va_arg(args->ap, unsigned);
	if (sp->length == 1)
		return (u8)va_arg(args->ap, unsigned);
	return va_arg(args->ap, unsigned);
}

static s64 arg_signed(const struct spec *sp, struct args *args)
{
	if (sp->length == 8)
		return va_arg(args->ap, s64);
	if (sp->length == 2)
		return (s16)va_arg(args->ap, int);
	if (sp->length == 1)
		return (s8)va_arg(args->ap, int);
	return va_arg(args->ap, int);
}

static void out_signed(struct out *o, struct spec *sp, s64 v)
{
	u64 magnitude = v < 0 ? 0 - (u64)v : (u64)v;

	out_number(o, sp, magnitude, 10, false, v < 0 ? "-" : "");
}

static void out_hex(struct out *o, struct spec *sp, u64 v, bool upper)
{
	const char *prefix = upper ? "0X" : "0x";

	out_number(o, sp, v, 16, upper, sp->alt && v ? prefix : "");
}

/* One conversion; false when c is none. */
static bool convert(struct out *o, struct spec *sp, char c, struct args *args)
{
	char ch;

	switch (c) {
	case 'd':
	case 'i':
		out_signed(o, sp, arg_signed(sp, args));
		return true;
	case 'u':
		out_number(o, sp, arg_unsigned(sp, args), 10, false, "");
		return true;
	case 'x':
	case 'X':
		out_hex(o, sp, arg_unsigned(sp, args), c == 'X');
		return true;
	case 'p':
		out_number(o, sp, (uintptr_t)va_arg(args->ap, void *), 16,
			   false, "0x");
		return true;
	case 'c':
		ch = (char)va_arg(args->ap, int);
		sp->zero = false;
		out_field(o, sp, "", 0, &ch, 1);
		return true;
	case 's':
		out_string(o, sp, va_arg(args->ap, const char *));
		return true;
	case '%':
		out_char(o, '%');
		return true;
	default:
		return false;
	}
}

size_t fmt_vsnprintf(char *buf, size_t size, const char *format, va_list ap)
{
	struct out o = { .buf = buf, .size = size };
	struct args args;
	struct spec sp;

	va_copy(args.ap, ap);
	for (const char *f = format; *f;) {
		const char *start = f;

		if (*f++ != '%') {
			out_char(&o, *start);
			continue;
		}
		parse_spec(&f, &sp, &args);
		if (*f && convert(&o, &sp, *f, &args))
			f++;
		else
			out_text(&o, start, (size_t)(f - start));
	}
	va_end(args.ap);
	if (size)
		buf[o.len < size ? o.len : size - 1] = '\0';
	return o.len;
}

size_t fmt_snprintf(char *buf, size_t size, const char *format, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, format);
	n = fmt_vsnprintf(buf, size, format, ap);
	va_end(ap);
	return n;
}
