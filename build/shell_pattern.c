/* SPDX-License-Identifier: Apache-2.0 */
#include "build/shell_pattern.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "build/unicode.h"

enum token_kind { TOKEN_LITERAL, TOKEN_ANY, TOKEN_STAR };

struct token {
	enum token_kind kind;
	char bytes[4]; /* of a literal: one character */
	size_t width;
};

struct pattern {
	struct token *t;
	size_t n;
};

static void pattern_done(struct pattern *p)
{
	mem_free_p(&p->t);
}
#define AUTO_PATTERN __attribute__((cleanup(pattern_done)))

/* States are the places between tokens; a state is alive with the smallest start of a match that
 * reached it. */
#define DEAD SIZE_MAX

static int pattern_compile(const char *text, struct pattern *ret, struct err *err)
{
	size_t len = strlen(text);
	AUTO_PATTERN struct pattern p = {.t = xreallocarray(NULL, len + 1, sizeof(*p.t))};
	for (size_t at = 0; at < len;) {
		uint32_t rune;
		struct token t = {
			.kind = TOKEN_LITERAL, .width = utf8_decode(text + at, len - at, &rune)};
		if (rune == '\\') {
			char next = text[++at];
			if (next == '}' || next == '/')
				continue;
			if (next != '*' && next != '?' && next != '\\')
				return err_set(err, ERR_INVALID,
					"invalid pattern (%.200s) in substitution: invalid escape "
					"'\\%.*s'",
					text,
					(int)(next ? utf8_decode(text + at, len - at, &rune) : 0),
					text + at);
		} else if (rune == '*') {
			t.kind = TOKEN_STAR;
		} else if (rune == '?') {
			t.kind = TOKEN_ANY;
		}
		memcpy(t.bytes, text + at, t.width);
		at += t.width;
		if (t.kind == TOKEN_STAR && p.n > 0 && p.t[p.n - 1].kind == TOKEN_STAR)
			continue;
		p.t[p.n++] = t;
	}
	*ret = p;
	p = (struct pattern){0};
	return 0;
}

static void state_add(const struct pattern *p, size_t *states, size_t at, size_t start)
{
	for (;; at++) {
		if (states[at] > start)
			states[at] = start;
		/* a star may match nothing */
		if (at == p->n || p->t[at].kind != TOKEN_STAR)
			return;
	}
}

static void states_step(
	const struct pattern *p, const size_t *now, size_t *next, const char *c, size_t width)
{
	for (size_t i = 0; i <= p->n; i++)
		next[i] = DEAD;
	for (size_t i = 0; i < p->n; i++) {
		if (now[i] == DEAD)
			continue;
		const struct token *t = &p->t[i];
		if (t->kind == TOKEN_STAR && *c != '\n')
			state_add(p, next, i, now[i]);
		else if ((t->kind == TOKEN_ANY && *c != '\n') ||
			 (t->kind == TOKEN_LITERAL && t->width == width &&
				 memcmp(t->bytes, c, width) == 0))
			state_add(p, next, i + 1, now[i]);
	}
}

static int work_spend(uint64_t *work, uint64_t n, struct err *err)
{
	if (*work < n)
		return err_set(err, ERR_LIMIT,
			"the substitution takes too long: a long pattern on a long value");
	*work -= n;
	return 0;
}

/*
 * The leftmost match at or behind from (anchored: exactly there), the shortest or longest of those
 * that start there. *ret_start is DEAD when there is none.
 */
static int pattern_find(const struct pattern *p, const char *value, size_t len, size_t from,
	bool anchored, bool longest, size_t *ret_start, size_t *ret_end, uint64_t *work,
	struct err *err)
{
	AUTO_FREE size_t *states = xreallocarray(NULL, 2 * (p->n + 1), sizeof(*states));
	size_t *now = states, *next = states + p->n + 1;
	size_t start = DEAD, end = 0;
	for (size_t i = 0; i <= p->n; i++)
		now[i] = DEAD;
	for (size_t at = from;;) {
		if (start == DEAD && (!anchored || at == from))
			state_add(p, now, 0, at);
		if (now[p->n] <= start && now[p->n] != DEAD) {
			start = now[p->n];
			end = at;
			if (!longest)
				break;
		}
		/* what started later than the best match cannot win any more */
		bool alive = false;
		for (size_t i = 0; i < p->n; i++) {
			if (now[i] > start)
				now[i] = DEAD;
			alive |= now[i] != DEAD;
		}
		if (at == len || (!alive && (anchored || start != DEAD)))
			break;
		int r = work_spend(work, p->n + 1, err);
		if (r < 0)
			return r;
		uint32_t rune;
		size_t width = utf8_decode(value + at, len - at, &rune);
		states_step(p, now, next, value + at, width);
		size_t *swap = now;
		now = next;
		next = swap;
		at += width;
	}
	*ret_start = start;
	*ret_end = end;
	return 0;
}

