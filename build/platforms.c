/* SPDX-License-Identifier: Apache-2.0 */
#include "build/platforms.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/build_internal.h"
#include "build/error_excerpt.h"
#include "build/suggest.h"
#include "run/emulation.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* --- --all-platforms --- */

static int base_platforms(
	struct build *b, const struct stage *st, struct platform_list *ret, struct err *err)
{
	struct pull_opts pull = b->o->pull;
	pull.remote.keep = &b->remote_keep;
	struct pulled pulled = {0};
	struct err why = ERR_INIT;
	pull.all_platforms = true;
	pull.no_layers = b->o->call != BUILD_CALL_BUILD;
	pull.progress = b->o->progress;
	int rc = image_pull(b->store, st->base, &pull, &pulled, &why);
	if (rc == 0)
		rc = image_platforms(b->store, &pulled.top, ret, &why);
	pulled_done(&pulled);
	if (rc < 0)
		return containerfile_error(
			st->from.file, st->from.inst->arg_pos[0], err, why.code, "%s", why.msg);
	return 0;
}

/* What nobody can run has platforms that say so: buildkit's attestations, for example. */
static bool is_unknown(const struct platform *p)
{
	return streq(p->os, "unknown") || streq(p->arch, "unknown");
}

static void intersect(struct platform_list *l, const struct platform_list *with)
{
	struct platform_list both = {0};
	for (size_t i = 0; i < l->n; i++)
		if (platform_list_has(with, &l->p[i]))
			platform_list_add(&both, &l->p[i]);
	platform_list_done(l);
	*l = both;
}

static int common_platforms(struct build *b, struct platform_list *ret, struct err *err)
{
	const struct stage_target *t = &b->stages.targets[0];
	bool any = false;
	for (size_t i = t->first; i <= t->stage; i++) {
		const struct stage *st = &b->stages.s[i];
		struct platform_list have = {0};
		if (st->scratch || st->base_stage != NO_STAGE || st->has_platform)
			continue;
		if (base_platforms(b, st, &have, err) < 0) {
			platform_list_done(&have);
			return err->code;
		}
		if (any)
			intersect(ret, &have);
		for (size_t k = 0; !any && k < have.n; k++)
			if (!is_unknown(&have.p[k]))
				platform_list_add(ret, &have.p[k]);
		platform_list_done(&have);
		any = true;
	}
	if (!any)
		return err_set(err, ERR_INVALID,
			"--all-platforms: no stage starts from an image whose platforms could be "
			"asked for; name them with --platform");
	if (!ret->n)
		return err_set(err, ERR_UNSUPPORTED,
			"--all-platforms: there is no platform that all base images are made for");
	return 0;
}

int plan_all_platforms(struct build *b, struct err *err)
{
	struct platform_list platforms = {0};
	int rc = common_platforms(b, &platforms, err);
	if (rc == 0) {
		struct containerfile *files = take(b->stages.files);
		size_t n = b->stages.n_files;
		b->stages.n_files = 0;
		stages_done(&b->stages);
		rc = stages_plan(files, n, b->o, &platforms, &b->stages, err);
	}
	platform_list_done(&platforms);
	return rc < 0 ? rc : contexts_apply(b, err);
}

/* --- emulation --- */

/* The file that argv[0] is, in the image; -1: it has none. */
static int find_program(
	struct store *s, const struct image *image, const char *name, const struct map *env)
{
	AUTO_STRV struct strv dirs = STRV_INIT;
	const char *path = map_get(env, "PATH");
	int fd = -1;
	if (strchr(name, '/'))
		return image_peek(s, image, name, O_RDONLY);
	strv_split(&dirs, path ? path : "", ':');
	for (size_t i = 0; fd < 0 && i < dirs.n; i++) {
		AUTO_FREE char *file = xasprintf("%s/%s", dirs.v[i], name);
		fd = image_peek(s, image, file, O_RDONLY);
	}
	return fd;
}

int platform_check(struct store *s, const struct platform *p, const struct image *image,
	bool complete, const struct strv *argv, const struct map *env, struct err *err)
{
	AUTO_FREE char *interpreter = NULL;
	AUTO_FD int program = -1, emulator = -1;
	struct platform said = *p;
	struct err why = ERR_INIT;
	char text[100];
	platform_normalise(&said);
	if (!*said.os || !*said.arch || !argv->n)
		return 0;
	bool can = emulation_check(said.os, said.arch, &interpreter, &why) == 0;
	if (can && !interpreter)
		return 0;
	if (image)
		program = find_program(s, image, argv->v[0], env);
	if (program < 0 ? !complete : emulation_is_native(program))
		return 0;
	if (!can)
		return err_set(err, why.code, "the image is for %s: %s", platform_str(&said, text),
			why.msg);
	if (image)
		emulator = image_peek(s, image, interpreter, O_PATH);
	if (!complete || emulator >= 0)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		"the image is for %s: the emulator '%s' is not in it; register it with the flag F",
		platform_str(&said, text), interpreter);
}

static int check_stage(const struct build *b, const struct stage_plan *p, struct err *err)
{
	const struct stage_plan *root = p;
	const struct step *run = NULL;
	bool complete = true;
	for (size_t i = 0; !run && i < p->n_steps; i++) {
		if (p->steps[i].kind == STEP_RUN)
			run = &p->steps[i];
		complete = complete && p->steps[i].kind != STEP_COPY;
	}
	if (!run)
		return 0;
	while (root->stage->base_stage != NO_STAGE) {
		root = &b->plans[root->stage->base_stage];
		complete = complete && !root->n_steps;
	}
	const struct image *image =
		root->base_image == NO_STAGE ? NULL : &b->images[root->base_image].image;
	struct err why = ERR_INIT;
	if (platform_check(b->store, &p->config.platform, image, image && complete, &run->argv,
		    &run->env, &why) < 0)
		return containerfile_error(
			run->at.file, run->at.inst->pos, err, why.code, "RUN: %s", why.msg);
	return 0;
}

int platforms_check(struct build *b, struct err *err)
{
	for (size_t i = 0; i < b->stages.n; i++)
		if (b->plans[i].evaluated && check_stage(b, &b->plans[i], err) < 0)
			return err->code;
	return 0;
}

/* The name itself when it is one of them, else the closest. */
static const char *nearest(const char *typed, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (streq(typed, names[i]))
			return names[i];
	return suggest(typed, names, n);
}

char *platform_unknown(const struct platform *p)
{
	static const char unknown[] = ": unknown operating system or architecture";
	size_t n_systems, n_architectures;
	const char *const *systems = platform_systems(&n_systems);
	const char *const *architectures = platform_architectures(&n_architectures);
	if (platform_is_known(p))
		return xstrdup("");
	const char *os = nearest(p->os, systems, n_systems);
	const char *arch = nearest(p->arch, architectures, n_architectures);
	return os && arch ? xasprintf("%s, did you mean %s/%s?", unknown, os, arch)
	                  : xasprintf("%s; linux/amd64, linux/arm64 and linux/arm/v7 are some",
				    unknown);
}
