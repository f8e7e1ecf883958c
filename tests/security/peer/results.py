#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""results.py VERSIONS TAP: what the tests say about a peer, as lines of FILE: NAME, a tab, and one of
succeeds    something outside was made, written or read
contained   nothing was
differs     the test ended for another reason: the peer answers in another way, or the machine has not what it needs
"""
import re
import sys

REACHED = re.compile(r"^# (outside: |made outside|written outside|read from outside|(MADE|WROTE|READ|SHOWN|LISTED|REMOUNTED|MOUNTED)\b)")
LEFT = "test_teardown' failed"  # the test itself passed; mounts are left in its directory
print(f"# {sys.argv[1]}: made by tests/security/peer/run.sh")
name, state = None, None
with open(sys.argv[2], encoding="utf-8", errors="replace") as tap:
    for line in tap:
        if match := re.match(r"(not )?ok \d+ (.*?)( # skip.*)?$", line.rstrip("\n")):
            if match[2].endswith("teardown_file failed"):
                continue
            if name:
                print(f"{name}\t{state}")
            name, state = match[2], "differs" if match[1] or match[3] else "contained"
        elif REACHED.match(line):
            state = "succeeds"
        elif LEFT in line and state == "differs":
            state = "contained"
if name:
    print(f"{name}\t{state}")
