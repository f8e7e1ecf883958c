/* SPDX-License-Identifier: Apache-2.0 */
/* Names of signals, as STOPSIGNAL takes them: "SIGTERM", "term", "15", "SIGRTMIN+3". */
#pragma once
#include <stdbool.h>

bool signal_is_known(const char *text);
