/* SPDX-License-Identifier: Apache-2.0 */
/* x86 architectural constants. SDM volume 3A unless said otherwise. */
#ifndef ARCH_X86_DEFS_H
#define ARCH_X86_DEFS_H

#include <trivet/bits.h>

enum {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
	REG_ZERO, /* always 0: no base, no index */
	REG_COUNT
};

enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_COUNT };

enum { /* exception vectors, 6.3.1 */
	EXC_DE = 0, EXC_DB = 1, EXC_NMI = 2, EXC_BP = 3, EXC_OF = 4, EXC_BR = 5,
	EXC_UD = 6, EXC_NM = 7, EXC_DF = 8, EXC_TS = 10, EXC_NP = 11,
	EXC_SS = 12, EXC_GP = 13, EXC_PF = 14, EXC_MF = 16, EXC_AC = 17,
	EXC_MC = 18, EXC_XM = 19
};

/* RFLAGS */
#define FL_CF BIT(0)
#define FL_ONE BIT(1)
#define FL_PF BIT(2)
#define FL_AF BIT(4)
#define FL_ZF BIT(6)
#define FL_SF BIT(7)
#define FL_TF BIT(8)
#define FL_IF BIT(9)
#define FL_DF BIT(10)
#define FL_OF BIT(11)
#define FL_IOPL (BIT(12) | BIT(13))
#define FL_IOPL_SHIFT 12
#define FL_NT BIT(14)
#define FL_RF BIT(16)
#define FL_VM BIT(17)
#define FL_AC BIT(18)
#define FL_VIF BIT(19)
#define FL_VIP BIT(20)
#define FL_ID BIT(21)
#define FL_ARITH (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_VME BIT(0)
#define CR4_PVI BIT(1)
#define CR4_TSD BIT(2)
#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_PCE BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE BIT(17)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NX BIT(11)

#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)

/* Page-fault error code, 4.7 */
#define PF_P BIT(0)
#define PF_W BIT(1)
#define PF_U BIT(2)
#define PF_RSVD BIT(3)
#define PF_I BIT(4)

/*
 * Segment attributes, in the layout of bits 47:40 and 55:52 of a descriptor
 * (as VMX access rights: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14,
 * G 15) plus UNUSABLE at bit 16 for a null selector.
 */
#define SA_TYPE 0xfu
#define SA_ACCESSED 0x1u
#define SA_WRITE 0x2u	 /* data: writable; code: readable */
#define SA_EXPDOWN 0x4u	 /* data: expand down; code: conforming */
#define SA_CODE 0x8u
#define SA_S 0x10u
#define SA_DPL_SHIFT 5
#define SA_DPL 0x60u
#define SA_P 0x80u
#define SA_AVL 0x1000u
#define SA_L 0x2000u
#define SA_DB 0x4000u
#define SA_G 0x8000u
#define SA_UNUSABLE 0x10000u

#endif
