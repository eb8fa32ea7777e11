/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling VM files into a bundle, and the bundle into an ISO by GRUB's own tool. */
#include "image.h"

#include "config.h"
#include "vmfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <trivet/bundle.h>
#include <trivet/bits.h>
#include <unistd.h>

extern char **environ;

/* A bundle being written. */
struct writer {
	FILE *f;
	const char *path;
	struct bundle head;
};

static int complain(struct error *err, const char *path)
{
	int r = -errno;

	return error_set(err, r, "%.160s: %s", path, strerror(-r));
}

/* --- parts ------------------------------------------------------------------------- */

static int copy_file(struct writer *w, FILE *in, const char *path, u64 *size, struct error *err)
{
	char buf[65536];
	size_t n;

	*size = 0;
	while ((n = fread(buf, 1, sizeof buf, in)) > 0) {
		if (fwrite(buf, 1, n, w->f) != n)
			return complain(err, w->path);
		*size += n;
	}
	return ferror(in) ? complain(err, path) : 0;
}

/* The file's bytes at the next page; what: "kernel" ... */
static int add_part(struct writer *w, struct bundle_part *p, const char *what,
		    const char *path, struct error *err)
{
	FILE *in = fopen(path, "rbe");
	int r;

	if (!in) {
		r = -errno;
		return error_set(err, r, "%s: %.160s: %s", what, path, strerror(-r));
	}
	p->offset = align_up(w->head.size, 4096);
	r = fseeko(w->f, (off_t)p->offset, SEEK_SET) ? complain(err, w->path) :
						      copy_file(w, in, path, &p->size, err);
	fclose(in);
	if (!r && !p->size)
		r = error_set(err, -EINVAL, "%s: %.160s: empty", what, path);
	w->head.size = p->offset + p->size;
	return r;
}

static int add_disks(struct writer *w, struct bundle_vm *vm, const struct vm_config *cfg,
		     struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < cfg->disk_count && !r; i++) {
		struct bundle_disk *d = &vm->disks[i];

		d->read_only = cfg->disks[i].read_only;
		r = add_part(w, &d->part, "disk", cfg->disks[i].path, err);
		if (!r && d->part.size % 512)
			r = error_set(err, -EINVAL, "disk: %.160s: %llu bytes; expected whole "
				      "sectors of 512", cfg->disks[i].path,
				      (unsigned long long)d->part.size);
	}
	vm->disk_count = cfg->disk_count;
	return r;
}

static void add_nets(struct bundle_vm *vm, const struct vm_config *cfg)
{
	for (unsigned i = 0; i < cfg->net_count; i++) {
		struct bundle_net *n = &vm->nets[i];

		snprintf(n->sw, sizeof n->sw, "%s", cfg->nets[i].ifname);
		config_net_mac(cfg, i, n->mac);
	}
	vm->net_count = cfg->net_count;
}

/* --- VM files -------------------------------------------------------------------------- */

/* Keys that make no sense without an operating system beneath. */
static int check_keys(const struct vm_config *cfg, struct error *err)
{
	static const char only_here[] = "cannot be honoured on bare metal; expected %s";

	if (strcmp(cfg->engine, "auto") != 0)
		return config_complain(cfg, KEY_ENGINE, -EINVAL, err, only_here, "auto");
	if (strcmp(cfg->console, "stdio") != 0)
		return config_complain(cfg, KEY_CONSOLE, -EINVAL, err, only_here, "stdio");
	if (cfg->timeout_ms)
		return config_complain(cfg, KEY_TIMEOUT, -EINVAL, err, only_here, "none");
	if (cfg->port_count)
		return config_complain(cfg, KEY_PORTS, -EINVAL, err, only_here, "none");
	if (cfg->vsock)
		return config_complain(cfg, KEY_VSOCK, -EINVAL, err, only_here, "none");
	if (cfg->balloon)
		return config_complain(cfg, KEY_BALLOON, -EINVAL, err, only_here, "none");
	if (cfg->hugepages)
		return config_complain(cfg, KEY_HUGEPAGES, -EINVAL, err, only_here, "false");
	for (unsigned i = 0; i < cfg->net_count; i++)
		if (cfg->nets[i].kind != NET_SWITCH)
			return config_complain(cfg, KEY_NET, -EINVAL, err, only_here,
					       "switch or switch:NAME");
	return 0;
}

