/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw terminal mode. Nothing but a file-scope pointer can tell a signal handler
 * which terminal to restore: this is the one exception to the rule against
 * them, and only terminal_raw and terminal_restore write it.
 */
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct terminal *_Atomic raw_terminal;

static const int fatal_signals[] = { SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
				     SIGABRT, SIGQUIT, SIGSYS, SIGTRAP };

bool terminal_usable(int fd)
{
	/* in the background, tcsetattr would stop the whole job */
	return isatty(fd) && tcgetpgrp(fd) == getpgrp();
}

/* tcsetattr is async-signal-safe (POSIX). */
void terminal_rescue(void)
{
	struct terminal *t = raw_terminal;

	if (t)
		tcsetattr(t->fd, TCSANOW, &t->saved);
}

/* SA_RESETHAND put the default action back: the signal now kills as it would. */
static void fatal_handler(int signo)
{
	terminal_rescue();
	raise(signo);
}

static void fatal_signals_catch(void)
{
	struct sigaction sa = { .sa_handler = fatal_handler,
				.sa_flags = (int)SA_RESETHAND | SA_NODEFER };

	sigemptyset(&sa.sa_mask);
	for (unsigned i = 0; i < ARRAY_SIZE(fatal_signals); i++) {
		struct sigaction old;

		/* the sandbox's own handler restores the terminal as well */
		if (fatal_signals[i] == SIGSYS && !sigaction(SIGSYS, NULL, &old) &&
		    old.sa_handler != SIG_DFL)
			continue;
		sigaction(fatal_signals[i], &sa, NULL);
	}
}

static int apply_raw(const struct terminal *t)
{
	struct termios raw = t->saved;

	cfmakeraw(&raw);
	return tcsetattr(t->fd, TCSANOW, &raw) < 0 ? -errno : 0;
}

void terminal_again(const struct terminal *t)
{
	(void)apply_raw(t);
}

int terminal_raw(struct terminal *t, int fd)
{
	int r;

	if (tcgetattr(fd, &t->saved) < 0)
		return -errno;
	t->fd = fd;
	if (!raw_terminal)
		atexit(terminal_rescue);
	raw_terminal = t;
	fatal_signals_catch();
	r = apply_raw(t);
	t->raw = r == 0;
	if (r)
		raw_terminal = NULL;
	return r;
}

bool terminal_size(int fd, u16 *columns, u16 *rows)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
		return false;
	*columns = size.ws_col;
	*rows = size.ws_row;
	return true;
}

void terminal_restore(struct terminal *t)
{
	if (!t->raw)
		return;
	/* ignore SIGTTOU: we may have been put into the background */
	signal(SIGTTOU, SIG_IGN);
	tcsetattr(t->fd, TCSANOW, &t->saved);
	t->raw = false;
	raw_terminal = NULL;
}
