/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the YAML events. The schema is the library's business
 * (vmfile.c); here are what it does not tell: lines, and that nothing but one
 * flat mapping is in the file.
 */
#include "vmfile_scan.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct scan {
	const char *path;
	struct vmfile_lines *lines;
	struct error *err;
	unsigned documents;
	bool in_mapping;
	bool want_value; /* a key was seen */
	bool in_list;	 /* of a key that takes one */
};

static int fault(struct scan *s, const yaml_event_t *e, const char *what)
{
	return error_set(s->err, -EINVAL, "%s:%zu: %s", s->path,
			 e->start_mark.line + 1, what);
}

static int scan_key(struct scan *s, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.scalar.value;
	struct vmfile_lines *l = s->lines;

	if (e->data.scalar.length != strlen(name))
		return fault(s, e, "a key has a NUL byte");
	for (unsigned i = 0; i < l->count; i++)
		if (strcmp(l->keys[i].key, name) == 0)
			return error_set(s->err, -EINVAL,
					 "%s:%zu: %s: given twice; first on line %u",
					 s->path, e->start_mark.line + 1,
					 l->keys[i].key, l->keys[i].line);
	if (l->count == SCAN_MAX_KEYS)
		return fault(s, e, "too many keys");
	snprintf(l->keys[l->count].key, sizeof l->keys[0].key, "%s", name);
	l->keys[l->count++].line = (unsigned)e->start_mark.line + 1;
	s->want_value = true;
	return 0;
}

static int scan_scalar(struct scan *s, const yaml_event_t *e)
{
	if (!s->in_mapping)
		return fault(s, e, "expected a mapping such as `kernel: FILE`");
	if (!s->want_value)
		return scan_key(s, e);
	s->want_value = s->in_list;
	if (memchr(e->data.scalar.value, 0, e->data.scalar.length))
		return fault(s, e, "a value has a NUL byte");
	return 0;
}

static int scan_nested(struct scan *s, const yaml_event_t *e)
{
	if (s->in_list)
		return error_set(s->err, -EINVAL, "%s:%zu: %s: expected a list of "
				 "plain values", s->path, e->start_mark.line + 1,
				 s->lines->keys[s->lines->count - 1].key);
	if (s->in_mapping && s->want_value)
		return error_set(s->err, -EINVAL,
				 "%s:%zu: %s: expected one value, not a list or mapping",
				 s->path, e->start_mark.line + 1,
				 s->lines->keys[s->lines->count - 1].key);
	return fault(s, e, "expected a mapping such as `kernel: FILE`");
}

static bool takes_list(const char *key)
{
	return !strcmp(key, "disks") || !strcmp(key, "ports") ||
	       !strcmp(key, "net") || !strcmp(key, "publish");
}

static int scan_list(struct scan *s, const yaml_event_t *e)
{
	if (!s->in_mapping || !s->want_value || s->in_list ||
	    !takes_list(s->lines->keys[s->lines->count - 1].key))
		return scan_nested(s, e);
	s->in_list = true;
	return 0;
}

static int scan_event(struct scan *s, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return s->documents++ ? fault(s, e, "expected one document only") : 0;
	case YAML_MAPPING_START_EVENT:
		if (s->in_mapping)
			return scan_nested(s, e);
		s->in_mapping = true;
		return 0;
	case YAML_SEQUENCE_START_EVENT:
		return scan_list(s, e);
	case YAML_SEQUENCE_END_EVENT:
		s->in_list = s->want_value = false;
		return 0;
	case YAML_MAPPING_END_EVENT:
		s->in_mapping = false;
		return 0;
	case YAML_ALIAS_EVENT:
		return fault(s, e, "aliases (*name) are not for VM files");
	case YAML_SCALAR_EVENT:
		return scan_scalar(s, e);
	default:
		return 0;
	}
}

/* The place libyaml names: problem_mark, or nothing for an encoding error. */
static int syntax_fault(struct scan *s, const yaml_parser_t *p)
{
	const char *what = p->problem ? p->problem : "not readable";
	size_t line = p->problem_mark.line + 1;

	if (p->error == YAML_READER_ERROR)
		return error_set(s->err, -EINVAL,
				 "%s: not a text file: %s at byte %zu", s->path, what,
				 p->problem_offset);
	return error_set(s->err, -EINVAL, "%s:%zu: not YAML: %s", s->path, line, what);
}

int vmfile_scan(const char *path, const u8 *text, size_t size,
		struct vmfile_lines *lines, struct error *err)
{
	struct scan s = { .path = path, .lines = lines, .err = err };
	yaml_parser_t parser;
	bool end = false;
	int r = 0;

	lines->count = 0;
	if (!yaml_parser_initialize(&parser))
		return error_set(err, -ENOMEM, "%s: out of memory", path);
	yaml_parser_set_input_string(&parser, text, size);
	while (!r && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			r = syntax_fault(&s, &parser);
			break;
		}
		r = scan_event(&s, &event);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (!r && !s.documents)
		r = error_set(err, -EINVAL, "%s:1: the file is empty; expected a "
			      "mapping such as `kernel: FILE`", path);
	return r;
}

unsigned vmfile_line_of(const struct vmfile_lines *lines, const char *key)
{
	for (unsigned i = 0; i < lines->count; i++)
		if (strcmp(lines->keys[i].key, key) == 0)
			return lines->keys[i].line;
	return 1;
}
