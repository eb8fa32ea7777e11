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

/* MOV, MOVZX, MOVSX between memory and a general register. */
static bool is_move(const struct x86_insn *i)
{
	if (!(i->flags & X86_I_MEM))
		return false;
	switch (i->key) {
	case 0x63:
	case 0x88 ... 0x8b:
	case X86_KEY(X86_MAP_0F, 0xb6) ... X86_KEY(X86_MAP_0F, 0xb7):
	case X86_KEY(X86_MAP_0F, 0xbe) ... X86_KEY(X86_MAP_0F, 0xbf):
		return true;
	case 0xc6 ... 0xc7:
		return !(i->modrm >> 3 & 7);
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
		  is_move(&n->insn)  ? HW_INSN_MOVE : HW_INSN_OTHER;
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

/* What the slow way remembered is forgotten: the guest has run since, and may have
 * dropped it by an INVLPG that nobody saw. Nothing here makes it remember more. */
static void forget_walks(struct hw_vcpu *h)
{
	if (likely(!h->walked))
		return;
	h->walked = false;
	x86_tlb_flush_all(&h->cpu);
}

bool hw_quick_device(struct hw_vcpu *h, gpa_t at, bool write, u64 fs, u64 gs)
{
	struct x86_cpu *c = &h->cpu;
	const struct hw_insn *n = insn_at(h, c->rip);
	const struct x86_insn *i;
	bool done;
	u64 lin;
	int r;

	if (!n || n->kind != HW_INSN_MOVE || hw_env.page(c, gpa(at.v & PAGE_MASK)).host)
		return false;
	if ((at.v & ~PAGE_MASK) > PAGE_SIZE - sizeof(u64)) /* perhaps another page as well */
		return false;
	i = &n->insn;
	c->rip += i->len;
	c->seg_base[i->seg] = i->seg == SEG_FS ? fs : i->seg == SEG_GS ? gs : 0;
	lin = x86_ea(c, i) + c->seg_base[i->seg];
	if ((lin ^ at.v) & ~PAGE_MASK) { /* not what it was that faulted */
		c->rip -= i->len;
		return false;
	}
	c->flat = ~0u; /* 64-bit mode */
	forget_walks(h);
	x86_pin(c, lin, at, write);
	done = run(c, i, &r);
	x86_unpin(c);
	return done;
}
