/* SPDX-License-Identifier: Apache-2.0 */
/* ELF executables, both classes, little-endian x86; every field is hostile. */
#ifndef MACHINE_ELF_H
#define MACHINE_ELF_H

#include "private.h"

struct elf {
	const struct blob *file;
	bool is64;
	u64 entry;
	u64 phoff;
	u16 phentsize, phnum;
};

struct elf_segment {
	u32 type;
	u64 offset, paddr, filesz, memsz;
};

enum { ELF_PT_LOAD = 1, ELF_PT_NOTE = 4 };

/* Does the file start as an ELF does? */
bool elf_is(const struct blob *file);
/* Checks the header and the program headers' place. -EINVAL with a message. */
int elf_open(struct elf *elf, const struct blob *file, struct error *err);
/* Program header i; i < phnum. */
struct elf_segment elf_segment(const struct elf *elf, unsigned i);
/*
 * Loads every PT_LOAD segment at its physical address; [*start, *end) spans
 * them. The entry must lie in one.
 */
int elf_load(struct machine *m, const struct elf *elf, u64 entry, u64 *start,
	     u64 *end, struct error *err);
/* The note's 4- or 8-byte value; false when there is none. */
bool elf_find_note(const struct elf *elf, const char *name, u32 type, u64 *value);

#endif
