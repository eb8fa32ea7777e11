/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of VMX, and reading what the host state of a VMCS is. SDM vol. 3C 30. */
#ifndef VMX_ASM_H
#define VMX_ASM_H

#include <arch/x86/native.h>

#include "vmcs.h"

/* False: VMfail. */
static inline bool vmxon(u64 pa)
{
	bool ok;

	__asm__ volatile("vmxon %1" : "=@cca"(ok) : "m"(pa) : "memory");
	return ok;
}
static inline bool vmclear(u64 pa)
{
	bool ok;

	__asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(pa) : "memory");
	return ok;
}
static inline bool vmptrld(u64 pa)
{
	bool ok;

	__asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(pa) : "memory");
	return ok;
}

/* Of the current VMCS. The field is one that every processor with what cpu.c asks for
 * has, so these do not fail. */
static inline u64 vmread(enum vmcs_field field)
{
	u64 v;

	__asm__ volatile("vmread %1, %0" : "=rm"(v) : "r"((u64)field) : "cc");
	return v;
}
static inline void vmwrite(enum vmcs_field field, u64 v)
{
	__asm__ volatile("vmwrite %0, %1" : : "rm"(v), "r"((u64)field) : "cc", "memory");
}

struct vmx_descriptor {
	u64 first, second;
};
/* type 1: of one EPT pointer; 2: all. */
static inline void invept(u64 type, u64 eptp)
{
	struct vmx_descriptor d = { eptp, 0 };

	__asm__ volatile("invept %0, %1" : : "m"(d), "r"(type) : "cc", "memory");
}
/* type 1: of one VPID; 2: all. */
static inline void invvpid(u64 type, u64 vpid)
{
	struct vmx_descriptor d = { vpid, 0 };

	__asm__ volatile("invvpid %0, %1" : : "m"(d), "r"(type) : "cc", "memory");
}

#define VMX_READ_REGISTER(name, insn, type)                   \
	static inline type name(void)                          \
	{                                                      \
		type v;                                        \
		__asm__ volatile(insn " %0" : "=r"(v));        \
		return v;                                      \
	}
VMX_READ_REGISTER(read_cr0, "mov %%cr0,", u64)
VMX_READ_REGISTER(read_cr2, "mov %%cr2,", u64)
VMX_READ_REGISTER(read_cr3, "mov %%cr3,", u64)
VMX_READ_REGISTER(read_cr4, "mov %%cr4,", u64)
VMX_READ_REGISTER(read_es, "mov %%es,", u16)
VMX_READ_REGISTER(read_cs, "mov %%cs,", u16)
VMX_READ_REGISTER(read_ss, "mov %%ss,", u16)
VMX_READ_REGISTER(read_ds, "mov %%ds,", u16)
VMX_READ_REGISTER(read_fs, "mov %%fs,", u16)
VMX_READ_REGISTER(read_gs, "mov %%gs,", u16)
VMX_READ_REGISTER(read_tr, "str", u16)
#undef VMX_READ_REGISTER

static inline void write_cr2(u64 v)
{
	__asm__ volatile("mov %0, %%cr2" : : "r"(v));
}
static inline void write_cr4(u64 v)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}

/* What the processor has waiting. */
static inline void take_interrupts(void)
{
	__asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
}

struct table_register {
	u16 limit;
	u64 base;
} __attribute__((packed));

static inline struct table_register read_gdtr(void)
{
	struct table_register r;

	__asm__ volatile("sgdt %0" : "=m"(r));
	return r;
}
static inline struct table_register read_idtr(void)
{
	struct table_register r;

	__asm__ volatile("sidt %0" : "=m"(r));
	return r;
}

#endif
