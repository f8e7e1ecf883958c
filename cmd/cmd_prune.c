/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/image_filter.h"
#include "cmd/image_list.h"
#include "cmd/moment.h"
#include "cmd/text.h"
#include "store/choose.h"
#include "store/gc.h"
#include "store/store.h"

struct prune_args {
	bool all, force, dry_run, cache, mounts, containers;
	const char *older_than;
	uint64_t max_size, min_free;
	struct strv filters;
};

static const struct opt prune_options[] = {
	OPT_BOOL('a', "all", struct prune_args, all),
	OPT_BOOL(0, "build-cache", struct prune_args, cache),
	OPT_BOOL(0, "cache-mounts", struct prune_args, mounts),
	OPT_ALIAS(0, "volumes", "cache-mounts"),
	OPT_BOOL(0, "containers", struct prune_args, containers),
	OPT_BOOL(0, "dry-run", struct prune_args, dry_run),
	OPT_STRV(0, "filter", struct prune_args, filters),
	OPT_BOOL('f', "force", struct prune_args, force),
	OPT_SIZE(0, "max-size", struct prune_args, max_size),
	OPT_SIZE(0, "min-free", struct prune_args, min_free),
	OPT_STRING(0, "older-than", struct prune_args, older_than),
	OPT_END,
};

