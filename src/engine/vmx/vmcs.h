/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of the VMCS, its controls, and exit reasons: SDM vol. 3D appendices B and C,
 * vol. 3C chapter 24. */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include <trivet/bits.h>

enum vmcs_field {
	/* 16 bits */
	F_VPID = 0x0000,
	F_ES_SEL = 0x0800, /* + 2 n for segment n, in the order of SEG_* */
	F_HOST_ES = 0x0c00, F_HOST_CS = 0x0c02, F_HOST_SS = 0x0c04, F_HOST_DS = 0x0c06,
	F_HOST_FS = 0x0c08, F_HOST_GS = 0x0c0a, F_HOST_TR = 0x0c0c,
	/* 64 bits */
	F_IO_BITMAP_A = 0x2000, F_IO_BITMAP_B = 0x2002, F_MSR_BITMAP = 0x2004,
	F_TSC_OFFSET = 0x2010, F_EPTP = 0x201a, F_ENCLS_BITMAP = 0x202e,
	F_GUEST_PHYSICAL = 0x2400,
	F_LINK = 0x2800, F_DEBUGCTL = 0x2802, F_PAT = 0x2804, F_EFER = 0x2806,
	F_PDPTE0 = 0x280a, /* + 2 n */
	F_HOST_PAT = 0x2c00, F_HOST_EFER = 0x2c02,
	/* 32 bits */
	F_PIN = 0x4000, F_PRIMARY = 0x4002, F_EXCEPTIONS = 0x4004, F_PF_MASK = 0x4006,
	F_PF_MATCH = 0x4008, F_CR3_TARGETS = 0x400a, F_EXIT = 0x400c,
	F_EXIT_STORE_COUNT = 0x400e, F_EXIT_LOAD_COUNT = 0x4010, F_ENTRY = 0x4012,
	F_ENTRY_LOAD_COUNT = 0x4014, F_ENTRY_EVENT = 0x4016, F_ENTRY_ERROR = 0x4018,
	F_SECONDARY = 0x401e, F_PLE_GAP = 0x4020, F_PLE_WINDOW = 0x4022,
	F_INSN_ERROR = 0x4400, F_EXIT_REASON = 0x4402, F_EXIT_EVENT = 0x4404,
	F_IDT_EVENT = 0x4408, F_IDT_ERROR = 0x440a, F_INSN_LENGTH = 0x440c,
	F_ES_LIMIT = 0x4800, /* + 2 n */
	F_GDTR_LIMIT = 0x4810, F_IDTR_LIMIT = 0x4812,
	F_ES_RIGHTS = 0x4814, /* + 2 n */
	F_BLOCKING = 0x4824, F_ACTIVITY = 0x4826, F_SYSENTER_CS = 0x482a,
	F_PREEMPTION = 0x482e,
	F_HOST_SYSENTER_CS = 0x4c00,
	/* natural width */
	F_CR0_MASK = 0x6000, F_CR4_MASK = 0x6002, F_CR0_SHADOW = 0x6004,
	F_CR4_SHADOW = 0x6006, F_QUALIFICATION = 0x6400,
	F_CR0 = 0x6800, F_CR3 = 0x6802, F_CR4 = 0x6804,
	F_ES_BASE = 0x6806, /* + 2 n */
	F_GDTR_BASE = 0x6816, F_IDTR_BASE = 0x6818, F_DR7 = 0x681a, F_RSP = 0x681c,
	F_RIP = 0x681e, F_RFLAGS = 0x6820, F_PENDING_DEBUG = 0x6822,
	F_SYSENTER_ESP = 0x6824, F_SYSENTER_EIP = 0x6826,
	F_HOST_CR0 = 0x6c00, F_HOST_CR3 = 0x6c02, F_HOST_CR4 = 0x6c04,
	F_HOST_FS_BASE = 0x6c06, F_HOST_GS_BASE = 0x6c08, F_HOST_TR_BASE = 0x6c0a,
	F_HOST_GDTR_BASE = 0x6c0c, F_HOST_IDTR_BASE = 0x6c0e,
	F_HOST_SYSENTER_ESP = 0x6c10, F_HOST_SYSENTER_EIP = 0x6c12, F_HOST_RSP = 0x6c14,
	F_HOST_RIP = 0x6c16
};

