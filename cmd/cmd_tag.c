/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "image/descriptor.h"
#include "image/reference.h"
#include "store/images.h"
#include "store/names.h"
#include "store/store.h"

static const struct opt no_options[] = {
	OPT_END,
};

static int normalised(const char *text, char **ret, struct err *err)
{
	AUTO_REFERENCE struct reference ref = {0};

	int r = reference_parse_local(text, &ref, err);
	if (r < 0)
		return r;
	if (ref.has_digest)
		return err_set(err, ERR_INVALID, "'%s': a tag cannot be a digest", text);
	*ret = reference_str(&ref);
	return 0;
}

static int tag_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *t = NULL;
	AUTO_STRV struct strv refs = STRV_INIT;
	AUTO_FREE char *found = NULL;
	struct descriptor top = {0};
	int r = 0;

	(void)args;
	for (size_t i = 1; i < rest->n; i++) {
		char *ref = NULL;
		r = normalised(rest->v[i], &ref, err);
		if (r < 0)
			return r;
		strv_add_take(&refs, ref);
	}
	r = app_store(app, 0, &s, err);
	/* nobody may sweep the image between our finding it and its new name */
	if (r == 0)
		r = txn_begin(s, &t, err);
	if (r == 0)
		r = image_find(s, rest->v[0], &top, &found, err);
	if (r == 0)
		r = names_set(s, (const char *const *)refs.v, refs.n, &top, err);
	descriptor_done(&top);
	return r;
}

const struct cmd cmd_tag = {
	.name = "tag",
	.options = no_options,
	.min_args = 2,
	.max_args = CMD_ANY,
	.run = tag_run,
};

/* Without names: all that the image has. The image stays, nameless. */
static int untag_all(struct store *s, const struct descriptor *top, struct err *err)
{
	struct names names;

	int r = names_list_all(s, &names, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < names.count && r == 0; i++)
		if (names.n[i].ref && digest_equal(&names.n[i].manifest.digest, &top->digest))
			r = name_remove(s, names.n[i].ref, true, err);
	names_done(&names);
	return r;
}

/* The name must be one of this image: untagging another by mistake would be silent. */
static int untag_one(
	struct store *s, const struct descriptor *top, const char *text, struct err *err)
{
	AUTO_FREE char *found = NULL;
	struct descriptor other = {0};

	int r = image_find(s, text, &other, &found, err);
	bool same = r == 0 && digest_equal(&other.digest, &top->digest);
	descriptor_done(&other);
	if (r < 0)
		return r;
	if (!found || !same)
		return err_set(err, ERR_NOT_FOUND, "%s: tag not known", text);
	return name_remove(s, found, true, err);
}

static int untag_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_FREE char *found = NULL;
	struct descriptor top = {0};

	(void)args;
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = image_find(s, rest->v[0], &top, &found, err);
	if (r == 0 && rest->n == 1)
		r = untag_all(s, &top, err);
	for (size_t i = 1; i < rest->n && r == 0; i++)
		r = untag_one(s, &top, rest->v[i], err);
	descriptor_done(&top);
	return r;
}

const struct cmd cmd_untag = {
	.name = "untag",
	.options = no_options,
	.min_args = 1,
	.max_args = CMD_ANY,
	.run = untag_run,
};
