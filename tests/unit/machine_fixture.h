/* SPDX-License-Identifier: Apache-2.0 */
/* A VM on an engine that only records, and kernels made by hand. */
#ifndef TESTS_MACHINE_FIXTURE_H
#define TESTS_MACHINE_FIXTURE_H

#include <string.h>

#include <arch/x86/state.h>
#include <trivet/bits.h>
#include <trivet/machine.h>

#include "fake_platform.h"

/* What the engine was told. Kept in vm->engine_data of the test's VM. */
struct recorder {
	struct x86_state state[VM_MAX_VCPUS];
	unsigned set_count;
	unsigned vcpus;
	unsigned written; /* mem_written calls */
	unsigned flushed;
	bool refuse_map;
};

static struct recorder rec;

static inline int rec_probe(struct engine_caps *caps)
{
	caps->usable = true;
	return 0;
}

static inline int rec_vm_init(struct vm *vm, struct error *err)
{
	(void)err;
	vm->engine_data = &rec;
	return 0;
}

static inline void rec_vm_fini(struct vm *vm)
{
	vm->engine_data = NULL;
}

static inline int rec_map(struct vm *vm, const struct mem_slot *slot)
{
	(void)vm;
	(void)slot;
	return rec.refuse_map ? -ENOMEM : 0;
}

static inline void rec_mem_written(struct vm *vm, gpa_t a, u64 len)
{
	(void)vm;
	(void)a;
	(void)len;
	rec.written++;
}

static inline void rec_flush_page(struct vm *vm, gpa_t page)
{
	(void)vm;
	(void)page;
	rec.flushed++;
}

static inline int rec_vcpu_init(struct vcpu *v, struct error *err)
{
	(void)v;
	(void)err;
	rec.vcpus++;
	return 0;
}

static inline void rec_vcpu_fini(struct vcpu *v)
{
	(void)v;
	rec.vcpus--;
}

static inline int rec_get_state(struct vcpu *v, void *st)
{
	memcpy(st, &rec.state[v->index], sizeof rec.state[0]);
	return 0;
}

static inline int rec_set_state(struct vcpu *v, const void *st)
{
	memcpy(&rec.state[v->index], st, sizeof rec.state[0]);
	rec.set_count++;
	return 0;
}

static const struct engine_ops rec_engine = {
	.name = "recorder",
	.probe = rec_probe,
	.vm_init = rec_vm_init,
	.vm_fini = rec_vm_fini,
	.map = rec_map,
	.mem_written = rec_mem_written,
	.flush_page = rec_flush_page,
	.vcpu_init = rec_vcpu_init,
	.vcpu_fini = rec_vcpu_fini,
	.get_state = rec_get_state,
	.set_state = rec_set_state,
};

/* Kernels. Each fills buf (zeroed) and returns its size. */

#define BZ_SETUP 1024
#define BZ_BYTES 4096

static inline size_t make_bzimage(u8 *buf)
{
	memset(buf, 0, BZ_SETUP + BZ_BYTES);
	buf[0x1f1] = 1;
	put_le32(buf + 0x1f4, BZ_BYTES / 16);
	put_le16(buf + 0x1fe, 0xaa55);
	buf[0x200] = 0xeb;
	buf[0x201] = 0x6a;
	memcpy(buf + 0x202, "HdrS", 4);
	put_le16(buf + 0x206, 0x20f);
	buf[0x211] = 1;
	put_le32(buf + 0x22c, 0x7fffffff);
	put_le32(buf + 0x230, 0x200000);
	buf[0x234] = 1;
	put_le16(buf + 0x236, 1); /* XLF_KERNEL_64 */
	put_le32(buf + 0x238, 255);
	put_le64(buf + 0x258, MIB(4));
	put_le32(buf + 0x260, MIB(2));
	memset(buf + BZ_SETUP, 0x90, BZ_BYTES);
	return BZ_SETUP + BZ_BYTES;
}

#define ELF_BYTES 8192
#define ELF_CODE 4096 /* file offset of the segment, with 256 bytes of 90h */

/* One PT_LOAD of 256 bytes (memory: 8192) at paddr, entry 16 bytes into it. */
static inline size_t make_elf64(u8 *buf, u64 paddr)
{
	u8 *ph = buf + 64;

	memset(buf, 0, ELF_BYTES);
	memcpy(buf, "\177ELF\2\1\1", 7);
	put_le16(buf + 16, 2);
	put_le16(buf + 18, 62);
	put_le64(buf + 24, paddr + 16);
	put_le64(buf + 32, 64);
	put_le16(buf + 54, 56);
	put_le16(buf + 56, 1);
	put_le32(ph, 1);
	put_le64(ph + 8, ELF_CODE);
	put_le64(ph + 16, 0xffffffff80000000 + paddr);
	put_le64(ph + 24, paddr);
	put_le64(ph + 32, 256);
	put_le64(ph + 40, 8192);
	memset(buf + ELF_CODE, 0x90, 256);
	return ELF_BYTES;
}

/* Adds a PT_NOTE with the PVH entry to what make_elf64 made. */
static inline size_t make_pvh(u8 *buf, u64 paddr)
{
	size_t n = make_elf64(buf, paddr);
	u8 *ph = buf + 64 + 56;
	u8 *note = buf + 512;

	put_le16(buf + 56, 2);
	put_le32(ph, 4);
	put_le64(ph + 8, 512);
	put_le64(ph + 32, 64);
	/* Another note first: GNU, type 3, 8 bytes. */
	put_le32(note, 4);
	put_le32(note + 4, 8);
	put_le32(note + 8, 3);
	memcpy(note + 12, "GNU", 4);
	note += 24;
	put_le32(note, 4);
	put_le32(note + 4, 8);
	put_le32(note + 8, 18);
	memcpy(note + 12, "Xen", 4);
	put_le64(note + 16, paddr + 32);
	return n;
}

static inline size_t make_elf32(u8 *buf, u32 paddr)
{
	u8 *ph = buf + 52;

	memset(buf, 0, ELF_BYTES);
	memcpy(buf, "\177ELF\1\1\1", 7);
	put_le16(buf + 16, 2);
	put_le16(buf + 18, 3);
	put_le32(buf + 24, paddr + 16);
	put_le32(buf + 28, 52);
	put_le16(buf + 42, 32);
	put_le16(buf + 44, 1);
	put_le32(ph, 1);
	put_le32(ph + 4, ELF_CODE);
	put_le32(ph + 8, paddr);
	put_le32(ph + 12, paddr);
	put_le32(ph + 16, 256);
	put_le32(ph + 20, 8192);
	memset(buf + ELF_CODE, 0x90, 256);
	return ELF_BYTES;
}

static inline void put_multiboot(u8 *p, u32 flags)
{
	put_le32(p, 0x1badb002);
	put_le32(p + 4, flags);
	put_le32(p + 8, 0 - (0x1badb002 + flags));
}

static inline size_t make_multiboot(u8 *buf, u32 paddr)
{
	size_t n = make_elf32(buf, paddr);

	put_multiboot(buf + ELF_CODE, 3);
	return n;
}

/* A plain image of 1024 bytes, header at 64, that goes to paddr. */
static inline size_t make_multiboot_flat(u8 *buf, u32 paddr)
{
	memset(buf, 0x90, 1024);
	put_multiboot(buf + 64, 1u << 16);
	put_le32(buf + 76, paddr + 64);
	put_le32(buf + 80, paddr);
	put_le32(buf + 84, 0);
	put_le32(buf + 88, paddr + 4096);
	put_le32(buf + 92, paddr + 128);
	return 1024;
}

#endif
