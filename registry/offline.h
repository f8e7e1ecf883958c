/* SPDX-License-Identifier: Apache-2.0 */
/* --offline: what would ask the network fails instead, and says what for. Holds for the process. */
#pragma once
#include <stdbool.h>

struct err;

void offline_set(void);
bool offline_is_set(void);
/* what: a reference or URL without credentials. ERR_UNSUPPORTED when offline. */
int offline_check(const char *what, struct err *err) __attribute__((warn_unused_result));
