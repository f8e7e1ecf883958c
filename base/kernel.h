/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel can do, where trying it out tells nothing. */
#pragma once
#include <stdbool.h>

/* "5.11" or newer? True when the text is no such version. */
bool kernel_at_least(const char *version);
