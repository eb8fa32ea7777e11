#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a small initramfs from busybox-static and tools/guest/init. Programs in
# EXTRA, if there are any, go to /bench; drivers out of KERNEL, Debian's unpacked, to
# /modules. The same input gives the same bytes.
# usage: tools/guest/mkinitrd.sh OUT.gz EXTRA KERNEL
set -eu
out=$1 extra=$2 kernel=$3
here=$(dirname "$0")
busybox=$(command -v busybox || echo /bin/busybox)

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
for dir in bin sbin usr/bin usr/sbin etc dev proc sys tmp root bench modules; do
	mkdir -p "$tree/$dir"
done
cp "$busybox" "$tree/bin/busybox"
for applet in $("$busybox" --list-full); do
	case $applet in
	bin/busybox | linuxrc) continue ;;
	bin/* | sbin/* | usr/bin/* | usr/sbin/*) ;;
	*) applet=bin/${applet##*/} ;;
	esac
	ln -sf /bin/busybox "$tree/$applet"
done
cp "$here/init" "$tree/init"
chmod 755 "$tree/init" "$tree/bin/busybox"
for module in drivers/virtio/virtio_ring drivers/virtio/virtio \
	drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci_legacy_dev \
	drivers/virtio/virtio_pci drivers/virtio/virtio_balloon drivers/char/virtio_console \
	net/vmw_vsock/vsock net/vmw_vsock/vmw_vsock_virtio_transport_common \
	net/vmw_vsock/vmw_vsock_virtio_transport net/core/failover \
	drivers/net/net_failover drivers/net/virtio_net; do
	cp "$kernel"/lib/modules/*/kernel/$module.ko "$tree/modules/"
done
cp "$here/udhcpc.script" "$tree/etc/udhcpc.script"
chmod 755 "$tree/etc/udhcpc.script"
[ ! -d "$extra" ] || cp -R "$extra/." "$tree/bench/"

find "$tree" -exec touch -h -d @0 {} +
(cd "$tree" && find . | LC_ALL=C sort |
	cpio --quiet -o -H newc -R 0:0 --reproducible) | gzip -n -9 >"$out.new"
mv "$out.new" "$out"
