/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model-specific registers: KVM answers those that are on this list, which is the
 * soft engine's (src/arch/x86/msr.c); all others come here and fault, but for the
 * one that the model has and KVM has not.
 */
#include "x86.h"

#include <errno.h>
#include <string.h>

#define MSR_FEATURE_CONTROL 0x3a
#define MSR_ARCH_CAPABILITIES 0x10a

struct msr_range {
	u32 first, last;
};

static const struct msr_range allowed[] = {
	{ 0x10, 0x10 },	  /* TSC */
	{ 0x17, 0x17 },	  /* PLATFORM_ID */
	{ 0x1b, 0x1b },	  /* APIC_BASE */
	{ 0x34, 0x34 },	  /* SMI_COUNT */
	{ 0x3b, 0x3b },	  /* TSC_ADJUST */
	{ 0x48, 0x49 },	  /* SPEC_CTRL, PRED_CMD: fault without their CPUID bits */
	{ 0x8b, 0x8b },	  /* BIOS_SIGN */
	{ 0xfe, 0xfe },	  /* MTRR_CAP */
	{ 0x10a, 0x10b }, /* ARCH_CAPABILITIES, FLUSH_CMD */
	{ 0x174, 0x176 }, /* SYSENTER */
	{ 0x179, 0x17b }, /* MCG_CAP, MCG_STATUS, MCG_CTL */
	{ 0x1a0, 0x1a0 }, /* MISC_ENABLE */
	{ 0x1d9, 0x1d9 }, /* DEBUGCTL */
	{ 0x200, 0x20f }, { 0x250, 0x250 }, { 0x258, 0x259 }, { 0x268, 0x26f },
	{ 0x277, 0x277 }, /* PAT */
	{ 0x2ff, 0x2ff }, /* MTRR_DEF_TYPE */
	{ 0x400, 0x40f }, /* four machine-check banks */
	{ 0x6e0, 0x6e0 }, /* TSC_DEADLINE */
	{ 0xc0000080, 0xc0000084 }, /* EFER, STAR, LSTAR, CSTAR, SFMASK */
	{ 0xc0000100, 0xc0000103 }, /* FS, GS, KERNEL_GS base, TSC_AUX */
};

#define LOW_FIRST 0u
#define LOW_COUNT 0x800u
#define HIGH_FIRST 0xc0000000u
#define HIGH_COUNT 0x200u

static void fill(u8 *bitmap, u32 first, u32 count)
{
	for (unsigned i = 0; i < ARRAY_SIZE(allowed); i++)
		for (u32 m = allowed[i].first; m <= allowed[i].last; m++)
			if (m - first < count)
				bitmap[(m - first) / 8] |= (u8)(1u << ((m - first) & 7));
}

/* api.rst 4.129 (KVM_X86_SET_MSR_FILTER). x2APIC registers are never filtered. */
int kvm_x86_filter_msrs(struct kvm_guest *g)
{
	u8 low[LOW_COUNT / 8] = { 0 }, high[HIGH_COUNT / 8] = { 0 };
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_DENY,
		.ranges = {
			{ .flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			  .base = LOW_FIRST, .nmsrs = LOW_COUNT, .bitmap = low },
			{ .flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			  .base = HIGH_FIRST, .nmsrs = HIGH_COUNT, .bitmap = high },
		},
	};

	fill(low, LOW_FIRST, LOW_COUNT);
	fill(high, HIGH_FIRST, HIGH_COUNT);
	return kvm_ioctl(g->fd, KVM_X86_SET_MSR_FILTER, &filter);
}

/* KVM_GET_MSRS and KVM_SET_MSRS return how many they did. */
static int one_msr(int fd, unsigned long request, u32 index, u64 *value)
{
	u64 room[(sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)) / 8] = { 0 };
	struct kvm_msrs *m = (struct kvm_msrs *)(void *)room;
	int r;

	m->nmsrs = 1;
	m->entries[0] = (struct kvm_msr_entry){ .index = index, .data = *value };
	r = kvm_ioctl(fd, request, m);
	*value = m->entries[0].data;
	return r == 1 ? 0 : r < 0 ? r : -EINVAL;
}

int kvm_x86_get_msr(int fd, u32 index, u64 *value)
{
	*value = 0;
	return one_msr(fd, KVM_GET_MSRS, index, value);
}

int kvm_x86_set_msr(int fd, u32 index, u64 value)
{
	return one_msr(fd, KVM_SET_MSRS, index, &value);
}

/* Four banks and MCG_CTL, as the model has them. */
#define MCG_CAP 0x104u

int kvm_x86_init_msrs(struct kvm_cpu *c)
{
	struct kvm_guest *g = c->v->vm->engine_data;
	u64 mcg = MCG_CAP, flaws = 0;
	int r = kvm_ioctl(c->fd, KVM_X86_SETUP_MCE, &mcg);

	c->feature_control = 1; /* locked, VMX off */
	/* which of its CPU's flaws the host says are none (a feature MSR) */
	if (r || kvm_x86_get_msr(g->dev_fd, MSR_ARCH_CAPABILITIES, &flaws))
		return r;
	return kvm_x86_set_msr(c->fd, MSR_ARCH_CAPABILITIES, flaws);
}

void kvm_x86_msr_exit(struct kvm_cpu *c, bool write)
{
	struct kvm_run *run = c->run;
	struct exit x = { .reason = EXIT_MSR };

	x.msr.index = run->msr.index;
	x.msr.write = write;
	x.msr.value = run->msr.data;
	if (!write && run->msr.index == MSR_FEATURE_CONTROL) {
		run->msr.data = c->feature_control;
		run->msr.error = 0;
		c->v->stats.exits[EXIT_MSR]++;
	} else {
		x.msr.fault = true;
		vcpu_handle_exit(c->v, &x);
		run->msr.data = x.msr.value;
		run->msr.error = x.msr.fault;
	}
	c->unfinished = true;
}
