/* SPDX-License-Identifier: Apache-2.0 */
#include "build/as_buildah.h"
#include "base/called.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "build/evaluate.h"
#include "build/step_words.h"
#include "run/spec.h"
#include "run/userns.h"
#include "store/images.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BASE_NAME "org.opencontainers.image.base.name"
#define BASE_DIGEST "org.opencontainers.image.base.digest"

int as_buildah_error(const struct inst *inst, struct err *err)
{
	static const char begin[] = "building at STEP ";

	/* that of a stage that this one copies from has its own */
	if (!called_buildah() || err->code == ERR_CANCELLED || str_has_prefix(err->msg, begin))
		return err->code;
	/* the name of the instruction as buildah says it, however it is written */
	size_t n = strlen(inst->name);
	bool named = strncasecmp(inst->text, inst->name, n) == 0;
	return err_wrap(err, "%s\"%s%.300s\"", begin, named ? inst->name : "",
		inst->text + (named ? n : 0));
}

int as_buildah_parse_error(const char *path, bool further, struct err *err)
{
	struct err why = *err;
	const char *text = why.msg;

	if (!called_buildah())
		return err->code;
	/* NAME:LINE:COLUMN: */
	while (*text && !(text[0] == ':' && text[1] == ' '))
		text++;
	text = *text ? text + 2 : why.msg;
	(void)err_set(err, why.code, "%.*sparsing %s Dockerfile%s %s: %s", (int)(text - why.msg),
		why.msg, further ? "additional" : "main", further ? "" : ":", path, text);
	err->sys = why.sys;
	return err->code;
}

int as_buildah_hidden(const char *context, const char *rules, const char *source, struct err *err)
{
	if (!called_buildah())
		return err->code;
	AUTO_FREE char *beside = path_join(context, rules ? rules : "");
	AUTO_FREE char *path = realpath(beside, NULL);
	return err_wrap(err,
		"no items matching glob \"%s\" copied (1 filtered out using %s): no such file or "
		"directory",
		source,
		path    ? path
		: rules ? rules
			: "the ignore rules");
}

int as_buildah_matched(const struct eval *e, struct err *err)
{
	const struct strv *words = &e->at.inst->args;

	if (!called_buildah() || e->matched || words->n < 2)
		return 0;
	return eval_error(e, e->at.inst->arg_pos[0], err, ERR_NOT_FOUND,
		"%s: no items matching glob \"%s\" copied: no such file or directory",
		e->at.inst->name, words->v[0]);
}

int as_buildah_chown(const struct eval *e, const char *chown, struct err *err)
{
	struct pos pos = e->at.inst->pos;

	if (!called_buildah() || !chown || *chown != ':')
		return 0;
	(void)inst_flag(e->at.inst, "chown", &pos);
	return eval_error(e, pos, err, ERR_INVALID,
		"looking up UID/GID for \"%s\": can't find uid for user: it has no name", chown);
}

bool as_buildah_unpacks(const struct step *s)
{
	return called_buildah() && s->chown && s->unpack;
}

bool as_buildah_keeps_git(void)
{
	return called_buildah();
}

bool as_buildah_makes_dirs(const struct step *s)
{
	return called_buildah() && s->chmod;
}

bool as_buildah_strips(const struct step *s)
{
	return called_buildah() && s->from == COPY_FROM_CONTEXT && s->context == NO_CONTEXT;
}

void as_buildah_here(const struct build *b, const char *name, struct platform *platform)
{
	const struct build_opts *o = b->o;
	AUTO_IMAGE struct image image = {0};
	struct descriptor top = {0};
	struct err ignored = ERR_INIT;
	struct platform host;
	char *ref = NULL;

	platform_host(&host);
	if (!called_buildah() || o->pull.policy != PULL_MISSING || o->platforms.n ||
		o->all_platforms || platform_match(platform, &host) < 0 ||
		image_find_named(b->store, name, &top, &ref, &ignored) < 0)
		return;
	if (image_load(b->store, &top, NULL, &image, &ignored) == 0 &&
		platform_match(platform, &image.config.platform) < 0)
		*platform = image.config.platform;
	descriptor_done(&top);
	free(ref);
}

void as_buildah_mount(struct mount_opts *o)
{
	if (!called_buildah() || o->type != MOUNT_CACHE || !o->from)
		return;
	o->type = MOUNT_BIND;
	o->read_only = false;
}

void as_buildah_arg(struct eval *e, const char *name)
{
	const struct map *globals = &build_target_of(e->b, e->p->stage)->global_args;

	if (!called_buildah() || map_has(globals, name) || is_proxy_arg(name) ||
		streq(name, "SOURCE_DATE_EPOCH"))
		return;
	strv_addf(&e->b->result->warnings,
		"missing \"%s\" build argument. Try adding \"--build-arg %s=<VALUE>\" to the "
		"command line",
		name, name);
}

void as_buildah_volumes(struct eval *e, const struct strv *paths)
{
	if (!called_buildah())
		return;
	struct step *s = eval_add_step(e, STEP_WORKDIR);
	strv_copy(&s->dirs, paths);
	step_word_list(s, "volume", paths);
	step_words_end(s, "volume");
}

bool as_buildah_is_fixed(const struct build *b)
{
	return called_buildah() && b->has_epoch;
}

