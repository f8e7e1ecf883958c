/* SPDX-License-Identifier: Apache-2.0 */
#include "build/file_expand.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "build/shell_pattern.h"
#include "build/unicode.h"

#define RESULT_MAX MIB /* more than any argument list holds */
#define NESTING_MAX 100 /* ${a:-${b:-...}}: this is a recursive parser */
#define NAMES_MAX 1000 /* different ones that the caller is told: they are looked up in a list */
#define COPIED_MAX (8 * MIB) /* all intermediate values together */
#define PATTERN_WORK_MAX (1 << 26) /* steps of the pattern matcher: a fraction of a second */

struct lexer {
	const char *at;
	const char *end;
	char escape;
	int flags;
	bool raw_escapes;
	const struct map *env;
	struct strv *used;
	struct strv *unset;
	unsigned depth;
	uint64_t copied;
	uint64_t pattern_work;
	struct err *err;
	const char *culprit; /* what the outermost level is at */
};

/* The words that BuildKit splits off while it expands; only the outermost level has them. */
struct splitter {
	struct strv *ret;
	struct buf word;
	bool in_word;
};

static int dollar(struct lexer *l, struct buf *out);

static int invalid(struct lexer *l, const char *what)
{
	return err_set(l->err, ERR_INVALID, "%s", what);
}

static int missing_brace(struct lexer *l)
{
	return invalid(l, "syntax error: missing '}'");
}

/* One more character: its bytes. */
static size_t rune_width(const struct lexer *l, uint32_t *ret_rune)
{
	return utf8_decode(l->at, (size_t)(l->end - l->at), ret_rune);
}

static int too_large(struct lexer *l)
{
	return err_set(
		l->err, ERR_LIMIT, "the expanded text is larger than %llu bytes", RESULT_MAX);
}

static int add(struct lexer *l, struct buf *out, const char *p, size_t n)
{
	l->copied += n;
	buf_add(out, p, n);
	if (out->toobig || l->copied > COPIED_MAX)
		return too_large(l);
	return 0;
}

static void splitter_raw(struct splitter *s, const char *p, size_t n)
{
	if (!s)
		return;
	buf_add(&s->word, p, n);
	s->in_word = true;
}

static void splitter_end_word(struct splitter *s)
{
	if (s->word.len == 0)
		return;
	strv_add(s->ret, buf_str(&s->word));
	buf_clear(&s->word);
	s->in_word = false;
}

static void splitter_text(struct splitter *s, const char *p, size_t n)
{
	if (!s)
		return;
	for (size_t i = 0; i < n;) {
		uint32_t rune;
		size_t width = utf8_decode(p + i, n - i, &rune);
		if (!rune_is_space(rune))
			splitter_raw(s, p + i, width);
		else if (s->in_word)
			splitter_end_word(s);
		i += width;
	}
}

static int single_quoted(struct lexer *l, struct buf *out)
{
	const char *start = l->at++;
	const char *close = memchr(l->at, '\'', (size_t)(l->end - l->at));
	if (!close) {
		l->at = l->end;
		return invalid(
			l, "unexpected end of statement while looking for matching single-quote");
	}
	l->at = close + 1;
	bool keep = l->flags & EXPAND_KEEP_QUOTES;
	return add(l, out, start + !keep, (size_t)(close - start) - !keep + keep);
}

static bool special_in_quotes(const struct lexer *l, char c)
{
	return c == '"' || c == '$' || c == l->escape;
}

/* The escape character inside double quotes; it stays before any other character. */
static int escaped_in_quotes(struct lexer *l, struct buf *out)
{
	char c = *l->at++;
	if (l->raw_escapes && add(l, out, &c, 1) < 0)
		return l->err->code;
	if (l->at == l->end)
		return 0;
	if (special_in_quotes(l, *l->at))
		c = *l->at++;
	return add(l, out, &c, 1);
}

