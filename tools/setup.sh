#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing. usage: tools/setup.sh GROUP...
#   build  what compiles build/trivet
#   guest  what makes build/guest from Debian's kernel
#   debian what makes build/debian, a whole Debian on a disk
#   test   what `make check` runs on top
#   metal  what the bare-metal image is packed with and tried in
#   bench  what `make bench` compares with
set -eu

group_packages() {
	case $1 in
	build) echo gcc libc6-dev binutils make pkg-config libcyaml-dev libyaml-dev libseccomp-dev \
		liburing-dev libslirp-dev ;;
	guest) echo busybox-static cpio gzip tar apt ;;
	debian) echo apt mmdebstrap debian-archive-keyring gpgv uidmap fakechroot fakeroot \
		e2fsprogs openssh-client tar ;;
	test) echo e2fsprogs clang libclang-rt-dev libcmocka-dev libzydis-dev \
		python3 python3-pytest python3-pytest-xdist python3-pexpect ;;
	metal) echo qemu-system-x86 grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools ovmf \
		bochs bochs-term bochsbios vgabios \
		python3 python3-pytest python3-pexpect ;;
	bench) echo qemu-system-x86 python3 ;;
	*) echo "tools/setup.sh: no group '$1'; expected build, guest, debian, test, metal or bench" >&2
	   exit 2 ;;
	esac
}

wanted=
for group; do
	wanted="$wanted $(group_packages "$group")"
done

id=$(. /etc/os-release 2>/dev/null && echo "${ID-}") || id=
if [ "$id" != debian ] || ! command -v apt-get >/dev/null ||
   ! command -v dpkg-query >/dev/null; then
	echo "This set-up is for Debian 12. Here, install what these Debian packages hold:" >&2
	echo " $wanted" >&2
	exit 2
fi

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
	case " $missing " in *" $package "*) continue ;; esac
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Installing missing Debian packages:$missing"
root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "No sudo here. As root: apt-get install$missing" >&2
		exit 2
	fi
	root=sudo
fi
apt="apt-get -q -o DPkg::Lock::Timeout=300"
$root $apt update
# shellcheck disable=SC2086 # the lists are words
$root env DEBIAN_FRONTEND=noninteractive $apt install -y --no-install-recommends $missing
