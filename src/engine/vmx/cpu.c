/* SPDX-License-Identifier: Apache-2.0 */
/* One processor: what it has, and switching VT-x on. SDM vol. 3C 23.6 to 23.8. */
#include <trivet/fmt.h>
#include <trivet/metal.h>
#include <trivet/string.h>

#include "asm.h"
#include "vmx.h"

#define MSR_FEATURE_CONTROL 0x3au
#define FEATURE_LOCK BIT(0)
#define FEATURE_VMX BIT(2) /* outside SMX */
#define MSR_VMX_BASIC 0x480u
#define BASIC_32BIT BIT(48) /* VMX regions must lie below 4 GiB */
#define BASIC_TRUE BIT(55)  /* there are the TRUE_ capability MSRs */
#define CR4_VMXE BIT(13)

static bool has_vmx(void)
{
	return cpuid(1, 0).c & BIT(5);
}

/* Firmware may leave it open: then it is ours to set, and locked against what runs
 * later. */
static bool feature_control_allows(void)
{
	u64 v = rdmsr(MSR_FEATURE_CONTROL);

	if (v & FEATURE_LOCK)
		return v & FEATURE_VMX;
	wrmsr(MSR_FEATURE_CONTROL, v | FEATURE_LOCK | FEATURE_VMX);
	return true;
}

/*
 * The TRUE_ MSRs allow 0 for some controls that the others say must be 1 (A.3.1), such
 * as CR3-load exiting. A processor without them has no EPT either.
 */
static void read_msrs(struct vmx_msrs *m)
{
	m->basic = rdmsr(MSR_VMX_BASIC);
	if (m->basic & BASIC_TRUE) {
		m->pin = rdmsr(0x48d);
		m->primary = rdmsr(0x48e);
		m->exit = rdmsr(0x48f);
		m->entry = rdmsr(0x490);
	} else {
		m->pin = rdmsr(0x481);
		m->primary = rdmsr(0x482);
		m->exit = rdmsr(0x483);
		m->entry = rdmsr(0x484);
	}
	m->misc = rdmsr(0x485);
	m->cr0_fixed0 = rdmsr(0x486);
	m->cr0_fixed1 = rdmsr(0x487);
	m->cr4_fixed0 = rdmsr(0x488);
	m->cr4_fixed1 = rdmsr(0x489);
	if (m->primary >> 63)
		m->secondary = rdmsr(0x48b);
	if (m->secondary >> 32 & (BIT(1) | BIT(5))) /* EPT or VPID */
		m->ept_vpid = rdmsr(0x48c);
}

static int examine(struct vmx_controls *k, struct error *err)
{
	struct vmx_msrs m = { 0 };

	if (!has_vmx())
		return error_set(err, -ENODEV, "this processor has no VT-x (CPUID 1 ECX bit 5)");
	if (!feature_control_allows())
		return error_set(err, -ENODEV, "VT-x is switched off and locked: enable it in the "
				 "firmware's set-up");
	read_msrs(&m);
	return vmx_controls_derive(k, &m, err);
}

int vmx_probe(struct engine_caps *caps)
{
	struct vmx_controls k;
	struct error err = { "" };
	int r = examine(&k, &err);

	memset(caps, 0, sizeof *caps);
	caps->usable = caps->hardware_speed = !r;
	fmt_snprintf(caps->why, sizeof caps->why, "%s",
		     r ? err.msg : "VT-x with EPT and unrestricted guests");
	return r;
}

static int enter_root(struct vmx_cpu *cpu, struct error *err)
{
	u64 pa = metal_hpa(cpu->vmxon_page).v;

	if ((rdmsr(MSR_VMX_BASIC) & BASIC_32BIT) && pa >> 32)
		return error_set(err, -ENODEV, "VT-x here wants memory below 4 GiB; none is left");
	memcpy(cpu->vmxon_page, &cpu->controls.revision, 4);
	write_cr4(read_cr4() | CR4_VMXE);
	if (!vmxon(pa))
		return error_set(err, -ENODEV, "VMXON failed: CR0 %#llx, CR4 %#llx",
				 (unsigned long long)read_cr0(), (unsigned long long)read_cr4());
	invept(2, 0);
	if (cpu->controls.vpid)
		invvpid(2, 0);
	return 0;
}

int vmx_cpu_enable(void **cpu_data, struct error *err)
{
	struct vmx_cpu *cpu = platform_alloc(sizeof *cpu);
	int r;

	if (!cpu)
		return error_set(err, -ENOMEM, "no memory for VT-x");
	r = examine(&cpu->controls, err);
	if (r)
		goto fail;
	hw_caps_read(&cpu->hw.caps);
	r = hw_caps_check(&cpu->hw.caps, err);
	if (r)
		goto fail;
	cpu->vmxon_page = platform_ram_alloc(PAGE_SIZE);
	if (!cpu->vmxon_page) {
		r = error_set(err, -ENOMEM, "no memory for VT-x");
		goto fail;
	}
	r = enter_root(cpu, err);
	if (r)
		goto fail_page;
	hw_tags_init(&cpu->tags, 0x10000);
	hw_cpu_init(&cpu->hw);
	vmx_kept_init(cpu);
	*cpu_data = cpu;
	return 0;
fail_page:
	platform_ram_free(cpu->vmxon_page, PAGE_SIZE);
fail:
	platform_free(cpu, sizeof *cpu);
	return r;
}
