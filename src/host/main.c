/* SPDX-License-Identifier: Apache-2.0 */
/* The program: from the command line to a command. */
#include "args.h"
#include "blobs.h"
#include "disks.h"
#include "engines.h"
#include "host.h"
#include "image.h"
#include "links.h"
#include "log.h"
#include "nets.h"
#include "vmfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
	int r = blob_open(&blob, "kernel", cfg->kernel, BLOB_MAX_SIZE, err);

	blob_close(&blob);
	if (!r && cfg->initrd) {
		r = blob_open(&blob, "initrd", cfg->initrd, cfg->memory, err);
		blob_close(&blob);
	}
	if (!r)
		r = disks_check(cfg, err);
	if (!r)
		r = nets_check(cfg, err);
	return r ? r : links_check(cfg, err);
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

/*
 * A closed stdin, stdout or stderr would give its number to the next file that
 * is opened, and the guest's console would be written into that.
 */
static int open_standard_files(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -errno;
	}
	return 0;
}

/* What a command printed must have arrived. */
static int finish_output(void)
{
	struct error err;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return STATUS_OK;
	error_set(&err, -errno, "stdout: %s", strerror(errno));
	return complain(&err);
}

int main(int argc, char **argv)
{
	struct args args;
	struct error err;

	if (open_standard_files())
		return STATUS_USAGE;
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow: EFBIG says it as well */
	if (argc > 1 && strcmp(argv[1], "image") == 0)
		return image_make(argc - 2, argv + 2, &err) ? complain(&err) : STATUS_OK;
	if (args_parse(&args, argc, argv, &err))
		return complain(&err);
	switch (args.command) {
	case CMD_RUN:
		return command_run(&args);
	case CMD_CHECK:
		if (command_check(&args))
			return STATUS_USAGE;
		break;
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
	return finish_output();
}
