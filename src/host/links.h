/* SPDX-License-Identifier: Apache-2.0 */
/* The named ports and the vsock of a machine, and the thread that serves them. */
#ifndef HOST_LINKS_H
#define HOST_LINKS_H

#include <trivet/machine.h>

#include "config.h"
#include "port.h"
#include "sandbox.h"
#include "vsock.h"

struct links {
	struct vm *vm;
	struct ioloop *loop;
	struct port *ports[CONFIG_MAX_PORTS];
	unsigned count;
	struct vsock *vsock;
};

/* Opens what cfg names and puts it into m. On error nothing stays open. */
int links_open(struct links *all, const struct vm_config *cfg,
	       struct machine_config *m, struct error *err);
/* Would links_open succeed? Leaves nothing behind. */
int links_check(const struct vm_config *cfg, struct error *err);
/* What the sandbox must leave us. */
void links_needs(const struct links *all, struct sandbox_needs *needs);
/* vm has been built: from here on sockets are served. */
int links_start(struct links *all, struct vm *vm, struct error *err);
/* The guest has ended: passes on what it sent, for at most patience_ms; then nothing
 * is served any more. */
void links_finish(struct links *all, unsigned patience_ms);
/* Finished, if started, and the machine is gone. */
void links_close(struct links *all);

#endif
