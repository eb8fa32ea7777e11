#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copies the image that build.sh left in BASE, with its kernel and RAM disk, to
# DIR, where the user runs it. A disk.img there that was ever mounted is the
# user's own by now, and stays as it is. usage: tools/debian/install.sh BASE DIR
set -eu
base=$1 dir=$2
PATH=$PATH:/usr/sbin:/sbin
disk=$dir/disk.img

if [ -f "$disk" ] && ! dumpe2fs -h "$disk" 2>/dev/null | grep -q '^Last mount time: *n/a'; then
	[ "$disk" -nt "$base/disk.img" ] && [ -f "$dir/vmlinuz" ] && [ -f "$dir/initrd.img" ] ||
		echo "$disk has been in use and is kept. For a fresh one: rm $disk && make debian"
	exit 0
fi
# The disk comes last: while it is missing, the rest does not count.
rm -f "$disk"
trap 'rm -f "$dir"/*.new' EXIT
for file in vmlinuz initrd.img disk.img; do
	cp --sparse=always --reflink=auto "$base/$file" "$dir/$file.new"
	mv "$dir/$file.new" "$dir/$file"
done
echo "Run it with: build/trivet run examples/debian.yaml   (log in as root, no password)"
