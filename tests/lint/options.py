#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when an option of a command stands in no test.

Usage: options.py LIST_OPTIONS

An option belongs to the nearest command before it on its line that has such an option, and to those that stand directly before
that command: "build from run --dns-search example.org" is all three. So a test that goes through a table has the commands and
the options in its rows. Comments and the names of tests say nothing. What the option tables refuse is given by tests/cli/options.bats, which
goes through all that LIST_OPTIONS tells of it."""

import collections
import pathlib
import re
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
FAMILIES = ("cache", "manifest", "registry")
# bats has a `run` of its own
BATS_RUN = re.compile(r"(?<!mica )\brun (?=(-\d+ |! |--separate-stderr |[\w\"$]+=?\S* )*(u?mica|as_user|timeout|env|buildah)\b)")
WORD = re.compile(r"""[^\s"'`(){};|<>$=,]+""")


def lines():
    for path in sorted(TESTS.rglob("*.ba[ts]*")):
        text = path.read_text().replace("\\\n", " ")
        for line in text.splitlines():
            line = line.strip()
            if not line.startswith(("#", "@test")):
                yield BATS_RUN.sub("", line)


def words(line):
    """The words of a line, those of a family as one: manifest-add."""
    found = []
    for word in WORD.findall(line):
        word = word.removesuffix("[@]")  # an array that is named after the command it begins with
        if found and found[-1] in FAMILIES and not word.startswith("-"):
            word = found.pop() + "-" + word
        found.append(word)
    return found


def main():
    options = collections.defaultdict(set)
    for row in subprocess.check_output([sys.argv[1], "--more"], text=True).splitlines():
        command, option, kind, _ = row.split("\t")
        if kind != "refused":
            options[command].add(option)
    told = collections.defaultdict(set)
    for line in lines():
        found = words(line)
        for i, option in enumerate(found):
            if option[0] != "-":
                continue
            at = i - 1
            while at >= 0 and option not in options.get(found[at], ()):
                at -= 1
            while at >= 0 and found[at] in options:
                told[found[at]].add(option)
                at -= 1
            if option in options["mica"]:
                told["mica"].add(option)
    missing = [(command, option) for command in options for option in sorted(options[command] - told[command])]
    for command, option in missing:
        print(f"no test has 'mica {command} {option}'" if command != "mica" else f"no test has 'mica {option}'")
    print(f"{sum(map(len, options.values()))} options of commands, {len(missing)} in no test")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