static int fill(struct writer *w, struct bundle_vm *vm, const struct vm_config *cfg,
		struct error *err)
{
	int r = check_keys(cfg, err);

	if (r)
		return r;
	if (strlen(cfg->append) >= sizeof vm->append)
		return config_complain(cfg, KEY_APPEND, -EINVAL, err,
				       "too long; expected at most %zu characters",
				       sizeof vm->append - 1);
	snprintf(vm->name, sizeof vm->name, "%s", cfg->name);
	snprintf(vm->cpu_model, sizeof vm->cpu_model, "%s", cfg->cpu);
	snprintf(vm->append, sizeof vm->append, "%s", cfg->append);
	vm->memory = cfg->memory;
	vm->cpus = (u32)cfg->cpus;
	vm->flags = (cfg->testdev ? BUNDLE_TESTDEV : 0u) | (cfg->hvc ? BUNDLE_HVC : 0u) |
		    (cfg->bad_access_stops ? BUNDLE_BAD_ACCESS_STOPS : 0u);
	vm->cpuset = cfg->cpuset;
	vm->weight = (u32)cfg->weight;
	add_nets(vm, cfg);
	r = add_part(w, &vm->kernel, "kernel", cfg->kernel, err);
	if (!r && cfg->initrd)
		r = add_part(w, &vm->initrd, "initrd", cfg->initrd, err);
	return r ? r : add_disks(w, vm, cfg, err);
}

/* The last VM's cards among all: a switch cannot tell two of one address apart. */
static int check_macs(const struct bundle *b, const char *vmfile, struct error *err)
{
	const struct bundle_vm *last = &b->vms[b->vm_count - 1];
	char text[NET_TEXT_MAX];

	for (u32 i = 0; i < last->net_count; i++)
		for (u32 v = 0; v + 1 < b->vm_count; v++)
			for (u32 j = 0; j < b->vms[v].net_count; j++) {
				const struct bundle_net *a = &last->nets[i], *o = &b->vms[v].nets[j];

				if (memcmp(a->mac, o->mac, NET_MAC_SIZE) != 0 ||
				    strcmp(a->sw, o->sw) != 0)
					continue;
				net_mac_print(a->mac, text);
				return error_set(err, -EINVAL, "%.120s: %s is the address of a card "
						 "of \"%s\" on the same switch; expected another",
						 vmfile, text, b->vms[v].name);
			}
	return 0;
}

static int add_vm(struct writer *w, const char *vmfile, struct error *err)
{
	struct bundle_vm *vm = &w->head.vms[w->head.vm_count++];
	struct vm_config cfg;
	int r = config_init(&cfg);

	if (r)
		return error_set(err, r, "out of memory");
	r = vmfile_load(&cfg, vmfile, err);
	if (!r)
		r = config_check(&cfg, err);
	if (!r)
		r = fill(w, vm, &cfg, err);
	for (u32 i = 0; i + 1 < w->head.vm_count && !r; i++)
		if (!strcmp(w->head.vms[i].name, vm->name))
			r = error_set(err, -EINVAL, "%.160s: a second machine called \"%s\"",
				      vmfile, vm->name);
	config_fini(&cfg);
	return r ? r : check_macs(&w->head, vmfile, err);
}

/* The header is written last, over the space that the parts left. */
static int write_bundle(const char *path, char *const files[], int count, struct error *err)
{
	struct writer *w = calloc(1, sizeof *w);
	int r = 0;

	if (!w)
		return error_set(err, -ENOMEM, "out of memory");
	memcpy(w->head.magic, BUNDLE_MAGIC, sizeof w->head.magic);
	w->head.version = BUNDLE_VERSION;
	w->head.size = sizeof w->head;
	w->path = path;
	w->f = fopen(path, "wbe");
	if (!w->f) {
		r = complain(err, path);
		goto out;
	}
	for (int i = 0; i < count && !r; i++)
		r = add_vm(w, files[i], err);
	if (!r && (fseeko(w->f, 0, SEEK_SET) || fwrite(&w->head, sizeof w->head, 1, w->f) != 1))
		r = complain(err, path);
	if (fclose(w->f) && !r)
		r = complain(err, path);
out:
	free(w);
	return r;
}

/* --- the ISO -------------------------------------------------------------------------------- */

