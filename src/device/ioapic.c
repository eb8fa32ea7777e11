/* SPDX-License-Identifier: Apache-2.0 */
/* I/O APIC: Intel 82093AA data sheet, with the EOI register of version 20h (ICH
 * data sheets). */
#include <trivet/bits.h>
#include <trivet/device/ioapic.h>

#define IOAPIC_WINDOW 0x1000

/* Offsets in memory */
#define IOAPIC_REGSEL 0x00
#define IOAPIC_WIN 0x10
#define IOAPIC_EOI 0x40

/* Indirect registers */
#define IOAPIC_REG_ID 0
#define IOAPIC_REG_VERSION 1
#define IOAPIC_REG_ARB 2
#define IOAPIC_REG_REDIR 0x10

#define IOAPIC_VERSION_VALUE (0x20u | (IOAPIC_INPUTS - 1) << 16)

/* Redirection entry */
#define REDIR_STATUS BIT(12)
#define REDIR_REMOTE_IRR BIT(14)
#define REDIR_LEVEL BIT(15)
#define REDIR_MASKED BIT(16)
#define REDIR_WRITABLE 0xff0000000001afffull

struct ioapic {
	struct vm *vm;
	u8 power_up_id;
	u32 id; /* bits 27:24 */
	u8 select;
	u64 lines; /* by global line */
	u64 redir[IOAPIC_INPUTS];
};

/* The timer's line 0 is wired to input 2, where every PC's firmware says so. */
static unsigned line_input(unsigned line)
{
	return line == 0 ? 2 : line;
}

static bool input_high(const struct ioapic *a, unsigned n)
{
	if (n == 0)
		return false;
	if (n == 2 && (a->lines & 1))
		return true;
	return (a->lines >> n) & 1;
}

static u64 entry_address(u64 e)
{
	return 0xfee00000u | (e >> 56) << 12 | (e >> 11 & 1) << 2;
}

/* Vector, delivery mode, trigger and assert. */
static u32 entry_data(u64 e)
{
	return (u32)(e & 0x7ff) | ((e & REDIR_LEVEL) ? 0xc000 : 0);
}

/* Tells who ends interrupts what may come, masked or not: one may be in service. */
static void input_route(struct ioapic *a, unsigned n, u64 was)
{
	u64 e = a->redir[n];

	if ((e ^ was) & ~(REDIR_MASKED | REDIR_STATUS | REDIR_REMOTE_IRR) &&
	    (e | was) & REDIR_LEVEL)
		irq_route_level(a->vm, n, (e & REDIR_LEVEL) != 0, entry_address(e),
				entry_data(e));
}

static void input_deliver(struct ioapic *a, unsigned n)
{
	u64 e = a->redir[n];

	if (irq_send_msi(a->vm, entry_address(e), entry_data(e)) == 0 &&
	    (e & REDIR_LEVEL))
		a->redir[n] |= REDIR_REMOTE_IRR;
}

/* A level input asks whenever it is high, open, and not in service. */
static void input_service_level(struct ioapic *a, unsigned n)
{
	u64 e = a->redir[n];

	if ((e & REDIR_LEVEL) && input_high(a, n) &&
	    !(e & (REDIR_MASKED | REDIR_REMOTE_IRR)))
		input_deliver(a, n);
}

static void ioapic_set_line(void *ctx, unsigned line, bool level)
{
	struct ioapic *a = ctx;
	unsigned n = line_input(line);
	bool was;

	if (line >= IOAPIC_INPUTS)
		return;
	was = input_high(a, n);
	a->lines = level ? a->lines | BIT(line) : a->lines & ~BIT(line);
	if (!level || was)
		return;
	if (a->redir[n] & REDIR_LEVEL)
		input_service_level(a, n);
	else if (!(a->redir[n] & REDIR_MASKED)) /* a masked edge is lost */
		input_deliver(a, n);
}

void ioapic_eoi(void *ioapic, u8 vector)
{
	struct ioapic *a = ioapic;

	for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
		if ((u8)a->redir[n] != vector || !(a->redir[n] & REDIR_REMOTE_IRR))
			continue;
		a->redir[n] &= ~REDIR_REMOTE_IRR;
		input_service_level(a, n);
	}
}

