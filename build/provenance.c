/* SPDX-License-Identifier: Apache-2.0 */
#include "build/provenance.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/tmp.h"
#include "base/url_user.h"
#include "build/build_internal.h"
#include "build/materials.h"
#include "registry/url.h"

#include <stdlib.h>
#include <string.h>

#define BUILDKIT_METADATA "https://mobyproject.org/buildkit@v1#metadata"
#define ID_LEN 25 /* as long as BuildKit's */

/* What both versions are made of. */
struct facts {
	struct json *materials, *parameters;
	bool all_materials, all_parameters;
	char id[ID_LEN + 1], begun[CLOCK_STR_MAX], ended[CLOCK_STR_MAX], platform[100];
};

/* --- parameters --- */

/* As buildx names what it asks of the frontend. */
static void add_args(const struct build_opts *o, struct map *ret)
{
	static const char *const networks[] = {
		[RUN_NETWORK_HOST] = "host", [RUN_NETWORK_NONE] = "none"};
	if (o->target && *o->target)
		map_set(ret, "target", o->target);
	if (o->no_cache)
		map_set(ret, "no-cache", "");
	if (o->box.network != RUN_NETWORK_PRIVATE)
		map_set(ret, "force-network-mode", networks[o->box.network]);
}

static void add_contexts(const struct build *b, struct map *ret)
{
	for (size_t i = 0; i < b->n_contexts; i++) {
		const struct context *c = &b->contexts[i];
		AUTO_FREE char *key = xasprintf("context:%s", c->name);
		AUTO_FREE char *shown = c->elsewhere ? url_shown(c->location, true) : NULL;
		AUTO_FREE char *value = shown ? xstrdup(shown)
		                        : c->kind == CONTEXT_DIR
		                                ? xasprintf("local:%s", c->name)
		                                : xasprintf("docker-image://%s",
							  c->location ? c->location : "scratch");
		map_set(ret, key, value);
	}
}

/* Whoever has the image reads them: a proxy's password is none of them. *ret_any: there was
 * something */
static void add_max_args(const struct build_opts *o, bool max, bool *ret_any, struct map *ret)
{
	MAP_FOREACH (a, &o->build_args) {
		const char *value = a->value ? a->value : getenv(a->key);
		AUTO_FREE char *key = xasprintf("build-arg:%s", a->key);
		*ret_any = *ret_any || value;
		AUTO_FREE char *shown = value ? url_user_hidden(value) : NULL;
		if (max && value)
			map_set(ret, key, shown);
	}
	MAP_FOREACH (l, &o->labels) {
		AUTO_FREE char *key = xasprintf("label:%s", l->key);
		AUTO_FREE char *shown = url_user_hidden(l->value);
		*ret_any = true;
		if (max)
			map_set(ret, key, shown);
	}
}

static struct json *new_id(const char *id)
{
	struct json *ret = json_new_object();
	json_set_string(ret, "id", id);
	json_set(ret, "optional", json_new_bool(true));
	return ret;
}

/* Secrets and agents that were given, by name. */
static void add_secrets(const struct secrets *given, struct json *ret)
{
	struct json *secrets = json_new_array(), *agents = json_new_array();
	for (size_t i = 0; i < given->n; i++)
		json_add(secrets, new_id(given->s[i].id));
	for (size_t i = 0; i < given->n_ssh; i++)
		json_add(agents, new_id(given->ssh[i].id));
	if (given->n)
		json_set(ret, "secrets", json_ref(secrets));
	if (given->n_ssh)
		json_set(ret, "ssh", json_ref(agents));
	json_free(secrets);
	json_free(agents);
}

static struct json *new_locals(const struct build *b)
{
	struct json *ret = json_new_array();
	const char *const names[] = {"context", "dockerfile"};
	for (size_t i = 0; i < ARRAY_LEN(names) && !b->context_commit; i++) {
		struct json *local = json_new_object();
		json_set_string(local, "name", names[i]);
		json_add(ret, local);
	}
	for (size_t i = 0; i < b->n_contexts; i++) {
		if (b->contexts[i].kind != CONTEXT_DIR || b->contexts[i].elsewhere)
			continue;
		struct json *local = json_new_object();
		json_set_string(local, "name", b->contexts[i].name);
		json_add(ret, local);
	}
	return ret;
}

static struct json *new_parameters(const struct build *b, bool max, bool *ret_all)
{
	AUTO_MAP struct map args = MAP_INIT;
	bool more = b->secrets.n || b->secrets.n_ssh;
	struct json *ret = json_new_object();
	json_set_string(ret, "frontend", "dockerfile.v0");
	add_args(b->o, &args);
	add_contexts(b, &args);
	add_max_args(b->o, max, &more, &args);
	if (args.n)
		json_set(ret, "args", json_new_map(&args));
	if (max)
		add_secrets(&b->secrets, ret);
	struct json *locals = new_locals(b);
	if (json_size(locals))
		json_set(ret, "locals", json_ref(locals));
	json_free(locals);
	*ret_all = max || !more;
	return ret;
}

/* --- the files --- */

