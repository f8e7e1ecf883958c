/* SPDX-License-Identifier: Apache-2.0 */
/* Names of signals, as STOPSIGNAL takes them: "SIGTERM", "term", "15", "SIGRTMIN+3". */
#pragma once
#include <stdbool.h>

bool signal_is_known(const char *text);
/* "did you mean": the closest name, without "SIG"; NULL: there is none */
const char *signal_suggest(const char *text);
