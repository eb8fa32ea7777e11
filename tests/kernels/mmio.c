/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions whose operands are a device: the test device's memory at
 * ff000000h, mapped twice in a row so that accesses cross pages too.
 */
#include "lib/apic.h"

#define DEVICE 0xff000000ul
#define V TEST_WINDOW

static volatile u8 *const m8 = (volatile u8 *)V;
static volatile u32 *const m32 = (volatile u32 *)V;
static volatile u64 *const m64 = (volatile u64 *)V;

static void test_alu(void)
{
	volatile u32 *m = m32;
	u32 v = 0x8001;

	*m = 0x1234;
	__asm__ volatile("orl %1, %0" : "+m"(*m) : "r"(v));
	check_eq(*m, 0x9235, "or");
	__asm__ volatile("stc; adcl $0x100, %0" : "+m"(*m));
	check_eq(*m, 0x9336, "adc");
	__asm__ volatile("stc; sbbl $6, %0" : "+m"(*m));
	check_eq(*m, 0x932f, "sbb");
	__asm__ volatile("lock incl %0" : "+m"(*m));
	check_eq(*m, 0x9330, "lock-inc");
	__asm__ volatile("lock notb %0" : "+m"(*m));
	check_eq(*m, 0x93cf, "lock-notb");
	__asm__ volatile("shll $4, %0" : "+m"(*m));
	check_eq(*m, 0x93cf0, "shl");
	__asm__ volatile("shldl $8, %1, %0" : "+m"(*m) : "r"(0xab000000));
	check_eq(*m, 0x93cf0ab, "shld");
	v = 0x55;
	__asm__ volatile("xaddl %1, %0" : "+m"(*m), "+r"(v));
	check(*m == 0x93cf100 && v == 0x93cf0ab, "xadd");
	__asm__ volatile("xchgl %1, %0" : "+m"(*m), "+r"(v));
	check(*m == 0x93cf0ab && v == 0x93cf100, "xchg");
	__asm__ volatile("cmpxchgl %2, %0" : "+m"(*m) : "a"(0x93cf0ab), "r"(7) : "cc");
	check_eq(*m, 7, "cmpxchg");
	m32[0] = 1, m32[1] = 2;
	__asm__ volatile("lock cmpxchg8b %0" : "+m"(*m64) : "a"(1), "d"(2), "b"(3), "c"(4) : "cc");
	check(m32[0] == 3 && m32[1] == 4, "cmpxchg8b");
	m32[0] = m32[1] = m32[2] = m32[3] = 0;
	__asm__ volatile("btcl %1, %0" : : "m"(m32[0]), "r"(66) : "memory", "cc");
	__asm__ volatile("btsl %1, %0" : : "m"(m32[2]), "r"(-33) : "memory", "cc");
	check(m32[2] == 4 && m32[0] == 0x80000000, "bit-strings");
}

static void test_stack(void)
{
	u64 out = 0;

	__asm__ volatile("mov %%rsp, %%r8\n mov %1, %%rsp\n pushq $-7\n pushq %2\n"
			 "popq %0\n pushw $5\n popw 64(%2)\n mov %%r8, %%rsp"
			 : "=&r"(out) : "r"(V + 2048), "r"(V) : "r8", "memory");
	check(out == V && *(volatile u64 *)(V + 2040) == ~6ull && m32[16] % 65536 == 5,
	      "push-pop");
	__asm__ volatile("mov %%rsp, %%r8\n mov %1, %%rsp\n call 1f\n1: popq %0\n"
			 "mov %%r8, %%rsp"
			 : "=&r"(out) : "r"(V + 2048) : "r8", "memory");
	check(out && *(volatile u64 *)(V + 2040) == out, "call");
}

static void test_strings(void)
{
	static u8 ram[256];
	ulong si = V, di = (ulong)ram, n = 100;

	for (unsigned i = 0; i < 200; i++)
		m8[i] = (u8)i;
	__asm__ volatile("rep movsb" : "+S"(si), "+D"(di), "+c"(n) : : "memory");
	check(n == 0 && ram[99] == 99, "movs-from-device");
	ram[70]++;
	si = V, di = (ulong)ram, n = 100;
	__asm__ volatile("repe cmpsb" : "+S"(si), "+D"(di), "+c"(n) : : "memory", "cc");
	check(n == 29 && si == V + 71, "cmps-device");
	di = V, n = 100;
	__asm__ volatile("repne scasw" : "+D"(di), "+c"(n) : "a"(0x2120) : "memory", "cc");
	check(n == 83 && di == V + 0x22, "scas-device");
	di = V + 4090, n = 12;
	__asm__ volatile("rep stosb" : "+D"(di), "+c"(n) : "a"(0xa5) : "memory");
	check(m8[4095] == 0xa5 && m8[0] == 0xa5 && m8[5] == 0xa5 && m8[6] == 6,
	      "stos-across-pages");
	outl(0xe0, 0x99999999);
	di = V + 4032, n = 100;
	__asm__ volatile("rep insb" : "+D"(di), "+c"(n) : "d"(0xe0) : "memory");
	check(m8[4032] == 0x99 && m8[35] == 0x99, "ins-to-device");
	m8[0] = 0x17;
	si = V, n = 1;
	__asm__ volatile("rep outsb" : "+S"(si), "+c"(n) : "d"(0xe1) : "memory");
	check_eq(inl(0xe0), 0x99991799, "outs-from-device");
}

