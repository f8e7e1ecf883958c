#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/security.md from docs/security.tsv and from the tests that say which published vulnerability they try: by an identifier in a test's name, or
"# cve: ID ID" (bats, with the tag `user`) or "/* cve: ID ID */" (C) above it.

Usage: security-table.py [--check | --print]. --check writes nothing: exit 1 if the page is not what it should be. --print shows the table as text.
A row has a test, or a reason why it does not apply, or says "untested"; an identifier that a test has and no row is an error.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = TOP / "docs/security.md"
ID = re.compile(r"CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|buildkit@[0-9a-f]{9}|crun@[0-9.]+")

HEAD = """# Published vulnerabilities of builders and runtimes

Made by `tests/tools/security-table.py` from `docs/security.tsv` and from the tests; do not edit. *Contained*: a test tries the technique, and nothing
outside of the sandbox is written or read. All but those of C (`test_...`) run as root and as an ordinary user.
*Not applicable*: there is no such thing in mica. *Untested*: it applies, and no test tries it yet.

The column "peer" says what the same tests, run as root in an emulated machine, did to %s (`tests/security/peer/run.sh`): *succeeds* shows that they can fail
(a test tries several ways, and one that leads out is enough). *Differs*: a test ended there for another reason; mostly it expects mica's answer, or mica's options.
*Commands*, *registry*, *unit*: not tried there, since all tests are of `tests/cli`, which use commands and read answers that are mica's alone; of
`tests/registry`, where what counts is what a registry is asked by mica's own client; or of functions of mica.

| id | where | what went wrong | state | peer | tests or reason |
| --- | --- | --- | --- | --- | --- |
"""
PEER = TOP / "docs/security-peer.tsv"
ORDER = ["succeeds", "contained", "differs"]
UNTRIED = {"cli": "commands", "registry": "registry", "unit": "unit"}


def peer():
    lines = PEER.read_text().splitlines() if PEER.exists() else ["# no peer:"]
    return lines[0].lstrip("# ").split(":")[0], dict(line.split("\t") for line in lines[1:])


def tried():
    tests = {}
    for path in sorted((TOP / "tests").glob("*/*.bats")) + sorted((TOP / "tests/unit").glob("*.c")):
        waiting = []
        for line in path.read_text().splitlines():
            if match := re.match(r"(?:#|/\*) cve: (.*)", line):
                waiting += ID.findall(match[1])
            elif match := re.match(r'@test "(.*)" \{|static void (\w+)\(void \*\*', line):
                name = (match[1] or match[2].replace("_", " ")).replace("\\", "")
                for key in waiting + ID.findall(name):
                    tests.setdefault(key, {})[f"{path.stem}: {ID.sub('', name).strip(' :')}"] = path.parent.name
                waiting = []
    return tests


def main():
    tests, known, rows, problems = tried(), set(), [], []
    versions, results = peer()
    for line in (TOP / "docs/security.tsv").read_text().splitlines():
        if line.startswith("#"):
            continue
        key, where, what, reason = line.split("\t")
        if key in known:
            problems.append(f"'{key}' has two rows")
        known.add(key)
        state, why = "contained", "; ".join(tests.get(key, []))
        if not why:
            state, why = ("untested", "") if reason == "untested" else ("not applicable", reason)
            if not reason:
                problems.append(f"'{key}' has neither a test nor a reason")
        elif reason:
            problems.append(f"'{key}' has a test: its row says '{reason}'")
        there = {results.get(test, "") for test in tests.get(key, [])} - {""}
        folders = set(tests.get(key, {}).values())
        untried = next((word for folder, word in UNTRIED.items() if folder in folders), "")
        rows.append((key, where, what, state, min(there, key=ORDER.index, default=untried), why))
        if "security" in folders and not there:
            problems.append(f"'{key}': what did a peer do in its test? run tests/security/peer/run.sh")
    problems += [f"a test tries '{key}', which is in no row" for key in sorted(set(tests) - known)]
    page = HEAD % versions + "".join("| " + " | ".join(row) + " |\n" for row in rows)
    states = [row[3] for row in rows]
    page += "\n" + ", ".join(f"{states.count(s)} {s}" for s in ("contained", "not applicable", "untested")) + ".\n"
    if "--print" in sys.argv:
        for key, _, _, state, _, why in rows:
            print(f"{key} -> {state}" + (f" ({why})" if state == "not applicable" else ""))
    elif "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text() != page:
            problems.append("docs/security.md is old: run tests/tools/security-table.py")
    else:
        PAGE.write_text(page)
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


main()
