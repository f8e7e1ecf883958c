/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of images: what changes them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/help_print.h"
#include "cmd/manifest_artifact.h"
#include "cmd/manifest_list.h"
#include "cmd/opt_groups.h"
#include "store/images.h"
#include "store/store.h"

/* --- the entry's members --- */

struct entry_args {
	const char *arch, *os, *os_version, *variant;
	struct strv annotations, features, os_features;
};

static const struct opt entry_options[] = {
	OPT_STRV(0, "annotation", struct entry_args, annotations),
	OPT_STRING(0, "arch", struct entry_args, arch),
	OPT_STRV(0, "features", struct entry_args, features),
	OPT_STRING(0, "os", struct entry_args, os),
	OPT_STRV(0, "os-features", struct entry_args, os_features),
	OPT_STRING(0, "os-version", struct entry_args, os_version),
	OPT_STRING(0, "variant", struct entry_args, variant),
	OPT_END,
};

static int add_annotations(const struct strv *words, struct map *ret, struct err *err)
{
	STRV_FOREACH (w, words) {
		const char *eq = strchr(*w, '=');
		if (!eq || eq == *w)
			return err_set(err, ERR_INVALID,
				"option '--annotation': '%s' is not KEY=VALUE", *w);
		AUTO_FREE char *key = xstrndup(*w, (size_t)(eq - *w));
		map_set(ret, key, eq + 1);
	}
	return 0;
}

static int set_field(
	char *field, size_t size, const char *option, const char *value, struct err *err)
{
	if (!value)
		return 0;
	if (strlen(value) >= size)
		return err_set(err, ERR_INVALID, "option '--%s': longer than %zu characters",
			option, size - 1);
	(void)snprintf(field, size, "%s", value);
	return 0;
}

static void set_words(struct strv *ret, const struct strv *words)
{
	if (words->n)
		strv_done(ret);
	STRV_FOREACH (w, words)
		strv_split(ret, *w, ',');
}

static int apply(const struct entry_args *a, struct descriptor *d, struct err *err)
{
	struct platform *p = &d->platform;
	if (set_field(p->arch, sizeof(p->arch), "arch", a->arch, err) < 0 ||
		set_field(p->os, sizeof(p->os), "os", a->os, err) < 0 ||
		set_field(p->os_version, sizeof(p->os_version), "os-version", a->os_version, err) <
			0 ||
		set_field(p->variant, sizeof(p->variant), "variant", a->variant, err) < 0 ||
		add_annotations(&a->annotations, &d->annotations, err) < 0)
		return err->code;
	set_words(&d->features, &a->features);
	set_words(&d->os_features, &a->os_features);
	d->has_platform = d->has_platform || *p->arch || *p->os;
	return 0;
}

/* "ID: DIGEST" */
static void print_change(struct app *app, const struct digest *list, const struct digest *entry)
{
	char id[DIGEST_STR_MAX], digest[DIGEST_STR_MAX];
	out_printf(&app->out, "%s: %s\n", digest_hex(list, id), digest_str(entry, digest));
}

/* --- create --- */

struct create_args {
	bool all, amend;
	struct strv annotations;
	struct remote_args remote;
};

static const struct opt create_options[] = {
	OPT_BOOL(0, "all", struct create_args, all),
	OPT_BOOL(0, "amend", struct create_args, amend),
	OPT_STRV(0, "annotation", struct create_args, annotations),
	OPT_GROUP(remote_options, struct create_args, remote),
	OPT_STRING(0, "signature-policy", struct create_args, remote.signature_policy),
	OPT_END,
};

static void create_init(void *args)
{
	remote_args_init(&((struct create_args *)args)->remote);
}

