/* SPDX-License-Identifier: Apache-2.0 */
/* The host's ends of vsock connections. */
#include "vsock.h"
#include "usocket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define CALLERS 32     /* that have not said whom they want */
#define LINE_MAX_LEN 32 /* "CONNECT 4294967295\n" and room for "\r" */
#define KEEP_TOUCHED 8192u /* of a free buffer; more goes back to the kernel */
#define SEGMENTS 128

/* One connection, by its number. With vm->lock. */
struct end {
	struct vsock *vsock;
	struct ioloop_source source;
	bool used;	   /* until released */
	bool due, connect; /* in the list of what to serve; has yet to connect */
	bool open;	   /* both have agreed: bytes may flow */
	bool greet;	   /* "OK <port>\n" is owed */
	bool blocked;	   /* the guest takes nothing now */
	bool guest_done, guest_deaf; /* the guest sends, receives no more */
	bool told_done, told_deaf; /* and our program was told */
	bool eof, gone;	   /* our program sends, receives no more */
	bool closing, reset;
	u32 port;
	u8 *out; /* VSOCK_BUFFER bytes */
	u32 head, count, touched;
	struct end *next_due;
};

struct caller {
	struct vsock *vsock;
	struct ioloop_source source;
	char line[LINE_MAX_LEN];
	unsigned n;
};

struct vsock {
	struct vsockdev device;
	struct vm *vm;
	struct ioloop *loop;
	struct usocket socket;
	struct ioloop_source listener;
	struct ioloop_bell bell;
	struct end *first_due, **last_due;
	u8 *buffers;
	unsigned next_caller;
	struct caller callers[CALLERS];
	struct end ends[VSOCK_CONNS];
};

static struct vsock *vsock_of(struct vsockdev *d)
{
	return CONTAINER_OF(d, struct vsock, device);
}

static struct end *end_of(struct vsockdev *d, unsigned id)
{
	return &vsock_of(d)->ends[id];
}

static unsigned id_of(const struct end *e)
{
	return (unsigned)(e - e->vsock->ends);
}

/* The loop's thread shall look at it. */
static void end_due(struct end *e)
{
	struct vsock *v = e->vsock;

	if (!e->due) {
		e->due = true;
		e->next_due = NULL;
		*v->last_due = e;
		v->last_due = &e->next_due;
	}
	ioloop_bell_ring(&v->bell);
}

static void end_ready(struct ioloop_source *s, u32 events);

static void end_init(struct end *e, int fd)
{
	struct vsock *v = e->vsock;
	u8 *out = e->out;
	bool due = e->due; /* a number may be used again before its turn */
	struct end *next = e->next_due;

	*e = (struct end){ .vsock = v, .out = out, .used = true, .due = due,
			   .next_due = next };
	e->source = (struct ioloop_source){ .ready = end_ready, .fd = fd };
}

/* From the device: any thread, with vm->lock. */

static void op_connect(struct vsockdev *d, unsigned id, u32 port)
{
	struct end *e = end_of(d, id);

	end_init(e, -1);
	e->port = port;
	e->connect = true;
	end_due(e);
}

static void op_accepted(struct vsockdev *d, unsigned id)
{
	struct end *e = end_of(d, id);

	e->open = e->greet = true;
	end_due(e);
}

static void out_add(struct end *e, const u8 *data, u32 n)
{
	u32 tail = (e->head + e->count) % VSOCK_BUFFER;
	u32 piece = n < VSOCK_BUFFER - tail ? n : VSOCK_BUFFER - tail;

	memcpy(e->out + tail, data, piece);
	memcpy(e->out, data + piece, n - piece);
	e->count += n;
	if (tail + n > e->touched)
		e->touched = tail + n;
}

static void op_write(struct vsockdev *d, unsigned id, const struct mem_segment *segments,
		     unsigned count)
{
	struct end *e = end_of(d, id);

	for (unsigned i = 0; i < count; i++)
		out_add(e, segments[i].host, segments[i].len);
	end_due(e);
}

