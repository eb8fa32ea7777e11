/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's console: the terminal, a file or nothing behind the first serial
 * port; the operator's keys on the terminal.
 */
#ifndef HOST_CONSOLE_H
#define HOST_CONSOLE_H

#include <trivet/chardev.h>
#include <trivet/vm.h>

struct console;

/* What the operator asked for with Ctrl-] and a key. */
enum console_key {
	CONSOLE_KEY_NONE,
	CONSOLE_KEY_QUIT,
	CONSOLE_KEY_RESET,
	CONSOLE_KEY_STATS,
	CONSOLE_KEY_MORE_MEMORY, /* for the guest, from its balloon */
	CONSOLE_KEY_LESS_MEMORY,
};

/*
 * what: "stdio", "none" or the path of a file to write. wake_fd is an eventfd
 * that is written when the event loop should call console_deliver. what must
 * outlive the console. On error err says which file, and why.
 */
int console_open(const char *what, int wake_fd, struct console **out,
		 struct error *err);
/* The backend to give the machine. */
struct chardev *console_chardev(struct console *c);
/*
 * Starts the thread that writes. vm: whose vCPUs shall pause when output comes
 * too fast. -ENOMEM, -EAGAIN with err.
 */
int console_attach(struct console *c, struct vm *vm, struct error *err);

/*
 * Raw mode on or off, when the console is an interactive terminal and this
 * process is in its foreground. On again after a stop, when the shell may have
 * set the terminal its own way.
 */
void console_enter(struct console *c);
void console_leave(struct console *c);

/* Characters across and down of the terminal; false when there is none. */
bool console_size(const struct console *c, u16 *columns, u16 *rows);

/* Event loop: the descriptor to wait on for input, or -1 for now. */
int console_input_fd(const struct console *c);
/* Event loop: reads what is there. */
void console_input(struct console *c);
/*
 * Event loop: the operator's keys in what was read, one a call in the order
 * typed, then CONSOLE_KEY_NONE. To be called until then after console_input.
 */
enum console_key console_key(struct console *c);
/* Event loop: passes input to the device, without vm->lock held. */
void console_deliver(struct console *c);

/* vCPU threads: should the guest pause for its output, and the pause. */
bool console_congested(const struct console *c);
void console_pause(struct console *c);

/*
 * The guest has ended: writes what is left (giving up after patience_ms without
 * progress), says how much was lost, if any, and restores the terminal. What
 * comes later vanishes.
 */
void console_finish(struct console *c, unsigned patience_ms);
/* After the device is gone. Finishes first if that was not done. */
void console_close(struct console *c);

#endif
