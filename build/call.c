/* SPDX-License-Identifier: Apache-2.0 */
#include "build/call.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/url_user.h"
#include "build/build_internal.h"
#include "build/file_expand.h"
#include "build/lint.h"
#include "build/source.h"

static struct json *location(size_t source, unsigned first, unsigned last)
{
	struct json *start = json_new_object(), *end = json_new_object();
	struct json *range = json_new_object(), *ranges = json_new_array();
	struct json *ret = json_new_object();
	json_set_int(start, "line", first);
	json_set_int(end, "line", last);
	json_set(range, "start", start);
	json_set(range, "end", end);
	json_add(ranges, range);
	if (source)
		json_set_int(ret, "sourceIndex", (int64_t)source);
	json_set(ret, "ranges", ranges);
	return ret;
}

static struct json *source_text(const char *text, size_t len)
{
	AUTO_FREE char *shown = xmemdup(text, len + 1);
	url_user_hide(shown, len);
	AUTO_FREE char *encoded = base64_encode(shown, len);
	return json_new_string(encoded);
}

static struct json *source_texts(const struct containerfile *files, size_t n)
{
	struct json *ret = json_new_array();
	for (size_t i = 0; i < n; i++)
		json_add(ret, source_text(files[i].source, files[i].len));
	return ret;
}

/* The place that an error begins with, "file:line:column: " of one of the sources, as a location,
 * and behind it what is wrong; else an empty one and the whole text. */
static struct json *error_location(const struct lint *l, const char *text, const char **ret_what)
{
	*ret_what = text;
	for (size_t i = 0; i < l->n_sources; i++) {
		size_t n = strlen(l->sources[i].name);
		if (strncmp(text, l->sources[i].name, n) != 0 || text[n] != ':')
			continue;
		const char *at = text + n + 1;
		size_t digits = strspn(at, "0123456789");
		AUTO_FREE char *number = xstrndup(at, digits);
		uint64_t line;
		const char *column = at + digits + (at[digits] == ':');
		const char *end = column + strspn(column, "0123456789");
		if (!num_u64(number, UINT_MAX, &line) || end == column ||
			strncmp(end, ": ", 2) != 0)
			continue;
		*ret_what = end + 2;
		return location(i, (unsigned)line, (unsigned)line);
	}
	return json_new_object();
}

static struct json *build_error(const struct lint *l, const char *text)
{
	struct json *ret = json_new_object();
	const char *what;
	struct json *where = error_location(l, text, &what);
	/* what follows are the excerpt and further errors */
	AUTO_FREE char *first = xstrndup(what, strcspn(what, "\n"));
	url_user_hide(first, strlen(first));
	json_set_string(ret, "message", first);
	json_set(ret, "location", where);
	return ret;
}

/* Where BuildKit explains a rule of its own: JSONArgsRecommended is json-args-recommended. */
static void add_url(struct json *one, const struct lint_rule *rule)
{
	AUTO_BUF struct buf url = BUF_INIT(KIB);
	if (rule->flags & (LINT_OWN | LINT_NO_PAGE))
		return;
	buf_addstr(&url, "https://docs.docker.com/go/dockerfile/rule/");
	for (const char *c = rule->name; *c; c++) {
		bool upper = *c >= 'A' && *c <= 'Z', last = c > rule->name && c[-1] >= 'a';
		bool word = upper && c > rule->name && (last || (c[1] >= 'a' && c[1] <= 'z'));
		if (word)
			buf_addch(&url, '-');
		buf_addch(&url, (char)tolower((unsigned char)*c));
	}
	buf_addch(&url, '/');
	json_set_string(one, "url", buf_str(&url));
}

struct json *call_check(const struct lint *l, const struct err *problem)
{
	struct json *ret = json_new_object();
	struct json *warnings = json_new_array(), *sources = json_new_array();
	for (size_t i = 0; i < l->n; i++) {
		const struct lint_warning *w = &l->w[i];
		struct json *one = json_new_object();
		/* docker tells where the instruction ends that a blank line is in */
		unsigned first = w->rule == LINT_NO_EMPTY_CONTINUATION ? w->end_line : w->pos.line;
		json_set_string(one, "ruleName", lint_rules[w->rule].name);
		json_set_string(one, "description", lint_rules[w->rule].about);
		add_url(one, &lint_rules[w->rule]);
		json_set_string(one, "detail", w->text);
		json_set(one, "location", location(w->source, first, w->end_line));
		json_add(warnings, one);
	}
	for (size_t i = 0; i < l->n_sources; i++) {
		struct json *one = json_new_object();
		json_set_string(one, "filename", l->sources[i].name);
		json_set_string(one, "language", "Dockerfile");
		json_set(one, "data", source_text(l->sources[i].text, l->sources[i].len));
		json_add(sources, one);
	}
	json_set(ret, "warnings", warnings);
	json_set(ret, "sources", sources);
	if (problem)
		json_set(ret, "buildError", build_error(l, problem->msg));
	return ret;
}

