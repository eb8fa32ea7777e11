/* SPDX-License-Identifier: Apache-2.0 */
/* The common state layout: size, power-up, INIT, start-up IPI, as text. */
#include <arch/x86/cpuid.h>
#include <trivet/fmt.h>
#include <trivet/platform.h>
#include <trivet/string.h>
#include <trivet/vm.h>

#include "system_private.h"

size_t arch_state_size(void)
{
	return sizeof(struct x86_state);
}

static void reset_segments(struct x86_state *st)
{
	for (unsigned n = 0; n < SEG_COUNT; n++)
		st->seg[n] = (struct x86_seg){ .limit = 0xffff, .attr = SA_P | SA_S | 3 };
	st->seg[SEG_CS].sel = 0xf000;
	st->seg[SEG_CS].base = 0xffff0000;
	st->seg[SEG_CS].attr = SA_P | SA_S | 0xb;
	st->seg[SEG_LDTR].attr = SA_P | DT_LDT;
	st->seg[SEG_TR].attr = SA_P | DT_TSS_BUSY;
	st->gdt = (struct x86_dtable){ .limit = 0xffff };
	st->idt = (struct x86_dtable){ .limit = 0xffff };
}

/* What INIT resets as well; the other columns of table 9-1 are power-up's. */
static void reset_common(struct x86_state *st, const struct x86_cpu_model *m)
{
	u64 keep = st->cr0 & (CR0_CD | CR0_NW);

	memset(st->gpr, 0, sizeof st->gpr);
	st->gpr[REG_RDX] = x86_cpu_signature(m); /* as CPUID.1:EAX */
	st->rip = 0xfff0;
	st->rflags = FL_ONE;
	reset_segments(st);
	st->cr0 = keep | CR0_ET;
	st->cr2 = st->cr3 = st->cr4 = st->efer = 0;
	memset(st->dr, 0, sizeof st->dr);
	st->dr[6] = DR6_ONES;
	st->dr[7] = DR7_ONES;
	st->irq_shadow = st->nmi_blocked = st->halted = 0;
}

static void reset_msrs(struct x86_msrs *m)
{
	m->pat = 0x0007040600070406;
	m->misc_enable = BIT(0) | BIT(11) | BIT(12); /* no BTS, no PEBS */
	m->feature_control = 1;			     /* locked, VMX off */
	m->bios_sign = BIT(32);			     /* microcode revision 1 */
	m->mcg_ctl = ~(u64)0;
}

void arch_state_reset(void *state, const struct vm *vm, unsigned index, bool init)
{
	struct x86_state *st = state;
	const struct x86_cpu_model *m = vm ? vm->arch_config : NULL;

	(void)index;
	if (!init) {
		memset(st, 0, sizeof *st);
		st->version = X86_STATE_VERSION;
		st->size = sizeof *st;
		st->cr0 = CR0_CD | CR0_NW;
		st->xcr0 = XCR0_X87;
		/* Not table 9-1's values (0040h, registers valid) but FINIT's,
		 * as firmware leaves them and boot protocols take for granted. */
		st->fx.fcw = 0x37f;
		st->fx.ftw = 0;
		st->fx.mxcsr = 0x1f80;
		reset_msrs(&st->msr);
		if (m)
			st->tsc = platform_counter() - m->tsc_base;
	}
	reset_common(st, m);
}

void arch_state_sipi(void *state, u8 vector)
{
	struct x86_state *st = state;

	st->seg[SEG_CS].sel = (u16)(vector << 8);
	st->seg[SEG_CS].base = (u64)vector << 12;
	st->rip = 0;
	st->halted = 0;
}

struct text {
	char *buf;
	size_t size, used;
};

static void text_add(struct text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void text_add(struct text *t, const char *format, ...)
{
	size_t room = t->used < t->size ? t->size - t->used : 0;
	va_list ap;

	va_start(ap, format);
	t->used += fmt_vsnprintf(room ? t->buf + t->used : NULL, room, format, ap);
	va_end(ap);
}

static void print_gprs(struct text *t, const struct x86_state *st)
{
	static const char name[16][4] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					  "r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15" };

	text_add(t, "rip %016llx  rflags %08llx%s\n", (unsigned long long)st->rip,
		 (unsigned long long)st->rflags, st->halted ? "  halted" : "");
	for (unsigned n = 0; n < 16; n++)
		text_add(t, "%s %016llx%s", name[n], (unsigned long long)st->gpr[n],
			 n % 4 == 3 ? "\n" : "  ");
}

size_t arch_state_print(const void *state, char *buf, size_t size)
{
	static const char name[SEG_COUNT][4] = { "es ", "cs ", "ss ", "ds ",
						 "fs ", "gs ", "ldt", "tr " };
	const struct x86_state *st = state;
	struct text t = { buf, size, 0 };

	print_gprs(&t, st);
	for (unsigned n = 0; n < SEG_COUNT; n++)
		text_add(&t, "%s %04x  base %016llx  limit %08x  attr %05x\n", name[n],
			 st->seg[n].sel, (unsigned long long)st->seg[n].base, st->seg[n].limit,
			 st->seg[n].attr);
	text_add(&t, "gdt %016llx:%04x  idt %016llx:%04x\n", (unsigned long long)st->gdt.base,
		 st->gdt.limit, (unsigned long long)st->idt.base, st->idt.limit);
	text_add(&t, "cr0 %08llx  cr2 %016llx  cr3 %016llx  cr4 %08llx  efer %04llx\n",
		 (unsigned long long)st->cr0, (unsigned long long)st->cr2,
		 (unsigned long long)st->cr3, (unsigned long long)st->cr4,
		 (unsigned long long)st->efer);
	return t.used;
}