static void op_shutdown(struct vsockdev *d, unsigned id, unsigned ends)
{
	struct end *e = end_of(d, id);

	e->guest_done |= (ends & VSOCK_NO_SEND) != 0;
	e->guest_deaf |= (ends & VSOCK_NO_RECEIVE) != 0;
	end_due(e);
}

static void op_wanted(struct vsockdev *d, unsigned id)
{
	struct end *e = end_of(d, id);

	e->blocked = false;
	end_due(e);
}

static void op_close(struct vsockdev *d, unsigned id, bool reset)
{
	struct end *e = end_of(d, id);

	e->closing = true;
	e->reset = reset;
	end_due(e);
}

static int op_read(struct vsockdev *d, unsigned id, const struct mem_segment *segments,
		   unsigned count)
{
	struct end *e = end_of(d, id);
	struct iovec iov[SEGMENTS];
	ssize_t got;

	if (count > SEGMENTS)
		count = SEGMENTS;
	for (unsigned i = 0; i < count; i++)
		iov[i] = (struct iovec){ segments[i].host, segments[i].len };
	got = readv(e->source.fd, iov, (int)count);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (got > 0)
		return (int)got;
	e->eof = true;
	e->gone |= got < 0; /* reset */
	return 0;
}

static const struct vsockdev_ops vsock_ops = {
	.connect = op_connect,
	.accepted = op_accepted,
	.write = op_write,
	.shutdown = op_shutdown,
	.wanted = op_wanted,
	.read = op_read,
	.close = op_close,
};

/* The loop's thread, with vm->lock. */

static const struct vsock_guest_ops *guest_of(const struct end *e, void **ctx)
{
	*ctx = e->vsock->device.guest_ctx;
	return e->vsock->device.guest;
}

static void end_connect(struct end *e)
{
	char path[sizeof "_4294967295" + 108];
	void *ctx;
	const struct vsock_guest_ops *guest = guest_of(e, &ctx);

	e->connect = false;
	snprintf(path, sizeof path, "%s_%u", e->vsock->socket.path, e->port);
	e->source.fd = usocket_connect(path);
	e->open = e->source.fd >= 0;
	guest->answer(ctx, id_of(e), e->open);
}

static void sent(struct end *e, u32 n)
{
	void *ctx;
	const struct vsock_guest_ops *guest = guest_of(e, &ctx);

	e->head = (e->head + n) % VSOCK_BUFFER;
	e->count -= n;
	if (!e->count)
		e->head = 0;
	if (n && !e->closing)
		guest->sent(ctx, id_of(e), n);
}

static void push_out(struct end *e)
{
	while (e->count && !e->gone) {
		u32 n = VSOCK_BUFFER - e->head;
		ssize_t put = send(e->source.fd, e->out + e->head,
				   n < e->count ? n : e->count, MSG_NOSIGNAL);

		if (put < 0 && errno != EAGAIN && errno != EINTR)
			e->gone = true;
		if (put <= 0)
			break;
		sent(e, (u32)put);
	}
	if (e->gone)
		sent(e, e->count);
	if (e->guest_done && !e->count && !e->told_done) {
		e->told_done = true;
		(void)shutdown(e->source.fd, SHUT_WR);
	}
	if (e->guest_deaf && !e->told_deaf) {
		e->told_deaf = true;
		(void)shutdown(e->source.fd, SHUT_RD);
	}
}

static void greet(struct end *e)
{
	char line[24];
	int n = snprintf(line, sizeof line, "OK %u\n", e->port);

	e->greet = false;
	(void)send(e->source.fd, line, (size_t)n, MSG_NOSIGNAL); /* first of all */
}

static void pull(struct end *e)
{
	void *ctx;
	const struct vsock_guest_ops *guest = guest_of(e, &ctx);

	if (!e->blocked && !e->eof && !e->guest_deaf)
		e->blocked = !guest->pull(ctx, id_of(e)) && !e->eof;
}

