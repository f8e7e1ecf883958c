#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# install-packages.sh KIND...: installs the packages of these kinds (see tests/packages) that are missing. Says nothing when there is nothing to do.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
missing=()
for kind in "$@"; do
	while read -r p; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
	done < <(sed -n "s/^$kind //p" "$top/tests/packages")
done
[ ${#missing[@]} -gt 0 ] || exit 0

sudo=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "these Debian packages are missing and there is no sudo to install them: ${missing[*]}" >&2
		exit 1
	}
	sudo=(sudo)
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# The lists may be absent (a fresh image) or too old to be of use: refresh them only when the first try fails.
apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}")
"${apt[@]}" >/dev/null 2>&1 || {
	"${sudo[@]}" apt-get -qq update
	"${apt[@]}" >/dev/null
}
