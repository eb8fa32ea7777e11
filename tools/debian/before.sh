# SPDX-License-Identifier: Apache-2.0
# Before the packages of the list are configured; $1 is the root directory.
# An initial RAM disk with what finds a disk of this machine, and no more.
mkdir -p "$1/etc/initramfs-tools/conf.d"
cat >"$1/etc/initramfs-tools/conf.d/trivet" <<'END'
MODULES=list
END
printf '%s\n' virtio_pci virtio_mmio virtio_blk ext4 >"$1/etc/initramfs-tools/modules"
