#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tree-list.py DIR: one line for each path below DIR with all that an image carries; times are left out."""
import hashlib
import os
import stat
import sys


def main():
    top = os.fsencode(sys.argv[1])
    first = {}  # (device, inode) -> first path of a hard-link group
    for folder, names, files in os.walk(top):
        names.sort()
        for name in sorted(names + files):
            path = os.path.join(folder, name)
            rel = os.path.relpath(path, top)
            st = os.lstat(path)
            kind = stat.S_IFMT(st.st_mode)
            out = ["%06o" % st.st_mode, "%d:%d" % (st.st_uid, st.st_gid)]
            if kind == stat.S_IFREG:
                with open(path, "rb") as f:
                    out += [str(st.st_size), hashlib.sha256(f.read()).hexdigest()]
            elif kind == stat.S_IFLNK:
                out.append("-> " + repr(os.readlink(path)))
            elif kind in (stat.S_IFCHR, stat.S_IFBLK):
                out.append("%d,%d" % (os.major(st.st_rdev), os.minor(st.st_rdev)))
            if kind != stat.S_IFDIR and st.st_nlink > 1:
                out.append("same as " + repr(first.setdefault((st.st_dev, st.st_ino), rel)))
            for attr in sorted(os.listxattr(path, follow_symlinks=False)):
                if not attr.startswith("trusted.overlay."):
                    out.append(attr + "=" + os.getxattr(path, attr, follow_symlinks=False).hex())
            print(repr(rel), *out)


main()
