/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator turns while a machine runs. */
#include "knobs.h"
#include "log.h"

#include <stdio.h>

#define STEPS 8 /* of the balloon, from none to all but what a guest needs */

void knobs_terminal_size(struct host *h)
{
	u16 columns, rows;

	if (!console_size(h->console, &columns, &rows))
		return;
	platform_mutex_lock(&h->vm.lock);
	machine_resize_console(h->machine, columns, rows);
	platform_mutex_unlock(&h->vm.lock);
}

static u64 next_target(const struct host *h, u64 target, bool give)
{
	u64 step = h->cfg->memory / STEPS & PAGE_MASK;
	u64 most = h->cfg->memory - MACHINE_MEMORY_MIN;

	if (give)
		return target > step ? target - step : 0;
	return target + step < most ? target + step : most;
}

void knobs_balloon(struct host *h, bool give)
{
	struct virtio_balloon_stats s;
	u64 target = 0;
	bool there;

	platform_mutex_lock(&h->vm.lock);
	there = machine_balloon_stats(h->machine, &s);
	if (there) {
		target = next_target(h, s.target, give);
		machine_balloon_target(h->machine, target);
	}
	platform_mutex_unlock(&h->vm.lock);
	if (there)
		log_line("balloon: %lluM of the guest's %lluM wanted",
			 (unsigned long long)(target >> 20),
			 (unsigned long long)(h->cfg->memory >> 20));
	else
		log_line("balloon: this machine has none; see --balloon");
}

/* " name N.nM", where the guest's driver told. */
static size_t put_bytes(char *line, size_t at, size_t size, const char *name, u64 bytes)
{
	if (bytes == VIRTIO_BALLOON_UNKNOWN || at >= size)
		return at;
	return at + (size_t)snprintf(line + at, size - at, "%s %s %.1fM",
				     at ? "," : "", name, (double)bytes / 1048576);
}

void knobs_balloon_stats(struct host *h)
{
	struct virtio_balloon_stats s;
	char line[256] = "";
	size_t at = 0;
	bool there;

	platform_mutex_lock(&h->vm.lock);
	there = machine_balloon_stats(h->machine, &s);
	platform_mutex_unlock(&h->vm.lock);
	if (!there)
		return;
	at = put_bytes(line, at, sizeof line, "wanted", s.target);
	at = put_bytes(line, at, sizeof line, "held", s.actual);
	at = put_bytes(line, at, sizeof line, "free pages given back", s.reported);
	at = put_bytes(line, at, sizeof line, "guest free", s.free);
	at = put_bytes(line, at, sizeof line, "available", s.available);
	(void)put_bytes(line, at, sizeof line, "total", s.total);
	log_line("balloon:%s", line);
}
