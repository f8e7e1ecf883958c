#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/../.."
git ls-files -z '*.c' '*.h' ':!base/banned.h' | xargs -0 -r clang-format --dry-run -Werror
