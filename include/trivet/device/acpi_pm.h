/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI fixed hardware: PM1 event and control blocks, PM timer, reset
 * register at 0xcf9. ACPI 6.4, 4.8. */
#ifndef TRIVET_DEVICE_ACPI_PM_H
#define TRIVET_DEVICE_ACPI_PM_H

#include <trivet/vm.h>

struct acpi_pm;

#define ACPI_PM1_EVT_PORT 0x600 /* 4 bytes: status, enable */
#define ACPI_PM1_CNT_PORT 0x604 /* 2 bytes */
#define ACPI_PM_TMR_PORT 0x608	/* 4 bytes, 3.579545 MHz, 32 bits */
#define ACPI_SMI_CMD_PORT 0 /* none: the machine is always in ACPI mode */
#define ACPI_SCI_IRQ 9
#define ACPI_S5_SLP_TYP 5
#define ACPI_S3_SLP_TYP 1 /* not in the DSDT: for kernels that know it of PCs */
#define ACPI_RESET_PORT 0xcf9
#define ACPI_RESET_VALUE 0x06

/* SLP_EN with S5 stops the VM with VM_POWEROFF; a reset with VM_RESET. */
int acpi_pm_create(struct vm *vm, struct acpi_pm **out);
/* The operator's power button: PWRBTN_STS and SCI. With vm->lock held. */
void acpi_pm_power_button(struct acpi_pm *a);
/*
 * SLP_EN with S3 stops the VM with VM_RESET, and this says so until a wake event
 * (the RTC's alarm when RTC_EN is set, the power button), which posts
 * VCPU_EVENT_WAKE to vCPU 0. With vm->lock held.
 */
bool acpi_pm_sleeping(const struct acpi_pm *a);
/* The RTC's alarm went off. With vm->lock held. */
void acpi_pm_rtc_alarm(void *acpi_pm);
void acpi_pm_reset(struct acpi_pm *a);
void acpi_pm_destroy(struct acpi_pm *a);

#endif
