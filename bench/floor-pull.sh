#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# floor-pull.sh URL REPOSITORY TAG DIR: what a pull must do at least: fetch each layer, hash it, inflate it, hash that, unpack it; two layers at a time. No store, no checks. igzip is in the package isal.
set -eu
url=$1 repo=$2 tag=$3 dir=$4
mkdir -p "$dir"

layer() {
	mkdir "$dir/${1#sha256:}"
	curl -sf "$url/v2/$repo/blobs/$1" | tee >(openssl dgst -sha256 >/dev/null) | igzip -dc | tee >(openssl dgst -sha256 >/dev/null) | tar -C "$dir/${1#sha256:}" -x --numeric-owner -p
}
export -f layer
export url repo dir
curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$url/v2/$repo/manifests/$tag" | jq -r '.layers[].digest' | xargs -P 2 -I{} bash -c 'layer {}'
