/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI: one bus behind a host bridge, with single-function devices on it. A
 * device embeds a struct pci_func, describes it once, and from then on sees
 * accesses to its BARs only. PCI Local Bus 3.0; MSI-X: its 6.8.2; ECAM: PCI
 * Express Base 4.0, 7.2.2.
 *
 * Everything here is called with vm->lock held, or before vCPUs run.
 */
#ifndef TRIVET_PCI_H
#define TRIVET_PCI_H

#include <trivet/vm.h>

struct pci_host;
struct pci_func;

/* Guest-physical layout; the machine's memory map and ACPI tables repeat it. */
#define PCI_MEM_BASE 0xc0000000u /* BARs */
#define PCI_MEM_SIZE 0x20000000u
#define PCI_ECAM_BASE 0xe0000000u
#define PCI_ECAM_SIZE 0x100000u /* bus 0 */

#define PCI_DEVICES 32
#define PCI_BARS 6
#define PCI_CONFIG_SIZE 256
#define PCI_MSIX_MAX 32

/* INTA# of device n drives this global line: four lines, taken in turn. */
#define PCI_INTX_GSI_BASE 16
#define PCI_INTX_LINES 4
#define PCI_INTX_GSI(device) (PCI_INTX_GSI_BASE + (device) % PCI_INTX_LINES)

/* Registers and bits of a type-0 header. */
#define PCI_COMMAND 0x04
#define PCI_STATUS 0x06
#define PCI_BAR0 0x10
#define PCI_CAP_PTR 0x34
#define PCI_COMMAND_MEMORY 0x2u
#define PCI_COMMAND_MASTER 0x4u
#define PCI_COMMAND_INTX_OFF 0x400u
#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX 0x11

/* What a function is; fixed for its life. */
struct pci_id {
	const char *name; /* for bus ranges and messages; static storage */
	u16 vendor, device;
	u16 subsystem_vendor, subsystem;
	u32 class_code; /* 24 bits: class, subclass, interface */
	u8 revision;
	bool intx; /* has INTA# */
};

/* Hooks of the device's own capability registers; either may be NULL. */
struct pci_func_ops {
	/* [reg, reg+size) is about to be read from f->config. */
	void (*config_reading)(struct pci_func *f, unsigned reg, unsigned size);
	/* It was written, under f->writable. */
	void (*config_written)(struct pci_func *f, unsigned reg, unsigned size);
};

struct pci_bar {
	struct pci_func *func;
	u64 size; /* 0: there is none */
	bool wide; /* 64-bit: takes the next register too */
	const struct bus_ops *ops;
	void *ctx;
	u64 home; /* where firmware put it */
	u64 bell_at; /* registers whose writes only ring: pci_func_doorbells */
	unsigned bell_step, bells;
	u64 mapped_at;
	bool mapped;
};

struct pci_msix_entry {
	u64 address;
	u32 data;
	bool masked;
};

struct pci_msix {
	unsigned count; /* vectors; 0: no MSI-X */
	unsigned cap;	/* of its capability */
	unsigned bar;
	u32 table, pba; /* offsets in that BAR */
	u32 pending;	/* one bit a vector: the PBA */
	struct pci_msix_entry entries[PCI_MSIX_MAX];
};

/* Embedded by the device. Only config and writable are the device's to touch. */
struct pci_func {
	struct pci_host *host;
	struct vm *vm;
	const struct pci_func_ops *ops;
	const char *name;
	unsigned device; /* number on the bus */
	u8 config[PCI_CONFIG_SIZE];
	u8 writable[PCI_CONFIG_SIZE]; /* bits that keep what is written */
	unsigned cap_end;	      /* where the next capability goes */
	unsigned cap_last;
	struct pci_bar bars[PCI_BARS];
	struct pci_msix msix;
	bool intx; /* the function's wish, whatever the command register says */
	bool intx_driven;
};

/*
 * The host bridge at 00:00.0, configuration mechanism #1 at cf8h and cfch
 * (3.2.2.3.2) and ECAM. 32-bit accesses at cf8h are PCI's; a smaller one goes to
 * the device that was at cf8h before (the reset register at cf9h), which must
 * stay until pci_host_destroy. -ENOMEM, or as bus_add.
 */
int pci_host_create(struct vm *vm, struct pci_host **out);
/* Power-up state of the bridge and of every function's configuration space. The
 * devices' own reset is theirs, and comes first. */
void pci_host_reset(struct pci_host *p);
/* After the devices on it are gone. */
void pci_host_destroy(struct pci_host *p);

/*
 * Describe a function: init, then BARs, MSI-X and capabilities, then add.
 * f must be zeroed before and stay where it is.
 */
void pci_func_init(struct pci_func *f, const struct pci_id *id,
		   const struct pci_func_ops *ops);
/*
 * A memory BAR: size is a power of two from 16. A wide one takes index and index
 * + 1. ops as a bus range's, offsets from the BAR's start. -EINVAL.
 */
int pci_func_bar(struct pci_func *f, unsigned index, u64 size, bool wide,
		 const struct bus_ops *ops, void *ctx);
/*
 * count registers of a BAR that was given before, from offset on and step bytes
 * apart, only ring (vm_doorbell_add), wherever the guest maps the BAR. -EINVAL.
 */
int pci_func_doorbells(struct pci_func *f, unsigned bar, u64 offset, unsigned step,
		       unsigned count);
/*
 * MSI-X with its table and pending bits in a BAR that was given before; the
 * device never sees accesses there. Offsets are multiples of 8, table takes 16
 * bytes a vector, pba 8 bytes. -EINVAL, -ENOSPC.
 */
int pci_func_msix(struct pci_func *f, unsigned count, unsigned bar, u32 table,
		  u32 pba);
/*
 * Appends a capability of size bytes, from its ID to its end; body is what
 * follows the first two. Returns its offset, or -ENOSPC.
 */
int pci_func_cap(struct pci_func *f, u8 id, const void *body, unsigned size);
/*
 * Puts f on the bus at the next free device number, its BARs where firmware
 * would. -ENOSPC when bus or memory window are full.
 */
int pci_func_add(struct pci_host *p, struct pci_func *f);
/* Off the bus, line low. Does nothing for one that was never added. */
void pci_func_remove(struct pci_func *f);

/* INTA#: level-triggered; kept off the line by the command register or MSI-X. */
void pci_func_intx(struct pci_func *f, bool level);
bool pci_msix_enabled(const struct pci_func *f);
/* Sends a vector, or marks it pending while masked. Nothing when disabled. */
void pci_msix_send(struct pci_func *f, unsigned vector);

/* A configuration access as the host bridge makes it: reg + size <= 256. */
u32 pci_config_read(struct pci_func *f, unsigned reg, unsigned size);
void pci_config_write(struct pci_func *f, unsigned reg, unsigned size, u32 value);

#endif
