/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef PCI_PRIVATE_H
#define PCI_PRIVATE_H

#include <trivet/pci.h>

/* func.c: power-up values of the registers the guest can write. */
void pci_func_reset(struct pci_func *f);
/* func.c: moves BARs to where the registers say; true when one was taken away
 * from where it was. */
bool pci_func_map_bars(struct pci_func *f);
/* func.c: the level of the line, after anything that it depends on changed. */
void pci_func_update_intx(struct pci_func *f);

/* host.c: a BAR moved away, so that another may find room now. */
void pci_host_retry_bars(struct pci_host *p);
/* host.c: one function's pull on its line. */
void pci_host_intx(struct pci_host *p, unsigned device, bool level);

/* msix.c */
void pci_msix_reset(struct pci_func *f);
/* After the message control register was written. */
void pci_msix_control_written(struct pci_func *f);
/* Is offset of BAR index the table's or the PBA's? */
bool pci_msix_owns(const struct pci_func *f, unsigned index, u64 offset);
u64 pci_msix_bar_read(struct pci_func *f, u64 offset, unsigned size);
void pci_msix_bar_write(struct pci_func *f, u64 offset, unsigned size, u64 value);

#endif