/* What the comments above an instruction say of a name: "# NAME text". Borrowed, NULL none. */
static const char *description(const struct inst *i, const char *name)
{
	size_t n = strlen(name);
	STRV_FOREACH (c, &i->comments)
		if (strncmp(*c, name, n) == 0 && (*c)[n] == ' ')
			return *c + n + 1;
	return NULL;
}

/* --- targets --------------------------------------------------------------------------------- */

struct json *call_targets(const struct containerfile *files, size_t n)
{
	struct json *ret = json_new_object(), *list = json_new_array(), *last = NULL;
	SOURCE_FOREACH (w, files, n) {
		const struct inst *i = w.at.inst;
		if (i->kind != INST_FROM)
			continue;
		const char *name = i->args.n == 3 ? i->args.v[2] : NULL;
		struct json *one = json_new_object();
		json_set_string(one, "name", name);
		json_set_string(one, "description", name ? description(i, name) : NULL);
		json_set_string(one, "base", i->args.v[0]);
		json_set_string(one, "platform", inst_flag(i, "platform", NULL));
		json_set(one, "location",
			location((size_t)(w.at.file - files), i->pos.line, i->end_line));
		json_add(list, one);
		last = one;
	}
	if (last)
		json_set(last, "default", json_new_bool(true));
	json_set(ret, "targets", list);
	json_set(ret, "sources", source_texts(files, n));
	return ret;
}

/* --- outline --------------------------------------------------------------------------------- */

/* Is the name in the list, from its i-th thing on? */
static bool is_named(const struct json *list, size_t i, const char *name)
{
	for (; i < json_size(list); i++)
		if (streq(json_text(json_get(json_at(list, i), "name")), name))
			return true;
	return false;
}

/* A named thing with its place. Of several with a name the last one counts, see set_list(). */
static struct json *add_named(
	const struct build *b, struct json *list, const char *name, const struct source_inst *at)
{
	struct json *one = json_new_object();
	json_set_string(one, "name", name);
	json_set(one, "location",
		location((size_t)(at->file - b->stages.files), at->inst->pos.line,
			at->inst->end_line));
	json_add(list, one);
	return one;
}

/* env NULL: it has no value */
static void add_arg(const struct build *b, struct json *list, const char *word,
	const struct source_inst *at, const struct map *env)
{
	AUTO_FREE char *name = xstrndup(word, strcspn(word, "="));
	struct json *one = add_named(b, list, name, at);
	json_set_string(one, "description", description(at->inst, name));
	const char *value = env ? map_get(env, name) : NULL;
	AUTO_FREE char *shown = value && *value ? url_user_hidden(value) : NULL;
	json_set_string(one, "value", shown);
}

/* ARG before the first FROM, by name. */
static bool find_global(const struct build *b, const char *name, struct source_inst *ret)
{
	bool found = false;
	SOURCE_FOREACH (w, b->stages.files, b->stages.n_files) {
		if (w.at.inst->kind == INST_FROM)
			return found;
		STRV_FOREACH (word, &w.at.inst->args) {
			AUTO_FREE char *own = xstrndup(*word, strcspn(*word, "="));
			if (!streq(own, name))
				continue;
			*ret = w.at;
			found = true;
		}
	}
	return found;
}

static void outline_args(const struct build *b, const struct stage *st, struct json *args)
{
	const struct map *global = &b->stages.targets[0].global_args;
	const struct stage_plan *p = &b->plans[st->index];
	for (size_t k = 0; k < st->n_insts; k++) {
		const struct inst *i = st->insts[k].inst;
		if (i->kind != INST_ARG)
			continue;
		STRV_FOREACH (word, &i->args) {
			struct source_inst at = st->insts[k];
			AUTO_FREE char *name = xstrndup(*word, strcspn(*word, "="));
			bool valued = strchr(*word, '=') || map_has(&b->o->build_args, name);
			/* one that takes the global one's value is the global one */
			if (valued || !map_get(global, name))
				add_arg(b, args, *word, &at, valued ? &p->env : NULL);
			else if (find_global(b, name, &at) && !is_named(args, 0, name))
				add_arg(b, args, *word, &at, global);
		}
	}
}

