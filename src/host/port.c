/* SPDX-License-Identifier: Apache-2.0 */
/* Named ports: files and unix sockets. */
#include "port.h"
#include "log.h"
#include "outq.h"
#include "usocket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define OUT_SIZE 65536u
#define IN_SIZE 4096u
#define ROUNDS 32 /* reads before other sockets have their turn */
/* Between two clients, or a guest that reads would not see that one has gone. */
#define PAUSE_NS 500000000
/* A guest that has the port open while nobody is there may have read the end, and be about
 * to close it: for so long a new client's data is kept back, and that close is not its. */
#define HOLD_NS 200000000

/* vm->lock guards all that both a vCPU's thread and the loop's touch. */
struct port {
	struct chardev chardev;
	const struct vm_port *settings;
	struct vm *vm;
	struct ioloop *loop;
	/* a file */
	int file;
	struct outq *outq;
	/* a socket */
	struct usocket socket;
	struct ioloop_source listener, client, timer; /* of pausing and holding */
	struct ioloop_bell bell;
	bool connected; /* there is a client */
	bool guest_open, pausing, holding;
	bool hang_up;	/* the guest closed: the client goes once it has all */
	bool eof, gone; /* the client sends no more; nor receives */
	size_t out_head, out_count, in_count;
	u8 in[IN_SIZE], out[OUT_SIZE];
};

static struct port *port_of(struct chardev *cd)
{
	return CONTAINER_OF(cd, struct port, chardev);
}

static void file_write(struct chardev *cd, const u8 *data, size_t n)
{
	(void)outq_put(port_of(cd)->outq, data, n);
}

static bool file_full(struct chardev *cd)
{
	return outq_full(port_of(cd)->outq);
}

static const struct chardev_ops file_ops = { .write = file_write, .full = file_full };

static void socket_write(struct chardev *cd, const u8 *data, size_t n)
{
	struct port *p = port_of(cd);
	size_t tail, piece;

	p->holding = false; /* it goes on with the new client */
	if (p->gone)
		return;
	if (n > OUT_SIZE - p->out_count)
		n = OUT_SIZE - p->out_count; /* never, of a device that asks */
	tail = (p->out_head + p->out_count) % OUT_SIZE;
	piece = n < OUT_SIZE - tail ? n : OUT_SIZE - tail;
	memcpy(p->out + tail, data, piece);
	memcpy(p->out, data + piece, n - piece);
	p->out_count += n;
	ioloop_bell_ring(&p->bell);
}

static bool socket_full(struct chardev *cd)
{
	const struct port *p = port_of(cd);

	return !p->connected || p->hang_up ||
	       (!p->gone && p->out_count + CHARDEV_ROOM > OUT_SIZE);
}

static void socket_input_ready(struct chardev *cd)
{
	ioloop_bell_ring(&port_of(cd)->bell);
}

static void socket_guest_open(struct chardev *cd, bool open)
{
	struct port *p = port_of(cd);

	if (!open && p->connected && !p->holding) {
		p->hang_up = true;
		p->in_count = 0;
	}
	p->guest_open = open;
	p->pausing = p->holding = false;
	ioloop_bell_ring(&p->bell);
}

static const struct chardev_ops socket_ops = {
	.write = socket_write,
	.full = socket_full,
	.input_ready = socket_input_ready,
	.guest_open = socket_guest_open,
	.calls_room = true,
};

/* From here to port_serve: the loop's thread, with vm->lock held. */

static void push_out(struct port *p)
{
	bool was_full = socket_full(&p->chardev);

	while (p->out_count && !p->gone) {
		size_t n = OUT_SIZE - p->out_head;
		ssize_t put = send(p->client.fd, p->out + p->out_head,
				   n < p->out_count ? n : p->out_count, MSG_NOSIGNAL);

		if (put < 0 && errno != EAGAIN && errno != EINTR)
			p->gone = true;
		if (put <= 0)
			break;
		p->out_head = (p->out_head + (size_t)put) % OUT_SIZE;
		p->out_count -= (size_t)put;
	}
	if (p->gone)
		p->out_count = 0;
	if (was_full && !socket_full(&p->chardev) && p->chardev.room)
		p->chardev.room(p->chardev.receive_ctx);
}

