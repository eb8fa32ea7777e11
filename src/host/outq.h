/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An output queue: bytes are taken at once, a thread of its own writes them. So
 * a slow terminal or pipe holds up nobody who holds a lock; the one who makes
 * the bytes is asked to pause before the queue is full.
 */
#ifndef HOST_OUTQ_H
#define HOST_OUTQ_H

#include <trivet/error.h>
#include <trivet/types.h>

struct outq;

/*
 * Writes to fd, which stays the caller's. When fd takes no more (its reader has
 * gone, the disk is full) the log says so once, calling it name, which must
 * outlive the queue; what comes later vanishes. -ENOMEM, -EAGAIN.
 */
int outq_open(int fd, const char *name, struct outq **out);
/*
 * Takes n bytes. True when the queue has become more than half full: then pause
 * the maker (outq_wait) before it fills up and bytes are lost. Any thread.
 */
bool outq_put(struct outq *q, const u8 *data, size_t n);
/* True while the maker should pause. Any thread, cheap. */
bool outq_full(const struct outq *q);
/* Waits until it is no longer so, or up to 100 ms. */
void outq_wait(struct outq *q);
/*
 * Writes the rest and ends. Gives up once no byte went out for patience_ms.
 * Returns how many bytes were lost in the queue's life, but for those after an
 * error that the log told of.
 */
u64 outq_close(struct outq *q, unsigned patience_ms);

#endif
