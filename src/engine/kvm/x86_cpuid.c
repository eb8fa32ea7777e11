/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID: the leaves of the CPU model, as the soft engine shows them, less what
 * this host's CPU cannot do. KVM itself keeps OSXSAVE and the APIC bit in step.
 */
#include "x86.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 64
#define HOST_ENTRIES 256

#define TABLE_SIZE(n) (sizeof(struct kvm_cpuid2) + (n) * sizeof(struct kvm_cpuid_entry2))

enum { EAX, EBX, ECX, EDX };

/* Registers of feature bits, and the bits that need no support of the CPU: KVM
 * emulates them (x2APIC, TSC deadline, hypervisor, TSC_ADJUST, ARCH_CAPABILITIES)
 * or they only describe (HTT, ERMS, FSRM). */
static const struct feature_word {
	u32 leaf;
	u8 reg;
	u32 free;
} feature_words[] = {
	{ 1, ECX, 1u << 21 | 1u << 24 | 1u << 31 },
	{ 1, EDX, 1u << 28 },
	{ 7, EBX, 1u << 1 | 1u << 9 },
	{ 7, ECX, 0 },
	{ 7, EDX, 1u << 4 | 1u << 29 },
	{ 0x80000001, ECX, 0 },
	{ 0x80000001, EDX, 0 },
};

/* Names for the log, of what CPUs with KVM may lack. */
static const struct {
	u32 leaf;
	u8 reg, bit;
	const char *name;
} feature_names[] = {
	{ 1, ECX, 1, "pclmulqdq" }, { 1, ECX, 17, "pcid" }, { 1, ECX, 22, "movbe" },
	{ 1, EDX, 1, "vme" }, { 1, ECX, 25, "aes" }, { 1, ECX, 26, "xsave" }, { 1, ECX, 30, "rdrand" },
	{ 7, EBX, 0, "fsgsbase" }, { 7, EBX, 3, "bmi1" }, { 7, EBX, 7, "smep" },
	{ 7, EBX, 8, "bmi2" }, { 7, EBX, 10, "invpcid" }, { 7, EBX, 18, "rdseed" },
	{ 7, EBX, 19, "adx" }, { 7, EBX, 20, "smap" }, { 7, EBX, 23, "clflushopt" },
	{ 7, EBX, 24, "clwb" }, { 7, ECX, 2, "umip" },
	{ 0x80000001, ECX, 5, "lzcnt" }, { 0x80000001, ECX, 8, "prefetchw" },
	{ 0x80000001, EDX, 26, "1 GiB pages" }, { 0x80000001, EDX, 27, "rdtscp" },
};

/*
 * What a CPU that speculates offers against the leaks: leaf 7 EDX MD_CLEAR, IBRS,
 * STIBP, L1D_FLUSH, SSBD. The guest gets what there is.
 */
#define MITIGATIONS (1u << 10 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 31)

static u32 *entry_reg(struct kvm_cpuid_entry2 *e, unsigned reg)
{
	u32 *const regs[] = { &e->eax, &e->ebx, &e->ecx, &e->edx };

	return regs[reg];
}

static void table_add(struct kvm_cpuid2 *t, const struct kvm_cpu *c, u32 leaf, u32 sub,
		      bool indexed)
{
	struct x86_cpuid_regs v = x86_cpuid(c->v->vm->arch_config, NULL, c->v->index,
					    leaf, sub);

	if (t->nent == MAX_ENTRIES)
		return;
	t->entries[t->nent++] = (struct kvm_cpuid_entry2){
		.function = leaf, .index = sub,
		.flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
		.eax = v.eax, .ebx = v.ebx, .ecx = v.ecx, .edx = v.edx,
	};
}

/* Leaves whose answer depends on ECX, and how many answers there are. */
static u32 subleaves(u32 leaf)
{
	switch (leaf) {
	case 4: return 5;
	case 7: return 1;
	case 0xb: return 3;
	case 0xd: return 2;
	default: return 0;
	}
}

