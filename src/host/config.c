/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a VM and every limit on them. */
#include "config.h"
#include "config_links.h"

#include <trivet/bits.h>
#include <trivet/machine.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPEND_MAX 4095 /* what Linux takes on x86: COMMAND_LINE_SIZE 2048; test kernels more */
#define TIMEOUT_MAX_MS ((u64)366 * 24 * 3600 * 1000)

static const char *const key_names[CONFIG_KEYS] = {
	[KEY_NAME] = "name",	   [KEY_ENGINE] = "engine",
	[KEY_CPU] = "cpu",	   [KEY_CPUS] = "cpus",
	[KEY_MEMORY] = "memory",   [KEY_KERNEL] = "kernel",
	[KEY_INITRD] = "initrd",   [KEY_APPEND] = "append",
	[KEY_CONSOLE] = "console", [KEY_TIMEOUT] = "timeout",
	[KEY_HVC] = "hvc",	   [KEY_TESTDEV] = "testdev", [KEY_DISKS] = "disks",
	[KEY_PORTS] = "ports",	   [KEY_VSOCK] = "vsock",   [KEY_BALLOON] = "balloon",
	[KEY_NET] = "net",	   [KEY_PUBLISH] = "publish",
	[KEY_SANDBOX] = "sandbox", [KEY_HUGEPAGES] = "hugepages",
	[KEY_WEIGHT] = "weight",   [KEY_CPUSET] = "cpuset",
	[KEY_BAD_ACCESS] = "on_bad_access",
};

const char *config_key_name(enum config_key key)
{
	return key_names[key];
}

/* The member that holds a text key's value. */
static char **text_slot(struct vm_config *cfg, enum config_key key)
{
	switch (key) {
	case KEY_NAME: return &cfg->name;
	case KEY_ENGINE: return &cfg->engine;
	case KEY_CPU: return &cfg->cpu;
	case KEY_KERNEL: return &cfg->kernel;
	case KEY_INITRD: return &cfg->initrd;
	case KEY_APPEND: return &cfg->append;
	case KEY_CONSOLE: return &cfg->console;
	default: return NULL;
	}
}

int config_init(struct vm_config *cfg)
{
	*cfg = (struct vm_config){ .cpus = 1, .memory = MIB(512), .sandbox = true,
				   .weight = CONFIG_WEIGHT };
	cfg->name = strdup("vm");
	cfg->engine = strdup("auto");
	cfg->cpu = strdup("baseline");
	cfg->append = strdup("");
	cfg->console = strdup("stdio");
	return cfg->name && cfg->engine && cfg->cpu && cfg->append && cfg->console ?
		       0 : -ENOMEM;
}

void config_fini(struct vm_config *cfg)
{
	for (unsigned k = 0; k < CONFIG_KEYS; k++) {
		char **slot = text_slot(cfg, (enum config_key)k);

		if (slot) {
			free(*slot);
			*slot = NULL;
		}
	}
	while (cfg->disk_count)
		free(cfg->disks[--cfg->disk_count].path);
	config_fini_links(cfg);
}

static int complain(struct config_source from, enum config_key key, int code,
		    struct error *err, const char *what)
{
	if (from.file)
		return error_set(err, code, "%s:%u: %s: %s", from.file, from.line,
				 key_names[key], what);
	return error_set(err, code, "--%s: %s",
			 key == KEY_DISKS ? "disk" :
			 key == KEY_PORTS ? "port" : key_names[key], what);
}

int config_complain(const struct vm_config *cfg, enum config_key key, int code,
		    struct error *err, const char *format, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof what, format, ap);
	va_end(ap);
	return complain(cfg->source[key], key, code, err, what);
}

bool size_parse(const char *text, u64 *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	u64 value = 0, scale = 1;

	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++)
		if (mul_overflows(value, 10, &value) ||
		    add_overflows(value, (u64)(*text - '0'), &value))
			return false;
	if (*text) {
		unit = strchr(units, toupper((unsigned char)*text));
		if (!unit)
			return false;
		scale = BIT(10 * (unit - units + 1));
		text++;
		if (*text == 'i') /* MiB, GiB as well as M and G */
			text++;
		if (toupper((unsigned char)*text) == 'B')
			text++;
	}
	return !*text && !mul_overflows(value, scale, bytes);
}

