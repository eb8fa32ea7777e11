/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine control block: AMD64 APM vol. 2, appendix B and C. */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include <trivet/bits.h>

struct vmcb_seg {
	u16 sel;
	u16 attr; /* descriptor bits 47:40, then 55:52 */
	u32 limit;
	u64 base;
};

struct vmcb {
	/* Control area. */
	u16 cr_read, cr_write;
	u16 dr_read, dr_write;
	u32 exceptions;
	u32 intercept1, intercept2, intercept3; /* 00Ch, 010h, 014h */
	u8 pad018[0x3c - 0x18];
	u16 pause_threshold, pause_count;
	u64 iopm, msrpm;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;
	u8 pad05d[3];
	u64 virq; /* 060h */
	u64 irq_shadow;
	u64 exitcode, exitinfo1, exitinfo2, exitintinfo;
	u64 np_enable;
	u8 pad098[0xa8 - 0x98];
	u64 eventinj;
	u64 ncr3;
	u64 lbr;
	u64 clean;
	u64 next_rip;
	u8 insn_len, insn[15];
	u8 pad0e0[0x400 - 0xe0];

	/* State save area. */
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 pad4a0[0xcb - 0xa0];
	u8 cpl;
	u32 pad4cc;
	u64 efer;
	u8 pad4d8[0x148 - 0xd8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 pad580[0x1d8 - 0x180];
	u64 rsp;
	u8 pad5e0[0x1f8 - 0x1e0];
	u64 rax, star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	u8 pad648[0x268 - 0x248];
	u64 pat, debugctl;
	u8 pad678[0x1000 - 0x678];
};

_Static_assert(offsetof(struct vmcb, iopm) == 0x40, "VMCB layout");
_Static_assert(offsetof(struct vmcb, virq) == 0x60, "VMCB layout");
_Static_assert(offsetof(struct vmcb, eventinj) == 0xa8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB layout");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB layout");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "VMCB layout");
_Static_assert(sizeof(struct vmcb) == 0x1000, "VMCB layout");

/* intercept1: appendix B, offset 00Ch */
enum {
	I1_INTR = 1u << 0, I1_NMI = 1u << 1, I1_SMI = 1u << 2, I1_INIT = 1u << 3,
	I1_VINTR = 1u << 4, I1_CR0_SEL = 1u << 5, I1_IDTR_READ = 1u << 6,
	I1_GDTR_READ = 1u << 7, I1_LDTR_READ = 1u << 8, I1_TR_READ = 1u << 9,
	I1_RDPMC = 1u << 15, I1_INTN = 1u << 21, I1_CPUID = 1u << 18, I1_RSM = 1u << 19, I1_IRET = 1u << 20,
	I1_INVD = 1u << 22, I1_PAUSE = 1u << 23, I1_HLT = 1u << 24, I1_INVLPGA = 1u << 26,
	I1_IOIO = 1u << 27, I1_MSR = 1u << 28, I1_FERR = 1u << 30, I1_SHUTDOWN = 1u << 31
};
/* intercept2: offset 010h */
enum {
	I2_VMRUN = 1u << 0, I2_VMMCALL = 1u << 1, I2_VMLOAD = 1u << 2, I2_VMSAVE = 1u << 3,
	I2_STGI = 1u << 4, I2_CLGI = 1u << 5, I2_SKINIT = 1u << 6, I2_WBINVD = 1u << 9,
	I2_MONITOR = 1u << 10, I2_MWAIT = 1u << 11, I2_MWAIT_ARMED = 1u << 12,
	I2_XSETBV = 1u << 13, I2_RDPRU = 1u << 14
};

enum { /* exit codes, appendix C */
	VMEXIT_CR_READ = 0x00, VMEXIT_CR_WRITE = 0x10, VMEXIT_DR_READ = 0x20, VMEXIT_DR_WRITE = 0x30,
	VMEXIT_EXCP = 0x40, VMEXIT_INTR = 0x60, VMEXIT_NMI = 0x61, VMEXIT_SMI = 0x62,
	VMEXIT_INIT = 0x63, VMEXIT_VINTR = 0x64, VMEXIT_CPUID = 0x72, VMEXIT_IRET = 0x74,
	VMEXIT_PAUSE = 0x77, VMEXIT_HLT = 0x78, VMEXIT_IOIO = 0x7b, VMEXIT_MSR = 0x7c,
	VMEXIT_FERR = 0x7e, VMEXIT_SHUTDOWN = 0x7f, VMEXIT_VMMCALL = 0x81, VMEXIT_NPF = 0x400
};
#define VMEXIT_INVALID (~(u64)0)

/* virq, offset 060h */
#define VIRQ_PENDING BIT(8)
#define VIRQ_PRIO_MAX (BIT(16) | BIT(17) | BIT(18) | BIT(19))
#define VIRQ_IGNORE_TPR BIT(20)
#define VIRQ_MASKING BIT(24)
#define VIRQ_VECTOR_SHIFT 32

/* EXITINFO1 of an I/O exit, 15.10.2 */
#define IOIO_IN BIT(0)
#define IOIO_STRING BIT(2)
#define IOIO_SIZE(v) ((unsigned)((v) >> 4) & 7) /* 1, 2, 4 */

/* EXITINFO1 of a nested page fault, 15.25.6: a page fault's error code, and what the
 * address (EXITINFO2) was for */
#define NPF_WRITE BIT(1)
#define NPF_FETCH BIT(4)
#define NPF_FINAL BIT(32) /* the access itself, not one of the guest's tables */

#define TLB_FLUSH_ALL 1

#endif
