#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table in docs/isolation.md, from the names of the tests in tests/modes/modes.bats and from the lines above them that say where it is otherwise:
"# MODE: why".

Usage: isolation-table.py [--check]. --check writes nothing: exit 1 if the page is not what it should be.
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = TOP / "docs/isolation.md"
MODES = ("root", "subids", "single", "chroot")
BOTH = ("chroot", "single")  # what the mode "chrooted" is at once
BEGIN, END = "<!-- made by tests/tools/isolation-table.py -->\n", "<!-- end -->\n"


def table():
    rows, notes = [], {}
    for line in (TOP / "tests/modes/modes.bats").read_text().splitlines():
        if match := re.match(r"# (\w+): (.*)", line):
            if match[1] in MODES:
                notes[match[1]] = match[2]
        elif match := re.match(r'@test "(.*)" \{', line):
            notes["chrooted"] = next((notes[m] for m in BOTH if m in notes), None)
            rows.append((match[1], *(f"no: {notes[m]}" if notes.get(m) else "yes" for m in (*MODES, "chrooted"))))
            notes = {}
    head = ("what holds", "root", "subordinate IDs", "one user", "chroot", "chroot, one user")
    return "".join("| " + " | ".join(row) + " |\n" for row in [head, ("---",) * len(head), *rows])


def main():
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    new = before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]
    if "--check" not in sys.argv:
        PAGE.write_text(new)
    elif new != page:
        sys.exit("docs/isolation.md is old: run tests/tools/isolation-table.py")


main()
