/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the test kernels share: results on COM1, traps that are recorded instead
 * of being fatal, ring 3, paging. Width-neutral: ulong is the machine word.
 */
#ifndef KERNELS_LIB_H
#define KERNELS_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned long ulong;

#ifdef __x86_64__
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_USER_CODE32 0x1b
#define SEL_USER_DATA 0x23
#define SEL_USER_CODE 0x2b
#define SEL_CODE32 0x30
#define SEL_TEST 0x38 /* 38h..68h are free for a test */
#define SEL_SYSENTER 0x70
#else
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_USER_CODE 0x1b
#define SEL_USER_DATA 0x23
#define SEL_CODE16 0x28
#define SEL_DATA16 0x30
#define SEL_TEST 0x38
#endif
#define SEL_TSS 0x100

#define VECTOR_LEAVE 0x81

enum { DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF, MF = 16,
       AC, MC, XM };

/* Results. Each prints one line "PASS name" or "FAIL name: ...". */
void check(bool ok, const char *name);
void check_eq(u64 got, u64 want, const char *name);
void check_skip(const char *name, const char *why);
void serial_init(void);
void print(const char *s);
void print_hex(u64 v);
void print_dec(u64 v);
/* Ends the run at once through port f4h. */
void finish(void) __attribute__((noreturn));
/* Each kernel's own part. */
void test_main(void);

/* Port and register access. */
static inline void outb(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
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
static inline u64 rdmsr(u32 index)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	return (u64)high << 32 | low;
}
static inline void wrmsr(u32 index, u64 v)
{
	__asm__ volatile("wrmsr" : : "c"(index), "a"((u32)v), "d"((u32)(v >> 32)));
}
static inline u64 rdtsc(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}
struct cpuid {
	u32 eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx),
			 "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}
/* Leaf 7 bits, 0 when there is no leaf 7. */
struct cpuid cpuid7(void);

