#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# File names that the documents mention exist; ARCHITECTURE.md stays a page one reads.
set -eu
cd "$(dirname "$0")/../.."
status=0
for doc in README.md ARCHITECTURE.md HACKING.md docs/*.md; do
	[ -e "$doc" ] || continue
	while read -r name; do
		[ -e "$name" ] || compgen -G "$name" >/dev/null || {
			echo "$doc: '$name' does not exist" >&2
			status=1
		}
	done < <(grep -oE '`(base|image|layers|store|run|registry|build|cmd|tests|bench|docs|man|cmake|Containerfile\.examples)/[^` <>]*`' "$doc" | tr -d '`' | grep -vE '[A-Z]{3}|_X\.' | sort -u)
done
lines=$(wc -l <ARCHITECTURE.md)
[ "$lines" -le 200 ] || {
	echo "ARCHITECTURE.md: $lines lines, at most 200" >&2
	status=1
}
exit $status
