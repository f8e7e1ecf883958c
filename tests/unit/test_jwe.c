/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/jwe_keys.h"
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/stream.h"
#include "registry/jwe.h"
#include "registry/layer_keys.h"

static struct rsa_key *public_key, *private_key;

static int load_keys(void **state)
{
	struct err err = ERR_INIT;
	(void)state;
	return rsa_public_load(TEST_PUBLIC_KEY, strlen(TEST_PUBLIC_KEY), "k", &public_key, &err) <
	               0 ||
	       rsa_private_load(TEST_PRIVATE_KEY, strlen(TEST_PRIVATE_KEY), NULL, "k", &private_key,
		       &err) < 0;
}

static int free_keys(void **state)
{
	(void)state;
	rsa_key_free(public_key);
	rsa_key_free(private_key);
	return 0;
}

static int decrypt(const char *json, const char *expected)
{
	struct err err = ERR_INIT;
	AUTO_BUF struct buf text = BUF_INIT(JWE_TEXT_MAX);
	int r = jwe_decrypt(json, strlen(json), &private_key, 1, &text, &err);
	if (r == 0)
		assert_string_equal(buf_str(&text), expected);
	else
		assert_int_equal(text.len, 0);
	return r;
}

static void what_was_encrypted_for_one_or_several_is_read(void **state)
{
	struct rsa_key *keys[] = {public_key, public_key};
	(void)state;
	for (size_t n = 1; n <= 2; n++) {
		struct err err = ERR_INIT;
		AUTO_FREE char *json = NULL;
		assert_int_equal(jwe_encrypt(keys, n, "hello", 5, &json, &err), 0);
		assert_true(!strstr(json, "\"recipients\"") == (n == 1));
		assert_int_equal(decrypt(json, "hello"), 0);
	}
}

/* The text with the first `old` in it exchanged; both have one length. */
static int changed(const char *json, const char *old, const char *new)
{
	AUTO_FREE char *text = xstrdup(json);
	char *at = strstr(text, old);
	assert_non_null(at);
	memcpy(at, new, strlen(new));
	return decrypt(text, "");
}

static void nothing_of_it_can_be_changed(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *json = NULL;
	(void)state;
	assert_int_equal(jwe_encrypt(&public_key, 1, "hello", 5, &json, &err), 0);
	assert_true(changed(json, "\"tag\":\"", "\"tag\":\"AAAA") == ERR_DENIED);
	assert_true(changed(json, "\"iv\":\"", "\"iv\":\"AAAA") == ERR_DENIED);
	assert_true(changed(json, "\"ciphertext\":\"", "\"ciphertext\":\"AAAA") == ERR_DENIED);
	assert_true(
		changed(json, "\"encrypted_key\":\"", "\"encrypted_key\":\"AAAA") == ERR_DENIED);
	assert_true(changed(json, "\"tag\":\"", "\"tag\":\"+") == ERR_INVALID);
	assert_true(changed(json, "\"ciphertext\"", "\"chiffretext\"") == ERR_INVALID);
	/* {"enc":"A256GCM","alg":"RSA-OAEP","crit":["x"]}, and with "zip":"DEF" */
	static const char *const headers[] = {
		"eyJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAiLCJjcml0IjpbIngiXX0",
		"eyJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAiLCJ6aXAiOiJERUYifQ"};
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		AUTO_FREE char *other =
			xasprintf("{\"protected\":\"%s\"%s", headers[i], strchr(json, ','));
		assert_int_equal(decrypt(other, ""), ERR_UNSUPPORTED);
	}
}

static void the_key_of_a_layer_survives_its_annotations(void **state)
{
	struct err err = ERR_INIT;
	AUTO_LAYER_KEY struct layer_key from = {.digest = xstrdup("sha256:x")}, to = {0}, no = {0};
	AUTO_FREE char *jwe = NULL, *options = NULL;
	(void)state;
	memset(&from.stream, 7, sizeof(from.stream));
	memset(from.stream.mac, 8, sizeof(from.stream.mac));
	assert_int_equal(layer_key_wrap(&from, &public_key, 1, &jwe, &options, &err), 0);
	/* among others, which are passed over */
	AUTO_FREE char *list = xasprintf("e30=,%s", jwe);
	assert_int_equal(layer_key_unwrap(list, options, &private_key, 1, &to, &err), 0);
	assert_memory_equal(&to.stream, &from.stream, sizeof(to.stream));
	assert_string_equal(to.digest, "sha256:x");
	assert_int_equal(
		layer_key_unwrap(jwe, "e30=", &private_key, 1, &no, &err), ERR_UNSUPPORTED);
}

/* SP 800-38A, F.5.5: CTR-AES256.Encrypt */
static void the_stream_is_aes_in_counter_mode_and_its_end_is_checked(void **state)
{
	static const struct cipher_stream vector = {
		.key = {0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0,
			0x85, 0x7d, 0x77, 0x81, 0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7,
			0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4},
		.nonce = {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb,
			0xfc, 0xfd, 0xfe, 0xff}};
	static const uint8_t plain[] = {0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d,
		0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a},
			     sealed[] = {0x60, 0x1e, 0xc3, 0x13, 0x77, 0x57, 0x89, 0xa5, 0xb7, 0xa7,
				     0xf5, 0x04, 0xbb, 0xf3, 0xd2, 0x28};
	struct cipher_stream c = vector;
	struct err err = ERR_INIT;
	uint8_t out[sizeof(plain)];
	(void)state;
	struct reader *below = reader_from_mem(plain, sizeof(plain)), *r;
	assert_int_equal(reader_encrypted(below, &c, &r, &err), 0);
	assert_int_equal(reader_read(r, out, sizeof(out), &err), sizeof(out));
	assert_memory_equal(out, sealed, sizeof(out));
	assert_int_equal(reader_read(r, out, sizeof(out), &err), 0);
	reader_free(r);
	reader_free(below);
	for (int wrong = 0; wrong < 2; wrong++) {
		c.mac[31] ^= (uint8_t)wrong;
		below = reader_from_mem(sealed, sizeof(sealed));
		assert_int_equal(reader_decrypted(below, &c, &r, &err), 0);
		assert_int_equal(reader_read(r, out, sizeof(out), &err), sizeof(out));
		assert_memory_equal(out, plain, sizeof(out));
		assert_int_equal(reader_read(r, out, sizeof(out), &err), wrong ? ERR_CORRUPT : 0);
		reader_free(r);
		reader_free(below);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_encrypted_for_one_or_several_is_read),
		cmocka_unit_test(nothing_of_it_can_be_changed),
		cmocka_unit_test(the_key_of_a_layer_survives_its_annotations),
		cmocka_unit_test(the_stream_is_aes_in_counter_mode_and_its_end_is_checked),
	};
	return cmocka_run_group_tests(tests, load_keys, free_keys);
}
