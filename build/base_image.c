/* SPDX-License-Identifier: Apache-2.0 */
#include "build/base_image.h"
#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/as_buildah.h"
#include "build/evaluate.h"
#include "build/platforms.h"
#include "build/suggest.h"
#include "registry/transport.h"
#include "store/images.h"

#include <stdlib.h>
#include <string.h>

static int use_image(struct build *b, const char *text, const struct platform *platform,
	enum pull_policy policy, size_t *ret, struct err *err)
{
	for (size_t i = 0; i < b->n_images; i++) {
		if (streq(b->images[i].text, text) &&
			memcmp(&b->images[i].platform, platform, sizeof(*platform)) == 0) {
			*ret = i;
			return 0;
		}
	}
	struct pull_opts pull = b->o->pull;
	pull.remote.keep = &b->remote_keep;
	pull.policy = policy;
	pull.has_platform = true;
	pull.platform = *platform;
	as_buildah_here(b, text, &pull.platform);
	pull.gather = true; /* a build may need it for several */
	pull.no_layers = b->o->call != BUILD_CALL_BUILD;
	pull.progress = b->o->progress;
	struct pulled pulled = {0};
	if (image_pull(b->store, text, &pull, &pulled, err) < 0)
		return err->code;
	struct used_image u = {.text = xstrdup(text), .platform = *platform};
	int rc = 0;
	u.ref = take(pulled.ref);
	if (pulled.image) {
		u.image = *pulled.image;
		*pulled.image = (struct image){0};
	} else {
		rc = image_load(b->store, &pulled.top, &pull.platform, &u.image, err);
	}
	pulled_done(&pulled);
	if (rc < 0) {
		free(u.text);
		free(u.ref);
		return err_wrap(err, "%s", text);
	}
	u.loaded = true;
	b->images = xreallocarray(b->images, b->n_images + 1, sizeof(*b->images));
	b->images[b->n_images] = u;
	*ret = b->n_images++;
	return 0;
}

int build_use_image(struct build *b, const char *text, const struct platform *platform, size_t *ret,
	struct err *err)
{
	return use_image(b, text, platform, b->o->pull.policy, ret, err);
}

bool build_can_do_without(struct build *b, struct err *err)
{
	if (b->o->call == BUILD_CALL_BUILD)
		return false;
	switch (err->code) {
	case ERR_NOT_FOUND:
	case ERR_AUTH:
	case ERR_DENIED:
	case ERR_NETWORK:
		break;
	case ERR_CANCELLED:
		return false;
	default:
		if (!b->beyond_target)
			return false;
	}
	/* the excerpt is for what stops a build */
	strv_addf(&b->result->warnings, "%.*s; what is told is told without it",
		(int)strcspn(err->msg, "\n"), err->msg);
	err_clear(err);
	return true;
}

int base_image_error(
	const struct build *b, const struct stage *st, const struct err *why, struct err *err)
{
	static const char *const known[] = {"alpine", "archlinux", "busybox", "centos", "debian",
		"fedora", "golang", "nginx", "node", "python", "rust", "ubuntu"};
	const char *near = stages_suggest(&b->stages, st->target, st->base, st->index);
	const char *kind = near ? "the stage " : "";
	AUTO_FREE char *name = xstrndup(st->base, strcspn(st->base, ":@"));
	if (!near)
		near = suggest(name, known, ARRAY_LEN(known));
	if (near && streq(near, name))
		near = NULL;
	struct pos pos = eval_arg_pos(&(struct eval){.at = st->from}, 0);
	size_t later =
		stages_find(&b->stages, st->target, st->base, b->stages.targets[st->target].end);
	if (called_buildah()) {
		(void)containerfile_error(st->from.file, pos, err, why->code, "FROM");
		return err_wrap(err, "creating build container: %s", why->msg);
	}
	if (why->code == ERR_INVALID && st->unset)
		return containerfile_error(st->from.file, pos, err, why->code,
			"%s: '%s' is not set; declare it with ARG before the first FROM, or pass "
			"--build-arg",
			why->msg, st->unset);
	if (later != NO_STAGE &&
		later != st->index) /* of "FROM debian AS debian" the image is meant */
		return containerfile_error(st->from.file, pos, err, why->code,
			"%s; the stage '%s' comes later: move it before this one if it is meant",
			why->msg, b->stages.s[later].name);
	const struct platform *platform =
		st->has_platform ? &st->platform : &b->stages.targets[st->target].platform;
	AUTO_FREE char *unknown = platform_unknown(platform);
	if (*unknown) {
		char text[100];
		return containerfile_error(st->from.file, pos, err, why->code,
			"%s; --platform=%s%s", why->msg, platform_str(platform, text), unknown);
	}
	return containerfile_error(st->from.file, pos, err, why->code, "%s%s%s%s%s", why->msg,
		near ? "; did you mean " : "", near ? kind : "", near ? near : "", near ? "?" : "");
}

const struct platform *base_image_platform(const struct build *b, const struct stage *st)
{
	return st->has_platform ? &st->platform : &build_target_of(b, st)->platform;
}

/* Has that repository the digest? PULL_NEVER takes what has it, whatever that is called. */
static bool is_named(struct store *s, const char *name)
{
	struct err ignored = ERR_INIT;
	struct descriptor top = {0};
	char *ref = NULL;
	if (image_find_named(s, name, &top, &ref, &ignored) < 0)
		return false;
	descriptor_done(&top);
	free(ref);
	return true;
}

bool base_image_is_here(struct build *b, const struct stage *st)
{
	struct err ignored = ERR_INIT;
	size_t image;
	return !st->scratch && st->base_stage == NO_STAGE && !location_is_elsewhere(st->base) &&
	       b->o->pull.policy == PULL_MISSING &&
	       (!strchr(st->base, '@') || is_named(b->store, st->base)) &&
	       use_image(b, st->base, base_image_platform(b, st), PULL_NEVER, &image, &ignored) ==
	               0;
}
