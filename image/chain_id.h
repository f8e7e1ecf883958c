/* SPDX-License-Identifier: Apache-2.0 */
/* Chain IDs: what a stack of layers is called. image-spec config.md "Layer ChainID". */
#pragma once
#include "base/digest.h"
#include <stddef.h>

/* Of all n layers; all zero when n is 0. */
struct digest chain_id(const struct digest *diff_ids, size_t n);
