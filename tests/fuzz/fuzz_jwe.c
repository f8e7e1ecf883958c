/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/jwe_keys.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "registry/jwe.h"
#include "registry/layer_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A JWE; and the same bytes as what is in one, and as a layer's options. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rsa_key *keys[2];
	struct err err = ERR_INIT;
	AUTO_BUF struct buf text = BUF_INIT(JWE_TEXT_MAX);
	AUTO_LAYER_KEY struct layer_key key = {0};
	if (!keys[0] && (rsa_private_load(TEST_PRIVATE_KEY, strlen(TEST_PRIVATE_KEY), NULL, "key",
				 &keys[0], &err) < 0 ||
				rsa_public_load(TEST_PUBLIC_KEY, strlen(TEST_PUBLIC_KEY), "key",
					&keys[1], &err) < 0))
		__builtin_trap();
	if (jwe_decrypt((const char *)data, size, keys, 1, &text, &err) < 0 && !err.msg[0])
		__builtin_trap();
	AUTO_FREE char *jwe = NULL, *options = base64_encode(data, size);
	if (size > JWE_TEXT_MAX || jwe_encrypt(&keys[1], 1, data, size, &jwe, &err) < 0)
		return 0;
	AUTO_FREE char *outer = base64_encode(jwe, strlen(jwe));
	err_clear(&err);
	if (layer_key_unwrap(outer, options, keys, 1, &key, &err) < 0 && !err.msg[0])
		__builtin_trap();
	return 0;
}