/* False when the guest takes no more now. */
static bool deliver(struct port *p)
{
	size_t took = 0;

	if (p->chardev.receive && p->in_count)
		took = p->chardev.receive(p->chardev.receive_ctx, p->in, p->in_count);
	memmove(p->in, p->in + took, p->in_count - took);
	p->in_count -= took;
	return !p->in_count;
}

static void pull_in(struct port *p)
{
	for (unsigned i = 0; i < ROUNDS && !p->holding && deliver(p) && !p->eof; i++) {
		ssize_t got = recv(p->client.fd, p->in, IN_SIZE, 0);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		p->eof = got <= 0;
		p->in_count = got > 0 && !p->hang_up ? (size_t)got : 0;
	}
}

static bool start_timer(struct port *p, long ns)
{
	const struct itimerspec once = { .it_value.tv_nsec = ns };

	return timerfd_settime(p->timer.fd, 0, &once, NULL) == 0;
}

static void tell_device(struct port *p, bool connected)
{
	p->connected = connected;
	p->holding = connected && p->guest_open && start_timer(p, HOLD_NS);
	if (p->chardev.host_open)
		p->chardev.host_open(p->chardev.receive_ctx, connected);
	if (connected && p->chardev.room)
		p->chardev.room(p->chardev.receive_ctx);
}

/* What it sent too late is thrown away, or it would read an error for the end. */
static void drop_client(struct port *p)
{
	(void)shutdown(p->client.fd, SHUT_RDWR);
	for (unsigned i = 0; i < ROUNDS && recv(p->client.fd, p->in, IN_SIZE, 0) > 0; i++)
		;
	ioloop_drop(p->loop, &p->client);
	p->in_count = p->out_count = p->out_head = 0;
	p->hang_up = p->eof = p->gone = false;
	tell_device(p, false);
	p->pausing = p->guest_open && start_timer(p, PAUSE_NS);
}

static void serve_client(struct port *p)
{
	u32 events = EPOLLET; /* to hear of a hang-up */

	push_out(p);
	pull_in(p);
	if ((p->hang_up && !p->out_count) || (p->gone && p->eof && !p->in_count)) {
		drop_client(p);
		return;
	}
	if (p->out_count)
		events = EPOLLOUT;
	if (!p->in_count && !p->eof && !p->holding)
		events |= EPOLLIN;
	if (events & (EPOLLIN | EPOLLOUT))
		events &= ~(u32)EPOLLET;
	(void)ioloop_watch(p->loop, &p->client, events);
}

static void port_serve(struct port *p, u32 events)
{
	platform_mutex_lock(&p->vm->lock);
	p->gone |= (events & (EPOLLHUP | EPOLLERR)) != 0;
	if (p->connected)
		serve_client(p);
	(void)ioloop_watch(p->loop, &p->listener,
			   p->connected || p->pausing ? 0 : EPOLLIN);
	platform_mutex_unlock(&p->vm->lock);
}

static void bell_answer(struct ioloop_bell *b)
{
	port_serve(CONTAINER_OF(b, struct port, bell), 0);
}

static void timer_ready(struct ioloop_source *s, u32 events)
{
	struct port *p = CONTAINER_OF(s, struct port, timer);
	u64 count;

	(void)events;
	(void)!read(s->fd, &count, sizeof count);
	platform_mutex_lock(&p->vm->lock);
	p->pausing = p->holding = false;
	platform_mutex_unlock(&p->vm->lock);
	port_serve(p, 0);
}

static void client_ready(struct ioloop_source *s, u32 events)
{
	port_serve(CONTAINER_OF(s, struct port, client), events);
}

static void listener_ready(struct ioloop_source *s, u32 events)
{
	struct port *p = CONTAINER_OF(s, struct port, listener);

	(void)events;
	p->client.fd = usocket_accept(s->fd);
	if (p->client.fd < 0)
		return;
	platform_mutex_lock(&p->vm->lock);
	tell_device(p, true);
	platform_mutex_unlock(&p->vm->lock);
	port_serve(p, 0);
}

