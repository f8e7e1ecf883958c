/* SPDX-License-Identifier: Apache-2.0 */
#include "build/publish.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/build.h"
#include "image/reference.h"
#include "registry/signing.h"
#include "store/names.h"

int build_check_tags(const struct strv *tags, const char *what, struct err *err)
{
	STRV_FOREACH (tag, tags) {
		AUTO_REFERENCE struct reference ref = {0};
		if (reference_parse_local(*tag, &ref, err) < 0)
			return err_wrap(err, "%s%s", what, *tag);
		if (ref.has_digest)
			return err_set(err, ERR_INVALID, "%s%s: a name cannot be given a digest",
				what, *tag);
	}
	return 0;
}

int build_publish(struct store *s, const struct strv *tags, const char *sign_by,
	struct build_result *r, struct err *err)
{
	STRV_FOREACH (tag, tags) {
		AUTO_REFERENCE struct reference ref = {0};
		if (reference_parse_local(*tag, &ref, err) < 0)
			return err->code;
		AUTO_FREE char *text = reference_str(&ref);
		if (!strv_has(&r->refs, text))
			strv_add(&r->refs, text);
	}
	if (sign_by && image_sign(&r->root, r->refs.n ? r->refs.v[0] : NULL, sign_by, err) < 0)
		return err->code;
	return names_set(s, (const char *const *)strv_argv(&r->refs), r->refs.n, &r->root, err);
}
