/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's end of a named port of the virtio console: a file that is written, or
 * a unix socket with one client at a time.
 *
 * A session ends when the guest's program closes the port: the client then reads
 * the end. The guest reads the end once the client is gone. What the guest writes
 * while there is no client waits, in its own memory, for the next.
 */
#ifndef HOST_PORT_H
#define HOST_PORT_H

#include <trivet/chardev.h>
#include <trivet/vm.h>

#include "config.h"
#include "ioloop.h"

struct port;

/* settings outlive the port; loop is not started yet. err names the port. */
int port_open(const struct vm_port *settings, struct ioloop *loop, struct port **out,
	      struct error *err);
/* Would port_open succeed? Leaves nothing behind. */
int port_check(const struct vm_port *settings, struct error *err);
struct chardev *port_chardev(struct port *p);
/* Is somebody there from the start? */
bool port_connected(const struct port *p);
/* The socket's name; NULL: it is a file. */
const char *port_socket(const struct port *p);
/* The VM whose lock is taken; before the loop starts. Starts a file's thread. */
int port_attach(struct port *p, struct vm *vm, struct error *err);
/* Has all that the guest wrote gone on? With vm->lock held. */
bool port_idle(const struct port *p);
/* The loop has ended, the device is gone. Writes a file's rest, giving up after
 * patience_ms without progress. */
void port_close(struct port *p, unsigned patience_ms);

#endif
