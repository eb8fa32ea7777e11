/* SPDX-License-Identifier: Apache-2.0 */
/*
 * native [CASES] [KEY]: every form CASES times (100); KEY, hexadecimal, takes
 * only that map << 8 | opcode. With NATIVE_TABLES in the environment also far
 * transfers, LAR and its like, and 32-bit code where the kernel can run it; only
 * for a host whose GDT is its own. NATIVE_VERBOSE shows inputs, NATIVE_SEED=n
 * makes other cases. Exit status 1 when something differs.
 */
#include "native.h"

#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOW_FORMS 60

#define FL_COMPARED (FL_ARITH | FL_DF | FL_ID | FL_AC)

struct tally {
	unsigned long forms, cases, failed_forms, failed;
	u64 seed;
};

/* Does the host lack the extension that the instruction belongs to? */
static bool host_lacks(const struct x86_insn *i)
{
	unsigned a, b1 = 0, c1, d1, b7 = 0, c7, d7, cx = 0;
	unsigned map = i->key >> 8, op = i->key & 0xff;

	__cpuid(1, a, b1, c1, d1);
	__cpuid_count(7, 0, a, b7, c7, d7);
	__cpuid(0x80000001, a, b1, cx, d1);
	if (i->flags & X86_I_VEX)
		return !(b7 & 1 << 3) || !(b7 & 1 << 8) || !(c1 & 1 << 27);
	if (map == X86_MAP_0F38) {
		if (op >= 0xdb && op <= 0xdf)
			return !(c1 & 1 << 25);
		if (op == 0xf6)
			return !(b7 & 1 << 19);
		return !(c1 & 1 << 22) || !(c1 & 1 << 20);
	}
	if (map == X86_MAP_0F3A)
		return op == 0x44 ? !(c1 & 1 << 1) : op == 0xdf ? !(c1 & 1 << 25) : !(c1 & 1 << 20);
	if (map == X86_MAP_0F && op == 0xae)
		return !(b7 & 1 << 23) || !(b7 & 1 << 24);
	return false;
}

#define DIFF(...)                                                              \
	do {                                                                   \
		int len_ = snprintf(why + used, size - used, __VA_ARGS__);     \
		used += len_ > 0 && used + (size_t)len_ < size ? (size_t)len_ : 0; \
	} while (0)

/* Kernel addresses may be present without user rights, or absent. */
static u64 error_compared(const struct native_regs *want)
{
	return want->fault == EXC_PF && want->cr2 >> 63 ? ~(u64)PF_P : ~(u64)0;
}

