#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""repair.py PACK: makes the symbolic links of a conformance pack again, where whatever carried it here stored them as plain files.

Which small files were links is told by what the case expects of them and by how their content and their name look.
"""
import os
import re
import sys

PLAIN_NAMES = (".dockerignore", ".containerignore", "Dockerfile", "Containerfile")
LINK_MAX = 200
# where the rules below guess wrong
STAYS_PLAIN = {"buildkit/copy-symlinks/context/sub/lfile"}
IS_LINK = {"buildkit/copy-chown-existing-dir-1/context/Dockerfile"}


def link(path, target):
    os.remove(path)
    os.symlink(target, path)


def expected_targets(case):
    try:
        with open(f"{case}/expected.fs", errors="surrogateescape") as f:
            return set(re.findall(r" link=(\S+)", f.read()))
    except FileNotFoundError:
        return set()


def was_link(path, text, name, targets):
    folder, base = os.path.split(path)
    if base.startswith(PLAIN_NAMES):
        return False
    if text in targets or "/" in text or ("link" in name and base.startswith("l")):
        return True
    return text != base and os.path.lexists(os.path.join(folder, text))


def repair_case(case, name):
    targets = expected_targets(case)
    found = []
    for folder, _, files in os.walk(f"{case}/context"):
        for file in files:
            path = os.path.join(folder, file)
            relative = f"{name}/{os.path.relpath(path, case)}"
            if os.path.islink(path) or os.path.getsize(path) > LINK_MAX or relative in STAYS_PLAIN:
                continue
            with open(path, errors="surrogateescape") as f:
                text = f.read()
            if re.fullmatch(r"[\w./@+-]+", text) and (relative in IS_LINK or was_link(path, text, name, targets)):
                found.append((path, text))
    for path, text in found:
        link(path, text)
    return len(found)


def main():
    pack = sys.argv[1]
    if any(os.path.islink(f"{pack}/bases/{b}/blobs") for b in os.listdir(f"{pack}/bases")):
        return
    for base in os.listdir(f"{pack}/bases"):
        if os.path.isfile(f"{pack}/bases/{base}/blobs"):
            link(f"{pack}/bases/{base}/blobs", "../blobs")
    links = 0
    for group in sorted(os.listdir(f"{pack}/cases")):
        for case in sorted(os.listdir(f"{pack}/cases/{group}")):
            if os.path.exists(f"{pack}/cases/{group}/{case}/case.json"):
                links += repair_case(f"{pack}/cases/{group}/{case}", f"{group}/{case}")
    print(f"# {links} symbolic links of the pack made again")


main()