#define SSE_BOTH(insn)                                                            \
	do {                                                                      \
		u64 in[2] __attribute__((aligned(16))) = { 0x1122334455667788,    \
							   0x99aabbccddeeff00 };  \
		u64 out[2] __attribute__((aligned(16))) = { 0, 0 };               \
		__asm__ volatile("movdqu %2, %%xmm1\n" insn " %%xmm1, %0\n"       \
				 insn " %0, %%xmm2\n movdqu %%xmm2, %1"           \
				 : "=m"(*(volatile u64(*)[2])at), "=m"(out)       \
				 : "m"(in) : "memory");                           \
		check(out[0] == in[0] && out[1] == in[1] && at[0] == in[0] &&     \
		      at[1] == in[1], insn);                                      \
	} while (0)

static void test_sse(void)
{
	volatile u64 *at = m64;
	u64 v = 0;

	write_cr0(read_cr0() & ~(ulong)(CR0_EM | CR0_TS));
	write_cr4(read_cr4() | CR4_OSFXSR);
	SSE_BOTH("movdqu");
	SSE_BOTH("movdqa");
	SSE_BOTH("movaps");
	SSE_BOTH("movapd");
	SSE_BOTH("movups");
	at = (volatile u64 *)(V + 4096 - 8);
	SSE_BOTH("movupd");
	*m64 = 0x0102030405060708;
	__asm__ volatile("movq %1, %%mm0\n paddb %%mm0, %%mm0\n movq %%mm0, %0\n emms"
			 : "=m"(v) : "m"(*m64) : "memory");
	check_eq(v, 0x020406080a0c0e10, "movq-mmx");
	*(volatile double *)m64 = 1; /* an integer move of the bits */
	__asm__ volatile("fninit\n fldl %1\n fadd %%st(0)\n fstpl %1\n mov %1, %0"
			 : "=r"(v) : "m"(*m64) : "memory");
	check_eq(v, 0x4000000000000000, "x87-double");
	TRY("movaps %%xmm1, 8(%0)", : "r"(V) : "memory");
	check_fault(GP, 0, "movaps-misaligned");
}

static void test_crossing(void)
{
	u16 w;

	m8[4095] = 0x99;
	m8[0] = 0x77;
	__asm__ volatile("movw %1, %0" : "=r"(w) : "m"(m8[4095]));
	check_eq(w, 0x7799, "read-across-pages");
	__asm__ volatile("movw %1, %0" : "=m"(m8[4095]) : "r"((u16)0x88aa));
	check(m8[4095] == 0xaa && m8[0] == 0x88, "write-across-pages");
	__asm__ volatile("lock addw $1, %0" : "+m"(*(volatile u16 *)&m8[4095]));
	check(m8[4095] == 0xab && m8[0] == 0x88, "locked-across-pages");
}

static void test_others(void)
{
	u32 v = 0;
	ulong a = 0;

	m32[0] = 0xc0000000;
	__asm__ volatile("bsrl %1, %0" : "=r"(v) : "m"(m32[0]) : "cc");
	check_eq(v, 31, "bsr");
	m64[0] = 0x1234567812345678;
	__asm__ volatile("imulq $311, %1, %0" : "=r"(a) : "m"(m64[0]) : "cc");
	check_eq(a, 0x1d950bde1d950bc8, "imul");
	m64[0] = ~0ull;
	__asm__ volatile("smsw %0" : "+m"(*(volatile u16 *)m64));
	check(m64[0] >> 16 == ~0ull >> 16 && (u16)m64[0] == (u16)read_cr0(), "smsw");
	m64[0] = 0;
	TRY("divq %0", : "m"(m64[0]), "a"(1), "d"(2) : "cc");
	check_fault(DE, 0, "div-by-device");
	v = 5;
	__asm__ volatile("cmp %%eax, %%eax\n cmovnel %1, %0" : "+r"(v) : "m"(m32[1]) : "cc");
	check_eq(v, 5, "cmov-not-taken");
	m64[0] = 0x1111111111111111;
	TRY("jmp *%0", : "m"(m64[0]));
	check_fault(GP, 0, "jump-not-canonical");
}

static void end_repetition(struct frame *f)
{
	f->cx = 0;
	apic_write(APIC_EOI, 0);
}

/* A quarter of a thousand million elements of a device: an interrupt comes in between. */
static void test_endless(void)
{
	ulong si = 0xd0000000, n = 0x10000000;

	trap_set_hook(0x61, end_repetition);
	apic_enable();
	apic_write(APIC_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, 0x61);
	apic_write(APIC_TIMER_INITIAL, 1000000);
	__asm__ volatile("sti\n rep lodsb\n cli" : "+S"(si), "+c"(n) : : "rax", "memory");
	check(n == 0 && si >= 0xd0000000 && si < 0xe0000000, "repetition-interrupted");
	apic_write(APIC_SVR, 0xff);
}

void test_main(void)
{
	page_map(V, DEVICE, PTE_P | PTE_W);
	page_map(V + 4096, DEVICE, PTE_P | PTE_W);
	test_alu();
	test_stack();
	test_strings();
	test_sse();
	test_crossing();
	test_others();
	test_endless();
}
