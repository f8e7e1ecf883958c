#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cppcheck.sh BUILD_DIR
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "$1/cppcheck"
# uninitvar, nullPointerRedundantCheck, ctunullpointer: nor that a ret_x is set when the result is 0 and that xmalloc_failed() does not return.
# internalAstError: some of our GNU extensions. memleak, resourceLeak: it does not know the cleanup attribute. The other suppressions are opinions on style that clang-tidy and review cover.
git ls-files 'base/*.c' 'image/*.c' 'layers/*.c' 'store/*.c' 'run/*.c' 'registry/*.c' 'build/*.c' 'cmd/*.c' >"$1/cppcheck/files"
cppcheck --quiet --inline-suppr --error-exitcode=1 --enable=warning,portability --std=c11 -D_GNU_SOURCE -D__GNUC__ -D__linux__ -I. \
	--cppcheck-build-dir="$1/cppcheck" --suppress=uninitvar --suppress=nullPointerRedundantCheck --suppress=ctunullpointer --suppress=internalAstError --suppress=identicalInnerCondition --suppress=memleak --suppress=resourceLeak --suppress=unknownMacro --suppress=missingIncludeSystem \
	--file-list="$1/cppcheck/files"
