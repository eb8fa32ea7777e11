/* SPDX-License-Identifier: Apache-2.0 */
/* The pair of 8259A interrupt controllers: Intel 8259A data sheet; the edge/level
 * registers as in Intel's PIIX and ICH. */
#include <trivet/device/pic.h>

#include "port8.h"

#define CASCADE 2u /* the slave's place on the master */

/* OCW2 commands: bits 7:5 */
enum {
	OCW2_ROTATE_AEOI_CLEAR = 0,
	OCW2_EOI = 1,
	OCW2_EOI_SPECIFIC = 3,
	OCW2_ROTATE_AEOI_SET = 4,
	OCW2_ROTATE_EOI = 5,
	OCW2_SET_PRIORITY = 6,
	OCW2_ROTATE_EOI_SPECIFIC = 7
};

struct pic_chip {
	u8 lines; /* input levels */
	u8 irr, imr, isr;
	u8 elcr, elcr_mask;
	u8 base;   /* ICW2 */
	u8 lowest; /* the input of lowest priority */
	u8 icw_next; /* 2..4 while initialisation words are due, else 0 */
	bool icw4_due, single;
	bool read_isr, poll, special_mask;
	bool auto_eoi, rotate_auto_eoi, nested; /* nested: special fully */
	bool master;
};

struct pic {
	struct vm *vm;
	void (*output)(void *ctx, bool level);
	void *output_ctx;
	bool out;
	struct pic_chip chip[2];
};

/* 0 is the highest priority, 8 none. */
static unsigned pic_priority(const struct pic_chip *c, u8 mask)
{
	for (unsigned n = 0; n < 8; n++)
		if (mask & (1u << ((c->lowest + 1 + n) & 7)))
			return n;
	return 8;
}

static unsigned pic_input(const struct pic_chip *c, unsigned priority)
{
	return (c->lowest + 1 + priority) & 7;
}

/* The input that asks and may, or -1. */
static int pic_request(const struct pic_chip *c)
{
	u8 in_service = c->isr;
	unsigned want = pic_priority(c, c->irr & (u8)~c->imr);

	if (c->special_mask)
		in_service &= (u8)~c->imr;
	if (c->nested && c->master)
		in_service &= (u8)~(1u << CASCADE);
	if (want == 8 || want >= pic_priority(c, in_service))
		return -1;
	return (int)pic_input(c, want);
}

static void chip_set_bit(u8 *reg, unsigned n, bool on)
{
	*reg = (u8)(on ? *reg | 1u << n : *reg & ~(1u << n));
}

/* The slave's INT pin holds the master's input; then the master's own. */
static void pic_update(struct pic *p)
{
	bool out;

	chip_set_bit(&p->chip[0].irr, CASCADE, pic_request(&p->chip[1]) >= 0);
	out = pic_request(&p->chip[0]) >= 0;
	if (out == p->out)
		return;
	p->out = out;
	if (p->output)
		p->output(p->output_ctx, out);
}

static void pic_set_line(void *ctx, unsigned line, bool level)
{
	struct pic *p = ctx;
	struct pic_chip *c = &p->chip[(line >> 3) & 1];
	unsigned n = line & 7;
	bool was = (c->lines >> n) & 1;

	if (line >= 16 || line == CASCADE)
		return;
	chip_set_bit(&c->lines, n, level);
	if ((c->elcr >> n) & 1)
		chip_set_bit(&c->irr, n, level);
	else if (level && !was) /* the edge stays latched until acknowledged */
		chip_set_bit(&c->irr, n, true);
	pic_update(p);
}

static void chip_acknowledge(struct pic_chip *c, unsigned n)
{
	if (!c->auto_eoi)
		chip_set_bit(&c->isr, n, true);
	else if (c->rotate_auto_eoi)
		c->lowest = (u8)n;
	if (!((c->elcr >> n) & 1))
		chip_set_bit(&c->irr, n, false);
}

bool pic_pending(const struct pic *p)
{
	return p->out;
}