/* What our program will do no more. */
static void tell_guest(struct end *e)
{
	unsigned ends = (e->eof ? VSOCK_NO_SEND : 0u) | (e->gone ? VSOCK_NO_RECEIVE : 0u);
	void *ctx;
	const struct vsock_guest_ops *guest = guest_of(e, &ctx);

	if (ends && (e->open || e->gone))
		guest->shutdown(ctx, id_of(e), ends);
}

static void end_release(struct end *e)
{
	void *ctx;
	const struct vsock_guest_ops *guest = guest_of(e, &ctx);

	ioloop_drop(e->vsock->loop, &e->source);
	if (e->touched > KEEP_TOUCHED)
		(void)madvise(e->out, VSOCK_BUFFER, MADV_DONTNEED);
	e->used = false;
	guest->released(ctx, id_of(e));
}

static void end_watch(struct end *e)
{
	u32 events = 0;

	if (e->count)
		events |= EPOLLOUT;
	if (e->open && !e->closing && !e->blocked && !e->eof && !e->guest_deaf)
		events |= EPOLLIN;
	if (!events)
		events = EPOLLET; /* to hear of a hang-up */
	(void)ioloop_watch(e->vsock->loop, &e->source, events);
}

static void end_serve(struct end *e)
{
	if (!e->used || !e->vsock->device.guest)
		return;
	if (e->connect && !e->closing)
		end_connect(e);
	if (e->greet && !e->closing)
		greet(e);
	if (e->source.fd >= 0 && !(e->closing && e->reset))
		push_out(e);
	if (e->open && !e->closing)
		pull(e);
	if (!e->closing)
		tell_guest(e);
	/* what the guest sent before an orderly end still goes on */
	if (e->closing && (e->reset || !e->count))
		end_release(e);
	else
		end_watch(e);
}

static void end_ready(struct ioloop_source *s, u32 events)
{
	struct end *e = CONTAINER_OF(s, struct end, source);
	struct vm *vm = e->vsock->vm;

	platform_mutex_lock(&vm->lock);
	e->gone |= (events & (EPOLLHUP | EPOLLERR)) != 0;
	end_serve(e);
	platform_mutex_unlock(&vm->lock);
}

static void bell_answer(struct ioloop_bell *b)
{
	struct vsock *v = CONTAINER_OF(b, struct vsock, bell);
	struct end *e;

	platform_mutex_lock(&v->vm->lock);
	while ((e = v->first_due)) {
		v->first_due = e->next_due;
		if (!v->first_due)
			v->last_due = &v->first_due;
		e->due = false;
		end_serve(e);
	}
	platform_mutex_unlock(&v->vm->lock);
}

/* "CONNECT <port>\n": false when it is anything else. */
static bool line_parse(const char *line, u32 *port)
{
	static const char word[] = "CONNECT ";
	u64 value = 0;
	const char *p = line + sizeof word - 1;

	if (strncmp(line, word, sizeof word - 1) != 0 || *p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9' && value <= UINT32_MAX; p++)
		value = value * 10 + (u64)(*p - '0');
	if (*p == '\r')
		p++;
	*port = (u32)value;
	return *p == '\n' && value < UINT32_MAX; /* the last means "any" */
}

/* The caller's descriptor becomes a connection's; -1 when it could not. */
static void caller_dial(struct caller *c, u32 port)
{
	struct vsock *v = c->vsock;
	int fd = c->source.fd;
	unsigned id;
	u32 host_port;

	(void)ioloop_watch(v->loop, &c->source, 0);
	platform_mutex_lock(&v->vm->lock);
	if (v->device.guest &&
	    v->device.guest->dial(v->device.guest_ctx, port, &id, &host_port) == 0) {
		c->source.fd = -1;
		end_init(&v->ends[id], fd);
		v->ends[id].port = host_port;
		end_due(&v->ends[id]);
	}
	platform_mutex_unlock(&v->vm->lock);
	ioloop_drop(v->loop, &c->source);
}

/* Byte by byte: what follows the line is the guest's. */
static void caller_ready(struct ioloop_source *s, u32 events)
{
	struct caller *c = CONTAINER_OF(s, struct caller, source);
	u32 port;

	(void)events;
	while (c->n < LINE_MAX_LEN - 1) {
		ssize_t got = recv(s->fd, c->line + c->n, 1, 0);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0)
			break;
		c->line[++c->n] = 0;
		if (c->line[c->n - 1] != '\n')
			continue;
		if (!line_parse(c->line, &port))
			break;
		caller_dial(c, port);
		return;
	}
	ioloop_drop(c->vsock->loop, s);
}

