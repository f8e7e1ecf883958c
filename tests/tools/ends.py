#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ends.py HOW DELAY STORE TOOK MICA COMMAND...: process 1 of a pid and a mount namespace of its own. Runs the command, ends it after DELAY seconds (interrupt,
twice: SIGINT; terminal: SIGINT to all of its group; kill: SIGKILL; helper: SIGKILL to one of its descendants), and looks for what is left after one more command, which only reads the store. Says what is wrong, with exit status 1;
appends the milliseconds that the end took to the file TOOK."""
import os
import random
import resource
import signal
import subprocess
import sys
import time

how, delay, store, took, mica = sys.argv[1:6]
LIMIT_S = 5  # by the clock, which runs for others too on a busy machine
LIMIT_CPU_S = 1  # what may still be computed before it ends
HUNG_S = 30


def others():
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1":
            continue
        try:
            with open(f"/proc/{name}/stat") as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
            with open(f"/proc/{name}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if state == "Z":
            try:
                os.waitpid(int(name), os.WNOHANG)  # one that we inherited
            except ChildProcessError:
                pass
        else:
            found[int(name)] = line
    return found


def is_leak_checker(pid):
    """mica-remote has an environment of its own, and so looks for leaks in a sanitizer build: from a child by its own name."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            parent = int(f.read().rsplit(")", 1)[1].split()[1])
        both = [open(f"/proc/{p}/cmdline", "rb").read() for p in (pid, parent)]
    except OSError:
        return False
    return both[0] == both[1] and both[0].startswith(b"mica-remote")


def computed():
    """Seconds that all processes here, and those that they waited for, have had a processor."""
    ticks = 0
    for pid in others():
        try:
            with open(f"/proc/{pid}/stat") as f:
                ticks += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:15]))
        except OSError:
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def wrong(text):
    print(f"{how} after {delay} s: {text}")
    sys.exit(1)


def mounts():
    with open("/proc/self/mountinfo") as f:  # those of other tests come and go
        return [line for line in f if os.path.dirname(store) + "/" in line]


environment = dict(os.environ)
if how == "helper":
    # The leak checker of a sanitizer build looks from a child of its own at exit, and waits for ever for one that is killed.
    environment["ASAN_OPTIONS"] = ":".join(filter(None, (environment.get("ASAN_OPTIONS"), "detect_leaks=0")))
with open(took + ".out", "w") as out:
    child = subprocess.Popen(sys.argv[6:], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=how == "terminal")
time.sleep(float(delay))
before = computed()
began = time.monotonic()
try:
    if how in ("interrupt", "twice"):
        os.kill(child.pid, signal.SIGINT)
        if how == "twice":
            time.sleep(0.05)
            os.kill(child.pid, signal.SIGINT)
    elif how == "terminal":
        os.killpg(child.pid, signal.SIGINT)
    elif how == "kill":
        os.kill(child.pid, signal.SIGKILL)
    else:
        victims = [pid for pid in others() if pid != child.pid and not is_leak_checker(pid)]
        if victims:
            os.kill(random.choice(victims), signal.SIGKILL)
except ProcessLookupError:
    pass
try:
    status = child.wait(HUNG_S)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
except subprocess.TimeoutExpired:
    wrong(f"it hangs: {others()}")
ms = int((time.monotonic() - began) * 1000)
with open(took, "a") as f:
    f.write(f"{ms if how != 'helper' else 0}\n")
with open(took + ".out") as f:
    said = f.read()
if how != "helper" and ms > LIMIT_S * 1000:
    wrong(f"it took {ms} ms")
if how in ("interrupt", "twice", "terminal") and usage.ru_utime + usage.ru_stime - before > LIMIT_CPU_S:
    wrong(f"it went on for {usage.ru_utime + usage.ru_stime - before:.2f} s of processor time")
failed = status == 1 and "END_FAILED" in os.environ and "RUN: exit status 1" in said  # before it was interrupted
if how in ("interrupt", "twice", "terminal") and status not in (0, 130, -signal.SIGINT) and not failed:
    wrong(f"status {status}: {said}")
if how == "helper" and status not in (0, 125, 137, -9):
    wrong(f"status {status}: {said}")
def nothing_runs():
    for _ in range(60):  # what is dying has a moment
        left = others()
        if not left:
            return
        time.sleep(0.05)
    wrong(f"left: {left}")


def nothing_is_left():
    nothing_runs()
    if mounts():
        wrong(f"mounts are left: {mounts()}")
    if os.listdir(store + "/tmp"):
        wrong(f"left in tmp: {os.listdir(store + '/tmp')}")


nothing_runs()
# one that only reads, and one that works there
for command in ["images", "--quiet"], ["run", "--rm", "--network=none", "busybox", "true"]:
    if subprocess.run([mica, "--root", store, *command], stdout=subprocess.DEVNULL).returncode:
        wrong(f"the next command fails: {command}")
    nothing_is_left()
