/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's console and the operator's keys. */
#include "console.h"
#include "log.h"
#include "outq.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ESCAPE 0x1d /* Ctrl-] */
#define INPUT_MAX 4096
#define KEYS_MAX (INPUT_MAX / 2 + 1) /* in one read: Ctrl-] comes before each */

struct console {
	struct chardev chardev;
	struct vm *vm;
	int wake_fd;
	int out_fd; /* -1: none */
	const char *out_name;
	bool own_out;
	struct outq *outq;

	bool reads_stdin, interactive, menu;
	atomic_bool input_ready; /* the device can take more again */
	struct terminal terminal;
	u8 input[INPUT_MAX];
	size_t input_count;
	enum console_key keys[KEYS_MAX];
	size_t key_count, key_next;
};

static struct console *console_of(struct chardev *cd)
{
	return CONTAINER_OF(cd, struct console, chardev);
}

/* With vm->lock held, by the vCPU that wrote. */
static void console_write(struct chardev *cd, const u8 *data, size_t n)
{
	struct console *c = console_of(cd);

	if (!c->outq || !outq_put(c->outq, data, n) || !c->vm)
		return;
	/* out of the engine, so that the vCPU threads see congestion */
	for (unsigned i = 0; i < c->vm->vcpu_count; i++)
		vcpu_kick(c->vm->vcpus[i]);
}

static void console_input_ready(struct chardev *cd)
{
	struct console *c = console_of(cd);
	const u64 one = 1;

	if (!atomic_exchange(&c->input_ready, true))
		(void)!write(c->wake_fd, &one, sizeof one);
}

static bool console_full(struct chardev *cd)
{
	return console_congested(console_of(cd));
}

static const struct chardev_ops console_ops = {
	.full = console_full,
	.write = console_write,
	.input_ready = console_input_ready,
};

/* Opening a FIFO nobody reads would hang: try without blocking, then block. */
static int open_file(const char *path, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY |
			    O_NONBLOCK, 0666);
	int flags;

	if (fd < 0)
		return error_set(err, -errno, "console: %s: %s; expected a file to "
				 "write, stdio or none", path,
				 errno == ENXIO ? "nobody reads this FIFO"
						: strerror(errno));
	flags = fcntl(fd, F_GETFL);
	(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	return fd;
}

static int choose_files(struct console *c, const char *what, struct error *err)
{
	c->out_fd = -1;
	if (strcmp(what, "none") == 0)
		return 0;
	if (strcmp(what, "stdio") == 0) {
		c->out_fd = STDOUT_FILENO;
		c->reads_stdin = true;
		c->interactive = terminal_usable(STDIN_FILENO);
		return 0;
	}
	c->out_fd = open_file(what, err);
	c->own_out = c->out_fd >= 0;
	return c->own_out ? 0 : -EINVAL;
}

int console_open(const char *what, int wake_fd, struct console **out,
		 struct error *err)
{
	struct console *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return error_set(err, -ENOMEM, "console: out of memory");
	c->chardev.ops = &console_ops;
	c->wake_fd = wake_fd;
	r = choose_files(c, what, err);
	if (r) {
		free(c);
		return r;
	}
	c->out_name = c->own_out ? what : "stdout";
	*out = c;
	return 0;
}

struct chardev *console_chardev(struct console *c)
{
	return &c->chardev;
}

int console_attach(struct console *c, struct vm *vm, struct error *err)
{
	int r = c->out_fd < 0 ? 0 : outq_open(c->out_fd, c->out_name, &c->outq);

	if (r)
		return error_set(err, r, "console: %s", strerror(-r));
	c->vm = vm;
	return 0;
}

void console_enter(struct console *c)
{
	if (!c->interactive || !terminal_usable(STDIN_FILENO))
		return;
	if (c->terminal.raw)
		terminal_again(&c->terminal);
	else
		(void)terminal_raw(&c->terminal, STDIN_FILENO);
}