static void table_fill(struct kvm_cpuid2 *t, const struct kvm_cpu *c)
{
	static const u32 first[] = { 0, 0x40000000, 0x80000000 };

	for (unsigned i = 0; i < ARRAY_SIZE(first); i++) {
		u32 last = x86_cpuid(c->v->vm->arch_config, NULL, 0, first[i], 0).eax;

		for (u32 leaf = first[i]; leaf <= last; leaf++) {
			for (u32 sub = 0; sub < subleaves(leaf); sub++)
				table_add(t, c, leaf, sub, true);
			if (!subleaves(leaf))
				table_add(t, c, leaf, 0, false);
		}
	}
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *t, u32 leaf)
{
	for (u32 i = 0; i < t->nent; i++)
		if (t->entries[i].function == leaf && t->entries[i].index == 0)
			return &t->entries[i];
	return NULL;
}

static const char *feature_name(u32 leaf, unsigned reg, unsigned bit)
{
	for (unsigned i = 0; i < ARRAY_SIZE(feature_names); i++)
		if (feature_names[i].leaf == leaf && feature_names[i].reg == reg &&
		    feature_names[i].bit == bit)
			return feature_names[i].name;
	return "a feature of x86-64-v2";
}

static void note_missing(char *text, size_t size, const struct feature_word *w, u32 bits)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		size_t used = strlen(text);

		if (bits >> bit & 1 && used + 40 < size) {
			strcpy(text + used, used ? ", " : "");
			strcat(text, feature_name(w->leaf, w->reg, bit));
		}
	}
}

/* Takes out of t what host does not have; the names of that in text. */
static void table_limit(struct kvm_cpuid2 *t, struct kvm_cpuid2 *host, char *text,
			size_t size)
{
	struct kvm_cpuid_entry2 *e7 = find(t, 7), *h7 = find(host, 7);

	text[0] = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(feature_words); i++) {
		const struct feature_word *w = &feature_words[i];
		struct kvm_cpuid_entry2 *e = find(t, w->leaf);
		struct kvm_cpuid_entry2 *h = find(host, w->leaf);
		u32 *have = e ? entry_reg(e, w->reg) : NULL;
		u32 can = w->free | (h ? *entry_reg(h, w->reg) : 0);

		if (!have)
			continue;
		note_missing(text, size, w, *have & ~can);
		*have &= can;
	}
	if (e7 && h7)
		e7->edx |= h7->edx & MITIGATIONS;
}

static struct kvm_cpuid2 *host_cpuid(int dev_fd)
{
	struct kvm_cpuid2 *host = calloc(1, TABLE_SIZE(HOST_ENTRIES));

	if (!host)
		return NULL;
	host->nent = HOST_ENTRIES;
	if (kvm_ioctl(dev_fd, KVM_GET_SUPPORTED_CPUID, host)) {
		free(host);
		return NULL;
	}
	return host;
}

int kvm_x86_set_cpuid(struct kvm_cpu *c, struct error *err)
{
	struct kvm_guest *g = c->v->vm->engine_data;
	struct kvm_cpuid2 *host = host_cpuid(g->dev_fd);
	struct kvm_cpuid2 *t = calloc(1, TABLE_SIZE(MAX_ENTRIES));
	char missing[400];
	int r;

	if (!host || !t) {
		free(host);
		free(t);
		return error_set(err, -EIO, "KVM does not tell what its CPUs can do");
	}
	table_fill(t, c);
	table_limit(t, host, missing, sizeof missing);
	free(host);
	if (missing[0] && !g->warned_features)
		platform_log(LOG_WARN, "this host's CPU lacks what the model has: %s",
			     missing);
	g->warned_features = true;
	r = kvm_ioctl(c->fd, KVM_SET_CPUID2, t);
	free(t);
	return r ? error_set(err, r, "KVM refuses the CPU model: %s", strerror(-r)) : 0;
}
