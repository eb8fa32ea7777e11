/* SPDX-License-Identifier: Apache-2.0 */
/* `trivet run`: the life of one machine, from its settings to an exit status. */
#include "host.h"

#include "blobs.h"
#include "counter.h"
#include "engines.h"
#include "hugepages.h"
#include "knobs.h"
#include "log.h"
#include "placement.h"
#include "sandbox.h"
#include "stats.h"

#include <stdlib.h>
#include <unistd.h>

/* Output that nobody takes holds up the end this long at most. */
#define PATIENCE_MS 10000
#define PATIENCE_QUIT_MS 500
#define PATIENCE_SOCKETS_MS 2000

/* Guest memory costs nothing until touched, but a guest will touch it. */
static int check_memory(const struct vm_config *cfg, struct error *err)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	u64 have = pages > 0 && size > 0 ? (u64)pages * (u64)size : ~(u64)0;

	if (cfg->memory <= have)
		return 0;
	return config_complain(cfg, KEY_MEMORY, -EINVAL, err,
			       "%lluM given; this machine has %lluM",
			       (unsigned long long)(cfg->memory >> 20),
			       (unsigned long long)(have >> 20));
}

static int open_blobs(struct machine_config *m, const struct vm_config *cfg,
		      struct error *err)
{
	int r = blob_open(&m->kernel, "kernel", cfg->kernel, BLOB_MAX_SIZE, err);

	if (r || !cfg->initrd)
		return r;
	r = blob_open(&m->initrd, "initrd", cfg->initrd, cfg->memory, err);
	if (r)
		blob_close(&m->kernel);
	return r;
}

static void close_blobs(struct machine_config *m)
{
	blob_close(&m->initrd);
	blob_close(&m->kernel);
}

/* The guest is loaded, until a reset. */
static void rest_blobs(const struct machine_config *m)
{
	blob_rest(&m->kernel);
	blob_rest(&m->initrd);
}

static int build_machine(struct host *h, const struct engine_ops *engine,
			 struct error *err)
{
	int r = vm_init(&h->vm, h->cfg->name, engine, err);

	if (r)
		return r;
	h->vm.host_data = h;
	if (h->cfg->hugepages)
		h->vm.ram_alloc = hugepages_alloc;
	r = machine_create(&h->vm, &h->machine_config, &h->machine, err);
	if (r)
		vm_fini(&h->vm);
	rest_blobs(&h->machine_config);
	return r;
}

static void destroy_machine(struct host *h)
{
	links_finish(&h->links, 0);
	disks_drain(&h->disks);
	nets_detach(&h->nets);
	machine_destroy(h->machine);
	vm_fini(&h->vm);
}

/* Every file is open: the doors are closed, then the backends' threads start. */
static int start_backends(struct host *h, struct error *err)
{
	struct sandbox_needs needs = { .network = nets_need_sockets(&h->nets) };
	int r;

	links_needs(&h->links, &needs);
	r = sandbox_begin(h->cfg->sandbox, &needs, err);
	if (!r)
		r = console_attach(h->console, &h->vm, err);
	if (!r)
		r = disks_attach(&h->disks, &h->vm, err);
	if (!r)
		r = nets_attach(&h->nets, &h->vm, err);
	if (!r)
		r = links_start(&h->links, &h->vm, err);
	return r;
}

/* Runs until something other than a reset ends the VM. 0, or -errno. */
static int live(struct host *h, struct error *err)
{
	for (bool first = true;; first = false) {
		int r = vcpus_start(&h->vcpus, &h->vm, h->console,
				    h->events.wake_fd, err);

		if (r)
			return r;
		/* not before: threads inherit it, and each call pays for each filter */
		if (first)
			sandbox_thread(SANDBOX_MAIN, NULL);
		sandbox_settle(); /* no guest while a thread can do more than it needs */
		vcpus_go(&h->vcpus);
		events_loop(h);
		vcpus_join(&h->vcpus);
		if (h->quitting || vm_stop_reason(&h->vm) != VM_RESET)
			return 0;
		disks_drain(&h->disks); /* into the memory of before */
		nets_detach(&h->nets);
		r = machine_reset(h->machine, err);
		rest_blobs(&h->machine_config);
		if (!r)
			r = nets_attach(&h->nets, &h->vm, err);
		if (r)
			return r;
	}
}

