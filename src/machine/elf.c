/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and loading ELF: System V ABI, chapters 4 and 5. */
#include "elf.h"

#include <trivet/bits.h>
#include <trivet/string.h>

#include "boot.h"

#define ELF_MAX_SEGMENTS 64
#define EM_386 3
#define EM_X86_64 62
#define ET_EXEC 2
#define ET_DYN 3

bool elf_is(const struct blob *file)
{
	const u8 *p = blob_at(file, 0, 4);

	return p && memcmp(p, "\177ELF", 4) == 0;
}

static int check_ident(struct elf *elf, const u8 *p, struct error *err)
{
	u16 type = get_le16(p + 16), machine = get_le16(p + 18);
	bool known = (p[4] == 1 && (machine == EM_386 || machine == EM_X86_64)) ||
		     (p[4] == 2 && machine == EM_X86_64);

	elf->is64 = p[4] == 2;
	if (p[5] != 1 || !known || (type != ET_EXEC && type != ET_DYN))
		return error_set(err, -EINVAL,
				 NAME_FMT ": an ELF, but not an x86 executable (class %u, machine %u, type %u)",
				 elf->file->name, p[4], machine, type);
	return 0;
}

int elf_open(struct elf *elf, const struct blob *file, struct error *err)
{
	const u8 *p = blob_at(file, 0, 52);
	size_t entry_size;
	int r;

	*elf = (struct elf){ .file = file };
	if (p && p[4] == 2)
		p = blob_at(file, 0, 64);
	if (!p)
		return error_set(err, -EINVAL, NAME_FMT ": truncated in the ELF header", file->name);
	r = check_ident(elf, p, err);
	if (r)
		return r;
	elf->entry = elf->is64 ? get_le64(p + 24) : get_le32(p + 24);
	elf->phoff = elf->is64 ? get_le64(p + 32) : get_le32(p + 28);
	elf->phentsize = get_le16(p + (elf->is64 ? 54 : 42));
	elf->phnum = get_le16(p + (elf->is64 ? 56 : 44));
	entry_size = elf->is64 ? 56 : 32;
	if (elf->phnum == 0 || elf->phnum > ELF_MAX_SEGMENTS || elf->phentsize < entry_size)
		return error_set(err, -EINVAL,
				 NAME_FMT ": %u ELF program headers of %u bytes; expected 1 to %u of %zu",
				 file->name, elf->phnum, elf->phentsize, ELF_MAX_SEGMENTS, entry_size);
	if (!blob_at(file, elf->phoff, (u64)elf->phnum * elf->phentsize))
		return error_set(err, -EINVAL, NAME_FMT ": truncated in the ELF program headers", file->name);
	return 0;
}

struct elf_segment elf_segment(const struct elf *elf, unsigned i)
{
	const u8 *p = elf->file->data + elf->phoff + (u64)i * elf->phentsize;

	if (elf->is64)
		return (struct elf_segment){
			.type = get_le32(p),
			.offset = get_le64(p + 8),
			.paddr = get_le64(p + 24),
			.filesz = get_le64(p + 32),
			.memsz = get_le64(p + 40),
		};
	return (struct elf_segment){
		.type = get_le32(p),
		.offset = get_le32(p + 4),
		.paddr = get_le32(p + 12),
		.filesz = get_le32(p + 16),
		.memsz = get_le32(p + 20),
	};
}

/* RAM is zero at power-up: what is beyond filesz needs no writing. */
static int load_segment(struct machine *m, const struct elf *elf,
			const struct elf_segment *s, struct error *err)
{
	const char *name = elf->file->name;
	const u8 *bytes = blob_at(elf->file, s->offset, s->filesz);

	if (s->filesz > s->memsz)
		return error_set(err, -EINVAL, NAME_FMT ": an ELF segment has more bytes than memory", name);
	if (!bytes)
		return error_set(err, -EINVAL,
				 NAME_FMT ": truncated: a segment of %llu bytes at offset %llu, the file has %llu",
				 name, (unsigned long long)s->filesz,
				 (unsigned long long)s->offset,
				 (unsigned long long)elf->file->size);
	if (!memmap_loadable(&m->map, s->paddr, s->memsz))
		return error_set(err, -EINVAL,
				 NAME_FMT ": loads %llu bytes at %#llx, which does not fit in %llu MiB of memory",
				 name, (unsigned long long)s->memsz,
				 (unsigned long long)s->paddr,
				 (unsigned long long)(m->config.memory >> 20));
	return boot_write(m, s->paddr, bytes, s->filesz, err);
}

int elf_load(struct machine *m, const struct elf *elf, u64 entry, u64 *start,
	     u64 *end, struct error *err)
{
	bool entry_seen = false;

	*start = ~(u64)0;
	*end = 0;
	for (unsigned i = 0; i < elf->phnum; i++) {
		struct elf_segment s = elf_segment(elf, i);
		int r;

		if (s.type != ELF_PT_LOAD || s.memsz == 0)
			continue;
		r = load_segment(m, elf, &s, err);
		if (r)
			return r;
		if (range_within(entry, 1, s.paddr, s.memsz))
			entry_seen = true;
		if (s.paddr < *start)
			*start = s.paddr;
		if (s.paddr + s.memsz > *end)
			*end = s.paddr + s.memsz;
	}
	if (!entry_seen)
		return error_set(err, -EINVAL,
				 NAME_FMT ": the entry %#llx is in none of the loaded segments",
				 elf->file->name, (unsigned long long)entry);
	return 0;
}

/* Name size, descriptor size, type; then both, each padded to four bytes. */
static bool note_in_segment(const struct elf *elf, const struct elf_segment *s,
			    const char *name, u32 type, u64 *value)
{
	const u8 *p = blob_at(elf->file, s->offset, s->filesz);
	u64 left = p ? s->filesz : 0;
	u64 want = strlen(name) + 1;

	while (left >= 12) {
		u64 namesz = get_le32(p), descsz = get_le32(p + 4);
		u64 desc = 12 + align_up(namesz, 4);
		u64 next = desc + align_up(descsz, 4);

		if (desc > left || descsz > left - desc)
			return false;
		if (get_le32(p + 8) == type && namesz == want &&
		    memcmp(p + 12, name, want) == 0 && descsz >= 4) {
			*value = descsz >= 8 ? get_le64(p + desc) : get_le32(p + desc);
			return true;
		}
		if (next > left)
			return false;
		p += next;
		left -= next;
	}
	return false;
}

bool elf_find_note(const struct elf *elf, const char *name, u32 type, u64 *value)
{
	for (unsigned i = 0; i < elf->phnum; i++) {
		struct elf_segment s = elf_segment(elf, i);

		if (s.type == ELF_PT_NOTE && note_in_segment(elf, &s, name, type, value))
			return true;
	}
	return false;
}
