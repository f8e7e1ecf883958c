#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A floor includes only its own folder and the floors below it; the second executable includes nothing of the store.
# Usage: floors.sh [TOP]
set -eu
cd "${1:-$(dirname "$0")/../..}"

declare -A may=(
	[base]="base"
	[image]="image base"
	[layers]="layers base"
	[store]="store image layers base"
	[run]="run layers base"
	[registry]="registry store image layers base"
	[build]="build registry run store image layers base"
	[cmd]="cmd build registry run store image layers base"
)
status=0

complain() {
	echo "$*" >&2
	status=1
}

for floor in base image layers store run registry build cmd; do
	while IFS=: read -r file line text; do
		target=${text#*\"}
		target=${target%\"*}
		[[ "$target" != *.inc ]] || continue # made by the build, from this folder's sources
		folder=${target%%/*}
		[ "$folder" != "$target" ] || complain "$file:$line: includes '$target' without its folder"
		[[ " ${may[$floor]} " == *" $folder "* ]] || complain "$file:$line: $floor/ may not include '$target'"
	done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' --include='*.c' --include='*.h' "$floor" 2>/dev/null)
done

# mica-remote holds the sockets and the secrets: by its sources, as CMake lists them, it cannot reach the store.
remote=$(sed -n '/add_executable(mica-remote/,/)/p' ./*/CMakeLists.txt | tr -s ' \t()' '\n' | grep '\.c$' || true)
for file in $remote; do
	path=registry/$(basename "$file")
	[ -e "$path" ] || continue
	if grep -nE '#[[:space:]]*include "store/' "$path" >&2; then
		complain "$path: part of mica-remote, which may not include store/"
	fi
done

# Each wrapped library has one user; libseccomp has two filters to build, the sandbox's (profile and program) and the layer workers'.
while read -r header limit; do
	users=$(grep -rlE "#[[:space:]]*include[[:space:]]*<$header>" --include='*.c' --include='*.h' base image layers store run registry build cmd 2>/dev/null || true)
	[ "$(wc -w <<<"$users")" -le "$limit" ] || complain "<$header> is included by more than $limit file(s):" $users
done <<'END'
jansson.h 1
curl/curl.h 1
seccomp.h 3
zstd.h 1
igzip_lib.h 1
zlib.h 1
openssl/evp.h 1
archive_entry.h 2
END
exit $status