/* A chip whose request went away answers as input 7, with no ISR bit. */
static u8 chip_interrupt(struct pic_chip *c, int *input)
{
	*input = pic_request(c);
	if (*input < 0)
		return c->base | 7;
	chip_acknowledge(c, (unsigned)*input);
	return (u8)(c->base | *input);
}

int pic_ack(struct pic *p)
{
	int input, slave_input;
	u8 vector = chip_interrupt(&p->chip[0], &input);

	if (input == (int)CASCADE)
		vector = chip_interrupt(&p->chip[1], &slave_input);
	pic_update(p);
	return vector;
}

/* ICW1: edge latches, masks and modes are cleared; level inputs still ask. */
static void chip_start_init(struct pic_chip *c, u8 icw1)
{
	c->irr = c->lines & c->elcr;
	c->imr = 0;
	c->isr = 0;
	c->lowest = 7;
	c->special_mask = c->read_isr = c->poll = false;
	c->auto_eoi = c->rotate_auto_eoi = c->nested = false;
	c->icw4_due = icw1 & 1;
	c->single = icw1 & 2;
	c->icw_next = 2;
}

static void chip_next_icw(struct pic_chip *c, u8 v)
{
	switch (c->icw_next) {
	case 2:
		c->base = v & 0xf8;
		c->icw_next = c->single ? (c->icw4_due ? 4 : 0) : 3;
		break;
	case 3: /* the cascade is wired as every PC has it */
		c->icw_next = c->icw4_due ? 4 : 0;
		break;
	default:
		c->auto_eoi = v & 2;
		c->nested = v & 0x10;
		c->icw_next = 0;
		break;
	}
}

/* The in-service bit a non-specific EOI ends; masked ones do not count in
 * special mask mode. */
static int chip_eoi_target(const struct pic_chip *c)
{
	u8 isr = c->special_mask ? c->isr & (u8)~c->imr : c->isr;
	unsigned priority = pic_priority(c, isr);

	return priority == 8 ? -1 : (int)pic_input(c, priority);
}

static void chip_ocw2(struct pic_chip *c, u8 v)
{
	unsigned command = v >> 5;
	int n = v & 7;

	switch (command) {
	case OCW2_ROTATE_AEOI_CLEAR:
	case OCW2_ROTATE_AEOI_SET:
		c->rotate_auto_eoi = command == OCW2_ROTATE_AEOI_SET;
		break;
	case OCW2_SET_PRIORITY:
		c->lowest = (u8)n;
		break;
	case OCW2_EOI:
	case OCW2_ROTATE_EOI:
		n = chip_eoi_target(c);
		/* fall through */
	case OCW2_EOI_SPECIFIC:
	case OCW2_ROTATE_EOI_SPECIFIC:
		if (n < 0)
			break;
		chip_set_bit(&c->isr, (unsigned)n, false);
		if (command == OCW2_ROTATE_EOI || command == OCW2_ROTATE_EOI_SPECIFIC)
			c->lowest = (u8)n;
		break;
	default:
		break;
	}
}

static void chip_ocw3(struct pic_chip *c, u8 v)
{
	if (v & 4)
		c->poll = true;
	if (v & 2)
		c->read_isr = v & 1;
	if (v & 0x40)
		c->special_mask = (v & 0x20) != 0;
}

static void chip_write(struct pic_chip *c, unsigned a0, u8 v)
{
	if (a0 == 0 && (v & 0x10))
		chip_start_init(c, v);
	else if (a0 == 0 && (v & 8))
		chip_ocw3(c, v);
	else if (a0 == 0)
		chip_ocw2(c, v);
	else if (c->icw_next)
		chip_next_icw(c, v);
	else
		c->imr = v;
}

