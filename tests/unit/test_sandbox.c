/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's parts, each in a child process: allowed calls work, a forbidden
 * one ends the child with the line and the status that the guide promises.
 */
// LIBS: build/obj/asan/src/host/sandbox*.c.o build/obj/asan/src/host/terminal.c.o build/obj/asan/src/host/log.c.o build/obj/asan/libtrivet.a -lseccomp
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../../src/host/sandbox_private.h"

/* What a child did: its wait status and what it wrote to stderr. */
struct outcome {
	int status;
	char text[1024];
};

typedef void (*child_fn)(void);

static struct outcome run_child(child_fn prepare, child_fn fn)
{
	struct outcome o = { 0 };
	size_t have = 0;
	ssize_t n;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		prepare();
		fn();
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], o.text + have, sizeof o.text - 1 - have)) > 0)
		have += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &o.status, 0), pid);
	return o;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
	_exit(1);
}

static void confine(enum sandbox_kind kind)
{
	struct sock_fprog p;

	must(!sandbox_trap_install(), "handler");
	must(!sandbox_filter_build(kind, &p), "build");
	must(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	prctl(PR_SET_NAME, "the thread", 0, 0, 0);
	must(!sandbox_filter_load(&p), "load");
}

static int image_fd, event_fd, timer_fd;

static void open_files(void)
{
	image_fd = memfd_create("image", 0);
	event_fd = eventfd(1, 0);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, 0);
	must(image_fd >= 0 && event_fd >= 0 && timer_fd >= 0, "files");
	must(ftruncate(image_fd, 65536) == 0, "image");
}

static void as_main(void)
{
	open_files();
	confine(SANDBOX_MAIN);
}

static void as_vcpu(void)
{
	open_files();
	confine(SANDBOX_VCPU);
}

static void as_console(void)
{
	open_files();
	confine(SANDBOX_CONSOLE);
}

static void as_disk(void)
{
	open_files();
	confine(SANDBOX_DISK);
}

static void as_net(void)
{
	open_files();
	confine(SANDBOX_NET);
}

static void as_sockets(void)
{
	open_files();
	confine(SANDBOX_SOCKETS);
}

static const child_fn kinds[SANDBOX_KINDS] = { as_main, as_vcpu,    as_console,
					       as_disk, as_net, as_sockets };

static void passes(child_fn prepare, child_fn fn)
{
	struct outcome o = run_child(prepare, fn);

	assert_string_equal(o.text, "");
	assert_true(WIFEXITED(o.status));
	assert_int_equal(WEXITSTATUS(o.status), 0);
}

/* One line with the thread, the call, its number and the way out. */
static void trips(child_fn prepare, child_fn fn, const char *call)
{
	struct outcome o = run_child(prepare, fn);
	char want[64];

	assert_true(WIFEXITED(o.status));
	assert_int_equal(WEXITSTATUS(o.status), STATUS_SANDBOX);
	snprintf(want, sizeof want, "forbidden system call, %s (number ", call);
	if (!strstr(o.text, want))
		fail_msg("no \"%s\" in: %s", want, o.text);
	assert_non_null(strstr(o.text, "\"the thread\""));
	assert_non_null(strstr(o.text, "--no-sandbox"));
	assert_ptr_equal(strchr(o.text, '\n'), o.text + strlen(o.text) - 1);
}

/* What every thread does in its life. */
static void ordinary_work(void)
{
	struct timespec pause = { 0, 1000 };
	u64 value;
	void *p;

	must(read(event_fd, &value, sizeof value) == sizeof value, "read");
	must(write(event_fd, &value, sizeof value) == sizeof value, "write");
	must(sched_yield() == 0, "sched_yield");
	must(nanosleep(&pause, NULL) == 0, "nanosleep");
	p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED, "mmap");
	must(mprotect(p, 4096, PROT_READ) == 0, "mprotect");
	must(madvise(p, 65536, MADV_DONTNEED) == 0, "madvise");
	must(munmap(p, 65536) == 0, "munmap");
	free(malloc(1 << 20));
	(void)isatty(STDERR_FILENO);
}

static void all_do_ordinary_work(void **state)
{
	(void)state;
	for (unsigned k = 0; k < SANDBOX_KINDS; k++)
		passes(kinds[k], ordinary_work);
}

static void call_open(void)
{
	syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
}

static void call_old_open(void)
{
	syscall(SYS_open, "/dev/null", O_RDONLY);
}

