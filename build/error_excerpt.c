/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with the source line and a caret. */
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/url_user.h"
#include "base/utf8.h"
#include "build/error_excerpt.h"
#include "build/file_parse.h"
#include "build/unicode.h"

#define MESSAGE_MAX 600 /* of struct err's 1400: the excerpt must still fit */
#define BEFORE_MAX 60 /* bytes of the line shown before the caret */
#define AFTER_MAX 60 /* and from it on */
#define UNDERLINE_MAX 30

/* Source text may hold anything: what could move a terminal's cursor is spelled out. Returns the
 * columns it takes. */
static size_t add_visible(struct buf *b, const char *s, size_t len)
{
	size_t columns = 0;
	for (size_t i = 0; i < len;) {
		uint32_t rune;
		size_t width = utf8_decode(s + i, len - i, &rune);
		bool broken = width == 1 && rune == UTF8_INVALID;
		if (rune == '\t') {
			buf_addch(b, ' ');
			columns++;
		} else if (broken || rune < 0x20 || rune == 0x7f) {
			buf_addf(b, "\\x%02x", (unsigned char)s[i]);
			columns += 4;
		} else if (rune < 0xa0 && rune >= 0x80) {
			buf_addf(b, "\\u%04x", rune);
			columns += 6;
		} else {
			buf_add(b, s + i, width);
			columns++;
		}
		i += width;
	}
	return columns;
}

