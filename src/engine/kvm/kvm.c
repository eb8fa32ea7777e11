/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KVM engine. So far it only tells what the machine has: whether /dev/kvm is
 * there, whether a guest would run on hardware, and why not.
 */
#include <trivet/engines.h>
#include <trivet/error.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* The API that Linux has had since 2.6.22: Documentation/virt/kvm/api.rst 4.1. */
#define KVM_API_WANTED 12

/*
 * VT-x or AMD-V, as CPUID shows it: SDM vol. 3C 24.6 (leaf 1 ECX bit 5), APM
 * vol. 2 15.4 (leaf 80000001h ECX bit 2).
 */
static bool cpu_has_virtualization(void)
{
#if defined(__x86_64__)
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 5)))
		return true;
	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & (1u << 2));
#else
	return true; /* EL2 does not show to user space */
#endif
}

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
	if (error == ENOENT && !cpu_has_virtualization())
		return refuse(caps, -ENOENT,
			      "no /dev/kvm, and the CPU shows neither VT-x nor AMD-V");
	if (error == ENOENT)
		return refuse(caps, -ENOENT,
			      "no /dev/kvm: load the module kvm_intel or kvm_amd");
	if (error == EACCES || error == EPERM)
		return refuse(caps, -EACCES,
			      "no permission to open /dev/kvm: join the group kvm");
	snprintf(caps->why, sizeof caps->why, "/dev/kvm: %s", strerror(error));
	return -error;
}

static int kvm_probe(struct engine_caps *caps)
{
	int fd, version;

	*caps = (struct engine_caps){ 0 };
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return refuse_open(caps, errno);
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	close(fd);
	if (version != KVM_API_WANTED) {
		snprintf(caps->why, sizeof caps->why,
			 "/dev/kvm speaks API version %d; expected %d", version,
			 KVM_API_WANTED);
		return -EOPNOTSUPP;
	}
	if (module_is_software())
		return refuse(caps, -EOPNOTSUPP,
			      "/dev/kvm is the software module kvm_pvm, which "
			      "emulates instructions one by one");
	if (!cpu_has_virtualization())
		return refuse(caps, -EOPNOTSUPP,
			      "/dev/kvm is there, but the CPU shows neither VT-x "
			      "nor AMD-V: guests would not run on hardware");
	return refuse(caps, -ENOSYS, "the KVM engine does not run guests yet");
}

static int kvm_vm_init(struct vm *vm, struct error *err)
{
	(void)vm;
	return error_set(err, -ENOSYS, "the KVM engine does not run guests yet");
}

const struct engine_ops engine_kvm = {
	.name = "kvm",
	.probe = kvm_probe,
	.vm_init = kvm_vm_init,
};