#define READ_REG(name, reg)                                            \
	static inline ulong read_##name(void)                          \
	{                                                              \
		ulong v;                                               \
		__asm__ volatile("mov %%" #reg ", %0" : "=r"(v));      \
		return v;                                              \
	}                                                              \
	static inline void write_##name(ulong v)                       \
	{                                                              \
		__asm__ volatile("mov %0, %%" #reg : : "r"(v) : "memory"); \
	}
READ_REG(cr0, cr0)
READ_REG(cr2, cr2)
READ_REG(cr3, cr3)
READ_REG(cr4, cr4)
READ_REG(dr0, dr0)
READ_REG(dr1, dr1)
READ_REG(dr6, dr6)
READ_REG(dr7, dr7)
#ifdef __x86_64__
READ_REG(cr8, cr8)
#endif
static inline ulong read_flags(void)
{
	ulong v;

	__asm__ volatile("pushf; pop %0" : "=r"(v) : : "memory");
	return v;
}
static inline void write_flags(ulong v)
{
	__asm__ volatile("push %0; popf" : : "r"(v) : "memory", "cc");
}
static inline void invlpg(ulong address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

#define CR0_PE 1u
#define CR0_MP 2u
#define CR0_EM 4u
#define CR0_TS 8u
#define CR0_NE 0x20u
#define CR0_WP 0x10000u
#define CR0_AM 0x40000u
#define CR0_PG 0x80000000u
#define CR4_VME 1u
#define CR4_DE 8u
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR4_PGE 0x80u
#define CR4_OSFXSR 0x200u
#define CR4_OSXMMEXCPT 0x400u
#define CR4_UMIP 0x800u
#define CR4_FSGSBASE 0x10000u
#define CR4_PCIDE 0x20000u
#define CR4_OSXSAVE 0x40000u
#define CR4_SMEP 0x100000u
#define CR4_SMAP 0x200000u
#define FLAG_CF 1u
#define FLAG_ZF 0x40u
#define FLAG_TF 0x100u
#define FLAG_IF 0x200u
#define FLAG_DF 0x400u
#define FLAG_IOPL 0x3000u
#define FLAG_NT 0x4000u
#define FLAG_RF 0x10000u
#define FLAG_VM 0x20000u
#define FLAG_AC 0x40000u
#define FLAG_ID 0x200000u
#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS 0xc0000102u

/* What an interrupt entry saves. */
struct frame {
#ifdef __x86_64__
	ulong r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
	ulong vector, error, ip, cs, flags, sp, ss;
#else
	ulong gs, fs, es, ds, di, si, bp, unused_sp, bx, dx, cx, ax;
	ulong vector, error, ip, cs, flags, sp, ss, v_es, v_ds, v_fs, v_gs;
#endif
};

/*
 * The last trap. at says where its saved IP points: to the instruction of a TRY
 * (as a fault's must), after it (as a trap's must) or elsewhere. A fault at a
 * TRY goes on after it; a fault elsewhere ends the run.
 */
enum trap_at { AT_OTHER, AT_START, AT_END };
struct trap {
	unsigned count;
	ulong vector, error, ip, cs, flags, sp, ss, cr2, dr6;
	enum trap_at at;
};
extern volatile struct trap trap_last;
void trap_clear(void);
/* Takes a vector over; NULL gives it back. The hook runs instead of recording. */
typedef void trap_hook(struct frame *f);
void trap_set_hook(unsigned vector, trap_hook *hook);

#define TRY_TEXT(insn)                                                   \
	"771:\t" insn "\n772:\n\t.pushsection .fixups, \"a\"\n\t"         \
	".long 771b, 772b\n\t.popsection\n\t"
/* For code that runs in ring 3: trap_clear() is the caller's. */
#define TRY_USER(insn, ...) __asm__ volatile(TRY_TEXT(insn) : __VA_ARGS__)
#define TRY(insn, ...)                                                   \
	do {                                                             \
		trap_clear();                                            \
		__asm__ volatile(TRY_TEXT(insn) : __VA_ARGS__);           \
	} while (0)

/* For a jump: a fault elsewhere goes on after the TRY too, on the same stack. */
extern ulong trap_escape, trap_escape_sp;
#ifdef __x86_64__
#define SP_NAME "%%rsp"
#else
#define SP_NAME "%%esp"
#endif
#define TRY_JUMP(insn, ...)                                                  \
	do {                                                                 \
		trap_clear();                                                \
		__asm__ volatile("movl $772f, trap_escape\n"                 \
				 "mov " SP_NAME ", trap_escape_sp\n"         \
				 TRY_TEXT(insn) "movl $0, trap_escape\n"     \
				 "mov trap_escape_sp, " SP_NAME : __VA_ARGS__); \
	} while (0)

void check_fault(unsigned vector, ulong error, const char *name);
void check_trap(unsigned vector, const char *name); /* IP after the insn */
void check_no_trap(const char *name);
void check_page_fault(ulong error, ulong address, const char *name);

/* IDT. gates: type and DPL, present bit as given in attr (8eh: interrupt). */
struct gate {
	u16 low, selector;
	u8 ist, attr;
	u16 mid;
#ifdef __x86_64__
	u32 high, zero;
#endif
};
struct __attribute__((packed)) pointer {
	u16 limit;
	ulong base;
};
extern struct gate idt[256];
extern u64 gdt[64];
extern struct pointer gdt_pointer, idt_pointer;
extern struct pointer entry_idt_pointer; /* 32-bit kernels: what the loader left */
void idt_set(unsigned vector, ulong entry, unsigned selector, unsigned attr,
	     unsigned ist);
void idt_reset(unsigned vector); /* to the recording entry, DPL 0 */
void gdt_set_tss(unsigned selector, void *base, u32 limit);

/* Ring 3: code and data there are marked; the rest is not reachable. */
#define USER_TEXT __attribute__((section(".user.text"), noinline, used))
#define USER_DATA __attribute__((section(".user.data"), used))
extern ulong user_call(ulong (*fn)(ulong), ulong arg);
extern void user_leave(void);
extern ulong user_return_sp, user_flags, user_cs;
extern u8 tss[];

/* Pages. */
#define PTE_P 1ull
#define PTE_W 2ull
#define PTE_U 4ull
#define PTE_A 0x20ull
#define PTE_D 0x40ull
#define PTE_PS 0x80ull
#define PTE_G 0x100ull
#define PTE_NX (1ull << 63)
#define PAGE 4096ul
ulong page_alloc(void); /* zeroed, identity-mapped */
#ifdef __x86_64__
extern u64 boot_pml4[], boot_pd[];
#define TEST_WINDOW 0x8000000000ul
/* The entry that maps virt at level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB), tables made
 * as needed. */
u64 *page_entry(u64 *pml4, ulong virt, int level);
void page_map(ulong virt, ulong phys, u64 flags); /* 4 KiB, in boot_pml4 */
#endif

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
