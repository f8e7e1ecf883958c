#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damages each kind of file of a store in each way, one at a time.

damage.py MICA DIRECTORY EACH: DIRECTORY is empty, EACH says that only each such case is tried. Of every case: commands
succeed or say why not in one line, and end; what makes one fail is found by fsck; after fsck --repair it finds nothing
any more, no image is lost but one that was damaged itself, and all can be made again.
"""
import json
import os
import shutil
import subprocess
import sys

MICA, TOP, EACH = sys.argv[1], sys.argv[2], int(sys.argv[3])
GOOD, STORE, CONTEXT = (os.path.join(TOP, name) for name in ("good", "store", "context"))
BUILD = ["build", "-q", "-t", "one", CONTEXT]
COMMANDS = [["images"], ["inspect", "one"], ["containers"], ["cache", "ls"], ["du"], ["tag", "one", "two"], BUILD,
            ["config", "--label", "a=b", "box"], ["cache", "limit", "things", "1m"], ["prune", "-f"]]


def mica(store, *words):
    try:
        done = subprocess.run([MICA, "--root", store, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=60, cwd=TOP, check=False)
    except subprocess.TimeoutExpired:
        return None, "", "it hangs"
    return done.returncode, done.stdout, done.stderr


def made(store, *words):
    code, out, said = mica(store, *words)
    if code:
        sys.exit(f"{' '.join(words)}: {said}")
    return out


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def empty(path):
    write(path, b"")


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


def garbage(path):
    write(path, b"\xff{]\x1b[31m\0\n" * 40)


def directory(path):
    remove(path)
    os.mkdir(path)
    write(path + "/x", b"x")


def regular(path):
    remove(path)
    write(path, b"x")


def link(path):
    remove(path)
    os.symlink("/nonexistent/x", path)


def pipe(path):
    remove(path)
    os.mkfifo(path)


def flip(path):
    with open(path, "r+b") as file:
        content = bytearray(file.read())
        if content:
            content[len(content) // 2] ^= 1
        file.seek(0)
        file.write(content)


def swap(path):
    """With what lies beside it."""
    others = sorted(name for name in os.listdir(os.path.dirname(path)) if name != os.path.basename(path))
    if others:
        other = os.path.join(os.path.dirname(path), others[0])
        os.rename(path, path + ".swap")
        os.rename(other, path)
        os.rename(path + ".swap", other)


def alien(path):
    os.chown(path, 12345, 12345)
    os.chmod(path, 0)


OF_FILES = [empty, cut, garbage, remove, directory, link, pipe, flip, swap, alien]
OF_DIRECTORIES = [remove, regular, link, pipe, swap, alien]


def make_good():
    os.mkdir(CONTEXT)
    write(CONTEXT + "/file", b"content " * 1000)
    write(CONTEXT + "/Containerfile", b"FROM scratch\nCOPY file /file\nLABEL a=b\n")
    write(TOP + "/other", b"FROM scratch\nCOPY file /other\n")
    made(GOOD, *BUILD)
    made(GOOD, "build", "-q", "-t", "other", "-f", TOP + "/other", CONTEXT)
    made(GOOD, "from", "--name", "box", "other")
    made(GOOD, "manifest", "create", "list", "one")
    subprocess.run(["tar", "-cf", TOP + "/tar", "-C", CONTEXT, "file"], check=True)
    made(GOOD, "cache", "import", "-i", TOP + "/tar", "things")
    made(GOOD, "cache", "limit", "things", "1m")
    made(GOOD, "images")


def document(digest):
    with open(f"{GOOD}/blobs/sha256/{digest[7:]}", encoding="utf-8") as file:
        return json.load(file)


def kinds():
    """What is there, by what it is: one path of each kind."""
    ret = {}
    with open(GOOD + "/index.json", encoding="utf-8") as file:
        index = json.load(file)
    for entry in index["manifests"]:
        name = entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
        manifest = document(entry["digest"])
        if name.startswith("localhost/list:"):
            ret["index"] = "blobs/sha256/" + entry["digest"][7:]
        if not name.startswith("localhost/one:"):
            continue
        ret["manifest"] = "blobs/sha256/" + entry["digest"][7:]
        ret["config"] = "blobs/sha256/" + manifest["config"]["digest"][7:]
        ret["layer"] = "blobs/sha256/" + manifest["layers"][0]["digest"][7:]
        ret["unpacked layer"] = "layers/" + document(manifest["config"]["digest"])["rootfs"]["diff_ids"][0][7:]
    for where, dirs, files in os.walk(GOOD):
        for name in sorted(dirs + files):
            path = os.path.relpath(os.path.join(where, name), GOOD)
            parts = path.split("/")
            hexes = [i for i, part in enumerate(parts) if len(part) == 64]
            if len(parts) - bool(hexes) > 2 or (hexes and parts[0] in ("blobs", "layers")):
                continue
            ret.setdefault("/".join("ID" if i in hexes else part for i, part in enumerate(parts)), path)
    for path in ("blobs/sha256/strange", "layers/strange", "cache/steps/strange", "containers/strange", "mounts/strange",
                 "tmp/strange"):
        ret[path] = path
    return ret


def names(store):
    return {(i["id"], name) for i in json.loads(made(store, "images", "--json")) for name in i["names"] or [None]}


def runs(words, failed):
    code, out, said = mica(STORE, *words)
    lines = [line for line in said.splitlines() if line.startswith("mica: ") and not line.startswith("mica: warning: ")]
    if code not in (0, 1, 125) or (code == 125) != (len(lines) == 1) or "\x1b" in out + said:
        failed.append(f"{' '.join(words)}: status {code}, {said}")
    return code, out


def restored(path, damage):
    if os.path.lexists(STORE):
        shutil.rmtree(STORE)
    subprocess.run(["cp", "-a", GOOD, STORE], check=True)
    path = os.path.join(STORE, path)
    if not os.path.lexists(path):
        write(path, b"x")
    damage(path)


def try_two(one, other):
    """Fewer promises: nothing hangs, and what is left is sound and can be used."""
    failed = []
    restored(*one[1:])
    path = os.path.join(STORE, other[1])
    if not os.path.islink(path) and (os.path.isdir(path) if other[2] in OF_DIRECTORIES[1:4] else os.path.isfile(path)):
        other[2](path)
    for words in COMMANDS:
        runs(words, failed)
    for words in (["fsck", "--repair"], ["fsck", "--repair"]):
        if runs(words, failed)[0] == 125:
            failed.append("it is not repaired")
    for words in (["rm", "-a"], BUILD, ["inspect", "one"], ["prune", "-f"], ["fsck"]):
        if runs(words, failed)[0]:
            failed.append(f"{' '.join(words)} fails afterwards")
    return failed


def try_one(kind, path, damage):
    failed = []
    restored(path, damage)
    fine = all([runs(words, failed)[0] == 0 for words in COMMANDS])
    restored(path, damage)
    code, out = runs(["fsck"], failed)
    if not fine and code == 0:
        failed.append("fsck finds nothing")
    code, out = runs(["fsck", "--repair"], failed)
    if code == 125:
        failed.append("it is not repaired")
    code, out = runs(["fsck"], failed)
    # a working container that has lost its image is its user's business
    if code and "below the working container" not in out:
        failed.append(f"it is not repaired: {out}")
    lost = names(GOOD) - names(STORE)
    if damage is swap:
        lost = set()  # the other one may be anything
    elif kind == "index.json":
        lost = {i for i, name in names(GOOD)} - {i for i, name in names(STORE)}
    elif kind in ("index", "manifest", "config"):
        lost = {name for i, name in lost if name not in ("localhost/one:latest", "localhost/list:latest")}
    elif kind in ("blobs", "blobs/sha256"):
        lost = set()
    if lost:
        failed.append(f"lost: {lost}")
    if code == 0:
        for words in (BUILD, ["inspect", "one"], ["tag", "one", "two"], ["prune", "-f"], ["cache", "ls"], ["rm", "-a"], ["fsck"]):
            if runs(words, failed)[0]:
                failed.append(f"{' '.join(words)} fails afterwards")
    return failed


def main():
    make_good()
    cases = [(kind, path, damage) for kind, path in sorted(kinds().items())
             for damage in (OF_DIRECTORIES if os.path.isdir(os.path.join(GOOD, path)) else OF_FILES)
             if (kind, damage) != ("containers/ID", remove)]
    bad = 0
    for case in cases[::EACH]:
        for line in try_one(*case):
            print(f"{case[0]}, {case[2].__name__}: {line}", file=sys.stderr)
            bad += 1
    pairs = [(case, cases[(i * 31 + 7) % len(cases)]) for i, case in enumerate(cases)][::4 * EACH]
    for one, other in pairs:
        for line in try_two(one, other):
            print(f"{one[0]}, {one[2].__name__} and {other[0]}, {other[2].__name__}: {line}", file=sys.stderr)
            bad += 1
    print(f"{len(cases[::EACH])} of {len(cases)} cases, {len(pairs)} of two at once")
    sys.exit(bad > 0)


main()
