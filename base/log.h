/* SPDX-License-Identifier: Apache-2.0 */
/* The debug log: off by default, on stderr with --log-level=debug or MICA_DEBUG=1. Never the only
 * place where a fact appears; never a secret. */
#pragma once
#include <stdbool.h>

void log_enable(bool on);
bool log_enabled(void);
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
