#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The commands that the tests of this folder give to mica, as Debian's buildah takes them: so that the same tests show what succeeds there.
set -eu
engine=(--registries-conf "$CONTAINERS_REGISTRIES_CONF" --storage-driver overlay)
root=/var/lib/peer
while [[ "${1:-}" == --* ]]; do
	case $1 in
	--root) root=$2 && shift ;;
	--log-level=*) engine+=("$1") ;;
	--storage-driver) engine+=(--storage-driver "$2") && shift ;;
	*) echo "what is '$1'?" >&2 && exit 99 ;;
	esac
	shift
done
engine+=(--root "$root" --runroot "$root.run")
command=$1
shift
export BUILDAH_ISOLATION=oci BUILDAH_RUNTIME=runc

container() { # OPTIONS and IMAGE, or container, of `mica run` in $@: sets c, options, words, new
	local from=(--name "one-$$") user=() volume
	options=()
	new=1
	while [[ "${1:-}" == -* ]]; do
		case $1 in
		--rm | --init) ;; # it has no init of its own
		--add-host=* | --pid=*) from+=("$1") ;;
		--isolation=*) options+=("$1") ;;
		--network=*) options+=("$1") ;;
		--user=*) user=("$1") ;;
		--workingdir | -v | -e)
			volume=$2
			case $1 in
			-v) options+=(-v "$volume") ;;
			-e) options+=(--env "$volume") ;;
			*) options+=(--workingdir "$volume") ;;
			esac
			shift
			;;
		-t) options+=(-t) ;;
		*) echo "what is '$1'?" >&2 && exit 99 ;;
		esac
		shift
	done
	options+=("${user[@]}")
	if [ "$1" = "c" ]; then
		c=$1 new=
		shift
		words=("$@")
		return
	fi
	c=$(buildah "${engine[@]}" from --pull --tls-verify=false "${from[@]}" "$1" 2>/dev/null) || c=$(buildah "${engine[@]}" from "${from[@]}" "$1")
	shift
	words=("$@")
}

case $command in
build)
	options=()
	while [ $# -gt 0 ]; do
		case $1 in
		--progress=*) ;;
		--no-cache) options+=(--no-cache --layers) ;;
		*) options+=("$1") ;;
		esac
		shift
	done
	exec buildah "${engine[@]}" build --tls-verify=false "${options[@]}"
	;;
pull) exec buildah "${engine[@]}" pull --tls-verify=false "$@" ;;
load) exec buildah "${engine[@]}" pull "docker-archive:$2" ;;
from | mount | umount | copy) exec buildah "${engine[@]}" "$command" "$@" ;;
login) exec buildah login --tls-verify=false "$@" ;;
run)
	container "$@"
	status=0
	buildah "${engine[@]}" run "${options[@]}" "$c" -- "${words[@]}" || status=$?
	[ -z "$new" ] || buildah "${engine[@]}" rm "$c" >/dev/null
	exit $status
	;;
*) echo "what is '$command'?" >&2 && exit 99 ;;
esac
