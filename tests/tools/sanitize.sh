#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitize.sh FAULTS: the sanitizers find what they are for, and tell where it is.
set -u
faults=$1 status=0
unset ASAN_OPTIONS LSAN_OPTIONS

finds() { # KIND STATUS WORDS
	local said got
	said=$("$faults" "$1" 2>&1)
	got=$?
	[ "$got" = "$2" ] && [[ $said == *"$3"* ]] && return
	echo "faults $1: status $got and not $2, or no '$3' in:" "$said"
	status=1
}

finds none 0 ''
finds leak 1 'byte(s) leaked in'
finds global 1 'global-buffer-overflow'
finds global 1 "global variable 'table' defined in"
finds heap 1 'heap-use-after-free'
finds undefined 1 'ILL on unknown address'
finds undefined 1 'faults.c:'
exit $status
