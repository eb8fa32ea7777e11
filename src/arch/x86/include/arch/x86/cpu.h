/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live x86 CPU that instruction semantics work on. The soft engine keeps
 * one per vCPU; a hardware engine fills one to emulate an instruction that
 * touched a device. Used by one thread at a time, except where said.
 */
#ifndef ARCH_X86_CPU_H
#define ARCH_X86_CPU_H

#include <arch/x86/insn.h>
#include <arch/x86/state.h>
#include <trivet/types.h>

#define X86_TLB_BITS 10
#define X86_TLB_SIZE (1u << X86_TLB_BITS)

/*
 * One translation. A tag is the page's linear address | the address space
 * number (asid) it was made under; an access not allowed has X86_TLB_NONE.
 * host = linear + addend.
 */
struct x86_tlb_entry {
	u64 tag[3]; /* by enum x86_access */
	u64 addend;
};

/* What the miss path needs and the hit path does not. */
struct x86_tlb_cold {
	u64 lin_page;
	u64 gpa_page;
	u32 global_gen; /* for a global page: c->global_gen when it was filled */
	u8 global;
	u8 valid;
};

#define X86_TLB_NONE (~(u64)0)

enum x86_access { X86_READ, X86_WRITE, X86_EXEC };

/* Translation tables by who looks: chosen by CPL, CR4.SMAP and EFLAGS.AC. */
enum x86_tlb_index {
	X86_TLB_SUPER,	    /* supervisor, user pages readable and writable */
	X86_TLB_SUPER_SMAP, /* supervisor, user pages fault */
	X86_TLB_USER,
	X86_TLB_TABLES
};

/* A pending exception or interrupt delivery. */
struct x86_fault {
	u8 vector;
	bool has_error;
	u32 error;
	u64 cr2; /* EXC_PF */
	u64 dr6; /* EXC_DB: bits to set in DR6 */
};

/* A page of guest-physical memory as the outside gives it. */
struct x86_page {
	u8 *host;      /* NULL: not RAM */
	bool writable; /* else writes vanish */
	bool code;     /* holds decoded code: every store must call code_write */
};

/*
 * What the CPU needs from the machine around it. Return values follow enum
 * x86_status: X86_OK, X86_FAULT after x86_fault(), or X86_BREAK when done and
 * the run loop must look up.
 */
struct x86_env {
	int (*io_read)(struct x86_cpu *c, u16 port, unsigned size, u32 *value);
	int (*io_write)(struct x86_cpu *c, u16 port, unsigned size, u32 value);
	int (*mmio_read)(struct x86_cpu *c, gpa_t a, unsigned size, u64 *value);
	int (*mmio_write)(struct x86_cpu *c, gpa_t a, unsigned size, u64 value);
	/* MSRs the CPU does not own (local APIC): 0, or -EINVAL for #GP */
	int (*msr_read)(struct x86_cpu *c, u32 index, u64 *value);
	int (*msr_write)(struct x86_cpu *c, u32 index, u64 value);
	u64 (*get_tpr)(struct x86_cpu *c); /* CR8 */
	void (*set_tpr)(struct x86_cpu *c, u64 cr8);
	/* The page at a (page aligned). */
	struct x86_page (*page)(struct x86_cpu *c, gpa_t a);
	/* A store of size bytes at a, on a page marked code, is about to be
	 * seen: forget what was decoded there. */
	void (*code_write)(struct x86_cpu *c, gpa_t a, unsigned size);
	/* Around a locked access that the host cannot do as one (it lies across
	 * two pages, or on a device): keeps other vCPUs' such accesses out. */
	void (*bus_lock)(struct x86_cpu *c, bool on);
	/* VMCALL, VMMCALL: 0 and *result, or -ENOSYS for #UD; NULL: always #UD */
	int (*hypercall)(struct x86_cpu *c, u64 number, const u64 args[4], u64 *result);
	/* FERR# is asserted; NULL: #MF even with CR0.NE clear */
	void (*fpu_error)(struct x86_cpu *c);
};

/* CPU model: what CPUID says and which MSRs exist. See cpuid.h. */
struct x86_cpu_model;

struct x86_cpu {
	/* --- hot: integer state ------------------------------------------ */
	u64 gpr[REG_COUNT]; /* gpr[REG_ZERO] stays 0 */
	u64 rip;	    /* while a handler runs: the NEXT instruction */
	const struct x86_insn *insn; /* the one that runs, or a block's end */
	u64 lf_res, lf_cv, lf_aux; /* lazy arithmetic flags: flags.h */
	u64 rflags;		   /* all but FL_ARITH; FL_ONE set */
	u64 seg_base[SEG_COUNT];   /* effective: 0 for CS DS ES SS in 64-bit mode */
	u32 flat;   /* bit n: segment n needs no check (base is in seg_base) */
	u8 mode;    /* enum x86_mode, from CS and EFER.LMA */
	u8 cpl;
	u8 stack_size; /* 2, 4, 8: width of the stack pointer */
	u8 irq_shadow; /* 2: set by the instruction just run; 1: now in force */
	/* The table in use for data: tlb_table[tlb_index], or while alignment is
	 * checked the empty one, where every access misses into the slow path. */
	struct x86_tlb_entry *tlb;
	u64 asid;	/* low 12 bits of a tag; never 0xfff */
	u32 attention;	/* atomic, any thread: leave the block, look around */