static void call_socket(void)
{
	syscall(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static void call_execve(void)
{
	static char *const none[] = { NULL };

	syscall(SYS_execve, "/bin/true", none, none);
}

static void call_fork(void)
{
	syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void call_unshare(void)
{
	syscall(SYS_unshare, CLONE_NEWUSER);
}

static void call_ptrace(void)
{
	syscall(SYS_ptrace, 0, 0, 0, 0);
}

static void call_kill(void)
{
	syscall(SYS_kill, getpid(), 0);
}

static void call_tgkill(void)
{
	syscall(SYS_tgkill, 1, 1, 0);
}

static void call_mmap_exec(void)
{
	syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void call_mprotect_exec(void)
{
	syscall(SYS_mprotect, 0x10000, 4096, PROT_READ | PROT_EXEC);
}

static void call_tiocsti(void)
{
	char c = 'x';

	syscall(SYS_ioctl, 0, TIOCSTI, &c);
}

static void call_io_uring_setup(void)
{
	syscall(SYS_io_uring_setup, 1, NULL);
}

static void call_prctl(void)
{
	syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void call_unknown(void)
{
	syscall(511);
}

static void nobody_may(void **state)
{
	static const struct {
		child_fn fn;
		const char *name;
	} calls[] = {
		{ call_open, "openat" },	  { call_old_open, "open" },
		{ call_socket, "socket" },	  { call_execve, "execve" },
		{ call_fork, "clone" },		  { call_unshare, "unshare" },
		{ call_ptrace, "ptrace" },	  { call_kill, "kill" },
		{ call_tgkill, "tgkill" },	  { call_mmap_exec, "mmap" },
		{ call_mprotect_exec, "mprotect" }, { call_tiocsti, "ioctl" },
		{ call_io_uring_setup, "io_uring_setup" },
		{ call_prctl, "prctl" },	  { call_unknown, "unknown" },
	};

	(void)state;
	for (unsigned k = 0; k < SANDBOX_KINDS; k++)
		for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
			trips(kinds[k], calls[i].fn, calls[i].name);
}

static void call_pwritev(void)
{
	char byte = 'x';
	struct iovec v = { &byte, 1 };

	must(pwritev(image_fd, &v, 1, 5) == 1, "pwritev");
	must(preadv(image_fd, &v, 1, 5) == 1, "preadv");
}

static void call_flush(void)
{
	must(fdatasync(image_fd) == 0 || errno == EINVAL, "fdatasync");
}

static void call_punch(void)
{
	must(fallocate(image_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0,
	     "fallocate");
}

static void call_grow(void)
{
	(void)!fallocate(image_fd, 0, 0, 1 << 20);
}

static void disks_alone_touch_images(void **state)
{
	(void)state;
	passes(as_disk, call_pwritev);
	passes(as_disk, call_flush);
	passes(as_disk, call_punch);
	trips(as_disk, call_grow, "fallocate");
	trips(as_vcpu, call_pwritev, "pwritev");
	trips(as_vcpu, call_punch, "fallocate");
	trips(as_console, call_flush, "fdatasync");
}

static void call_inet(void)
{
	must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0, "stream");
	must(socket(AF_INET, SOCK_DGRAM, 0) >= 0, "dgram");
}

static void call_unix(void)
{
	must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0) >= 0, "unix");
}

static void call_packet(void)
{
	syscall(SYS_socket, AF_PACKET, SOCK_DGRAM, 0);
}

static void call_read_open(void)
{
	must(open("/etc/passwd", O_RDONLY) >= 0, "open");
}

static void call_random(void)
{
	char byte;

	must(syscall(SYS_getrandom, &byte, 1, 0) == 1, "getrandom");
}

static void call_timer(void)
{
	struct itimerspec when = { .it_value = { 0, 1 } };

	must(timerfd_settime(timer_fd, 0, &when, NULL) == 0, "timerfd_settime");
}

/* Who may call into a device may set its timers. */
static void devices_have_timers(void **state)
{
	(void)state;
	for (unsigned k = 0; k < SANDBOX_KINDS; k++)
		if (k == SANDBOX_CONSOLE)
			trips(kinds[k], call_timer, "timerfd_settime");
		else
			passes(kinds[k], call_timer);
}

static void call_kvm_run(void)
{
	must(ioctl(-1, KVM_RUN, 0) < 0 && errno == EBADF, "KVM_RUN");
}

static void call_kvm_create(void)
{
	(void)ioctl(-1, KVM_CREATE_VM, 0);
}

static void vcpus_run(void **state)
{
	(void)state;
	passes(as_vcpu, call_kvm_run);
	trips(as_vcpu, call_kvm_create, "ioctl");
	trips(as_main, call_kvm_create, "ioctl");
	trips(as_disk, call_kvm_run, "ioctl");
}

/* Each thread its own kind of socket. */
static void sockets_of_a_kind(void **state)
{
	(void)state;
	passes(as_net, call_inet);
	passes(as_sockets, call_unix);
	trips(as_net, call_unix, "socket");
	trips(as_sockets, call_inet, "socket");
	trips(as_net, call_packet, "socket");
	trips(as_vcpu, call_unix, "socket");
	passes(as_net, call_read_open); /* Landlock's matter */
	trips(as_sockets, call_read_open, "openat");
	passes(as_vcpu, call_random);
	trips(as_console, call_random, "getrandom");
}

static void *vcpu_again(void *arg)
{
	must(!sandbox_filter_load(arg), "load");
	ordinary_work();
	return arg;
}

static struct sock_fprog vcpu_filter;

static void as_main_with_vcpus(void)
{
	must(!sandbox_filter_build(SANDBOX_VCPU, &vcpu_filter), "build");
	as_main();
}

/* What a reset does: the main thread, confined, starts vCPU threads again. */
static void start_threads(void)
{
	for (int i = 0; i < 3; i++) {
		pthread_t t;
		void *result = NULL;

		must(!pthread_create(&t, NULL, vcpu_again, &vcpu_filter), "pthread_create");
		must(!pthread_join(t, &result) && result, "pthread_join");
	}
}

static void main_starts_threads(void **state)
{
	(void)state;
	passes(as_main_with_vcpus, start_threads);
}

static void call_raise(void)
{
	abort();
}

/* A fault still ends the process by its own signal. */
static void fatal_signals_work(void **state)
{
	(void)state;
	for (unsigned k = 0; k < SANDBOX_KINDS; k++) {
		struct outcome o = run_child(kinds[k], call_raise);

		assert_true(WIFSIGNALED(o.status));
		assert_int_equal(WTERMSIG(o.status), SIGABRT);
	}
}

static void block_and_trip(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	call_open();
}

/* Nothing the program does to its signals lets the call through. */
static void handler_cannot_be_avoided(void **state)
{
	struct outcome o = run_child(as_vcpu, block_and_trip);

	(void)state;
	assert_true(WIFSIGNALED(o.status));
	assert_int_equal(WTERMSIG(o.status), SIGSYS);
}

static void no_files(void)
{
	const struct sandbox_needs none = { 0 };

	open_files();
	must(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	must(!sandbox_landlock_restrict(&none), "landlock");
}

static void open_and_connect(void)
{
	char byte = 0;

	/* what was open stays so */
	must(pwrite(image_fd, &byte, 1, 0) == 1, "pwrite");
	must(ftruncate(image_fd, 4096) == 0, "ftruncate");
	must(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES, "open");
	must(open("/tmp", O_RDONLY) < 0 && errno == EACCES, "open /tmp");
	must(open("/tmp/trivet-sandbox-new", O_CREAT | O_WRONLY, 0600) < 0 &&
	     errno == EACCES, "creat");
	must(unlink("/etc/passwd.trivet") < 0 && (errno == EACCES || errno == ENOENT),
	     "unlink");
}

static char socket_dir[] = "/tmp/trivet-sandbox-XXXXXX", socket_path[64];

static void some_files(void)
{
	const struct sandbox_needs needs = { .network = true, .removes = 1,
					     .remove = { socket_path } };

	open_files();
	must(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	must(!sandbox_landlock_restrict(&needs), "landlock");
}

static void read_and_remove(void)
{
	int fd = open("/etc/resolv.conf", O_RDONLY);

	must(fd >= 0 || errno == ENOENT, "resolv.conf");
	must(open("/etc/resolv.conf", O_RDWR) < 0, "resolv.conf to write");
	must(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES, "open");
	must(open(socket_path, O_RDONLY) < 0 && errno == EACCES, "read it");
	must(unlink(socket_path) == 0, "unlink");
	must(open(socket_path, O_CREAT | O_WRONLY, 0600) < 0, "make it anew");
}

static void landlock_leaves_what_is_needed(void **state)
{
	int fd;

	(void)state;
	if (!sandbox_landlock_abi())
		return;
	assert_non_null(mkdtemp(socket_dir));
	snprintf(socket_path, sizeof socket_path, "%s/socket", socket_dir);
	fd = open(socket_path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	passes(some_files, read_and_remove);
	assert_int_equal(rmdir(socket_dir), 0);
}

static void bind_and_connect(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(bind(fd, (struct sockaddr *)&a, sizeof a) < 0 && errno == EACCES, "bind");
	a.sin_port = htons(9);
	must(connect(fd, (struct sockaddr *)&a, sizeof a) < 0, "connect");
	_exit(errno == EACCES ? 3 : errno == ECONNREFUSED ? 4 : 1);
}

/* Connections only where there is user-mode networking, ports in no case. */
static void landlock_and_the_network(void **state)
{
	struct outcome o;

	(void)state;
	if (sandbox_landlock_abi() < 4)
		return;
	o = run_child(no_files, bind_and_connect);
	assert_true(WIFEXITED(o.status));
	assert_int_equal(WEXITSTATUS(o.status), 3);
	o = run_child(some_files, bind_and_connect);
	assert_true(WIFEXITED(o.status));
	assert_int_equal(WEXITSTATUS(o.status), 4);
}

static void landlock_takes_files_away(void **state)
{
	(void)state;
	if (sandbox_landlock_abi())
		passes(no_files, open_and_connect);
	else
		print_message("this kernel has no Landlock\n");
}

/* Wants nothing of the file system once it is confined. */
static void drop(void)
{
	struct error err;

	must(!sandbox_drop_privileges(&err), "drop");
}

static void check_dropped(void)
{
	struct rlimit core;
	char text[4096];
	ssize_t n;
	int fd = open("/proc/self/status", O_RDONLY);

	must(fd >= 0, "status");
	n = read(fd, text, sizeof text - 1);
	must(n > 0, "read");
	text[n] = 0;
	must(strstr(text, "\nCapEff:\t0000000000000000\n") != NULL, "CapEff");
	must(strstr(text, "\nCapPrm:\t0000000000000000\n") != NULL, "CapPrm");
	must(strstr(text, "\nCapInh:\t0000000000000000\n") != NULL, "CapInh");
	must(strstr(text, "\nCapAmb:\t0000000000000000\n") != NULL, "CapAmb");
	must(strstr(text, "\nNoNewPrivs:\t1\n") != NULL, "NoNewPrivs");
	must(geteuid() || strstr(text, "\nCapBnd:\t0000000000000000\n"), "CapBnd");
	must(geteuid() || strstr(text, "\nGroups:\t \n"), "Groups");
	must(prctl(PR_GET_DUMPABLE) == 0, "dumpable");
	must(!getrlimit(RLIMIT_CORE, &core) && core.rlim_max == 0, "core");
}

static void privileges_are_dropped(void **state)
{
	(void)state;
	passes(drop, check_dropped);
}

static void nothing(void)
{
	struct error err;
	const struct sandbox_needs none = { 0 };

	must(!sandbox_begin(false, &none, &err), "begin");
	sandbox_thread(SANDBOX_VCPU, "vcpu %u", 3u);
}

static void check_untouched(void)
{
	char name[16];

	must(open("/dev/null", O_RDONLY) >= 0, "open");
	must(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, "no_new_privs");
	must(!prctl(PR_GET_NAME, name) && !strcmp(name, "vcpu 3"), "name");
	must(!strcmp(sandbox_state(), "off"), "state");
}

static void not_wanted_is_off(void **state)
{
	(void)state;
	passes(nothing, check_untouched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_do_ordinary_work),
		cmocka_unit_test(nobody_may),
		cmocka_unit_test(disks_alone_touch_images),
		cmocka_unit_test(main_starts_threads),
		cmocka_unit_test(fatal_signals_work),
		cmocka_unit_test(handler_cannot_be_avoided),
		cmocka_unit_test(devices_have_timers),
		cmocka_unit_test(vcpus_run),
		cmocka_unit_test(sockets_of_a_kind),
		cmocka_unit_test(landlock_takes_files_away),
		cmocka_unit_test(landlock_leaves_what_is_needed),
		cmocka_unit_test(landlock_and_the_network),
		cmocka_unit_test(privileges_are_dropped),
		cmocka_unit_test(not_wanted_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
