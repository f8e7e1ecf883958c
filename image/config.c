/* SPDX-License-Identifier: Apache-2.0 */
#include "image/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

void image_config_init(struct image_config *c, const struct platform *p)
{
	*c = (struct image_config){.platform = *p};
}

/* --- writing: members that say nothing are left out, as BuildKit does (Go's omitempty) --- */

static void set_strv(struct json *o, const char *key, const struct strv *s)
{
	if (s->n)
		json_set(o, key, json_new_strv(s));
}

static void set_string(struct json *o, const char *key, const char *s)
{
	if (s && *s)
		json_set_string(o, key, s);
}

static void set_int(struct json *o, const char *key, int64_t i)
{
	if (i)
		json_set_int(o, key, i);
}

static void set_set(struct json *o, const char *key, const struct strv *s)
{
	AUTO_STRV struct strv sorted = STRV_INIT;
	if (!s->n)
		return;
	strv_copy(&sorted, s);
	strv_sort(&sorted);
	struct json *set = json_new_object();
	STRV_FOREACH (item, &sorted)
		json_set(set, *item, json_new_object());
	json_set(o, key, set);
}

static void set_extra(struct json *o, const struct json *extra)
{
	for (void *it = json_iter(extra); it; it = json_next(extra, it))
		json_set(o, json_iter_key(it), json_clone(json_iter_value(it)));
}

static struct json *dump_healthcheck(const struct healthcheck *h)
{
	struct json *j = json_new_object();
	set_strv(j, "Test", &h->test);
	set_int(j, "Interval", h->interval_ns);
	set_int(j, "Timeout", h->timeout_ns);
	set_int(j, "StartPeriod", h->start_period_ns);
	set_int(j, "StartInterval", h->start_interval_ns);
	set_int(j, "Retries", h->retries);
	return j;
}

static struct json *dump_runtime(const struct image_config *c)
{
	struct json *o = json_new_object();
	AUTO_STRV struct strv env = STRV_INIT;

	set_string(o, "User", c->user);
	set_set(o, "ExposedPorts", &c->exposed_ports);
	MAP_FOREACH (e, &c->env)
		strv_addf(&env, "%s=%s", e->key, e->value ? e->value : "");
	set_strv(o, "Env", &env);
	set_strv(o, "Entrypoint", &c->entrypoint);
	set_strv(o, "Cmd", &c->cmd);
	set_set(o, "Volumes", &c->volumes);
	set_string(o, "WorkingDir", c->working_dir);
	if (c->labels.n)
		json_set(o, "Labels", json_new_map(&c->labels));
	set_string(o, "StopSignal", c->stop_signal);
	if (c->args_escaped)
		json_set(o, "ArgsEscaped", json_new_bool(true));
	if (c->has_healthcheck)
		json_set(o, "Healthcheck", dump_healthcheck(&c->healthcheck));
	set_strv(o, "OnBuild", &c->on_build);
	set_strv(o, "Shell", &c->shell);
	set_extra(o, c->extra_config);
	return o;
}

static struct json *dump_history(const struct image_config *c)
{
	struct json *list = json_new_array();
	for (size_t i = 0; i < c->n_history; i++) {
		const struct history *h = &c->history[i];
		struct json *j = json_new_object();
		set_string(j, "created", h->created);
		set_string(j, "created_by", h->created_by);
		set_string(j, "author", h->author);
		set_string(j, "comment", h->comment);
		if (h->empty_layer)
			json_set(j, "empty_layer", json_new_bool(true));
		json_add(list, j);
	}
	return list;
}

char *image_config_dump(const struct image_config *c)
{
	AUTO_JSON struct json *j = json_new_object();
	struct json *rootfs = json_new_object(), *ids = json_new_array();

	set_string(j, "created", c->created);
	set_string(j, "author", c->author);
	json_set_string(j, "architecture", c->platform.arch);
	json_set_string(j, "os", c->platform.os);
	set_string(j, "os.version", c->platform.os_version);
	set_string(j, "variant", c->platform.variant);
	json_set(j, "config", dump_runtime(c));
	json_set_string(rootfs, "type", "layers");
	for (size_t i = 0; i < c->n_diff_ids; i++) {
		char buf[DIGEST_STR_MAX];
		json_add(ids, json_new_string(digest_str(&c->diff_ids[i], buf)));
	}
	json_set(rootfs, "diff_ids", ids);
	json_set(j, "rootfs", rootfs);
	if (c->n_history)
		json_set(j, "history", dump_history(c));
	set_extra(j, c->extra);
	return json_dump(j, 0);
}

