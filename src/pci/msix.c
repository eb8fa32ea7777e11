/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X: PCI Local Bus 3.0, 6.8.2. */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "private.h"

#define MSIX_SIZE 12
#define MSIX_CONTROL 2
#define CONTROL_ENABLE 0x8000u
#define CONTROL_MASK_ALL 0x4000u
#define ENTRY_SIZE 16

static u32 control(const struct pci_func *f)
{
	return get_le16(f->config + f->msix.cap + MSIX_CONTROL);
}

bool pci_msix_enabled(const struct pci_func *f)
{
	return f->msix.count && (control(f) & CONTROL_ENABLE);
}

static bool vector_masked(const struct pci_func *f, unsigned vector)
{
	return (control(f) & CONTROL_MASK_ALL) || f->msix.entries[vector].masked;
}

void pci_msix_send(struct pci_func *f, unsigned vector)
{
	struct pci_msix *m = &f->msix;

	if (vector >= m->count || !pci_msix_enabled(f))
		return;
	if (vector_masked(f, vector)) {
		m->pending |= (u32)BIT(vector);
		return;
	}
	m->pending &= ~(u32)BIT(vector);
	/* A message is a write by the function: none without bus mastering. */
	if (get_le16(f->config + PCI_COMMAND) & PCI_COMMAND_MASTER)
		(void)irq_send_msi(f->vm, m->entries[vector].address,
				   m->entries[vector].data);
}

/* What was held back while masked goes out once it no longer is. */
static void send_pending(struct pci_func *f)
{
	for (unsigned i = 0; i < f->msix.count; i++)
		if ((f->msix.pending & BIT(i)) && !vector_masked(f, i))
			pci_msix_send(f, i);
}

void pci_msix_control_written(struct pci_func *f)
{
	if (pci_msix_enabled(f))
		send_pending(f);
	pci_func_update_intx(f);
}

void pci_msix_reset(struct pci_func *f)
{
	struct pci_msix *m = &f->msix;

	memset(m->entries, 0, sizeof m->entries);
	m->pending = 0;
	for (unsigned i = 0; i < m->count; i++)
		m->entries[i].masked = true;
}

bool pci_msix_owns(const struct pci_func *f, unsigned index, u64 offset)
{
	const struct pci_msix *m = &f->msix;

	return m->count && index == m->bar &&
	       (offset - m->table < m->count * ENTRY_SIZE || offset - m->pba < 8);
}

static u32 entry_read(const struct pci_msix_entry *e, unsigned word)
{
	switch (word) {
	case 0: return (u32)e->address;
	case 1: return (u32)(e->address >> 32);
	case 2: return e->data;
	default: return e->masked;
	}
}

static void entry_write(struct pci_msix_entry *e, unsigned word, u32 value)
{
	switch (word) {
	case 0:
		e->address = (e->address & ~(u64)0xffffffff) | (value & ~3u);
		break;
	case 1:
		e->address = (u32)e->address | (u64)value << 32;
		break;
	case 2:
		e->data = value;
		break;
	default:
		e->masked = value & 1;
		break;
	}
}

static u32 word_read(struct pci_func *f, u64 offset)
{
	struct pci_msix *m = &f->msix;
	u64 at = offset - m->table;

	if (at < m->count * ENTRY_SIZE)
		return entry_read(&m->entries[at / ENTRY_SIZE], at % ENTRY_SIZE / 4);
	return offset - m->pba < 4 ? m->pending : 0;
}

/* Software uses aligned 4- and 8-byte accesses only; others are not answered. */
u64 pci_msix_bar_read(struct pci_func *f, u64 offset, unsigned size)
{
	if (size < 4 || offset % size)
		return ~(u64)0;
	if (size == 4)
		return word_read(f, offset);
	return word_read(f, offset) | (u64)word_read(f, offset + 4) << 32;
}

void pci_msix_bar_write(struct pci_func *f, u64 offset, unsigned size, u64 value)
{
	struct pci_msix *m = &f->msix;
	u64 at = offset - m->table;

	if (size < 4 || offset % size || at >= m->count * ENTRY_SIZE)
		return;
	for (unsigned i = 0; i < size / 4; i++)
		entry_write(&m->entries[at / ENTRY_SIZE],
			    (unsigned)(at % ENTRY_SIZE / 4) + i,
			    (u32)(value >> (32 * i)));
	if (pci_msix_enabled(f))
		send_pending(f);
}

int pci_func_msix(struct pci_func *f, unsigned count, unsigned bar, u32 table,
		  u32 pba)
{
	u8 body[MSIX_SIZE - 2];
	u64 room;
	int cap;

	if (!count || count > PCI_MSIX_MAX || bar >= PCI_BARS || (table | pba) % 8)
		return -EINVAL;
	room = f->bars[bar].size;
	if (!range_within(table, count * ENTRY_SIZE, 0, room) ||
	    !range_within(pba, 8, 0, room))
		return -EINVAL;
	put_le16(body, (u16)(count - 1));
	put_le32(body + 2, table | bar);
	put_le32(body + 6, pba | bar);
	cap = pci_func_cap(f, PCI_CAP_MSIX, body, MSIX_SIZE);
	if (cap < 0)
		return cap;
	f->writable[cap + MSIX_CONTROL + 1] = (CONTROL_ENABLE | CONTROL_MASK_ALL) >> 8;
	f->msix = (struct pci_msix){ .count = count, .cap = (unsigned)cap,
				     .bar = bar, .table = table, .pba = pba };
	pci_msix_reset(f);
	return 0;
}
