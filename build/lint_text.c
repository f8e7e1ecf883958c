/* SPDX-License-Identifier: Apache-2.0 */
/* The checks that need nothing but the text. Conditions: BuildKit's dockerfile2llb/validations.go
 * and instructions/parse.go. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "build/error_excerpt.h"
#include "build/lint.h"
#include "build/mounts.h"
#include "build/source.h"

static bool any_in(const char *s, int (*is)(int))
{
	for (; *s; s++)
		if (is((unsigned char)*s))
			return true;
	return false;
}

static bool is_lower(const char *s)
{
	return !any_in(s, isupper);
}

static bool is_upper(const char *s)
{
	return !any_in(s, islower);
}

char *lint_keyword(const struct inst *i)
{
	return xstrndup(i->text, strcspn(i->text, " \t"));
}

/* The word of a FROM as written, counted from its end: 0 is the name of the stage. */
static char *last_word(const struct inst *i, unsigned nth)
{
	const char *end = i->text + strlen(i->text);
	for (;;) {
		while (end > i->text && isspace((unsigned char)end[-1]))
			end--;
		const char *start = end;
		while (start > i->text && !isspace((unsigned char)start[-1]))
			start--;
		if (nth-- == 0)
			return xstrndup(start, (size_t)(end - start));
		end = start;
	}
}

/* --- stages ---------------------------------------------------------------------------------- */

static void stage_name(
	struct lint *l, const struct containerfile *f, const struct inst *i, struct map *seen)
{
	if (i->args.n < 3)
		return;
	AUTO_FREE char *name = last_word(i, 0), *as = last_word(i, 1), *from = lint_keyword(i);
	const char *key = i->args.v[2];
	if (!is_lower(name))
		lint_add(l, LINT_STAGE_NAME_CASING, f, i, i->arg_pos[2],
			"Stage name '%s' should be lowercase", name);
	/* a keyword of mixed case is another rule's */
	if ((is_lower(from) && !is_lower(as)) || (is_upper(from) && !is_upper(as)))
		lint_add(l, LINT_FROM_AS_CASING, f, i, i->arg_pos[1],
			"'%s' and '%s' keywords' casing do not match", as, from);
	if (streq(key, "scratch") || streq(key, "context"))
		lint_add(l, LINT_RESERVED_STAGE_NAME, f, i, i->arg_pos[2],
			"Stage name should not use the same name as reserved stage \"%s\"", key);
	if (map_has(seen, key))
		lint_add(l, LINT_DUPLICATE_STAGE_NAME, f, i, i->arg_pos[2],
			"Duplicate stage name \"%s\", stage names should be unique", key);
	map_set(seen, key, NULL);
}

/* --- comments -------------------------------------------------------------------------------- */

static bool begins_with_word(const char *s, const char *word)
{
	size_t n = strlen(word);
	return strncmp(s, word, n) == 0 && (s[n] == ' ' || !s[n]);
}

static void description(struct lint *l, const struct containerfile *f, const struct inst *i)
{
	if (!i->comments.n || (i->kind == INST_FROM && i->args.n < 3))
		return;
	const char *comment = i->comments.v[i->comments.n - 1];
	const char *stage = i->kind == INST_FROM ? i->args.v[2] : NULL; /* in lower case */
	if (stage && begins_with_word(comment, stage))
		return;
	for (size_t k = 0; !stage && k < i->args.n; k++) {
		AUTO_FREE char *name = xstrndup(i->args.v[k], strcspn(i->args.v[k], "="));
		if (begins_with_word(comment, name))
			return;
	}
	AUTO_FREE char *only = xstrndup(i->args.v[0], strcspn(i->args.v[0], "="));
	lint_add(l, LINT_INVALID_DEFINITION_DESCRIPTION, f, i, i->pos,
		"Comment for %s should follow the format: `# %s <description>`",
		stage ? "FROM" : "ARG",
		stage            ? stage
		: i->args.n == 1 ? only
				 : "<arg_key>");
}

/* --- casing ---------------------------------------------------------------------------------- */

static bool counts_for_casing(const struct inst *i, bool stage_open)
{
	return stage_open || i->kind == INST_FROM;
}

