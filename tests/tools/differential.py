#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random Containerfiles, built by docker buildx and by mica: configs and trees must be the same. differential.py FROM TO

FROM and TO are seeds, TO excluded: the same seed is the same case, so a difference can be looked at again. Wants a running docker with
buildx and BuildKit's image exporters (the containerd image store), and an image `busybox` in it. MICA names the program. What differs is left in
the directory that the first line names, with the logs of both. No part of ./check.
"""
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

MTIME = 1485449953
STARTED = time.time()
MICA = os.environ.get("MICA", "mica")
# BuildKit leaves them behind as mount points of RUN, with the time of the build
MOUNTED = {"dev", "etc", "proc", "run", "sys"}

# --- cases ---

NAMES = ["a", "b", "d", "e", "f.txt", "g.go", ".h", "x y", "ü", "d1"]
LINKS = ["a", "d", "../a", "/d", ".", "nope", "b/a", "../../x"]
GLOBS = ["*", "?", "d*", "*/*", "[a-d]", "*.go", "*/a", "d/*", "**", ".*"]
DESTS = ["/z", "/z/", "z", "z/", ".", "./", "/", "/z/y", "/z/y/", "../q", "/bin", "/etc/", "/tmp/x", "/lnk", "/lnk/", "/dlnk/x", "/old", "/old/",
         "/old/d", "$V", "${V}/w/", "/home"]
OWNERS = ["5", "5:6", "daemon", "daemon:lp", "0", "$U", "9:mail"]
MODES = ["755", "600", "0750", "u+x", "go-rwx", "a=rX", "2755", "4711", "g=u"]
EXCLUDES = ["a", "*", "**/a", "d/*", "*.go", "!a", "d", ".*"]
IGNORES = ["a", "*", "!a", "d", "!d/a", "**/a", "d/*", "*.go", "!*.go", "# c", "", "/b", "e/", "!**/g.go", "?", ".h", "!d", "x y", "[a-d]", "**/*.txt"]
FIRST = ("RUN mkdir -p /old/d /real && echo o > /old/a && echo p > /old/d/a && ln -s real /lnk && ln -s /nowhere /dlnk && chown 3:4 /old && "
         "chmod 711 /old/d && touch -d @1000 /old/d /old/a /old /real")
RUNS = ["find / -xdev -name a -type f | sort > /tmp/l || true", "pwd > /tmp/p; id > /tmp/i", "rm -rf /z/* /old/a 2>/dev/null; true",
        "echo $V > /tmp/v", "ls -la / | awk '{print $1,$3,$4,$9}' | sort > /tmp/ls || true", "rm -rf /old/d; mkdir /old/d; true",
        "cp -a /old /o; rm -rf /old; mv /o /old"]


def make_tree(r):
    """PATH -> (kind, content or target, mode, uid, gid)"""
    tree, dirs = {}, [""]
    for _ in range(r.randint(3, 14)):
        parent, name = r.choice(dirs), r.choice(NAMES)
        path = f"{parent}/{name}" if parent else name
        if path in tree or any(p.startswith(path + "/") for p in tree):
            continue
        kind = r.random()
        if kind < 0.35:
            tree[path] = ("dir", "", r.choice([0o755, 0o700, 0o2755, 0o1777, 0o711]), r.choice([0, 0, 5]), 0)
            dirs.append(path)
        elif kind < 0.5:
            tree[path] = ("link", r.choice(LINKS), 0o777, 0, 0)
        else:
            tree[path] = ("file", str(r.random()), r.choice([0o644, 0o600, 0o755, 0o4755]), r.choice([0, 7]), r.choice([0, 8]))
    tree.setdefault("a", ("file", str(r.random()), 0o644, 0, 0))
    return tree


def source(r, tree):
    path = r.choice(list(tree) + ["."])
    kind = r.random()
    if kind < 0.15:
        return "./" + path
    if kind < 0.25:
        return path + "/"
    if kind < 0.32:
        return "/" + path
    if kind < 0.37:
        return path + "/."
    if kind < 0.42:
        return f"{path}/../{r.choice(list(tree))}"
    if kind < 0.6:
        return r.choice(GLOBS + [path[:1] + "*"])
    return path


def words(list_):
    return json.dumps(list_, ensure_ascii=False) if any(" " in w for w in list_) else " ".join(list_)


def copy(r, tree):
    flags = []
    if r.random() < 0.2:
        flags.append("--link")
    if r.random() < 0.3:
        # --link cannot look names up
        flags.append("--chown=" + r.choice([o for o in OWNERS if not flags or not any(c.islower() for c in o)]))
    if r.random() < 0.25:
        flags.append("--chmod=" + r.choice(MODES))
    if r.random() < 0.2:
        flags.append("--exclude=" + r.choice(EXCLUDES))
    sources, dest = [source(r, tree) for _ in range(r.choice([1, 1, 1, 2, 3]))], r.choice(DESTS)
    if len(sources) > 1 and not dest.endswith("/"):
        dest += "/"
    return " ".join([r.choice(["COPY", "COPY", "ADD"]), *flags, words(sources + [dest])])


HEREDOCS = ["one\n", "$V ${U:-u}\n", "a \\\n b\n", "\ttab\n", "", "x\n\n# y\n", '"q" \'r\'\n', "$$ \\$V\n"]
SCRIPTS = ["echo $V >/tmp/h\n", "#!/bin/sh -e\nid >/tmp/i\n", "#!/bin/awk -f\nBEGIN { print 5 >\"/tmp/k\" }\n", "cat >/tmp/c <<X\n$V\nX\n",
           "set -e\ncd /tmp\nmkdir -p m/n\n"]
VALUES = ["x", '"a b"', "'$V'", "$V", "${V}", "${U:-d}", "${U:+e}", "a\\ b", '"a\\"b"', "${V#/v}", "${V%?}", "${V/v/w}", "${V//v/w}", "$V$V", "a=b", '""',
          "\\$V", "é", "${NOPE}"]
MOUNTS = ["type=bind,target=/m", "type=bind,source=a,target=/m/a", "type=tmpfs,target=/m,size=1m", "type=cache,target=/m", "type=cache,target=/m,uid=5,mode=0700",
          "type=bind,from=s0,target=/m", "type=bind,from=s0,source=/bin,target=/m,rw", "type=tmpfs,target=$V"]
IN_MOUNTS = ["ls -A /m | sort >/tmp/m || true", "touch /m/new 2>/tmp/e; true", "stat -c %a:%u /m >/tmp/s || true", "df /m >/dev/null; rmdir /m 2>/dev/null; true"]


def heredoc(r):
    tag = r.choice(["EOF", "'EOF'", '"EOF"', "-EOF"])
    if r.random() < 0.4:
        return f"RUN <<{tag}\n{r.choice(SCRIPTS)}EOF"
    if r.random() < 0.25:
        return f"COPY <<{tag} <<B {r.choice(['/z/', 'z/', '/hd/'])}\n{r.choice(HEREDOCS)}EOF\n{r.choice(HEREDOCS)}B"
    flags = "".join(f for f in ["--chmod=%s " % r.choice(MODES[:3]), "--chown=5:6 "] if r.random() < 0.3)
    return f"{r.choice(['COPY', 'ADD'])} {flags}<<{tag} {r.choice(DESTS)}\n{r.choice(HEREDOCS)}EOF"


def setting(r):
    value = lambda: r.choice(VALUES)
    kind = r.randint(0, 11)
    if kind == 0:
        return f"LABEL k={value()} 'l m'={value()}"
    if kind == 1:
        return r.choice([f"ENV P={value()} V={value()}", f"ENV P {value()} {value()}"])
    if kind == 2:
        return f"ARG U={value()}"
    if kind == 3:
        return "EXPOSE " + r.choice(["80", "80/udp 443", "$V", "8000-8002", "${U:-81}/tcp", "80 80"])
    if kind == 4:
        return "STOPSIGNAL " + r.choice(["9", "SIGTERM", "INT", "${U:-3}", "RTMIN+3"])
    if kind == 5:
        return "HEALTHCHECK " + r.choice(["NONE", "CMD true", '--interval=5s CMD ["a", "$V"]', "--retries=3 --timeout=1m30s CMD a $V",
                                          "--start-period=2s --start-interval=1500ms CMD x"])
    if kind == 6:
        return r.choice(["CMD", "ENTRYPOINT"]) + " " + r.choice(["echo $V", '["a", "b c"]', "[]", '["a",]', '[ "x" , "$V" ]', "a  'b'  \\\n  c", '["\\u0041"]'])
    if kind == 7:
        return "SHELL " + r.choice(['["/bin/sh", "-ec"]', '["/bin/sh", "-c"]', '["sh", "-xc"]'])
    if kind == 8:
        return "ONBUILD " + r.choice(["RUN echo $V >/tmp/onb", "COPY a /onb/", "ENV O=$V", "USER 7", "ARG U", "WORKDIR ow"])
    if kind == 9:
        return "# " + r.choice(["comment", "escape=`", "syntax=x"])
    if kind == 10:
        return "MAINTAINER me $V"
    return "USER " + r.choice(["${U:-5}", "daemon:lp", "5:mail", "root"])


def mounts(r):
    return "RUN " + "".join(f"--mount={r.choice(MOUNTS)} " for _ in range(r.choice([1, 1, 2]))) + r.choice(IN_MOUNTS)


# from 100,000 on: archives, named contexts, secrets, arguments from outside, hard links
MEMBERS = ["a", "d/", "d/b", "e/f/g.go", "./x", "/abs", "ü"]
OPTIONS = ["--build-arg=U=given", "--build-arg=V=/given", "--build-arg=Z=", "--label=k=cli", "--label=n", "--target=s0", "--build-arg=TARGETARCH=odd",
           "--add-host=h:1.2.3.4", "--build-arg=NOBODY=x"]
MORE_VALUES = ["${V%%/*}", "${V##*/}", "${U-x}", "${U+x}", "${V:?no}", "${U:-${V#/}}", "${V/#?/x}", '"${U:-a b}"', "'${U}'", "${V//[a-v]/_}", "$TARGETARCH",
               "${V/\\//-}", "${U:-\\$V}"]
SETS = ["[[:alpha:]]", "[[:^alpha:]]*", "*\n![[:lower:]]", "d/[[:alnum:]]", "\\d1", "[\\w]"]


def archive(r):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in r.sample(MEMBERS, r.randint(1, 5)):
            e = tarfile.TarInfo(name.rstrip("/"))
            e.mtime, e.uid, e.gid = r.choice([0, MTIME, 1000]), r.choice([0, 5]), r.choice([0, 6])
            if name.endswith("/"):
                e.type, e.mode = tarfile.DIRTYPE, r.choice([0o755, 0o700, 0o2755])
                tar.addfile(e)
            elif r.random() < 0.2:
                e.type, e.linkname = tarfile.SYMTYPE, r.choice(LINKS)
                tar.addfile(e)
            else:
                data = str(r.random()).encode()
                e.size, e.mode = len(data), r.choice([0o644, 0o4755, 0o600])
                tar.addfile(e, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0) if r.random() < 0.3 else out.getvalue()


def newer(r, tree):
    """An instruction of what differential.py learnt later."""
    flags = "".join(f for f in ["--chown=5:6 ", "--chmod=750 ", "--link "] if r.random() < 0.2)
    kind = r.randint(0, 6)
    if kind == 0:
        tree.setdefault("t.tar", ("bytes", archive(r), 0o644, 0, 0))
        return f"{r.choice(['ADD', 'ADD', 'COPY'])} {flags}{r.choice(['t.tar', 't.*'])} {r.choice(DESTS)}"
    if kind == 1:
        return f"COPY --from=more {flags}{r.choice(['a', '*', 'd', '.', 'd/*', '/a', 'nope*'])} {r.choice(DESTS)}"
    if kind == 2:
        where = r.choice([("", "cat /run/secrets/k"), (",target=/k,mode=0444", "cat /k"), (",env=K", "echo $K")])
        return "RUN --mount=type=secret,id=k%s %s >/tmp/k || true" % where
    if kind == 3:
        return r.choice(["ENV Q=%s", "ARG U=%s", "LABEL q=%s", "WORKDIR /w/%s", "ONBUILD ENV O=%s"]) % r.choice(MORE_VALUES)
    if kind == 4:
        return "COPY %s--exclude=%s --exclude=%s . %s" % (flags, r.choice(EXCLUDES), r.choice(EXCLUDES + SETS[:2]), r.choice(["/z/", "z/", "/new/deep/"]))
    if kind == 5:
        return "RUN --mount=from=more,target=/m ls -A /m | sort >/tmp/more"
    return f"COPY {flags}hard hard2 {r.choice(['/z/', '/hl/', 'q/'])}"


def make_case(seed):
    r = random.Random(seed)
    tree = make_tree(r)
    lines, stages = ["FROM busybox AS s0", "ENV V=/v/%s" % r.choice("abc")], 1
    if r.random() < 0.7:
        lines.append(FIRST)
    for _ in range(r.randint(2, 6)):
        kind = r.random()
        # seeds from 10,000 on speak more of the language
        if seed >= 100000 and r.random() < 0.5:
            lines.append(newer(r, tree))
        elif seed >= 10000 and r.random() < 0.6:
            lines.append(r.choice([heredoc, setting, setting, mounts])(r))
        elif kind < 0.5:
            lines.append(copy(r, tree))
        elif kind < 0.6:
            lines.append("WORKDIR " + r.choice(["/w", "w", "../w2", "/lnk/w", "$V", "/old/d", "."]))
        elif kind < 0.68:
            lines.append("ENV " + r.choice(["V=/v2", "V=$V/x U=7", 'X="a b" Y=$V', "U=11:12"]))
        elif kind < 0.74:
            lines.append("ARG " + r.choice(["V=/arg", "U=13", "Z", "U=$V"]))
        elif kind < 0.8:
            lines.append("USER " + r.choice(["5", "daemon", "5:6", "root"]))
        elif kind < 0.87:
            lines.append("RUN " + r.choice(RUNS))
        elif kind < 0.94:
            lines += [f"FROM {r.choice(['busybox', f's{stages - 1}'])} AS s{stages}", "ENV V=/v3"]
            lines.append("COPY --from=s%d %s %s" % (r.randint(0, stages - 1), r.choice(["/etc/passwd", "/z*", "/home", "/old", "/bin/sh", "/tmp/"]),
                                                   r.choice(DESTS)))
            stages += 1
        else:
            lines.append("VOLUME " + r.choice(["/vol", "/z", "$V"]))
    if r.random() < 0.5:
        known = IGNORES + SETS if seed >= 100000 else IGNORES
        rules = "".join(r.choice(known) + "\n" for _ in range(r.randint(1, 4)))
        tree[".dockerignore"] = ("file", rules, 0o644, 0, 0)
    if seed >= 10000 and r.random() < 0.3:
        lines.insert(0, r.choice(["ARG V=/g", "# escape=\\", "# check=skip=all", "ARG U=9\nARG W=$U"]))
    options = []
    if seed >= 100000:
        tree["hard"], tree["hard2"] = ("file", "h", 0o644, 0, 0), ("hard", "hard", 0, 0, 0)
        options = r.sample(OPTIONS, r.choice([0, 0, 1, 2]))
    return "\n".join(lines) + "\n", tree, options


def lay_out(top, tree):
    os.makedirs(top)
    for path, (kind, what, mode, uid, gid) in tree.items():
        path = os.path.join(top, path)
        if kind == "dir":
            os.makedirs(path, exist_ok=True)
        elif kind == "link":
            os.symlink(what, path)
        elif kind == "hard":
            os.link(os.path.join(top, what), path)
            continue
        else:
            with open(path, "wb") as f:
                f.write(what if kind == "bytes" else what.encode())
        os.chown(path, uid, gid, follow_symlinks=False)
        if kind != "link":
            os.chmod(path, mode)
    for parent, dirs, files in os.walk(top, topdown=False):
        for name in dirs + files:
            os.utime(os.path.join(parent, name), (MTIME, MTIME), follow_symlinks=False)
    os.utime(top, (MTIME, MTIME))


# --- images ---

def remove(tree, path, below_only=False):
    for p in [p for p in tree if p.startswith(path + "/") or path == "" or (p == path and not below_only)]:
        del tree[p]


def apply_layer(tree, layer):
    before = dict(tree)
    for e in layer:
        path = e.name.strip("/").removeprefix("./")
        parent, name = os.path.split(path)
        if name == ".wh..wh..opq":
            for p in [p for p in before if p.startswith(parent + "/") and tree.get(p) is before[p]]:
                del tree[p]
        elif name.startswith(".wh."):
            gone = os.path.join(parent, name[4:])
            if tree.get(gone) is before.get(gone):
                remove(tree, gone)
        elif path and path != ".":
            if path in tree and not e.isdir():
                remove(tree, path)
            content = hashlib.sha256(layer.extractfile(e).read()).hexdigest() if e.isreg() else e.linkname
            if e.islnk():
                tree[path] = tree[e.linkname.strip("/").removeprefix("./")]
            else:
                tree[path] = {"type": e.type.decode(), "mode": oct(e.mode) if not e.issym() else "", "owner": f"{e.uid}:{e.gid}", "content": content,
                              "device": (e.devmajor, e.devminor) if e.isdev() else "", "time": int(e.mtime)}


def read_image(path):
    """The config, the tree that the layers make, and which of them have files."""
    archive, tree, filled = tarfile.open(path), {}, []

    def blob(d):
        return archive.extractfile("blobs/" + d["digest"].replace(":", "/"))

    document = json.load(archive.extractfile("index.json"))
    while "manifests" in document:
        document = json.load(blob(document["manifests"][0]))
    for d in document["layers"]:
        data = blob(d).read()
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)) as layer:
            apply_layer(tree, layer)
            filled.append(bool(layer.getmembers()))
    return json.load(blob(document["config"])), tree, filled


def settings(config):
    c = {k: v for k, v in config["config"].items() if v}
    c["Env"], c["WorkingDir"] = sorted(c.get("Env", [])), c.get("WorkingDir", "").rstrip("/") or "/"
    return {**c, "os": config["os"], "architecture": config["architecture"]}


def without_layer(config):
    return [h.get("empty_layer", False) for h in config["history"]]


def differences(docker, mica):
    (a, x, s), (b, y, t) = docker, mica
    if settings(a) != settings(b):
        yield f"config: {settings(a)} and {settings(b)}"
    if s != t:
        yield f"layers with files: {s} and {t}"
    if without_layer(a) != without_layer(b):
        yield f"history: {without_layer(a)} and {without_layer(b)}"
    for path in sorted(set(x) | set(y)):
        if path not in x or path not in y:
            yield f"{path} is only in {'the image of docker' if path in x else 'that of mica'}"
            continue
        p, q = dict(x[path]), dict(y[path])
        # the root of a context has no time there
        made = p["type"] == "5" and p["time"] > STARTED - 86400
        if path in MOUNTED or made or min(p["time"], q["time"]) > STARTED - 86400:
            p["time"] = q["time"] = 0
        for key in p:
            if p[key] != q[key]:
                yield f"{path}: {key} is {p[key]} in docker's image, {q[key]} in mica's"


# --- the builds ---

def run(log, *argv):
    with open(log, "w") as f:
        return subprocess.run(argv, stdout=f, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=300).returncode


def try_case(seed, top, store):
    text, tree, options = make_case(seed)
    work = f"{top}/{seed}"
    # of a context with the name of an earlier one BuildKit takes files again that have the same size and time
    context = f"{work}/context-{seed}-{os.getpid()}"
    lay_out(context, tree)
    if seed >= 100000:
        more = f"{work}/more-{seed}-{os.getpid()}"
        lay_out(more, make_tree(random.Random(-seed)))
        with open(work + "/secret", "w") as f:
            f.write("hidden")
        options += [f"--build-context=more={more}", f"--secret=id=k,src={work}/secret"]
    with open(work + "/Containerfile", "w") as f:
        f.write(text)
    # BuildKit's cache mounts outlive a case
    common = ["--no-cache", "-f", work + "/Containerfile", f"--build-arg=BUILDKIT_CACHE_MOUNT_NS={seed}-{os.getpid()}", *options]
    d = run(work + "/docker.log", "docker", "buildx", "build", "--progress=plain", "--network=host", "--provenance=false",
            f"--output=type=oci,dest={work}/docker.tar", *common, context)
    m = run(work + "/mica.log", MICA, "--root", store, "build", "--network=host", f"--output=type=oci,dest={work}/mica.tar", *common, context)
    if d and not m and "--exclude" in text:
        # beside --exclude BuildKit fails at a link that leads nowhere
        with open(work + "/docker.log") as f:
            if "failed to calculate checksum of ref" in f.read() and any(what[0] == "link" for what in tree.values()):
                shutil.rmtree(work)
                return []
    if (d == 0) != (m == 0):
        return [f"docker ends with {d}, mica with {m}"]
    found = list(differences(read_image(work + "/docker.tar"), read_image(work + "/mica.tar"))) if d == 0 else []
    if not found:
        shutil.rmtree(work)
    return found


def main():
    first, end = int(sys.argv[1]), int(sys.argv[2])
    top = tempfile.mkdtemp(prefix="differential.")
    print(top, flush=True)
    subprocess.run(["docker", "save", "-o", top + "/base.tar", "busybox"], check=True)
    pulled = subprocess.run([MICA, "--root", top + "/store", "pull", "-q", f"docker-archive:{top}/base.tar"], check=True, stdout=subprocess.PIPE, text=True)
    subprocess.run([MICA, "--root", top + "/store", "tag", pulled.stdout.strip(), "docker.io/library/busybox:latest"], check=True)
    differ = 0
    for seed in range(first, end):
        found = try_case(seed, top, top + "/store")
        differ += bool(found)
        for line in found[:8]:
            print(f"{seed}: {line}", flush=True)
    print(f"{end - first} cases, {differ} differ")
    if not differ:
        shutil.rmtree(top)
    sys.exit(1 if differ else 0)


main()
