/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenPGP signatures, by the program gpg and its interface for programs (--status-fd), as git makes
 * and checks them: the user's keys, agent and smart cards are gpg's business. Only status lines and
 * the exit status decide; texts are for messages.
 */
#pragma once
#include <stddef.h>

struct buf;
struct err;
struct store;
struct txn;

/* text, signed with a key of the user's keyring ($GNUPGHOME); key: a fingerprint, or what else gpg
 * finds one key by. ret: a binary OpenPGP message with the text in it; its maximum is kept.
 * ERR_NOT_FOUND: there is no gpg. ERR_DENIED: no such key, or it could not be used. */
int gpg_sign(const char *key, const char *text, size_t n, struct buf *ret, struct err *err)
	__attribute__((warn_unused_result));

/* A keyring of its own that lasts as long as the transaction: only what is put into it counts. */
struct gpg_keyring {
	char *dir;
};
int gpg_keyring_make(struct store *s, struct txn *t, struct gpg_keyring *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Public keys, armoured or not. ERR_INVALID: there are none. */
int gpg_keyring_add(const struct gpg_keyring *k, const char *keys, size_t n, const char *what,
	struct err *err) __attribute__((warn_unused_result));
void gpg_keyring_done(struct gpg_keyring *k);
#define AUTO_GPG_KEYRING __attribute__((cleanup(gpg_keyring_done)))
/* *ret: what one key of the keyring signed, and nobody else with it; its maximum is kept.
 * ERR_DENIED: it is no such message, or its signature is not good. */
int gpg_verify(const struct gpg_keyring *k, const char *message, size_t n, struct buf *ret,
	struct err *err) __attribute__((warn_unused_result));

/* The status lines of a verification; for gpg_verify and its test: exactly one signature, which is
 * good, over exactly one text that was not encrypted. */
int gpg_check_status(char *lines, struct err *err) __attribute__((warn_unused_result));