void as_buildah_tells(struct run_spec *spec)
{
	static char root[] = "engine=\"buildah-" BUILDAH_VERSION "\"\nrootless=0\n";
	static char user[] = "engine=\"buildah-" BUILDAH_VERSION "\"\nrootless=1\n";

	if (!called_buildah())
		return;
	spec->containerenv = userns_is_rootless() ? user : root;
	if (spec->network == RUN_NETWORK_NONE && !spec->add_hosts.n)
		spec->no_hosts = true;
	if (spec->network == RUN_NETWORK_NONE && !spec->dns.n)
		spec->no_resolv = true;
}

void as_buildah_platform(
	struct build *b, const struct platform *wanted, const struct platform *found)
{
	char is[100], want[100];

	if (!called_buildah() || !b->o->platforms.n ||
		(streq(wanted->os, found->os) && streq(wanted->arch, found->arch) &&
			streq(wanted->variant, found->variant)))
		return;
	strv_addf(&b->result->warnings,
		"image platform (%s) does not match the expected platform (%s)",
		platform_str(found, is), platform_str(wanted, want));
}

bool as_buildah_keeps(const struct build *b, size_t stage)
{
	return called_buildah() && b->plans[stage].base_image != NO_STAGE;
}

/* What buildah says of what as_buildah_oci() leaves out. */
static void warn_docker_only(const struct image_config *c, struct strv *warnings)
{
	static const char why[] = "will be ignored. Must use `docker` format";
	AUTO_FREE char *shell = strv_join(&c->shell, " ");

	if (c->has_healthcheck)
		strv_addf(
			warnings, "HEALTHCHECK is not supported for OCI image format and %s", why);
	STRV_FOREACH (trigger, &c->on_build)
		strv_addf(warnings, "ONBUILD is not supported for OCI image format, %s %s",
			*trigger, why);
	if (c->shell.n)
		strv_addf(warnings, "SHELL is not supported for OCI image format, [%s] %s", shell,
			why);
}

void as_buildah_oci(struct image_config *c)
{
	if (!called_buildah())
		return;
	strv_done(&c->healthcheck.test);
	c->has_healthcheck = false;
	strv_done(&c->on_build);
	strv_done(&c->shell);
}

void as_buildah_config(struct build *b, struct image_config *c)
{
	if (!called_buildah())
		return;
	if (b->o->docker) {
		if (!c->extra_config)
			c->extra_config = json_new_object();
		json_set_string(
			c->extra_config, "Hostname", as_buildah_is_fixed(b) ? "sandbox" : "");
		json_set_string(c->extra_config, "Domainname", "");
		return;
	}
	warn_docker_only(c, &b->result->warnings);
	as_buildah_oci(c);
}

void as_buildah_names_base(
	const struct build *b, const struct stage_plan *p, struct image_config *c)
{
	if (!called_buildah() || p->base_image == NO_STAGE || c->n_history == p->base_history)
		return;
	const char *ref = b->images[p->base_image].ref;
	if (ref)
		mem_replace(&c->history[p->base_history].comment, xasprintf("FROM %s", ref));
}

void as_buildah_history(const struct build *b, const struct stage_plan *p, struct image_config *c)
{
	AUTO_STRV struct strv by = STRV_INIT;
	const struct build_opts *o = b->o;

	if (!called_buildah())
		return;
	if (p->base_image != NO_STAGE && c->n_history == p->base_history)
		image_config_add_history(c, NULL, "/bin/sh", "", true);
	if (!c->n_history)
		return;
	struct history *last = &c->history[c->n_history - 1];
	strv_add(&by, last->created_by ? last->created_by : "");
	STRV_FOREACH (name, &o->unset_annotations)
		strv_addf(&by, "unsetAnnotation=%s", *name);
	if (!o->inherit_annotations)
		strv_add(&by, "inheritAnnotations=false");
	STRV_FOREACH (word, &o->annotations)
		strv_addf(&by, "annotation=%s", *word);
	mem_replace(&last->created_by, strv_join(&by, "|"));
}

void as_buildah_created(
	const struct build *b, size_t base_history, struct image_config *c, struct timespec *last)
{
	char text[CLOCK_STR_MAX];

	if (!called_buildah() || b->has_epoch || b->o->keep_steps || last->tv_sec >= 0)
		return;
	*last = clock_now();
	if (base_history < c->n_history)
		mem_replace(&c->history[base_history].created, xstrdup(clock_format(*last, text)));
}

void as_buildah_annotations(
	const struct build *b, const struct stage_plan *p, struct map *annotations)
{
	char digest[DIGEST_STR_MAX];

	if (!called_buildah() || !b->o->inherit_annotations || p->base_image == NO_STAGE)
		return;
	const struct used_image *base = &b->images[p->base_image];
	map_set(annotations, BASE_DIGEST, digest_str(&base->image.manifest_desc.digest, digest));
	map_set(annotations, BASE_NAME, base->ref ? base->ref : "");
}

bool as_buildah_is_base(const struct build *b, const struct stage_plan *p)
{
	const struct build_opts *o = b->o;

	return called_buildah() && p->base_image != NO_STAGE && !p->n_insts && !o->reshaped &&
	       !o->drop_labels && o->inherit_annotations && !o->unset_annotations.n &&
	       !o->unset_labels.n && !o->unset_env.n && !o->unset_volumes.n && !o->unset_ports.n &&
	       !o->env.n && !o->os_version && !o->os_features.n;
}

bool as_buildah_forgets(const struct build *b)
{
	return called_buildah() && b->o->one_layer;
}

bool as_buildah_pulls(const struct build *b)
{
	return called_buildah() && b->o->keep_steps;
}

struct timespec as_buildah_recorded(const struct build *b, struct timespec created)
{
	if (called_buildah() && b->o->force)
		created = (struct timespec){.tv_sec = b->o->epoch};
	return created;
}
