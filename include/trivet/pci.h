/* SPDX-License-Identifier: Apache-2.0 */
/* PCI: so far a host bridge that is alone on its bus. */
#ifndef TRIVET_PCI_H
#define TRIVET_PCI_H

#include <trivet/vm.h>

struct pci_host;

/*
 * Configuration mechanism #1 at cf8h and cfch (PCI Local Bus 3.0, 3.2.2.3.2), a
 * host bridge at 00:00.0 and nothing else. 32-bit accesses at cf8h are PCI's; a
 * smaller one goes to the device that was at cf8h before (the reset register at
 * cf9h), which must stay until pci_host_destroy. -ENOMEM, or as bus_add.
 */
int pci_host_create(struct vm *vm, struct pci_host **out);
void pci_host_reset(struct pci_host *p);
void pci_host_destroy(struct pci_host *p);

#endif
