/* SPDX-License-Identifier: Apache-2.0 */
/* One processor: what it has, and switching AMD-V on. APM vol. 2 15.4, 15.30. */
#include <trivet/fmt.h>
#include <trivet/metal.h>
#include <trivet/string.h>

#include "asm.h"
#include "svm.h"

#define MSR_EFER 0xc0000080u
#define EFER_SVME BIT(12)
#define MSR_VM_CR 0xc0010114u
#define VM_CR_LOCK BIT(3)
#define VM_CR_SVMDIS BIT(4)
#define MSR_VM_HSAVE_PA 0xc0010117u

static bool has_svm(void)
{
	return cpuid(0x80000000, 0).a >= 0x8000000a && (cpuid(0x80000001, 0).c & BIT(2));
}

/* NULL when guests can run here. */
static const char *what_is_missing(void)
{
	if (!has_svm())
		return "this processor has no AMD-V (CPUID 80000001h ECX bit 2)";
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
		return rdmsr(MSR_VM_CR) & VM_CR_LOCK ?
		       "AMD-V is switched off and locked: enable SVM in the firmware's set-up" :
		       "AMD-V is switched off (VM_CR.SVMDIS)";
	if (!(cpuid(0x8000000a, 0).d & BIT(0)))
		return "AMD-V here has no nested paging (CPUID 8000000Ah EDX bit 0)";
	return NULL;
}

int svm_probe(struct engine_caps *caps)
{
	const char *why = what_is_missing();

	memset(caps, 0, sizeof *caps);
	caps->usable = caps->hardware_speed = !why;
	fmt_snprintf(caps->why, sizeof caps->why, "%s", why ? why : "AMD-V with nested paging");
	return why ? -ENODEV : 0;
}

static void read_caps(struct svm_caps *k)
{
	struct cpuid_out svm = cpuid(0x8000000a, 0);

	k->asids = svm.b;
	k->next_rip = svm.d & BIT(3);
	k->flush_asid = svm.d & BIT(6);
	k->pause_filter = svm.d & BIT(10);
	k->rdpru = cpuid(0x80000000, 0).a >= 0x80000008 && (cpuid(0x80000008, 0).b & BIT(4));
}

int svm_cpu_enable(void **cpu_data, struct error *err)
{
	const char *why = what_is_missing();
	struct svm_cpu *cpu;
	int r;

	if (why)
		return error_set(err, -ENODEV, "%s", why);
	cpu = platform_alloc(sizeof *cpu);
	if (!cpu)
		return error_set(err, -ENOMEM, "no memory for AMD-V");
	read_caps(&cpu->caps);
	hw_caps_read(&cpu->hw.caps);
	r = hw_caps_check(&cpu->hw.caps, err);
	if (!r && cpu->caps.asids < 2)
		r = error_set(err, -ENODEV, "AMD-V here has no address space numbers");
	if (r) {
		platform_free(cpu, sizeof *cpu);
		return r;
	}
	cpu->host_page = platform_ram_alloc(PAGE_SIZE);
	cpu->hsave_page = platform_ram_alloc(PAGE_SIZE);
	if (!cpu->host_page || !cpu->hsave_page) {
		platform_ram_free(cpu->host_page, PAGE_SIZE);
		platform_ram_free(cpu->hsave_page, PAGE_SIZE);
		platform_free(cpu, sizeof *cpu);
		return error_set(err, -ENOMEM, "no memory for AMD-V");
	}
	cpu->host_pa = metal_hpa(cpu->host_page).v;
	cpu->next_asid = 1; /* 0 is the host's */
	cpu->asid_generation = 1;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, metal_hpa(cpu->hsave_page).v);
	hw_cpu_init(&cpu->hw);
	vmsave(cpu->host_pa);
	*cpu_data = cpu;
	return 0;
}
