/* SPDX-License-Identifier: Apache-2.0 */
#include "build/file_parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/error_list.h"
#include "build/file_heredoc.h"
#include "build/file_lex.h"
#include "build/file_stmt.h"
#include "build/inst_check.h"
#include "build/inst_table.h"
#include "build/unicode.h"

#define FILE_MAX (4 * MIB) /* larger things belong into the context */
#define INSTS_MAX 65536
#define ERRORS_MAX 10 /* listed at once */

enum part {
	PART_FIRST,
	PART_FURTHER, /* begins in the stage that the file before it ends with */
	PART_FRAGMENT, /* so does this, and it may be empty */
	PART_TRIGGER, /* the text is an ONBUILD trigger: no stage is needed */
};

struct parser {
	struct containerfile *f;
	struct lex lex;
	size_t cap;
	enum part part;
	bool stage_open, asked; /* whether a line before was to go on */
	struct error_list errors;
};

static void inst_done(struct inst *i)
{
	free(i->text);
	for (size_t n = 0; n < i->n_flags; n++) {
		free(i->flags[n].name);
		free(i->flags[n].value);
	}
	free(i->flags);
	strv_done(&i->args);
	free(i->arg_pos);
	heredocs_free(i->heredocs, i->n_heredocs);
	if (i->onbuild)
		inst_done(i->onbuild);
	free(i->onbuild);
	free(i->onbuild_error);
	strv_done(&i->mounts);
	strv_done(&i->comments);
}
#define AUTO_INST __attribute__((cleanup(inst_done)))

void containerfile_done(struct containerfile *f)
{
	free(f->name);
	free(f->included);
	free(f->source);
	free(f->syntax);
	free(f->check);
	for (size_t n = 0; n < f->n; n++)
		inst_done(&f->insts[n]);
	free(f->insts);
	*f = (struct containerfile){0};
}

/* below: there is a line above it. */
static int unknown_instruction(struct parser *p, const char *keyword, bool below, struct err *err)
{
	if (strcasecmp(keyword, inst_specs[INST_INCLUDE].name) == 0)
		return err_set(err, ERR_INVALID,
			"unknown instruction '%.100s': it is mica's own; '# mica=include' as the "
			"first line of the file switches it on",
			keyword);
	const char *close = inst_suggest(keyword);
	if (close)
		return err_set(err, ERR_INVALID, "unknown instruction '%.100s', did you mean %s?",
			keyword, close);
	if (!below || p->asked)
		return err_set(err, ERR_INVALID, "unknown instruction '%.100s'", keyword);
	p->asked = true;
	return err_set(err, ERR_INVALID,
		"unknown instruction '%.100s': is a '%c' missing at the end of the line above?",
		keyword, p->lex.escape);
}

static char *trimmed(const char *s)
{
	size_t len = strlen(s);
	text_trim(&s, &len);
	return xstrndup(s, len);
}

static int inst_build(struct parser *p, const struct stmt *s, const struct lex_line *line,
	struct inst *ret, struct pos *ret_pos, struct err *err);

/*
 * The reference stores a trigger whatever it is, and fails in the build that runs it. So does this:
 * only the text is kept of one that is not right, and what is wrong with it. The text of a trigger
 * is what the image says, with the blanks at its end.
 */
static void trigger_build(
	struct parser *p, const struct stmt *s, const struct lex_line *line, struct inst *onbuild)
{
	struct err err = ERR_INIT;
	struct pos pos;
	struct inst i;
	/* a trigger that is never allowed need not be right: it is refused by the caller's check */
	bool refused = s->spec && inst_never_trigger(s->spec->kind);
	if (refused || inst_build(p, s, line, &i, &pos, &err) < 0) {
		i = (struct inst){.pos = lex_line_pos(line, s->at)};
		if (refused) {
			i.kind = s->spec->kind;
			i.name = s->spec->name;
		} else {
			onbuild->onbuild_error = xstrdup(err.msg);
			onbuild->onbuild_error_pos = pos;
		}
	}
	mem_replace(&i.text, xstrdup(line->text + s->at));
	onbuild->onbuild = xmemdup(&i, sizeof(i));
}

/* The statement as an instruction, heredocs not yet attached. */
static int inst_build(struct parser *p, const struct stmt *s, const struct lex_line *line,
	struct inst *ret, struct pos *ret_pos, struct err *err)
{
	*ret_pos = lex_line_pos(line, s->at);
	if (!s->spec)
		return unknown_instruction(p, s->keyword,
			ret_pos->line > 1 && s->at <= strspn(line->text, " \t"), err);
	AUTO_INST struct inst i = {
		.kind = s->spec->kind,
		.name = s->spec->name,
		.pos = *ret_pos,
		.end_line = line->last,
		.text = trimmed(line->text + s->at),
		.json = s->json,
		.old_env = s->old_env,
	};
	strv_copy(&i.args, &s->args.w);
	i.arg_pos = xcalloc(s->args.w.n + 1, sizeof(*i.arg_pos));
	for (size_t n = 0; n < s->args.w.n; n++)
		i.arg_pos[n] = lex_line_pos(line, s->args.at[n]);
	if (inst_check_flags(&i, s, line, ret_pos, err) < 0)
		return err->code;
	*ret_pos = i.args.n > 0 ? i.arg_pos[0] : i.pos;
	if (s->sub)
		trigger_build(p, s->sub, line, &i);
	if (inst_check_args(&i, ret_pos, err) < 0)
		return err->code;
	*ret = i;
	i = (struct inst){0};
	return 0;
}

