#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh MICA [GLOB...]: BuildKit's own results, where they are at hand (they are not part of this project): builds every case of the
# conformance pack, or those that a GLOB names (own/copy-*), and has the pack's judge compare. The pack is the folder that MICA_CONFORMANCE
# names, else ../shared/conformance beside the source tree. Exit status 77 with the reason: this machine cannot do it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
pack=${MICA_CONFORMANCE:-$here/../../../shared/conformance}

skip() {
	echo "1..0 # SKIP $*"
	exit 77
}

[ -e "$pack/judge" ] || skip "no conformance pack in '$pack' (set MICA_CONFORMANCE)"
[ "$(id -u)" = 0 ] || skip "the judge makes files of other owners, which root alone can"
for program in python3 zstd ip unshare; do
	command -v $program >/dev/null || skip "$program is not installed"
done

# Cases fetch from 127.0.0.1:5078 and mount: a network and mounts of our own, which nobody else uses and which end with us.
if [ -z "${MICA_CONFORMANCE_INSIDE:-}" ]; then
	MICA=$(realpath "$1")
	shift
	export MICA MICA_CONFORMANCE_INSIDE=1
	exec unshare --mount --net -- "$0" "$@"
fi
ip link set lo up
work=$(mktemp -d)
server=
cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	umount -l "$work"
	rmdir "$work"
}
mount -t tmpfs -o size=6g,mode=755 mica-conformance "$work"
trap cleanup EXIT
trap 'exit 1' INT TERM

cp -R "$pack" "$work/pack"
chmod -R u+w "$work/pack"
"$here/repair.py" "$work/pack"
python3 -m http.server 5078 --bind 127.0.0.1 --directory "$work/pack/http" >"$work/http.log" 2>&1 &
server=$!
for _ in $(seq 100); do
	(: </dev/tcp/127.0.0.1/5078) 2>/dev/null && break
	sleep 0.1
done

only=()
for glob; do
	only+=(--only "$glob")
done
cd "$work/pack"
unset SOURCE_DATE_EPOCH
export JUDGE_STATE=$work/state PYTHONDONTWRITEBYTECODE=1 TMPDIR=$work
./judge --candidate mica --out "$work/out" -j 2 "${only[@]}"

# The judge's own exit status does not say it.
python3 - "$work/out/results.json" <<'END'
import json, sys

results = [r for r in json.load(open(sys.argv[1]))["results"] if r["verdict"] != "unjudged"]
bad = [r for r in results if r["verdict"] != "same"]
for r in bad:
    print("not the same:", r["case"], "(%s)" % r["verdict"])
print("%d passed, %d failed" % (len(results) - len(bad), len(bad)))
sys.exit(bool(bad) or not results)
END
