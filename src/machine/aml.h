/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small writer of ACPI Machine Language, as much of it as a static table of
 * devices needs. ACPI 6.5, chapter 20.
 */
#ifndef MACHINE_AML_H
#define MACHINE_AML_H

#include <trivet/types.h>

struct aml {
	u8 *buf;
	size_t size;
	size_t len;
	bool full; /* something did not fit */
};

/* Names are written as in AML: `_SB_`, `\_S5_` (padded to four characters). */

/* Things with a length: the returned mark goes to aml_close. */
size_t aml_open_scope(struct aml *a, const char *name);
size_t aml_open_device(struct aml *a, const char *name);
size_t aml_open_package(struct aml *a, u8 elements);
size_t aml_open_template(struct aml *a);
void aml_close(struct aml *a, size_t mark);
/* Ends a resource template: its end tag, then as aml_close. */
void aml_close_template(struct aml *a, size_t mark);

/* Name (name, <what is written next>) */
void aml_name(struct aml *a, const char *name);
void aml_int(struct aml *a, u32 value);
/* EisaId ("PNP0501") */
void aml_eisa_id(struct aml *a, const char *id);

/* Inside a template: IO (Decode16, base, base, 1, len), IRQNoFlags () {irq} */
void aml_io(struct aml *a, u16 base, u8 len);
void aml_irq(struct aml *a, unsigned irq);
/* Memory32Fixed (ReadWrite, base, len) */
void aml_memory_fixed(struct aml *a, u32 base, u32 len);
/* What a bridge passes on: WordBusNumber (first..last), DWordMemory (base, len),
 * not cacheable. */
void aml_bus_window(struct aml *a, u16 first, u16 last);
void aml_memory_window(struct aml *a, u32 base, u32 len);

#endif
