/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doorbells by ioeventfd (api.rst 4.59): the guest's write raises an eventfd in
 * the kernel, and the vCPU goes on. The program's event thread polls them all as
 * one descriptor.
 */
#include "kvm.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DOORBELLS 256
#define AT_ONCE 32

struct bell {
	gpa_t at;
	int fd; /* below 0: free */
};

/* With vm->lock; epoll_fd never changes. */
struct kvm_doorbells {
	int epoll_fd;
	struct bell bells[DOORBELLS];
};

int kvm_doorbells_init(struct vm *vm)
{
	struct kvm_guest *g = vm->engine_data;
	struct kvm_doorbells *d = platform_alloc(sizeof *d);

	if (!d)
		return -ENOMEM;
	for (unsigned i = 0; i < DOORBELLS; i++)
		d->bells[i].fd = -1;
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll_fd < 0) {
		int r = -errno;

		platform_free(d, sizeof *d);
		return r;
	}
	g->doorbells = d;
	return 0;
}

static struct bell *find(struct kvm_doorbells *d, gpa_t a, bool used)
{
	for (unsigned i = 0; i < DOORBELLS; i++)
		if (used ? d->bells[i].fd >= 0 && d->bells[i].at.v == a.v :
			   d->bells[i].fd < 0)
			return &d->bells[i];
	return NULL;
}

/* Length 0: writes of any. */
static int assign(struct kvm_guest *g, const struct bell *b, bool on)
{
	struct kvm_ioeventfd e = { .addr = b->at.v, .fd = b->fd,
				   .flags = on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN };

	return kvm_ioctl(g->fd, KVM_IOEVENTFD, &e);
}

int kvm_doorbell_add(struct vm *vm, gpa_t a)
{
	struct kvm_guest *g = vm->engine_data;
	struct bell *b = find(g->doorbells, a, false);
	struct epoll_event event = { .events = EPOLLIN };
	int r;

	if (!b)
		return -ENOSPC;
	b->at = a;
	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->fd < 0)
		return -errno;
	event.data.ptr = b;
	r = epoll_ctl(g->doorbells->epoll_fd, EPOLL_CTL_ADD, b->fd, &event) ? -errno : 0;
	if (!r)
		r = assign(g, b, true);
	if (r) {
		close(b->fd); /* leaves the epoll set */
		b->fd = -1;
	}
	return r;
}

void kvm_doorbell_remove(struct vm *vm, gpa_t a)
{
	struct kvm_guest *g = vm->engine_data;
	struct bell *b = find(g->doorbells, a, true);

	if (!b)
		return;
	assign(g, b, false);
	close(b->fd);
	b->fd = -1;
}

int kvm_doorbell_fd(struct vm *vm)
{
	struct kvm_guest *g = vm->engine_data;

	return g->doorbells->epoll_fd;
}

void kvm_doorbells_serve(struct vm *vm)
{
	struct kvm_guest *g = vm->engine_data;
	struct epoll_event events[AT_ONCE];
	int n;

	platform_mutex_lock(&vm->lock);
	n = epoll_wait(g->doorbells->epoll_fd, events, AT_ONCE, 0);
	for (int i = 0; i < n; i++) {
		const struct bell *b = events[i].data.ptr;
		u64 count;

		if (b->fd >= 0 && read(b->fd, &count, sizeof count) == sizeof count)
			vm_doorbell_ring(vm, b->at);
	}
	platform_mutex_unlock(&vm->lock);
}

void kvm_doorbells_fini(struct vm *vm)
{
	struct kvm_guest *g = vm->engine_data;
	struct kvm_doorbells *d = g->doorbells;

	if (!d)
		return;
	for (unsigned i = 0; i < DOORBELLS; i++)
		if (d->bells[i].fd >= 0)
			close(d->bells[i].fd);
	close(d->epoll_fd);
	platform_free(d, sizeof *d);
	g->doorbells = NULL;
}
