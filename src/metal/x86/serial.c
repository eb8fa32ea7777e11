/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's first serial port, a 16550 at 3F8h: PC16550D data sheet. */
#include "asm.h"
#include "x86.h"

#define PORT 0x3f8
enum { REG_DATA = 0, REG_IER = 1, REG_FCR = 2, REG_LCR = 3, REG_MCR = 4, REG_LSR = 5 };

#define LSR_DATA 1
#define LSR_THRE 0x20
/* A port that is not there reads all ones; one that hangs must not hang us. */
#define PATIENCE 1000000

void serial_init(void)
{
	outb(PORT + REG_IER, 0);
	outb(PORT + REG_LCR, 0x80); /* divisor 1: 115200 bits a second */
	outb(PORT + REG_DATA, 1);
	outb(PORT + REG_IER, 0);
	outb(PORT + REG_LCR, 3); /* 8 bits, no parity, 1 stop bit */
	outb(PORT + REG_FCR, 7); /* FIFOs on and empty */
	outb(PORT + REG_MCR, 0xb); /* DTR, RTS, and OUT2: interrupts reach the line */
}

void serial_interrupts_on(void)
{
	outb(PORT + REG_IER, 1);
}

void arch_console_write(const u8 *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (unsigned wait = PATIENCE; wait && !(inb(PORT + REG_LSR) & LSR_THRE); wait--)
			arch_pause();
		outb(PORT + REG_DATA, data[i]);
	}
}

/* The processor that the line goes to; what does not fit is lost, as on a wire. */
void serial_interrupt(void)
{
	struct x86_metal *x = x86_here();

	for (unsigned n = 0; n < 64 && (inb(PORT + REG_LSR) & LSR_DATA); n++) {
		u8 byte = inb(PORT + REG_DATA);

		if (x->input_head - x->input_tail < sizeof x->input)
			x->input[x->input_head++ % sizeof x->input] = byte;
	}
}

size_t arch_console_read(u8 *data, size_t n)
{
	struct x86_metal *x = x86_here();
	size_t got = 0;

	while (got < n && x->input_tail != x->input_head)
		data[got++] = x->input[x->input_tail++ % sizeof x->input];
	return got;
}
