/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few instructions of 64-bit code without the whole state: those that touch general
 * registers, and memory that is a device. The handlers are arch/x86's; what is saved is
 * the page walk, the decoding and the way of the state here and back.
 *
 * Nothing is taken on trust from the last time: a remembered walk holds while the
 * entries that it came from still say what they said, which is looked up each time; and
 * a remembered instruction is one of the same bytes. A guest that changes either at the
 * same time on another processor gets what it could have got from a processor's own
 * caches. Everything that does not fit here takes the slow way, hw_step.
 */
#include <arch/x86/access.h>
#include <arch/x86/mmu.h>
#include <arch/x86/step.h>
#include <trivet/hw.h>

#define INSN_ROOM 16 /* bytes that are looked at, more than an instruction has */

/* --- the bytes at RIP ------------------------------------------------------------ */

static const u8 *code_walk(struct x86_cpu *c, struct hw_code *at, u64 page)
{
	at->page = page;
	at->cr3 = c->cr3;
	at->host = x86_trace_code(c, page, &at->trace);
	return at->host;
}

/* NULL: they do not lie in one page of RAM. */
static const u8 *code_at(struct hw_vcpu *h, u64 lin)
{
	u64 page = lin & PAGE_MASK, in_page = lin & ~PAGE_MASK;
	struct hw_code *at = &h->code[(lin >> PAGE_SHIFT) % HW_CODE_PAGES];
	const u8 *host = at->host;

	if (unlikely(in_page > PAGE_SIZE - INSN_ROOM))
		return NULL;
	if (unlikely(at->page != page || at->cr3 != h->cpu.cr3 || !host ||
		     !x86_trace_holds(&at->trace)))
		host = code_walk(&h->cpu, at, page);
	return likely(host) ? host + in_page : NULL;
}

/* --- which instructions ------------------------------------------------------------ */

/* They touch RAX, RBX, RCX and RDX, or halt. */
static bool is_plain(const struct x86_insn *i)
{
	switch (i->key) {
	case 0xf4: /* HLT */
	case X86_KEY(X86_MAP_0F, 0x30): /* WRMSR */
	case X86_KEY(X86_MAP_0F, 0x32): /* RDMSR */
	case X86_KEY(X86_MAP_0F, 0xa2): /* CPUID */
		return true;
	case X86_KEY(X86_MAP_0F, 0x01): /* VMCALL, VMMCALL */
		return i->modrm == 0xc1 || i->modrm == 0xd9;
	case X86_KEY(X86_MAP_0F, 0x20): /* CR8 */
	case X86_KEY(X86_MAP_0F, 0x22):
		return i->reg == 8;
	default:
		return false;
	}
}

/* The registers that are in h->cpu whether the state is or not. */
static bool msr_is_here(u32 index)
{
	return index == 0x10 || index == 0x1b || index == 0x3b || index == 0x6e0 ||
	       (index >= 0x800 && index < 0x900); /* TSC, APIC */
}

static struct hw_insn *insn_at(struct hw_vcpu *h, u64 lin)
{
	const u8 *code = code_at(h, lin);
	struct hw_insn *n = &h->insns[(lin ^ lin >> 6) % HW_INSNS];
	u64 low, high;

	if (unlikely(!code))
		return NULL;
	low = get_le64(code);
	high = get_le64(code + 8);
	if (likely(n->kind != HW_INSN_NONE && n->bytes[0] == low && n->bytes[1] == high))
		return n;
	n->bytes[0] = low;
	n->bytes[1] = high;
	if (x86_decode_bytes(&h->cpu, &n->insn, (const u8 *)n->bytes, 15))
		return NULL;
	n->kind = is_plain(&n->insn) ? HW_INSN_PLAIN :
		  x86_move_of(&n->insn, &n->move) ? HW_INSN_MOVE : HW_INSN_OTHER;
	return n;
}

/* --- running one --------------------------------------------------------------------- */

/* True: it ran, *r is how it ended. It had no fault. */
static bool run(struct x86_cpu *c, const struct x86_insn *i, int *r)
{
	*r = x86_exec_one(c, i);
	if (likely(*r >= 0))
		return true;
	c->rip -= i->len; /* nothing happened: the slow way finds the same fault */
	return false;
}

bool hw_quick_known(struct hw_vcpu *h, const struct x86_insn *i, int *r)
{
	struct x86_cpu *c = &h->cpu;

	if ((i->key == X86_KEY(X86_MAP_0F, 0x30) || i->key == X86_KEY(X86_MAP_0F, 0x32)) &&
	    !msr_is_here((u32)c->gpr[REG_RCX]))
		return false;
	c->rip += i->len;
	return run(c, i, r);
}

bool hw_quick_plain(struct hw_vcpu *h, u16 key, int *r)
{
	const struct hw_insn *n = insn_at(h, h->cpu.rip);

	if (!n || n->kind != HW_INSN_PLAIN || n->insn.key != key)
		return false;
	return hw_quick_known(h, &n->insn, r);
}

/*
 * The address is the processor's own, which has made all of its checks: what is left of
 * the instruction is the access and the register. That the operand lies where the
 * fault was in the page is looked at all the same.
 */
bool hw_quick_device(struct hw_vcpu *h, gpa_t at, bool write, u64 fs, u64 gs)
{
	struct x86_cpu *c = &h->cpu;
	const struct hw_insn *n = insn_at(h, c->rip);
	const struct x86_insn *i;
	u64 lin;

	if (!n || n->kind != HW_INSN_MOVE || n->move.store != write || hw_slot_of(h->vm, at.v))
		return false;
	if ((at.v & ~PAGE_MASK) > PAGE_SIZE - sizeof(u64)) /* perhaps another page as well */
		return false;
	i = &n->insn;
	c->rip += i->len; /* what RIP-relative operands count from */
	lin = x86_ea(c, i) + (i->seg == SEG_FS ? fs : i->seg == SEG_GS ? gs : 0);
	if ((lin ^ at.v) & ~PAGE_MASK) {
		c->rip -= i->len;
		return false;
	}
	if (write)
		vcpu_mmio_write(h->v, at, n->move.size, x86_move_stored(c, i, &n->move));
	else
		x86_move_loaded(c, &n->move, vcpu_mmio_read(h->v, at, n->move.size));
	return true;
}
