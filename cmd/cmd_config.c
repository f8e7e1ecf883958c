/* SPDX-License-Identifier: Apache-2.0 */
/* config: what an image made from a working container will say. buildah's config.go is the
 * reference for every corner. */
#include <stdlib.h>
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/shell_words.h"
#include "cmd/cmd.h"
#include "cmd/config_internal.h"
#include "cmd/container_args.h"
#include "cmd/opt_groups.h"
#include "store/containers.h"

static const struct opt config_options[] = {
	OPT_BOOL(0, "add-history", struct config_args, add_history),
	OPT_STRV('a', "annotation", struct config_args, annotations),
	OPT_STRING(0, "arch", struct config_args, arch),
	OPT_STRING(0, "author", struct config_args, author),
	OPT_STRING(0, "cmd", struct config_args, cmd),
	OPT_STRING(0, "comment", struct config_args, comment),
	OPT_STRING(0, "created-by", struct config_args, created_by),
	OPT_STRING(0, "domainname", struct config_args, domainname),
	OPT_STRING(0, "entrypoint", struct config_args, entrypoint),
	OPT_STRV('e', "env", struct config_args, env),
	OPT_STRING(0, "healthcheck", struct config_args, healthcheck),
	OPT_STRING(0, "healthcheck-interval", struct config_args, hc_interval),
	OPT_STRING(0, "healthcheck-retries", struct config_args, hc_retries),
	OPT_STRING(0, "healthcheck-start-interval", struct config_args, hc_start_interval),
	OPT_STRING(0, "healthcheck-start-period", struct config_args, hc_start),
	OPT_STRING(0, "healthcheck-timeout", struct config_args, hc_timeout),
	OPT_STRING(0, "history-comment", struct config_args, history_comment),
	OPT_STRING(0, "hostname", struct config_args, hostname),
	OPT_STRV('l', "label", struct config_args, labels),
	OPT_STRV(0, "onbuild", struct config_args, on_build),
	OPT_STRING(0, "os", struct config_args, os),
	OPT_STRV(0, "os-feature", struct config_args, os_features),
	OPT_STRING(0, "os-version", struct config_args, os_version),
	OPT_STRV('p', "port", struct config_args, ports),
	OPT_STRING(0, "shell", struct config_args, shell),
	OPT_STRING(0, "stop-signal", struct config_args, stop_signal),
	OPT_STRV(0, "unsetannotation", struct config_args, unset_annotations),
	OPT_STRV(0, "unsetlabel", struct config_args, unset_labels),
	OPT_STRING('u', "user", struct config_args, user),
	OPT_STRING(0, "variant", struct config_args, variant),
	OPT_STRV('v', "volume", struct config_args, volumes),
	OPT_STRING(0, "workingdir", struct config_args, workdir),
	OPT_END,
};

void config_note(struct configuring *w, const char *verb, const char *text)
{
	if (!w->history)
		return;
	AUTO_FREE char *created_by = xasprintf("/bin/sh -c #(nop) %s %s", verb, text);
	history_add(w->c, created_by);
}

void config_note_list(struct configuring *w, const char *verb, const struct strv *words)
{
	AUTO_FREE char *text = strv_join(words, " ");
	if (words->n)
		config_note(w, verb, text);
}

/* "" removes it. */
static void set_text(char **member, const char *value)
{
	if (value)
		mem_replace(member, *value ? xstrdup(value) : NULL);
}

static void set_list(struct strv *list, const struct strv *words)
{
	STRV_FOREACH (word, words) {
		size_t n = strlen(*word);
		if (streq(*word, "-")) {
			strv_done(list);
		} else if (n && (*word)[n - 1] == '-') {
			for (size_t i = list->n; i-- > 0;)
				if (!strncmp(list->v[i], *word, n - 1) && !list->v[i][n - 1])
					strv_remove(list, i);
		} else if (n && !strv_has(list, *word)) {
			strv_add(list, *word);
		}
	}
}

/* --- platform --- */

static void set_os_features(struct configuring *w)
{
	AUTO_STRV struct strv all = STRV_INIT, now = STRV_INIT;
	const struct strv none = STRV_INIT;
	struct image_config *c = &w->c->config;

	if (!w->a->os_features.n)
		return;
	image_config_add_os_features(c, &none, &all);
	set_list(&all, &w->a->os_features);
	if (c->extra)
		json_remove(c->extra, "os.features");
	if (all.n)
		image_config_add_os_features(c, &all, &now);
}

static int set_platform(struct configuring *w, struct err *err)
{
	const struct config_args *a = w->a;
	struct platform *p = &w->c->config.platform;

	if (platform_field_set(p->os, sizeof(p->os), "os", a->os, err) < 0 ||
		platform_field_set(p->arch, sizeof(p->arch), "arch", a->arch, err) < 0 ||
		platform_field_set(p->variant, sizeof(p->variant), "variant", a->variant, err) <
			0 ||
		platform_field_set(
			p->os_version, sizeof(p->os_version), "os-version", a->os_version, err) < 0)
		return err->code;
	if (!*p->os || !*p->arch)
		return err_set(
			err, ERR_INVALID, "an image needs an operating system and an architecture");
	set_os_features(w);
	return 0;
}

/* --- lists and maps: "NAME-" removes, "-" removes all --- */

static bool is_removal(const char *text)
{
	return !strchr(text, '=') && str_has_suffix(text, "-");
}

