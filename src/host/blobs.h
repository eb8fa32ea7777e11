/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel and initial RAM disk files, mapped into memory. */
#ifndef HOST_BLOBS_H
#define HOST_BLOBS_H

#include <trivet/error.h>
#include <trivet/machine.h>

#define BLOB_MAX_SIZE GIB(4)

/*
 * Maps the file at path. path must outlive the blob. what ("kernel") starts the
 * message: missing, directory, unreadable, empty, too big. Negative errno.
 */
int blob_open(struct blob *blob, const char *what, const char *path,
	      struct error *err);
void blob_close(struct blob *blob);

#endif
