/* SPDX-License-Identifier: Apache-2.0 */
/* Writing AML: ACPI 6.5, 20.2 (grammar) and 6.4 (resource descriptors). */
#include "aml.h"

#include <trivet/bits.h>
#include <trivet/string.h>

enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_EXT = 0x5b,
	AML_EXT_DEVICE = 0x82,
};

/* The length field of a package takes this many bytes at most (20.2.4). Two
 * bytes reach 4095, more than any table here. */
#define PKG_LENGTH_BYTES 2

static void put(struct aml *a, const void *bytes, size_t n)
{
	if (n > a->size - a->len) {
		a->full = true;
		return;
	}
	memcpy(a->buf + a->len, bytes, n);
	a->len += n;
}

static void put_byte(struct aml *a, unsigned b)
{
	u8 v = (u8)b;

	put(a, &v, 1);
}

static void put_name(struct aml *a, const char *name)
{
	put(a, name, strlen(name));
}

/* Leaves room for the length that aml_close writes. */
static size_t open_length(struct aml *a)
{
	size_t mark = a->len;

	for (unsigned i = 0; i < PKG_LENGTH_BYTES; i++)
		put_byte(a, 0);
	return mark;
}

size_t aml_open_scope(struct aml *a, const char *name)
{
	size_t mark;

	put_byte(a, AML_SCOPE);
	mark = open_length(a);
	put_name(a, name);
	return mark;
}

size_t aml_open_device(struct aml *a, const char *name)
{
	size_t mark;

	put_byte(a, AML_EXT);
	put_byte(a, AML_EXT_DEVICE);
	mark = open_length(a);
	put_name(a, name);
	return mark;
}

size_t aml_open_package(struct aml *a, u8 elements)
{
	size_t mark;

	put_byte(a, AML_PACKAGE);
	mark = open_length(a);
	put_byte(a, elements);
	return mark;
}

/* A buffer whose size is a byte: filled in when the template ends. */
size_t aml_open_template(struct aml *a)
{
	size_t mark;

	put_byte(a, AML_BUFFER);
	mark = open_length(a);
	put_byte(a, AML_BYTE);
	put_byte(a, 0);
	return mark;
}

/*
 * PkgLength counts itself. In its first byte bits 7:6 say how many bytes
 * follow, and bits 3:0 are the length's low four; the next holds the rest.
 */
void aml_close(struct aml *a, size_t mark)
{
	size_t n = a->len - mark;

	if (a->full)
		return;
	if (n > 0xfff) {
		a->full = true;
		return;
	}
	a->buf[mark] = (u8)(0x40 | (n & 0xf));
	a->buf[mark + 1] = (u8)(n >> 4);
}

void aml_close_template(struct aml *a, size_t mark)
{
	size_t body = mark + PKG_LENGTH_BYTES + 2;

	put_byte(a, 0x79); /* end tag, 6.4.2.9 */
	put_byte(a, 0);	   /* "checksum not computed" */
	if (a->full || a->len - body > 0xff) {
		a->full = true;
		return;
	}
	a->buf[body - 1] = (u8)(a->len - body);
	aml_close(a, mark);
}

void aml_name(struct aml *a, const char *name)
{
	put_byte(a, AML_NAME);
	put_name(a, name);
}

void aml_int(struct aml *a, u32 value)
{
	u8 le[4];

	put_le32(le, value);
	if (value <= 1) {
		put_byte(a, value ? AML_ONE : AML_ZERO);
	} else if (value <= 0xff) {
		put_byte(a, AML_BYTE);
		put(a, le, 1);
	} else if (value <= 0xffff) {
		put_byte(a, AML_WORD);
		put(a, le, 2);
	} else {
		put_byte(a, AML_DWORD);
		put(a, le, 4);
	}
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

/* Three letters of five bits, four hexadecimal digits, big-endian (19.6.36). */
void aml_eisa_id(struct aml *a, const char *id)
{
	u32 v = 0;
	u8 be[4];

	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | (u32)(id[i] - '@');
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	put_le32(be, __builtin_bswap32(v));
	put_byte(a, AML_DWORD);
	put(a, be, 4);
}

void aml_io(struct aml *a, u16 base, u8 len)
{
	u8 d[8] = { 0x47, 1 /* 16-bit decode */, 0, 0, 0, 0, 1, len }; /* 6.4.2.5 */

	put_le16(d + 2, base);
	put_le16(d + 4, base);
	put(a, d, sizeof d);
}

void aml_irq(struct aml *a, unsigned irq)
{
	u8 d[3] = { 0x22 }; /* 6.4.2.1 */

	put_le16(d + 1, (u16)BIT(irq));
	put(a, d, sizeof d);
}

void aml_memory_fixed(struct aml *a, u32 base, u32 len)
{
	u8 d[12] = { 0x86, 9, 0, 1 /* read-write */ }; /* 6.4.3.4 */

	put_le32(d + 4, base);
	put_le32(d + 8, len);
	put(a, d, sizeof d);
}

/* Address space descriptors, 6.4.3.5: the ends are fixed, the bridge produces. */
#define WINDOW_FLAGS 0x0c

void aml_bus_window(struct aml *a, u16 first, u16 last)
{
	u8 d[16] = { 0x88, 13, 0, 2 /* bus numbers */, WINDOW_FLAGS };

	put_le16(d + 8, first);
	put_le16(d + 10, last);
	put_le16(d + 14, (u16)(last - first + 1));
	put(a, d, sizeof d);
}

void aml_memory_window(struct aml *a, u32 base, u32 len)
{
	u8 d[26] = { 0x87, 23, 0, 0 /* memory */, WINDOW_FLAGS, 1 /* read-write */ };

	put_le32(d + 10, base);
	put_le32(d + 14, base + len - 1);
	put_le32(d + 22, len);
	put(a, d, sizeof d);
}
