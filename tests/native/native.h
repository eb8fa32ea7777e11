/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction semantics against the host CPU: one instruction runs natively and
 * in the interpreter from the same registers, flags, memory, x87 and SSE state,
 * and everything is compared afterwards.
 *
 * Both see the same linear addresses: SCRATCH is mapped natively at the address
 * it has in the interpreter's RAM, and so is the instruction (CODE).
 */
#ifndef TESTS_NATIVE_H
#define TESTS_NATIVE_H

#include <arch/x86/cpu.h>

#define SCRATCH 0x600000u
#define SCRATCH_SIZE 0x2000u
#define CODE 0x800000u	     /* the instruction, then the way out */
#define CODE_TAKEN 0x40u     /* a taken branch ends this far behind it */
#define HOLE 0xa00000u	     /* not mapped */
#define SEL_CODE 0x33u	     /* selectors of both: 64-bit code, and data */
#define SEL_DATA 0x2bu
#define NO_FAULT 0xffu
#define PRELUDE_MAX 3u

struct native_regs {
	u64 gpr[16];
	u64 rflags;
	u64 taken; /* out: the branch went to CODE_TAKEN */
	u64 fault; /* out: exception vector or NO_FAULT */
	u64 cr2;   /* out: for #PF */
	u64 error; /* out: the exception's error code */
	u64 pad;
	struct x86_fxsave fx;
};

struct native_case {
	u8 code[16];
	unsigned len;
	unsigned mode; /* X86_MODE_64, or X86_MODE_32: compatibility mode */
	struct x86_insn insn;
	/* up to three instructions before it, which leave flags in every way */
	u8 prelude[PRELUDE_MAX * 8];
	unsigned prelude_len, prelude_count;
	struct x86_insn prelude_insn[PRELUDE_MAX];
	u64 target; /* address of the memory operand, when there is one */
	struct native_regs in;
	u8 mem[SCRATCH_SIZE];
};

struct native_form {
	u8 map, op;
	u8 prefix; /* 0, 66, F3, F2 */
	u8 digit;  /* ModRM.reg, or 0xff: any */
	u8 modrm;  /* x87 register form: the whole byte */
	u8 mode;
	bool w, mem, vex;
};

/* run.c: natively. Once; then each. */
void native_init(void);
void native_run(const struct native_case *t, struct native_regs *out);
u8 *native_scratch(void);
/* Can this host's user mode run 32-bit code? Before a case that does. */
bool native_has_compat(void);

/* interp.c: by src/arch/x86. */
void interp_init(void);
void interp_run(const struct native_case *t, struct native_regs *out);
u8 *interp_scratch(void);

/* forms.c: every user-mode instruction form; false when n is past the end.
 * *used says whether number n names a form at all. */
bool form_get(unsigned n, struct native_form *f, bool *used);
bool form_reads_tables(const struct native_form *f);
/* cases.c: a random case of the form, from the generator's state. */
bool case_build(const struct native_form *f, struct native_case *t);
u32 native_random(void);
void native_seed(u64 seed);
/* prelude.c: gives t its prelude, or none. After case_build's other work. */
void prelude_build(struct native_case *t);
/* undefined.c: the status flags the instruction leaves undefined. */
u64 undefined_flags(const struct native_case *t);
/* choice.c: what is the processor's own choice. Is the whole case? */
bool choice_skips(const struct native_case *t, const struct native_regs *want,
		  const struct native_regs *got);
/* The bits of register reg, REG_*, and of the flags that are compared; want: the native
 * registers afterwards. */
u64 choice_value(const struct native_case *t, const struct native_regs *want, unsigned reg);
u64 choice_flags(const struct native_case *t, const struct native_regs *want);
/* Is the x87 state? */
bool choice_fpu(const struct native_case *t, const struct native_regs *want);
/* Is CR2, after a page fault? */
bool choice_cr2(const struct native_case *t);
/* Makes what is of the scratch memory equal. */
void choice_memory(const struct native_case *t, const struct native_regs *want, u8 *native,
		   const u8 *ours);

#endif
