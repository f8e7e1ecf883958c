/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lowers.h"

#include <unistd.h>

#include "base/err.h"
#include "store/tree.h"

int image_lowers(
	struct store *s, const struct digest *diff_ids, size_t n, int *ret_fds, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = tree_open(s, &diff_ids[n - 1 - i], &ret_fds[i], err);
		if (r < 0) {
			while (i-- > 0)
				close(ret_fds[i]);
			return r;
		}
	}
	return 0;
}