static void attach_heredocs(struct inst *i, struct heredoc *list, size_t n, unsigned end_line)
{
	i->end_line = end_line;
	if (i->onbuild) {
		/* the config keeps one string for the whole of it */
		struct inst *t = i->onbuild;
		AUTO_BUF struct buf text = BUF_INIT(2 * FILE_MAX);
		buf_addstr(&text, t->text);
		for (size_t k = 0; k < n; k++) {
			buf_addch(&text, '\n');
			buf_add(&text, list[k].content, list[k].len);
			buf_addstr(&text, list[k].name);
		}
		mem_replace(&t->text, buf_take(&text));
		i = t;
		i->end_line = end_line;
	}
	i->heredocs = list;
	i->n_heredocs = n;
	for (size_t k = 0; k < n; k++)
		list[k].script = list[k].len >= 2 && strncmp(list[k].content, "#!", 2) == 0;
	/* a shell that gets them takes the tabs off by itself, and not those behind a continued
	 * line */
	bool shells = i->kind == INST_RUN && i->args.n && !inst_heredoc(i, i->args.v[0]);
	for (size_t k = 0; k < n && !shells; k++)
		if (list[k].chomp)
			heredoc_chomp(&list[k]);
}

static int check_stage(struct parser *p, const struct inst *i, struct err *err)
{
	/* a fragment may begin one: whether it does is known when it is read (stages.c) */
	if (i->kind == INST_FROM || i->kind == INST_INCLUDE)
		p->stage_open = true;
	if (p->stage_open || p->part == PART_TRIGGER || i->kind == INST_ARG)
		return 0;
	/* said once */
	p->stage_open = true;
	return err_set(err, ERR_INVALID,
		"no build stage in current context: FROM must come before %s", i->name);
}

/*
 * Behind "RUNN <<EOF": the body's lines would be reported as so many unknown instructions. They are
 * passed over when there is an end to them.
 */
static void skip_misspelt_heredocs(
	struct parser *p, const struct stmt *stmt, const struct lex_line *line)
{
	const char *close = inst_suggest(stmt->keyword);
	if (!close || !inst_spec_find(close)->heredocs || !strstr(line->text, "<<"))
		return;
	struct lex saved = p->lex;
	struct heredoc *heredocs = NULL;
	size_t n = 0;
	struct pos pos;
	struct err ignored = ERR_INIT;
	if (heredocs_read(&p->lex, line, &heredocs, &n, &pos, &ignored) < 0)
		p->lex = saved;
	heredocs_free(heredocs, n);
}

/* In a file that does not ask for it, INCLUDE is no instruction. */
static void forget_include(struct stmt *stmt)
{
	for (struct stmt *s = stmt; s; s = s->sub)
		if (s->spec && s->spec->kind == INST_INCLUDE)
			s->spec = NULL;
}

/* 0, or an error after which the next line can be tried; *ret_lost: it cannot. */
static int parse_line(struct parser *p, const struct lex_line *line, struct pos *ret_pos,
	bool *ret_lost, struct err *err)
{
	AUTO_STMT struct stmt stmt = {0};
	AUTO_INST struct inst i = {0};
	struct heredoc *heredocs = NULL;
	size_t n_heredocs = 0, at = 0;
	if (stmt_parse(line->text, 0, p->lex.escape, &stmt, &at, err) < 0) {
		*ret_pos = lex_line_pos(line, at);
		return err->code;
	}
	if (!p->lex.include)
		forget_include(&stmt);
	/* before the checks: their lines must not be taken for instructions */
	if (stmt_takes_heredocs(&stmt) && strstr(line->text, "<<") &&
		heredocs_read(&p->lex, line, &heredocs, &n_heredocs, ret_pos, err) < 0) {
		*ret_lost = true;
		return err->code;
	}
	if (!stmt.spec)
		skip_misspelt_heredocs(p, &stmt, line);
	int r = inst_build(p, &stmt, line, &i, ret_pos, err);
	if (r < 0) {
		heredocs_free(heredocs, n_heredocs);
		return r;
	}
	attach_heredocs(&i, heredocs, n_heredocs, p->lex.line);
	i.blank_line = line->blank_line;
	if (i.kind == INST_FROM || i.kind == INST_ARG)
		strv_copy(&i.comments, &line->comments);
	*ret_pos = i.pos;
	if (check_stage(p, &i, err) < 0)
		return err->code;
	struct containerfile *f = p->f;
	if (f->n == INSTS_MAX) {
		*ret_lost = true;
		return err_set(err, ERR_LIMIT, "more than %d instructions", INSTS_MAX);
	}
	if (f->n == p->cap) {
		p->cap = p->cap * 2 + 8;
		f->insts = xreallocarray(f->insts, p->cap, sizeof(*f->insts));
	}
	f->insts[f->n++] = i;
	i = (struct inst){0};
	return 0;
}

