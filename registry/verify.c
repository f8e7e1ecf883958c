/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/verify.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "registry/gpg.h"
#include "registry/signature.h"

#define KEYS_MAX (4 * MIB) /* of one file */
#define REASONS_MAX 600 /* of several signatures, for people */

struct check {
	const struct trust *trust;
	const struct signed_by *by;
	const char *manifest;
	size_t n;
	struct gpg_keyring keys;
};

static int add_keys(const struct check *c, struct err *err)
{
	const char *what = c->trust->demands.policy;
	if (c->by->keys)
		return gpg_keyring_add(&c->keys, c->by->keys, c->by->n_keys, what, err);
	STRV_FOREACH (file, &c->by->key_files) {
		AUTO_FREE char *text = NULL;
		size_t n;
		int r = fs_read_file(AT_FDCWD, *file, KEYS_MAX, &text, &n, err);
		if (r == 0)
			r = gpg_keyring_add(&c->keys, text, n, *file, err);
		if (r < 0)
			return err_wrap(err, "%s", what);
	}
	return 0;
}

/* What was signed is looked at only when the signature is good. */
static int check_signature(const struct check *c, const char *base64, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(SIGNATURE_MAX);
	AUTO_SIGNATURE struct signature s = {0};
	unsigned long n;
	AUTO_FREE char *message = base64_decode(base64, &n);
	if (!message)
		return err_set(err, ERR_DENIED, "is not base64");
	int r = gpg_verify(&c->keys, message, n, &text, err);
	if (r == 0)
		r = signature_parse(buf_str(&text), text.len, &s, err);
	if (r < 0)
		return r;
	struct digest have = digest_of_as(s.manifest.alg, c->manifest, c->n);
	if (!digest_equal(&have, &s.manifest))
		return err_set(err, ERR_DENIED, "it is of another manifest");
	if (!identity_matches(&c->by->identity, c->trust->image, s.reference))
		return err_set(err, ERR_DENIED, "it is for another name, '%.256s'", s.reference);
	return 0;
}

static int check_signatures(const struct check *c, const struct strv *signatures, struct err *err)
{
	AUTO_BUF struct buf reasons = BUF_INIT(REASONS_MAX);
	if (!signatures->n)
		return err_set(err, ERR_DENIED,
			"Source image rejected: A signature was required, but no signature exists");
	STRV_FOREACH (one, signatures) {
		struct err why = ERR_INIT;
		int r = check_signature(c, *one, &why);
		if (r == 0)
			return 0;
		if (r != ERR_DENIED && r != ERR_INVALID && r != ERR_LIMIT && r != ERR_UNSUPPORTED) {
			*err = why;
			return r;
		}
		buf_addf(&reasons, "%s%s", reasons.len ? "; " : "", why.msg);
	}
	return err_set(err, ERR_DENIED,
		"Source image rejected: None of the signatures were accepted, reasons: %s",
		buf_str(&reasons));
}

static int check_demand(struct store *s, struct txn *t, struct check *c,
	const struct strv *signatures, struct err *err)
{
	if (!signatures->n)
		return check_signatures(c, signatures, err);
	int r = gpg_keyring_make(s, t, &c->keys, err);
	if (r == 0)
		r = add_keys(c, err);
	if (r == 0)
		r = check_signatures(c, signatures, err);
	gpg_keyring_done(&c->keys);
	return r;
}

int verify_manifest(struct store *s, struct txn *t, const struct trust *trust,
	const struct strv *signatures, const char *manifest, size_t n, struct err *err)
{
	for (size_t i = 0; i < trust->demands.n; i++) {
		struct check c = {
			.trust = trust, .by = &trust->demands.s[i], .manifest = manifest, .n = n};
		int r = check_demand(s, t, &c, signatures, err);
		if (r < 0)
			return r;
	}
	return 0;
}