static void casing(struct lint *l, const struct containerfile *files, size_t n)
{
	size_t lower = 0, upper = 0;
	bool open = false;
	SOURCE_FOREACH (w, files, n) {
		open = counts_for_casing(w.at.inst, open);
		AUTO_FREE char *word = lint_keyword(w.at.inst);
		lower += open && is_lower(word);
		upper += open && is_upper(word);
	}
	open = false;
	SOURCE_FOREACH (w, files, n) {
		const struct inst *i = w.at.inst;
		open = counts_for_casing(i, open);
		AUTO_FREE char *word = lint_keyword(i);
		if (!open || (lower > upper ? is_lower(word) : is_upper(word)))
			continue;
		lint_add(l, LINT_CONSISTENT_INSTRUCTION_CASING, w.at.file, i, i->pos,
			"Command '%s' should match the case of the command majority (%s)", word,
			lower > upper ? "lowercase" : "uppercase");
	}
}

struct trigger {
	struct lint *l;
	struct source_inst at; /* ONBUILD */
	struct pos pos; /* of its --mount */
};

static void mount_fault(void *arg, const char *field, const struct err *what)
{
	const struct trigger *t = arg;
	lint_add(t->l, LINT_ONBUILD_INVALID, t->at.file, t->at.inst,
		field ? containerfile_find_field(t->at.file, t->pos, field) : t->pos,
		"builds on this image will fail: --mount: %s", what->msg);
}

/* What is wrong with a trigger whatever the variables are. */
static void trigger(struct lint *l, const struct source_inst *at)
{
	const struct inst *i = at->inst;
	if (i->onbuild_error)
		lint_add(l, LINT_ONBUILD_INVALID, at->file, i, i->onbuild_error_pos,
			"builds on this image will fail: %s", i->onbuild_error);
	for (size_t k = 0; i->onbuild && k < i->onbuild->n_flags; k++) {
		const struct inst_flag *f = &i->onbuild->flags[k];
		struct trigger t = {l, *at, f->pos};
		if (i->onbuild->kind == INST_RUN && streq(f->name, "mount") && f->value)
			mount_faults(f->value, at->file->escape, mount_fault, &t);
	}
}

/* RUN ["a", 'b'] is a command for the shell; RUN [ "$a" = b ] is meant to be one. */
static void almost_json(struct lint *l, const struct containerfile *f, const struct inst *i)
{
	if (i->json || !i->args.n || i->n_heredocs)
		return;
	const char *text = i->args.v[0], *first = text + 1 + strspn(text + !!*text, " \t");
	size_t n = strlen(text);
	while (n > 1 && isspace((unsigned char)text[n - 1]))
		n--;
	if (*text != '[' || text[n - 1] != ']' || (*first != '"' && *first != '\''))
		return;
	/* the test of a shell has a blank there */
	if (text[1] == ' ' && text[n - 2] == ' ')
		return;
	lint_add(l, LINT_RUN_ALMOST_JSON, f, i, i->arg_pos[0],
		"RUN %.60s is not JSON, so that the shell runs it", text);
}

void lint_files(struct lint *l, const struct containerfile *files, size_t n)
{
	AUTO_MAP struct map names = MAP_INIT;
	SOURCE_FOREACH (w, files, n) {
		const struct containerfile *f = w.at.file;
		const struct inst *i = w.at.inst;
		if (i->blank_line)
			lint_add(l, LINT_NO_EMPTY_CONTINUATION, f, i,
				(struct pos){i->blank_line, 1}, "Empty continuation line");
		if (i->kind == INST_FROM)
			stage_name(l, f, i, &names);
		if (i->kind == INST_FROM || i->kind == INST_ARG)
			description(l, f, i);
		if (i->kind == INST_MAINTAINER)
			lint_add(l, LINT_MAINTAINER_DEPRECATED, f, i, i->pos,
				"Maintainer instruction is deprecated in favor of using label");
		if (i->kind == INST_RUN)
			almost_json(l, f, i);
		trigger(l, &w.at);
	}
	casing(l, files, n);
}

/* --- ports ----------------------------------------------------------------------------------- */

void lint_expose(struct lint *l, const struct containerfile *f, const struct inst *i,
	struct pos pos, const char *spec)
{
	const char *slash = strchr(spec, '/');
	if (slash && !is_lower(slash))
		lint_add(l, LINT_EXPOSE_PROTO_CASING, f, i, pos,
			"Defined protocol '%s' in EXPOSE instruction should be lowercase", spec);
	size_t ports = slash ? (size_t)(slash - spec) : strlen(spec);
	const char *colon = memrchr(spec, ':', ports);
	/* ":80" has neither address nor host port */
	if (colon && colon > spec)
		lint_add(l, LINT_EXPOSE_INVALID_FORMAT, f, i, pos,
			"EXPOSE instruction should not define an IP address or host-port mapping, "
			"found '%s'",
			spec);
}