static int double_quoted(struct lexer *l, struct buf *out)
{
	bool keep = l->flags & EXPAND_KEEP_QUOTES;
	l->at++;
	int r = keep ? add(l, out, "\"", 1) : 0;
	while (r == 0 && l->at < l->end && *l->at != '"') {
		const char *start = l->at;
		if (*start == '$') {
			r = dollar(l, out);
		} else if (*start == l->escape) {
			r = escaped_in_quotes(l, out);
		} else {
			while (l->at < l->end && !special_in_quotes(l, *l->at))
				l->at++;
			r = add(l, out, start, (size_t)(l->at - start));
		}
	}
	if (r < 0)
		return r;
	if (l->at == l->end)
		return invalid(
			l, "unexpected end of statement while looking for matching double-quote");
	l->at++;
	return keep ? add(l, out, "\"", 1) : 0;
}

static int escaped(struct lexer *l, struct buf *out, struct splitter *words)
{
	const char *start = l->at++;
	if (l->raw_escapes) {
		splitter_raw(words, start, 1);
		if (add(l, out, start, 1) < 0)
			return l->err->code;
	}
	if (l->at == l->end)
		return 0;
	uint32_t rune;
	size_t width = rune_width(l, &rune);
	splitter_raw(words, l->at, width);
	l->at += width;
	return add(l, out, l->at - width, width);
}

/* Up to the stop character, which is taken off ('\0': the end of the text). */
static int until(struct lexer *l, char stop, struct buf *out, struct splitter *words)
{
	bool quotes = !(l->flags & EXPAND_NO_QUOTES);
	while (l->at < l->end) {
		char c = *l->at;
		if (!stop)
			l->culprit = l->at;
		if (stop && c == stop) {
			l->at++;
			return 0;
		}
		size_t before = out->len;
		int r;
		if (c == '$') {
			r = dollar(l, out);
			if (r == 0)
				splitter_text(words, buf_str(out) + before, out->len - before);
		} else if (quotes && (c == '\'' || c == '"')) {
			r = c == '"' ? double_quoted(l, out) : single_quoted(l, out);
			if (r == 0)
				splitter_raw(words, buf_str(out) + before, out->len - before);
		} else if (c == l->escape) {
			r = escaped(l, out, words);
		} else {
			uint32_t rune;
			size_t width = rune_width(l, &rune);
			splitter_text(words, l->at, width);
			l->at += width;
			r = add(l, out, l->at - width, width);
		}
		if (r < 0)
			return r;
	}
	if (stop)
		return err_set(l->err, ERR_INVALID,
			"unexpected end of statement while looking for matching %c", stop);
	return 0;
}

/* until() for a part of ${...}; at the end of the text the message is the given one, whatever went
 * wrong inside */
static int part(
	struct lexer *l, char stop, bool raw_escapes, struct buf *out, const char *unterminated)
{
	bool saved = l->raw_escapes;
	l->raw_escapes = raw_escapes;
	int r = until(l, stop, out, NULL);
	l->raw_escapes = saved;
	if (r == ERR_INVALID && l->at == l->end)
		return invalid(l, unterminated);
	return r;
}

/* The bytes of a name: digits, one special parameter, or letters, digits and '_'. */
static size_t name_length(const struct lexer *l)
{
	const char *at = l->at;
	uint32_t rune;
	if (at < l->end && strchr("@*#?-$!", *at) && *at)
		return 1;
	bool number = at < l->end && rune_width(l, &rune) && rune_is_digit(rune);
	while (at < l->end) {
		size_t width = utf8_decode(at, (size_t)(l->end - at), &rune);
		if (number ? !rune_is_digit(rune) : rune != '_' && !rune_is_letter_or_digit(rune))
			break;
		at += width;
	}
	return (size_t)(at - l->at);
}

static void note_used(struct lexer *l, const char *name)
{
	if (l->used && !strv_has(l->used, name))
		strv_add(l->used, name);
}

static const char *look_up(struct lexer *l, const char *name)
{
	const char *value = map_get(l->env, name);
	note_used(l, name);
	if (!value && l->unset && l->unset->n < NAMES_MAX && !strv_has(l->unset, name))
		strv_add(l->unset, name);
	return value;
}

