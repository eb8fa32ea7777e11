/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that implement system.h; no other room's business. */
#ifndef X86_SYSTEM_PRIVATE_H
#define X86_SYSTEM_PRIVATE_H

#include <arch/x86/access.h>
#include <arch/x86/debug.h>
#include <arch/x86/flags.h>
#include <arch/x86/mmu.h>
#include <arch/x86/system.h>

/* System descriptor types, SDM vol. 3A table 3-2. */
enum {
	DT_TSS16 = 1, DT_LDT = 2, DT_TSS16_BUSY = 3, DT_CALL16 = 4, DT_TASK = 5,
	DT_INT16 = 6, DT_TRAP16 = 7, DT_TSS = 9, DT_TSS_BUSY = 11, DT_CALL = 12,
	DT_INT = 14, DT_TRAP = 15
};

#define DR6_BD BIT(13) /* debug register access with DR7.GD */
#define DR6_BS BIT(14) /* single-step */
#define DR6_BT BIT(15) /* task switch into a TSS with T set */
#define DR6_ONES 0xffff0ff0u
#define DR7_ONES 0x400u
#define DR7_GD BIT(13)
/* In c->pending_dr6: no single-step trap after this instruction. */
#define DEBUG_NO_STEP BIT(63)

#define MISC_ENABLE_LIMIT_CPUID BIT(22)
#define MISC_ENABLE_XD_DISABLE BIT(34)

/* Flat segments as SYSCALL, SYSENTER and their returns make them. */
#define ATTR_CODE64(dpl) (SA_G | SA_L | SA_P | SA_S | 0xbu | (u32)(dpl) << SA_DPL_SHIFT)
#define ATTR_CODE32(dpl) (SA_G | SA_DB | SA_P | SA_S | 0xbu | (u32)(dpl) << SA_DPL_SHIFT)
#define ATTR_DATA32(dpl) (SA_G | SA_DB | SA_P | SA_S | 0x3u | (u32)(dpl) << SA_DPL_SHIFT)
/* Virtual-8086: every segment is 64 KiB, DPL 3, read-write. SDM 21.2. */
#define ATTR_V86 (SA_P | SA_S | 0x3u | SA_DPL)

static inline unsigned attr_dpl(u32 attr)
{
	return (attr & SA_DPL) >> SA_DPL_SHIFT;
}
static inline u32 desc_attr(u64 raw)
{
	return (u32)((raw >> 40) & 0xff) | (u32)((raw >> 52) & 0xf) << 12;
}
static inline u64 desc_base(u64 raw)
{
	return ((raw >> 16) & 0xffffff) | ((raw >> 56) << 24);
}
static inline unsigned desc_type(u64 raw)
{
	return (unsigned)(raw >> 40) & 0xf;
}
static inline bool attr_is_code(u32 attr)
{
	return (attr & (SA_S | SA_CODE)) == (SA_S | SA_CODE);
}
static inline bool attr_is_conforming(u32 attr)
{
	return (attr & (SA_S | SA_CODE | SA_EXPDOWN)) == (SA_S | SA_CODE | SA_EXPDOWN);
}
static inline bool attr_is_stack(u32 attr)
{
	return (attr & (SA_S | SA_CODE | SA_WRITE)) == (SA_S | SA_WRITE);
}
static inline bool sel_is_null(u16 sel)
{
	return !(sel & ~3u);
}
static inline int sel_fault(struct x86_cpu *c, u8 vector, u16 sel)
{
	return x86_fault_code(c, vector, sel & 0xfffcu);
}
/* Real or virtual-8086 mode: selectors are paragraph numbers. */
static inline bool paragraph_mode(const struct x86_cpu *c)
{
	return x86_real_mode(c) || x86_v86(c);
}

/* --- seg.c ---------------------------------------------------------------- */

/* False when sel lies beyond its table. */
bool x86_desc_locate(const struct x86_cpu *c, u16 sel, u64 *lin);
/* A GDT descriptor; in long mode all 16 bytes of it. */
int x86_desc_read_system(struct x86_cpu *c, u16 sel, u8 vector, struct x86_desc *d);
/* Sets the accessed bit in memory and in d. */
int x86_desc_touch(struct x86_cpu *c, struct x86_desc *d);
/* Writes the type's busy bit of a TSS descriptor. */
int x86_desc_set_busy(struct x86_cpu *c, u64 lin, bool busy);
/*
 * Checks sel for SS at privilege cpl and fills *d. bad: vector for everything
 * but a segment not present (#SS). null_vector: for a null selector.
 */
int x86_check_stack(struct x86_cpu *c, u16 sel, unsigned cpl, u8 bad, struct x86_desc *d);
/* A code segment to run at 64 bits must not have D; GP(sel). */
int x86_check_code_bits(struct x86_cpu *c, u16 sel, u32 attr);
void x86_seg_make_null(struct x86_cpu *c, unsigned seg, u16 sel);
/* After a return to an outer ring: data segments it may not use become null. */
void x86_drop_inner_segments(struct x86_cpu *c);

/* System load, with the case that is nearly all of them kept short. */
static inline int sys_load_fast(struct x86_cpu *c, u64 lin, void *dst, unsigned size)
{
	unsigned t = (c->cr4 & CR4_SMAP) ? X86_TLB_SUPER_SMAP : X86_TLB_SUPER;
	const struct x86_tlb_entry *e =
		&c->tlb_table[t][(lin >> PAGE_SHIFT) & (X86_TLB_SIZE - 1)];

	if (likely(e->tag[X86_READ] == (((lin + size - 1) & PAGE_MASK) | c->asid))) {
		__builtin_memcpy(dst, (const void *)(uintptr_t)(lin + e->addend), size);
		return X86_OK;
	}
	return x86_sys_load(c, lin, dst, size);
}

