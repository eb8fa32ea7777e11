/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether KVM runs guests here, and on hardware: what /dev/kvm, the loaded
 * module and the CPU say, and then a short guest that counts, against the clock.
 * Some hosts' /dev/kvm emulates every instruction.
 */
#include "kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The API that Linux has had since 2.6.22: api.rst 4.1. */
#define API_WANTED 12

#define PROBE_MEMORY KIB(64)
#define PROBE_LOOPS 250000u
/* At native speed the loop takes a tenth of a millisecond. */
#define PROBE_LIMIT_NS 300000000u
/* Slower than the host by this factor is not hardware, however busy the host is:
 * emulators that decode each instruction lose by hundreds. */
#define PROBE_SLOWEST 20
#define PROBE_RUNS 3

static const struct kvm_needed needed[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE" },
	{ KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD" },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, "KVM_CAP_IOEVENTFD_ANY_LENGTH" },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
	{ KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI" },
	{ 0, NULL }
};

/* --- what is said ------------------------------------------------------------- */

/*
 * Is the module that drives /dev/kvm a software one? kvm_pvm creates VMs
 * without VT-x or AMD-V and emulates much of what they run.
 */
static bool module_is_software(void)
{
	char line[256];
	bool found = access("/sys/module/kvm_pvm", F_OK) == 0;
	FILE *f = found ? NULL : fopen("/proc/modules", "re");

	while (f && !found && fgets(line, sizeof line, f))
		found = strncmp(line, "kvm_pvm ", 8) == 0;
	if (f)
		fclose(f);
	return found;
}

static int refuse(struct engine_caps *caps, int code, const char *why)
{
	caps->usable = false;
	caps->hardware_speed = false;
	snprintf(caps->why, sizeof caps->why, "%s", why);
	return code;
}

static int refuse_open(struct engine_caps *caps, int error)
{
	const char *how;

	if (error == ENOENT && !kvm_arch_hardware(&how))
		return refuse(caps, -ENOENT,
			      "no /dev/kvm, and the CPU shows no hardware virtualization");
	if (error == ENOENT)
		return refuse(caps, -ENOENT,
			      "no /dev/kvm: load the module kvm_intel or kvm_amd");
	if (error == ENODEV || error == ENXIO)
		return refuse(caps, -ENODEV,
			      "/dev/kvm has no module behind it: load kvm_intel or kvm_amd");
	if (error == EACCES || error == EPERM)
		return refuse(caps, -EACCES,
			      "no permission to open /dev/kvm: join the group kvm");
	snprintf(caps->why, sizeof caps->why, "/dev/kvm: %s", strerror(error));
	return -error;
}

static const char *missing_capability(int fd, const struct kvm_needed *n)
{
	for (; n->name; n++)
		if (!kvm_extension(fd, n->capability))
			return n->name;
	return NULL;
}

static int check_api(int fd, struct engine_caps *caps)
{
	int version = kvm_ioctl_num(fd, KVM_GET_API_VERSION, 0);
	const char *missing;

	if (version != API_WANTED) {
		snprintf(caps->why, sizeof caps->why,
			 "/dev/kvm speaks API version %d; expected %d", version,
			 API_WANTED);
		return -EOPNOTSUPP;
	}
	missing = missing_capability(fd, needed);
	if (!missing)
		missing = missing_capability(fd, kvm_arch_needed);
	if (!missing)
		return 0;
	snprintf(caps->why, sizeof caps->why,
		 "/dev/kvm is too old: it has no %s; expected Linux 5.10 or newer",
		 missing);
	return -EOPNOTSUPP;
}

/* --- what is measured ----------------------------------------------------------- */

struct trial {
	int vm, vcpu;
	u8 *memory;
	struct kvm_run *run;
	size_t run_size;
};

static void trial_close(struct trial *t)
{
	if (t->run != MAP_FAILED)
		munmap(t->run, t->run_size);
	if (t->vcpu >= 0)
		close(t->vcpu);
	if (t->vm >= 0)
		close(t->vm);
	if (t->memory != MAP_FAILED)
		munmap(t->memory, PROBE_MEMORY);
}

static int trial_open(struct trial *t, int dev_fd)
{
	struct kvm_userspace_memory_region m = { .memory_size = PROBE_MEMORY };
	int size = kvm_ioctl_num(dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	int r;

	*t = (struct trial){ -1, -1, MAP_FAILED, MAP_FAILED, 0 };
	t->memory = mmap(NULL, PROBE_MEMORY, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (size < 0 || t->memory == MAP_FAILED)
		return size < 0 ? size : -ENOMEM;
	m.userspace_addr = (uintptr_t)t->memory;
	t->run_size = (size_t)size;
	t->vm = kvm_ioctl_num(dev_fd, KVM_CREATE_VM, 0);
	if (t->vm < 0)
		return t->vm;
	r = kvm_ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &m);
	if (r)
		return r;
	t->vcpu = kvm_ioctl_num(t->vm, KVM_CREATE_VCPU, 0);
	if (t->vcpu < 0)
		return t->vcpu;
	t->run = mmap(NULL, t->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
	if (t->run == MAP_FAILED)
		return -errno;
	return 0;
}

/* The kick signal to this thread when the time is up, and again from then on: one
 * that comes outside KVM_RUN does nothing. */
static int limit_start(timer_t *timer, int signo)
{
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID,
			      .sigev_signo = signo };
	struct itimerspec when = { { 0, 10000000 }, { 0, PROBE_LIMIT_NS } };

	e._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &e, timer))
		return -errno;
	return timer_settime(*timer, 0, &when, NULL) ? -errno : 0;
}

/* Nanoseconds the guest's loop took, or -errno; -EINTR: too long. */
static s64 trial_run(struct trial *t)
{
	timer_t timer;
	u64 start;
	int r = kvm_install_kick();

	if (r >= 0)
		r = limit_start(&timer, r);
	if (r < 0)
		return r;
	start = platform_clock_ns();
	r = kvm_ioctl_num(t->vcpu, KVM_RUN, 0);
	start = platform_clock_ns() - start;
	timer_delete(timer);
	if (!r && t->run->exit_reason != KVM_EXIT_IO &&
	    t->run->exit_reason != KVM_EXIT_MMIO)
		r = -EOPNOTSUPP;
	return r < 0 ? r : (s64)start;
}

static u64 native_run(void)
{
	u64 best = ~(u64)0;

	for (unsigned i = 0; i < 3; i++) {
		u64 start = platform_clock_ns(), took;

		kvm_arch_probe_native(PROBE_LOOPS);
		took = platform_clock_ns() - start;
		best = took < best ? took : best;
	}
	return best ? best : 1;
}

/* The best of a few runs, or what went wrong. */
static s64 guest_run(int dev_fd)
{
	struct trial t;
	s64 best = INT64_MAX, took = trial_open(&t, dev_fd);

	for (unsigned i = 0; i < PROBE_RUNS && took >= 0; i++) {
		took = kvm_arch_probe_setup(t.vcpu, t.memory, PROBE_LOOPS);
		if (took >= 0)
			took = trial_run(&t);
		best = took < best ? took : best;
	}
	trial_close(&t);
	return took < 0 ? took : best;
}

static int measure(int dev_fd, struct engine_caps *caps)
{
	s64 took = guest_run(dev_fd);
	u64 native = native_run();

	if (took == -EINTR)
		return refuse(caps, -EOPNOTSUPP,
			      "/dev/kvm runs a loop hundreds of times slower than the "
			      "CPU: it emulates instructions");
	if (took < 0) {
		snprintf(caps->why, sizeof caps->why,
			 "/dev/kvm does not run a small 64-bit guest: %s",
			 strerror((int)-took));
		return (int)took;
	}
	caps->hardware_speed = (u64)took < native * PROBE_SLOWEST;
	snprintf(caps->why, sizeof caps->why, "a guest's loop runs at %u %% of the host's speed",
		 (unsigned)(native * 100 / (u64)(took ? took : 1)));
	return caps->hardware_speed ? 0 : -EOPNOTSUPP;
}

int kvm_probe(struct engine_caps *caps)
{
	char measured[96];
	const char *how;
	int fd, r;

	*caps = (struct engine_caps){ 0 };
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return refuse_open(caps, errno);
	r = check_api(fd, caps);
	if (!r && module_is_software())
		r = refuse(caps, -EOPNOTSUPP,
			   "/dev/kvm is the software module kvm_pvm, which "
			   "emulates instructions one by one");
	if (!r && !kvm_arch_hardware(&how))
		r = refuse(caps, -EOPNOTSUPP,
			   "/dev/kvm is there, but the CPU shows no hardware "
			   "virtualization: guests would not run on hardware");
	if (!r)
		r = measure(fd, caps);
	close(fd);
	if (r)
		return r;
	caps->usable = true;
	snprintf(measured, sizeof measured, "%.90s", caps->why);
	snprintf(caps->why, sizeof caps->why, "Linux's KVM with %s; %s", how, measured);
	return 0;
}
