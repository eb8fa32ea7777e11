/* SPDX-License-Identifier: Apache-2.0 */
/* Results on COM1, the recording of traps, the way out. */
#include "lib.h"

#define COM1 0x3f8
#define EXIT_PORT 0xf4

extern const u32 fixups_start[], fixups_end[];
extern u8 trap_stubs[];

volatile struct trap trap_last;
ulong trap_escape, trap_escape_sp;
struct gate idt[256];
struct pointer idt_pointer = { sizeof(idt) - 1, (ulong)idt };

static trap_hook *hooks[256];
static unsigned passed, failed;
static ulong next_page = 16ul << 20;

static void put(char c)
{
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(COM1, (u8)c);
}

void serial_init(void)
{
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 0x80); /* the divisor: 115200 bit/s */
	outb(COM1, 1);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3); /* eight bits, no parity */
}

void print(const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			put('\r');
		put(*s);
	}
}

void print_hex(u64 v)
{
	print("0x");
	for (int shift = 60; shift >= 0; shift -= 4)
		if (v >> shift || !shift)
			put("0123456789abcdef"[v >> shift & 15]);
}

void print_dec(u64 v)
{
	char text[24], *p = text + sizeof(text) - 1;
	u32 small = (u32)v;

	if (v >> 32) {
		print_hex(v);
		return;
	}
	*p = 0;
	do {
		*--p = (char)('0' + small % 10);
	} while (small /= 10);
	print(p);
}

static bool result(bool ok, const char *name)
{
	print(ok ? "PASS " : "FAIL ");
	print(name);
	if (ok)
		passed++;
	else
		failed++;
	return ok;
}

void check(bool ok, const char *name)
{
	result(ok, name);
	print("\n");
}

void check_eq(u64 got, u64 want, const char *name)
{
	if (!result(got == want, name)) {
		print(": got ");
		print_hex(got);
		print(", expected ");
		print_hex(want);
	}
	print("\n");
}

void check_skip(const char *name, const char *why)
{
	print("SKIP ");
	print(name);
	print(": ");
	print(why);
	print("\n");
}

void finish(void)
{
	print("DONE ");
	print_dec(passed);
	print(" passed, ");
	print_dec(failed);
	print(" failed\n");
	outl(EXIT_PORT, failed ? 1 : 0);
	for (const char *p = "Shutdown"; *p; p++)
		outb(0x8900, (u8)*p); /* for a machine without that port */
	for (;;)
		__asm__ volatile("cli; hlt");
}

void trap_clear(void)
{
	trap_last = (struct trap){ 0 };
}

void trap_set_hook(unsigned vector, trap_hook *hook)
{
	hooks[vector] = hook;
}

static void print_last(void)
{
	print(" count ");
	print_dec(trap_last.count);
	print(" vector ");
	print_dec(trap_last.vector);
	print(" error ");
	print_hex(trap_last.error);
	print(" ip ");
	print_hex(trap_last.ip);
	print(trap_last.at == AT_START ? " (at the instruction)" :
	      trap_last.at == AT_END ? " (after it)" : " (elsewhere)");
	print(" cr2 ");
	print_hex(trap_last.cr2);
}

static void check_last(unsigned vector, ulong error, enum trap_at at,
		       bool more, const char *name)
{
	bool ok = more && trap_last.count == 1 && trap_last.vector == vector &&
		  trap_last.error == error && trap_last.at == at;

	if (!result(ok, name)) {
		print(": expected one, vector ");
		print_dec(vector);
		print(" error ");
		print_hex(error);
		print(at == AT_START ? " at the instruction" : " after it");
		print("; got");
		print_last();
	}
	print("\n");
}

void check_fault(unsigned vector, ulong error, const char *name)
{
	check_last(vector, error, AT_START, true, name);
}

void check_trap(unsigned vector, const char *name)
{
	check_last(vector, 0, AT_END, true, name);
}

void check_page_fault(ulong error, ulong address, const char *name)
{
	bool same = trap_last.cr2 == address;

	check_last(PF, error, AT_START, same, name);
	if (!same) {
		print("  expected cr2 ");
		print_hex(address);
		print("\n");
	}
}

void check_no_trap(const char *name)
{
	if (!result(trap_last.count == 0, name)) {
		print(": expected no trap; got");
		print_last();
	}
	print("\n");
}

static void unexpected(const struct frame *f)
{
	failed++;
	print("FAIL unexpected trap: vector ");
	print_dec(f->vector);
	print(" error ");
	print_hex(f->error);
	print(" ip ");
	print_hex(f->ip);
	print(" cs ");
	print_hex(f->cs);
	print(" sp ");
	print_hex(f->sp);
	print(" cr2 ");
	print_hex(read_cr2());
	print("\n");
	finish();
}

/* The fixup of a fault at ip, 0 if none; says in *at what ip is. */
static ulong fixup_find(ulong ip, enum trap_at *at)
{
	*at = AT_OTHER;
	for (const u32 *e = fixups_start; e < fixups_end; e += 2) {
		if (e[0] == ip) {
			*at = AT_START;
			return e[1];
		}
		if (e[1] == ip)
			*at = AT_END;
	}
	return 0;
}

static bool is_fault(const struct frame *f)
{
	return f->vector < 32 && f->vector != DB && f->vector != NMI &&
	       f->vector != BP && f->vector != OF;
}

void trap_handle(struct frame *f);
void trap_handle(struct frame *f)
{
	enum trap_at at;
	ulong fixup;

	if (hooks[f->vector & 255]) {
		hooks[f->vector & 255](f);
		return;
	}
	fixup = fixup_find(f->ip, &at);
	trap_last = (struct trap){
		.count = trap_last.count + 1, .vector = f->vector,
		.error = f->error, .ip = f->ip, .cs = f->cs, .flags = f->flags,
		.sp = f->sp, .ss = f->ss, .cr2 = read_cr2(), .dr6 = read_dr6(),
		.at = at,
	};
	if (!is_fault(f))
		return;
	if (!fixup && trap_escape) {
		fixup = trap_escape;
		f->cs = SEL_CODE;
	}
	if (!fixup)
		unexpected(f);
	f->ip = fixup;
}

void idt_set(unsigned vector, ulong entry, unsigned selector, unsigned attr,
	     unsigned ist)
{
	struct gate *g = &idt[vector];

	*g = (struct gate){ 0 };
	g->low = (u16)entry;
	g->mid = (u16)(entry >> 16);
#ifdef __x86_64__
	g->high = (u32)(entry >> 32);
#endif
	g->selector = (u16)selector;
	g->attr = (u8)attr;
	g->ist = (u8)ist;
}

void idt_reset(unsigned vector)
{
	idt_set(vector, (ulong)trap_stubs + 16 * vector, SEL_CODE, 0x8e, 0);
}

void gdt_set_tss(unsigned selector, void *base, u32 limit)
{
	u64 a = (ulong)base;

	gdt[selector / 8] = (limit & 0xffff) | (a & 0xffffff) << 16 |
			    0x89ull << 40 | (u64)(limit >> 16 & 15) << 48 |
			    (a >> 24 & 0xff) << 56;
#ifdef __x86_64__
	gdt[selector / 8 + 1] = a >> 32;
#endif
}

struct cpuid cpuid7(void)
{
	struct cpuid none = { 0, 0, 0, 0 };

	return cpuid(0, 0).eax >= 7 ? cpuid(7, 0) : none;
}

ulong page_alloc(void)
{
	ulong page = next_page;

	next_page += PAGE;
	memset((void *)page, 0, PAGE);
	return page;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return start;
}

void *memset(void *to, int c, size_t n)
{
	void *start = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}
