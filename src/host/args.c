/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: `trivet COMMAND [VMFILE] [--option VALUE]...` */
#include "args.h"

#include <string.h>

const char args_usage[] =
	"usage:\n"
	"  trivet run [VMFILE] [options]   run a virtual machine\n"
	"  trivet engines                  which engines this machine can use\n"
	"  trivet check VMFILE             say what is wrong in a VM file\n"
	"  trivet image VMFILE... -o F.iso pack machines for bare metal\n"
	"  trivet version\n"
	"options of run, each over the VM file's key of that name:\n"
	"  --name N                   the machine's name\n"
	"  --engine auto|soft|kvm     what runs the guest's instructions\n"
	"  --kernel F                 bzImage, ELF64 vmlinux, PVH or Multiboot kernel\n"
	"  --initrd F                 initial RAM disk, or Multiboot module\n"
	"  --append S                 kernel command line; Linux wants console=ttyS0\n"
	"  --cpus N                   virtual CPUs, 1 to 32\n"
	"  --memory SIZE              such as 512M or 2G\n"
	"  --disk FILE[,ro]           a disk more (virtio), raw; ro: read-only\n"
	"  --port NAME=FILE|NAME=unix:PATH  a named port more (virtio), to a file or socket\n"
	"  --vsock PATH[,cid=N]       vsock, by unix sockets PATH and PATH_PORT\n"
	"  --balloon SIZE             memory taken from the guest at start; 0: none yet\n"
	"  --disk FILE[,ro][,serial=TEXT][,io=uring|threads]\n"
	"                             a disk more (virtio), raw; ro: read-only\n"
	"  --net user|tap:IF|none     a network card more (virtio); user: 10.0.2.0/24\n"
	"                             behind this program; also ,mac=ADDRESS\n"
	"  -p [ADDR:]HOST:GUEST[/udp] forward a port of this host to the guest's (user)\n"
	"  --console stdio|none|FILE  where the serial port goes\n"
	"  --hvc                      a virtio console for that instead: Linux's hvc0\n"
	"  --timeout SECONDS          end the machine after that long, status 124\n"
	"  --stats[=json]             what the machine did, on stderr at the end\n"
	"  --hugepages                guest memory on reserved huge pages where there are\n"
	"  --no-sandbox               keep privileges, files and system calls: to debug\n"
	"  --testdev                  add QEMU's test device, for test kernels\n";

/* Options that are settings; the rest is --stats. */
static const enum config_key option_keys[] = {
	KEY_NAME, KEY_ENGINE, KEY_KERNEL,  KEY_INITRD,  KEY_APPEND,
	KEY_CPUS, KEY_MEMORY, KEY_CONSOLE, KEY_TIMEOUT, KEY_TESTDEV, KEY_HUGEPAGES,
	KEY_HVC,  KEY_VSOCK,  KEY_BALLOON, KEY_NET, KEY_PUBLISH,
};

/* The setting that the option (without "--", n characters) names, or -1. */
static int option_key(const char *name, size_t n)
{
	for (unsigned i = 0; i < ARRAY_SIZE(option_keys); i++) {
		const char *key = config_key_name(option_keys[i]);

		if (strlen(key) == n && memcmp(key, name, n) == 0)
			return (int)option_keys[i];
	}
	return -1;
}

static int parse_stats(struct args *args, const char *value, struct error *err)
{
	if (value && strcmp(value, "json") != 0)
		return error_set(err, -EINVAL,
				 "--stats: '%s' given; expected --stats or --stats=json",
				 value);
	args->stats = value ? STATS_JSON : STATS_TEXT;
	return 0;
}

static int add_disk(struct args *args, const char *value, struct error *err)
{
	if (args->disk_count == CONFIG_MAX_DISKS)
		return error_set(err, -EINVAL, "--disk: expected at most %u",
				 CONFIG_MAX_DISKS);
	args->disks[args->disk_count++] = value;
	return 0;
}

static int add_port(struct args *args, const char *value, struct error *err)
{
	if (args->port_count == CONFIG_MAX_PORTS)
		return error_set(err, -EINVAL, "--port: expected at most %u",
				 CONFIG_MAX_PORTS);
	args->ports[args->port_count++] = value;
	return 0;
}

static int add_net(struct args *args, const char *value, struct error *err)
{
	if (args->net_count == CONFIG_MAX_NETS)
		return error_set(err, -EINVAL, "--net: expected at most %u",
				 CONFIG_MAX_NETS);
	args->nets[args->net_count++] = value;
	return 0;
}

static int add_forward(struct args *args, const char *value, struct error *err)
{
	if (args->forward_count == CONFIG_MAX_FORWARDS)
		return error_set(err, -EINVAL, "--publish: expected at most %u",
				 CONFIG_MAX_FORWARDS);
	args->forwards[args->forward_count++] = value;
	return 0;
}

/* -p VALUE, or -pVALUE. */
static int parse_publish(struct args *args, int argc, char *const argv[], int *i,
			 struct error *err)
{
	const char *value = argv[*i] + 2;

	if (!*value && *i + 1 == argc)
		return error_set(err, -EINVAL, "-p: expected a value after it");
	return add_forward(args, *value ? value : argv[++*i], err);
}

