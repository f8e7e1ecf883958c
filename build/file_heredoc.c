/* SPDX-License-Identifier: Apache-2.0 */
#include "build/file_heredoc.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/file_expand.h"
#include "build/file_lex.h"

#define HEREDOCS_MAX 1000 /* on one line: names are looked up one by one */
#define CONTENT_MAX (4 * MIB) /* never reached: the file is not larger */

void heredocs_free(struct heredoc *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(h[i].name);
		free(h[i].content);
	}
	free(h);
}

static size_t count_quotes(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += *s == '\'' || *s == '"';
	return n;
}

/*
 * The delimiter, unquoted. It is lexed with and without its quotes: when that makes a difference it
 * was quoted, and the content is not to be expanded. The escape is a backslash here, whatever the
 * file says.
 */
static int delimiter(const char *text, struct heredoc *h, struct err *err)
{
	static const struct map no_env = MAP_INIT;
	AUTO_STRV struct strv words = STRV_INIT;
	AUTO_STRV struct strv raw = STRV_INIT;
	if (expand_words(text, '\\', &no_env, EXPAND_KEEP_UNSET, &words, err) < 0)
		return err->code;
	if (words.n != 1)
		return 0;
	if (expand_words(text, '\\', &no_env, EXPAND_KEEP_UNSET | EXPAND_KEEP_QUOTES, &raw, err) <
		0)
		return err->code;
	if (raw.n != 1)
		return err_set(
			err, ERR_INVALID, "a heredoc's delimiter must be one word: '%.200s'", text);
	h->name = xstrdup(words.v[0]);
	h->expand = count_quotes(words.v[0]) == count_quotes(raw.v[0]);
	return 1;
}

int heredoc_parse_word(const char *word, struct heredoc *ret, struct err *err)
{
	struct heredoc h = {0};
	size_t at = strspn(word, "0123456789");
	for (size_t i = 0; i < at && h.fd < 100000; i++)
		h.fd = h.fd * 10 + (unsigned)(word[i] - '0');
	if (strncmp(word + at, "<<", 2) != 0)
		return 0;
	at += 2;
	h.chomp = word[at] == '-';
	at += h.chomp;
	if (!word[at] || strchr(word + at, '<'))
		return 0;
	int r = delimiter(word + at, &h, err);
	if (r > 0)
		*ret = h;
	return r;
}

static int read_body(struct lex *lex, struct heredoc *h, struct pos *ret_pos, struct err *err)
{
	AUTO_BUF struct buf content = BUF_INIT(CONTENT_MAX);
	struct pos opened = *ret_pos;
	size_t name_len = strlen(h->name), len;
	const char *line;
	for (int r; (r = lex_physical(lex, &line, &len, ret_pos, err)) != 0;) {
		if (r < 0)
			return r;
		if (!h->line)
			h->line = ret_pos->line;
		const char *s = line;
		size_t n = len;
		while (n > 0 && (s[n - 1] == '\n' || s[n - 1] == '\r'))
			n--;
		while (h->chomp && n > 0 && *s == '\t') {
			s++;
			n--;
		}
		if (n == name_len && memcmp(s, h->name, n) == 0) {
			h->len = content.len;
			h->content = content.len > 0 ? buf_take(&content) : xstrdup("");
			return 0;
		}
		buf_add(&content, line, len);
	}
	*ret_pos = opened;
	return err_set(err, ERR_INVALID,
		"unterminated heredoc: no line below is '%.100s' and nothing else", h->name);
}

/* As heredoc_parse_word of word i. "<< EOF": since BuildKit 0.22 the next word is the delimiter,
 * but not that of "<<-". */
static int parse_word_at(const struct strv *words, size_t i, struct heredoc *ret, struct err *err)
{
	const char *word = words->v[i];
	bool apart = i + 1 < words->n && streq(word + strspn(word, "0123456789"), "<<");
	AUTO_FREE char *joined = apart ? xasprintf("%s%s", word, words->v[i + 1]) : NULL;
	int r = heredoc_parse_word(joined ? joined : word, ret, err);
	if (r > 0)
		ret->apart = apart;
	return r;
}

/* Their bodies, one after another. */
static int read_bodies(struct lex *lex, const struct lex_line *line, struct heredoc *list,
	size_t *n, struct pos *ret_pos, struct err *err)
{
	for (size_t i = 0; i < *n;) {
		struct lex saved = *lex;
		*ret_pos = list[i].pos;
		int r = read_body(lex, &list[i], ret_pos, err);
		/* the reference fails at "$((1 << n))"; what nothing ends may well be one */
		if (r < 0 && list[i].apart && strstr(line->text, "((")) {
			*lex = saved;
			err_clear(err);
			mem_free_p(&list[i].name);
			--*n;
			memmove(list + i, list + i + 1, (*n - i) * sizeof(*list));
			continue;
		}
		if (r < 0)
			return r;
		i++;
	}
	return 0;
}

int heredocs_read(struct lex *lex, const struct lex_line *line, struct heredoc **ret, size_t *ret_n,
	struct pos *ret_pos, struct err *err)
{
	static const struct map no_env = MAP_INIT;
	AUTO_STRV struct strv words = STRV_INIT;
	struct err ignored = ERR_INIT;
	*ret_pos = lex_line_pos(line, 0);
	/* a line with unbalanced quotes has no here-documents; the shell will complain, or not */
	int r = expand_words(line->text, '\\', &no_env,
		EXPAND_KEEP_QUOTES | EXPAND_KEEP_ESCAPES | EXPAND_KEEP_UNSET, &words, &ignored);
	if (r < 0 && r != ERR_INVALID)
		return err_set(err, r, "%s", ignored.msg);
	struct heredoc *list = NULL;
	size_t n = 0;
	const char *from = line->text;
	r = 0;
	for (size_t i = 0; i < words.n && r >= 0; i++) {
		struct heredoc h;
		/* the word as written, nearly always; else the next "<<" is close enough for a
		 * message */
		const char *at = strstr(from, words.v[i]);
		if (!at)
			at = strstr(from, "<<");
		if (at) {
			*ret_pos = lex_line_pos(line, (size_t)(at - line->text));
			from = at + 1;
		}
		r = parse_word_at(&words, i, &h, err);
		if (r <= 0)
			continue;
		h.pos = *ret_pos;
		list = xreallocarray(list, n + 1, sizeof(*list));
		list[n++] = h;
		r = n > HEREDOCS_MAX
		            ? err_set(err, ERR_LIMIT, "more than %d heredocs in one instruction",
				      HEREDOCS_MAX)
		            : 0;
	}
	if (r >= 0)
		r = read_bodies(lex, line, list, &n, ret_pos, err);
	if (r < 0) {
		heredocs_free(list, n);
		return r;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

void heredoc_chomp(struct heredoc *h)
{
	char *to = h->content;
	bool line_start = true;
	for (size_t i = 0; i < h->len; i++) {
		char c = h->content[i];
		if (line_start && c == '\t')
			continue;
		line_start = c == '\n';
		*to++ = c;
	}
	h->len = (size_t)(to - h->content);
	*to = '\0';
}
