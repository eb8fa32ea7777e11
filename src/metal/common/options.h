/* SPDX-License-Identifier: Apache-2.0 */
/* The image's command line. */
#ifndef METAL_OPTIONS_H
#define METAL_OPTIONS_H

#include <trivet/error.h>
#include <trivet/platform.h>

struct options {
	u64 memory; /* of a VM that no bundle describes: bytes */
	unsigned cpus;
	bool testdev;
	enum log_level log;
	const char *guest; /* its command line; points into ours */
};

/*
 * Words key=value, and behind a word "--" the guest's command line. -EINVAL with a
 * line that names the word.
 */
int options_parse(struct options *o, const char *cmdline, struct error *err);

#endif