static size_t diff_integer(const struct native_case *t, const struct native_regs *want,
			   const struct native_regs *got, char *why, size_t size)
{
	static const char *const name[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp",
		"rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
	u64 mask = t->mode == X86_MODE_64 ? ~(u64)0 : 0xffffffff;
	u64 flags = FL_COMPARED & choice_flags(t, want);
	size_t used = 0;

	if (want->fault != got->fault)
		DIFF(" fault %llx: %llx", (unsigned long long)want->fault, (unsigned long long)got->fault);
	if (want->fault == EXC_PF && want->cr2 != got->cr2 && !choice_cr2(t))
		DIFF(" cr2 %llx: %llx", (unsigned long long)want->cr2, (unsigned long long)got->cr2);
	if (want->fault != NO_FAULT && (want->error ^ got->error) & error_compared(want))
		DIFF(" error code %llx: %llx", (unsigned long long)want->error, (unsigned long long)got->error);
	if (want->taken != got->taken)
		DIFF(" taken %llu: %llu", (unsigned long long)want->taken, (unsigned long long)got->taken);
	for (unsigned n = 0; n < (mask >> 32 ? 16 : 8); n++) {
		if ((want->gpr[n] ^ got->gpr[n]) & mask & choice_value(t, want, n))
			DIFF(" %s %llx: %llx", name[n], (unsigned long long)want->gpr[n],
			     (unsigned long long)got->gpr[n]);
	}
	if ((want->rflags ^ got->rflags) & flags)
		DIFF(" flags %llx: %llx of %llx", (unsigned long long)want->rflags,
		     (unsigned long long)got->rflags, (unsigned long long)flags);
	return used;
}

static size_t diff_fpu(const struct native_case *t, const struct native_regs *want_regs,
		       const struct x86_fxsave *got, char *why, size_t size)
{
	const struct x86_fxsave *want = &want_regs->fx;
	unsigned count = t->mode == X86_MODE_64 ? 16 : 8;
	size_t used = 0;

	if (want->fcw != got->fcw)
		DIFF(" fcw %x: %x", want->fcw, got->fcw);
	if (want->fsw != got->fsw)
		DIFF(" fsw %x: %x", want->fsw, got->fsw);
	if (want->ftw != got->ftw)
		DIFF(" ftw %x: %x", want->ftw, got->ftw);
	if (want->mxcsr != got->mxcsr)
		DIFF(" mxcsr %x: %x", want->mxcsr, got->mxcsr);
	for (unsigned n = 0; n < 8; n++) {
		if (memcmp(want->st[n], got->st[n], 10))
			DIFF(" st%u %x %016llx: %x %016llx", n, get_le16(want->st[n] + 8),
			     (unsigned long long)get_le64(want->st[n]), get_le16(got->st[n] + 8),
			     (unsigned long long)get_le64(got->st[n]));
	}
	for (unsigned n = 0; n < count; n++) {
		if (memcmp(want->xmm[n], got->xmm[n], 16))
			DIFF(" xmm%u %016llx%016llx: %016llx%016llx", n,
			     (unsigned long long)get_le64(want->xmm[n] + 8),
			     (unsigned long long)get_le64(want->xmm[n]),
			     (unsigned long long)get_le64(got->xmm[n] + 8),
			     (unsigned long long)get_le64(got->xmm[n]));
	}
	return used;
}

static size_t diff_memory(const struct native_case *t, const struct native_regs *regs,
			  char *why, size_t size)
{
	u8 *want = native_scratch(), *got = interp_scratch();
	size_t used = 0;

	choice_memory(t, regs, want, got);
	if (!memcmp(want, got, SCRATCH_SIZE))
		return 0;
	for (unsigned n = 0; n < SCRATCH_SIZE; n++) {
		if (want[n] != got[n] && used < 100)
			DIFF(" [%x] %02x: %02x", SCRATCH + n, want[n], got[n]);
	}
	return used;
}

/* Runs both ways; true when equal, else why says (native: ours). */
static bool run_case(const struct native_case *t, char *why, size_t size)
{
	static struct native_regs want, got;
	size_t used;

	native_run(t, &want);
	interp_run(t, &got);
	why[0] = 0;
	if (want.fault == EXC_UD && got.fault != EXC_UD && host_lacks(&t->insn))
		return true;
	if (choice_skips(t, &want, &got))
		return true;
	used = diff_integer(t, &want, &got, why, size);
	if (!choice_fpu(t, &want))
		used += diff_fpu(t, &want, &got.fx, why + used, size - used);
	used += diff_memory(t, &want, why + used, size - used);
	return used == 0;
}

/* A difference counts when it repeats: a hypervisor below may interfere. */
static bool run_twice(const struct native_case *t, char *why, size_t size)
{
	return run_case(t, why, size) || run_case(t, why, size);
}

static void show(const struct native_case *t, const char *why)
{
	printf("%u:", t->mode == X86_MODE_64 ? 64 : 32);
	for (unsigned n = 0; n < t->prelude_len; n++)
		printf(" %02x", t->prelude[n]);
	printf("%s", t->prelude_len ? " |" : "");
	for (unsigned n = 0; n < t->len; n++)
		printf(" %02x", t->code[n]);
	printf("  %s:%s\n", x86_mnemonic(&t->insn), why);
	if (getenv("NATIVE_VERBOSE")) {
		printf("    operand at %llx, flags %llx, fcw %x fsw %x ftw %x mxcsr %x, gpr",
		       (unsigned long long)t->target, (unsigned long long)t->in.rflags,
		       t->in.fx.fcw, t->in.fx.fsw, t->in.fx.ftw, t->in.fx.mxcsr);
		for (unsigned n = 0; n < 16; n++)
			printf(" %llx", (unsigned long long)t->in.gpr[n]);
		printf("\n");
	}
}

static void run_form(const struct native_form *f, unsigned n, unsigned cases,
		     struct tally *sum)
{
	static struct native_case t;
	unsigned long failed = 0;
	unsigned done = 0;
	char why[1024];

	native_seed(n + 1 + sum->seed);
	for (unsigned tries = 0; done < cases && tries < cases * 4; tries++) {
		if (!done && tries > 40)
			return; /* no such form */
		if (!case_build(f, &t))
			continue;
		done++;
		if (run_twice(&t, why, sizeof why) || failed++)
			continue;
		if (sum->failed_forms++ < SHOW_FORMS || getenv("NATIVE_ALL"))
			show(&t, why);
	}
	sum->forms += done != 0;
	sum->cases += done;
	sum->failed += failed;
}

int main(int argc, char **argv)
{
	unsigned cases = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
	long key = argc > 2 ? strtol(argv[2], NULL, 16) : -1;
	struct tally sum = { 0 };
	struct native_form f;
	bool used, tables, compat;

	if (getenv("NATIVE_SEED"))
		sum.seed = strtoull(getenv("NATIVE_SEED"), NULL, 0) << 32;
	native_init();
	tables = getenv("NATIVE_TABLES");
	compat = tables && native_has_compat();
	interp_init();
	for (unsigned n = 0; form_get(n, &f, &used); n++) {
		if (!tables && form_reads_tables(&f))
			continue;
		if (f.mode != X86_MODE_64 && !compat)
			continue;
		if (used && (key < 0 || X86_KEY(f.map, f.op) == key))
			run_form(&f, n, cases, &sum);
	}
	printf("native: %lu forms, %lu cases, %lu failed\n", sum.forms, sum.cases, sum.failed);
	return sum.failed || !sum.cases;
}