static const char grub_cfg[] =
	"serial --unit=0 --speed=115200\n"
	"terminal_output serial console\n"
	"terminal_input serial console\n"
	"set timeout=0\n"
	"menuentry Trivet {\n"
	"	multiboot2 /boot/trivet-x86.elf\n"
	"	module2 /boot/bundle bundle\n"
	"}\n";

static int put_file(const char *path, const char *text, struct error *err)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return complain(err, path);
	if (fputs(text, f) < 0 || fclose(f))
		return complain(err, path);
	return 0;
}

static int run(char *const argv[], struct error *err)
{
	posix_spawn_file_actions_t quiet;
	int status, r;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
	if (r)
		return error_set(err, -r, "%s: %s; expected the packages grub-pc-bin, "
				 "grub-common, xorriso and mtools", argv[0], strerror(r));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? error_set(err, -EIO, "%s failed; expected the packages grub-pc-bin, "
				  "grub-efi-amd64-bin, xorriso and mtools", argv[0]) : 0;
}

/* trivet-x86.elf lies where this program does. */
static int find_hypervisor(char *path, size_t size, struct error *err)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 32);
	char *slash;

	if (n <= 0)
		return complain(err, "/proc/self/exe");
	path[n] = 0;
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, "trivet-x86.elf");
	return access(path, R_OK) ? complain(err, path) : 0;
}

static int make_iso(const char *tree, const char *out, char *const files[], int count,
		    struct error *err)
{
	char elf[PATH_MAX], path[PATH_MAX], copy[PATH_MAX];
	char *cp[] = { "cp", elf, copy, NULL };
	char *mkrescue[] = { "grub-mkrescue", "-o", (char *)(uintptr_t)out,
			     (char *)(uintptr_t)tree, NULL };
	int r = find_hypervisor(elf, sizeof elf, err);

	if (r)
		return r;
	snprintf(path, sizeof path, "%s/boot", tree);
	mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/boot/grub", tree);
	mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/boot/grub/grub.cfg", tree);
	r = put_file(path, grub_cfg, err);
	snprintf(path, sizeof path, "%s/boot/bundle", tree);
	if (!r)
		r = write_bundle(path, files, count, err);
	snprintf(copy, sizeof copy, "%s/boot/trivet-x86.elf", tree);
	if (!r)
		r = run(cp, err);
	return r ? r : run(mkrescue, err);
}

static int pack_iso(const char *out, char *const files[], int count, struct error *err)
{
	char tree[] = "/tmp/trivet-image-XXXXXX";
	char *rm[] = { "rm", "-rf", tree, NULL };
	struct error ignored;
	int r;

	if (!mkdtemp(tree))
		return complain(err, tree);
	r = make_iso(tree, out, files, count, err);
	run(rm, &ignored);
	return r;
}

/* What is written must be on the disk before it takes the place of what was there. */
static int put_in_place(const char *beside, const char *out, struct error *err)
{
	int fd = open(beside, O_RDONLY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return complain(err, beside);
	if (fsync(fd))
		r = complain(err, beside);
	close(fd);
	if (!r && rename(beside, out))
		r = complain(err, out);
	return r;
}

static int pack(const char *out, char *const files[], int count, struct error *err)
{
	size_t n = strlen(out);
	bool iso = n >= 4 && strcmp(out + n - 4, ".iso") == 0;
	char *beside;
	int r;

	if (asprintf(&beside, "%s.new.%ld", out, (long)getpid()) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	r = iso ? pack_iso(beside, files, count, err) :
		  write_bundle(beside, files, count, err);
	if (!r)
		r = put_in_place(beside, out, err);
	if (r)
		unlink(beside);
	free(beside);
	return r;
}

int image_make(int argc, char *const argv[], struct error *err)
{
	char *files[BUNDLE_MAX_VMS];
	const char *out = NULL;
	int count = 0;

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "-o") && i + 1 < argc && !out) {
			out = argv[++i];
		} else if (argv[i][0] == '-') {
			return error_set(err, -EINVAL, "image: %.100s; expected VM files and "
					 "-o FILE.iso, once", argv[i]);
		} else {
			if (count == BUNDLE_MAX_VMS)
				return error_set(err, -EINVAL, "image: expected at most %d VM files",
						 BUNDLE_MAX_VMS);
			files[count++] = argv[i];
		}
	}
	if (!out || !count)
		return error_set(err, -EINVAL, "image: %s; expected: trivet image VMFILE... -o "
				 "FILE.iso", out ? "no VM file" : "no -o");
	return pack(out, files, count, err);
}
