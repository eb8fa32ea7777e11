/* SPDX-License-Identifier: Apache-2.0 */
/* VM files: the declared schema, and from it to the settings. */
#include "vmfile.h"
#include "vmfile_scan.h"

#include <trivet/bits.h>

#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the library fills in; NULL: the key is not there. */
struct vmfile {
	char *name, *engine, *cpu, *memory, *kernel, *initrd, *append, *console;
	u64 *cpus, *weight;
	double *timeout;
	int *hvc, *testdev, *sandbox, *hugepages;
	char **disks, **ports;
	unsigned disks_count, ports_count;
	char *vsock, *balloon, *cpuset, *on_bad_access;
	char **net, **publish;
	unsigned net_count, publish_count;
};

static const cyaml_schema_value_t line_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 64),
};

static const cyaml_schema_value_t disk_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 4095),
};

static const cyaml_schema_value_t port_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 4095 + 64),
};

static const cyaml_strval_t truth[] = { { "false", 0 }, { "true", 1 } };

#define TEXT(key, max)                                                           \
	CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,   \
			       struct vmfile, key, 0, max)

static const cyaml_schema_field_t fields[] = {
	TEXT(name, 63),
	TEXT(engine, 16),
	TEXT(cpu, 32),
	TEXT(memory, 32),
	TEXT(kernel, 4095),
	TEXT(initrd, 4095),
	TEXT(append, 4095),
	TEXT(console, 4095),
	CYAML_FIELD_UINT_PTR("cpus", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct vmfile, cpus),
	CYAML_FIELD_UINT_PTR("weight", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct vmfile, weight),
	CYAML_FIELD_FLOAT_PTR("timeout", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			      struct vmfile, timeout),
	CYAML_FIELD_ENUM_PTR("hvc",
			     CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL |
				     CYAML_FLAG_STRICT,
			     struct vmfile, hvc, truth, ARRAY_SIZE(truth)),
	CYAML_FIELD_ENUM_PTR("testdev",
			     CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL |
				     CYAML_FLAG_STRICT,
			     struct vmfile, testdev, truth, ARRAY_SIZE(truth)),
	CYAML_FIELD_ENUM_PTR("hugepages",
			     CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL |
				     CYAML_FLAG_STRICT,
			     struct vmfile, hugepages, truth, ARRAY_SIZE(truth)),
	CYAML_FIELD_ENUM_PTR("sandbox",
			     CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL |
				     CYAML_FLAG_STRICT,
			     struct vmfile, sandbox, truth, ARRAY_SIZE(truth)),
	CYAML_FIELD_SEQUENCE("disks", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct vmfile, disks, &disk_schema, 0, 1024),
	CYAML_FIELD_SEQUENCE("ports", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct vmfile, ports, &port_schema, 0, 1024),
	TEXT(vsock, 4095),
	TEXT(balloon, 32),
	TEXT(cpuset, 255),
	TEXT(on_bad_access, 16),
	CYAML_FIELD_SEQUENCE("net", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct vmfile, net, &line_schema, 0, 1024),
	CYAML_FIELD_SEQUENCE("publish", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			     struct vmfile, publish, &line_schema, 0, 1024),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct vmfile, fields),
};

/*
 * The library tells what is wrong through its log: first the fault, then a
 * backtrace whose first line has the place. Both are kept here.
 */
struct load_log {
	char fault[128];
	char key[32];
	unsigned line;
};

static void load_log_add(cyaml_log_t level, void *ctx, const char *format,
			 va_list args) __attribute__((format(printf, 3, 0)));

static void load_log_add(cyaml_log_t level, void *ctx, const char *format,
			 va_list args)
{
	static const char prefix[] = "Load: ";
	struct load_log *log = ctx;
	char text[256];
	char key[32];
	unsigned line;

	if (level < CYAML_LOG_ERROR)
		return;
	vsnprintf(text, sizeof text, format, args);
	text[strcspn(text, "\n")] = 0;
	if (sscanf(text, " in mapping field '%31[^']' (line: %u", key, &line) == 2) {
		if (!log->key[0]) {
			memcpy(log->key, key, sizeof key);
			log->line = line;
		}
	} else if (sscanf(text, " in mapping (line: %u", &line) == 1) {
		if (!log->line)
			log->line = line;
	} else if (!log->fault[0]) {
		const char *p = text;

		if (strncmp(p, prefix, sizeof prefix - 1) == 0)
			p += sizeof prefix - 1;
		snprintf(log->fault, sizeof log->fault, "%.120s", p);
	}
}

