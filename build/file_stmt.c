/* SPDX-License-Identifier: Apache-2.0 */
#include "build/file_stmt.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "build/inst_table.h"
#include "build/json_words.h"
#include "build/unicode.h"

#define BLANKS "\t\v\f\r "
#define TRIGGER_NESTING_MAX 3 /* ONBUILD ONBUILD is refused anyway, when it is checked */

/* A piece of the joined line. */
struct span {
	const char *line;
	size_t at;
	size_t end;
	char escape;
};

static void words_done(struct stmt_words *w)
{
	strv_done(&w->w);
	free(w->at);
}

void stmt_done(struct stmt *s)
{
	free(s->keyword);
	words_done(&s->flags);
	words_done(&s->args);
	if (s->sub)
		stmt_done(s->sub);
	free(s->sub);
	*s = (struct stmt){0};
}

bool stmt_takes_heredocs(const struct stmt *s)
{
	if (s->sub)
		s = s->sub;
	return s->spec && s->spec->heredocs && !s->json;
}

static void words_add(struct stmt_words *w, const char *s, size_t len, size_t at)
{
	if (w->w.n == w->cap) {
		w->cap = w->cap * 2 + 1;
		w->at = xreallocarray(w->at, w->cap, sizeof(*w->at));
	}
	w->at[w->w.n] = at;
	strv_add_take(&w->w, xstrndup(s, len));
}

static void span_trim(struct span *s)
{
	const char *p = s->line + s->at;
	size_t len = s->end - s->at;
	text_trim(&p, &len);
	s->at = (size_t)(p - s->line);
	s->end = s->at + len;
}

static bool is_blank(char c)
{
	return c && strchr(BLANKS, c);
}

/* The bytes up to the next blank. */
static size_t word_length(const struct span *s)
{
	size_t at = s->at;
	while (at < s->end && !is_blank(s->line[at]))
		at++;
	return at - s->at;
}

static void skip_blanks(struct span *s)
{
	while (s->at < s->end && is_blank(s->line[s->at]))
		s->at++;
}

/* One "--flag[=value]" up to a blank: quotes group and go away, a backslash (whatever the escape
 * is) protects. */
static void flag_word(struct span *s, struct buf *word, bool *ret_quoted)
{
	char quote = '\0';
	*ret_quoted = false;
	for (; s->at < s->end; s->at++) {
		char c = s->line[s->at];
		if (quote ? c == quote : c == '\'' || c == '"') {
			quote = (char)(quote ? '\0' : c);
			*ret_quoted = true;
			continue;
		}
		if (!quote && (is_blank(c) || c == '\n'))
			return;
		if (c == '\\') {
			if (++s->at == s->end)
				return;
			c = s->line[s->at];
		}
		buf_addch(word, c);
	}
}

static void take_flags(struct span *s, struct stmt_words *flags)
{
	for (;;) {
		skip_blanks(s);
		if (s->end - s->at < 2 || memcmp(s->line + s->at, "--", 2) != 0)
			return;
		AUTO_BUF struct buf word = BUF_INIT(s->end - s->at + 1);
		size_t at = s->at;
		bool quoted;
		flag_word(s, &word, &quoted);
		if (streq(buf_str(&word), "--"))
			return;
		if (quoted || word.len > 0)
			words_add(flags, buf_str(&word), word.len, at);
	}
}

static void split_words(struct span s, struct stmt_words *out)
{
	for (size_t len; s.at < s.end; s.at += len) {
		skip_blanks(&s);
		len = word_length(&s);
		if (len > 0)
			words_add(out, s.line + s.at, len, s.at);
	}
}

/*
 * Words with quotes and escapes respected and kept (ENV, LABEL, ARG). An escape at the very end is
 * dropped.
 */
static void split_quoted(struct span s, struct stmt_words *out)
{
	AUTO_BUF struct buf word = BUF_INIT(s.end - s.at + 1);
	char quote = '\0';
	size_t start = SIZE_MAX; /* of the word, when in one */
	while (s.at < s.end) {
		uint32_t rune;
		const char *c = s.line + s.at;
		size_t width = utf8_decode(c, s.end - s.at, &rune);
		if (!quote && rune_is_space(rune)) {
			if (word.len > 0)
				words_add(out, buf_str(&word), word.len, start);
			buf_clear(&word);
			start = SIZE_MAX;
			s.at += width;
			continue;
		}
		if (start == SIZE_MAX)
			start = s.at;
		s.at += width;
		if (*c == quote && quote) {
			quote = '\0';
		} else if (!quote && (*c == '\'' || *c == '"')) {
			quote = *c;
		} else if (*c == s.escape && quote != '\'') {
			if (s.at == s.end)
				break;
			buf_add(&word, c, 1);
			c = s.line + s.at;
			width = utf8_decode(c, s.end - s.at, &rune);
			s.at += width;
		}
		buf_add(&word, c, width);
	}
	if (word.len > 0)
		words_add(out, buf_str(&word), word.len, start);
}

