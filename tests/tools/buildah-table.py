#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/buildah.md: what mica makes of each option of each of buildah's commands.

Usage: buildah-table.py LIST_OPTIONS PAGES_DIR [--check]

The options of buildah are in tests/data/flags/buildah-commands, taken from its --help; what they are to mica is told by its option
tables, and why one has no effect by the manual pages. With --check nothing is written: it fails when the document is not up to date, or
when mica does not know an option.
"""
import pathlib
import re
import subprocess
import sys

top = pathlib.Path(__file__).resolve().parents[2]
document = top / "docs/buildah.md"
WORDS = {"acts": "acts", "ignored": "without effect", "refused": "refused"}
# commands of buildah that mica does not have: main.c says so
REFUSED = {"source": "source images are not made", "mkcw": "confidential workloads are not made"}
HEAD = """# Options of buildah

Every option of every command of buildah 1.28.2 and 1.43.2, as their `--help` lists them, and what mica makes of it: it acts, it is accepted
without effect because nothing here depends on it, or it is refused by name. Made by `tests/tools/buildah-table.py` from the option tables;
a test fails when mica does not know an option of buildah. What an option does is in the manual pages.

## What else a script may notice

For who calls mica `buildah` much is as there that is otherwise with `mica` (mica(1), CALLED BUILDAH), and with `mica bud`. This is not, nor what README.md says of layers,
`$TMPDIR` and networks:

* There is no OCI runtime. What `--runtime`, `--runtime-flag` and `--no-pivot` say is told to nobody, so a flag that a runtime would refuse is not refused. Hooks that are in
  a directory of `--hooks-dir` are refused, because they would not be run.
* The step cache is about files (docs/cache.md). What makes none has no record: labels, annotations, ARG. The image has what was said of them, and a step after them is
  used again where buildah carries it out again; `--cache-to` writes nothing of them. `rmi` of an image leaves the records of its steps, so that a build after it finds them here
  and not in `--cache-from`.
* History has the words of an instruction, as BuildKit's has, where buildah's has a digest of what was copied: images that differ in these words alone have IDs of their own.
* Of several platforms one index is made, which has the name, and whose ID is what is printed and in `--iidfile`; without `--manifest` buildah makes none, prints each ID and
  leaves the name to the last image, and it refuses `--iidfile`.
* A file that is copied to a link to nothing makes the file that the link names, as with docker; buildah makes a directory of that name.
* A Containerfile is checked before its first step. What cannot be copied is an error before anything has run, and leaves no working container.
* Several `run` in one working container at once share one mount of it. `config`, `rename`, `inspect`, `copy`, `add`, `mount`, `commit` and `export` do not wait for them; what runs
  stands still while `commit` and `export` read, if it is in a cgroup of version 2. An image committed meanwhile has the empty files and directories that its mounts needed. Rootless,
  setuid programs act as such for the `run` that came first alone. These wait, and say so: `umount`, `diff` and `rm`; `commit` with `--rm` or `--add-file`, and where the kernel's
  overlay is not what mounts, for until its end nobody knows what a command has changed; a `run` that cannot share (isolation `chroot`, a pid namespace that is not its own, a user
  namespace that is, rootless with fuse-overlayfs), and others for it, unless the container is mounted.
* git is run without the user's configuration, `~/.gitconfig` and credential helpers included: what a server wants to know is in the secret `GIT_AUTH_TOKEN` (docs/containerfile.md).

"""


def known(list_options):
    """{command: {option: (kind, why)}}"""
    ret = {}
    out = subprocess.run([list_options, "--more"], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        command, option, kind, why = line.split("\t")
        ret.setdefault(command, {})[option] = (kind, why)
    return ret


def plain(text):
    return re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)[*]|(?<![\\\w])_|_(?!\w)", "", text))


def described(pages, command):
    """{option: the first paragraph about it}"""
    page = pages / ("mica.1.scd" if command == "mica" else "mica-%s.1.scd" % command)
    ret, names, text = {}, [], ""
    if not page.exists():
        return ret
    for line in page.read_text().splitlines() + ["#"]:
        if line.startswith("\t") and names:
            text += " " + line.strip()
            continue
        for name in names:
            ret[name] = plain(text.strip())
        names, text = re.findall(r"\*(--?[A-Za-z0-9-]+)\*", line) if line.startswith("*-") else [], ""
    return ret


def reason(kind, why, text):
    if kind == "acts":
        return ""
    if not why:
        why = re.sub(r"^Accepted without effect[:.,]? ?", "", text or "")
    why = why.split(". ")[0].rstrip(".")
    return why[:1].lower() + why[1:] if not re.match(r"[A-Z]{2}", why) else why


def tables(have, pages, flags):
    text, missing = HEAD, []
    for command in sorted(flags, key=lambda c: (c != "mica", c)):
        family = command.split("-")[0]
        if family in REFUSED:
            text += "## %s\n\nThe command is refused: %s.\n\n" % (command.replace("-", " "), REFUSED[family])
            continue
        words = described(pages, command)
        text += "## %s\n\n| option | | why |\n| --- | --- | --- |\n" % ("global options" if command == "mica" else command.replace("-", " "))
        for option in flags[command]:
            kind, why = have.get(command, {}).get(option, (None, ""))
            if not kind:
                missing.append("%s %s" % (command, option))
                continue
            text += "| `%s` | %s | %s |\n" % (option, WORDS[kind], reason(kind, why, words.get(option)).replace("|", "\\|"))
        text += "\n"
    return text.rstrip("\n") + "\n", missing


def main():
    have, pages = known(sys.argv[1]), pathlib.Path(sys.argv[2])
    flags = {}
    for line in (top / "tests/data/flags/buildah-commands").read_text().splitlines():
        command, option = line.split(" ")
        flags.setdefault(command, []).append(option)
    text, missing = tables(have, pages, flags)
    for option in missing:
        print("an option of buildah that mica does not know: " + option, file=sys.stderr)
    if "--check" not in sys.argv:
        document.write_text(text)
    elif document.read_text() != text:
        sys.exit("docs/buildah.md is not up to date: run tests/tools/buildah-table.py %s %s" % (sys.argv[1], sys.argv[2]))
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