/* What a key takes, for "expected ...". */
static const char *key_expects(const char *key)
{
	if (!strcmp(key, "cpus"))
		return "a number from 1 to 32";
	if (!strcmp(key, "weight"))
		return "a number from 1 to 10000";
	if (!strcmp(key, "timeout"))
		return "a number of seconds";
	if (!strcmp(key, "testdev") || !strcmp(key, "hvc") || !strcmp(key, "sandbox") ||
	    !strcmp(key, "hugepages"))
		return "true or false";
	if (!strcmp(key, "disks"))
		return "a list of images, each a line `- FILE` or `- FILE,ro`";
	if (!strcmp(key, "ports"))
		return "a list of ports, each a line `- NAME=FILE` or `- NAME=unix:PATH`";
	if (!strcmp(key, "net"))
		return "a list of network cards, each a line `- user`, `- tap:INTERFACE` or `- switch`";
	if (!strcmp(key, "publish"))
		return "a list of port forwards, each a line `- HOST:GUEST`";
	return "text";
}

static int schema_fault(const char *path, const struct load_log *log,
			const struct vmfile_lines *lines, cyaml_err_t code,
			struct error *err)
{
	const char *unknown = "Unexpected key: ";
	const char *text = log->fault;

	if (code == CYAML_ERR_OOM)
		return error_set(err, -ENOMEM, "%s: out of memory", path);
	if (strncmp(text, unknown, strlen(unknown)) == 0) {
		text += strlen(unknown);
		return error_set(err, -EINVAL, "%s:%u: %.40s: no such key (see "
				 "docs/guide.md for the keys)", path,
				 vmfile_line_of(lines, text), text);
	}
	if (log->key[0])
		return error_set(err, -EINVAL, "%s:%u: %s: expected %s (%s)", path,
				 vmfile_line_of(lines, log->key), log->key,
				 key_expects(log->key), text);
	return error_set(err, -EINVAL, "%s:%u: %s", path, log->line ? log->line : 1,
			 text[0] ? text : cyaml_strerror(code));
}

/* A relative path is the VM file's neighbour. NULL when out of memory. */
static char *path_resolve(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	char *out;

	if (path[0] == '/' || !path[0] || !slash)
		return strdup(path);
	if (asprintf(&out, "%.*s/%s", (int)(slash - file), file, path) < 0)
		return NULL;
	return out;
}

struct apply {
	struct vm_config *cfg;
	const char *path;
	const struct vmfile_lines *lines;
	struct error *err;
};

static struct config_source source_of(const struct apply *a, enum config_key key)
{
	return (struct config_source){
		a->path, vmfile_line_of(a->lines, config_key_name(key))
	};
}

static int apply_text(const struct apply *a, enum config_key key, const char *text)
{
	return text ? config_set_text(a->cfg, key, text, source_of(a, key), a->err) : 0;
}

static int apply_path(const struct apply *a, enum config_key key, const char *text)
{
	char *full;
	int r;

	if (!text || (key == KEY_CONSOLE &&
		      (!strcmp(text, "stdio") || !strcmp(text, "none"))))
		return apply_text(a, key, text);
	full = path_resolve(a->path, text);
	if (!full)
		return error_set(a->err, -ENOMEM, "%s: out of memory", a->path);
	r = config_set_text(a->cfg, key, full, source_of(a, key), a->err);
	free(full);
	return r;
}

static int apply_number(const struct apply *a, enum config_key key, u64 value)
{
	return config_set_number(a->cfg, key, value, source_of(a, key), a->err);
}

/* Not a number, negative and huge all become 0, which the setter refuses. */
static u64 milliseconds(double seconds)
{
	return seconds > 0 && seconds < 1e12 ? (u64)(seconds * 1000 + 0.5) : 0;
}

static int apply_disks(const struct apply *a, const struct vmfile *f)
{
	int r = 0;

	for (unsigned i = 0; i < f->disks_count && !r; i++)
		r = apply_path(a, KEY_DISKS, f->disks[i]);
	return r;
}

/* The path is relative to the VM file, the name before it stays. */
static int apply_port(const struct apply *a, const char *text)
{
	size_t at = config_port_path(text);
	char *path = path_resolve(a->path, text + at), *full = NULL;
	int r;

	if (!path || asprintf(&full, "%.*s%s", (int)at, text, path) < 0)
		r = error_set(a->err, -ENOMEM, "%s: out of memory", a->path);
	else
		r = config_set_text(a->cfg, KEY_PORTS, full, source_of(a, KEY_PORTS),
				    a->err);
	free(full);
	free(path);
	return r;
}

static int apply_ports(const struct apply *a, const struct vmfile *f)
{
	int r = 0;

	for (unsigned i = 0; i < f->ports_count && !r; i++)
		r = apply_port(a, f->ports[i]);
	return r;
}

static int apply_lines(const struct apply *a, enum config_key key, char *const *lines,
		       unsigned count)
{
	int r = 0;

	for (unsigned i = 0; i < count && !r; i++)
		r = apply_text(a, key, lines[i]);
	return r;
}