/* {"infos": [{"filename", "language", "data"}]} */
static struct json *new_source(const struct build *b)
{
	struct json *ret = json_new_object(), *infos = json_new_array();
	for (size_t i = 0; i < b->stages.n_files; i++) {
		const struct containerfile *f = &b->stages.files[i];
		struct json *info = json_new_object();
		AUTO_FREE char *data = base64_encode(f->source, f->len);
		json_set_string(info, "filename", path_base(f->name));
		json_set_string(info, "language", "Dockerfile");
		json_set_string(info, "data", data);
		json_add(infos, info);
	}
	json_set(ret, "infos", infos);
	return ret;
}

/* path: what the version calls the file's name */
static struct json *new_config_source(const struct build *b, const char *path)
{
	struct json *ret = b->context_commit ? material_new(b->context_uri, b->context_commit)
	                                     : json_new_object();
	if (b->stages.n_files)
		json_set_string(ret, path, path_base(b->stages.files[0].name));
	return ret;
}

/* --- the predicate --- */

static struct json *new_builder(const struct provenance_opts *o)
{
	struct json *ret = json_new_object();
	json_set_string(ret, "id", o->builder_id ? o->builder_id : "");
	return ret;
}

/* What of the metadata is BuildKit's own. */
static struct json *new_own_metadata(const struct build *b)
{
	struct json *ret = json_new_object();
	if (b->o->provenance->max)
		json_set(ret, "source", new_source(b));
	return ret;
}

static void set_bool(struct json *o, const char *key, bool value)
{
	json_set(o, key, json_new_bool(value));
}

static struct json *new_v02(const struct build *b, struct facts *f)
{
	const struct provenance_opts *o = b->o->provenance;
	struct json *ret = json_new_object(), *invocation = json_new_object();
	struct json *environment = json_new_object(), *metadata = json_new_object();
	struct json *completeness = json_new_object();
	json_set(ret, "builder", new_builder(o));
	json_set_string(ret, "buildType", "https://mobyproject.org/buildkit@v1");
	json_set(ret, "materials", take(f->materials));
	json_set(invocation, "configSource", new_config_source(b, "entryPoint"));
	json_set(invocation, "parameters", take(f->parameters));
	json_set_string(environment, "platform", f->platform);
	json_set(invocation, "environment", environment);
	json_set(ret, "invocation", invocation);
	json_set_string(metadata, "buildInvocationID", f->id);
	json_set_string(metadata, "buildStartedOn", f->begun);
	json_set_string(metadata, "buildFinishedOn", f->ended);
	set_bool(completeness, "parameters", f->all_parameters);
	set_bool(completeness, "environment", true);
	set_bool(completeness, "materials", f->all_materials);
	json_set(metadata, "completeness", completeness);
	set_bool(metadata, "reproducible", o->reproducible);
	json_set(metadata, BUILDKIT_METADATA, new_own_metadata(b));
	json_set(ret, "metadata", metadata);
	return ret;
}

static struct json *new_v1(const struct build *b, struct facts *f)
{
	const struct provenance_opts *o = b->o->provenance;
	struct json *ret = json_new_object(), *definition = json_new_object();
	struct json *external = json_new_object(), *internal = json_new_object();
	struct json *run = json_new_object(), *metadata = json_new_object();
	struct json *completeness = json_new_object();
	json_set_string(definition, "buildType",
		"https://github.com/moby/buildkit/blob/master/docs/attestations/"
		"slsa-definitions.md");
	json_set(definition, "resolvedDependencies", take(f->materials));
	json_set(external, "configSource", new_config_source(b, "path"));
	json_set(external, "request", take(f->parameters));
	json_set(definition, "externalParameters", external);
	json_set_string(internal, "builderPlatform", f->platform);
	json_set(definition, "internalParameters", internal);
	json_set(ret, "buildDefinition", definition);
	json_set(run, "builder", new_builder(o));
	json_set_string(metadata, "invocationId", f->id);
	json_set_string(metadata, "startedOn", f->begun);
	json_set_string(metadata, "finishedOn", f->ended);
	json_set(metadata, "buildkit_metadata", new_own_metadata(b));
	set_bool(completeness, "request", f->all_parameters);
	set_bool(completeness, "resolvedDependencies", f->all_materials);
	json_set(metadata, "buildkit_completeness", completeness);
	if (o->reproducible)
		set_bool(metadata, "buildkit_reproducible", true);
	json_set(run, "metadata", metadata);
	json_set(ret, "runDetails", run);
	return ret;
}

static struct json *new_predicate(const struct build *b, size_t target)
{
	struct facts f = {0};
	struct platform host;
	platform_host(&host);
	platform_str(&host, f.platform);
	f.materials = materials_of(b, target, &f.all_materials);
	f.parameters = new_parameters(b, b->o->provenance->max, &f.all_parameters);
	tmp_random_name(f.id, ID_LEN);
	clock_format(b->begun, f.begun);
	clock_format(clock_now(), f.ended);
	return b->o->provenance->v1 ? new_v1(b, &f) : new_v02(b, &f);
}

void provenance_note(struct build *b)
{
	const struct provenance_opts *o = b->o->provenance;
	for (size_t i = 0; o && i < b->result->n_images; i++)
		predicates_add(&b->result->predicates, i, o->v1 ? PROVENANCE_V1 : PROVENANCE_V02,
			new_predicate(b, i));
}
