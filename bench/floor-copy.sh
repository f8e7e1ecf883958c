#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# floor-copy.sh SOURCE DIR: a copy of the tree, and the hash of its archive: what COPY must do at least, with ordinary tools.
set -eu
mkdir -p "$2"
cp -a "$1" "$2/tree"
tar -C "$1" --sort=name -cf - . | openssl dgst -sha256 >/dev/null
