#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random Containerfiles and contexts, one random edit at a time: what the cache makes must be what --no-cache makes.

usage: cache-property.py MICA BUSYBOX ROUNDS [SEED]
A round edits one thing (content, mode, name, link, time of a file, an instruction, a build argument), builds with the cache and then
without it, and compares the manifests' digests; --timestamp takes out the times, which are no part of a key. Prints the seed; the same seed,
the same rounds.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile


def write(path, data, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.remove(path)
    with open(path, "w") as f:
        f.write(data)
    os.chmod(path, mode)


class Case:
    """A context and a Containerfile that can be edited."""

    def __init__(self, rnd, context):
        self.rnd, self.context, self.args, self.n = rnd, context, {"A": "1", "B": "1"}, 0
        for name in ("a", "b", "d/c", "d/e/f", "g/h", "g/i"):
            write(f"{context}/{name}", name)
        os.symlink("a", f"{context}/link")
        os.link(f"{context}/a", f"{context}/hard")
        self.lines = [self.line() for _ in range(rnd.randint(2, 7))]

    def word(self):
        self.n += 1
        return f"w{self.n}"

    def line(self):
        r, w = self.rnd, self.word()
        flags = r.choice(["", "", "", "--chmod=0640 ", "--chown=3:4 ", "--chmod=u+x,g-w ", "--exclude=*/i "])
        source = r.choice(["a", "b", "d", "g", ".", "*", "d/*", "link", "hard a", "d/e"])
        dest = r.choice(["/x/", "/y/", f"/{w}/", "sub/"])
        return r.choice([
            f"COPY {flags}{source} {dest}",
            f"COPY {flags}{source} {dest}",
            f"COPY --from=first {r.choice(['/s', '/s/d', '/made'])} /from{r.randint(1, 2)}/",
            f"RUN echo {w} $A > /run{r.randint(1, 3)}",
            f"RUN mkdir -p /x && find /x -type f | sort > /list && rm -f /x/{r.choice('abc')}",
            f"RUN --mount=source=d,target=/m cat /m/c > /mounted{r.randint(1, 2)}",
            f"ENV E{r.randint(1, 2)}={w}",
            f"LABEL l={w}",
            f"WORKDIR /{r.choice(['x', 'y', 'wd/deep'])}",
            f"USER {r.choice(['0', '3:4'])}",
            "ARG B\nRUN mkdir -p /tmp && echo $B > /tmp/arg",
            f"COPY <<EOF /{w}\n$A {w}\nEOF",
            f"SHELL [\"/bin/sh\", \"-{r.choice(['c', 'ec'])}\"]",
        ])

    def containerfile(self):
        head = "FROM box AS first\nCOPY d /s/d\nCOPY b /s/b\nRUN cat /s/b > /made\nFROM box\nARG A\n"
        return head + "\n".join(self.lines) + "\n"

    def files(self):
        return sorted(os.path.join(d, f) for d, _, fs in os.walk(self.context) for f in fs)

    def edit(self):
        """Changes one thing and says what."""
        r = self.rnd
        path = r.choice(self.files())
        kind = r.choice(["content", "content", "same", "mode", "time", "rename", "add", "remove", "link", "hard", "line", "line", "drop", "insert", "swap", "arg", "nothing", "ignore"])
        name = os.path.relpath(path, self.context)
        plain = not os.path.islink(path)
        if kind == "content" and plain:
            with open(path, "a") as f:
                f.write(self.word())
        elif kind == "same" and plain:  # other bytes, the same size and the same times
            st = os.stat(path)
            with open(path, "r+") as f:
                f.write(r.choice("XYZ"))
            os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
        elif kind == "mode" and plain:
            os.chmod(path, r.choice([0o600, 0o644, 0o755, 0o4755]))
        elif kind == "time":
            os.utime(path, (r.randint(1, 10**9),) * 2, follow_symlinks=False)
        elif kind == "rename" and name not in ("a", "b", "link", "hard", "d/c"):
            os.rename(path, os.path.join(os.path.dirname(path), self.word()))
        elif kind == "add":
            write(f"{self.context}/{r.choice(['d', 'g', 'new'])}/{self.word()}", "new")
        elif kind == "remove" and name not in ("a", "b", "link", "hard", "d/c"):
            os.remove(path)
        elif kind == "link":
            os.remove(f"{self.context}/link")
            os.symlink(r.choice(["a", "b", "d/c"]), f"{self.context}/link")
        elif kind == "hard":
            os.remove(f"{self.context}/hard")
            if r.random() < 0.5:
                os.link(f"{self.context}/a", f"{self.context}/hard")
            else:
                shutil.copy2(f"{self.context}/a", f"{self.context}/hard")
        elif kind == "line":
            self.lines[r.randrange(len(self.lines))] = self.line()
        elif kind == "drop" and len(self.lines) > 1:
            del self.lines[r.randrange(len(self.lines))]
        elif kind == "insert":
            self.lines.insert(r.randint(0, len(self.lines)), self.line())
        elif kind == "swap":
            r.shuffle(self.lines)
        elif kind == "arg":
            self.args[r.choice("AB")] = self.word()
        elif kind == "ignore":
            write(f"{self.context}/.dockerignore", r.choice(["g\n", "*/i\n", "", "d/e\n!d/e/f\n"]))
        return f"{kind} {name}"


def main():
    mica, busybox, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(10**9)
    rnd = random.Random(seed)
    print(f"seed {seed}, {rounds} rounds", flush=True)
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    top = tempfile.mkdtemp(prefix="mica-cache-", dir=base)

    def build(case, *flags):
        file = f"{top}/Containerfile"
        with open(file, "w") as f:
            f.write(case.containerfile())
        args = [a for k, v in case.args.items() for a in ("--build-arg", f"{k}={v}")]
        done = subprocess.run([mica, "--root", f"{top}/store", "build", "--network=none", "--progress=none", "--timestamp=1700000000", *flags, *args, "-t", "it", "-f", file, case.context],
                              capture_output=True, text=True)
        if done.returncode:
            case.said = done.stderr
            return f"status {done.returncode}"
        shown = subprocess.run([mica, "--root", f"{top}/store", "inspect", "--format", "{{.Digest}}", "it"], capture_output=True, text=True, check=True)
        return shown.stdout.strip()

    try:
        write(f"{top}/box/bin", "")
        os.remove(f"{top}/box/bin")
        shutil.copy(busybox, f"{top}/box/busybox")
        write(f"{top}/box/Containerfile", "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n")
        subprocess.run([mica, "--root", f"{top}/store", "build", "-q", "--network=none", "-t", "box", f"{top}/box"], check=True, stdout=subprocess.DEVNULL)
        case, failed, last = None, 0, 0
        for i in range(rounds):
            if i % 25 == 0:
                shutil.rmtree(f"{top}/ctx", ignore_errors=True)
                os.mkdir(f"{top}/ctx")
                case, edit = Case(rnd, f"{top}/ctx"), "new"
            else:
                edit = case.edit()
            cached, fresh = build(case), build(case, "--no-cache")
            last += cached.startswith("status")
            if cached != fresh:
                failed += 1
                print(f"round {i} ({edit}): with the cache {cached}, without {fresh}\n{case.containerfile()}{getattr(case, 'said', '')}", flush=True)
        print(f"{rounds} rounds, {last} of them refused alike, {failed} differences")
        return 1 if failed else 0
    finally:
        shutil.rmtree(top, ignore_errors=True)


sys.exit(main())
