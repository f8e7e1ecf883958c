#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# note.sh BUILD_DIR: writes down what the three slow checks find clean (*.clean), so that ./check leaves it out.
set -eu
cd "$(dirname "$0")/../.."
tests/lint/shell.sh --note
tests/lint/cppcheck.sh "$1" --note
for floor in base image layers store run registry build cmd; do
	tests/lint/tidy.sh --note "$1" $floor
done
