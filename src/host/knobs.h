/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator turns while a machine runs: its terminal's size, its balloon. */
#ifndef HOST_KNOBS_H
#define HOST_KNOBS_H

#include "host.h"

/* The guest's console gets the size of the terminal, if there is one. */
void knobs_terminal_size(struct host *h);
/* Gives the guest an eighth of its memory back, or takes one, and says so. */
void knobs_balloon(struct host *h, bool give);
/* A line on the balloon for the operator's statistics; nothing without one. */
void knobs_balloon_stats(struct host *h);

#endif