/* Writes the reference as it was, its words expanded: for a variable that is not set with
 * EXPAND_KEEP_UNSET. */
static int keep_reference(struct lexer *l, struct buf *out, const char *name, const char *op,
	const char *a, const char *b)
{
	AUTO_FREE char *text = xasprintf("${%s%s%s%s%s}", name, op, a, b ? "/" : "", b ? b : "");
	return add(l, out, text, strlen(text));
}

static int conditional(
	struct lexer *l, struct buf *out, const char *name, const char *op, const char *word)
{
	char kind = op[strlen(op) - 1];
	bool null_is_unset = *op == ':';
	const char *value = look_up(l, name);
	if (!value && (l->flags & EXPAND_KEEP_UNSET))
		return keep_reference(l, out, name, op, word, NULL);
	bool missing = !value || (null_is_unset && !*value);
	if (kind == '-')
		return add(l, out, missing ? word : value, strlen(missing ? word : value));
	if (kind == '+')
		return missing ? 0 : add(l, out, word, strlen(word));
	if (missing)
		return err_set(l->err, ERR_INVALID, "%s: %s", name,
			*word   ? word
			: value ? "is not allowed to be empty"
				: "is not allowed to be unset");
	return add(l, out, value, strlen(value));
}

static int trim(struct lexer *l, struct buf *out, const char *name, char op, const char *word)
{
	const char *value = look_up(l, name);
	char op_text[2] = {op, '\0'};
	if (!value && (l->flags & EXPAND_KEEP_UNSET))
		return keep_reference(l, out, name, op_text, word, NULL);
	bool longest = *word == op;
	AUTO_BUF struct buf rest = BUF_INIT(RESULT_MAX);
	int r = (op == '%' ? shell_pattern_trim_suffix : shell_pattern_trim_prefix)(
		word + longest, value ? value : "", longest, &rest, &l->pattern_work, l->err);
	return r < 0 ? r : add(l, out, buf_str(&rest), rest.len);
}

static int replace(struct lexer *l, struct buf *out, const char *name)
{
	bool all = l->at < l->end && *l->at == '/';
	l->at += all;
	AUTO_BUF struct buf pattern = BUF_INIT(RESULT_MAX);
	AUTO_BUF struct buf text = BUF_INIT(RESULT_MAX);
	if (part(l, '/', true, &pattern, "syntax error: missing '/' in ${}") < 0 ||
		part(l, '}', true, &text, "syntax error: missing '}'") < 0)
		return l->err->code;
	const char *value = look_up(l, name);
	if (!value && (l->flags & EXPAND_KEEP_UNSET))
		return keep_reference(l, out, name, "/", buf_str(&pattern), buf_str(&text));
	AUTO_BUF struct buf result = BUF_INIT(RESULT_MAX);
	if (shell_pattern_replace(buf_str(&pattern), value ? value : "", buf_str(&text), all,
		    &result, &l->pattern_work, l->err) < 0)
		return l->err->code;
	if (result.toobig)
		return too_large(l);
	return add(l, out, buf_str(&result), result.len);
}

/* Behind the name in ${name...: the operator and its words. */
static int operation(struct lexer *l, struct buf *out, const char *name)
{
	if (l->at == l->end)
		return missing_brace(l);
	char op[8] = {*l->at++};
	if (*op == '}') {
		const char *value = look_up(l, name);
		if (!value && (l->flags & EXPAND_KEEP_UNSET))
			return keep_reference(l, out, name, "", "", NULL);
		return value ? add(l, out, value, strlen(value)) : 0;
	}
	if (*op == '/')
		return replace(l, out, name);
	char kind = *op;
	if (kind == ':') {
		uint32_t rune;
		size_t width = l->at < l->end ? rune_width(l, &rune) : 0;
		memcpy(op + 1, l->at, width);
		l->at += width;
		kind = op[1];
	}
	if (!kind || !strchr(*op == ':' ? "-+?" : "-+?#%", kind)) {
		/* show a character that has several bytes whole */
		while (*op != ':' && l->at < l->end && (*l->at & 0xc0) == 0x80 && strlen(op) < 4)
			op[strlen(op)] = *l->at++;
		return err_set(
			l->err, ERR_INVALID, "unsupported modifier (%s) in substitution", op);
	}
	AUTO_BUF struct buf word = BUF_INIT(RESULT_MAX);
	bool pattern = kind == '#' || kind == '%';
	if (part(l, '}', pattern, &word, "syntax error: missing '}'") < 0)
		return l->err->code;
	if (pattern)
		return trim(l, out, name, kind, buf_str(&word));
	return conditional(l, out, name, op, buf_str(&word));
}