static u32 ioapic_reg_read(const struct ioapic *a)
{
	unsigned n = (a->select - IOAPIC_REG_REDIR) / 2u;

	switch (a->select) {
	case IOAPIC_REG_ID:
	case IOAPIC_REG_ARB:
		return a->id;
	case IOAPIC_REG_VERSION:
		return IOAPIC_VERSION_VALUE;
	default:
		if (a->select < IOAPIC_REG_REDIR || n >= IOAPIC_INPUTS)
			return 0;
		return (u32)(a->select & 1 ? a->redir[n] >> 32 : a->redir[n]);
	}
}

/* Software clears a stuck remote IRR by going to edge and back: what Linux does
 * for an I/O APIC without the EOI register. */
static void redir_write(struct ioapic *a, unsigned n, u64 value, u64 mask)
{
	u64 was = a->redir[n];

	mask &= REDIR_WRITABLE;
	a->redir[n] = (a->redir[n] & ~mask) | (value & mask);
	if (!(a->redir[n] & REDIR_LEVEL))
		a->redir[n] &= ~REDIR_REMOTE_IRR;
	input_route(a, n, was);
	input_service_level(a, n);
}

static void ioapic_reg_write(struct ioapic *a, u32 value)
{
	unsigned n = (a->select - IOAPIC_REG_REDIR) / 2u;

	if (a->select == IOAPIC_REG_ID)
		a->id = value & 0x0f000000;
	else if (a->select < IOAPIC_REG_REDIR || n >= IOAPIC_INPUTS)
		return;
	else if (a->select & 1)
		redir_write(a, n, (u64)value << 32, ~(u64)0 << 32);
	else
		redir_write(a, n, value, 0xffffffff);
}

static u64 ioapic_mmio_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	const struct ioapic *a = ctx;

	(void)v;
	(void)size;
	switch (offset) {
	case IOAPIC_REGSEL:
		return a->select;
	case IOAPIC_WIN:
		return ioapic_reg_read(a);
	default:
		return ~(u64)0;
	}
}

static void ioapic_mmio_write(void *ctx, struct vcpu *v, u64 offset,
			      unsigned size, u64 value)
{
	struct ioapic *a = ctx;

	(void)v;
	switch (offset) {
	case IOAPIC_REGSEL:
		a->select = (u8)value;
		break;
	case IOAPIC_WIN:
		if (size >= 4) /* the data register takes whole words only */
			ioapic_reg_write(a, (u32)value);
		break;
	case IOAPIC_EOI:
		ioapic_eoi(a, (u8)value);
		break;
	default:
		break;
	}
}

static const struct bus_ops ioapic_ops = {
	.read = ioapic_mmio_read,
	.write = ioapic_mmio_write,
};

void ioapic_reset(struct ioapic *a)
{
	a->id = (u32)(a->power_up_id & 0xf) << 24;
	a->select = 0;
	for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
		u64 was = a->redir[n];

		a->redir[n] = REDIR_MASKED;
		input_route(a, n, was);
	}
}

int ioapic_create(struct vm *vm, u8 id, struct ioapic **out)
{
	struct ioapic *a = platform_alloc(sizeof *a);
	int err;

	if (!a)
		return -ENOMEM;
	a->vm = vm;
	a->power_up_id = id;
	ioapic_reset(a);
	err = bus_add(&vm->mmio, &(struct bus_range){
		.base = IOAPIC_BASE, .size = IOAPIC_WINDOW, .name = "ioapic",
		.ops = &ioapic_ops, .ctx = a });
	if (err)
		goto fail;
	err = irq_add_sink(vm, &(struct irq_sink){ .set = ioapic_set_line, .ctx = a });
	if (err)
		goto fail_bus;
	*out = a;
	return 0;
fail_bus:
	bus_remove(&vm->mmio, IOAPIC_BASE);
fail:
	platform_free(a, sizeof *a);
	return err;
}

void ioapic_destroy(struct ioapic *a)
{
	if (!a)
		return;
	bus_remove(&a->vm->mmio, IOAPIC_BASE);
	platform_free(a, sizeof *a);
}
