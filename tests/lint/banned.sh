#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Words and calls that have no place in the sources. base/banned.h stops the unsafe string functions at compile time; this is for what only a reader can see.
set -eu
cd "$(dirname "$0")/../.."
status=0
code=(':!tests/lint/banned.sh' '*.c' '*.h')

ban() { # WHY PATTERN PATHSPEC...
	local why=$1 pattern=$2
	shift 2
	if git grep -nIP -e "$pattern" -- "$@" >&2; then
		echo "^ $why" >&2
		status=1
	fi
}

ban "finish it, refuse it by name, or leave it out" '\b(TODO|FIXME|HACK)\b' "${code[@]}" '*.sh' '*.bats' '*.bash'
ban "no shell between us and a program" '\b(system|popen|execlp|execvp|execvpe) *\(' "${code[@]}" ':!tests/'
ban "floors under cmd/ never print" '\b(printf|puts|putchar|vprintf|fprintf *\( *std(out|err)) *\(' 'image/*.c' 'layers/*.c' 'store/*.c' 'build/*.c'
ban "image content is opened below a root descriptor (base/root.h), not by a path string" \
	'(?<![.\w>])(open|fopen|chroot|lchown|truncate|mknod|mkfifo|symlink|link|rename|remove|rmdir|unlink|chmod|chown) *\((?!["0-9])' \
	'image/*.c' 'layers/*.c' 'store/*.c' 'build/inst_*.c' 'build/filetree*.c' ':!store/store.c' ':!layers/snapshot_overlay.c' # the store's own place is a path; a layer is opened again in a copy of the mounts
ban "names below an untrusted directory are resolved with RESOLVE_IN_ROOT, in base/root.c only" 'openat2|RESOLVE_IN_ROOT' 'image/*.c' 'store/*.c' 'registry/*.c' 'build/*.c' 'cmd/*.c'
ban "the resolver and the loader of the host never look into an image" '\b(getpwnam|getgrnam|getpwuid|getgrgid|getgrouplist|initgroups)(_r)? *\(' 'run/*.c' 'layers/*.c' 'image/*.c' 'store/*.c' 'build/*.c' ':!run/userns.c'
ban "a path of somebody's machine" '/home/[a-z]+/|/root/[a-z]' '*.c' '*.h' '*.txt' '*.json' ':!tests/'

# Each source says its licence in the first line.
git ls-files -z '*.c' '*.h' '*.sh' '*.bats' '*.bash' '*.cmake' '*CMakeLists.txt' check quickstart .ci/run | xargs -0 awk '
	FNR == 1 { without[FILENAME] }
	/SPDX-License-Identifier: Apache-2.0/ { delete without[FILENAME] }
	FNR == 2 { nextfile }
	END {
		for (f in without) {
			print f ": no SPDX line"
			bad = 1
		}
		exit bad
	}' >&2 || status=1

# Host names of package mirrors come from the machine's configuration at run time.
hosts=$(grep -rhoE 'https?://[^/ ]+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | sed 's#.*//##' | sort -u)
for h in $hosts; do
	if git grep -nIF -e "$h" >&2; then
		echo "^ a package mirror's host name" >&2
		status=1
	fi
done
exit $status