static int apply_all(const struct apply *a, const struct vmfile *f)
{
	int r;

	if ((r = apply_text(a, KEY_NAME, f->name)) ||
	    (r = apply_text(a, KEY_ENGINE, f->engine)) ||
	    (r = apply_text(a, KEY_CPU, f->cpu)) ||
	    (r = apply_text(a, KEY_MEMORY, f->memory)) ||
	    (r = apply_path(a, KEY_KERNEL, f->kernel)) ||
	    (r = apply_path(a, KEY_INITRD, f->initrd)) ||
	    (r = apply_text(a, KEY_APPEND, f->append)) ||
	    (r = apply_path(a, KEY_CONSOLE, f->console)))
		return r;
	if (f->cpus && (r = apply_number(a, KEY_CPUS, *f->cpus)))
		return r;
	if (f->timeout && (r = apply_number(a, KEY_TIMEOUT, milliseconds(*f->timeout))))
		return r;
	if (f->hvc && (r = apply_number(a, KEY_HVC, (u64)*f->hvc)))
		return r;
	if (f->testdev && (r = apply_number(a, KEY_TESTDEV, (u64)*f->testdev)))
		return r;
	if (f->hugepages && (r = apply_number(a, KEY_HUGEPAGES, (u64)*f->hugepages)))
		return r;
	if ((r = apply_path(a, KEY_VSOCK, f->vsock)) ||
	    (r = apply_text(a, KEY_BALLOON, f->balloon)))
		return r;
	if (f->sandbox && (r = apply_number(a, KEY_SANDBOX, (u64)*f->sandbox)))
		return r;
	if (f->weight && (r = apply_number(a, KEY_WEIGHT, *f->weight)))
		return r;
	if ((r = apply_text(a, KEY_CPUSET, f->cpuset)) ||
	    (r = apply_text(a, KEY_BAD_ACCESS, f->on_bad_access)))
		return r;
	if ((r = apply_lines(a, KEY_NET, f->net, f->net_count)) ||
	    (r = apply_lines(a, KEY_PUBLISH, f->publish, f->publish_count)))
		return r;
	r = apply_disks(a, f);
	return r ? r : apply_ports(a, f);
}

static int parse(struct vm_config *cfg, const char *path, const u8 *text,
		 size_t size, struct error *err)
{
	struct vmfile_lines lines;
	struct load_log log = { 0 };
	const cyaml_config_t config = {
		.log_fn = load_log_add,
		.log_ctx = &log,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR,
		.flags = CYAML_CFG_NO_ALIAS,
	};
	const struct apply apply = { cfg, path, &lines, err };
	struct vmfile *file = NULL;
	cyaml_err_t code;
	int r;

	r = vmfile_scan(path, text, size, &lines, err);
	if (r)
		return r;
	if (!lines.count)
		return error_set(err, -EINVAL, "%s:1: no keys; expected at least "
				 "`kernel: FILE`", path);
	code = cyaml_load_data(text, size, &config, &schema, (cyaml_data_t **)&file,
			       NULL);
	if (code != CYAML_OK)
		return schema_fault(path, &log, &lines, code, err);
	r = apply_all(&apply, file);
	cyaml_free(&config, &schema, file, 0);
	return r;
}

int vmfile_parse(struct vm_config *cfg, const char *path, const u8 *text,
		 size_t size, struct error *err)
{
	int r = parse(cfg, path, text, size, err);

	/* what is quoted from the file must not break the one line */
	for (char *p = err->msg; r && *p; p++)
		if ((unsigned char)*p < ' ')
			*p = '?';
	return r;
}

static int read_whole(int fd, u8 *buf, size_t size, size_t *got)
{
	*got = 0;
	while (*got < size) {
		ssize_t n = read(fd, buf + *got, size - *got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return 0;
}

int vmfile_load(struct vm_config *cfg, const char *path, struct error *err)
{
	u8 *text;
	size_t size;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_set(err, -errno, "%s: %s; expected a VM file", path,
				 strerror(errno));
	text = malloc(VMFILE_MAX_SIZE + 1);
	if (!text) {
		r = error_set(err, -ENOMEM, "%s: out of memory", path);
		goto out;
	}
	r = read_whole(fd, text, VMFILE_MAX_SIZE + 1, &size);
	if (r)
		error_set(err, r, "%s: %s; expected a VM file", path, strerror(-r));
	else if (size > VMFILE_MAX_SIZE)
		r = error_set(err, -EFBIG, "%s: too big for a VM file; expected at "
			      "most 64 KiB", path);
	else
		r = vmfile_parse(cfg, path, text, size, err);
	free(text);
out:
	close(fd);
	return r;
}
