/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engines on x86 processors' own virtualization (svm, vmx) share: src/engine/hw.
 *
 * A vCPU is a struct x86_cpu, the same that the interpreter works on. While the guest
 * runs, hardware keeps most of it; the engine brings that over ("pulls" it), so that
 * one instruction can be run by arch/x86, and puts it back. Everything here is the
 * vCPU's thread's, on the processor where it runs, but where said.
 */
#ifndef TRIVET_HW_H
#define TRIVET_HW_H

#include <arch/x86/cpu.h>
#include <arch/x86/cpuid.h>
#include <arch/x86/mmu.h>
#include <arch/x86/move.h>
#include <trivet/engine.h>
#include <trivet/mem.h>
#include <trivet/platform.h>
#include <trivet/vm.h>

/* --- caps.c: what a processor of either maker has ------------------------------- */

struct hw_caps {
	bool xsave, rdtscp, invpcid;
	u64 cr4; /* bits of CR4 that the processor has */
};

/* From CPUID, on the processor that calls. */
void hw_caps_read(struct hw_caps *k);
/* What guests are promised by every CPU model and no software can add: -ENODEV with
 * a line when that is missing. */
int hw_caps_check(const struct hw_caps *k, struct error *err);

/* --- context.c: registers that neither VMRUN nor VM entry switches -------------- */

/* One processor: what is loaded in it. */
struct hw_cpu {
	struct hw_caps caps;
	u64 xcr0;
	u32 tsc_aux;
};

struct hw_vcpu;

/* cpu->caps is filled; puts the registers into a known state. */
void hw_cpu_init(struct hw_cpu *cpu);
/* The guest's FPU, XCR0, TSC_AUX and, when dr7 arms one, breakpoint addresses. */
void hw_load(struct hw_vcpu *h, struct hw_cpu *cpu, u64 dr7);
/* The guest's FPU into h->cpu.fx, or from there. Twice is harmless. */
void hw_fpu_save(struct hw_vcpu *h);
void hw_fpu_load(struct hw_vcpu *h);

/* --- tags.c: address space numbers -------------------------------------------------- */

/* One processor's: 1 to count - 1 are dealt out, 0 is the host's. */
struct hw_tags {
	u32 count, next;
	u64 generation;
	bool owed; /* they wrapped, and the old translations are still there */
};

enum hw_tag { HW_TAG_KEPT, HW_TAG_NEW, HW_TAG_WRAPPED };

void hw_tags_init(struct hw_tags *tags, u32 count);
/*
 * Before an entry: h->tag is good on this processor, and a new one when h->flush asked
 * for that. HW_TAG_WRAPPED: all translations of all guests must go first, whoever
 * enters; it says so until hw_tags_flushed.
 */
enum hw_tag hw_tag_take(struct hw_vcpu *h, struct hw_tags *tags);

static inline void hw_tags_flushed(struct hw_tags *tags)
{
	tags->owed = false;
}

/* --- nested.c: guest-physical to physical ---------------------------------------- */

/* Bits of an entry; bit 0 says "present" in both makers' formats. */
struct hw_table_format {
	u64 table; /* names the next table */
	u64 leaf;  /* maps a page, to be read and executed */
	u64 write; /* and written */
	u64 large; /* maps 2 MiB or 1 GiB */
	unsigned levels; /* the largest pages: 0: 4 KiB, 1: 2 MiB, 2: 1 GiB */
};

struct hw_tables {
	struct hw_table_format format;
	u64 *top; /* NULL until the first slot is mapped */
	struct hw_page *pages; /* the tables, for freeing */
};

struct hw_slot {
	u64 base, size;
	u8 *host;
	bool writable;
};

/* Maps a slot with pages as large as its alignment lets them be; -ENOMEM. */
int hw_tables_map(struct hw_tables *t, const struct hw_slot *slot);
void hw_tables_free(struct hw_tables *t);

/* --- vm.c ------------------------------------------------------------------------ */

