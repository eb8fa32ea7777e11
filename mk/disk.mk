# SPDX-License-Identifier: Apache-2.0
# Disks on io_uring.
HOST_PKGS += liburing