static int dollar(struct lexer *l, struct buf *out)
{
	const char *start = l->at++;
	bool braced = l->at < l->end && *l->at == '{';
	l->at += braced;
	if (braced && l->at == l->end)
		return missing_brace(l);
	if (braced && strchr("{}:", *l->at) && *l->at)
		return invalid(l, "syntax error: bad substitution");
	size_t len = name_length(l);
	if (!braced && len == 0)
		return add(l, out, "$", 1);
	if (l->used && l->used->n >= NAMES_MAX)
		return err_set(l->err, ERR_LIMIT, "more than %d different variables in one text",
			NAMES_MAX);
	AUTO_FREE char *name = xstrndup(l->at, len);
	l->at += len;
	if (braced) {
		if (++l->depth > NESTING_MAX)
			return err_set(
				l->err, ERR_LIMIT, "more than %d levels of ${...}", NESTING_MAX);
		int r = operation(l, out, name);
		l->depth--;
		return r;
	}
	const char *value = look_up(l, name);
	if (!value && (l->flags & EXPAND_KEEP_UNSET))
		return add(l, out, start, (size_t)(l->at - start));
	return value ? add(l, out, value, strlen(value)) : 0;
}

static int expand(
	struct lexer *l, const char *text, struct buf *out, struct splitter *words, struct err *err)
{
	l->at = text;
	l->end = text + strlen(text);
	l->raw_escapes = l->flags & EXPAND_KEEP_ESCAPES;
	l->pattern_work = PATTERN_WORK_MAX;
	l->err = err;
	l->culprit = text;
	if (until(l, '\0', out, words) < 0)
		return err_wrap(err, "failed to process '%.200s'", text);
	return 0;
}

int expand_word(const char *word, char escape, const struct map *env, int flags, char **ret,
	struct strv *used, struct strv *unset, struct err *err)
{
	struct lexer l = {
		.escape = escape, .env = env, .flags = flags, .used = used, .unset = unset};
	AUTO_BUF struct buf out = BUF_INIT(RESULT_MAX);
	if (expand(&l, word, &out, NULL, err) < 0)
		return err->code;
	*ret = out.len > 0 ? buf_take(&out) : xstrdup("");
	return 0;
}

bool expand_find_error(const char *word, char escape, const struct map *env, int flags, size_t *ret)
{
	struct lexer l = {.escape = escape, .env = env, .flags = flags};
	struct err ignored = ERR_INIT;
	AUTO_BUF struct buf out = BUF_INIT(RESULT_MAX);
	if (expand(&l, word, &out, NULL, &ignored) == 0)
		return false;
	*ret = (size_t)(l.culprit - word);
	return true;
}

int expand_words(const char *text, char escape, const struct map *env, int flags, struct strv *ret,
	struct err *err)
{
	struct lexer l = {.escape = escape, .env = env, .flags = flags};
	AUTO_BUF struct buf out = BUF_INIT(RESULT_MAX);
	AUTO_STRV struct strv words = STRV_INIT;
	struct splitter s = {.ret = &words, .word = BUF_INIT(RESULT_MAX)};
	int r = expand(&l, text, &out, &s, err);
	splitter_end_word(&s);
	buf_done(&s.word);
	if (r < 0)
		return r;
	STRV_FOREACH (word, &words)
		strv_add(ret, *word);
	return 0;
}