/* Opening a FIFO that nobody reads would hang: try without blocking, then block. */
static int open_file(struct port *p, struct error *err)
{
	const char *path = p->settings->path;

	p->chardev.ops = &file_ops;
	p->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY |
				     O_NONBLOCK, 0666);
	if (p->file < 0)
		return error_set(err, -errno, "port %s: %s: %s; expected a file to write",
				 p->settings->name, path,
				 errno == ENXIO ? "nobody reads this FIFO"
						: strerror(errno));
	(void)fcntl(p->file, F_SETFL, fcntl(p->file, F_GETFL) & ~O_NONBLOCK);
	return 0;
}

static void close_socket(struct port *p)
{
	ioloop_drop(p->loop, &p->bell.source);
	ioloop_drop(p->loop, &p->timer);
	ioloop_drop(p->loop, &p->client);
	ioloop_drop(p->loop, &p->listener);
	usocket_remove(&p->socket);
}

static int open_socket(struct port *p, struct error *err)
{
	char what[96];
	int r;

	snprintf(what, sizeof what, "port %s", p->settings->name);
	p->chardev.ops = &socket_ops;
	r = usocket_listen(&p->socket, what, p->settings->path, err);
	if (r)
		return r;
	p->listener = (struct ioloop_source){ .ready = listener_ready, .fd = p->socket.fd };
	p->client = (struct ioloop_source){ .ready = client_ready, .fd = -1 };
	p->timer = (struct ioloop_source){
		.ready = timer_ready,
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
	};
	r = p->timer.fd < 0 ? -errno : ioloop_bell_open(p->loop, &p->bell, bell_answer);
	if (!r)
		r = ioloop_watch(p->loop, &p->timer, EPOLLIN);
	if (!r)
		r = ioloop_watch(p->loop, &p->listener, EPOLLIN);
	if (!r)
		return 0;
	close_socket(p);
	return error_set(err, r, "%s: %s", what, strerror(-r));
}

int port_open(const struct vm_port *settings, struct ioloop *loop, struct port **out,
	      struct error *err)
{
	struct port *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		return error_set(err, -ENOMEM, "port %s: out of memory", settings->name);
	p->settings = settings;
	p->loop = loop;
	p->bell.source.fd = p->file = -1;
	r = settings->socket ? open_socket(p, err) : open_file(p, err);
	if (r) {
		free(p);
		return r;
	}
	*out = p;
	return 0;
}

int port_check(const struct vm_port *settings, struct error *err)
{
	char what[96];
	int fd;

	snprintf(what, sizeof what, "port %s", settings->name);
	if (settings->socket)
		return usocket_check(what, settings->path, err);
	/* without O_TRUNC: a check does not empty a file, nor leave a new one */
	fd = open(settings->path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == ENOENT)
		return usocket_check_directory(what, settings->path, err);
	return error_set(err, -errno, "%s: %s: %s; expected a file to write", what,
			 settings->path,
			 errno == ENXIO ? "nobody reads this FIFO" : strerror(errno));
}

struct chardev *port_chardev(struct port *p)
{
	return &p->chardev;
}

bool port_connected(const struct port *p)
{
	return !p->settings->socket;
}

const char *port_socket(const struct port *p)
{
	return p->settings->socket ? p->settings->path : NULL;
}

int port_attach(struct port *p, struct vm *vm, struct error *err)
{
	int r = 0;

	p->vm = vm;
	if (!p->settings->socket)
		r = outq_open(p->file, p->settings->path, &p->outq);
	return r ? error_set(err, r, "port %s: %s", p->settings->name, strerror(-r)) : 0;
}

bool port_idle(const struct port *p)
{
	return !p->connected || !p->out_count;
}

void port_close(struct port *p, unsigned patience_ms)
{
	u64 lost = p->outq ? outq_close(p->outq, patience_ms) : 0;

	if (lost)
		log_line("port %s: %llu bytes of output were lost: nobody took them",
			 p->settings->name, (unsigned long long)lost);
	if (p->settings->socket) {
		close_socket(p);
	} else if (!lost) { /* else its writer may still hang in it */
		close(p->file);
	}
	free(p);
}
