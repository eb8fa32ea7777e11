/* SPDX-License-Identifier: Apache-2.0 */
/* The user's terminal: raw while a guest runs, restored however that ends. */
#ifndef HOST_TERMINAL_H
#define HOST_TERMINAL_H

#include <termios.h>
#include <trivet/types.h>

struct terminal {
	int fd;
	bool raw;
	struct termios saved;
};

/* True when fd is a terminal that this process may use now (foreground). */
bool terminal_usable(int fd);
/*
 * Raw mode; from now on a fatal signal or exit() restores it as well. One
 * terminal at a time. 0 or a negative errno.
 */
int terminal_raw(struct terminal *t, int fd);
/* Raw again, after another program set it otherwise; only while t->raw. */
void terminal_again(const struct terminal *t);
/* Its size in characters; false when nobody knows. */
bool terminal_size(int fd, u16 *columns, u16 *rows);
/* The raw terminal, if there is one, as it was: for a signal handler or a last
 * gasp, after which the process ends. Any thread. */
void terminal_rescue(void);
/* As it was. Harmless when it is not raw. */
void terminal_restore(struct terminal *t);

#endif
