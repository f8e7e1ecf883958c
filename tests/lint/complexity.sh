#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Gates against runaway functions only: cyclomatic complexity 25, 100 lines.
set -eu
cd "$(dirname "$0")/../.."
git ls-files '*.c' ':!tests/' | xargs -r pmccabe | awk '
	$1 > 25 { printf "%s: %s: complexity %d, at most 25\n", $6, $7, $1; bad = 1 }
	$5 > 100 { printf "%s: %s: %d lines, at most 100\n", $6, $7, $5; bad = 1 }
	END { exit bad }' >&2