static int find_all(struct app *app, struct store *s, const struct create_args *a,
	const struct strv *images, struct index *ret, struct err *err)
{
	struct pull_opts o = {.all_platforms = a->all};
	int r = 0;
	if (remote_args_apply(app, &a->remote, &o.remote, err) < 0)
		return err->code;
	o.progress = out_progress(&app->out, PROGRESS_AUTO);
	for (size_t i = 1; r == 0 && i < images->n; i++) {
		struct index found = {0};
		struct descriptor top = {0};
		r = manifest_list_find_image(s, images->v[i], &o, &found, &top, err);
		for (size_t k = 0; r == 0 && k < found.n_manifests; k++)
			index_add(ret, &found.manifests[k]);
		index_done(&found);
		descriptor_done(&top);
	}
	out_progress_done(&app->out);
	return r;
}

static int create(struct app *app, struct store *s, const struct create_args *a, const char *name,
	const struct index *entries, struct err *err)
{
	AUTO_MANIFEST_LIST struct manifest_list list = {.lock = -1};
	struct digest id;
	char hex[DIGEST_STR_MAX];
	int r = manifest_list_open(s, name, true, &list, err);
	if (r == 0 && list.exists && !a->amend)
		r = err_set(err, ERR_EXISTS,
			"'%s': that name is already in use; --amend adds to the list that has it",
			list.ref);
	if (r == 0)
		r = add_annotations(&a->annotations, &list.ix.annotations, err);
	for (size_t i = 0; r == 0 && i < entries->n_manifests; i++)
		manifest_list_put(&list, &entries->manifests[i]);
	if (r == 0)
		r = manifest_list_save(s, &list, &id, err);
	if (r == 0)
		out_printf(&app->out, "%s\n", digest_hex(&id, hex));
	return r;
}

static int create_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct create_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *txn = NULL; /* what is fetched stays until the list has it */
	struct index entries = {0};
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = txn_begin(s, &txn, err);
	if (r == 0)
		r = find_all(app, s, a, rest, &entries, err);
	if (r == 0)
		r = create(app, s, a, rest->v[0], &entries, err);
	index_done(&entries);
	return r;
}

const struct cmd cmd_manifest_create = {
	.name = "manifest-create",
	.options = create_options,
	.args_size = sizeof(struct create_args),
	.min_args = 1,
	.max_args = CMD_ANY,
	.flags = CMD_USERNS,
	.init = create_init,
	.run = create_run,
};

/* --- add --- */

struct add_args {
	bool all;
	struct artifact_args artifact;
	struct entry_args entry;
	struct remote_args remote;
};

static const struct opt add_options[] = {
	OPT_BOOL(0, "all", struct add_args, all),
	OPT_GROUP(entry_options, struct add_args, entry),
	OPT_GROUP(remote_options, struct add_args, remote),
	OPT_STRING(0, "signature-policy", struct add_args, remote.signature_policy),
	OPT_GROUP(artifact_options, struct add_args, artifact),
	OPT_END,
};

static void add_init(void *args)
{
	remote_args_init(&((struct add_args *)args)->remote);
}

/* Of an index the entry that --os, --arch and --variant say, when there is one; else ours, which
 * then gets those words. */
static int find_entries(struct app *app, struct store *s, const struct add_args *a,
	const char *text, struct index *ret, struct descriptor *ret_top, struct err *err)
{
	struct pull_opts o = {.all_platforms = a->all};
	const struct entry_args *e = &a->entry;
	if (remote_args_apply(app, &a->remote, &o.remote, err) < 0)
		return err->code;
	platform_host(&o.platform);
	if (e->arch)
		o.platform.variant[0] = '\0';
	o.has_platform = !a->all && (e->arch || e->os || e->variant);
	if (set_field(o.platform.arch, sizeof(o.platform.arch), "arch", e->arch, err) < 0 ||
		set_field(o.platform.os, sizeof(o.platform.os), "os", e->os, err) < 0 ||
		set_field(o.platform.variant, sizeof(o.platform.variant), "variant", e->variant,
			err) < 0)
		return err->code;
	platform_normalise(&o.platform);
	/* scripts read what is printed here together with what goes to standard error */
	o.progress =
		out_progress(&app->out, isatty(STDERR_FILENO) ? PROGRESS_AUTO : PROGRESS_QUIET);
	int r = manifest_list_find_image(s, text, &o, ret, ret_top, err);
	if (r == ERR_UNSUPPORTED && o.has_platform) {
		err_clear(err);
		o.has_platform = false;
		r = manifest_list_find_image(s, text, &o, ret, ret_top, err);
	}
	out_progress_done(&app->out);
	return r;
}

