/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A UART: National Semiconductor PC16550D data sheet. A byte written is on
 * its way at once, so the transmitter is always empty; input is taken as the
 * receive FIFO has room.
 */
#include <trivet/device/serial.h>

#include "port8.h"

#define FIFO_SIZE 16
#define UART_CLOCK_HZ 1843200u /* divided by 16 and the divisor: the bit rate */
#define TIMEOUT_MAX_NS 20000000u

enum { /* registers; DLAB changes the first two */
	REG_DATA,
	REG_IER,
	REG_IIR_FCR,
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR
};

#define IER_RX 1
#define IER_TX 2
#define IER_LINE 4
#define IER_MODEM 8

#define IIR_NONE 1
#define IIR_MODEM 0
#define IIR_TX 2
#define IIR_RX 4
#define IIR_LINE 6
#define IIR_TIMEOUT 0xc
#define IIR_FIFOS 0xc0

#define FCR_ENABLE 1
#define FCR_CLEAR_RX 2

#define LCR_DLAB 0x80

#define MCR_DTR 1
#define MCR_RTS 2
#define MCR_OUT1 4
#define MCR_OUT2 8
#define MCR_LOOP 0x10

#define LSR_DATA 1
#define LSR_OVERRUN 2
#define LSR_ERRORS 0x1e
#define LSR_TX_EMPTY 0x60 /* holding register and shifter */

#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80
#define MSR_RI_TRAILING 4

struct serial {
	struct vm *vm;
	struct chardev *backend;
	u16 base;
	unsigned irq;

	u8 ier, lcr, mcr, msr, scr, lsr_errors;
	u16 divisor;
	bool fifos;
	u8 trigger;
	bool tx_pending; /* THRE interrupt not yet seen by the guest */
	bool rx_timeout;
	bool starved; /* the backend was refused input */

	u8 fifo[FIFO_SIZE];
	unsigned head, count;
	struct timer timeout;
};

static unsigned rx_capacity(const struct serial *s)
{
	return s->fifos ? FIFO_SIZE : 1;
}

/* The highest-priority cause, table II of the data sheet. */
static u8 serial_cause(const struct serial *s)
{
	if ((s->ier & IER_LINE) && s->lsr_errors)
		return IIR_LINE;
	if (s->ier & IER_RX) {
		if (s->count >= (s->fifos ? s->trigger : 1u))
			return IIR_RX;
		if (s->rx_timeout && s->count)
			return IIR_TIMEOUT;
	}
	if ((s->ier & IER_TX) && s->tx_pending)
		return IIR_TX;
	if ((s->ier & IER_MODEM) && (s->msr & 0xf))
		return IIR_MODEM;
	return IIR_NONE;
}

static void serial_update(struct serial *s)
{
	irq_set(s->vm, s->irq, serial_cause(s) != IIR_NONE);
}

/* Four characters of ten bits without traffic, at the rate programmed. */
static u64 timeout_ns(const struct serial *s)
{
	u64 ns = mul_div(4 * 10 * 16u * (s->divisor ? s->divisor : 1u),
			 NS_PER_SEC, UART_CLOCK_HZ);

	return ns < TIMEOUT_MAX_NS ? ns : TIMEOUT_MAX_NS;
}

static void rx_restart_timeout(struct serial *s)
{
	s->rx_timeout = false;
	if (s->fifos && s->count)
		timer_set(&s->timeout, platform_clock_ns() + timeout_ns(s));
	else
		timer_cancel(&s->timeout);
}

static void rx_timed_out(struct timer *t)
{
	struct serial *s = CONTAINER_OF(t, struct serial, timeout);

	s->rx_timeout = true;
	serial_update(s);
}

static void rx_push(struct serial *s, u8 byte)
{
	if (s->count >= rx_capacity(s)) {
		s->lsr_errors |= LSR_OVERRUN;
		if (!s->fifos)
			s->fifo[s->head] = byte; /* the new one replaces it */
		return;
	}
	s->fifo[(s->head + s->count++) % FIFO_SIZE] = byte;
}

static void rx_clear(struct serial *s)
{
	s->head = s->count = 0;
	rx_restart_timeout(s);
}

/* From the backend: as much as there is room for. */
static size_t serial_receive(void *ctx, const u8 *data, size_t n)
{
	struct serial *s = ctx;
	size_t taken = 0;

	if (!(s->mcr & MCR_LOOP))
		while (taken < n && s->count < rx_capacity(s))
			rx_push(s, data[taken++]);
	if (taken < n)
		s->starved = true;
	if (taken) {
		rx_restart_timeout(s);
		serial_update(s);
	}
	return taken;
}

/* Tells a backend that was refused. It may call serial_receive from here. */
static void rx_invite(struct serial *s)
{
	if (!s->starved || s->count || (s->mcr & MCR_LOOP))
		return;
	s->starved = false;
	if (s->backend && s->backend->ops->input_ready)
		s->backend->ops->input_ready(s->backend);
}

static u8 rx_pop(struct serial *s)
{
	u8 byte = s->fifo[s->head];

	if (!s->count)
		return 0;
	s->head = (s->head + 1) % FIFO_SIZE;
	s->count--;
	rx_restart_timeout(s);
	rx_invite(s);
	return byte;
}

/* Reading it ends a THRE interrupt, if that is what it shows. */
static u8 read_iir(struct serial *s)
{
	u8 cause = serial_cause(s);

	if (cause == IIR_TX)
		s->tx_pending = false;
	return (u8)(cause | (s->fifos ? IIR_FIFOS : 0));
}

static u8 read_lsr(struct serial *s)
{
	u8 v = (u8)(LSR_TX_EMPTY | s->lsr_errors | (s->count ? LSR_DATA : 0));

	s->lsr_errors = 0;
	return v;
}

