#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a process sees inside the box.
status() { sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }
cat <<END
Hello from inside an image that was built from nothing but one static program.

  process ID      $$
  user            $(id -u):$(id -g)
  host name       $(hostname)
  root            $(ls / | tr '\n' ' ')
  network devices $(ls /sys/class/net 2>/dev/null | tr '\n' ' ')
  capabilities    $(status CapEff) of $(status CapBnd) allowed
  system calls    $([ "$(status Seccomp)" = 2 ] && echo "filtered" || echo "not filtered")
  processes       $(ls -d /proc/[0-9]* | wc -l) visible
END