/* A decimal number of seconds with up to three places, in milliseconds. */
static bool seconds_parse(const char *text, u64 *ms)
{
	u64 value = 0, place = 100;

	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++)
		if (mul_overflows(value, 10, &value) ||
		    add_overflows(value, (u64)(*text - '0'), &value))
			return false;
	if (mul_overflows(value, 1000, &value))
		return false;
	if (*text == '.')
		for (text++; isdigit((unsigned char)*text); text++, place /= 10)
			if (add_overflows(value, place * (u64)(*text - '0'), &value))
				return false;
	*ms = value;
	return !*text;
}

static bool number_parse(const char *text, u64 *value)
{
	u64 v = 0;

	if (!*text)
		return false;
	for (; isdigit((unsigned char)*text); text++)
		if (mul_overflows(v, 10, &v) ||
		    add_overflows(v, (u64)(*text - '0'), &v))
			return false;
	*value = v;
	return !*text;
}

static int set_memory(struct vm_config *cfg, u64 bytes, struct config_source from,
		      struct error *err)
{
	char what[120];

	if (bytes < MACHINE_MEMORY_MIN || bytes > MACHINE_MEMORY_MAX) {
		snprintf(what, sizeof what,
			 "%llu bytes given; expected %lluM to %lluG, such as 512M",
			 (unsigned long long)bytes,
			 (unsigned long long)(MACHINE_MEMORY_MIN >> 20),
			 (unsigned long long)(MACHINE_MEMORY_MAX >> 30));
		return complain(from, KEY_MEMORY, -EINVAL, err, what);
	}
	if (bytes & (MIB(1) - 1))
		return complain(from, KEY_MEMORY, -EINVAL, err,
				"expected a multiple of 1M");
	cfg->memory = bytes;
	return 0;
}

int config_set_number(struct vm_config *cfg, enum config_key key, u64 value,
		      struct config_source from, struct error *err)
{
	char what[96];

	switch (key) {
	case KEY_MEMORY:
		if (set_memory(cfg, value, from, err))
			return -EINVAL;
		break;
	case KEY_CPUS:
		if (value < 1 || value > VM_MAX_VCPUS) {
			snprintf(what, sizeof what, "%llu given; expected 1 to %u",
				 (unsigned long long)value, VM_MAX_VCPUS);
			return complain(from, key, -EINVAL, err, what);
		}
		cfg->cpus = value;
		break;
	case KEY_TIMEOUT:
		if (value < 1 || value > TIMEOUT_MAX_MS)
			return complain(from, key, -EINVAL, err,
					"expected seconds, from 0.001 to a year");
		cfg->timeout_ms = value;
		break;
	case KEY_HVC:
		cfg->hvc = value != 0;
		break;
	case KEY_BALLOON:
		if (config_set_balloon(cfg, value, what, sizeof what))
			return complain(from, key, -EINVAL, err, what);
		break;
	case KEY_TESTDEV:
		cfg->testdev = value != 0;
		break;
	case KEY_HUGEPAGES:
		cfg->hugepages = value != 0;
		break;
	case KEY_SANDBOX:
		cfg->sandbox = value != 0;
		break;
	case KEY_WEIGHT:
		if (value < 1 || value > CONFIG_MAX_WEIGHT) {
			snprintf(what, sizeof what, "%llu given; expected 1 to %u",
				 (unsigned long long)value, CONFIG_MAX_WEIGHT);
			return complain(from, key, -EINVAL, err, what);
		}
		cfg->weight = value;
		break;
	case KEY_CPUSET:
		cfg->cpuset = value;
		break;
	case KEY_BAD_ACCESS:
		cfg->bad_access_stops = value != 0;
		break;
	default:
		return complain(from, key, -EINVAL, err, "expected text");
	}
	cfg->source[key] = from;
	return 0;
}

/* Becomes part of messages, files and process titles: keep it plain. */
static bool name_ok(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("-_.", s[i]))
			return false;
	return n >= 1 && n <= 63;
}

