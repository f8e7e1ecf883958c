#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cppcheck.sh BUILD_DIR [--note]: over all sources, for it looks across them. Not again when cppcheck.clean has the digest of all that the result
# depends on; --note writes it.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
clean=tests/lint/cppcheck.clean
mkdir -p "$1/cppcheck"
# memleak, resourceLeak: it does not know the cleanup attribute. ctunullpointer: it goes on with NULL behind `return take(p)`.
git ls-files 'base/*.c' 'image/*.c' 'layers/*.c' 'store/*.c' 'run/*.c' 'registry/*.c' 'build/*.c' 'cmd/*.c' >"$1/cppcheck/files"
now=$({
	cppcheck --version
	cat tests/lint/cppcheck.sh
	# names, too
	git ls-files -z 'base/*.h' 'image/*.h' 'layers/*.h' 'store/*.h' 'run/*.h' 'registry/*.h' 'build/*.h' 'cmd/*.h' | xargs -0 sha256sum
	xargs sha256sum <"$1/cppcheck/files"
} | sha256sum)
now=${now%% *}
[ "$now" != "$(cat "$clean")" ] || exit 0
cppcheck --quiet --inline-suppr --error-exitcode=1 --enable=warning,portability --std=c11 -D_GNU_SOURCE -D__GNUC__ -D__linux__ -I. \
	--cppcheck-build-dir="$1/cppcheck" --suppress=ctunullpointer --suppress=memleak --suppress=resourceLeak \
	--file-list="$1/cppcheck/files"
[ "${2:-}" != --note ] || echo "$now" >"$clean"
