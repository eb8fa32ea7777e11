#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Downloads Debian's kernel for clouds and takes vmlinuz, the virtio modules and
# KVM out of it; nothing is installed. usage: tools/guest/fetch.sh build/guest build/download
set -eu
out=$1 download=$2
meta=linux-image-cloud-amd64

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# The package that the meta package stands for: linux-image-6.1.0-NN-cloud-amd64.
resolve() {
	apt-cache depends "$meta" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1
}

fetch() {
	package=$(resolve)
	[ -n "$package" ] || return 1
	echo "Downloading $package"
	rm -f "$download/$package"_*.deb
	(cd "$download" && apt-get -q -o APT::Sandbox::User=root download "$package") || return 1
}

mkdir -p "$out" "$download"
# package lists that are missing or out of date need one update
fetch || { as_root apt-get -q update && fetch; } || {
	echo "tools/guest/fetch.sh: cannot download $meta: expected Debian's amd64 archive" >&2
	exit 1
}
rm -rf "$out/kernel"
mkdir -p "$out/kernel"
deb=$(ls "$download/$package"_*.deb)
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$out/kernel" --wildcards \
	./boot './lib/modules/*/kernel/drivers/*virtio*' \
	'./lib/modules/*/kernel/net/vmw_vsock/v*' \
	'./lib/modules/*/kernel/drivers/net/net_failover.ko' \
	'./lib/modules/*/kernel/net/core/failover.ko' './lib/modules/*/kernel/arch/x86/kvm/*' \
	'./lib/modules/*/kernel/virt/lib/*'
cp "$out"/kernel/boot/vmlinuz-* "$out/vmlinuz.new"
mv "$out/vmlinuz.new" "$out/vmlinuz"
