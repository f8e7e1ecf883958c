#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# File names that the documents mention exist; ARCHITECTURE.md stays a page one reads; docs/configuration.md has the settings that are read.
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
# What the sources read is what the tables say acts.
section() { # HEADING: the names in the first column of the rows that act
	sed -n "/^## $1\$/,/^## /p" docs/configuration.md | sed -n 's/^| \(`.*\) | acts |.*/\1/p' | grep -oE '`[A-Za-z_-]+`' | tr -d '`' | sort
}
same() { # WHAT, two lists
	diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") >&2 || {
		echo "docs/configuration.md: $1: other settings than the sources read (<)" >&2
		status=1
	}
}
for table in containers engine; do
	same "[$table]" "$(sed -n "s/^\t{\"$table\", \"\([a-z_]*\)\".*/\1/p" cmd/conf.c | sort)" "$(section "containers.conf, \[$table\]")"
done
same storage.conf "$(sed -n '/^static int parse_options/,/^int storage_conf_load/p' cmd/conf.c | grep -oE '"(driver|[a-z_]+(root|_path|stores)|graphroot|root-[a-z-]+)"' | tr -d '"' | sort)" "$(section storage.conf)"
while read -r name; do
	grep -q "^|.*\`$name\`.*| acts |" docs/configuration.md || {
		echo "docs/configuration.md: the variable '$name' is read" >&2
		status=1
	}
done < <(grep -rhoE --include='*.c' 'getenv\("[A-Z_]+"\)' base image layers store run registry build cmd | cut -d '"' -f 2 | grep -vE '^(MICA_UID|MICA_REMOTE|REQUEST_METHOD)$' | sort -u)
lines=$(wc -l <ARCHITECTURE.md)
[ "$lines" -le 200 ] || {
	echo "ARCHITECTURE.md: $lines lines, at most 200" >&2
	status=1
}
exit $status
