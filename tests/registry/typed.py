#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""typed.py TEXT COMMAND...: runs it on a terminal of its own, types TEXT (with its \\escapes) as soon as what is typed is not shown, and prints all that the
terminal showed, then whether it shows what is typed afterwards, and the exit status. "-TERM" for TEXT: it is sent that signal instead."""
import os
import pty
import signal
import sys
import termios
import time


def echoes(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
for _ in range(1000):
    if not echoes(terminal):
        break
    time.sleep(0.02)
else:
    sys.exit("what is typed would be shown")
if sys.argv[1] == "-TERM":
    os.kill(pid, signal.SIGTERM)
else:
    os.write(terminal, sys.argv[1].encode().decode("unicode_escape").encode())
shown = b""
try:
    while more := os.read(terminal, 4096):
        shown += more
except OSError:  # nobody has it open any more
    pass
print(shown.decode(), "echo" if echoes(terminal) else "no echo", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), sep="\n")
