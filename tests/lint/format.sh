#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/../.."
git ls-files -z '*.c' '*.h' ':!base/banned.h' | xargs -0 -r clang-format --dry-run -Werror
# Comments are laid out by hand: 100 columns, and text after the star.
git ls-files -z '*.c' '*.h' | xargs -0 -r awk '
	!/^[ \t]*\/?\*/ { next }
	{
		columns = 0
		for (i = 1; i <= length; i++)
			columns += substr($0, i, 1) == "\t" ? 8 - columns % 8 : 1
	}
	columns > 100 { printf "%s:%d: comment of %d columns, at most 100\n", FILENAME, FNR, columns; bad = 1 }
	/^ \*[^ \/\t]/ { printf "%s:%d: no space after the star of a comment\n", FILENAME, FNR; bad = 1 }
	END { exit bad }' >&2