static void set_pair(struct map *m, const char *text)
{
	const char *eq = strchr(text, '=');
	AUTO_FREE char *key = eq ? xstrndup(text, (size_t)(eq - text)) : xstrdup(text);

	if (streq(text, "-")) {
		map_done(m);
	} else if (is_removal(text)) {
		key[strlen(key) - 1] = '\0';
		map_remove(m, key);
	} else {
		map_remove(m, key); /* comes last, as with buildah */
		map_set(m, key, eq ? eq + 1 : "");
	}
}

/* NAME=VALUE, with $NAME of what is set already; NAME: the environment's, as far as it is set. */
static int set_env(struct configuring *w, struct err *err)
{
	struct map *env = &w->c->config.env;

	STRV_FOREACH (word, &w->a->env) {
		const char *value;
		if (strchr(*word, '=') || is_removal(*word)) {
			if (**word == '=')
				return err_set(err, ERR_INVALID, "option '--env': '%s' has no name",
					*word);
			AUTO_FREE char *expanded = shell_expand(*word, env);
			set_pair(env, expanded);
		} else if ((value = getenv(*word))) {
			map_remove(env, *word);
			map_set(env, *word, value);
		} else {
			return err_set(
				err, ERR_INVALID, "setting env \"%s\": no value given", *word);
		}
	}
	config_note_list(w, "ENV", &w->a->env);
	return 0;
}

static void set_maps(struct configuring *w)
{
	const struct config_args *a = w->a;

	STRV_FOREACH (l, &a->labels)
		set_pair(&w->c->config.labels, *l);
	STRV_FOREACH (l, &a->unset_labels)
		map_remove(&w->c->config.labels, *l);
	STRV_FOREACH (l, &a->annotations)
		set_pair(&w->c->annotations, *l);
	STRV_FOREACH (l, &a->unset_annotations)
		map_remove(&w->c->annotations, *l);
}

/* --- all --- */

static void set_texts(struct configuring *w)
{
	const struct config_args *a = w->a;
	struct image_config *c = &w->c->config;

	set_text(&c->author, a->author);
	set_text(&c->user, a->user);
	set_text(&c->stop_signal, a->stop_signal);
	set_text(&c->working_dir, a->workdir);
	set_text(&w->c->comment, a->comment);
	set_text(&w->c->created_by, a->created_by);
	set_text(&w->c->history_comment, a->history_comment);
	set_text(&w->c->hostname, a->hostname);
	set_text(&w->c->domainname, a->domainname);
	if (a->user)
		config_note(w, "USER", a->user);
}

/* What a commit in OCI's format leaves out. */
static void warn_docker_only(struct configuring *w)
{
	const struct config_args *a = w->a;
	const bool strict = called_buildah(); /* build/as_buildah.h: as_buildah_oci() */
	const struct {
		const char *name, *value;
	} given[] = {
		{"COMMENT", a->comment},
		{"DOMAINNAME", a->domainname},
		{"HEALTHCHECK", strict ? a->healthcheck : NULL},
		{"HOSTNAME", a->hostname},
		{"ONBUILD", strict && a->on_build.n ? a->on_build.v[0] : NULL},
		{"SHELL", strict ? a->shell : NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(given) && !w->c->docker; i++)
		if (given[i].value && *given[i].value)
			out_warn(&w->app->out,
				"%s is not supported for OCI image format, '%s' will be ignored "
				"unless it is committed with '--format docker'",
				given[i].name, given[i].value);
}

/* In the order that history has in buildah. */
static int edit(struct configuring *w, struct err *err)
{
	const struct config_args *a = w->a;
	struct image_config *c = &w->c->config;

	set_texts(w);
	int r = set_platform(w, err);
	if (r == 0)
		r = config_set_shell(w, err);
	if (r < 0)
		return r;
	if (a->stop_signal)
		config_note(w, "STOPSIGNAL", a->stop_signal);
	set_list(&c->exposed_ports, &a->ports);
	config_note_list(w, "EXPOSE", &a->ports);
	r = set_env(w, err);
	if (r == 0)
		r = config_set_commands(w, err);
	if (r < 0)
		return r;
	set_list(&c->volumes, &a->volumes);
	config_note_list(w, "VOLUME", &a->volumes);
	if (config_set_health(w, err) < 0)
		return err->code;
	set_maps(w);
	config_note_list(w, "LABEL", &a->labels);
	if (a->workdir)
		config_note(w, "WORKDIR", a->workdir);
	STRV_FOREACH (trigger, &a->on_build) {
		if (!**trigger) /* as with buildah */
			continue;
		strv_add(&c->on_build, *trigger);
		config_note(w, "ONBUILD", *trigger);
	}
	warn_docker_only(w);
	return 0;
}

static int config_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct config_args *a = args;
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;

	int r = container_use(app, rest->v[0], CONTAINER_DOCUMENT, &u, err);
	if (r < 0)
		return r;
	struct configuring w = {
		.a = a, .c = &u.c, .app = app, .history = history_wanted(a->add_history)};
	r = edit(&w, err);
	return r < 0 ? r : container_save(&u.c, err);
}

const struct cmd cmd_config = {
	.name = "config",
	.options = config_options,
	.args_size = sizeof(struct config_args),
	.min_args = 1,
	.max_args = 1,
	.flags = CMD_USERNS | CMD_BUILDAH_WORDS,
	.run = config_run,
};
