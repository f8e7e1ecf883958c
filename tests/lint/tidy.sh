#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tidy.sh [--all|--note] BUILD_DIR FLOOR: clang-tidy (.clang-tidy says which checks) over a floor's sources.
#
# A file is looked at again only when something of what its result depends on is new: the file itself, a header of ours that it
# includes, the checks, the compiler's flags, clang-tidy, how far it looks. tidy.clean has the digest of all that for each file that
# was found clean; --note writes it, --all does not read it. A file that is not in it takes its time, and nothing else.
# TIDY_NODES: how far each function is analysed. The analyzer's own 225000 looks further and took about twice as long on the file it was tried on.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
how=
case $1 in
--all | --note)
	how=$1
	shift
	;;
esac
build=$1 floor=$2
clean=tests/lint/tidy.clean nodes=${TIDY_NODES:-100000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -e "$build/compile_commands.json" ] || {
	echo "no $build/compile_commands.json" >&2
	exit 1
}
common=$({
	cat .clang-tidy cmake/MicaFloor.cmake
	clang-tidy --version | grep -i version
	echo "$nodes"
} | sha256sum)

# What the preprocessor finds without the system's headers, which are no part of it: one line a file, the file itself first.
dependencies() { # FILE...
	cc -MM -MG -nostdinc -I. -I"$build/$floor" -D_GNU_SOURCE -std=gnu17 -include base/banned.h "$@" |
		awk '{ more = sub(/\\$/, ""); sub(/^[^ ]*\.o: /, ""); printf "%s%s", $0, more ? "" : "\n" }'
}

mapfile -t built < <(sed -n 's|^ *"file": ".*/\('"$floor"'/[^/]*\.c\)",*$|\1|p' "$build/compile_commands.json" | LC_ALL=C sort -u)
sources=()
for file in "${built[@]}"; do
	[ ! -e "$file" ] || sources+=("$file")
done
dependencies "${sources[@]}" >"$work/dependencies"
[ "$(wc -l <"$work/dependencies")" = ${#sources[@]} ]
declare -A noted
while read -r file key; do
	noted[$file]=$key
done <"$clean"

status=0
while read -r file headers; do
	# shellcheck disable=SC2086 # a list of names
	key=$({ echo "$common" && { cat "$file" $headers 2>/dev/null || true; }; } | sha256sum)
	key=${key:0:40}
	if [ "$how" != --all ] && [ "${noted[$file]:-}" = "$key" ]; then
		echo "$file $key" >>"$work/clean"
		continue
	fi
	# The compile commands are gcc's: clang does not know all of its warnings.
	if clang-tidy -p "$build" --quiet --warnings-as-errors='*' --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-error \
		--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg="max-nodes=$nodes" "$file" </dev/null 2>"$work/stderr"; then
		echo "$file $key" >>"$work/clean"
	else
		grep -v 'warnings generated' "$work/stderr" >&2 || true
		status=1
	fi
done <"$work/dependencies"
if [ "$how" = --note ]; then
	exec 9<"$clean"
	flock 9 # another floor's
	{
		grep -v "^$floor/" "$clean" || true
		cat "$work/clean"
	} | LC_ALL=C sort >"$work/all"
	cat "$work/all" >"$clean"
fi
exit $status
