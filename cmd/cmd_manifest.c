/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of images: what makes them and what joins them. */
#include <unistd.h>

#include "base/err.h"
#include "cmd/cmd.h"
#include "cmd/help_print.h"
#include "cmd/manifest_artifact.h"
#include "cmd/manifest_entry.h"
#include "cmd/manifest_list.h"
#include "cmd/opt_groups.h"
#include "store/store.h"

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
	struct remote_args *remote = &((struct create_args *)args)->remote;

	remote_args_init(remote);
	remote->env_unchecked = true;
}

static int find_all(struct app *app, struct store *s, const struct create_args *a,
	const struct strv *images, struct index *ret, struct strv *sources, struct err *err)
{
	struct pull_opts o = {.all_platforms = a->all};
	int r = 0;
	if (remote_args_apply(app, &a->remote, &o.remote, err) < 0)
		return err->code;
	o.progress = out_progress(&app->out, PROGRESS_AUTO);
	for (size_t i = 1; r == 0 && i < images->n; i++) {
		struct index found = {0};
		struct descriptor top = {0};
		r = manifest_list_find_image(s, images->v[i], &o, &found, &top, sources, err);
		for (size_t k = 0; r == 0 && k < found.n_manifests; k++)
			index_add(ret, &found.manifests[k]);
		index_done(&found);
		descriptor_done(&top);
	}
	out_progress_done(&app->out);
	return r;
}

static int create(struct app *app, struct store *s, const struct create_args *a, const char *name,
	const struct index *entries, const struct strv *sources, struct err *err)
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
		r = manifest_annotations_add(&a->annotations, &list.ix.annotations, err);
	for (size_t i = 0; r == 0 && i < entries->n_manifests; i++)
		manifest_list_put(&list, &entries->manifests[i]);
	strv_copy(&list.sources, sources);
	if (r == 0)
		r = manifest_list_save(s, &list, &id, err);
	if (r == 0)
		out_printf(&app->out, "%s\n", manifest_list_id(&list, &id, hex));
	return r;
}

static int create_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct create_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *txn = NULL; /* what is fetched stays until the list has it */
	AUTO_STRV struct strv sources = STRV_INIT;
	struct index entries = {0};
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = txn_begin(s, &txn, err);
	if (r == 0)
		r = find_all(app, s, a, rest, &entries, &sources, err);
	if (r == 0)
		r = create(app, s, a, rest->v[0], &entries, &sources, err);
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
	const char *text, struct index *ret, struct descriptor *ret_top, struct strv *sources,
	struct err *err)
{
	struct pull_opts o = {.all_platforms = a->all};
	const struct entry_args *e = &a->entry;
	if (remote_args_apply(app, &a->remote, &o.remote, err) < 0)
		return err->code;
	platform_host(&o.platform);
	if (e->arch)
		o.platform.variant[0] = '\0';
	o.has_platform = !a->all && (e->arch || e->os || e->variant);
	if (platform_field_set(o.platform.arch, sizeof(o.platform.arch), "arch", e->arch, err) <
			0 ||
		platform_field_set(o.platform.os, sizeof(o.platform.os), "os", e->os, err) < 0 ||
		platform_field_set(o.platform.variant, sizeof(o.platform.variant), "variant",
			e->variant, err) < 0)
		return err->code;
	platform_normalise(&o.platform);
	/* scripts read what is printed here together with what goes to standard error */
	o.progress =
		out_progress(&app->out, isatty(STDERR_FILENO) ? PROGRESS_AUTO : PROGRESS_QUIET);
	int r = manifest_list_find_image(s, text, &o, ret, ret_top, sources, err);
	if (r == ERR_UNSUPPORTED && o.has_platform) {
		err_clear(err);
		o.has_platform = false;
		r = manifest_list_find_image(s, text, &o, ret, ret_top, sources, err);
	}
	out_progress_done(&app->out);
	return r;
}

static int add(struct app *app, struct store *s, const struct add_args *a, const char *name,
	const struct index *found, const struct descriptor *top, const struct strv *sources,
	struct err *err)
{
	AUTO_MANIFEST_LIST struct manifest_list list = {.lock = -1};
	struct digest id;
	int r = manifest_list_open(s, name, false, &list, err);
	strv_copy(&list.sources, sources);
	for (size_t i = 0; r == 0 && i < found->n_manifests; i++) {
		r = entry_args_apply(&a->entry, &found->manifests[i], err);
		if (r == 0)
			manifest_list_put(&list, &found->manifests[i]);
	}
	if (r == 0)
		r = manifest_list_save(s, &list, &id, err);
	if (r == 0)
		manifest_print_change(
			app, &id, a->all ? &top->digest : &found->manifests[0].digest);
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
	AUTO_STRV struct strv sources = STRV_INIT;
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
		r = find_entries(app, s, a, rest->v[1], &found, &top, &sources, err);
	if (r == 0)
		r = add(app, s, a, rest->v[0], &found, &top, &sources, err);
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

/* --- the family --- */

static const struct opt no_options[] = {
	OPT_END,
};

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
