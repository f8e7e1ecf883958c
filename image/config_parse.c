/* SPDX-License-Identifier: Apache-2.0 */
/* image_config_parse() */
#include "image/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/manifest.h"

#define DIFF_IDS_MAX 1000 /* as many as a manifest may have layers */
#define HISTORY_MAX 10000
#define ENV_MAX 10000

static const char *const top_members[] = {
	"created",
	"author",
	"architecture",
	"os",
	"os.version",
	"variant",
	"config",
	"rootfs",
	"history",
};

static const char *const config_members[] = {
	"User",
	"ExposedPorts",
	"Env",
	"Entrypoint",
	"Cmd",
	"Volumes",
	"WorkingDir",
	"Labels",
	"StopSignal",
	"ArgsEscaped",
	"Healthcheck",
	"OnBuild",
	"Shell",
};

/* Members of o that are not among the known ones, in their order; NULL when there are none. */
static struct json *unknown_members(const struct json *o, const char *const *known, size_t n)
{
	struct json *extra = NULL;
	for (void *it = json_iter(o); it; it = json_next(o, it)) {
		size_t i = 0;
		while (i < n && !streq(known[i], json_iter_key(it)))
			i++;
		if (i < n)
			continue;
		if (!extra)
			extra = json_new_object();
		json_set(extra, json_iter_key(it), json_clone(json_iter_value(it)));
	}
	return extra;
}

static int get_string(const struct json *o, const char *key, char **ret, struct err *err)
{
	const char *s = NULL;
	int r = json_get_string(o, "config", key, &s, err);
	if (r == 0 && s && *s)
		mem_replace(ret, xstrdup(s));
	return r;
}

static int get_platform_field(
	const struct json *o, const char *key, char *ret, size_t n, struct err *err)
{
	const char *s = "";
	int r = json_get_string(o, "config", key, &s, err);
	if (r < 0)
		return r;
	if (strlen(s) >= n)
		return err_set(
			err, ERR_INVALID, "config: '%s' is longer than %zu characters", key, n - 1);
	(void)snprintf(ret, n, "%s", s);
	return 0;
}

/* {"80/tcp": {}, ...} */
static int get_set(const struct json *o, const char *key, struct strv *ret, struct err *err)
{
	struct json *set = NULL;
	int r = json_get_kind(o, "config", key, JSON_KIND_OBJECT, &set, err);
	if (r < 0)
		return r;
	for (void *it = json_iter(set); it; it = json_next(set, it))
		strv_add(ret, json_iter_key(it));
	return 0;
}

/* CVE-2026-57231: an entry without '=' must never stand for a variable of the host. */
static int get_env(const struct json *o, struct map *ret, struct err *err)
{
	AUTO_STRV struct strv list = STRV_INIT;
	int r = json_get_strv(o, "config", "Env", &list, err);
	if (r < 0)
		return r;
	if (list.n > ENV_MAX)
		return err_set(err, ERR_LIMIT, "config: more than %d Env entries", ENV_MAX);
	STRV_FOREACH (entry, &list) {
		char *eq = strchr(*entry, '=');
		if (!eq)
			return err_set(
				err, ERR_INVALID, "config: Env entry '%.100s' has no '='", *entry);
		if (eq == *entry)
			return err_set(
				err, ERR_INVALID, "config: Env entry '%.100s' has no name", *entry);
		*eq = '\0';
		map_set(ret, *entry, eq + 1);
	}
	return 0;
}

static int get_healthcheck(const struct json *o, struct image_config *c, struct err *err)
{
	struct healthcheck *h = &c->healthcheck;
	struct json *j = NULL;
	int r = json_get_kind(o, "config", "Healthcheck", JSON_KIND_OBJECT, &j, err);
	if (r < 0 || !j)
		return r;
	c->has_healthcheck = true;
	if ((r = json_get_strv(j, "config: Healthcheck", "Test", &h->test, err)) < 0 ||
		(r = json_get_int(j, "config: Healthcheck", "Interval", &h->interval_ns, err)) <
			0 ||
		(r = json_get_int(j, "config: Healthcheck", "Timeout", &h->timeout_ns, err)) < 0 ||
		(r = json_get_int(
			 j, "config: Healthcheck", "StartPeriod", &h->start_period_ns, err)) < 0 ||
		(r = json_get_int(j, "config: Healthcheck", "StartInterval", &h->start_interval_ns,
			 err)) < 0)
		return r;
	return json_get_int(j, "config: Healthcheck", "Retries", &h->retries, err);
}

static int parse_runtime(const struct json *o, struct image_config *c, struct err *err)
{
	int r;
	if ((r = json_check_spelling(o, "config", config_members, ARRAY_LEN(config_members), err)) <
			0 ||
		(r = get_string(o, "User", &c->user, err)) < 0 ||
		(r = get_set(o, "ExposedPorts", &c->exposed_ports, err)) < 0 ||
		(r = get_env(o, &c->env, err)) < 0 ||
		(r = json_get_strv(o, "config", "Entrypoint", &c->entrypoint, err)) < 0 ||
		(r = json_get_strv(o, "config", "Cmd", &c->cmd, err)) < 0 ||
		(r = get_set(o, "Volumes", &c->volumes, err)) < 0 ||
		(r = get_string(o, "WorkingDir", &c->working_dir, err)) < 0 ||
		(r = json_get_map(o, "config", "Labels", &c->labels, err)) < 0 ||
		(r = get_string(o, "StopSignal", &c->stop_signal, err)) < 0 ||
		(r = json_get_bool(o, "config", "ArgsEscaped", &c->args_escaped, err)) < 0 ||
		(r = get_healthcheck(o, c, err)) < 0 ||
		(r = json_get_strv(o, "config", "OnBuild", &c->on_build, err)) < 0 ||
		(r = json_get_strv(o, "config", "Shell", &c->shell, err)) < 0)
		return r;
	c->has_entrypoint = json_is(json_get(o, "Entrypoint"), JSON_KIND_ARRAY);
	c->has_cmd = json_is(json_get(o, "Cmd"), JSON_KIND_ARRAY);
	c->extra_config = unknown_members(o, config_members, ARRAY_LEN(config_members));
	return 0;
}

