/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/build_call.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/error_excerpt.h"
#include "cmd/out.h"
#include "cmd/rawjson.h"
#include "cmd/table.h"
#include "cmd/text.h"

#include <string.h>

#define TABLE_MAX (4 * MIB)

static bool call_named(const char *word, enum build_call *ret)
{
	static const struct {
		const char *name;
		enum build_call what;
	} calls[] = {
		{"build", BUILD_CALL_BUILD},
		{"check", BUILD_CALL_CHECK},
		{"lint", BUILD_CALL_CHECK},
		{"outline", BUILD_CALL_OUTLINE},
		{"targets", BUILD_CALL_TARGETS},
	};
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (streq(word, calls[i].name)) {
			*ret = calls[i].what;
			return true;
		}
	}
	return false;
}

int call_parse(const char *text, struct call *ret, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	*ret = (struct call){.what = BUILD_CALL_BUILD};
	if (!text)
		return 0;
	strv_split(&words, text, ',');
	STRV_FOREACH (w, &words) {
		if (streq(*w, "format=json"))
			ret->json = true;
		else if (streq(*w, "format=text") || streq(*w, "ignorestatus=false"))
			continue;
		else if (streq(*w, "ignorestatus") || streq(*w, "ignorestatus=true"))
			ret->ignore_status = true;
		else if (!call_named(*w, &ret->what))
			return err_set(err, ERR_INVALID,
				"option '--call': '%s' is not one of 'build', 'check', 'outline', "
				"'targets', 'format=json', 'ignorestatus=true'",
				*w);
	}
	return 0;
}

/* --- check ----------------------------------------------------------------------------------- */

/* "file:line:column: Rule: what", with the line and a caret below. */
static void print_warning(struct out *o, const struct lint *l, const struct lint_warning *w)
{
	const struct lint_source *s = &l->sources[w->source];
	struct containerfile f = {.name = s->name, .source = s->text, .len = s->len};
	struct err text = ERR_INIT;
	/* a password need not be shown once more, in the log of some build service */
	if (lint_hides_text(l, w))
		f.source = NULL;
	if (containerfile_error(&f, w->pos, &text, ERR_INVALID, "%s: %s", lint_rules[w->rule].name,
		    w->text) < 0)
		out_printf(o, "\n%s\n  %s\n", text.msg, lint_rules[w->rule].about);
}

/* What cannot be built is an error, and the check not complete. */
static void print_check(struct out *o, const struct lint *l, bool failed)
{
	if (!l->n && failed)
		return;
	const char *how = failed ? "not complete" : "complete";
	if (!l->n)
		out_printf(o, "Check complete, no warnings found.\n");
	else if (l->n == 1)
		out_printf(o, "Check %s, 1 warning has been found!\n", how);
	else
		out_printf(o, "Check %s, %zu warnings have been found!\n", how, l->n);
	for (size_t i = 0; i < l->n; i++)
		print_warning(o, l, &l->w[i]);
}

void call_print_warnings(struct out *o, const struct lint *l)
{
	if (o->raw)
		rawjson_lint(o->raw, l);
	if (o->raw || !l->n)
		return;
	out_note(o, "%zu warning%s found ('mica build --check' explains):", l->n,
		l->n == 1 ? "" : "s");
	for (size_t i = 0; i < l->n; i++)
		out_note(o, " - %s:%u:%u: %s: %s", l->sources[l->w[i].source].name,
			l->w[i].pos.line, l->w[i].pos.column, lint_rules[l->w[i].rule].name,
			l->w[i].text);
}

/* --- outline, targets ------------------------------------------------------------------------ */

/* A cell: on a line of its own, without what could move the cursor. */
static void add_cell(struct buf *b, const char *text, char end)
{
	AUTO_FREE char *clean = text_clean(text ? text : "", text ? strlen(text) : 0, 0);
	for (char *c = clean; *c; c++)
		if (*c == '\t' || *c == '\n')
			*c = ' ';
	buf_addstr(b, clean);
	buf_addch(b, end);
}

static void print_table(struct out *o, const struct buf *lines)
{
	AUTO_FREE char *aligned = table_align(buf_str(lines));
	out_printf(o, "%s", aligned);
}

static const char *member(const struct json *o, const char *key)
{
	return json_text(json_get(o, key));
}

static void print_targets(struct out *o, const struct json *doc)
{
	AUTO_BUF struct buf b = BUF_INIT(TABLE_MAX);
	const struct json *list = json_get(doc, "targets");
	buf_addstr(&b, "TARGET\tDESCRIPTION\n");
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *t = json_at(list, i);
		const char *name = member(t, "name"), *about = member(t, "description");
		bool last = json_bool(json_get(t, "default"));
		if (!name && !last)
			continue; /* it cannot be chosen by name */
		AUTO_FREE char *cell = xasprintf("%s%s%s", name ? name : "",
			name && last ? " " : "", last ? "(default)" : "");
		add_cell(&b, cell, '\t');
		add_cell(&b, about, '\n');
	}
	print_table(o, &b);
}

static void print_outline(struct out *o, const struct json *doc)
{
	static const struct {
		const char *key, *heading;
	} lists[] = {{"secrets", "SECRET"}, {"ssh", "SSH"}};
	const char *name = member(doc, "name"), *about = member(doc, "description");
	AUTO_BUF struct buf head = BUF_INIT(TABLE_MAX);
	buf_addstr(&head, "TARGET:\t");
	add_cell(&head, name ? name : "(default)", '\n');
	if (about) {
		buf_addstr(&head, "DESCRIPTION:\t");
		add_cell(&head, about, '\n');
	}
	print_table(o, &head);
	const struct json *args = json_get(doc, "args");
	if (json_size(args)) {
		AUTO_BUF struct buf b = BUF_INIT(TABLE_MAX);
		buf_addstr(&b, "\nBUILD ARG\tVALUE\tDESCRIPTION\n");
		for (size_t i = 0; i < json_size(args); i++) {
			add_cell(&b, member(json_at(args, i), "name"), '\t');
			add_cell(&b, member(json_at(args, i), "value"), '\t');
			add_cell(&b, member(json_at(args, i), "description"), '\n');
		}
		print_table(o, &b);
	}
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		const struct json *list = json_get(doc, lists[k].key);
		AUTO_BUF struct buf b = BUF_INIT(TABLE_MAX);
		if (!json_size(list))
			continue;
		buf_addf(&b, "\n%s\tREQUIRED\n", lists[k].heading);
		for (size_t i = 0; i < json_size(list); i++) {
			add_cell(&b, member(json_at(list, i), "name"), '\t');
			bool required = json_bool(json_get(json_at(list, i), "required"));
			add_cell(&b, required ? "true" : "", '\n');
		}
		print_table(o, &b);
	}
}

int call_print(struct out *o, const struct call *c, const struct build_result *r, bool failed)
{
	if (!r->document)
		return 0;
	if (c->json)
		out_json(o, r->document);
	else if (c->what == BUILD_CALL_CHECK)
		print_check(o, &r->lint, failed);
	else if (c->what == BUILD_CALL_OUTLINE)
		print_outline(o, r->document);
	else
		print_targets(o, r->document);
	return c->what == BUILD_CALL_CHECK && r->lint.n && !c->ignore_status;
}
