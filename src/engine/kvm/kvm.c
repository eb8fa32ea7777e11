/* SPDX-License-Identifier: Apache-2.0 */
/* The KVM engine behind the engine contract: the VM and its memory. */
#include "kvm.h"

#include <trivet/engines.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	int r = ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

int kvm_ioctl_num(int fd, unsigned long request, unsigned long arg)
{
	int r = ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

int kvm_extension(int fd, int capability)
{
	int r = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)capability);

	return r < 0 ? 0 : r;
}

/* A signal may come while KVM makes a VM. */
static int create_vm(int dev_fd)
{
	int fd;

	do
		fd = kvm_ioctl_num(dev_fd, KVM_CREATE_VM, 0);
	while (fd == -EINTR);
	return fd;
}

static int open_vm(struct kvm_guest *g, struct error *err)
{
	int r;

	g->dev_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (g->dev_fd < 0)
		return error_set(err, -errno, "/dev/kvm: %s", strerror(errno));
	r = kvm_ioctl_num(g->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r > 0)
		g->run_size = (size_t)r;
	g->fd = r > 0 ? create_vm(g->dev_fd) : r;
	if (g->fd >= 0)
		return 0;
	r = g->fd;
	close(g->dev_fd);
	return error_set(err, r, "/dev/kvm makes no virtual machine: %s", strerror(-r));
}

static int kvm_vm_init(struct vm *vm, struct error *err)
{
	struct kvm_guest *g = platform_alloc(sizeof *g);
	int r;

	if (!g)
		return error_set(err, -ENOMEM, "no memory for the KVM engine");
	r = kvm_install_kick();
	if (r < 0)
		error_set(err, r, "no signal handler: %s", strerror(-r));
	else
		r = open_vm(g, err);
	if (r < 0)
		goto fail;
	vm->engine_data = g;
	r = kvm_doorbells_init(vm);
	if (r)
		error_set(err, r, "no event descriptors: %s", strerror(-r));
	else
		r = kvm_arch_vm_init(vm, err);
	if (!r)
		return 0;
	kvm_doorbells_fini(vm);
	vm->engine_data = NULL;
	close(g->fd);
	close(g->dev_fd);
fail:
	platform_free(g, sizeof *g);
	return r;
}

static void kvm_vm_fini(struct vm *vm)
{
	struct kvm_guest *g = vm->engine_data;

	kvm_doorbells_fini(vm);
	close(g->fd);
	close(g->dev_fd);
	platform_free(g, sizeof *g);
	vm->engine_data = NULL;
}

static int set_region(struct vm *vm, unsigned number, const struct mem_slot *slot,
		      bool log)
{
	struct kvm_guest *g = vm->engine_data;
	struct kvm_userspace_memory_region m = {
		.slot = number,
		.flags = (slot->flags & MEM_WRITE ? 0 : KVM_MEM_READONLY) |
			 (log ? KVM_MEM_LOG_DIRTY_PAGES : 0),
		.guest_phys_addr = slot->base.v,
		.memory_size = slot->size,
		.userspace_addr = (uintptr_t)slot->host,
	};

	return kvm_ioctl(g->fd, KVM_SET_USER_MEMORY_REGION, &m);
}

static int kvm_map(struct vm *vm, const struct mem_slot *slot)
{
	struct kvm_guest *g = vm->engine_data;
	int r = set_region(vm, g->slots, slot, false);

	if (!r)
		g->slots++;
	return r;
}

/* KVM's slots have the numbers of core's: both count up as RAM is added. */
static unsigned slot_number(const struct vm *vm, const struct mem_slot *slot)
{
	return (unsigned)(slot - vm->mem.slots);
}

static int kvm_dirty_log(struct vm *vm, const struct mem_slot *slot, bool on)
{
	return set_region(vm, slot_number(vm, slot), slot, on);
}

static int kvm_get_dirty(struct vm *vm, const struct mem_slot *slot, u64 *bitmap)
{
	struct kvm_guest *g = vm->engine_data;
	struct kvm_dirty_log log = { .slot = slot_number(vm, slot),
				     .dirty_bitmap = bitmap };

	return kvm_ioctl(g->fd, KVM_GET_DIRTY_LOG, &log);
}

const struct engine_ops engine_kvm = {
	.name = "kvm",
	.native = true,
	.irqchip = &kvm_arch_irqchip,
	.probe = kvm_probe,
	.vm_init = kvm_vm_init,
	.vm_fini = kvm_vm_fini,
	.map = kvm_map,
	.dirty_log = kvm_dirty_log,
	.get_dirty = kvm_get_dirty,
	.doorbell_add = kvm_doorbell_add,
	.doorbell_remove = kvm_doorbell_remove,
	.doorbell_fd = kvm_doorbell_fd,
	.doorbells_serve = kvm_doorbells_serve,
	.vcpu_init = kvm_vcpu_init,
	.vcpu_fini = kvm_vcpu_fini,
	.run = kvm_run_vcpu,
	.kick = kvm_kick,
	.irq_ready = kvm_arch_irq_ready,
	.irq_inject = kvm_arch_irq_inject,
	.irq_window = kvm_arch_irq_window,
	.nmi_inject = kvm_arch_nmi_inject,
	.get_state = kvm_arch_get_state,
	.set_state = kvm_arch_set_state,
};
