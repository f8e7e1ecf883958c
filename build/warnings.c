/* SPDX-License-Identifier: Apache-2.0 */
#include "build/warnings.h"

#include "base/mem.h"
#include "base/num.h"
#include "build/build_internal.h"
#include "build/suggest.h"

#include <string.h>

/* The Dockerfile frontend whose additions are all known here. */
#define SYNTAX_MAJOR 1
#define SYNTAX_MINOR 20

/* The names that the file's ARGs say. */
static void add_declared(struct strv *names, const struct containerfile *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct inst *inst = &f->insts[i];
		for (size_t k = 0; inst->kind == INST_ARG && k < inst->args.n; k++)
			strv_add_take(
				names, xstrndup(inst->args.v[k], strcspn(inst->args.v[k], "=")));
	}
}

static void find_declared(const struct build *b, struct strv *names)
{
	for (size_t i = 0; i < b->stages.n_files; i++)
		add_declared(names, &b->stages.files[i]);
	for (size_t i = 0; i < b->n_triggers; i++)
		add_declared(names, b->triggers[i]);
}

/* What is misspelt would have no effect without a word. */
static void warn_unused_args(struct build *b, const struct strv *declared)
{
	AUTO_STRV struct strv unused = STRV_INIT, meant = STRV_INIT;
	MAP_FOREACH (a, &b->o->build_args)
		if (!is_proxy_arg(a->key) && !str_has_prefix(a->key, "BUILDKIT_") &&
			!streq(a->key, "SOURCE_DATE_EPOCH") && !strv_has(declared, a->key))
			strv_add(&unused, a->key);
	MAP_FOREACH (a, &b->o->secret_args)
		if (!strv_has(declared, a->key))
			strv_add(&unused, a->key);
	if (!unused.n)
		return;
	STRV_FOREACH (name, &unused) {
		const char *near = suggest(*name, (const char *const *)declared->v, declared->n);
		if (near)
			strv_addf(&meant, "%s%s%s", near, unused.n > 1 ? " for " : "",
				unused.n > 1 ? *name : "");
	}
	AUTO_FREE char *names = strv_join(&unused, " "), *hint = strv_join(&meant, ", ");
	strv_addf(&b->result->warnings,
		"one or more build args were not consumed: [%s]; no ARG takes %s%s%s%s", names,
		unused.n > 1 ? "them" : "it", meant.n ? ", did you mean " : "", hint,
		meant.n ? "?" : "");
}

/*
 * The version of docker's frontend that a "# syntax=" line asks for: 1.4 of "...:1.4.3". False for
 * other frontends and for tags such as "labs". "1" is the newest 1.x, which is never too new: 1.0.
 */
static bool syntax_version(const char *syntax, uint64_t *ret_major, uint64_t *ret_minor)
{
	const char *name = strstr(syntax, "docker/dockerfile");
	const char *tag = name ? name + strcspn(name, ":@") : "";
	if (*tag != ':')
		return false;
	size_t major = strspn(tag + 1, "0123456789");
	const char *dot = tag + 1 + major;
	AUTO_FREE char *first = xstrndup(tag + 1, major),
		       *second = *dot == '.' ? xstrndup(dot + 1, strspn(dot + 1, "0123456789"))
	                                     : xstrdup("0");
	return num_u64(first, UINT32_MAX, ret_major) && num_u64(second, UINT32_MAX, ret_minor);
}

/* Nothing is fetched for a "# syntax=" line; but who asks for more than there is should know why
 * something of it is refused. */
static void warn_newer_syntax(struct build *b)
{
	for (size_t i = 0; i < b->stages.n_files; i++) {
		const struct containerfile *f = &b->stages.files[i];
		uint64_t major, minor;
		if (f->syntax && syntax_version(f->syntax, &major, &minor) &&
			(major > SYNTAX_MAJOR || (major == SYNTAX_MAJOR && minor > SYNTAX_MINOR)))
			strv_addf(&b->result->warnings,
				"%s: '# syntax=%s' is newer than %d.%d, which mica knows: what "
				"later versions brought is refused where it is used",
				f->name, f->syntax, SYNTAX_MAJOR, SYNTAX_MINOR);
	}
}

/* BuildKit says nothing of a stage that is not there. */
static void warn_unknown_filters(struct build *b)
{
	AUTO_STRV struct strv known = STRV_INIT;
	for (size_t i = 0; i < b->stages.n; i++)
		if (b->stages.s[i].name && !strv_has(&known, b->stages.s[i].name))
			strv_add(&known, b->stages.s[i].name);
	AUTO_FREE char *names = strv_join(&known, ", ");
	STRV_FOREACH (name, &b->o->no_cache_stages) {
		bool found = false;
		for (size_t i = 0; i < b->stages.n && !found; i++)
			found = stage_is_called(&b->stages.s[i], *name);
		if (!found)
			strv_addf(&b->result->warnings,
				"--no-cache-filter=%s: there is no such stage, %s%s", *name,
				known.n ? "only " : "and none has a name", names);
	}
}

/* names: a name that is a credential's is enough, for there is no line of a file to tell of. */
static void warn_credentials(
	struct build *b, const struct map *given, const char *option, bool names, const char *where)
{
	MAP_FOREACH (v, given)
		if (v->value && *v->value &&
			(lint_value_is_secret(v->value) || (names && lint_names_secret(v->key))))
			strv_addf(&b->result->warnings,
				"%s %s: it looks like a credential, and anybody can read it in the "
				"image's %s; use --secret, or --build-arg-secret",
				option, v->key, where);
}

void warnings_collect(struct build *b)
{
	AUTO_STRV struct strv declared = STRV_INIT;
	find_declared(b, &declared);
	warn_unused_args(b, &declared);
	warn_unknown_filters(b);
	warn_newer_syntax(b);
	if (!lint_is_on(&b->result->lint, LINT_SECRET_VALUE_IN_ARG_OR_ENV))
		return;
	AUTO_MAP struct map taken = MAP_INIT; /* others are nowhere in the image */
	MAP_FOREACH (a, &b->o->build_args)
		if (a->value && strv_has(&declared, a->key))
			map_set(&taken, a->key, a->value);
	warn_credentials(b, &taken, "--build-arg", false, "history");
	warn_credentials(b, &b->o->env, "--env", true, "config");
	warn_credentials(b, &b->o->labels, "--label", false, "config");
}