	/* --- translation ------------------------------------------------- */
	u32 global_gen;
	u16 next_asid;
	u8 tlb_index; /* enum x86_tlb_index, by CPL, SMAP and AC */
	struct x86_tlb_entry *tlb_table[X86_TLB_TABLES]; /* X86_TLB_SIZE each */
	struct x86_tlb_cold *tlb_cold[X86_TLB_TABLES];
	struct x86_tlb_entry *tlb_empty; /* X86_TLB_SIZE that never match */
	/* Where pieces of large pages may be cached: bits by hash of the 2 MiB
	 * region, and of the 1 GiB region for still larger ones. */
	u64 large_2m[16], large_1g[16];
	u16 *pcid_asid; /* [4096]: asid of each PCID, 0 for none */
	u64 pdpte[4];	/* PAE paging's page-directory-pointer registers */
	u64 flushes;	/* TLB flush or mode change count: keys address caches */
	u64 lookup_gen; /* bumped when a linear address may mean another block */

	/* --- the rest of the architecture --------------------------------- */
	struct x86_seg seg[SEG_COUNT];
	struct x86_dtable gdt, idt;
	u64 cr0, cr2, cr3, cr4, efer, xcr0;
	u64 dr[8];
	struct x86_msrs msr;
	u64 tsc_offset; /* guest TSC = host counter + tsc_offset */
	bool nmi_blocked;
	bool debug_watch; /* DR7 arms a data or I/O breakpoint */
	bool debug_exec;  /* DR7 arms an instruction breakpoint */
	bool ss_shadow;	  /* SS was loaded: no debug trap before the next insn */
	u64 pending_dr6;  /* data breakpoints hit by this instruction */
	u64 held_dr6;	  /* those that a load of SS hit: they trap one later */

	struct x86_fault fault; /* filled when a handler returns X86_FAULT */
	const char *error;	/* X86_ERROR */

	/* --- FPU: fpu.h ---------------------------------------------------- */
	struct x86_fxsave fx;
	u8 x87_live;  /* guest x87 state is in the host's x87 registers */
	u8 fpu_ready; /* CR0.EM=TS=0: x87 usable without a check */
	u8 sse_ready; /* CR0.EM=TS=0, CR4.OSFXSR=1 */
	u8 mxcsr_live; /* guest MXCSR (masks forced on) is in the host's */
	u32 host_mxcsr;

	const struct x86_env *env;
	void *env_ctx;
	const struct x86_cpu_model *model;
	unsigned index; /* APIC id */
};

/* The handler of the instruction calls these as `return x86_fault(...)`. */
int x86_fault(struct x86_cpu *c, u8 vector);	       /* no error code */
int x86_fault_code(struct x86_cpu *c, u8 vector, u32 error); /* with one */
static inline int x86_gp0(struct x86_cpu *c)
{
	return x86_fault_code(c, EXC_GP, 0);
}
static inline int x86_ud(struct x86_cpu *c)
{
	return x86_fault(c, EXC_UD);
}

static inline bool x86_long_mode(const struct x86_cpu *c)
{
	return (c->efer & EFER_LMA) != 0;
}
static inline bool x86_code64(const struct x86_cpu *c)
{
	return c->mode == X86_MODE_64;
}
static inline bool x86_real_mode(const struct x86_cpu *c)
{
	return !(c->cr0 & CR0_PE);
}
static inline bool x86_v86(const struct x86_cpu *c)
{
	return (c->rflags & FL_VM) != 0;
}
static inline unsigned x86_iopl(const struct x86_cpu *c)
{
	return (unsigned)(c->rflags >> FL_IOPL_SHIFT) & 3;
}

/*
 * Recomputes everything derived (mode, cpl-dependent tlb pointer, seg_base,
 * flat, stack_size, fpu_ready, sse_ready, debug_*) after a change to segments,
 * CPL, CR0, CR4, EFER, DR7 or EFLAGS.AC/VM. Bumps lookup_gen when mode changed.
 */
void x86_update_mode(struct x86_cpu *c);

/* Allocates the tables of a zeroed *c and sets power-up state. -ENOMEM. */
int x86_cpu_init(struct x86_cpu *c, const struct x86_env *env, void *env_ctx,
		 const struct x86_cpu_model *model, unsigned index);
void x86_cpu_fini(struct x86_cpu *c);
/* Between the live CPU and the common layout. */
void x86_cpu_get_state(struct x86_cpu *c, struct x86_state *st);
void x86_cpu_set_state(struct x86_cpu *c, const struct x86_state *st);

/*
 * How a handler ends: when it is done (X86_OK), straight into the handler of the
 * instruction behind it, without going back to the run loop. Instructions that run
 * stand in an array that x86_bind_end closes; c->insn says how far it went.
 */
static inline __attribute__((always_inline)) int
x86_chain(struct x86_cpu *c, const struct x86_insn *i, int status)
{
#ifdef X86_SMALL /* one at a time */
	(void)c, (void)i;
	return status;
#else
	const struct x86_insn *next = i + 1;

	if (status)
		return status;
	c->insn = next;
	c->rip += next->len;
	return next->fn(c, next);
#endif
}

/* Single-stepping traps after each element of a repeated instruction, and so do
 * data and I/O breakpoints. */
static inline bool x86_rep_single(const struct x86_cpu *c)
{
	return (c->rflags & FL_TF) || c->debug_watch;
}

/* Must the run loop be asked before the next element? */
static inline bool x86_rep_wanted(const struct x86_cpu *c)
{
	return x86_rep_single(c) || __atomic_load_n(&c->attention, __ATOMIC_RELAXED);
}

/*
 * A repeated instruction leaves with elements to go. Whatever comes in between saves
 * RF set, and an instruction breakpoint does not hit again. SDM vol. 3B 17.3.1.1.
 */
static inline int x86_rep_again(struct x86_cpu *c, const struct x86_insn *i)
{
	c->rip -= i->len;
	c->rflags |= FL_RF;
	return X86_AGAIN;
}

/* Guest TSC now. */
u64 x86_tsc(const struct x86_cpu *c);

#endif