static int name_value(struct span s, struct stmt *ret, size_t *ret_at, struct err *err)
{
	struct stmt_words words __attribute__((cleanup(words_done))) = {0};
	split_quoted(s, &words);
	if (words.w.n == 0)
		return 0;
	if (!strchr(words.w.v[0], '=')) {
		size_t len = word_length(&s);
		*ret_at = s.at;
		words_add(&ret->args, s.line + s.at, len, s.at);
		s.at += len;
		if (s.at == s.end)
			return err_set(err, ERR_INVALID, "%s must have two arguments: NAME=VALUE",
				ret->spec->name);
		skip_blanks(&s);
		words_add(&ret->args, s.line + s.at, s.end - s.at, s.at);
		ret->old_env = true;
		return 0;
	}
	for (size_t i = 0; i < words.w.n; i++) {
		const char *word = words.w.v[i], *equals = strchr(word, '=');
		*ret_at = words.at[i];
		if (!equals)
			return err_set(err, ERR_INVALID,
				"can't find = in '%.200s', it must be of the form: name=value; a "
				"value with blanks wants quotes",
				word);
		words_add(&ret->args, word, (size_t)(equals - word), words.at[i]);
		words_add(&ret->args, equals + 1, strlen(equals + 1),
			words.at[i] + (size_t)(equals + 1 - word));
	}
	return 0;
}

/* 1: it is the exec form and has been taken. 0: it is not. */
static int take_json(struct span s, struct stmt *ret, size_t *ret_at, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	AUTO_FREE size_t *offsets = NULL;
	size_t bad = 0;
	AUTO_FREE char *text = xstrndup(s.line + s.at, s.end - s.at);
	enum json_words_result r = json_words(text, &words, &offsets, &bad);
	*ret_at = s.at + bad;
	if (r == JSON_WORDS_MIXED)
		return err_set(err, ERR_INVALID,
			"when using JSON array syntax, arrays must be comprised of strings only");
	if (r == JSON_WORDS_NUL)
		return err_set(err, ERR_INVALID, "an argument cannot hold a NUL byte");
	if (r == JSON_WORDS_NO)
		return 0;
	for (size_t i = 0; i < words.n; i++)
		words_add(&ret->args, words.v[i], strlen(words.v[i]), s.at + offsets[i]);
	ret->json = true;
	return 1;
}

static int parse_at(const char *line, size_t from, char escape, unsigned depth, struct stmt *ret,
	size_t *ret_at, struct err *err);

static int trigger(struct span s, unsigned depth, struct stmt *ret, size_t *ret_at, struct err *err)
{
	*ret_at = s.at;
	if (depth == TRIGGER_NESTING_MAX)
		return err_set(
			err, ERR_INVALID, "chaining ONBUILD via 'ONBUILD ONBUILD' is not allowed");
	struct stmt sub;
	if (parse_at(s.line, s.at, s.escape, depth + 1, &sub, ret_at, err) < 0)
		return err->code;
	ret->sub = xmemdup(&sub, sizeof(sub));
	return 0;
}

static int take_args(
	struct span s, unsigned depth, struct stmt *ret, size_t *ret_at, struct err *err)
{
	enum inst_form form = ret->spec->form;
	ret->args_at = s.at;
	if (form == FORM_HEALTH && s.at < s.end) {
		size_t len = word_length(&s);
		words_add(&ret->args, s.line + s.at, len, s.at);
		s.at += len;
		skip_blanks(&s);
	}
	if (s.at == s.end)
		return 0;
	switch (form) {
	case FORM_JSON:
	case FORM_JSON_WORDS:
	case FORM_HEALTH: {
		int r = take_json(s, ret, ret_at, err);
		if (r != 0)
			return r < 0 ? r : 0;
		break;
	}
	case FORM_NAME_VALUE:
		return name_value(s, ret, ret_at, err);
	case FORM_TRIGGER:
		return trigger(s, depth, ret, ret_at, err);
	case FORM_ARG:
		split_quoted(s, &ret->args);
		return 0;
	case FORM_STRING:
	case FORM_WORDS:
		break;
	}
	if (form == FORM_WORDS || form == FORM_JSON_WORDS)
		split_words(s, &ret->args);
	else
		words_add(&ret->args, s.line + s.at, s.end - s.at, s.at);
	return 0;
}

static int parse_at(const char *line, size_t from, char escape, unsigned depth, struct stmt *ret,
	size_t *ret_at, struct err *err)
{
	AUTO_STMT struct stmt stmt = {0};
	struct span s = {line, from, from + strlen(line + from), escape};
	span_trim(&s);
	size_t len = word_length(&s);
	stmt.keyword = xstrndup(line + s.at, len);
	stmt.at = s.at;
	stmt.spec = inst_spec_find(stmt.keyword);
	*ret_at = s.at;
	s.at += len;
	take_flags(&s, &stmt.flags);
	span_trim(&s);
	if (stmt.spec && take_args(s, depth, &stmt, ret_at, err) < 0)
		return err->code;
	*ret = stmt;
	stmt = (struct stmt){0};
	return 0;
}

int stmt_parse(const char *line, size_t from, char escape, struct stmt *ret, size_t *ret_at,
	struct err *err)
{
	return parse_at(line, from, escape, 0, ret, ret_at, err);
}
