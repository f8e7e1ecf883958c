/* SPDX-License-Identifier: Apache-2.0 */
/* run in a working container. What the command changes stays. */
#include "cmd/run_args.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/called.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/owner.h"
#include "build/container_tree.h"
#include "build/platforms.h"
#include "cmd/box_mount.h"
#include "cmd/box_run.h"
#include "cmd/cmd.h"
#include "cmd/conf.h"
#include "cmd/container_args.h"
#include "cmd/image_get.h"
#include "run/caps.h"
#include "run/sandbox.h"
#include "run/spec.h"
#include "run/userns.h"
#include "store/container_share.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/store.h"

/* What programs look for to learn where they are: podman's and buildah's file, and the name. */
static void add_identity(const struct run_args *a, const struct container *c, struct run_spec *spec)
{
	char id[DIGEST_STR_MAX];

	spec->hostname_file = !a->no_hostname;
	if (!strchr(c->name, ':'))
		strv_addf(&spec->add_hosts, "%s:127.0.0.1", c->name);
	spec->host_names = true;
	spec->containerenv = xasprintf("engine=\"%s-%s\"\nname=\"%s\"\nid=\"%s\"\nimage=\"%s\"\n"
				       "imageid=\"%s\"\nrootless=%d\n",
		called_name(), called_buildah() ? BUILDAH_VERSION : MICA_VERSION, c->name, c->id,
		c->image_name, c->scratch ? "" : digest_hex(&c->image_id, id),
		userns_is_rootless());
}

/* Is the word one of `option`, and the capability among those that we say the opposite of? */
static bool is_undone(const char *word, const char *option, const struct strv *names)
{
	if (!str_has_prefix(word, option))
		return false;
	int cap = caps_number(word + strlen(option));
	STRV_FOREACH (name, names)
		if (!strcasecmp(*name, "all") || (cap >= 0 && caps_number(*name) == cap))
			return true;
	return false;
}

/* The options of `from`, then our own, which win. *words: what *ret borrows from. */
static int merge_options(const struct container *c, const struct run_args *own, struct strv *words,
	struct run_args *ret, struct err *err)
{
	AUTO_STRV struct strv none = STRV_INIT;

	run_args_init(ret);
	STRV_FOREACH (word, &c->options)
		if (!is_undone(*word, "--cap-add=", &own->box.cap_drop) &&
			!is_undone(*word, "--cap-drop=", &own->box.cap_add))
			strv_add(words, *word);
	opt_words(run_options, own, words);
	return opt_parse(
		run_options, ret, "mica run", (int)words->n, strv_argv(words), 0, &none, err);
}

/* What may be in a host name, of a container's. "": nothing. New string. */
static char *name_to_hostname(const char *name)
{
	char *text = xcalloc(1, HOST_NAME_MAX + 1);

	for (size_t n = 0; *name && n < HOST_NAME_MAX; name++)
		if (isalnum((unsigned char)*name) || (n && strchr(".-", *name)))
			text[n++] = *name;
	return text;
}

static char *own_hostname(const struct app *app, const struct container *c)
{
	AUTO_FREE char *named = app->conf.name_as_hostname == 1 ? name_to_hostname(c->name) : NULL;

	if (c->hostname)
		return xstrdup(c->hostname);
	return named && *named ? take(named) : xasprintf("%.12s", c->id);
}

/* As buildah: neither entry point nor default command, a name of its own, our standard input, and a
 * terminal where we have nothing else. */
static int container_spec(struct run_args *a, const struct container *c, const struct strv *rest,
	struct box_mounts *mounts, struct run_spec *spec, struct err *err)
{
	if (a->tty < 0)
		a->tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
	a->interactive = true;
	if (rest->n <= run_first_word(rest))
		return err_set(err, ERR_INVALID, "command must be specified");
	/* unless `from` or this run says which */
	int r = conf_fill_run(&mounts->app->conf, &a->box, err);
	if (r == 0)
		r = conf_fill_network(&mounts->app->conf, &a->box, err);
	if (r < 0)
		return r;
	r = run_fill_spec(a, &c->config, mounts, spec, err);
	for (size_t i = run_first_word(rest); i < rest->n; i++)
		strv_add(&spec->argv, rest->v[i]);
	if (!spec->hostname)
		spec->hostname = own_hostname(mounts->app, c);
	if (!map_has(&spec->env, "HOSTNAME"))
		map_set(&spec->env, "HOSTNAME", spec->hostname);
	add_identity(a, c, spec);
	return r;
}

