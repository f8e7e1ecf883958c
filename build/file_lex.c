/* SPDX-License-Identifier: Apache-2.0 */
#include "build/file_lex.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/unicode.h"

#define LINE_MAX_BYTES 65535 /* BuildKit's, without the newline */
#define JOINED_MAX MIB /* continuations included; the kernel takes no longer argument anyway */

void lex_line_done(struct lex_line *l)
{
	free(l->text);
	free(l->segs);
	strv_done(&l->comments);
	*l = (struct lex_line){0};
}

struct pos lex_line_pos(const struct lex_line *l, size_t offset)
{
	size_t i = 0, n = l->n_segs;
	while (n - i > 1) {
		size_t mid = i + (n - i) / 2;
		if (l->segs[mid].joined > offset)
			n = mid;
		else
			i = mid;
	}
	struct pos pos = l->segs[i].pos;
	pos.column += (unsigned)(offset - l->segs[i].joined);
	return pos;
}

void lex_init(struct lex *l, const char *text, size_t len)
{
	*l = (struct lex){.at = text, .end = text + len, .escape = '\\'};
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		l->at += 3;
}

void lex_done(struct lex *l)
{
	free(l->syntax);
	free(l->check);
}

int lex_physical(
	struct lex *l, const char **ret, size_t *ret_len, struct pos *ret_pos, struct err *err)
{
	if (l->at == l->end)
		return 0;
	const char *newline = memchr(l->at, '\n', (size_t)(l->end - l->at));
	const char *next = newline ? newline + 1 : l->end;
	size_t len = (size_t)(next - l->at);
	l->line++;
	*ret_pos = (struct pos){l->line, 1};
	if (len - (newline != NULL) > LINE_MAX_BYTES)
		return err_set(
			err, ERR_LIMIT, "line greater than max allowed size of %d", LINE_MAX_BYTES);
	*ret = l->at;
	*ret_len = len;
	l->at = next;
	return 1;
}

static size_t without_newline(const char *s, size_t len)
{
	while (len > 0 && (s[len - 1] == '\n' || s[len - 1] == '\r'))
		len--;
	return len;
}

static bool is_directive_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

/* "name = value" behind '#': the name's length and the value (never empty), or 0. */
static size_t directive_split(
	const char *s, size_t len, const char **ret_value, size_t *ret_value_len)
{
	size_t name = 0;
	while (name < len && (((s[name] | 0x20) >= 'a' && (s[name] | 0x20) <= 'z') ||
				     (name > 0 && s[name] >= '0' && s[name] <= '9')))
		name++;
	size_t at = name;
	while (at < len && is_directive_space(s[at]))
		at++;
	if (name == 0 || at == len || s[at] != '=')
		return 0;
	size_t value = ++at, end = len;
	while (value < end && is_directive_space(s[value]))
		value++;
	while (end > value && is_directive_space(s[end - 1]))
		end--;
	/* blanks alone: the reference's expression leaves the last of them to the value */
	if (value == end && value-- == at)
		return 0;
	*ret_value = s + value;
	*ret_value_len = end - value;
	return name;
}

/* # mica=VALUE, which stands `column` bytes behind *ret_pos. */
static int extension(struct lex *l, const char *value, size_t len, unsigned column,
	struct pos *ret_pos, struct err *err)
{
	l->include = len == 7 && strncmp(value, "include", 7) == 0;
	if (l->include)
		return 0;
	ret_pos->column += column;
	return err_set(err, ERR_INVALID,
		"unknown extension '%.*s' in # mica=, there is only 'include'",
		(int)(len > 20 ? 20 : len), value);
}

/* # escape=VALUE, likewise. */
static int set_escape(struct lex *l, const char *value, size_t len, unsigned column,
	struct pos *ret_pos, struct err *err)
{
	l->escape_seen = true;
	if (len == 1 && (*value == '\\' || *value == '`')) {
		l->escape = *value;
		return 0;
	}
	ret_pos->column += column;
	return err_set(err, ERR_INVALID, "invalid %s '%.*s', it must be ` or \\",
		called_buildah() ? "ESCAPE" : "escape token", (int)(len > 20 ? 20 : len), value);
}

/* Directives stand at the top of the file, before anything else; *ret_pos.column is moved to a bad
 * value. */