/* The first member of the engine's own struct, which is vm->engine_data. */
struct hw_vm {
	struct hw_slot slots[MEM_MAX_SLOTS];
	unsigned count;
	struct hw_tables tables;
	struct platform_mutex bus_lock; /* taken outside vm->lock */
};

/* The RAM, be it read-only, that holds a guest-physical address; NULL: none does. */
static inline const struct hw_slot *hw_slot_of(const struct hw_vm *vm, u64 a)
{
	for (unsigned i = 0; i < vm->count; i++)
		if (a - vm->slots[i].base < vm->slots[i].size)
			return &vm->slots[i];
	return NULL;
}

void hw_vm_init(struct hw_vm *vm, const struct hw_table_format *format);
void hw_vm_fini(struct hw_vm *vm);

/* MSRs that the guest has to itself: they are switched with it, and arch/x86 would let
 * every value through as the processor does. */
extern const u32 hw_own_msrs[10];

/* Parts of engine_ops, as they are. */
int hw_map(struct vm *vm, const struct mem_slot *slot);
void hw_flush_page(struct vm *vm, gpa_t page);
void hw_irq_inject(struct vcpu *v, u8 vector);
u64 hw_guest_tsc(struct vcpu *v);

/* --- quick.c: instructions that need little ---------------------------------------- */

#define HW_CODE_PAGES 16
#define HW_INSNS 32

/* A page of code: where the walk ended, and that it still would. */
struct hw_code {
	u64 page, cr3; /* linear, and whose */
	const u8 *host; /* NULL: nothing is remembered */
	struct x86_trace trace;
};

/* What 16 bytes of 64-bit code are. */
struct hw_insn {
	u64 bytes[2];
	enum { HW_INSN_NONE, HW_INSN_OTHER, HW_INSN_PLAIN, HW_INSN_MOVE } kind;
	struct x86_insn insn;
	struct x86_move move; /* when it is one */
};

/* The first member of the engine's own struct, which is v->engine_data. */
struct hw_vcpu {
	struct x86_cpu cpu;
	struct vcpu *v;
	struct hw_vm *vm;
	u64 event;	    /* on its way to the guest: HW_EVENT_* */
	int pending_vector; /* interrupt to deliver, or -1 */
	bool pending_nmi;
	bool nmi_window;    /* leave run() when NMIs are unblocked */
	bool pulled;	    /* cpu holds the whole state, not the hardware */
	bool fpu_loaded;    /* the guest's FPU is in the processor's registers */
	u32 flush;	    /* atomic: forget cached translations before the next entry */
	u32 tag;	    /* address space number: ASID, VPID */
	u64 tag_generation;
	unsigned tag_cpu;   /* where the tag is good */
	u64 exits;
	struct hw_code code[HW_CODE_PAGES];
	struct hw_insn insns[HW_INSNS];
};

/* h is zeroed; h->cpu in its power-up state afterwards, and pulled. -ENOMEM. */
int hw_vcpu_init(struct hw_vcpu *h, struct vcpu *v);
void hw_vcpu_fini(struct hw_vcpu *h);
/* The state comes from outside: what was about to be delivered is no more. */
void hw_set_state(struct hw_vcpu *h, const void *arch_state);

static inline struct hw_vcpu *hw_of(struct vcpu *v)
{
	return v->engine_data;
}

/* --- event.c: what is being delivered --------------------------------------------- */

/*
 * An event in the form that EXITINTINFO and EVENTINJ (APM vol. 2 15.20) have, and the
 * interruption information of VMX (SDM vol. 3C 24.8.3) as well but for the error
 * code: vector 7:0, type 10:8, error code 63:32.
 */
#define HW_EVENT_TYPE(e) ((unsigned)((e) >> 8) & 7)
enum { HW_EVENT_INTR = 0, HW_EVENT_NMI = 2, HW_EVENT_EXCP = 3, HW_EVENT_SOFT = 4,
       HW_EVENT_INT1 = 5 /* of VMX alone: INT1's #DB */ };
