# SPDX-License-Identifier: Apache-2.0
"""Writes an initramfs: a gzipped cpio archive in the "newc" format (Linux
Documentation/driver-api/early-userspace/buffer-format.rst). Done here and not
with cpio(1) so that /dev/console needs no root."""

import gzip
import os
import stat

CONSOLE = (5, 1)
NULL = (1, 3)


class Archive:
    """One cpio archive being written."""

    def __init__(self, out):
        self.out = out
        self.inode = 0

    def add(self, name, mode, data=b"", device=(0, 0)):
        self.inode += 1
        path = name.lstrip("/").encode() + b"\0"
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device,
                  len(path), 0]
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + path
        self.out.write(head + b"\0" * (-len(head) % 4))
        self.out.write(data + b"\0" * (-len(data) % 4))

    def end(self):
        self.add("TRAILER!!!", 0)


def write_initramfs(path, files, init):
    """files: {path in the guest: path here}; init: the text of /init."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with gzip.GzipFile(path, "wb", compresslevel=6, mtime=0) as out:
        archive = Archive(out)
        parents = {os.path.dirname(f) for f in files} | {"/dev", "/proc", "/sys"}
        for d in sorted(parents):
            archive.add(d, stat.S_IFDIR | 0o755)
        archive.add("/dev/console", stat.S_IFCHR | 0o600, device=CONSOLE)
        archive.add("/dev/null", stat.S_IFCHR | 0o666, device=NULL)
        for name, source in files.items():
            with open(source, "rb") as f:
                archive.add(name, stat.S_IFREG | 0o755, f.read())
        archive.add("/init", stat.S_IFREG | 0o755, init.encode())
        archive.end()
