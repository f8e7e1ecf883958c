#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""results.py VERSIONS TAP BEFORE: what the tests say about a peer, as lines of FILE: NAME, a tab, and one of
succeeds    something outside was made, written or read
contained   nothing was
differs     the test ended for another reason: the peer answers in another way, or the machine has not what it needs
In the file BEFORE there are such lines of tests that were not run this time.
"""
import re
import sys

REACHED = re.compile(r"^# (outside: |made outside|written outside|read from outside|(MADE|WROTE|READ|REACHED|SHOWN|LISTED|REMOUNTED|MOUNTED)\b)")
LEFT = "test_teardown' failed"  # the test itself passed; mounts are left in its directory
print(f"# {sys.argv[1]}: made by tests/security/peer/run.sh")
with open(sys.argv[3], encoding="utf-8") as before:
    results = dict(line.rstrip("\n").split("\t") for line in before if not line.startswith("#"))
name = None
with open(sys.argv[2], encoding="utf-8", errors="replace") as tap:
    for line in tap:
        if match := re.match(r"(not )?ok \d+ (.*?)( # skip.*| # timeout.*)?$", line.rstrip("\n")):
            name = match[2]
            if not re.search("(setup|teardown)_file failed$", name):
                results[name] = "differs" if match[1] or match[3] else "contained"
        elif name in results and REACHED.match(line):
            results[name] = "succeeds"
        elif LEFT in line and results.get(name) == "differs":
            results[name] = "contained"
for name, state in results.items():
    print(f"{name}\t{state}")
