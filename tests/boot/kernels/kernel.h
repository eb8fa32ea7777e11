/* SPDX-License-Identifier: Apache-2.0 */
/* What the small test kernels share. */
#ifndef TEST_KERNEL_H
#define TEST_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct multiboot {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline;
	u32 mods_count, mods_addr;
};
struct module {
	u32 start, end, string, pad;
};

void kmain(const struct multiboot *mb);

static inline void outb(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static inline void outw(u16 port, u16 v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}
static inline void outl(u16 port, u32 v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}
static inline u8 inb(u16 port)
{
	u8 v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline u32 inl(u16 port)
{
	u32 v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void putc(char c)
{
	while (!(inb(0x3fd) & 0x20))
		;
	outb(0x3f8, (u8)c);
}
static inline void puts(const char *s)
{
	while (*s)
		putc(*s++);
}
static inline void put_number(u32 v)
{
	char text[12];
	int n = 0;

	do
		text[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		putc(text[--n]);
}

/* Status (code << 1) | 1. */
static inline void __attribute__((noreturn)) finish(u32 code)
{
	outl(0xf4, code);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* The number after "key=" on the command line, or other. */
static inline u32 option(const struct multiboot *mb, const char *key, u32 other)
{
	const char *s = mb->flags & 4 ? (const char *)mb->cmdline : "";

	for (; *s; s++) {
		const char *a = s, *k = key;
		u32 v = 0;

		while (*k && *a == *k)
			a++, k++;
		if (*k || *a != '=')
			continue;
		for (a++; *a >= '0' && *a <= '9'; a++)
			v = v * 10 + (u32)(*a - '0');
		return v;
	}
	return other;
}

/* xorshift64: the same numbers for the same seed. */
static inline u32 random_next(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (u32)(*state >> 16);
}

#endif