/* Others may have had it meanwhile, so it is opened again. */
static int keep_history(
	struct store *s, struct container *c, const struct strv *rest, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	AUTO_FREE char *id = xstrdup(c->id);

	container_done(c);
	container_init(c);
	int r = container_open(s, id, CONTAINER_DOCUMENT, true, c, err);
	if (r < 0)
		return r;
	for (size_t i = run_first_word(rest); i < rest->n; i++)
		strv_add(&words, rest->v[i]);
	AUTO_FREE char *text = strv_join(&words, " ");
	AUTO_FREE char *created_by = xasprintf("/bin/sh -c %s", text);
	history_add(c, created_by);
	return container_save(c, err);
}

/* --- beside others --- */

struct sharing {
	struct container_use *u;
	const char *name; /* NULL: nobody can join us */
	bool ended, last;
	struct err err; /* why that is not known */
};

static void share_begun(void *arg, int *ret_offer)
{
	struct sharing *w = arg;

	container_share_begin(w->u->s, &w->u->c, w->name, ret_offer);
}

static bool share_ended(void *arg, int offer)
{
	struct sharing *w = arg;

	w->ended = true;
	(void)!container_share_end(w->u->s, &w->u->c, w->name, offer, &w->last, &w->err);
	return !w->last;
}

/* Its processes end with it, whoever is killed, and its root is in a mount namespace. Where owners
 * are kept beside the files nobody could tell who has made what. */
static bool can_share(const struct run_spec *spec)
{
	return !spec->chroot && !run_spec_shares_pids(spec) && !run_spec_ids(spec) &&
	       (!owner_is_kept() || !spec->user || !*spec->user || streq(spec->user, "root") ||
		       streq(spec->user, "0"));
}

static int run_tree(
	struct app *app, struct container_use *u, struct run_spec *spec, struct err *err)
{
	AUTO_CONTAINER_TREE struct container_tree tree = {.upper = -1, .work = -1, .merged = -1};
	struct sharing sharing = {.u = u};
	struct box_share share = {.begun = share_begun, .ended = share_ended, .arg = &sharing};
	struct sandbox_result result = {0};
	struct timespec begun = clock_now();
	bool shares = can_share(spec);

	begun.tv_sec--; /* the clock of files goes in ticks */
	int r = shares ? container_tree_share(u->s, u->t, &u->c, &tree, err)
	               : container_tree_open(u->s, u->t, &u->c, &tree, err);
	if (r < 0)
		return r;
	sharing.name = shares ? txn_id(u->t) : NULL;
	share.notes = tree.work;
	spec->lends_root = shares;
	spec->root = tree.snap;
	if (u->c.alone)
		r = run_make_volumes(u->t, &u->c.config.volumes, &spec->root, err);
	if (r == 0)
		r = box_run(app, u->t, spec, &share, &result, err);
	if (!sharing.ended)
		(void)share_ended(&sharing, -1);
	/* what a failed command has done stays done */
	struct err *settling = &sharing.err;
	int settled = settling->code;
	if (settled == 0 && sharing.last)
		settled = container_tree_end(&u->c, &tree, result.uid, result.gid, begun, settling);
	if (r >= 0 && settled < 0) {
		*err = *settling;
		return settled;
	}
	return r;
}

int run_container(
	struct app *app, const struct run_args *own, const struct strv *rest, struct err *err)
{
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;
	AUTO_CONTAINER struct container before = CONTAINER_INIT;
	AUTO_STRV struct strv words = STRV_INIT;
	AUTO_IMAGE struct image base = {0};
	struct run_args a = {0};
	struct image_get_args get = {0};
	struct box_mounts mounts = {.app = app, .get = &get};
	struct run_spec spec;

	run_spec_init(&spec);
	int r = container_use(app, rest->v[0], CONTAINER_BESIDE, &u, err);
	if (r == 0)
		r = merge_options(&u.c, own, &words, &a, err);
	get = (struct image_get_args){
		.platform = &a.platform, .remote = &a.remote, .quiet = a.quiet};
	mounts.s = u.s;
	mounts.t = u.t;
	mounts.contextdir = a.contextdir;
	if (r == 0)
		r = container_spec(&a, &u.c, rest, &mounts, &spec, err);
	if (r == 0 && u.c.root >= 0 && !can_share(&spec))
		r = container_use_alone(app, &u, &before, err);
	if (r == 0 && !u.c.scratch)
		r = image_load(u.s, &u.c.manifest, NULL, &base, err);
	if (r == 0 && !u.c.scratch)
		r = platform_check(
			u.s, &base.config.platform, &base, true, &spec.argv, &spec.env, err);
	if (r == 0)
		r = run_tree(app, &u, &spec, err);
	if (r == 0 && history_wanted(a.add_history))
		r = keep_history(u.s, &u.c, rest, err);
	box_close(&spec);
	box_mounts_done(&mounts);
	opt_done(run_options, &a);
	return r;
}