static int parse_rootfs(const struct json *top, struct image_config *c, struct err *err)
{
	struct json *rootfs = NULL;
	const char *type = NULL;
	AUTO_STRV struct strv ids = STRV_INIT;
	int r;

	if ((r = json_get_kind(top, "config", "rootfs", JSON_KIND_OBJECT, &rootfs, err)) < 0)
		return r;
	if (!rootfs)
		return err_set(err, ERR_INVALID, "config: rootfs is missing");
	static const char *const names[] = {"type", "diff_ids"};
	if ((r = json_check_spelling(rootfs, "config: rootfs", names, ARRAY_LEN(names), err)) < 0 ||
		(r = json_get_string(rootfs, "config: rootfs", "type", &type, err)) < 0 ||
		(r = json_get_strv(rootfs, "config: rootfs", "diff_ids", &ids, err)) < 0)
		return r;
	if (!type || !streq(type, "layers"))
		return err_set(err, ERR_INVALID, "config: rootfs type is not 'layers'");
	if (ids.n > DIFF_IDS_MAX)
		return err_set(
			err, ERR_LIMIT, "config: %zu diff IDs, more than %d", ids.n, DIFF_IDS_MAX);
	for (size_t i = 0; i < ids.n; i++) {
		struct digest d;
		if (digest_parse(ids.v[i], &d, err) < 0)
			return err_wrap(err, "config: diff ID %zu", i + 1);
		image_config_add_diff_id(c, &d);
	}
	return 0;
}

static int parse_history(const struct json *top, struct image_config *c, struct err *err)
{
	struct json *list = NULL;
	int r = json_get_kind(top, "config", "history", JSON_KIND_ARRAY, &list, err);
	if (r < 0)
		return r;
	size_t n = json_size(list);
	if (n > HISTORY_MAX)
		return err_set(err, ERR_LIMIT, "config: more than %d history entries", HISTORY_MAX);
	if (n)
		c->history = xcalloc(n, sizeof(*c->history));
	for (size_t i = 0; i < n; i++) {
		struct json *j = json_at(list, i);
		struct history *h = &c->history[i];
		c->n_history = i + 1;
		if (!json_is(j, JSON_KIND_OBJECT))
			return err_set(err, ERR_INVALID,
				"config: history entry %zu is not an object", i + 1);
		if ((r = get_string(j, "created", &h->created, err)) < 0 ||
			(r = get_string(j, "created_by", &h->created_by, err)) < 0 ||
			(r = get_string(j, "author", &h->author, err)) < 0 ||
			(r = get_string(j, "comment", &h->comment, err)) < 0 ||
			(r = json_get_bool(
				 j, "config: history", "empty_layer", &h->empty_layer, err)) < 0)
			return r;
	}
	return 0;
}

static int parse_into(const struct json *j, struct image_config *c, struct err *err)
{
	struct platform *p = &c->platform;
	struct json *config = NULL;
	int r;

	if (!json_is(j, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "config: it is not a JSON object");
	if ((r = json_check_spelling(j, "config", top_members, ARRAY_LEN(top_members), err)) < 0 ||
		(r = get_string(j, "created", &c->created, err)) < 0 ||
		(r = get_string(j, "author", &c->author, err)) < 0 ||
		(r = get_platform_field(j, "architecture", p->arch, sizeof(p->arch), err)) < 0 ||
		(r = get_platform_field(j, "os", p->os, sizeof(p->os), err)) < 0 ||
		(r = get_platform_field(
			 j, "os.version", p->os_version, sizeof(p->os_version), err)) < 0 ||
		(r = get_platform_field(j, "variant", p->variant, sizeof(p->variant), err)) < 0 ||
		(r = json_get_kind(j, "config", "config", JSON_KIND_OBJECT, &config, err)) < 0)
		return r;
	if (config && (r = parse_runtime(config, c, err)) < 0)
		return r;
	if ((r = parse_rootfs(j, c, err)) < 0 || (r = parse_history(j, c, err)) < 0)
		return r;
	c->extra = unknown_members(j, top_members, ARRAY_LEN(top_members));
	return 0;
}

int image_config_parse(const char *text, size_t n, struct image_config *ret, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	struct image_config c = {0};
	int r;

	if (n > CONFIG_MAX)
		return err_set(err, ERR_LIMIT, "config is larger than %llu bytes", CONFIG_MAX);
	if ((r = json_parse(text, n, "config", &j, err)) < 0)
		return r;
	if ((r = parse_into(j, &c, err)) < 0) {
		image_config_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}