/* --- */

static char *dup_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void dup_strv(struct strv *s)
{
	struct strv from = *s;
	*s = (struct strv)STRV_INIT;
	strv_copy(s, &from);
}

static void dup_map(struct map *m)
{
	struct map from = *m;
	*m = (struct map)MAP_INIT;
	map_copy(m, &from);
}

void image_config_copy(struct image_config *dst, const struct image_config *src)
{
	*dst = *src;
	char **const strings[] = {
		&dst->created, &dst->author, &dst->user, &dst->working_dir, &dst->stop_signal};
	struct strv *const lists[] = {
		&dst->exposed_ports,
		&dst->entrypoint,
		&dst->cmd,
		&dst->volumes,
		&dst->shell,
		&dst->on_build,
		&dst->healthcheck.test,
	};
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		*strings[i] = dup_null(*strings[i]);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		dup_strv(lists[i]);
	dup_map(&dst->env);
	dup_map(&dst->labels);
	dst->diff_ids = src->n_diff_ids
	                        ? xmemdup(src->diff_ids, src->n_diff_ids * sizeof(*src->diff_ids))
	                        : NULL;
	dst->history = NULL;
	dst->n_history = 0;
	for (size_t i = 0; i < src->n_history; i++) {
		const struct history *h = &src->history[i];
		image_config_add_history(
			dst, h->created, h->created_by, h->comment, h->empty_layer);
		dst->history[i].author = dup_null(h->author);
	}
	dst->extra = src->extra ? json_clone(src->extra) : NULL;
	dst->extra_config = src->extra_config ? json_clone(src->extra_config) : NULL;
}

void image_config_add_diff_id(struct image_config *c, const struct digest *d)
{
	c->diff_ids = xreallocarray(c->diff_ids, c->n_diff_ids + 1, sizeof(*c->diff_ids));
	c->diff_ids[c->n_diff_ids++] = *d;
}

void image_config_add_history(struct image_config *c, const char *created, const char *created_by,
	const char *comment, bool empty_layer)
{
	c->history = xreallocarray(c->history, c->n_history + 1, sizeof(*c->history));
	c->history[c->n_history++] = (struct history){
		.created = dup_null(created),
		.created_by = dup_null(created_by),
		.comment = dup_null(comment),
		.empty_layer = empty_layer,
	};
}

void image_config_add_os_features(struct image_config *c, const struct strv *add, struct strv *ret)
{
	struct err ignored = ERR_INIT;
	/* others' are not ours to refuse */
	if (c->extra && json_get_strv(c->extra, "config", "os.features", ret, &ignored) < 0)
		strv_done(ret);
	STRV_FOREACH (f, add) {
		size_t n = strlen(*f);
		AUTO_FREE char *name = xstrndup(*f, n > 1 && (*f)[n - 1] == '-' ? n - 1 : n);
		if (strlen(name) == n && !strv_has(ret, *f))
			strv_add(ret, *f);
		for (size_t i = ret->n; strlen(name) < n && i-- > 0;)
			if (streq(ret->v[i], name))
				strv_remove(ret, i);
	}
	if (!add->n)
		return;
	if (!c->extra)
		c->extra = json_new_object();
	if (ret->n)
		json_set(c->extra, "os.features", json_new_strv(ret));
	else
		json_remove(c->extra, "os.features");
}

void image_config_cut_history(struct image_config *c, size_t n)
{
	while (c->n_history > n) {
		struct history *h = &c->history[--c->n_history];
		free(h->created);
		free(h->created_by);
		free(h->author);
		free(h->comment);
	}
}

void image_config_done(struct image_config *c)
{
	free(c->created);
	free(c->author);
	free(c->user);
	strv_done(&c->exposed_ports);
	map_done(&c->env);
	strv_done(&c->entrypoint);
	strv_done(&c->cmd);
	strv_done(&c->volumes);
	free(c->working_dir);
	map_done(&c->labels);
	free(c->stop_signal);
	strv_done(&c->shell);
	strv_done(&c->on_build);
	strv_done(&c->healthcheck.test);
	free(c->diff_ids);
	image_config_cut_history(c, 0);
	free(c->history);
	json_free(c->extra);
	json_free(c->extra_config);
	*c = (struct image_config){0};
}
