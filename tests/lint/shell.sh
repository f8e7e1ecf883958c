#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/../.."
{
	git ls-files '*.sh' '*.bash' '*.bats'
	echo check quickstart .ci/run | tr ' ' '\n'
} | xargs shellcheck -x -S warning
