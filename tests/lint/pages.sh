#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The manual pages are roff that mandoc reads without an error. Usage: PAGE...
set -eu
mandoc -T lint -W error "$@" | sed 's#^mandoc: ##'
exit "${PIPESTATUS[0]}"
