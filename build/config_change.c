/* SPDX-License-Identifier: Apache-2.0 */
#include "build/config_change.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"
#include "build/file_expand.h"
#include "build/file_parse.h"
#include "image/config.h"

#define WHAT "the change"

struct change {
	struct image_config *c;
	const struct inst *inst;
	char escape;
};

static int expand(const struct change *w, size_t i, char **ret, struct err *err)
{
	return expand_word(w->inst->args.v[i], w->escape, &w->c->env, 0, ret, NULL, NULL, err);
}

static int set_text(const struct change *w, char **member, struct err *err)
{
	AUTO_FREE char *value = NULL;

	int r = expand(w, 0, &value, err);
	if (r == 0)
		mem_replace(member, take(value));
	return r;
}

/* All values are expanded with what was there before the instruction. */
static int set_pairs(const struct change *w, struct map *m, struct err *err)
{
	AUTO_MAP struct map set = MAP_INIT;

	for (size_t i = 0; i + 1 < w->inst->args.n; i += 2) {
		AUTO_FREE char *name = NULL, *value = NULL;
		if (expand(w, i, &name, err) < 0 || expand(w, i + 1, &value, err) < 0)
			return err->code;
		map_set(&set, name, value);
	}
	map_merge(m, &set);
	return 0;
}

static int add_words(const struct change *w, struct strv *list, const char *suffix, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;

	for (size_t i = 0; i < w->inst->args.n; i++)
		if (expand_words(w->inst->args.v[i], w->escape, &w->c->env, 0, &words, err) < 0)
			return err->code;
	STRV_FOREACH (word, &words) {
		AUTO_FREE char *item = xasprintf("%s%s", *word, strchr(*word, '/') ? "" : suffix);
		if (!strv_has(list, item))
			strv_add(list, item);
	}
	return 0;
}

static void set_command(const struct change *w, struct strv *words, bool *ret_has)
{
	strv_done(words);
	if (!w->inst->json && w->inst->args.n) {
		if (w->c->shell.n) {
			strv_copy(words, &w->c->shell);
		} else {
			strv_add(words, "/bin/sh");
			strv_add(words, "-c");
		}
	}
	STRV_FOREACH (word, &w->inst->args)
		strv_add(words, *word);
	*ret_has = words->n > 0;
}

static int set_workdir(const struct change *w, struct err *err)
{
	AUTO_FREE char *value = NULL;
	char **member = &w->c->working_dir;

	int r = expand(w, 0, &value, err);
	if (r == 0)
		mem_replace(member, path_resolve(*member ? *member : "/", value));
	return r;
}

static int apply(const struct change *w, struct err *err)
{
	struct image_config *c = w->c;

	switch (w->inst->kind) {
	case INST_CMD:
		set_command(w, &c->cmd, &c->has_cmd);
		return 0;
	case INST_ENTRYPOINT:
		set_command(w, &c->entrypoint, &c->has_entrypoint);
		return 0;
	case INST_SHELL:
		strv_copy(&c->shell, &w->inst->args);
		return 0;
	case INST_ONBUILD:
		strv_add(&c->on_build, w->inst->onbuild->text);
		return 0;
	case INST_ENV:
		return set_pairs(w, &c->env, err);
	case INST_LABEL:
		return set_pairs(w, &c->labels, err);
	case INST_EXPOSE:
		return add_words(w, &c->exposed_ports, "/tcp", err);
	case INST_VOLUME:
		return add_words(w, &c->volumes, "", err);
	case INST_USER:
		return set_text(w, &c->user, err);
	case INST_STOPSIGNAL:
		return set_text(w, &c->stop_signal, err);
	case INST_MAINTAINER:
		return set_text(w, &c->author, err);
	case INST_WORKDIR:
		return set_workdir(w, err);
	case INST_ADD:
	case INST_ARG:
	case INST_COPY:
	case INST_FROM:
	case INST_HEALTHCHECK:
	case INST_INCLUDE:
	case INST_RUN:
		break;
	}
	return err_set(err, ERR_UNSUPPORTED,
		WHAT " '%s': %s is not one of CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, SHELL, "
		     "STOPSIGNAL, USER, VOLUME, WORKDIR",
		w->inst->text, w->inst->name);
}

int config_change(struct image_config *c, const char *instruction, struct err *err)
{
	AUTO_CONTAINERFILE struct containerfile f = {0};
	/* an instruction alone is none */
	AUTO_FREE char *text = xasprintf("FROM scratch\n%s", instruction);

	int r = containerfile_parse(WHAT, text, strlen(text), &f, err);
	for (size_t i = 1; i < f.n && r == 0; i++)
		r = apply(&(struct change){.c = c, .inst = &f.insts[i], .escape = f.escape}, err);
	return r;
}

/* --- a config over another --- */

static void override_text(char **member, char **value)
{
	if (*value && **value)
		mem_replace(member, take(*value));
}

static void override_list(struct strv *list, const struct strv *value)
{
	if (value->n)
		strv_copy(list, value);
}

static void add_all(struct strv *list, const struct strv *more)
{
	STRV_FOREACH (item, more)
		if (!strv_has(list, *item))
			strv_add(list, *item);
}

int config_override(struct image_config *c, const char *json, struct err *err)
{
	AUTO_FREE char *document =
		xasprintf("{\"architecture\":\"%s\",\"os\":\"%s\",\"rootfs\":{\"type\":\"layers\","
			  "\"diff_ids\":[]},\"config\":%s}",
			c->platform.arch, c->platform.os, json);
	struct image_config o = {0};

	int r = image_config_parse(document, strlen(document), &o, err);
	if (r < 0)
		return r;
	override_text(&c->user, &o.user);
	override_text(&c->working_dir, &o.working_dir);
	override_text(&c->stop_signal, &o.stop_signal);
	override_list(&c->entrypoint, &o.entrypoint);
	override_list(&c->cmd, &o.cmd);
	override_list(&c->shell, &o.shell);
	override_list(&c->on_build, &o.on_build);
	c->has_entrypoint = c->has_entrypoint || o.has_entrypoint;
	c->has_cmd = c->has_cmd || o.has_cmd;
	add_all(&c->exposed_ports, &o.exposed_ports);
	add_all(&c->volumes, &o.volumes);
	map_merge(&c->env, &o.env);
	map_merge(&c->labels, &o.labels);
	if (o.has_healthcheck) {
		strv_copy(&c->healthcheck.test, &o.healthcheck.test);
		c->healthcheck.interval_ns = o.healthcheck.interval_ns;
		c->healthcheck.timeout_ns = o.healthcheck.timeout_ns;
		c->healthcheck.start_period_ns = o.healthcheck.start_period_ns;
		c->healthcheck.start_interval_ns = o.healthcheck.start_interval_ns;
		c->healthcheck.retries = o.healthcheck.retries;
		c->has_healthcheck = true;
	}
	image_config_done(&o);
	return 0;
}