static const char *find_line(const struct containerfile *f, unsigned line, size_t *ret_len)
{
	const char *at = f->source, *end = f->source + f->len;
	if (f->len >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	for (unsigned i = 1; i < line && at < end; i++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		at = newline ? newline + 1 : end;
	}
	const char *newline = memchr(at, '\n', (size_t)(end - at));
	*ret_len = (size_t)((newline ? newline : end) - at);
	while (*ret_len > 0 && at[*ret_len - 1] == '\r')
		--*ret_len;
	return at;
}

/* Not in the middle of a character. */
static size_t char_start(const char *s, size_t at)
{
	for (int i = 0; i < 3 && at > 0 && (s[at] & 0xc0) == 0x80; i++)
		at--;
	return at;
}

static void add_excerpt(struct buf *b, const struct containerfile *f, struct pos pos)
{
	size_t len;
	const char *line = find_line(f, pos.line, &len);
	AUTO_FREE char *s = xmalloc(len + 1); /* there may be NUL in it */
	memcpy(s, line, len);
	s[len] = '\0';
	url_user_hide(s, len);
	size_t caret = pos.column > 0 ? pos.column - 1 : 0;
	if (len == 0 || caret > len)
		return;
	size_t from = caret > BEFORE_MAX ? char_start(s, caret - BEFORE_MAX) : 0;
	size_t to = len - caret > AFTER_MAX ? char_start(s, caret + AFTER_MAX) : len;
	size_t word = caret;
	/* one of a flag's several values, or the whole of what begins here */
	size_t flag = caret;
	while (flag > 0 && s[flag - 1] != ' ' && s[flag - 1] != '\t')
		flag--;
	bool field = caret - flag > 2 && strncmp(s + flag, "--", 2) == 0;
	while (word < to && s[word] != ' ' && s[word] != '\t' && !(field && s[word] == ','))
		word++;
	buf_addf(b, "\n%4u | %s", pos.line, from > 0 ? "..." : "");
	size_t indent = add_visible(b, s + from, caret - from) + (from > 0 ? 3 : 0);
	size_t underline = add_visible(b, s + caret, word - caret);
	add_visible(b, s + word, to - word);
	buf_addf(b, "%s\n     | %*s^", to < len ? "..." : "", (int)indent, "");
	for (size_t i = 1; i < underline && i < UNDERLINE_MAX; i++)
		buf_addch(b, '~');
}

/* The word at pos, of one line; false: pos is not in the text. */
static bool find_word(
	const struct containerfile *f, struct pos pos, const char **ret, size_t *ret_len)
{
	size_t len;
	const char *line = f->source ? find_line(f, pos.line, &len) : NULL;
	if (!line || pos.column == 0 || pos.column > len)
		return false;
	const char *word = line + pos.column - 1, *end = word;
	while (end < line + len && *end != ' ' && *end != '\t')
		end++;
	*ret = word;
	*ret_len = (size_t)(end - word);
	return true;
}

/* Fields begin behind the flag's '=' and behind commas. */
static bool begins_field(const char *word, size_t at)
{
	return at > 0 && (word[at - 1] == ',' || word[at - 1] == '=');
}

struct pos containerfile_find_key(
	const struct containerfile *f, struct pos pos, const char *const *keys)
{
	const char *word;
	size_t len;
	if (!find_word(f, pos, &word, &len))
		return pos;
	for (size_t at = 0; at < len; at++)
		for (size_t i = 0; begins_field(word, at) && keys[i]; i++) {
			size_t n = strlen(keys[i]);
			if (len - at > n && strncasecmp(word + at, keys[i], n) == 0) {
				pos.column += (unsigned)(at + n);
				return pos;
			}
		}
	return pos;
}

struct pos containerfile_find_field(
	const struct containerfile *f, struct pos pos, const char *field)
{
	const char *word;
	size_t len, n = strlen(field);
	if (!n || !find_word(f, pos, &word, &len))
		return pos;
	for (size_t at = 1; at + n <= len; at++)
		if (begins_field(word, at) && memcmp(word + at, field, n) == 0 &&
			(at + n == len || word[at + n] == ',')) {
			pos.column += (unsigned)at;
			return pos;
		}
	return pos;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

struct pos containerfile_find_variable(
	const struct containerfile *f, struct pos pos, const char *name)
{
	size_t len, n = strlen(name);
	const char *line = f->source ? find_line(f, pos.line, &len) : NULL;
	if (!line || pos.column == 0)
		return pos;
	for (size_t at = pos.column - 1; at < len; at++) {
		size_t from = at + 1 + (at + 1 < len && line[at + 1] == '{');
		if (line[at] != '$' || (at > 0 && line[at - 1] == f->escape) || len - at <= n ||
			from + n > len || memcmp(line + from, name, n) != 0 ||
			(from + n < len && is_name_char(line[from + n])))
			continue;
		pos.column = (unsigned)at + 1;
		return pos;
	}
	return pos;
}

struct pos containerfile_find_content(
	const struct containerfile *f, const struct heredoc *h, size_t offset)
{
	const char *start = h->content;
	size_t len;
	struct pos pos = {.line = h->line, .column = 1};
	if (!f->source || !h->line)
		return h->pos;
	for (const char *c = h->content; c < h->content + offset; c++) {
		if (*c != '\n')
			continue;
		start = c + 1;
		pos.line++;
	}
	pos.column += (unsigned)(h->content + offset - start);
	const char *line = find_line(f, pos.line, &len);
	for (size_t i = 0; h->chomp && i < len && line[i] == '\t'; i++)
		pos.column++;
	return pos;
}

int containerfile_error(const struct containerfile *f, struct pos pos, struct err *err, int code,
	const char *fmt, ...)
{
	AUTO_BUF struct buf b = BUF_INIT(sizeof(err->msg));
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	size_t len = strlen(text);
	url_user_hide(text, len);
	buf_addf(&b, "%.200s:%u:%u: ", f->name, pos.line, pos.column);
	add_visible(&b, text, len > MESSAGE_MAX ? char_start(text, MESSAGE_MAX) : len);
	mem_free_p(&text);
	if (f->source)
		add_excerpt(&b, f, pos);
	if (f->included)
		buf_addf(&b, "\n     = included from %.300s", f->included);
	return err_set(err, code, "%s", buf_str(&b));
}
