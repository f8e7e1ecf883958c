/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/push.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "registry/transport.h"
#include "store/gc.h"
#include "store/images.h"
#include "store/names.h"
#include "store/store.h"

struct args {
	bool all, all_tags;
	struct push_args push;
};

static const struct opt options[] = {
	OPT_BOOL(0, "all", struct args, all),
	OPT_BOOL('a', "all-tags", struct args, all_tags),
	OPT_GROUP(push_options, struct args, push),
	OPT_END,
};

static void push_init(void *args)
{
	push_args_init(&((struct args *)args)->push);
}

/* What is to be sent: of an index the image for this platform, without --all. */
static int choose(struct store *s, const struct descriptor *top, bool all, struct descriptor *ret,
	struct err *err)
{
	AUTO_IMAGE struct image image = {0};

	/* an artifact too: what it holds is no image */
	if (all || media_kind(top->media_type) == MEDIA_MANIFEST) {
		descriptor_copy(ret, top);
		return 0;
	}
	int r = image_load(s, top, NULL, &image, err);
	if (r == 0)
		descriptor_copy(ret, &image.manifest_desc);
	return r;
}

/* buildah's --rm: an index that was pushed is needed no longer; an image stays */
static int forget_index(struct store *s, const struct descriptor *top, struct err *err)
{
	const struct gc_opts opts = {0};
	struct gc_result result;

	if (media_kind(top->media_type) != MEDIA_INDEX)
		return 0;
	int r = names_remove_manifest(s, &top->digest, NULL, err);
	return r < 0 ? r : store_gc(s, &opts, &result, NULL, err);
}

/* A name without a tag, in full. */
static int parse_repository(const char *text, struct reference *ret, struct err *err)
{
	const char *name = str_has_prefix(text, "docker://") ? text + strlen("docker://") : text;
	int r = reference_parse(name, ret, err);

	if (r == 0 && (ret->tag || ret->has_digest))
		r = err_set(err, ERR_INVALID,
			"'%s' has a tag or digest: with '--all-tags' name only the repository",
			text);
	return r;
}

/* A short name means what was built here, as everywhere. */
static bool is_of(const struct reference *ref, const struct reference *repository)
{
	const char *base = strrchr(repository->repository, '/');

	if (repository->was_short && streq(ref->registry, "localhost"))
		return streq(ref->repository, repository->repository) ||
		       (base && str_has_prefix(repository->repository, "library/") &&
			       streq(ref->repository, base + 1));
	return streq(ref->registry, repository->registry) &&
	       streq(ref->repository, repository->repository);
}

static int push_named(struct app *app, struct store *s, const struct args *a, const struct name *n,
	const char *location, struct err *err)
{
	struct descriptor what = {0};

	int r = choose(s, &n->manifest, a->all, &what, err);
	if (r == 0)
		r = push_send(app, s, &a->push, &what, false, n->ref, location, err);
	descriptor_done(&what);
	return r;
}

/* Every tag that the repository has in the store. */
static int push_tags(struct app *app, struct store *s, const struct args *a,
	const struct strv *rest, struct err *err)
{
	AUTO_REFERENCE struct reference from = {0}, to = {0};
	struct names names = {0};
	size_t sent = 0;

	if (a->push.digestfile || a->push.rm)
		return err_set(err, ERR_INVALID, "'--all-tags' cannot be combined with '--%s'",
			a->push.rm ? "rm" : "digestfile");
	int r = parse_repository(rest->v[0], &from, err);
	if (r == 0)
		r = parse_repository(rest->v[rest->n - 1], &to, err);
	if (r == 0)
		r = names_list(s, &names, err);
	AUTO_FREE char *target = r == 0 ? reference_name(&to) : NULL;
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		AUTO_REFERENCE struct reference ref = {0};
		struct err ignored = ERR_INIT;
		if (!names.n[i].ref || reference_parse(names.n[i].ref, &ref, &ignored) < 0 ||
			!ref.tag || !is_of(&ref, &from))
			continue;
		AUTO_FREE char *location = xasprintf("docker://%s:%s", target, ref.tag);
		r = push_named(app, s, a, &names.n[i], location, err);
		sent++;
	}
	names_done(&names);
	return r == 0 && !sent
	               ? err_set(err, ERR_NOT_FOUND, "the store has no tag of '%s'", rest->v[0])
	               : r;
}

static int push_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_FREE char *ref = NULL;
	struct descriptor top = {0}, what = {0};

	int r = app_store(app, 0, &s, err);
	if (r == 0 && a->all_tags)
		return push_tags(app, s, a, rest, err);
	if (r == 0)
		r = image_find(s, rest->v[0], &top, &ref, err);
	if (r == 0 && rest->n == 1 && !ref)
		r = err_set(err, ERR_INVALID, "'%s' is an ID: say where to push it to", rest->v[0]);
	if (r == 0)
		r = choose(s, &top, a->all, &what, err);
	if (r == 0)
		r = push_send(
			app, s, &a->push, &what, false, ref, rest->n > 1 ? rest->v[1] : ref, err);
	if (r == 0 && a->push.rm)
		r = forget_index(s, &top, err);
	descriptor_done(&what);
	descriptor_done(&top);
	return r;
}

const struct cmd cmd_push = {
	.name = "push",
	.options = options,
	.args_size = sizeof(struct args),
	.min_args = 1,
	.max_args = 2,
	.flags = CMD_USERNS | CMD_BUILDAH_WORDS,
	.init = push_init,
	.run = push_run,
};