/* Arguments that a FROM line uses, and those that they are made of. */
static void outline_from(
	const struct build *b, const struct source_inst *at, const char *word, struct json *args)
{
	AUTO_STRV struct strv used = STRV_INIT;
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	if (!word || expand_word(word, at->file->escape, &b->stages.targets[0].global_args, 0,
			     &text, &used, NULL, &ignored) < 0)
		return;
	STRV_FOREACH (name, &used) {
		struct source_inst def;
		if (!find_global(b, *name, &def) || is_named(args, 0, *name))
			continue;
		add_arg(b, args, *name, &def, &b->stages.targets[0].global_args);
		STRV_FOREACH (w, &def.inst->args)
			if (strchr(*w, '='))
				outline_from(b, &def, strchr(*w, '=') + 1, args);
	}
}

/* A variable in a mount's ID stays as it is. */
static int as_it_is(void *arg, const char *value, char **ret, struct err *err)
{
	(void)arg;
	(void)err;
	*ret = xstrdup(value);
	return 0;
}

/* From the text: a secret that was not given and need not be is no mount of the step. */
static void outline_mount(const struct build *b, const struct source_inst *at, const char *text,
	struct json *secrets, struct json *ssh)
{
	struct mount_opts o;
	struct err ignored = ERR_INIT;
	AUTO_FREE char *field = NULL;
	if (mount_parse(text, as_it_is, NULL, &o, &field, &ignored) < 0)
		return;
	const char *id = o.id;
	struct json *list = o.type == MOUNT_SECRET ? secrets : o.type == MOUNT_SSH ? ssh : NULL;
	if (o.type == MOUNT_SECRET)
		id = o.source ? o.source : o.id ? o.id : path_base(o.target);
	struct json *one = list ? add_named(b, list, id && *id ? id : "default", at) : NULL;
	if (one && o.required)
		json_set(one, "required", json_new_bool(true));
	mount_opts_done(&o);
}

struct named {
	int64_t source, line;
	size_t index;
};

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

/* The last one of each name, in the order of the files. */
static void set_list(struct json *o, const char *key, struct json *list)
{
	struct json *sorted = json_new_array();
	size_t n = 0;
	AUTO_FREE struct named *last = xcalloc(json_size(list) + 1, sizeof(*last));
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *one = json_at(list, i), *at = json_get(one, "location");
		const struct json *first = json_at(json_get(at, "ranges"), 0);
		if (!is_named(list, i + 1, json_text(json_get(one, "name"))))
			last[n++] = (struct named){json_int(json_get(at, "sourceIndex")),
				json_int(json_get(json_get(first, "start"), "line")), i};
	}
	qsort(last, n, sizeof(*last), compare_named);
	for (size_t i = 0; i < n; i++)
		json_add(sorted, json_ref(json_at(list, last[i].index)));
	json_free(list);
	if (n)
		json_set(o, key, sorted);
	else
		json_free(sorted);
}

struct json *call_outline(const struct build *b)
{
	struct json *ret = json_new_object();
	struct json *args = json_new_array(), *secrets = json_new_array(), *ssh = json_new_array();
	const struct stage *target = &b->stages.s[b->stages.targets[0].stage];
	json_set_string(ret, "name", target->name);
	if (target->name)
		json_set_string(ret, "description", description(target->from.inst, target->name));
	for (size_t i = 0; i < b->stages.targets[0].end; i++) {
		const struct stage *st = &b->stages.s[i];
		if (!b->plans[i].evaluated || !st->from.inst)
			continue;
		outline_from(b, &st->from, st->from.inst->args.v[0], args);
		outline_from(b, &st->from, inst_flag(st->from.inst, "platform", NULL), args);
		outline_args(b, st, args);
		for (size_t k = 0; k < st->n_insts; k++)
			STRV_FOREACH (mount, &st->insts[k].inst->mounts)
				outline_mount(b, &st->insts[k], *mount, secrets, ssh);
	}
	set_list(ret, "args", args);
	set_list(ret, "secrets", secrets);
	set_list(ret, "ssh", ssh);
	json_set(ret, "sources", source_texts(b->stages.files, b->stages.n_files));
	return ret;
}