static u8 chip_read(struct pic_chip *c, unsigned a0)
{
	if (c->poll) { /* the read takes the place of the INTA cycle */
		int n = pic_request(c);

		c->poll = false;
		if (n < 0)
			return 0;
		chip_acknowledge(c, (unsigned)n);
		return (u8)(0x80 | n);
	}
	if (a0)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

static u8 pic_port_read(struct pic *p, unsigned which, unsigned a0)
{
	u8 v = chip_read(&p->chip[which], a0);

	pic_update(p);
	return v;
}

static u8 master_read8(void *ctx, unsigned offset)
{
	return pic_port_read(ctx, 0, offset);
}

static u8 slave_read8(void *ctx, unsigned offset)
{
	return pic_port_read(ctx, 1, offset);
}

static void master_write8(void *ctx, unsigned offset, u8 v)
{
	struct pic *p = ctx;

	chip_write(&p->chip[0], offset, v);
	pic_update(p);
}

static void slave_write8(void *ctx, unsigned offset, u8 v)
{
	struct pic *p = ctx;

	chip_write(&p->chip[1], offset, v);
	pic_update(p);
}

static u8 elcr_read8(void *ctx, unsigned offset)
{
	const struct pic *p = ctx;

	return p->chip[offset & 1].elcr;
}

static void elcr_write8(void *ctx, unsigned offset, u8 v)
{
	struct pic *p = ctx;
	struct pic_chip *c = &p->chip[offset & 1];

	c->elcr = v & c->elcr_mask;
	c->irr = (u8)((c->irr & ~c->elcr) | (c->lines & c->elcr));
	pic_update(p);
}

#define PIC_PORTS(name)                                                       \
	static u64 name##_read(void *ctx, struct vcpu *v, u64 offset,         \
			       unsigned size)                                 \
	{                                                                     \
		(void)v;                                                      \
		return port8_read(name##_read8, ctx, offset, size);           \
	}                                                                     \
	static void name##_write(void *ctx, struct vcpu *v, u64 offset,       \
				 unsigned size, u64 value)                    \
	{                                                                     \
		(void)v;                                                      \
		port8_write(name##_write8, ctx, offset, size, value);         \
	}                                                                     \
	static const struct bus_ops name##_ops = {                            \
		.read = name##_read,                                          \
		.write = name##_write,                                        \
	}

PIC_PORTS(master);
PIC_PORTS(slave);
PIC_PORTS(elcr);

static const struct {
	u64 base;
	const struct bus_ops *ops;
} pic_ports[] = { { 0x20, &master_ops }, { 0xa0, &slave_ops }, { 0x4d0, &elcr_ops } };

static void pic_remove_ports(struct pic *p, size_t count)
{
	while (count--)
		bus_remove(&p->vm->pio, pic_ports[count].base);
}

int pic_create(struct vm *vm, void (*output)(void *ctx, bool level), void *ctx,
	       struct pic **out)
{
	struct pic *p = platform_alloc(sizeof *p);
	size_t n;
	int err = 0;

	if (!p)
		return -ENOMEM;
	p->vm = vm;
	p->chip[0].master = true;
	p->chip[0].elcr_mask = 0xf8; /* 0, 1, 2 are always edge */
	p->chip[1].elcr_mask = 0xde; /* 8 and 13 too */
	pic_reset(p);
	p->output = output;
	p->output_ctx = ctx;
	for (n = 0; n < ARRAY_SIZE(pic_ports); n++) {
		err = bus_add(&vm->pio, &(struct bus_range){
			.base = pic_ports[n].base, .size = 2, .name = "pic",
			.ops = pic_ports[n].ops, .ctx = p });
		if (err)
			goto fail;
	}
	err = irq_add_sink(vm, &(struct irq_sink){ .set = pic_set_line, .ctx = p });
	if (err)
		goto fail;
	*out = p;
	return 0;
fail:
	pic_remove_ports(p, n);
	platform_free(p, sizeof *p);
	return err;
}

void pic_reset(struct pic *p)
{
	for (unsigned i = 0; i < 2; i++) {
		struct pic_chip *c = &p->chip[i];

		c->elcr = 0;
		chip_start_init(c, 0);
		c->single = false;
		c->icw_next = 0;
		c->base = 0;
	}
	pic_update(p);
}

void pic_destroy(struct pic *p)
{
	if (!p)
		return;
	pic_remove_ports(p, ARRAY_SIZE(pic_ports));
	platform_free(p, sizeof *p);
}