/* Of too many that say nothing the oldest has to go. */
static void listener_ready(struct ioloop_source *s, u32 events)
{
	struct vsock *v = CONTAINER_OF(s, struct vsock, listener);
	int fd = usocket_accept(s->fd);
	struct caller *c = &v->callers[v->next_caller % CALLERS];

	(void)events;
	if (fd < 0)
		return;
	v->next_caller++;
	ioloop_drop(v->loop, &c->source);
	*c = (struct caller){ .vsock = v,
			      .source = { .ready = caller_ready, .fd = fd } };
	if (ioloop_watch(v->loop, &c->source, EPOLLIN))
		ioloop_drop(v->loop, &c->source);
}

static int open_sources(struct vsock *v, struct error *err)
{
	int r = ioloop_bell_open(v->loop, &v->bell, bell_answer);

	v->listener = (struct ioloop_source){ .ready = listener_ready, .fd = v->socket.fd };
	if (!r)
		r = ioloop_watch(v->loop, &v->listener, EPOLLIN);
	return r ? error_set(err, r, "vsock: %s", strerror(-r)) : 0;
}

int vsock_open(const char *path, u64 cid, struct ioloop *loop, struct vsock **out,
	       struct error *err)
{
	struct vsock *v = calloc(1, sizeof *v);
	int r;

	if (!v)
		return error_set(err, -ENOMEM, "vsock: out of memory");
	v->buffers = mmap(NULL, (size_t)VSOCK_BUFFER * VSOCK_CONNS, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (v->buffers == MAP_FAILED) {
		free(v);
		return error_set(err, -ENOMEM, "vsock: out of memory");
	}
	v->device = (struct vsockdev){ .ops = &vsock_ops, .cid = cid };
	v->loop = loop;
	v->last_due = &v->first_due;
	v->bell.source.fd = v->listener.fd = -1;
	for (unsigned i = 0; i < CALLERS; i++)
		v->callers[i].source.fd = -1;
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		v->ends[i] = (struct end){ .vsock = v, .source.fd = -1,
					   .out = v->buffers + (size_t)VSOCK_BUFFER * i };
	r = usocket_listen(&v->socket, "vsock", path, err);
	if (!r)
		r = open_sources(v, err);
	if (r) {
		vsock_close(v);
		return r;
	}
	*out = v;
	return 0;
}

int vsock_check(const char *path, struct error *err)
{
	return usocket_check("vsock", path, err);
}

struct vsockdev *vsock_device(struct vsock *v)
{
	return &v->device;
}

const char *vsock_path(const struct vsock *v)
{
	return v->socket.path;
}

void vsock_attach(struct vsock *v, struct vm *vm)
{
	v->vm = vm;
}

bool vsock_idle(const struct vsock *v)
{
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		if (v->ends[i].used && v->ends[i].count && !v->ends[i].gone)
			return false;
	return true;
}

void vsock_close(struct vsock *v)
{
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		ioloop_drop(v->loop, &v->ends[i].source);
	for (unsigned i = 0; i < CALLERS; i++)
		ioloop_drop(v->loop, &v->callers[i].source);
	ioloop_drop(v->loop, &v->bell.source);
	ioloop_drop(v->loop, &v->listener);
	usocket_remove(&v->socket);
	munmap(v->buffers, (size_t)VSOCK_BUFFER * VSOCK_CONNS);
	free(v);
}