/* Named images go only after a yes; nobody is asked where nobody could answer. */
static bool confirmed(struct app *app, const struct prune_args *a)
{
	char answer[16] = "";

	if (!a->all || a->force || a->dry_run || !app->out.err_tty)
		return true;
	(void)fprintf(app->out.err, "This removes %simages and step cache. Continue? [y/N] ",
		a->filters.n || a->older_than || a->max_size || a->min_free ? "" : "all ");
	(void)fflush(app->out.err);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* --- filters --------------------------------------------------------------------------------- */

struct prune_filter {
	int64_t created_before_s; /* 0: whenever */
	struct strv labels, not_labels; /* KEY or KEY=VALUE */
};

static void prune_filter_done(struct prune_filter *f)
{
	strv_done(&f->labels);
	strv_done(&f->not_labels);
}
#define AUTO_PRUNE_FILTER __attribute__((cleanup(prune_filter_done)))

static int parse_filter(
	const char *filter, struct prune_filter *f, struct gc_limits *l, struct err *err)
{
	const char *eq = strchr(filter, '=');

	if (str_has_prefix(filter, "label!=")) {
		strv_add(&f->not_labels, filter + strlen("label!="));
	} else if (str_has_prefix(filter, "label=")) {
		strv_add(&f->labels, filter + strlen("label="));
	} else if (streq(filter, "dangling=true") || streq(filter, "dangling=1")) {
		l->all = false;
	} else if (streq(filter, "dangling=false") || streq(filter, "dangling=0")) {
		l->all = true;
	} else if (str_has_prefix(filter, "until=")) {
		if (!moment_parse(eq + 1, &f->created_before_s))
			return err_set(err, ERR_INVALID,
				"filter 'until': '%s' is no duration ('24h', '7d') and no date",
				eq + 1);
	} else {
		return err_set(err, ERR_INVALID,
			"unknown filter '%s', known are: dangling=true|false, label=KEY[=VALUE], "
			"label!=KEY[=VALUE], until=TIME",
			filter);
	}
	return 0;
}

static bool passes(const struct listed *i, const struct prune_filter *f)
{
	if (f->created_before_s && (!i->dated || i->created_s >= f->created_before_s))
		return false;
	STRV_FOREACH (label, &f->labels)
		if (!listed_has_label(i, *label))
			return false;
	STRV_FOREACH (label, &f->not_labels)
		if (listed_has_label(i, *label))
			return false;
	return true;
}

/* The digests of the images that pass. */
static int filter_images(
	struct store *s, const struct prune_filter *f, struct strv *ret, struct err *err)
{
	AUTO_IMAGE_LIST struct image_list list = {0};
	char text[DIGEST_STR_MAX];

	int r = image_list_load(s, &list, err);
	for (size_t i = 0; i < list.n; i++)
		if (passes(&list.i[i], f))
			strv_add(ret, digest_str(&list.i[i].top, text));
	return r;
}

/* Reduces what goes to what the options choose. *ret_limited: they do choose. */
static int choose(struct store *s, const struct prune_args *a, struct gc_opts *o,
	struct gc_choice *ret, bool *ret_limited, struct err *err)
{
	AUTO_PRUNE_FILTER struct prune_filter f = {0};
	AUTO_STRV struct strv images = STRV_INIT;
	struct gc_limits l = {.unnamed = o->unnamed,
		.all = o->all,
		.cache = o->cache,
		.mounts = o->mounts,
		.max_size = a->max_size,
		.min_free = a->min_free};
	int r = 0;

	*ret_limited = a->filters.n || a->older_than || a->max_size || a->min_free;
	if (!*ret_limited)
		return 0;
	STRV_FOREACH (filter, &a->filters)
		if (r == 0)
			r = parse_filter(*filter, &f, &l, err);
	if (r == 0 && a->older_than && !moment_parse(a->older_than, &l.used_before_s))
		r = err_set(err, ERR_INVALID,
			"option '--older-than': '%s' is no duration ('24h', '7d') and no date",
			a->older_than);
	if (r == 0)
		r = filter_images(s, &f, &images, err);
	if (r < 0)
		return r;
	/* until= is about creation, of images; cache records and mounts have their last use instead
	 */
	l.cache_before_s = f.created_before_s;
	if (f.labels.n || f.not_labels.n) /* what is no image has none */
		l.cache = l.mounts = false;
	l.images = &images;
	o->all = l.all;
	o->unneeded_before_s = l.used_before_s;
	return gc_choose(s, &l, ret, err);
}

static int prune_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct prune_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_STRV struct strv removed = STRV_INIT;
	AUTO_GC_CHOICE struct gc_choice choice = {0};
	AUTO_IMAGE_LIST struct image_list before = {0};
	struct gc_result result = {0};
	char size[TEXT_NUM_MAX];
	bool limited = false;
	struct gc_opts opts = {
		.unnamed = true,
		.all = a->all,
		/* room is made of what is made again most easily */
		.cache = a->all || a->cache || a->max_size || a->min_free || called_buildah(),
		.keep_steps = called_buildah(),
		.mounts = a->mounts || called_buildah(),
		.dry_run = a->dry_run,
	};

	(void)rest;
	if (!confirmed(app, a))
		return 0;
	int r = app_store(app, 0, &s, err);
	if (r == 0 && a->containers) {
		store_clear_leftovers(s);
		return 0;
	}
	if (r == 0 && called_buildah())
		r = image_list_load(s, &before, err);
	if (r == 0)
		r = choose(s, a, &opts, &choice, &limited, err);
	if (limited)
		opts.only = &choice;
	if (r == 0)
		r = store_gc(s, &opts, &result, &removed, err);
	if (r < 0)
		return r;
	if (called_buildah()) /* of images only */
		image_list_print_removed(&app->out, &before, &removed);
	STRV_FOREACH (line, &removed) /* "image NAME", "image DIGEST", "blob DIGEST" ... */
		if (!called_buildah())
			out_printf(&app->out, "%s\n", *line);
	if (!called_buildah())
		out_printf(&app->out, "%s: %s\n",
			a->dry_run ? "Would be reclaimed" : "Total reclaimed space",
			text_size(result.freed, size));
	if (choice.missed)
		out_warn(&app->out,
			"the limit is missed by %s: nothing else may go ('mica du -v' tells what "
			"takes "
			"how much%s%s)",
			text_size(choice.missed, size),
			a->all ? "" : ", '--all' removes images with names too",
			a->mounts ? "" : ", '--cache-mounts' what RUN steps keep");
	if (result.deferred)
		out_note(&app->out,
			"other processes use the store: some space is freed when they end");
	if (result.leftover.code < 0)
		*err = result.leftover;
	return result.leftover.code;
}

const struct cmd cmd_prune = {
	.name = "prune",
	.options = prune_options,
	.args_size = sizeof(struct prune_args),
	.flags = CMD_USERNS | CMD_BUILDAH_WORDS,
	.run = prune_run,
};