/* NULL when text will do for key, else what was expected. */
static const char *text_fault(enum config_key key, const char *text)
{
	switch (key) {
	case KEY_NAME:
		return name_ok(text) ? NULL :
		       "expected 1 to 63 letters, digits, '-', '_' or '.'";
	case KEY_ENGINE:
		return !strcmp(text, "auto") || !strcmp(text, "soft") ||
		       !strcmp(text, "kvm") ? NULL : "expected auto, soft or kvm";
	case KEY_CPU:
		return strcmp(text, "baseline") ? "expected baseline" : NULL;
	case KEY_APPEND:
		return strlen(text) > APPEND_MAX ?
		       "expected at most 4095 characters" : NULL;
	default:
		return *text ? NULL : "expected a file name, not nothing";
	}
}

static int set_string(struct vm_config *cfg, enum config_key key, const char *text,
		      struct config_source from, struct error *err)
{
	const char *fault = text_fault(key, text);
	char **slot = text_slot(cfg, key);
	char what[160], *copy;

	if (fault && key != KEY_APPEND && *text) {
		snprintf(what, sizeof what, "'%.40s' given; %s", text, fault);
		fault = what;
	}
	if (fault)
		return complain(from, key, -EINVAL, err, fault);
	copy = strdup(text);
	if (!copy)
		return complain(from, key, -ENOMEM, err, "out of memory");
	free(*slot);
	*slot = copy;
	cfg->source[key] = from;
	return 0;
}

static int add_disk(struct vm_config *cfg, const char *text,
		    struct config_source from, struct error *err)
{
	struct vm_disk *d = &cfg->disks[cfg->disk_count];
	char what[160];
	int r;

	if (cfg->disk_count == CONFIG_MAX_DISKS)
		return complain(from, KEY_DISKS, -EINVAL, err,
				"expected at most 16 disks");
	r = config_parse_disk(d, text, what, sizeof what);
	if (r)
		return complain(from, KEY_DISKS, r, err, what);
	for (unsigned i = 0; i < cfg->disk_count; i++)
		if (d->serial[0] && !strcmp(d->serial, cfg->disks[i].serial)) {
			snprintf(what, sizeof what, "serial=%s given twice; expected "
				 "another for each disk", d->serial);
			free(d->path);
			return complain(from, KEY_DISKS, -EINVAL, err, what);
		}
	cfg->disk_count++;
	cfg->source[KEY_DISKS] = from;
	return 0;
}

static int set_link(struct vm_config *cfg, enum config_key key, const char *text,
		    struct config_source from, struct error *err)
{
	char what[200];
	int r = key == KEY_PORTS ? config_add_port(cfg, text, what, sizeof what) :
				   config_set_vsock(cfg, text, what, sizeof what);

	if (r)
		return complain(from, key, r, err, what);
	cfg->source[key] = from;
	return 0;
}

static int complain_quoting(struct config_source from, enum config_key key,
			    struct error *err, const char *text, const char *expected)
{
	char what[200];

	snprintf(what, sizeof what, "'%.40s' given; %s", text, expected);
	return complain(from, key, -EINVAL, err, what);
}

static int add_net(struct vm_config *cfg, const char *text,
		   struct config_source from, struct error *err)
{
	struct net_card card;
	const char *fault = net_card_parse(text, &card);

	if (fault)
		return complain_quoting(from, KEY_NET, err, text, fault);
	if (card.kind == NET_NONE) {
		cfg->net_count = cfg->forward_count = 0;
		return 0;
	}
	if (cfg->net_count == CONFIG_MAX_NETS)
		return complain(from, KEY_NET, -EINVAL, err,
				"expected at most 8 network cards");
	cfg->nets[cfg->net_count++] = card;
	cfg->source[KEY_NET] = from;
	return 0;
}

static int add_forward(struct vm_config *cfg, const char *text,
		       struct config_source from, struct error *err)
{
	struct net_forward f;
	const char *fault = net_forward_parse(text, &f);

	for (unsigned i = 0; i < cfg->forward_count && !fault; i++)
		if (net_forward_clash(&f, &cfg->forwards[i]))
			fault = "that port of the host is forwarded already";
	if (fault)
		return complain_quoting(from, KEY_PUBLISH, err, text, fault);
	if (cfg->forward_count == CONFIG_MAX_FORWARDS)
		return complain(from, KEY_PUBLISH, -EINVAL, err,
				"expected at most 64 port forwards");
	cfg->forwards[cfg->forward_count++] = f;
	cfg->source[KEY_PUBLISH] = from;
	return 0;
}

