/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef HOST_ARGS_H
#define HOST_ARGS_H

#include "config.h"

enum command { CMD_RUN, CMD_ENGINES, CMD_CHECK, CMD_VERSION, CMD_HELP };

enum stats_form { STATS_NONE, STATS_TEXT, STATS_JSON };

struct args {
	enum command command;
	const char *vmfile; /* NULL when none was given */
	enum stats_form stats;
	const char *values[CONFIG_KEYS]; /* of --key; NULL when not given */
	const char *disks[CONFIG_MAX_DISKS]; /* of every --disk */
	unsigned disk_count;
	const char *ports[CONFIG_MAX_PORTS]; /* of every --port */
	unsigned port_count;
	const char *nets[CONFIG_MAX_NETS]; /* of every --net */
	unsigned net_count;
	const char *forwards[CONFIG_MAX_FORWARDS]; /* of every -p, --publish */
	unsigned forward_count;
};

/* argv as main has it; the strings are not copied. -EINVAL. */
int args_parse(struct args *args, int argc, char *const argv[], struct error *err);
/* Puts the options given into cfg, over what is there. */
int args_apply(const struct args *args, struct vm_config *cfg, struct error *err);
/* The usage text. */
extern const char args_usage[];

#endif