/* --- cpu.c ---------------------------------------------------------------- */

/* Chooses c->tlb for c->cpl, CR4.SMAP and EFLAGS.AC. */
static inline void update_tlb(struct x86_cpu *c)
{
	unsigned t = X86_TLB_SUPER;

	if (c->cpl == 3)
		t = X86_TLB_USER;
	else if ((c->cr4 & CR4_SMAP) && !(c->rflags & FL_AC))
		t = X86_TLB_SUPER_SMAP;
	c->tlb_index = (u8)t;
	c->tlb = c->tlb_table[t];
	if (unlikely((c->cr0 & CR0_AM) && (c->rflags & FL_AC) && c->cpl == 3))
		c->tlb = c->tlb_empty; /* every access takes the checked path */
}

/* x86_update_mode for a change of privilege or AC inside 64-bit mode. */
static inline void update_cpl64(struct x86_cpu *c)
{
	c->cpl = (u8)attr_dpl(c->seg[SEG_SS].attr);
	update_tlb(c);
	c->flat = 0x3f;
	if (unlikely((c->cr0 & CR0_AM) && (c->rflags & FL_AC) && c->cpl == 3))
		c->flat = 0;
}

static inline void set_flat_segment(struct x86_cpu *c, unsigned seg, u16 sel, u32 attr)
{
	c->seg[seg] = (struct x86_seg){ .limit = 0xffffffff, .attr = attr, .sel = sel };
}

/* --- transfer.c, gate.c ---------------------------------------------------- */

/* What a privilege-changing transfer may have to take back. */
struct transfer_undo {
	struct x86_seg cs, ss;
	u64 rip, rsp, rflags;
};
void x86_transfer_save(const struct x86_cpu *c, struct transfer_undo *u);
/* Puts everything back; returns X86_FAULT. A stack fault on the new stack names
 * ss_sel when name_ss. */
int x86_transfer_undo(struct x86_cpu *c, const struct transfer_undo *u, bool name_ss,
		      u16 ss_sel);
/* Checks a target offset against a code segment about to be loaded. */
int x86_check_target(struct x86_cpu *c, const struct x86_seg *cs, u64 offset);
/* SS:SP for privilege dpl from the current TSS. SDM vol. 3A 5.8.5. */
int x86_tss_stack(struct x86_cpu *c, unsigned dpl, struct x86_seg *ss, u64 *sp);
int x86_tss_ist(struct x86_cpu *c, unsigned ist, u64 *sp);
/* A far return's frame: the checks of RET and IRET on it, then its effect. */
struct x86_return {
	u64 rip, flags;
	u16 cs, ss;
	bool has_ss; /* SS:SP are in the frame as well */
};
int x86_return_frame(struct x86_cpu *c, const struct x86_return *t, struct x86_seg *cs,
		     struct x86_seg *ss);
void x86_return_commit(struct x86_cpu *c, const struct x86_seg *cs, const struct x86_seg *ss,
		       u64 rip, u64 rsp);
int x86_call_gate(struct x86_cpu *c, u16 gate_sel, const struct x86_desc *gate, bool call);

/* --- task.c --------------------------------------------------------------- */

/* As x86_task_switch, but a fault in the new task is left in c->fault and
 * *switched says that it happened there. */
int x86_task_enter(struct x86_cpu *c, u16 sel, enum x86_task_reason why, bool has_error,
		   u32 error, bool *switched);

/* --- excp.c, excp_real.c --------------------------------------------------- */

struct delivery {
	u8 vector;
	bool soft;	/* INT n, INT3, INTO: the gate's DPL counts */
	bool has_error;
	bool external;	/* EXT bit of errors on the way */
	u32 error;
	u64 flags; /* image to push */
};
int x86_deliver_real(struct x86_cpu *c, const struct delivery *d);
/* INT n in virtual-8086 mode with CR4.VME: 1 when handled by redirection, 0
 * when it goes through the IDT, negative on a fault. SDM 21.3.3. */
int x86_vme_int(struct x86_cpu *c, u8 vector);

/* --- debug.c --------------------------------------------------------------- */

/* A port access: remembers the I/O breakpoints it hits. */
void x86_debug_io(struct x86_cpu *c, u16 port, unsigned size);

/* --- handlers -------------------------------------------------------------- */

/* Register and 16-bit memory operands of the system instructions. */
static inline int store_word_operand(struct x86_cpu *c, const struct x86_insn *i, u64 value,
				     u64 wide)
{
	if (i->flags & X86_I_MEM)
		return x86_store16(c, i->seg, x86_ea(c, i), (u16)value);
	if (i->opsize == 2)
		c->gpr[i->rm] = (c->gpr[i->rm] & ~(u64)0xffff) | (u16)value;
	else
		c->gpr[i->rm] = i->opsize == 4 ? (u32)wide : wide;
	return X86_OK;
}
static inline int load_word_operand(struct x86_cpu *c, const struct x86_insn *i, u16 *value)
{
	if (i->flags & X86_I_MEM)
		return x86_load16(c, i->seg, x86_ea(c, i), value);
	*value = (u16)c->gpr[i->rm];
	return X86_OK;
}

#endif
