#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds a Debian root file system image from the packages of the mirror that
# this host's apt uses, without root: the directory OUT with disk.img (ext4,
# sparse), and the vmlinuz and initrd.img that boot it. Who has the key KEY may
# log in as root. OUT appears whole or not at all. DOWNLOAD keeps the packages.
# usage: tools/debian/build.sh OUT KEY DOWNLOAD SIZE
set -eu
out=$1 key=$2 download=$3 size=$4
here=$(dirname "$0")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# mke2fs may be where a user's PATH does not look
PATH=$PATH:/usr/sbin:/sbin

die() {
	echo "tools/debian/build.sh: $*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Files that belong to others need root's looks, not root.
faked() {
	if [ "$(id -u)" = 0 ]; then "$@"; else fakeroot -- "$@"; fi
}

# Debian's own entries of the host's apt configuration as "deb" lines; what else
# the host uses is no business of the image.
sources() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' 'Architecture: amd64' 2>/dev/null |
		sort -u | sed "s,^,deb [signed-by=$keyring] ,"
}

# How the host reaches that mirror: proxies and the like.
apt_options() {
	apt-config dump --format '%F "%v";%n' |
		grep -E '^Acquire::((http|https)::|Check-Valid-Until|Check-Date|Retries)' ||
		echo 'Acquire::Retries "3";'
}

# The scripts go into the tree because in a name space of its own the builder
# may not be allowed to read them where they are; options go as text.
tree() {
	packages=$(sed 's/#.*//' "$here/packages" | tr -s ' \t\n' ',' | sed 's/^,//; s/,$//')
	# dpkg's many fsync calls are worth nothing in a tree that is thrown away
	hooks=/usr/share/mmdebstrap/hooks
	sources | mmdebstrap --variant=apt --architectures=amd64 --include="$packages" \
		--aptopt="$(apt_options)" --aptopt='Acquire::Languages "none"' \
		--dpkgopt="$(cat "$here/dpkg.cfg")" --skip=essential/unlink \
		--hook-dir=$hooks/maybe-merged-usr --hook-dir=$hooks/eatmydata \
		--setup-hook='mkdir -p "$1/var/cache/apt/archives/partial"' \
		--setup-hook="sync-in '$work/packages' /var/cache/apt/archives" \
		--essential-hook='mkdir "$1/trivet"' \
		--essential-hook="upload '$here/before.sh' /trivet/before.sh" \
		--essential-hook="upload '$here/customize.sh' /trivet/customize.sh" \
		--essential-hook="upload '$key.pub' /trivet/key" \
		--essential-hook='sh "$1/trivet/before.sh" "$1"' \
		--customize-hook='sh "$1/trivet/customize.sh" "$1"' \
		--customize-hook="sync-out /var/cache/apt/archives '$work/packages'" \
		--customize-hook="download /boot/vmlinuz '$work/out/vmlinuz'" \
		--customize-hook="download /boot/initrd.img '$work/out/initrd.img'" \
		- "$work/root.tar" -
}

# mke2fs sees the owners that tar gave, so both run under the same fakeroot.
image() {
	echo "I: writing an ext4 file system of $size"
	mkdir "$work/root"
	truncate -s "$size" "$work/out/disk.img"
	# shellcheck disable=SC2016 # $0 is for the inner shell
	faked sh -ec 'tar -x --numeric-owner -p -f "$0/root.tar" -C "$0/root"
		mke2fs -q -t ext4 -L root -m 1 -E lazy_itable_init=0,lazy_journal_init=0 \
			-d "$0/root" "$0/out/disk.img"' "$work"
	fallocate --dig-holes "$work/out/disk.img"
	chmod 644 "$work/out/vmlinuz" "$work/out/initrd.img"
}

[ -n "$(sources)" ] || as_root apt-get -q update
[ -n "$(sources)" ] || die "apt knows no Debian archive for amd64: expected one in /etc/apt"

work=$out.new.$$
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
rm -rf "$out".new.*
mkdir -p "$download" "$work/out" "$work/packages"
for package in "$download"/*.deb "$download"/../linux-image-*-cloud-amd64_*.deb; do
	[ ! -f "$package" ] || ln -f "$package" "$work/packages/" 2>/dev/null ||
		cp "$package" "$work/packages/"
done
tree
image
rm -rf "$download" "$work/packages/lock" "$work/packages/partial"
mv "$work/packages" "$download"
rm -rf "$out"
mv "$work/out" "$out"
