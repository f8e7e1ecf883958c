#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Gates against runaway functions only: cyclomatic complexity 50, 300 lines.
set -eu
cd "$(dirname "$0")/../.."
git ls-files '*.c' ':!tests/' | xargs -r pmccabe | awk '
	$1 > 50 { printf "%s: %s: complexity %d, at most 50\n", $6, $7, $1; bad = 1 }
	$5 > 300 { printf "%s: %s: %d lines, at most 300\n", $6, $7, $5; bad = 1 }
	END { exit bad }' >&2
