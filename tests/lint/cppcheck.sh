#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cppcheck.sh BUILD_DIR
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "$1/cppcheck"
# memleak, resourceLeak: it does not know the cleanup attribute. ctunullpointer: it goes on with NULL behind `return take(p)`.
git ls-files 'base/*.c' 'image/*.c' 'layers/*.c' 'store/*.c' 'run/*.c' 'registry/*.c' 'build/*.c' 'cmd/*.c' >"$1/cppcheck/files"
cppcheck --quiet --inline-suppr --error-exitcode=1 --enable=warning,portability --std=c11 -D_GNU_SOURCE -D__GNUC__ -D__linux__ -I. \
	--cppcheck-build-dir="$1/cppcheck" --suppress=ctunullpointer --suppress=memleak --suppress=resourceLeak \
	--file-list="$1/cppcheck/files"
