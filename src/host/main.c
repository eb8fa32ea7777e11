/* SPDX-License-Identifier: Apache-2.0 */
/* The program: from the command line to a command. */
#include "args.h"
#include "blobs.h"
#include "engines.h"
#include "host.h"
#include "log.h"
#include "vmfile.h"

#include <stdio.h>

#define TRIVET_VERSION "0.1"

static int complain(const struct error *err)
{
	log_line("%s", err->msg);
	return STATUS_USAGE;
}

/* VM file first, options over it. */
static int load_config(const struct args *args, struct vm_config *cfg,
		       struct error *err)
{
	int r = config_init(cfg);

	if (r)
		return error_set(err, r, "out of memory");
	if (args->vmfile)
		r = vmfile_load(cfg, args->vmfile, err);
	if (!r)
		r = args_apply(args, cfg, err);
	return r ? r : config_check(cfg, err);
}

static int command_run(const struct args *args)
{
	struct vm_config cfg;
	struct error err;
	int status;

	if (load_config(args, &cfg, &err))
		status = complain(&err);
	else
		status = run_machine(&cfg, args->stats);
	config_fini(&cfg);
	return status;
}

/* The files a VM file names must be there too. */
static int check_files(const struct vm_config *cfg, struct error *err)
{
	struct blob blob;
	int r = blob_open(&blob, "kernel", cfg->kernel, err);

	blob_close(&blob);
	if (r || !cfg->initrd)
		return r;
	r = blob_open(&blob, "initrd", cfg->initrd, err);
	blob_close(&blob);
	return r;
}

static int command_check(const struct args *args)
{
	struct vm_config cfg;
	struct error err;
	int status = STATUS_OK;

	if (load_config(args, &cfg, &err) || check_files(&cfg, &err))
		status = complain(&err);
	else
		printf("%s: no fault found\n", args->vmfile);
	config_fini(&cfg);
	return status;
}

int main(int argc, char **argv)
{
	struct args args;
	struct error err;

	if (args_parse(&args, argc, argv, &err))
		return complain(&err);
	switch (args.command) {
	case CMD_RUN:
		return command_run(&args);
	case CMD_CHECK:
		return command_check(&args);
	case CMD_ENGINES:
		engines_print();
		break;
	case CMD_VERSION:
		printf("trivet %s\n", TRIVET_VERSION);
		break;
	case CMD_HELP:
		fputs(args_usage, stdout);
		break;
	}
	return STATUS_OK;
}
