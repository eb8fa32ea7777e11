/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's ends of vsock connections, as unix sockets. A program that connects to
 * PATH and sends "CONNECT <port>\n" reaches that port of the guest, and reads
 * "OK <port>\n" first, its own. A guest that connects to port P of the host reaches
 * the program that listens at PATH_P.
 */
#ifndef HOST_VSOCK_H
#define HOST_VSOCK_H

#include <trivet/vm.h>
#include <trivet/vsockdev.h>

#include "ioloop.h"

struct vsock;

/* path outlives it; loop is not started yet. */
int vsock_open(const char *path, u64 cid, struct ioloop *loop, struct vsock **out,
	       struct error *err);
/* Would vsock_open succeed? Leaves nothing behind. */
int vsock_check(const char *path, struct error *err);
struct vsockdev *vsock_device(struct vsock *v);
/* The socket's name. */
const char *vsock_path(const struct vsock *v);
/* The VM whose lock is taken; before the loop starts. */
void vsock_attach(struct vsock *v, struct vm *vm);
/* Has all that the guest sent gone on? With vm->lock held. */
bool vsock_idle(const struct vsock *v);
/* The loop has ended, the device is gone. */
void vsock_close(struct vsock *v);

#endif