void console_leave(struct console *c)
{
	terminal_restore(&c->terminal);
}

bool console_size(const struct console *c, u16 *columns, u16 *rows)
{
	return c->interactive && terminal_size(STDIN_FILENO, columns, rows);
}

int console_input_fd(const struct console *c)
{
	return c->reads_stdin && c->input_count < INPUT_MAX ? STDIN_FILENO : -1;
}

static void menu_show(void)
{
	log_text("\n[trivet] q quit   r reset   s statistics   + - memory   h help   "
		 "Ctrl-] sends Ctrl-]   any other key: back to the guest\n");
}

/* The key after Ctrl-]. */
static enum console_key menu_key(struct console *c, u8 key)
{
	c->menu = false;
	switch (key) {
	case 'q':
	case 'Q':
		return CONSOLE_KEY_QUIT;
	case 'r':
	case 'R':
		return CONSOLE_KEY_RESET;
	case 's':
	case 'S':
		return CONSOLE_KEY_STATS;
	case '+':
		return CONSOLE_KEY_MORE_MEMORY;
	case '-':
		return CONSOLE_KEY_LESS_MEMORY;
	case 'h':
	case 'H':
	case '?':
		menu_show();
		c->menu = true;
		return CONSOLE_KEY_NONE;
	case ESCAPE:
		c->input[c->input_count++] = ESCAPE;
		return CONSOLE_KEY_NONE;
	default:
		return CONSOLE_KEY_NONE;
	}
}

static void keep_key(struct console *c, enum console_key key)
{
	if (key != CONSOLE_KEY_NONE && c->key_count < KEYS_MAX)
		c->keys[c->key_count++] = key;
}

/* Sorts what was typed: to the guest, or the operator's keys. */
static void take_typed(struct console *c, const u8 *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (c->menu) {
			keep_key(c, menu_key(c, data[i]));
		} else if (data[i] == ESCAPE) {
			c->menu = true;
			menu_show();
		} else {
			c->input[c->input_count++] = data[i];
		}
	}
}

void console_input(struct console *c)
{
	u8 data[INPUT_MAX];
	size_t room = INPUT_MAX - c->input_count;
	ssize_t n = read(STDIN_FILENO, data, room);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		c->reads_stdin = false; /* end of input: the guest goes on */
		return;
	}
	if (c->interactive) {
		take_typed(c, data, (size_t)n);
	} else {
		memcpy(c->input + c->input_count, data, (size_t)n);
		c->input_count += (size_t)n;
	}
	console_deliver(c);
}

enum console_key console_key(struct console *c)
{
	if (c->key_next < c->key_count)
		return c->keys[c->key_next++];
	c->key_next = c->key_count = 0;
	return CONSOLE_KEY_NONE;
}

void console_deliver(struct console *c)
{
	size_t took = 0;

	atomic_store(&c->input_ready, false);
	if (!c->input_count || !c->vm)
		return;
	platform_mutex_lock(&c->vm->lock);
	if (c->chardev.receive)
		took = c->chardev.receive(c->chardev.receive_ctx, c->input,
					  c->input_count);
	platform_mutex_unlock(&c->vm->lock);
	memmove(c->input, c->input + took, c->input_count - took);
	c->input_count -= took;
}

bool console_congested(const struct console *c)
{
	return c->outq && outq_full(c->outq);
}

void console_pause(struct console *c)
{
	outq_wait(c->outq);
}

void console_finish(struct console *c, unsigned patience_ms)
{
	u64 lost = c->outq ? outq_close(c->outq, patience_ms) : 0;

	c->outq = NULL;
	c->vm = NULL;
	console_leave(c);
	if (lost)
		log_line("console: %llu bytes of output were lost: nobody took them",
			 (unsigned long long)lost);
}

void console_close(struct console *c)
{
	console_finish(c, 0);
	if (c->own_out)
		close(c->out_fd);
	free(c);
}