int shell_pattern_trim_prefix(const char *pattern, const char *value, bool longest, struct buf *out,
	uint64_t *work, struct err *err)
{
	AUTO_PATTERN struct pattern p = {0};
	size_t start, end, len = strlen(value);
	if (pattern_compile(pattern, &p, err) < 0 ||
		pattern_find(&p, value, len, 0, true, longest, &start, &end, work, err) < 0)
		return err->code;
	buf_addstr(out, start == DEAD ? value : value + end);
	return 0;
}

/* By characters; what does not decode is reversed by bytes. */
static char *reversed(const char *s, bool keep_escapes)
{
	size_t len = strlen(s);
	char *out = xmalloc(len + 1);
	out[len] = '\0';
	for (size_t at = 0; at < len;) {
		uint32_t rune;
		size_t width = utf8_decode(s + at, len - at, &rune);
		if (keep_escapes && rune == '\\' && at + 1 < len)
			width = 1 + utf8_decode(s + at + 1, len - at - 1, &rune);
		memcpy(out + len - at - width, s + at, width);
		at += width;
	}
	return out;
}

int shell_pattern_trim_suffix(const char *pattern, const char *value, bool longest, struct buf *out,
	uint64_t *work, struct err *err)
{
	/* the shortest suffix is found as the shortest prefix of the reversed text */
	AUTO_FREE char *rpattern = reversed(pattern, true);
	AUTO_FREE char *rvalue = reversed(value, false);
	AUTO_BUF struct buf rest = BUF_INIT(strlen(value) + 1);
	if (shell_pattern_trim_prefix(rpattern, rvalue, longest, &rest, work, err) < 0)
		return err->code;
	AUTO_FREE char *straight = reversed(buf_str(&rest), false);
	buf_addstr(out, straight);
	return 0;
}

/* Go's regexp.Expand with a pattern that has no groups. */
static void template_add(struct buf *out, const char *text, const char *match, size_t match_len)
{
	for (const char *dollar; (dollar = strchr(text, '$'));) {
		buf_add(out, text, (size_t)(dollar - text));
		text = dollar + 1;
		if (*text == '$') {
			buf_addch(out, *text++);
			continue;
		}
		bool braced = *text == '{';
		const char *name = text + braced, *end = name;
		size_t left = strlen(name);
		for (uint32_t rune; left > 0;) {
			size_t width = utf8_decode(end, left, &rune);
			if (rune != '_' && !rune_is_letter_or_digit(rune))
				break;
			end += width;
			left -= width;
		}
		if (end == name || (braced && *end != '}')) {
			buf_addch(out, '$');
			continue;
		}
		if (end - name == 1 && *name == '0')
			buf_add(out, match, match_len);
		text = end + braced;
	}
	buf_addstr(out, text);
}

int shell_pattern_replace(const char *pattern, const char *value, const char *text, bool all,
	struct buf *out, uint64_t *work, struct err *err)
{
	AUTO_PATTERN struct pattern p = {0};
	if (pattern_compile(pattern, &p, err) < 0)
		return err->code;
	size_t len = strlen(value), copied = 0, from = 0, last_end = 0;
	while (from <= len && !out->toobig) {
		size_t start, end;
		int r = pattern_find(&p, value, len, from, false, true, &start, &end, work, err);
		if (r < 0)
			return r;
		if (start == DEAD)
			break;
		buf_add(out, value + copied, start - copied);
		copied = end;
		if (!all) {
			buf_addstr(out, text);
			break;
		}
		/* not for an empty match right behind another one */
		if (end > last_end || start == 0)
			template_add(out, text, value + start, end - start);
		last_end = end;
		uint32_t rune;
		size_t width = from < len ? utf8_decode(value + from, len - from, &rune) : 1;
		from = from + width > end ? from + width : end;
	}
	buf_addstr(out, value + copied);
	return 0;
}