static int add(struct app *app, struct store *s, const struct add_args *a, const char *name,
	const struct index *found, const struct descriptor *top, struct err *err)
{
	AUTO_MANIFEST_LIST struct manifest_list list = {.lock = -1};
	struct digest id;
	int r = manifest_list_open(s, name, false, &list, err);
	for (size_t i = 0; r == 0 && i < found->n_manifests; i++) {
		r = apply(&a->entry, &found->manifests[i], err);
		if (r == 0)
			manifest_list_put(&list, &found->manifests[i]);
	}
	if (r == 0)
		r = manifest_list_save(s, &list, &id, err);
	if (r == 0)
		print_change(app, &id, a->all ? &top->digest : &found->manifests[0].digest);
	return r;
}

static int make_artifact(struct store *s, const struct artifact_args *a, const struct strv *rest,
	struct index *ret, struct err *err)
{
	struct descriptor d = {0};

	int r = manifest_artifact_make(s, a, rest, 1, &d, err);
	if (r == 0)
		index_add(ret, &d);
	descriptor_done(&d);
	return r;
}

static int check_add(const struct add_args *a, const struct strv *rest, struct err *err)
{
	if (rest->n > 2 && !a->artifact.artifact)
		return err_set(err, ERR_INVALID,
			"one image at a time: '%s' is one too many; several files go with "
			"'--artifact'",
			rest->v[2]);
	if (a->all && a->artifact.artifact)
		return err_set(err, ERR_INVALID, "'--all' and '--artifact' exclude each other");
	return artifact_args_check(&a->artifact, err);
}

static int add_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct add_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *txn = NULL; /* what is fetched stays until the list has it */
	AUTO_MANIFEST_LIST struct manifest_list list = {.lock = -1};
	struct index found = {0};
	struct descriptor top = {0};
	int r = check_add(a, rest, err);
	if (r == 0)
		r = app_store(app, 0, &s, err);
	if (r == 0)
		r = txn_begin(s, &txn, err);
	/* before anything is fetched for a list that is not there */
	if (r == 0)
		r = manifest_list_open(s, rest->v[0], false, &list, err);
	manifest_list_done(&list);
	if (r == 0 && a->artifact.artifact)
		r = make_artifact(s, &a->artifact, rest, &found, err);
	else if (r == 0)
		r = find_entries(app, s, a, rest->v[1], &found, &top, err);
	if (r == 0)
		r = add(app, s, a, rest->v[0], &found, &top, err);
	descriptor_done(&top);
	index_done(&found);
	return r;
}

const struct cmd cmd_manifest_add = {
	.name = "manifest-add",
	.options = add_options,
	.args_size = sizeof(struct add_args),
	.min_args = 2,
	.max_args = CMD_ANY,
	.flags = CMD_USERNS,
	.init = add_init,
	.run = add_run,
};

/* --- annotate, remove --- */

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
		/* here, that is: nothing is fetched to be told what to remove */
		int r = image_find(s, text, &top, &ref, err);
		descriptor_done(&top);
		if (r == 0)
			r = manifest_list_find_image(s, text, &all, &found, &top, err);
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
		r = apply(a, entry, err);
	else
		manifest_list_remove(&list, entry);
	if (r == 0)
		r = manifest_list_save(s, &list, &id, err);
	if (r == 0)
		print_change(app, &id, &of_entry);
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
		r = add_annotations(&a->annotations, &list.ix.annotations, err);
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

/* --- the family --- */

static int manifest_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	(void)args;
	return help_print_family(&app->out, "manifest", rest, err);
}

const struct cmd cmd_manifest = {
	.name = "manifest",
	.options = no_options,
	.max_args = CMD_ANY,
	.run = manifest_run,
};
