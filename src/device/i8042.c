/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyboard controller without a keyboard: IBM PS/2 Technical Reference,
 * "Keyboard/Auxiliary Device Controller". Commands are answered; what is sent to
 * a keyboard or mouse is lost, as with none plugged in.
 */
#include <trivet/device/i8042.h>

#include "port8.h"

#define STATUS_OUTPUT_FULL 1
#define STATUS_SELF_TEST_OK 4
#define STATUS_COMMAND 8
#define STATUS_NOT_LOCKED 0x10

#define CONFIG_KEYBOARD_IRQ 1
#define CONFIG_SYSTEM 4
#define CONFIG_KEYBOARD_OFF 0x10
#define CONFIG_AUX_OFF 0x20

#define OUTPUT_NOT_RESET 1
#define OUTPUT_A20 2

#define KEYBOARD_LINE 1

struct i8042 {
	struct vm *vm;
	u8 ram[32]; /* 0 is the configuration byte */
	u8 status, out, output_port, port92;
	u8 command; /* waits for its data byte; 0 for none */
};

static void i8042_update(struct i8042 *k)
{
	irq_set(k->vm, KEYBOARD_LINE,
		(k->status & STATUS_OUTPUT_FULL) &&
		(k->ram[0] & CONFIG_KEYBOARD_IRQ));
}

static void i8042_answer(struct i8042 *k, u8 byte)
{
	k->out = byte;
	k->status |= STATUS_OUTPUT_FULL;
}

static void i8042_pull_reset(struct i8042 *k)
{
	vm_stop(k->vm, VM_RESET, 0, "reset by the keyboard controller");
}

static void set_output_port(struct i8042 *k, u8 v)
{
	k->output_port = v;
	k->port92 = (u8)((k->port92 & ~2) | (v & OUTPUT_A20));
	if (!(v & OUTPUT_NOT_RESET))
		i8042_pull_reset(k);
}

static void i8042_command(struct i8042 *k, u8 c)
{
	k->command = 0;
	k->status |= STATUS_COMMAND;
	if (c >= 0x20 && c < 0x40) { /* read controller RAM */
		i8042_answer(k, k->ram[c & 0x1f]);
		return;
	}
	if (c >= 0xf0) { /* pulse output lines: bit 0 low is a reset */
		if (!(c & 1))
			i8042_pull_reset(k);
		return;
	}
	switch (c) {
	case 0xa7:
		k->ram[0] |= CONFIG_AUX_OFF;
		break;
	case 0xa8:
		k->ram[0] &= (u8)~CONFIG_AUX_OFF;
		break;
	case 0xa9: /* test of the mouse's lines: clock stuck, there is none */
		i8042_answer(k, 1);
		break;
	case 0xaa:
		k->status |= STATUS_SELF_TEST_OK;
		i8042_answer(k, 0x55);
		break;
	case 0xab:
		i8042_answer(k, 0);
		break;
	case 0xad:
		k->ram[0] |= CONFIG_KEYBOARD_OFF;
		break;
	case 0xae:
		k->ram[0] &= (u8)~CONFIG_KEYBOARD_OFF;
		break;
	case 0xc0: /* input port: keyboard not locked */
		i8042_answer(k, 0x80);
		break;
	case 0xd0:
		i8042_answer(k, k->output_port);
		break;
	default:
		/* 60h..7fh write RAM, d1h..d4h take a byte; others do nothing */
		if ((c >= 0x60 && c < 0x80) || (c >= 0xd1 && c <= 0xd4))
			k->command = c;
		break;
	}
}

static void i8042_data(struct i8042 *k, u8 v)
{
	u8 c = k->command;

	k->command = 0;
	k->status &= (u8)~STATUS_COMMAND;
	if (c >= 0x60 && c < 0x80)
		k->ram[c & 0x1f] = v;
	else if (c == 0xd1)
		set_output_port(k, v);
	else if (c == 0xd2 || c == 0xd3) /* into the output buffer; no mouse mark */
		i8042_answer(k, v);
}

static u8 i8042_read8(void *ctx, unsigned offset)
{
	struct i8042 *k = ctx;

	(void)offset;
	k->status &= (u8)~STATUS_OUTPUT_FULL;
	i8042_update(k);
	return k->out;
}

static u64 data_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)v;
	return port8_read(i8042_read8, ctx, offset, size);
}

static void data_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
		       u64 value)
{
	(void)v, (void)offset, (void)size;
	i8042_data(ctx, (u8)value);
	i8042_update(ctx);
}

static u64 status_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	const struct i8042 *k = ctx;

	(void)v, (void)offset, (void)size;
	return k->status;
}

static void status_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			 u64 value)
{
	(void)v, (void)offset, (void)size;
	i8042_command(ctx, (u8)value);
	i8042_update(ctx);
}

/* System control port A: A20 and, on the rise of bit 0, a reset. A20 is
 * remembered but the address line is always open. */
static u64 port92_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	const struct i8042 *k = ctx;

	(void)v, (void)offset, (void)size;
	return k->port92;
}

static void port92_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			 u64 value)
{
	struct i8042 *k = ctx;
	bool rise = (value & 1) && !(k->port92 & 1);

	(void)v, (void)offset, (void)size;
	k->port92 = (u8)value;
	k->output_port = (u8)((k->output_port & ~OUTPUT_A20) |
			      (k->port92 & OUTPUT_A20));
	if (rise)
		i8042_pull_reset(k);
}

static const struct bus_ops data_ops = { data_read, data_write };
static const struct bus_ops status_ops = { status_read, status_write };
static const struct bus_ops port92_ops = { port92_read, port92_write };

static const struct bus_range i8042_ports[] = {
	{ .base = 0x60, .size = 1, .name = "i8042", .ops = &data_ops },
	{ .base = 0x64, .size = 1, .name = "i8042", .ops = &status_ops },
	{ .base = 0x92, .size = 1, .name = "port 92h", .ops = &port92_ops },
};

static void i8042_remove_ports(struct i8042 *k, size_t count)
{
	while (count--)
		bus_remove(&k->vm->pio, i8042_ports[count].base);
}

static void i8042_power_up(struct i8042 *k)
{
	for (size_t i = 0; i < sizeof k->ram; i++)
		k->ram[i] = 0;
	/* as firmware leaves it: tested, keyboard port on, mouse port off */
	k->ram[0] = CONFIG_SYSTEM | CONFIG_AUX_OFF;
	k->status = STATUS_SELF_TEST_OK | STATUS_NOT_LOCKED;
	k->output_port = 0xcc | OUTPUT_A20 | OUTPUT_NOT_RESET;
	k->port92 = 2;
	k->out = 0;
	k->command = 0;
}

void i8042_reset(struct i8042 *k)
{
	i8042_power_up(k);
	i8042_update(k);
}

int i8042_create(struct vm *vm, struct i8042 **out)
{
	struct i8042 *k = platform_alloc(sizeof *k);
	size_t n;
	int err;

	if (!k)
		return -ENOMEM;
	k->vm = vm;
	i8042_power_up(k);
	for (n = 0; n < ARRAY_SIZE(i8042_ports); n++) {
		struct bus_range range = i8042_ports[n];

		range.ctx = k;
		err = bus_add(&vm->pio, &range);
		if (err) {
			i8042_remove_ports(k, n);
			platform_free(k, sizeof *k);
			return err;
		}
	}
	*out = k;
	return 0;
}

void i8042_destroy(struct i8042 *k)
{
	if (!k)
		return;
	i8042_remove_ports(k, ARRAY_SIZE(i8042_ports));
	platform_free(k, sizeof *k);
}
