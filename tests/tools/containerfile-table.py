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
