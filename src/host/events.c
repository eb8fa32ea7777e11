/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event thread: timers, the terminal, signals, the time-out. It alone ends a
 * VM from outside, always through vm_stop.
 */
#include "host.h"
#include "knobs.h"
#include "log.h"
#include "stats.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NEVER (~(u64)0)
/* How long a stopped VM's vCPU threads may take to end. */
#define FORCE_AFTER_NS (5 * NS_PER_SEC)

/* One that was ignored at the start stays so: nohup and the shell's `&` mean it. */
static void wanted_signals(sigset_t *set)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT,
				      SIGWINCH };

	sigemptyset(set);
	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct sigaction now;

		if (sigaction(wanted[i], NULL, &now) || now.sa_handler != SIG_IGN)
			sigaddset(set, wanted[i]);
	}
}

int events_open(struct events *e, struct error *err)
{
	sigset_t set;

	wanted_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	e->armed_ns = NEVER;
	e->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (e->timer_fd < 0 || e->wake_fd < 0 || e->signal_fd < 0) {
		int r = -errno;

		events_close(e);
		return error_set(err, r, "no event descriptors: %s", strerror(-r));
	}
	return 0;
}

void events_close(struct events *e)
{
	int *const fds[] = { &e->timer_fd, &e->wake_fd, &e->signal_fd };

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/*
 * A guest moves its next timer all the time, mostly later: the descriptor is
 * only ever set earlier here, and again when it has fired (timers_serve).
 */
void platform_timer_arm(struct vm *vm, u64 deadline_ns)
{
	struct host *h = vm->host_data;
	struct itimerspec when = { 0 };

	if (!h || deadline_ns >= h->events.armed_ns)
		return;
	h->events.armed_ns = deadline_ns;
	when.it_value.tv_sec = (time_t)(deadline_ns / NS_PER_SEC);
	when.it_value.tv_nsec = (long)(deadline_ns % NS_PER_SEC);
	if (!deadline_ns)
		when.it_value.tv_nsec = 1; /* 0 would disarm */
	timerfd_settime(h->events.timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void timers_serve(struct host *h)
{
	u64 count;

	platform_mutex_lock(&h->vm.lock);
	if (read(h->events.timer_fd, &count, sizeof count) > 0) {
		h->events.armed_ns = NEVER;
		platform_timer_arm(&h->vm, timers_run(&h->vm));
	}
	platform_mutex_unlock(&h->vm.lock);
}

/* The first wish to quit counts. */
static void quit(struct host *h, int status, const char *why)
{
	if (!h->quitting) {
		h->quitting = true;
		h->quit_status = status;
	}
	vm_stop(&h->vm, VM_QUIT, 0, "%s", why);
}

/* Ctrl-Z sent from elsewhere (the raw terminal does not make it a signal). */
static void suspend(struct host *h)
{
	console_leave(h->console);
	raise(SIGSTOP);
	console_enter(h->console);
}

static void signals_serve(struct host *h)
{
	struct signalfd_siginfo info;

	while (read(h->events.signal_fd, &info, sizeof info) == sizeof info) {
		int signo = (int)info.ssi_signo;

		if (signo == SIGTSTP)
			suspend(h);
		else if (signo == SIGCONT)
			console_enter(h->console);
		else if (signo == SIGWINCH)
			knobs_terminal_size(h);
		else
			quit(h, STATUS_SIGNAL + signo, strsignal(signo));
	}
}

static void key_serve(struct host *h, enum console_key key)
{
	switch (key) {
	case CONSOLE_KEY_QUIT:
		quit(h, STATUS_OK, "the operator quit");
		break;
	case CONSOLE_KEY_RESET:
		vm_stop(&h->vm, VM_RESET, 0, "the operator reset the machine");
		break;
	case CONSOLE_KEY_STATS:
		stats_print(&h->vm, STATS_TEXT, platform_clock_ns() - h->start_ns,
			    h->smaps_fd);
		knobs_balloon_stats(h);
		break;
	case CONSOLE_KEY_MORE_MEMORY:
	case CONSOLE_KEY_LESS_MEMORY:
		knobs_balloon(h, key == CONSOLE_KEY_MORE_MEMORY);
		break;
	case CONSOLE_KEY_NONE:
		break;
	}
}

static void input_serve(struct host *h)
{
	enum console_key key;

	console_input(h->console);
	while ((key = console_key(h->console)) != CONSOLE_KEY_NONE)
		key_serve(h, key);
}

static void wake_serve(struct host *h)
{
	u64 count;

	if (read(h->events.wake_fd, &count, sizeof count) > 0)
		console_deliver(h->console);
}

/*
 * A stopped VM's vCPUs end within microseconds. One that does not is a fault of
 * the engine: end the program all the same, with the terminal in order.
 */
static void watch_stop(struct host *h, u64 now)
{
	if (vm_stop_reason(&h->vm) == VM_RUNS || !vcpus_running(&h->vcpus)) {
		h->force_ns = NEVER;
		return;
	}
	if (h->force_ns == NEVER)
		h->force_ns = now + FORCE_AFTER_NS;
	if (now < h->force_ns)
		return;
	console_leave(h->console);
	log_line("%s: a vCPU does not stop; giving up", h->vm.name);
	_exit(h->quitting ? h->quit_status : STATUS_CRASHED);
}

/* Milliseconds until the time-out or the end of patience; -1: neither. */
static int poll_patience(const struct host *h, u64 now)
{
	u64 at = h->quitting ? NEVER : h->deadline_ns;
	u64 ms;

	if (h->force_ns < at)
		at = h->force_ns;
	if (at == NEVER)
		return -1;
	ms = at > now ? (at - now + 999999) / 1000000 : 0;
	return ms > 3600000 ? 3600000 : (int)ms;
}

/* Writes of the guest that its engine only notes; -1 when it makes exits of all. */
static int doorbell_fd(struct host *h)
{
	const struct engine_ops *e = h->vm.engine;

	return e->doorbell_fd ? e->doorbell_fd(&h->vm) : -1;
}

static void events_once(struct host *h)
{
	struct pollfd fds[] = {
		{ .fd = h->events.timer_fd, .events = POLLIN },
		{ .fd = h->events.wake_fd, .events = POLLIN },
		{ .fd = h->events.signal_fd, .events = POLLIN },
		{ .fd = console_input_fd(h->console), .events = POLLIN },
		{ .fd = doorbell_fd(h), .events = POLLIN },
	};
	u64 now = platform_clock_ns();

	(void)poll(fds, ARRAY_SIZE(fds), poll_patience(h, now));
	if (fds[4].revents)
		h->vm.engine->doorbells_serve(&h->vm);
	if (fds[0].revents)
		timers_serve(h);
	if (fds[1].revents)
		wake_serve(h);
	if (fds[2].revents)
		signals_serve(h);
	if (fds[3].revents)
		input_serve(h);
	now = platform_clock_ns();
	if (now >= h->deadline_ns && !h->quitting)
		quit(h, STATUS_TIMEOUT, "time-out");
	watch_stop(h, now);
}

void events_loop(struct host *h)
{
	h->force_ns = NEVER;
	do
		events_once(h);
	while (vcpus_running(&h->vcpus));
}