static void print_registers(struct host *h)
{
	size_t size = arch_state_size();
	void *state = platform_alloc(size);
	char text[4096];

	for (unsigned i = 0; state && i < h->vm.vcpu_count; i++) {
		struct vcpu *v = h->vm.vcpus[i];

		if (v->state == VCPU_WAIT_SIPI ||
		    h->vm.engine->get_state(v, state))
			continue;
		arch_state_print(state, text, sizeof text);
		log_line("vCPU %u:", i);
		log_text(text);
	}
	platform_free(state, size);
}

/* Says how it ended, and as what exit status. */
static int conclude(struct host *h)
{
	const struct vm *vm = &h->vm;

	switch (vm_stop_reason(vm)) {
	case VM_POWEROFF:
		return STATUS_OK;
	case VM_DEBUG_EXIT:
		return vm->exit_code & 0xff;
	case VM_CRASHED:
		log_line("%s: the guest crashed: %s", vm->name, vm->stop_text);
		print_registers(h);
		return STATUS_CRASHED;
	default:
		if (h->quit_status == STATUS_TIMEOUT)
			log_line("%s: ended by the time-out of %llu ms", vm->name,
				 (unsigned long long)h->cfg->timeout_ms);
		return h->quit_status;
	}
}

static int run_built(struct host *h, struct error *err)
{
	int r, status = STATUS_CRASHED;

	h->start_ns = platform_clock_ns();
	h->deadline_ns = h->cfg->timeout_ms ?
			 h->start_ns + h->cfg->timeout_ms * 1000000 : ~(u64)0;
	console_enter(h->console);
	knobs_terminal_size(h);
	r = live(h, err);
	links_finish(&h->links, h->quitting ? PATIENCE_QUIT_MS : PATIENCE_SOCKETS_MS);
	/* the guest's last words before ours, and the terminal in order */
	console_finish(h->console, h->quitting ? PATIENCE_QUIT_MS : PATIENCE_MS);
	if (r)
		log_line("%s: %s", h->vm.name, err->msg);
	else
		status = conclude(h);
	stats_print(&h->vm, h->stats, platform_clock_ns() - h->start_ns, h->smaps_fd);
	if (h->stats == STATS_TEXT)
		knobs_balloon_stats(h);
	return status;
}

static int run_host(struct host *h, struct error *err)
{
	struct error note = { "" };
	const struct engine_ops *engine = engines_choose(h->cfg->engine, &note, err);
	int status = STATUS_USAGE;

	if (!engine || check_memory(h->cfg, err) || placement_apply(h->cfg, err))
		return status;
	if (open_blobs(&h->machine_config, h->cfg, err))
		return status;
	if (events_open(&h->events, err))
		goto out_blobs;
	if (console_open(h->cfg->console, h->events.wake_fd, &h->console, err))
		goto out_events;
	h->machine_config.console = console_chardev(h->console);
	if (disks_open(&h->disks, h->cfg, &h->machine_config, err))
		goto out_console;
	if (nets_open(&h->nets, h->cfg, &h->machine_config, err))
		goto out_disks;
	if (links_open(&h->links, h->cfg, &h->machine_config, err))
		goto out_nets;
	if (build_machine(h, engine, err))
		goto out_links;
	if (start_backends(h, err) == 0) {
		err->msg[0] = 0;
		if (note.msg[0])
			log_line("%s", note.msg);
		status = run_built(h, err);
	}
	destroy_machine(h);
out_links:
	links_close(&h->links);
out_nets:
	nets_close(&h->nets);
out_disks:
	disks_close(&h->disks);
out_console:
	console_close(h->console);
out_events:
	events_close(&h->events);
out_blobs:
	close_blobs(&h->machine_config);
	return status;
}

int run_machine(const struct vm_config *cfg, enum stats_form stats)
{
	struct error err = { "" };
	struct host *h = platform_alloc(sizeof *h);
	int status;

	if (!h) {
		log_line("out of memory");
		return STATUS_USAGE;
	}
	(void)counter_hz();
	h->cfg = cfg;
	h->stats = stats;
	h->smaps_fd = memuse_open();
	h->machine_config = (struct machine_config){
		.name = cfg->name,
		.memory = cfg->memory,
		.cpus = (unsigned)cfg->cpus,
		.cpu_model = cfg->cpu,
		.cmdline = cfg->append,
		.hvc = cfg->hvc,
		.balloon = cfg->balloon,
		.balloon_size = cfg->balloon_size,
		.testdev = cfg->testdev,
		.bad_access_stops = cfg->bad_access_stops,
	};
	status = run_host(h, &err);
	if (status == STATUS_USAGE && err.msg[0])
		log_line("%s", err.msg);
	if (h->smaps_fd >= 0)
		close(h->smaps_fd);
	platform_free(h, sizeof *h);
	return status;
}