/* Bits that the code switches or asks for; all are in controls.c's tables. */
enum {
	PIN_PREEMPTION = 1u << 6,
	PRIMARY_IRQ_WINDOW = 1u << 2, PRIMARY_CR3_LOAD = 1u << 15, PRIMARY_CR3_STORE = 1u << 16,
	PRIMARY_NMI_WINDOW = 1u << 22,
	SECONDARY_TABLES = 1u << 2, SECONDARY_RDTSCP = 1u << 3, SECONDARY_VPID = 1u << 5,
	SECONDARY_PLE = 1u << 10, SECONDARY_INVPCID = 1u << 12, SECONDARY_ENCLS = 1u << 15,
	ENTRY_LONG_MODE = 1u << 9
};

/* Interruptibility, 24.4.2 */
enum { BLOCK_STI = 1, BLOCK_MOV_SS = 2, BLOCK_NMI = 8 };
/* Pending debug exceptions, 24.4.2 */
#define PENDING_ENABLED BIT(12) /* an enabled breakpoint was hit */
#define PENDING_STEP BIT(14)
/* Interruption information, 24.8.3: what HW_EVENT_* have in common */
#define EVENT_BITS (BIT(31) | 0xfffu)
#define EVENT_NMI_UNBLOCKED BIT(12) /* of exits: an IRET that faulted had unblocked NMIs */

#define REASON_FAILED BIT(31) /* the entry failed */
enum { /* appendix C */
	REASON_EXCEPTION = 0, REASON_INTERRUPT = 1, REASON_TRIPLE_FAULT = 2, REASON_INIT = 3,
	REASON_SIPI = 4, REASON_IO_SMI = 5, REASON_SMI = 6, REASON_IRQ_WINDOW = 7,
	REASON_NMI_WINDOW = 8, REASON_CPUID = 10, REASON_HLT = 12, REASON_VMCALL = 18,
	REASON_CR = 28, REASON_IO = 30, REASON_RDMSR = 31, REASON_WRMSR = 32,
	REASON_GUEST_STATE = 33, REASON_MSR_LOAD = 34, REASON_PAUSE = 40, REASON_MCE_ENTRY = 41,
	REASON_EPT_VIOLATION = 48, REASON_EPT_MISCONFIG = 49, REASON_PREEMPTION = 52
};

/* --- exit qualifications, 27.2.1 ------------------------------------------------- */

struct vmx_io {
	u16 port;
	u8 size; /* 1, 2, 4 */
	bool write, string;
};

/* Table 27-5. */
static inline struct vmx_io vmx_io_decode(u64 q)
{
	return (struct vmx_io){ .port = (u16)(q >> 16), .size = (u8)((q & 7) + 1),
				.write = !(q & BIT(3)), .string = (q & BIT(4)) != 0 };
}

/* Table 27-3: a move to or from CR8, and its general register. */
#define CR_IS_CR8(q) (((q) & 0xf) == 8)
#define CR_IS_READ(q) (((q) & 0x30) == 0x10)
#define CR_REGISTER(q) ((unsigned)((q) >> 8) & 0xf)

/* Table 27-7; bit 12 only counts outside of event delivery. */
#define EPT_WRITE BIT(1)
#define EPT_FETCH BIT(2)
#define EPT_LINEAR BIT(7) /* there is a linear address */
#define EPT_FINAL BIT(8)  /* the access itself, not one of the guest's tables */
#define EPT_NMI_UNBLOCKED BIT(12)

#endif