int config_set_text(struct vm_config *cfg, enum config_key key, const char *text,
		    struct config_source from, struct error *err)
{
	const char *expected;
	char what[120];
	bool ok;
	u64 value;

	switch (key) {
	case KEY_MEMORY:
		ok = size_parse(text, &value);
		expected = "a size such as 512M or 2G";
		break;
	case KEY_CPUS:
		ok = number_parse(text, &value);
		expected = "a number from 1 to 32";
		break;
	case KEY_TIMEOUT:
		ok = seconds_parse(text, &value);
		expected = "a number of seconds such as 60 or 2.5";
		break;
	case KEY_HVC:
	case KEY_TESTDEV:
	case KEY_HUGEPAGES:
	case KEY_SANDBOX:
		value = !strcmp(text, "true");
		ok = value || !strcmp(text, "false");
		expected = "true or false";
		break;
	case KEY_BALLOON:
		ok = size_parse(text, &value);
		expected = "a size such as 256M, to be taken from the guest";
		break;
	case KEY_WEIGHT:
		ok = number_parse(text, &value);
		expected = "a number from 1 to 10000";
		break;
	case KEY_CPUSET:
		ok = cpuset_parse(text, &value);
		expected = "processors from 0 to 63 such as 0,2-3";
		break;
	case KEY_BAD_ACCESS:
		value = !strcmp(text, "stop");
		ok = value || !strcmp(text, "ignore");
		expected = "ignore or stop";
		break;
	case KEY_DISKS:
		return add_disk(cfg, text, from, err);
	case KEY_PORTS:
	case KEY_VSOCK:
		return set_link(cfg, key, text, from, err);
	case KEY_NET:
		return add_net(cfg, text, from, err);
	case KEY_PUBLISH:
		return add_forward(cfg, text, from, err);
	default:
		return set_string(cfg, key, text, from, err);
	}
	if (ok)
		return config_set_number(cfg, key, value, from, err);
	snprintf(what, sizeof what, "'%.40s' given; expected %s", text, expected);
	return complain(from, key, -EINVAL, err, what);
}

void config_net_mac(const struct vm_config *cfg, unsigned index, u8 mac[NET_MAC_SIZE])
{
	if (cfg->nets[index].has_mac)
		memcpy(mac, cfg->nets[index].mac, NET_MAC_SIZE);
	else
		net_mac_derive(cfg->name, index, mac);
}

/* Two cards of one address, and forwards without a network that does them. */
static int check_nets(const struct vm_config *cfg, struct error *err)
{
	u8 macs[CONFIG_MAX_NETS][NET_MAC_SIZE];
	char text[NET_TEXT_MAX];
	bool user = false;

	for (unsigned i = 0; i < cfg->net_count; i++) {
		user |= cfg->nets[i].kind == NET_USER;
		config_net_mac(cfg, i, macs[i]);
		for (unsigned j = 0; j < i; j++) {
			if (memcmp(macs[i], macs[j], NET_MAC_SIZE) != 0)
				continue;
			net_mac_print(macs[i], text);
			return config_complain(cfg, KEY_NET, -EINVAL, err,
					       "two cards have the address %s; expected "
					       "one of its own for each", text);
		}
	}
	if (cfg->forward_count && !user)
		return config_complain(cfg, KEY_PUBLISH, -EINVAL, err,
				       "no user network to forward ports of; expected "
				       "a card `user` (--net user)");
	return 0;
}

int config_check(const struct vm_config *cfg, struct error *err)
{
	if (!cfg->kernel)
		return error_set(err, -EINVAL, "no kernel: give --kernel FILE, or "
				 "a VM file with the key kernel");
	if (config_check_links(cfg, err))
		return -EINVAL;
	return check_nets(cfg, err);
}

_Static_assert(CONFIG_MAX_DISKS == MACHINE_MAX_DISKS && CONFIG_MAX_DISKS == 16,
	       "as many as a machine takes; the text says 16");
_Static_assert(CONFIG_MAX_NETS == MACHINE_MAX_NETS && CONFIG_MAX_NETS == 8,
	       "as many as a machine takes; the text says 8");
_Static_assert(VM_MAX_VCPUS == 32, "the text for cpus says 32");
_Static_assert(CONFIG_MAX_WEIGHT == 10000, "the text for weight says 10000");
