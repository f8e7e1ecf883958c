#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shell.sh [--note]: shellcheck. What shell.clean has with the digest of all that the result depends on is not looked at again; --note writes it.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
clean=tests/lint/shell.clean
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# -x: what is sourced counts for whoever sources it.
common=$({
	shellcheck --version
	cat tests/lint/shell.sh
	git ls-files -z '*.bash' 'bench/*.sh' | xargs -0 cat
} | sha256sum)
{
	git ls-files '*.sh' '*.bash' '*.bats'
	echo check quickstart .ci/run | tr ' ' '\n'
} | LC_ALL=C sort | xargs sha256sum | awk -v common="${common%% *}" '{ print $2, $1, common }' |
	while read -r file digests; do
		echo "$file $(sha256sum <<<"$digests" | cut -c 1-40)"
	done >"$work/now"
{ grep -vxFf "$clean" "$work/now" || true; } | cut -d ' ' -f 1 >"$work/new"
# SC2154: bats sets these. SC2120: helpers with optional arguments.
xargs -r shellcheck -x -S warning -e SC2154,SC2120 <"$work/new"
[ "${1:-}" != --note ] || cp "$work/now" "$clean"
