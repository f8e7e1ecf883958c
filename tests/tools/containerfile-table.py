#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/containerfile.md from docs/containerfile.tsv and from the tests that say what they cover ("# covers: KEY, ..." above a test).

Usage: containerfile-table.py [--check]. With --check nothing is written: exit 1 if the page is not what it should be. Either way a row that no test
covers and a key that no row has are errors.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = TOP / "docs/containerfile.md"

HEAD = """# What a Containerfile may say

Made by `tests/tools/containerfile-table.py` from `docs/containerfile.tsv` and from the tests; do not edit. "Since" is the version of BuildKit's Dockerfile
frontend that brought it; mica takes all of it without a `# syntax=` line.

| instruction | form | since | tests |
| --- | --- | --- | --- |
"""

# What was found by building the same with both, and is meant so.
TAIL = """
## Where mica does not do as BuildKit

| where | BuildKit | mica |
| --- | --- | --- |
| `FROM 0`, `--target=0`, `--mount=from=0` | knows stages by name alone | knows them by number too, as buildah, for files that were written for it |
| `--build-context NAME=URL` of an archive | fails, or a directory with the archive in it, named `context` | a directory with what is in the archive, as the documentation of docker has it, and buildah |
| devices in a context that is an archive | are taken | are refused: who makes one of a machine that is not theirs has its disks |
| `COPY --exclude` beside a link that leads nowhere or to itself | fails | copies the link, as it does without `--exclude` |
| `COPY --link --chown=NAME` | fails | finds the name in the image below, as without `--link` |
| a new name in RUN for a file of an older layer | two files | one file of two names, as RUN left it |
| a name in RUN that begins with `.wh.` | is not in the image | fails: no layer can hold it, and who runs the image would miss it |
| an archive of ADD that ends too early | may pass | fails: files are missing |
| a variable without a name, a NUL byte | are taken | are refused: no program can be given them |
| `$((1 << 2))` in RUN | a here-document that does not end | arithmetic, as for the shell that runs it |
| `\\pL` and other Unicode classes in an ignore pattern | are known | are refused by name, since no library here has their tables: write a range |
| `--mount=type=cache,mode=1777` | loses what is above 0777 | is 1777, which a cache of several users needs |
| an image that is built on one for Windows | has layers as Windows keeps them (`Files/`, `Hives/`) | has layers as of other systems, which Windows does not read |
| `SOURCE_DATE_EPOCH` | is for times of files with `rewrite-timestamp=true` alone | is for them always: the same files are the same image |
| comments of the history | `buildkit.dockerfile.v0` | `mica`, or what `--comment` says: what made an image can be seen |
| `--mount=type=cache,from=STAGE,source=FILE` | the cache is a file | fails: programs replace files by rename, which no file that is mounted allows; name its directory |
| `--output dest=DIR` | a directory named `dest=DIR` | the files in `DIR`, as buildah |
| who logs in to a URL of ADD, in the history | is shown | is `***`, since who has the image reads it |
"""


def covered():
    keys = {}
    for path in sorted((TOP / "tests/cli").glob("*.bats")):
        waiting = []
        for line in path.read_text().splitlines():
            if line.startswith("# covers:"):
                waiting += re.split(r"[ ,]+", line[len("# covers:"):].strip())
            elif waiting and (match := re.match(r'@test "(.*)" \{', line)):
                for key in waiting:
                    keys.setdefault(key, []).append((path.stem, match[1].replace("\\", "")))
                waiting = []
    return keys


def main():
    keys, known, page, problems = covered(), set(), HEAD, []
    for line in (TOP / "docs/containerfile.tsv").read_text().splitlines():
        if line.startswith("#"):
            continue
        instruction, form, since, key = line.split("\t")
        known.add(key)
        tests = "; ".join(f"{file}: {name}" for file, name in keys.get(key, []))
        if not tests:
            problems.append(f"no test covers '{key}'")
        page += f"| {instruction} | {form} | {since} | {tests} |\n"
    page += TAIL
    problems += [f"a test covers '{key}', which is in no row" for key in sorted(set(keys) - known)]
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text() != page:
            problems.append("docs/containerfile.md is old: run tests/tools/containerfile-table.py")
    else:
        PAGE.write_text(page)
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


main()
