#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random Containerfiles and contexts, one random edit at a time: what the cache makes must be what --no-cache makes.

usage: cache-property.py MICA BUSYBOX ROUNDS [SEED]
A round edits one thing (content, mode, owner, name, link, time of a file, an ignore rule or file, an instruction of one of four stages or
a flag of it, what the last stage is built on, a build argument, a secret, a named context, which image a name means, a flag about the box,
the target, the platform, the form of the image, the time that files get, our umask), builds with the cache and then without it, and
compares the manifests' digests; --timestamp takes out the times of files, which are no part of a key. Now and then a build is killed
before, or the one with the cache runs twice at the same time, or it is done in an empty store with what the cache has written elsewhere.
Prints the seed; the same seed, the same rounds, but for the moment of a kill.
"""
import copy
import difflib
import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time


def write(path, data, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.remove(path)
    with open(path, "w") as f:
        f.write(data)
    os.chmod(path, mode)


def write_tar(path, names, compression):
    with tarfile.open(path, f"w:{compression}") as t:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            t.addfile(info, io.BytesIO(name.encode()))


# What a user may say about the box; each shows in a file of the image, see Case.line().
BOX = {
    "--ulimit": ["nofile=512:512", "nofile=700:700"],
    "--shm-size": ["16m", "32m"],
    "--add-host": ["one:10.0.0.1", "one:10.0.0.2"],
    "--cap-drop": ["CAP_CHOWN", "CAP_KILL"],
    "--cap-add": ["CAP_SYS_PTRACE"],
    "--dns": ["10.0.0.3"],
    "--memory": ["512m"],
    "--build-arg": ["UNUSED=1", "UNUSED=2"],
    "--uts": ["host"],
    "--ipc": ["host"],
    "--userns-uid-map": ["0:100000:65536"],
    "--isolation": ["chroot"],
    "--group-add": ["77"],
    "--security-opt": ["no-new-privileges", "seccomp=unconfined"],
    "--env": ["E1=outside", "A=outside"],
    "--no-hosts": ["true"],
    "--volume": ["extra1:/volume:ro", "extra2:/volume:ro"],
    "--target": ["left", "right", "first"],
    "--platform": ["linux/amd64"],
    "--label": ["a=1", "a=2"],
    "--format": ["docker"],
    "--squash": ["true"],
    "--omit-history": ["true"],
    "--layers": ["true"],
}
# Left out of the keys on purpose: nothing in the image shows them.
SILENT = ("--dns", "--memory", "--build-arg", "--layers")
ROOT = os.geteuid() == 0


class Case:
    """A context and Containerfile that can be edited."""

    def __init__(self, rnd, context):
        self.rnd, self.context, self.n = rnd, context, 0
        self.args, self.box, self.epoch, self.umask, self.jobs = {"A": "1", "B": "1", "G": "1"}, {}, ["--timestamp=1700000000"], 0o022, 2
        self.extra, self.ignorefile, self.base, self.leak = "extra1", False, "box", ""
        for name in ("a", "b", "d/c", "d/e/f", "g/h", "g/i", "p/q/r/s.txt", "p/q/t.txt", "run.sh"):
            write(f"{context}/{name}", name)
        os.symlink("a", f"{context}/link")
        os.symlink("../d", f"{context}/g/dirlink")
        os.link(f"{context}/a", f"{context}/hard")
        write_tar(f"{context}/t.tar", ["in/one", "in/two"], "")
        write_tar(f"{context}/t.tgz", ["gz/one"], "gz")
        self.onbuild = rnd.choice(["ONBUILD COPY b /onbuild/", "ONBUILD RUN cat /s/b > /triggered", "ONBUILD ENV T=1"])
        self.left, self.right = [[self.line(True) for _ in range(rnd.randint(1, 3))] for _ in range(2)]
        self.lines = [self.line() for _ in range(rnd.randint(2, 7))]

    def word(self):
        self.n += 1
        return f"w{self.n}"

    def copy(self, w, early):
        r = self.rnd
        chmod = r.choice(["", "", "", "--chmod=0640 ", "--chmod=u+x,g-w ", "--chmod=4755 "])
        chown = r.choice(["", "", "", "--chown=3:4 ", "--chown=app ", "--chown=app:0 "])
        link = r.choice(["", "", "--link "])
        flags = chmod + chown + link
        source = r.choice(["a", "b", "d", "g", ".", "*", "d/*", "link", "hard a", "d/e", "g/dirlink", "g/dirlink/c", "p", "**/*.txt", "[ab]", "./d/../b"])
        dest = r.choice(["/x/", "/y/", f"/{w}/", "sub/", "/x/deeper/"])
        forms = [
            f"COPY {flags}{source} {dest}",
            f"COPY {flags}{source} {dest}",
            f"COPY {flags}--exclude={r.choice(['*/i', '**/*.txt', 'd', '**/c'])} {r.choice(['.', 'd', 'g', 'p'])} {dest}",
            f"COPY {flags}--parents {r.choice(['p/q/t.txt d/c', 'p/./q/r', '**/*.txt', './d/e', 'g/*'])} {dest}",
            f"COPY {flags}--parents --exclude=p/q/r p {dest}",
            f"ADD {chmod}{chown}{r.choice(['t.tar', 't.tgz', 't.tar t.tgz', 'a t.tar'])} {dest}",
            f"ADD --unpack=false {chmod}t.tgz {dest}",
            f"COPY {flags}<<EOF <<'XEOF' /{w}/\n$A {w} $HOME\nEOF\n$A raw\nXEOF",
            f"COPY --from=extra {flags}{r.choice(['.', 'one', 'sub', 'sub/*'])} {dest}",
            f"COPY --from=img {flags}/etc/passwd {dest}",
        ]
        if not early:
            forms += [f"COPY --from={r.choice(['first', '0', 'left', 'right', 'box'])} {flags}{r.choice(['/etc', '/x', '/tmp/', '/list*', '/[m]ade', '/s?', '/m*'])}{r.choice(['', '*'])} /from{r.randint(1, 2)}/"] * 4
        return r.choice(forms)

    def run(self, w, early):
        r = self.rnd
        forms = [
            f"RUN echo {w} $A > /run{r.randint(1, 3)}",
            f"RUN mkdir -p /x && find /x -type f | sort > /list && rm -f /x/{r.choice('abc')}",
            "RUN find / -xdev \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o -print | xargs stat -c '%n %a %u %g %N' | grep -v '^/tree ' | sort > /tree",
            f"RUN --mount=source={r.choice(['d', 'd', 'g', 'p'])},target=/m find /m -type f | sort | xargs cat > /mounted{r.randint(1, 2)}",
            f"RUN --mount=from=extra,{r.choice(['', 'source=sub,'])}target=/m find /m -type f | sort | xargs cat > /mounted6",
            "RUN --mount=from=img,source=/etc,target=/m cat /m/passwd > /mounted7",
            "RUN hostname > /hostname; id -G > /groups; cat /proc/self/uid_map > /users; cat /volume/one > /volumes; ls /bin | md5sum > /programs; true",
            "RUN find / -xdev -type f ! -name names -print | sort | xargs stat -c '%h %n' > /names",
            "RUN --mount=type=bind,target=/m find /m -type f | sort | xargs cat | md5sum > /mounted3; ls -lRn /m | awk '{print $1, $9}' > /mounted4",
            "RUN --mount=type=bind,source=p,target=/m,rw touch /m/new && cat /m/q/t.txt > /mounted5",
            f"RUN --mount=type=cache,target=/c echo {w} >> /c/log; ls -d /c > /cached",
            f"RUN --mount=type=tmpfs,target=/t echo {w} > /t/x && ls /t > /tmpfs",
            "RUN --mount=type=secret,id=s test -s /run/secrets/s && echo yes > /secret",
            "RUN --mount=type=secret,id=d,env=SECRET echo \"$SECRET\" | md5sum > /digest",
            "RUN --network=none wc -l < /proc/net/dev > /net",
            "RUN ulimit -n > /limit; df -k /dev/shm | tail -n 1 | awk '{print $2}' > /shm; grep one /etc/hosts > /hosts; grep Cap /proc/self/status > /caps; umask > /umask",
            f"RUN <<EOF\necho $A {w} > /here\nenv | grep -v ^HOSTNAME= | sort > /env\nEOF",
            f"RUN <<EOF\n#!/bin/sh\necho script {w} $0 $B > /script\nEOF",
            f"RUN [\"/bin/sh\", \"-c\", \"id > /id; echo {w} > /exec\"]",
            "RUN ln -sf /x /y 2>/dev/null; mkdir -p /z && chmod 1777 /z && ln -f /z/a /z/b 2>/dev/null; mkfifo /z/fifo 2>/dev/null; true",
            "RUN rm -rf /y; mkdir -p /y/new",
        ]
        if not early:
            forms += ["RUN --mount=from=left,target=/m find /m/x /m/y -type f 2>/dev/null | sort > /fromleft; true"] * 2
            forms += ["RUN --mount=type=cache,target=/c,from=right,source=/bin,sharing=locked ls /c | wc -l > /fromright"]
        return r.choice(forms)

    def line(self, early=False):
        r, w = self.rnd, self.word()
        return r.choice([
            self.copy(w, early), self.copy(w, early), self.copy(w, early), self.run(w, early), self.run(w, early),
            r.choice([
                f"ENV E{r.randint(1, 2)}={w}",
                f"LABEL l={w}",
                f"WORKDIR /{r.choice(['x', 'y', 'wd/deep', '$B'])}",
                f"USER {r.choice(['0', '3:4', 'app'])}",
                "ARG B\nRUN mkdir -p /tmp && echo $B > /tmp/arg",
                "ARG B=default\nENV B=$B",
                "ARG G\nRUN mkdir -p /tmp && echo $G > /tmp/global",
                "ARG TARGETARCH\nENV ARCH=$TARGETARCH",
                f"SHELL [\"/bin/sh\", \"-{r.choice(['c', 'ec'])}\"]",
                f"CMD {w}",
                f"EXPOSE {r.randint(1, 9)}",
                f"VOLUME /v{r.randint(1, 2)}",
                "# a comment",
            ]),
        ])

    def containerfile(self):
        part = "\n".join
        return (f"ARG G\nFROM box AS first\nCOPY d /s/d\nCOPY b /s/b\nRUN cat /s/b > /made; mkdir -p /x; echo $G > /x/g\n{self.onbuild}\n"
                f"FROM box AS left\nARG A\n{part(self.left)}\nUSER 0\nRUN mkdir -p /x /y /tmp; touch /made /list\n"
                f"FROM first AS right\nARG A\n{part(self.right)}\nUSER 0\nRUN mkdir -p /x /y /tmp /s; touch /made /list\n"
                f"FROM {self.base}\nARG A\n{part(self.lines)}\n"
                "USER 0\nRUN --mount=from=left,target=/l --mount=from=right,target=/r cat /l/made /r/made > /both\n")

    def files(self):
        return sorted(os.path.join(d, f) for d, _, fs in os.walk(self.context) for f in fs)

    def edit_flag(self, lines):
        """Another flag of a RUN or COPY, or one less."""
        r = self.rnd
        at = [i for i, line in enumerate(lines) if line.startswith(("RUN ", "COPY "))]
        if not at:
            return
        i = r.choice(at)
        word, rest = lines[i].split(" ", 1)
        if rest.startswith("--") and r.random() < 0.4:
            rest = rest.split(" ", 1)[1]
        elif word == "RUN":
            rest = r.choice([
                "--network=none", "--security=insecure", "--mount=type=tmpfs,target=/new", f"--mount=type=cache,target=/c,mode={r.choice(['700', '755'])}",
                "--mount=type=secret,id=s,target=/t/secret", "--mount=type=secret,id=d,env=SECRET", "--mount=source=p,target=/new,ro",
                "--mount=from=extra,target=/new", "--mount=type=secret,id=missing",
            ]) + " " + rest
        else:
            rest = r.choice(["--link", "--chmod=0700", "--chmod=a+r", "--chown=7:8", "--chown=app", "--exclude=c", "--exclude=**/*.txt"]) + " " + rest
        lines[i] = f"{word} {rest}"

    def edit_extra(self):
        r = self.rnd
        path = f"{self.context}/../{self.extra}/{r.choice(['one', 'sub/two', 'sub/' + self.word()])}"
        write(path, self.word(), r.choice([0o600, 0o644]))

    def edit_file(self, kind):
        r = self.rnd
        path = r.choice(self.files())
        name = os.path.relpath(path, self.context)
        plain = not os.path.islink(path)
        fixed = ("a", "b", "link", "hard", "d/c", "t.tar", "t.tgz", "p/q/t.txt", "g/dirlink")
        if kind == "content" and plain:
            if name.startswith("t."):
                write_tar(path, ["in/" + self.word()], "gz" if name == "t.tgz" else "")
            else:
                with open(path, "a") as f:
                    f.write(self.word())
        elif kind == "same" and plain and not name.startswith("t."):  # other bytes, the same size and the same times
            st = os.stat(path)
            with open(path, "r+") as f:
                f.write(r.choice("XYZ"))
            os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
        elif kind == "mode":
            target = r.choice([path, os.path.dirname(path)])
            if not os.path.islink(target):
                os.chmod(target, r.choice([0o700, 0o755, 0o750] if os.path.isdir(target) else [0o600, 0o644, 0o755, 0o4755]))
        elif kind == "owner" and ROOT:
            os.lchown(path, *r.choice([(0, 0), (3, 4), (1000, 1000)]))
        elif kind == "time":
            # after every epoch of ours: a time is no input, and one before the epoch is not replaced by it
            os.utime(path, (r.randint(11 * 10**8, 15 * 10**8),) * 2, follow_symlinks=False)
        elif kind == "xattr" and plain:
            try:
                os.setxattr(path, "user.note", self.word().encode())
            except OSError:
                pass
        elif kind == "rename" and name not in fixed:
            os.rename(path, os.path.join(os.path.dirname(path), self.word()))
        elif kind == "add":
            write(f"{self.context}/{r.choice(['d', 'g', 'new', 'p/q'])}/{self.word()}{r.choice(['', '.txt'])}", "new")
        elif kind == "empty":
            os.makedirs(f"{self.context}/{r.choice(['d', 'g', 'p'])}/{self.word()}")
        elif kind == "remove" and name not in fixed:
            os.remove(path)
        elif kind == "link":
            link = r.choice(["link", "g/dirlink"])
            os.remove(f"{self.context}/{link}")
            os.symlink(r.choice(["a", "b", "d/c"]) if link == "link" else r.choice(["../d", "../d/../d"]), f"{self.context}/{link}")
        elif kind == "hard":
            os.remove(f"{self.context}/hard")
            if r.random() < 0.5:
                os.link(f"{self.context}/a", f"{self.context}/hard")
            else:
                shutil.copy2(f"{self.context}/a", f"{self.context}/hard")
        elif kind == "ignore":
            write(f"{self.context}/.dockerignore", r.choice(["g/i\n", "*/i\n", "", "d/e\n!d/e/f\n", "**/*.txt\n!p/q/t.txt\n", "p/q/r\n# comment\n", "new\n"]))
        return f"{kind} {name}"

    def edit(self):
        """Changes one thing and says what."""
        r = self.rnd
        kind = r.choice(["content"] * 3 + ["same", "mode", "mode", "owner", "time", "xattr", "rename", "add", "empty", "remove", "link", "hard", "ignore"]
                        + ["line"] * 4 + ["drop", "insert", "swap", "arg", "arg", "nothing", "box", "box", "box", "epoch", "umask", "jobs", "onbuild", "secret"]
                        + ["flag"] * 4 + ["extra", "extra", "context", "ignorefile", "retag", "retag", "base", "leak"])
        lines = r.choice([self.lines, self.lines, self.left, self.right])
        early = lines is not self.lines
        if kind == "line":
            lines[r.randrange(len(lines))] = self.line(early)
        elif kind == "drop" and len(lines) > 1:
            del lines[r.randrange(len(lines))]
        elif kind == "insert":
            lines.insert(r.randint(0, len(lines)), self.line(early))
        elif kind == "swap":
            r.shuffle(lines)
        elif kind == "arg":
            self.args[r.choice("ABG")] = self.word()
        elif kind == "box":
            option = r.choice(list(BOX))
            self.box[option] = r.choice(BOX[option] + [None])
            if option in ("--isolation", "--target") and r.random() < 0.7:
                self.box[option] = None  # most of what follows would show little
            return f"box {option}={self.box[option]}"
        elif kind == "epoch":
            self.epoch = r.choice([["--timestamp=1700000000"], ["--timestamp=1600000000"], ["--source-date-epoch=1000000000", "--rewrite-timestamp"]])
        elif kind == "umask":
            self.umask = r.choice([0o022, 0o077, 0])
        elif kind == "jobs":
            self.jobs = r.choice([1, 2, 4])
        elif kind == "onbuild":
            self.onbuild = r.choice(["ONBUILD COPY b /onbuild/", "ONBUILD COPY d/c /onbuild/", f"ONBUILD RUN echo {self.word()} > /triggered"])
        elif kind == "secret":
            write(f"{self.context}/../secret-d", self.word())
        elif kind == "flag":
            self.edit_flag(lines)
        elif kind == "extra":
            self.edit_extra()
        elif kind == "context":
            self.extra = r.choice(["extra1", "extra2"])
        elif kind == "ignorefile":
            self.ignorefile = not self.ignorefile
        elif kind == "retag":
            return f"retag {r.choice(['box1', 'box2'])}"
        elif kind == "base":
            self.base = r.choice(["box", "first", "left", "right"])
        elif kind == "leak":
            self.leak = r.choice(["", ",leak=fail", ",leak=allow"])
        elif kind != "nothing":
            return self.edit_file(kind)
        return kind


def main():
    mica, busybox, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(10**9)
    rnd = random.Random(seed)
    print(f"seed {seed}, {rounds} rounds", flush=True)
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    top = tempfile.mkdtemp(prefix="mica-cache-", dir=base)

    def blob_path(digits):
        here, there = (f"{top}/{store}/blobs/sha256/{digits}" for store in ("store", "other"))
        return here if os.path.exists(here) else there

    def show_difference(one, other):
        """Listings of the first layers that are not alike."""
        lists = []
        for image in (one, other):
            if not image.startswith("sha256:"):
                return
            with open(blob_path(image[7:])) as f:
                lists.append([layer["digest"][7:] for layer in json.load(f)["layers"]])
        for n, pair in enumerate(zip(*lists)):
            if pair[0] != pair[1]:
                texts = []
                for blob in pair:
                    with tarfile.open(blob_path(blob)) as t:
                        texts.append([f"{m.name} {m.type} {m.mode:o} {m.uid}:{m.gid} {m.size} {m.mtime} {m.linkname} {m.pax_headers}"
                                      f" {hashlib.sha256(t.extractfile(m).read()).hexdigest()[:8] if m.isreg() else ''}" for m in t])
                lines = list(difflib.unified_diff(*texts, lineterm="", n=0)) or ["the same files, compressed otherwise"]
                print(f"layer {n}:", *lines, sep="\n  ", flush=True)
                return
        print("the layers are alike")

    def words(case, store, *flags):
        args = [a for k, v in case.args.items() for a in ("--build-arg", f"{k}={v}")]
        args += [f"{k}={v.replace('extra', f'{top}/extra') if k == '--volume' else v}" for k, v in case.box.items() if v is not None]
        args += ["--secret", f"id=s,src={top}/secret{case.leak}", "--secret", f"id=d,src={top}/secret-d,cache=digest", "--allow=security.insecure"]
        args += ["--build-context", f"extra={top}/{case.extra}", "--build-context", "img=docker-image://box"]
        args += [f"--ignorefile={top}/ignore"] if case.ignorefile else []
        network = "host" if case.box.get("--isolation") else "none"
        return [mica, "--root", store, "build", f"--network={network}", "--progress=none", f"--jobs={case.jobs}", *case.epoch, *flags, *args,
                "-t", "it", "-f", f"{top}/Containerfile", case.context]

    def start(case, store, *flags, text=None):
        write(f"{top}/new/Containerfile", text or case.containerfile())
        os.rename(f"{top}/new/Containerfile", f"{top}/Containerfile")  # another build may be reading it
        os.umask(case.umask)
        p = subprocess.Popen(words(case, store, *flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.umask(0o022)
        return p

    def end(case, p, store):
        _, said = p.communicate()
        if p.returncode:
            case.said = said
            return f"status {p.returncode}"
        shown = subprocess.run([mica, "--root", store, "inspect", "--format", "{{.Digest}}", "it"], capture_output=True, text=True, check=True)
        return shown.stdout.strip()

    def build(case, *flags, store=f"{top}/store", text=None):
        return end(case, start(case, store, *flags, text=text), store)

    def mistake(case):
        """Where and what, of the build that failed last."""
        return re.search("^mica: (?!warning: )(.*)", case.said, re.M)[1]

    def is_mistake(case, told):
        """Of two mistakes a cache may know one before the RUN that is the other: it is one without the cache, too, when that RUN does nothing."""
        lines = case.containerfile().split("\n")
        while failing := re.match(r".*?Containerfile:(\d+):\d+: RUN: exit status", mistake(case)):
            line = int(failing[1]) - 1
            if lines[line].endswith("true"):
                return False
            lines[line] = lines[line] + " || true" if "<<" in lines[line] else "RUN true"
            if not build(case, "--no-cache", text="\n".join(lines)).startswith("status"):
                return False
        return mistake(case) == told

    def kill_one(case):
        p = start(case, f"{top}/store")
        time.sleep(random.random() * 0.3)
        p.kill()
        p.communicate()

    def two_at_once(case):
        both = [start(case, f"{top}/store") for _ in range(2)]
        one, other = [end(case, p, f"{top}/store") for p in both]
        return one if one == other else f"{one} and {other}"

    def elsewhere(case):
        """In a store that has nothing, with the cache that the first one wrote."""
        shutil.rmtree(f"{top}/cache", ignore_errors=True)
        shutil.rmtree(f"{top}/other", ignore_errors=True)
        build(case, f"--cache-to=type=local,dest={top}/cache")
        for image in ("box", "box1", "box2"):
            subprocess.run([mica, "--root", f"{top}/store", "save", "-q", "--format=oci-archive", "-o", f"{top}/box.tar", image], check=True, capture_output=True)
            subprocess.run([mica, "--root", f"{top}/other", "load", "-q", "-i", f"{top}/box.tar"], check=True, capture_output=True)
        return build(case, f"--cache-from=type=local,src={top}/cache", store=f"{top}/other")

    def cached_build(case, how):
        if how < 0.05:
            kill_one(case)
        elif how < 0.1:
            return two_at_once(case), "twice at once"
        elif how < 0.13:
            return elsewhere(case), "elsewhere"
        return build(case), ""

    try:
        write(f"{top}/secret", "secret")
        write(f"{top}/secret-d", "secret")
        write(f"{top}/ignore", "d/e\np/q/t.txt\n")
        for n in (1, 2):
            for name in ("one", "sub/two"):
                write(f"{top}/extra{n}/{name}", f"{name} {n}")
            write(f"{top}/box/passwd", f"root:x:0:0::/root:/bin/sh\napp:x:{999 + n}:1001::/:/bin/sh\n")
            shutil.copy(busybox, f"{top}/box/busybox")
            write(f"{top}/box/Containerfile", "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nCOPY passwd /etc/\n")
            subprocess.run([mica, "--root", f"{top}/store", "build", "-q", "--network=none", "-t", f"box{n}", f"{top}/box"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([mica, "--root", f"{top}/store", "tag", "box1", "box"], check=True)
        case, failed, refused, before = None, 0, 0, None
        for i in range(rounds):
            if i % 25 == 0:
                shutil.rmtree(f"{top}/ctx", ignore_errors=True)
                os.mkdir(f"{top}/ctx")
                case, edit = Case(rnd, f"{top}/ctx"), "new"
            else:
                saved = {k: copy.deepcopy(v) for k, v in vars(case).items() if k not in ("rnd", "n")}
                edit = case.edit()
            if edit.startswith("retag "):
                subprocess.run([mica, "--root", f"{top}/store", "tag", edit[6:], "box"], check=True)
            cached, how = cached_build(case, rnd.random())
            told = mistake(case) if cached == "status 125" else ""
            fresh = build(case, "--no-cache")
            if cached.startswith("status"):
                refused += 1
                if edit != "new" and rnd.random() < 0.8:  # what goes on being refused shows nothing
                    vars(case).update(saved)
            if cached != fresh and not (told and fresh.startswith("status") and is_mistake(case, told)):
                failed += 1
                print(f"round {i} ({edit} {how}): with the cache {cached}, without {fresh}\n{case.containerfile()}{getattr(case, 'said', '')}{case.args} {case.box} {case.epoch} {case.jobs}", flush=True)
                show_difference(cached, fresh)
            elif before and cached != before and any(edit.startswith(f"box {s}=") for s in SILENT):
                failed += 1
                print(f"round {i} ({edit}): another image for something that is no input", flush=True)
            before = None if cached.startswith("status") else cached
            if i % 200 == 199:
                subprocess.run([mica, "--root", f"{top}/store", "prune", "--force"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"{rounds} rounds, {refused} of them refused alike, {failed} differences")
        return 1 if failed else 0
    finally:
        shutil.rmtree(top, ignore_errors=True)


sys.exit(main())
