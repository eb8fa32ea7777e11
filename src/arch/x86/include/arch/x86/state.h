/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The architectural state of one x86 CPU: one versioned layout for every
 * engine, so that a stopped vCPU can move between engines. Fields are never
 * reordered; a new version appends.
 */
#ifndef ARCH_X86_STATE_H
#define ARCH_X86_STATE_H

#include <arch/x86/defs.h>

#define X86_STATE_VERSION 1

struct x86_seg {
	u64 base;
	u32 limit; /* in bytes, granularity applied */
	u32 attr;  /* SA_* */
	u16 sel;
	u16 pad[3];
};

struct x86_dtable {
	u64 base;
	u16 limit;
	u16 pad[3];
};

/* 64-byte header, legacy area of FXSAVE in its 64-bit format (SDM vol. 1
 * 10.5.1), 16-byte aligned. */
struct x86_fxsave {
	u16 fcw, fsw;
	u8 ftw; /* abridged */
	u8 pad0;
	u16 fop;
	u64 fip, fdp;
	u32 mxcsr, mxcsr_mask;
	u8 st[8][16];
	u8 xmm[16][16];
	u8 pad1[96];
} __attribute__((aligned(16)));

struct x86_mtrr {
	u64 def_type;
	u64 fixed[11]; /* 64K_00000, 16K_80000, 16K_A0000, 4K_C0000.. */
	u64 base[8], mask[8];
};

struct x86_msrs {
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat, tsc_aux, tsc_adjust, misc_enable;
	u64 spec_ctrl;
	u64 mcg_status, mcg_ctl;
	u64 mc_bank[8][4]; /* ctl, status, addr, misc */
	u64 debugctl, feature_control, bios_sign, smbase;
	struct x86_mtrr mtrr;
	u64 reserved[32];
};

struct x86_state {
	u32 version;
	u32 size; /* sizeof(struct x86_state) */
	u64 gpr[16];
	u64 rip, rflags;
	struct x86_seg seg[SEG_COUNT];
	struct x86_dtable gdt, idt;
	u64 cr0, cr2, cr3, cr4, efer, xcr0;
	u64 dr[8]; /* 4 and 5 unused */
	struct x86_fxsave fx;
	struct x86_msrs msr;
	u64 tsc; /* guest TSC when the state was taken */
	/* Interruptibility */
	u8 irq_shadow;	/* after STI or MOV SS */
	u8 nmi_blocked; /* from NMI delivery to IRET */
	u8 halted;
	u8 pad[5];
};

#endif
