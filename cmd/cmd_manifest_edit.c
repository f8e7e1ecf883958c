/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of images: what changes and removes their entries. */
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/manifest_artifact.h"
#include "cmd/manifest_entry.h"
#include "cmd/manifest_list.h"
#include "store/images.h"
#include "store/store.h"

/* A digest, a file that an artifact of the list has, or an image whose manifest is in the list. */
static int find_entry(struct store *s, struct manifest_list *l, const char *text,
	struct descriptor **ret, struct err *err)
{
	struct digest d;
	struct descriptor top = {0};
	struct index found = {0};
	struct err why = ERR_INIT;
	*ret = NULL;
	if (digest_parse(text, &d, &why) == 0) {
		*ret = manifest_list_find(l, &d);
	} else if (manifest_artifact_find(s, &l->ix, text, ret, err) < 0) {
		return err->code;
	} else if (!*ret) {
		const struct pull_opts all = {.all_platforms = true, .policy = PULL_NEVER};
		AUTO_FREE char *ref = NULL;
		AUTO_STRV struct strv sources = STRV_INIT;
		/* here, that is: nothing is fetched to be told what to remove */
		int r = image_find(s, text, &top, &ref, err);
		descriptor_done(&top);
		if (r == 0)
			r = manifest_list_find_image(s, text, &all, &found, &top, &sources, err);
		for (size_t i = 0; r == 0 && !*ret && i < found.n_manifests; i++)
			*ret = manifest_list_find(l, &found.manifests[i].digest);
		index_done(&found);
		descriptor_done(&top);
		if (r < 0)
			return r;
	}
	return *ret ? 0
	            : err_set(err, ERR_NOT_FOUND, "the list '%s' has no image '%s'", l->ref, text);
}

static int change(
	struct app *app, const struct strv *rest, const struct entry_args *a, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *txn = NULL;
	AUTO_MANIFEST_LIST struct manifest_list list = {.lock = -1};
	struct descriptor *entry = NULL;
	struct digest id, of_entry;
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = txn_begin(s, &txn, err);
	if (r == 0)
		r = manifest_list_open(s, rest->v[0], false, &list, err);
	if (r == 0)
		r = find_entry(s, &list, rest->v[1], &entry, err);
	if (r != 0)
		return r;
	of_entry = entry->digest;
	if (a)
		r = entry_args_apply(a, entry, err);
	else
		manifest_list_remove(&list, entry);
	if (r == 0)
		r = manifest_list_save(s, &list, &id, err);
	if (r == 0)
		manifest_print_change(app, &id, &of_entry);
	return r;
}

struct annotate_args {
	bool index;
	const char *subject;
	struct entry_args entry;
};

static const struct opt annotate_options[] = {
	OPT_GROUP(entry_options, struct annotate_args, entry),
	OPT_BOOL(0, "index", struct annotate_args, index),
	OPT_STRING(0, "subject", struct annotate_args, subject),
	OPT_END,
};

/* What the list is about: an image or a list of the store. */
static int set_subject(struct store *s, const char *text, struct index *ix, struct err *err)
{
	struct descriptor d = {0};
	AUTO_FREE char *ref = NULL;

	int r = image_find(s, text, &d, &ref, err);
	if (r < 0)
		return err_wrap(err, "option '--subject'");
	map_done(&d.annotations); /* of its name */
	descriptor_done(&ix->subject);
	ix->subject = d;
	return 0;
}

/* The list's own annotations, and its subject. */
static int annotate_list(
	struct app *app, const char *name, const struct annotate_args *args, struct err *err)
{
	const struct entry_args *a = &args->entry;
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *txn = NULL;
	AUTO_MANIFEST_LIST struct manifest_list list = {.lock = -1};
	struct digest id;

	if (a->arch || a->os || a->os_version || a->variant || a->features.n || a->os_features.n)
		return err_set(err, ERR_INVALID,
			"a list has annotations, but no platform: '--index' goes with "
			"'--annotation' and '--subject' only");
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = txn_begin(s, &txn, err);
	if (r == 0)
		r = manifest_list_open(s, name, false, &list, err);
	if (r == 0)
		r = manifest_annotations_add(&a->annotations, &list.ix.annotations, err);
	if (r == 0 && args->subject)
		r = set_subject(s, args->subject, &list.ix, err);
	if (r == 0)
		r = manifest_list_save(s, &list, &id, err);
	char hex[DIGEST_STR_MAX];
	if (r == 0)
		out_printf(&app->out, "%s\n", digest_hex(&id, hex));
	return r;
}

static int annotate_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct annotate_args *a = args;
	bool index = a->index || a->subject; /* a subject is the list's */

	if (index != (rest->n == 1))
		return err_set(err, ERR_INVALID,
			index ? "with '--index' or '--subject' name the list only"
			      : "name the list and an image of it, or use '--index'");
	return index ? annotate_list(app, rest->v[0], a, err) : change(app, rest, &a->entry, err);
}

static int remove_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	(void)args;
	return change(app, rest, NULL, err);
}

const struct cmd cmd_manifest_annotate = {
	.name = "manifest-annotate",
	.options = annotate_options,
	.args_size = sizeof(struct annotate_args),
	.min_args = 1,
	.max_args = 2,
	.flags = CMD_USERNS,
	.run = annotate_run,
};

static const struct opt no_options[] = {
	OPT_END,
};

const struct cmd cmd_manifest_remove = {
	.name = "manifest-remove",
	.options = no_options,
	.min_args = 2,
	.max_args = 2,
	.flags = CMD_USERNS,
	.run = remove_run,
};
