#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails when a command's option table and its manual page name different options. Usage: LIST_OPTIONS PAGE...
set -eu
list_options=$1
shift
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$list_options" | LC_ALL=C sort -u >"$work/tables"
awk -f "$here/cmake/pages.awk" -v mode=options "$@" | LC_ALL=C sort -u >"$work/pages"

if ! cmp -s "$work/tables" "$work/pages"; then
	LC_ALL=C comm -23 "$work/tables" "$work/pages" | sed 's/^/in the table, not in the page: /'
	LC_ALL=C comm -13 "$work/tables" "$work/pages" | sed 's/^/in the page, not in the table: /'
	exit 1
fi
echo "$(wc -l <"$work/tables") options agree"