static int directive(
	struct lex *l, const char *line, size_t len, struct pos *ret_pos, struct err *err)
{
	const char *value;
	size_t value_len, skip = 0;
	if (l->directives_over)
		return 0;
	l->directives_over = true;
	if (len == 0 || *line != '#')
		return 0;
	skip = 1 + text_leading_space(line + 1, len - 1);
	size_t name = directive_split(line + skip, len - skip, &value, &value_len);
	bool is_escape = name == 6 && strncasecmp(line + skip, "escape", 6) == 0;
	bool is_syntax = name == 6 && strncasecmp(line + skip, "syntax", 6) == 0;
	bool is_check = name == 5 && strncasecmp(line + skip, "check", 5) == 0;
	bool is_ours = name == 4 && strncasecmp(line + skip, "mica", 4) == 0;
	if (!is_escape && !is_syntax && !is_check && !is_ours)
		return 0;
	l->directives_over = false;
	if (is_ours)
		return extension(l, value, value_len, (unsigned)(value - line), ret_pos, err);
	if (is_escape ? l->escape_seen : is_syntax ? l->syntax != NULL : l->check != NULL)
		return err_set(err, ERR_INVALID, "only one %s parser directive can be used",
			is_escape   ? "escape"
			: is_syntax ? "syntax"
				    : "check");
	if (is_check)
		l->check_pos =
			(struct pos){ret_pos->line, ret_pos->column + (unsigned)(value - line)};
	if (!is_escape) {
		*(is_syntax ? &l->syntax : &l->check) = xstrndup(value, value_len);
		return 0;
	}
	return set_escape(l, value, value_len, (unsigned)(value - line), ret_pos, err);
}

/* Takes a continuation character off: the escape, blanks behind it, and no escape before it. */
static bool trim_continuation(const struct lex *l, const char *s, size_t *len)
{
	size_t end = *len;
	while (end > 0 && (s[end - 1] == ' ' || s[end - 1] == '\t'))
		end--;
	if (end == 0 || s[end - 1] != l->escape || (end > 1 && s[end - 2] == l->escape))
		return false;
	*len = end - 1;
	return true;
}

static int join(struct buf *b, struct lex_line *line, size_t *segs_cap, const char *s, size_t len,
	struct pos *pos, struct err *err)
{
	const char *nul = memchr(s, '\0', len);
	if (nul) {
		pos->column += (unsigned)(nul - s);
		/* each letter of a file in UTF-16 has one */
		return err_set(err, ERR_INVALID, "NUL byte%s",
			memchr(nul + 1, '\0', len - (size_t)(nul + 1 - s))
				? ": save the file as text in UTF-8"
				: "");
	}
	if (line->n_segs == *segs_cap) {
		*segs_cap = *segs_cap * 2 + 1;
		line->segs = xreallocarray(line->segs, *segs_cap, sizeof(*line->segs));
	}
	line->segs[line->n_segs++] = (struct lex_segment){b->len, *pos};
	buf_add(b, s, len);
	if (b->toobig)
		return err_set(err, ERR_LIMIT, "instruction longer than %llu bytes", JOINED_MAX);
	return 0;
}

/* The rest of a joined line whose first physical line ended in a continuation. */
static int join_rest(struct lex *l, struct buf *b, struct lex_line *line, size_t *cap,
	struct pos *ret_pos, struct err *err)
{
	for (bool more = true; more;) {
		const char *s;
		size_t len;
		int r = lex_physical(l, &s, &len, ret_pos, err);
		if (r <= 0)
			return r;
		len = without_newline(s, len);
		size_t blank = text_leading_space(s, len);
		if (blank == len) {
			line->blank_line = l->line;
			continue;
		}
		if (s[blank] == '#')
			continue;
		more = trim_continuation(l, s, &len);
		r = join(b, line, cap, s, len, ret_pos, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* line: a comment, or blank */
static void note_comment(struct strv *comments, const char *line, size_t len)
{
	if (len == 0) {
		strv_done(comments); /* what stands above it is about something else */
		return;
	}
	size_t blank = 1 + text_leading_space(line + 1, len - 1);
	while (len > blank && is_directive_space(line[len - 1]))
		len--;
	strv_add_take(comments, xstrndup(line + blank, len - blank));
}

int lex_next(struct lex *l, struct lex_line *ret, struct pos *ret_pos, struct err *err)
{
	const char *s;
	size_t len;
	AUTO_STRV struct strv comments = STRV_INIT;
	for (int r; (r = lex_physical(l, &s, &len, ret_pos, err)) != 0;) {
		if (r < 0)
			return r;
		len = without_newline(s, len);
		size_t blank = text_leading_space(s, len);
		s += blank;
		len -= blank;
		ret_pos->column += (unsigned)blank;
		r = directive(l, s, len, ret_pos, err);
		if (r < 0)
			return r;
		if (len == 0 || *s == '#') {
			if (l->directives_over)
				note_comment(&comments, s, len);
			continue;
		}

		AUTO_BUF struct buf b = BUF_INIT(JOINED_MAX);
		AUTO_LEX_LINE struct lex_line line = {.first = l->line};
		size_t cap = 0;
		bool more = trim_continuation(l, s, &len);
		r = join(&b, &line, &cap, s, len, ret_pos, err);
		if (r == 0 && more)
			r = join_rest(l, &b, &line, &cap, ret_pos, err);
		if (r < 0)
			return r;
		line.len = b.len;
		line.text = b.len > 0 ? buf_take(&b) : xstrdup("");
		line.last = l->line;
		line.comments = comments;
		comments = (struct strv)STRV_INIT;
		*ret = line;
		line = (struct lex_line){0};
		return 1;
	}
	return 0;
}