static void parse_all(struct parser *p)
{
	bool lost = false, any = false;
	while (!lost && p->errors.n < ERRORS_MAX) {
		AUTO_LEX_LINE struct lex_line line = {0};
		struct err err = ERR_INIT;
		struct pos pos = {1, 1};
		int r = lex_next(&p->lex, &line, &pos, &err);
		if (r == 0)
			break;
		any = true;
		if (r > 0) {
			r = parse_line(p, &line, &pos, &lost, &err);
		} else {
			lost = true;
		}
		if (r < 0)
			error_list_add(&p->errors, p->f, pos, &err);
	}
	if (p->errors.n > 0)
		return;
	struct err err = ERR_INIT;
	if (!any && p->part != PART_FRAGMENT)
		(void)err_set(&err, ERR_INVALID, "file with no instructions");
	else if (!p->stage_open && p->part != PART_TRIGGER)
		(void)err_set(&err, ERR_INVALID, "no stage to build: FROM is missing");
	else
		return;
	struct pos end = {p->lex.line ? p->lex.line : 1, 1};
	error_list_add(&p->errors, p->f, end, &err);
}

/* included: taken over */
static int parse(const char *name, char *included, const char *text, size_t len, enum part part,
	struct containerfile *ret, struct err *err)
{
	AUTO_FREE char *owned = included;
	if (len > FILE_MAX)
		return err_set(err, ERR_LIMIT, "%s is larger than %llu bytes", name, FILE_MAX);
	AUTO_CONTAINERFILE struct containerfile f = {
		.name = xstrdup(name),
		.included = take(owned),
		.source = xmalloc(len + 1),
		.len = len,
	};
	memcpy(f.source, text, len);
	f.source[len] = '\0';
	struct parser p = {.f = &f,
		.part = part,
		.stage_open = part == PART_FURTHER || part == PART_FRAGMENT,
		.errors = ERROR_LIST_INIT};
	lex_init(&p.lex, f.source, len);
	p.lex.include = part == PART_FRAGMENT;
	parse_all(&p);
	f.escape = p.lex.escape;
	f.syntax = take(p.lex.syntax);
	f.check = take(p.lex.check);
	f.check_pos = p.lex.check_pos;
	lex_done(&p.lex);
	AUTO_ERROR_LIST struct error_list errors = p.errors;
	if (error_list_result(&errors, err) < 0)
		return err->code;
	*ret = f;
	f = (struct containerfile){0};
	return 0;
}

int containerfile_parse(
	const char *name, const char *text, size_t len, struct containerfile *ret, struct err *err)
{
	return parse(name, NULL, text, len, PART_FIRST, ret, err);
}

int containerfile_parse_further(
	const char *name, const char *text, size_t len, struct containerfile *ret, struct err *err)
{
	return parse(name, NULL, text, len, PART_FURTHER, ret, err);
}

int containerfile_parse_fragment(const char *name, char *included, const char *text, size_t len,
	struct containerfile *ret, struct err *err)
{
	return parse(name, included, text, len, PART_FRAGMENT, ret, err);
}

int inst_parse_trigger(
	const char *name, const char *text, struct containerfile *ret, struct err *err)
{
	AUTO_CONTAINERFILE struct containerfile f = {0};
	if (parse(name, NULL, text, strlen(text), PART_TRIGGER, &f, err) < 0)
		return err->code;
	if (f.n != 1)
		return err_set(err, ERR_INVALID,
			"%s: a trigger must be a single instruction: '%.200s'", name, text);
	*ret = f;
	f = (struct containerfile){0};
	return 0;
}

const char *inst_flag(const struct inst *i, const char *name, struct pos *ret_pos)
{
	for (size_t n = i->n_flags; n-- > 0;) {
		if (!streq(i->flags[n].name, name))
			continue;
		if (ret_pos)
			*ret_pos = i->flags[n].pos;
		return i->flags[n].value ? i->flags[n].value : "";
	}
	return NULL;
}

bool inst_flag_is_true(const struct inst *i, const char *name)
{
	const char *value = inst_flag(i, name, NULL);
	return value && (!*value || strcasecmp(value, "true") == 0);
}

const struct heredoc *inst_heredoc(const struct inst *i, const char *word)
{
	struct heredoc h;
	struct err ignored = ERR_INIT;
	if (i->n_heredocs == 0 || heredoc_parse_word(word, &h, &ignored) <= 0)
		return NULL;
	const struct heredoc *found = NULL;
	/* of two with one name the last counts, as in the reference */
	for (size_t n = 0; n < i->n_heredocs; n++)
		if (streq(i->heredocs[n].name, h.name))
			found = &i->heredocs[n];
	mem_free_p(&h.name);
	return found;
}
