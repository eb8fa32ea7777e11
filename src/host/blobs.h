/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel and initial RAM disk files, read into memory. */
#ifndef HOST_BLOBS_H
#define HOST_BLOBS_H

#include <trivet/error.h>
#include <trivet/machine.h>

#define BLOB_MAX_SIZE GIB(4)

/*
 * Reads the file at path. path must outlive the blob. what ("kernel") starts the
 * message: missing, directory, unreadable, empty, over max_size or
 * BLOB_MAX_SIZE. Negative errno.
 */
int blob_open(struct blob *blob, const char *what, const char *path, u64 max_size,
	      struct error *err);
/* It is not needed for a while (until a reset): give the memory back. */
void blob_rest(const struct blob *blob);
void blob_close(struct blob *blob);

#endif
