#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/../.."
{
	git ls-files '*.sh' '*.bash' '*.bats'
	echo check quickstart .ci/run | tr ' ' '\n'
} | xargs shellcheck -x -S warning -e SC2154,SC2120 # bats sets the one; helpers with optional arguments are the other