#define HW_EVENT_ERROR BIT(11)
#define HW_EVENT_VALID BIT(31)

/* Something is to be delivered at the next entry. */
static inline bool hw_event_waits(const struct hw_vcpu *h)
{
	return (h->event & HW_EVENT_VALID) || h->pending_vector >= 0 || h->pending_nmi;
}

/* An exception to raise at the next entry; error is ignored without has_error. */
void hw_inject_exception(struct hw_vcpu *h, u8 vector, bool has_error, u32 error);
/* The exit came in the middle of delivering e (VALID may be clear): again, then. */
void hw_requeue_event(struct hw_vcpu *h, u64 e);
/* Before an entry: h->event becomes the next to deliver, unless one is on its way.
 * True: it is an NMI, which from now on blocks others. */
bool hw_next_event(struct hw_vcpu *h);

/* engine_ops' questions, with what only the engine knows: the guest's RFLAGS and
 * whether it is behind STI or MOV SS, or in an NMI's handler. */
bool hw_irq_ready(const struct hw_vcpu *h, u64 rflags, bool shadow);
int hw_nmi_inject(struct hw_vcpu *h, bool blocked, bool shadow);
/* NMIs can be taken (again), and one waits. */
bool hw_nmi_window_opens(struct hw_vcpu *h, bool blocked, bool shadow);

/* --- step.c: one instruction by arch/x86 -------------------------------------------- */

/*
 * Runs the instruction at h->cpu.rip, or delivers h->event. The state is pulled. True:
 * leave run() with *x.
 */
bool hw_step(struct hw_vcpu *h, struct exit *x);
/* As hw_step, but #DB with these bits of DR6 is delivered. */
bool hw_raise_debug(struct hw_vcpu *h, u64 dr6, struct exit *x);
/* Straight from an exit, with RAX in h->cpu: one port access that is no string. The
 * caller moves on RIP. */
void hw_port_io(struct hw_vcpu *h, u16 port, unsigned size, bool write);
/*
 * VMCALL or VMMCALL, straight from an exit, with the general registers in h->cpu. The
 * caller moves on RIP. False: it is #UD, and nothing happened.
 */
bool hw_hypercall(struct hw_vcpu *h, unsigned cpl, bool code64);
/* CPUID's answer into the registers. */
static inline void hw_cpuid(struct hw_vcpu *h, bool code64)
{
	struct x86_cpu *c = &h->cpu;
	struct x86_cpuid_regs v;

	c->mode = code64 ? X86_MODE_64 : X86_MODE_32;
	v = x86_cpuid(c->model, c, c->index, (u32)c->gpr[REG_RAX], (u32)c->gpr[REG_RCX]);
	c->gpr[REG_RAX] = v.eax;
	c->gpr[REG_RBX] = v.ebx;
	c->gpr[REG_RCX] = v.ecx;
	c->gpr[REG_RDX] = v.edx;
}

/*
 * The instruction at h->cpu.rip, of 64-bit code, without the whole state: of h->cpu
 * the general registers, mode, cpl, cr0, cr3, cr4, efer are good, no event waits and no
 * trap or breakpoint is armed. True: it was the one that key (as in struct x86_insn) or
 * the device at that guest-physical address stands for, and has run; the caller clears
 * RF and the interrupt shadow. False: nothing happened. *r: enum x86_status. fs, gs:
 * the segments' bases.
 */
bool hw_quick_plain(struct hw_vcpu *h, u16 key, int *r);
bool hw_quick_device(struct hw_vcpu *h, gpa_t at, bool write, u64 fs, u64 gs);
/* As hw_quick_plain, where the processor said which instruction it was and how long. */
bool hw_quick_known(struct hw_vcpu *h, const struct x86_insn *i, int *r);

/* --- env.c ---------------------------------------------------------------------------- */

extern const struct x86_env hw_env;

#endif
