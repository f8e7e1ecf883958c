/* SPDX-License-Identifier: Apache-2.0 */
#include "image/chain_id.h"

#include <string.h>

/* ChainID(L0..Ln) = SHA256(ChainID(L0..Ln-1) + " " + DiffID(Ln)), digests as text */
static struct digest chain_next(const struct digest *parent, const struct digest *diff_id)
{
	char buf[DIGEST_STR_MAX];
	struct sha256 h;
	sha256_init(&h);
	digest_str(parent, buf);
	sha256_update(&h, buf, strlen(buf));
	sha256_update(&h, " ", 1);
	digest_str(diff_id, buf);
	sha256_update(&h, buf, strlen(buf));
	return sha256_final(&h);
}

struct digest chain_id(const struct digest *diff_ids, size_t n)
{
	struct digest d = {0};
	for (size_t i = 0; i < n; i++)
		d = i == 0 ? diff_ids[0] : chain_next(&d, &diff_ids[i]);
	return d;
}