/* One option at argv[*i]; moves *i when the value is the next argument. */
static int parse_option(struct args *args, int argc, char *const argv[], int *i,
			struct error *err)
{
	const char *name = argv[*i] + 2;
	const char *equals = strchr(name, '=');
	const char *value = equals ? equals + 1 : NULL;
	size_t n = equals ? (size_t)(equals - name) : strlen(name);
	bool disk = n == 4 && memcmp(name, "disk", n) == 0;
	bool port = n == 4 && memcmp(name, "port", n) == 0;
	int key = disk ? KEY_DISKS : port ? KEY_PORTS : option_key(name, n);

	if (n == 5 && memcmp(name, "stats", n) == 0)
		return parse_stats(args, value, err);
	if (n == 10 && memcmp(name, "no-sandbox", n) == 0 && !value) {
		args->values[KEY_SANDBOX] = "false";
		return 0;
	}
	if (key < 0)
		return error_set(err, -EINVAL,
				 "--%.*s: no such option; see `trivet help`", (int)n,
				 name);
	if ((key == KEY_TESTDEV || key == KEY_HVC || key == KEY_HUGEPAGES) && !value)
		value = "true";
	else if (!value && *i + 1 < argc)
		value = argv[++*i];
	if (!value)
		return error_set(err, -EINVAL, "--%.*s: expected a value after it",
				 (int)n, name);
	if (disk)
		return add_disk(args, value, err);
	if (port)
		return add_port(args, value, err);
	if (key == KEY_NET)
		return add_net(args, value, err);
	if (key == KEY_PUBLISH)
		return add_forward(args, value, err);
	args->values[key] = value;
	return 0;
}

static int parse_command(struct args *args, const char *word, struct error *err)
{
	static const struct {
		const char *word;
		enum command command;
	} commands[] = {
		{ "run", CMD_RUN },	    { "engines", CMD_ENGINES },
		{ "check", CMD_CHECK },	    { "version", CMD_VERSION },
		{ "--version", CMD_VERSION }, { "help", CMD_HELP },
		{ "--help", CMD_HELP },	    { "-h", CMD_HELP },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(word, commands[i].word) == 0) {
			args->command = commands[i].command;
			return 0;
		}
	return error_set(err, -EINVAL,
			 "'%.60s': no such command; expected run, engines, check or version",
			 word);
}

static int check_count(const struct args *args, struct error *err)
{
	if (args->command == CMD_CHECK && !args->vmfile)
		return error_set(err, -EINVAL, "check: expected a VM file after it");
	if (args->command != CMD_CHECK && args->command != CMD_RUN && args->vmfile)
		return error_set(err, -EINVAL, "'%.60s': not expected here",
				 args->vmfile);
	return 0;
}

int args_parse(struct args *args, int argc, char *const argv[], struct error *err)
{
	bool options = true;
	int r;

	*args = (struct args){ .command = CMD_HELP };
	if (argc < 2)
		return error_set(err, -EINVAL, "no command; expected run, engines, "
				 "check or version (`trivet help` shows them)");
	r = parse_command(args, argv[1], err);
	for (int i = 2; i < argc && !r; i++) {
		const char *a = argv[i];

		if (options && strcmp(a, "--") == 0) {
			options = false;
		} else if (options && args->command == CMD_RUN &&
			   strcmp(a, "--help") == 0) {
			args->command = CMD_HELP;
			return 0;
		} else if (options && strncmp(a, "--", 2) == 0 &&
			   args->command == CMD_RUN) {
			r = parse_option(args, argc, argv, &i, err);
		} else if (options && strncmp(a, "-p", 2) == 0 &&
			   args->command == CMD_RUN) {
			r = parse_publish(args, argc, argv, &i, err);
		} else if (options && a[0] == '-') {
			r = error_set(err, -EINVAL,
				      "%.60s: no such option here; see `trivet help`", a);
		} else if (args->vmfile) {
			r = error_set(err, -EINVAL,
				      "'%.60s': one VM file only, and '%.60s' was given", a,
				      args->vmfile);
		} else {
			args->vmfile = a;
		}
	}
	return r ? r : check_count(args, err);
}

int args_apply(const struct args *args, struct vm_config *cfg, struct error *err)
{
	int r = 0;

	for (unsigned k = 0; k < CONFIG_KEYS && !r; k++)
		if (args->values[k])
			r = config_set_text(cfg, (enum config_key)k, args->values[k],
					    (struct config_source){ 0 }, err);
	for (unsigned i = 0; i < args->disk_count && !r; i++)
		r = config_set_text(cfg, KEY_DISKS, args->disks[i],
				    (struct config_source){ 0 }, err);
	for (unsigned i = 0; i < args->port_count && !r; i++)
		r = config_set_text(cfg, KEY_PORTS, args->ports[i],
				    (struct config_source){ 0 }, err);
	for (unsigned i = 0; i < args->net_count && !r; i++)
		r = config_set_text(cfg, KEY_NET, args->nets[i],
				    (struct config_source){ 0 }, err);
	for (unsigned i = 0; i < args->forward_count && !r; i++)
		r = config_set_text(cfg, KEY_PUBLISH, args->forwards[i],
				    (struct config_source){ 0 }, err);
	return r;
}