static u8 read_msr(struct serial *s)
{
	u8 v = s->msr;

	s->msr &= 0xf0;
	return v;
}

static u8 serial_reg_read(struct serial *s, unsigned reg)
{
	bool dlab = (s->lcr & LCR_DLAB) != 0;

	switch (reg) {
	case REG_DATA:
		return dlab ? (u8)s->divisor : rx_pop(s);
	case REG_IER:
		return dlab ? (u8)(s->divisor >> 8) : s->ier;
	case REG_IIR_FCR:
		return read_iir(s);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return read_lsr(s);
	case REG_MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
}

static u8 serial_read8(void *ctx, unsigned offset)
{
	struct serial *s = ctx;
	u8 v = serial_reg_read(s, offset & 7);

	serial_update(s);
	return v;
}

static void write_data(struct serial *s, u8 v)
{
	if (s->mcr & MCR_LOOP) {
		rx_push(s, v);
		rx_restart_timeout(s);
	} else if (s->backend && s->backend->ops->write) {
		s->backend->ops->write(s->backend, &v, 1);
	}
	s->tx_pending = true; /* empty again already */
}

/* Enabling the THRE interrupt while the register is empty raises it. */
static void write_ier(struct serial *s, u8 v)
{
	v &= 0xf;
	if ((v & IER_TX) && !(s->ier & IER_TX))
		s->tx_pending = true;
	s->ier = v;
}

static void write_fcr(struct serial *s, u8 v)
{
	static const u8 triggers[4] = { 1, 4, 8, 14 };
	bool on = v & FCR_ENABLE;

	if (on != s->fifos || (on && (v & FCR_CLEAR_RX))) {
		s->fifos = on;
		rx_clear(s);
		rx_invite(s);
	}
	s->trigger = on ? triggers[v >> 6] : 1;
}

/* The modem inputs: a terminal that is always ready, or our own outputs. */
static u8 modem_inputs(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (u8)(((s->mcr & MCR_RTS) ? MSR_CTS : 0) |
		    ((s->mcr & MCR_DTR) ? MSR_DSR : 0) |
		    ((s->mcr & MCR_OUT1) ? MSR_RI : 0) |
		    ((s->mcr & MCR_OUT2) ? MSR_DCD : 0));
}

static void write_mcr(struct serial *s, u8 v)
{
	u8 inputs, changed, delta;

	s->mcr = v & 0x1f;
	inputs = modem_inputs(s);
	changed = (u8)((s->msr ^ inputs) & 0xf0);
	delta = (u8)(changed >> 4);
	if (inputs & MSR_RI) /* only the trailing edge of RI counts */
		delta &= (u8)~MSR_RI_TRAILING;
	s->msr = (u8)(inputs | (s->msr & 0xf) | delta);
	rx_invite(s);
}

static void serial_reg_write(struct serial *s, unsigned reg, u8 v)
{
	bool dlab = (s->lcr & LCR_DLAB) != 0;

	switch (reg) {
	case REG_DATA:
		if (dlab)
			s->divisor = (u16)((s->divisor & 0xff00) | v);
		else
			write_data(s, v);
		break;
	case REG_IER:
		if (dlab)
			s->divisor = (u16)((s->divisor & 0xff) | v << 8);
		else
			write_ier(s, v);
		break;
	case REG_IIR_FCR:
		write_fcr(s, v);
		break;
	case REG_LCR:
		s->lcr = v;
		break;
	case REG_MCR:
		write_mcr(s, v);
		break;
	case REG_SCR:
		s->scr = v;
		break;
	default:
		break; /* LSR and MSR: factory test only */
	}
}

static void serial_write8(void *ctx, unsigned offset, u8 v)
{
	struct serial *s = ctx;

	serial_reg_write(s, offset & 7, v);
	serial_update(s);
}

static u64 serial_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)v;
	return port8_read(serial_read8, ctx, offset, size);
}

static void serial_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			 u64 value)
{
	(void)v;
	port8_write(serial_write8, ctx, offset, size, value);
}

static const struct bus_ops serial_ops = { serial_read, serial_write };

static void serial_power_up(struct serial *s)
{
	s->ier = s->lcr = s->mcr = s->scr = s->lsr_errors = 0;
	s->msr = MSR_CTS | MSR_DSR | MSR_DCD;
	s->divisor = 12; /* 9600 bit/s */
	s->fifos = false;
	s->trigger = 1;
	s->tx_pending = false;
	rx_clear(s);
}

void serial_reset(struct serial *s)
{
	serial_power_up(s);
	serial_update(s);
	rx_invite(s);
}

int serial_create(struct vm *vm, u16 base, unsigned irq,
		  struct chardev *backend, struct serial **out)
{
	struct serial *s = platform_alloc(sizeof *s);
	int err;

	if (!s)
		return -ENOMEM;
	s->vm = vm;
	s->backend = backend;
	s->base = base;
	s->irq = irq;
	timer_init(&s->timeout, vm, rx_timed_out);
	serial_power_up(s);
	err = bus_add(&vm->pio, &(struct bus_range){
		.base = base, .size = 8, .name = "serial",
		.ops = &serial_ops, .ctx = s });
	if (err) {
		platform_free(s, sizeof *s);
		return err;
	}
	if (backend) {
		backend->receive = serial_receive;
		backend->receive_ctx = s;
	}
	*out = s;
	return 0;
}

void serial_destroy(struct serial *s)
{
	if (!s)
		return;
	timer_cancel(&s->timeout);
	bus_remove(&s->vm->pio, s->base);
	if (s->backend && s->backend->receive_ctx == s) {
		s->backend->receive = NULL;
		s->backend->receive_ctx = NULL;
	}
	platform_free(s, sizeof *s);
}
