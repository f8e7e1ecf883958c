/* SPDX-License-Identifier: Apache-2.0 */
#include "build/file_ignore.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/called.h"
#include "base/err.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/utf8.h"
#include "build/ignore_escape.h"
#include "build/unicode.h"

#define PATTERNS_MAX 65536 /* memory and time: every path is compared with each */
#define PATTERN_MAX 4096 /* PATH_MAX: a longer one cannot match */

/* moby/patternmatcher translates to regular expressions; these are the pieces that can come out of
 * that. */
enum piece_kind {
	PIECE_CHAR, /* one character */
	PIECE_ESCAPED, /* a backslash with a letter or digit: a character, a set, or a place */
	PIECE_ANY, /* ?: one character, not '/' */
	PIECE_STAR, /* *: characters, not '/' */
	PIECE_DIRS, /* ** with something behind it: nothing, or anything that ends in '/' */
	PIECE_REST, /* ** at the end: anything */
	PIECE_CLASS, /* [...]; '/' only if the class has it, or is a negated one */
};

struct piece {
	enum piece_kind kind;
	const char *at; /* in the pattern's text */
	size_t len;
	struct escape escape;
};

enum match_type { MATCH_EXACT, MATCH_PREFIX, MATCH_SUFFIX, MATCH_PIECES };

struct pattern {
	char *text; /* cleaned, without '!' */
	enum match_type type;
	struct piece *pieces;
	size_t n_pieces;
	size_t head; /* bytes at the start, and the place of those at the end, that every match has
	              */
	size_t tail;
	bool slow; /* has "**", a class that may match '/', or what it does not know:
	              glob_match() cannot be asked */
	unsigned line;
	bool exception;
};

/* Which patterns matched the directory asked about last: the next path usually lies in the same
 * one. */
struct parent {
	char *dir;
	bool *matched;
};

struct ignore {
	struct pattern *p;
	size_t n;
	size_t max_pieces;
	bool has_exceptions;
	/* no exception has a wildcard, so it can be told which directories may hold one */
	bool plain_exceptions;
	bool *scratch;
	struct parent *parent; /* a cache: behind a pointer because it changes in a const ignore */
	bool *states; /* two sets of max_pieces + 1 */
};

void ignore_free(struct ignore *ig)
{
	if (!ig)
		return;
	for (size_t i = 0; i < ig->n; i++) {
		free(ig->p[i].text);
		free(ig->p[i].pieces);
	}
	if (ig->parent) {
		free(ig->parent->dir);
		free(ig->parent->matched);
	}
	free(ig->parent);
	free(ig->scratch);
	free(ig->states);
	free(ig->p);
	free(ig);
}

static void ignore_free_p(struct ignore **ig)
{
	ignore_free(*ig);
}

bool ignore_is_empty(const struct ignore *ig)
{
	return ig->n == 0;
}

static void add_piece(struct pattern *p, enum piece_kind kind, const char *at, size_t len)
{
	p->pieces[p->n_pieces++] = (struct piece){.kind = kind, .at = at, .len = len};
}

/* "**" at s, with a '/' behind it; returns what follows. */
static const char *add_dirs(struct pattern *p, const char *s)
{
	bool first = s == p->text;
	p->slow = true;
	s += s[2] == '/' ? 3 : 2;
	add_piece(p, *s ? PIECE_DIRS : PIECE_REST, s, 0);
	p->type = first                           ? MATCH_SUFFIX
	          : !*s && p->type == MATCH_EXACT ? MATCH_PREFIX
	                                          : MATCH_PIECES;
	return s;
}

/* A backslash at s; returns what follows, NULL when it means nothing. */
static const char *add_escape(struct pattern *p, const char *s)
{
	struct escape e;
	size_t n = escape_parse(s + 1, &e);
	bool itself = n == 1 && e.kind == ESCAPE_CHAR && e.rune == (unsigned char)s[1];
	if (!n)
		return NULL;
	add_piece(p, itself ? PIECE_CHAR : PIECE_ESCAPED, s + 1, n);
	p->pieces[p->n_pieces - 1].escape = e;
	p->slow |= !itself;
	/* no path needs to end in the letter */
	if (!itself && p->tail < (size_t)(s + 1 + n - p->text))
		p->tail = (size_t)(s + 1 + n - p->text);
	return s + 1 + n;
}

/* Any other piece at s; returns what follows, NULL when it means nothing. */
static const char *add_next(struct pattern *p, const char *s)
{
	uint32_t rune;
	size_t width = 1;
	if (*s != ']' && !strchr("*?[\\", *s)) {
		width = utf8_decode(s, strlen(s), &rune);
		add_piece(p, PIECE_CHAR, s, width);
		return s + width;
	}
	p->type = MATCH_PIECES;
	switch (*s) {
	case '*':
		add_piece(p, PIECE_STAR, s, 1);
		break;
	case '?':
		add_piece(p, PIECE_ANY, s, 1);
		break;
	case '[':
		width = escape_class_length(s);
		if (!width)
			return NULL;
		p->slow = true;
		add_piece(p, PIECE_CLASS, s, width);
		break;
	case '\\':
		return add_escape(p, s);
	default:
		add_piece(p, PIECE_CHAR, s, 1);
	}
	return s + width;
}

/* Decides the type as the reference does, quirks included: "**" first makes a suffix match whatever
 * else is literal. false: it is malformed. */
static bool pattern_compile(struct pattern *p)
{
	const char *s = p->text;
	p->pieces = xreallocarray(NULL, strlen(s) + 1, sizeof(*p->pieces));
	p->type = MATCH_EXACT;
	p->head = strcspn(s, "*?[\\");
	p->tail = strlen(s);
	while (p->tail > 0 && !strchr("*?]\\", s[p->tail - 1]))
		p->tail--;
	/* "**" takes the '/' behind it along */
	if (p->tail > 0 && s[p->tail - 1] == '*' && s[p->tail] == '/')
		p->tail++;
	while (s && *s)
		s = s[0] == '*' && s[1] == '*' ? add_dirs(p, s) : add_next(p, s);
	return s != NULL;
}

/* State i: pieces before i have matched. Pieces that may match nothing let the next state be
 * reached at once. */
static void state_add(const struct pattern *p, bool *states, size_t at)
{
	for (;; at++) {
		states[at] = true;
		if (at == p->n_pieces)
			return;
		enum piece_kind kind = p->pieces[at].kind;
		if (kind != PIECE_STAR && kind != PIECE_REST && kind != PIECE_DIRS)
			return;
	}
}

/* Pieces that match nothing, between two characters. */
static void states_pass(const struct pattern *p, bool *now, uint32_t before, uint32_t after)
{
	for (size_t i = 0; i < p->n_pieces; i++) {
		const struct escape *e = &p->pieces[i].escape;
		if (now[i] && p->pieces[i].kind == PIECE_ESCAPED && e->kind == ESCAPE_PLACE &&
			escape_in_place(e->rune, before, after))
			state_add(p, now, i + 1);
	}
}

static bool escaped_has(const struct escape *e, uint32_t rune)
{
	return e->kind == ESCAPE_SET ? escape_in_set(e->rune, rune)
	                             : e->kind == ESCAPE_CHAR && e->rune == rune;
}

static void states_step(const struct pattern *p, const bool *now, bool *next, const char *c,
	size_t width, uint32_t rune)
{
	memset(next, 0, p->n_pieces + 1);
	for (size_t i = 0; i < p->n_pieces; i++) {
		if (!now[i])
			continue;
		const struct piece *piece = &p->pieces[i];
		switch (piece->kind) {
		case PIECE_CHAR:
			if (piece->len == width && memcmp(piece->at, c, width) == 0)
				state_add(p, next, i + 1);
			break;
		case PIECE_ESCAPED:
			if (escaped_has(&piece->escape, rune))
				state_add(p, next, i + 1);
			break;
		case PIECE_ANY:
			if (*c != '/')
				state_add(p, next, i + 1);
			break;
		case PIECE_CLASS:
			if (escape_class_has(piece->at, rune))
				state_add(p, next, i + 1);
			break;
		case PIECE_STAR:
			if (*c != '/')
				state_add(p, next, i);
			break;
		case PIECE_REST:
			if (*c != '\n')
				state_add(p, next, i);
			break;
		case PIECE_DIRS:
			/* inside it: the only way out is behind a '/' */
			if (*c == '/')
				state_add(p, next, i + 1);
			if (*c != '\n')
				next[i] = true;
			break;
		}
	}
}

/* Pattern times path, without backtracking. */
static bool match_pieces(const struct pattern *p, bool *states, size_t max_pieces, const char *path)
{
	bool *now = states, *next = states + max_pieces + 1;
	uint32_t before = ESCAPE_NONE;
	memset(now, 0, p->n_pieces + 1);
	state_add(p, now, 0);
	for (size_t left = strlen(path); left > 0;) {
		uint32_t rune;
		size_t width = utf8_decode(path, left, &rune);
		states_pass(p, now, before, rune);
		states_step(p, now, next, path, width, rune);
		before = rune;
		bool *swap = now;
		now = next;
		next = swap;
		path += width;
		left -= width;
	}
	states_pass(p, now, before, ESCAPE_NONE);
	return now[p->n_pieces];
}

static bool pattern_match(const struct ignore *ig, const struct pattern *p, const char *path)
{
	switch (p->type) {
	case MATCH_EXACT:
		return streq(path, p->text);
	case MATCH_PREFIX:
		return strncmp(path, p->text, strlen(p->text) - 2) == 0;
	case MATCH_SUFFIX:
		/* behind the "**"; "**" followed by "/foo" matches "foo" too */
		return str_has_suffix(path, p->text + 2) ||
		       (p->text[2] == '/' && streq(path, p->text + 3));
	case MATCH_PIECES:
		if (strncmp(path, p->text, p->head) != 0 ||
			!str_has_suffix(path, p->text + p->tail))
			return false;
		return p->slow ? match_pieces(p, ig->states, ig->max_pieces, path)
		               : glob_match(p->text, path);
	}
	return false;
}

/*
 * One level, as patternmatcher's MatchesUsingParentResults: parent (NULL at the top) and
 * ret_matched tell for each pattern whether it matched. A pattern that cannot change the result is
 * not tried.
 */
static bool match_level(const struct ignore *ig, const char *path, const bool *parent,
	bool *ret_matched, unsigned *ret_line)
{
	bool ignored = false;
	for (size_t i = 0; i < ig->n; i++) {
		const struct pattern *p = &ig->p[i];
		bool match = parent && parent[i];
		if (!match && p->exception == ignored)
			match = pattern_match(ig, p, path);
		ret_matched[i] = match;
		if (match) {
			ignored = !p->exception;
			*ret_line = p->line;
		}
	}
	return ignored;
}

/* Fills the cache for the directory of path (len bytes of it). */
static void match_parents(const struct ignore *ig, const char *path, size_t len)
{
	struct parent *parent = ig->parent;
	if (parent->dir && strlen(parent->dir) == len && memcmp(parent->dir, path, len) == 0)
		return;
	free(parent->dir);
	parent->dir = xstrndup(path, len);
	unsigned line;
	for (char *end = parent->dir; end;) {
		char *slash = strchr(end, '/');
		if (slash)
			*slash = '\0';
		(void)match_level(ig, parent->dir, end == parent->dir ? NULL : parent->matched,
			ig->scratch, &line);
		memcpy(parent->matched, ig->scratch, ig->n * sizeof(bool));
		if (slash)
			*slash = '/';
		end = slash ? slash + 1 : NULL;
	}
}

/* An exception's text without a trailing wildcard: what it names lies in this place. */
static size_t exception_prefix(const struct pattern *p)
{
	size_t len = strlen(p->text);
	if (str_has_suffix(p->text, "/**"))
		len -= 3;
	if (len >= 2 && memcmp(p->text + len - 2, "/*", 2) == 0)
		len -= 2;
	return len;
}

static bool may_have_exceptions_below(const struct ignore *ig, const char *dir)
{
	/* buildah takes wildcards of exceptions by their letters */
	bool letters = called_buildah();
	if (!ig->plain_exceptions && !letters)
		return true;
	size_t len = strlen(dir);
	for (size_t i = 0; i < ig->n; i++) {
		const struct pattern *p = &ig->p[i];
		size_t prefix = !p->exception ? 0 : letters ? strlen(p->text) : exception_prefix(p);
		if (prefix >= len && memcmp(p->text, dir, len) == 0 &&
			(prefix == len || p->text[len] == '/'))
			return true;
	}
	return false;
}

bool ignore_match(const struct ignore *ig, const char *path, bool *ret_may_have_exceptions_below,
	unsigned *ret_line)
{
	unsigned line = 0;
	bool ignored = false;
	if (ig->n > 0 && *path && !streq(path, ".")) {
		const char *slash = strrchr(path, '/');
		if (slash)
			match_parents(ig, path, (size_t)(slash - path));
		ignored = match_level(
			ig, path, slash ? ig->parent->matched : NULL, ig->scratch, &line);
	}
	if (ret_may_have_exceptions_below)
		*ret_may_have_exceptions_below =
			ignored && ig->has_exceptions && may_have_exceptions_below(ig, path);
	if (ret_line)
		*ret_line = line;
	return ignored;
}

static int malformed(const char *pattern, struct err *err)
{
	return err_set(err, ERR_INVALID,
		"syntax error in pattern '%.200s': a '[' wants what it stands for and a ']', "
		"a '\\' something after it; \\[ and \\\\ stand for themselves",
		pattern);
}

/* p: one pattern as the file or the option gives it, not blank. */
static int ignore_add(struct ignore *ig, const char *s, size_t len, unsigned line, struct err *err)
{
	text_trim(&s, &len);
	if (len == 0)
		return 0;
	bool exception = *s == '!';
	if (exception) {
		s++;
		len--;
		text_trim(&s, &len);
	}
	if (memchr(s, '\0', len))
		return err_set(err, ERR_INVALID, "pattern with a NUL byte");
	if (len == 0)
		return err_set(err, ERR_INVALID,
			"illegal exclusion pattern: '!': name after it what is not to be ignored");
	if (len > PATTERN_MAX || ig->n == PATTERNS_MAX)
		return err_set(err, ERR_LIMIT,
			len > PATTERN_MAX ? "pattern longer than %d bytes"
					  : "more than %d patterns",
			len > PATTERN_MAX ? PATTERN_MAX : PATTERNS_MAX);
	AUTO_FREE char *raw = xstrndup(s, len);
	AUTO_FREE char *clean = path_clean(raw);
	if (clean[0] == '/' && clean[1])
		memmove(clean, clean + 1, strlen(clean));
	if (!glob_valid(clean))
		return malformed(raw, err);
	ig->p = xreallocarray(ig->p, ig->n + 1, sizeof(*ig->p));
	struct pattern *p = &ig->p[ig->n++];
	*p = (struct pattern){.text = take(clean), .line = line, .exception = exception};
	if (!pattern_compile(p))
		return malformed(raw, err);
	if (p->n_pieces > ig->max_pieces)
		ig->max_pieces = p->n_pieces;
	if (exception) {
		ig->has_exceptions = true;
		size_t prefix = exception_prefix(p);
		ig->plain_exceptions &= strcspn(p->text, "*[]?^\\") >= prefix;
	}
	return 0;
}

static struct ignore *ignore_new(void)
{
	struct ignore *ig = xcalloc(1, sizeof(*ig));
	ig->plain_exceptions = true;
	ig->parent = xcalloc(1, sizeof(*ig->parent));
	return ig;
}

static void ignore_ready(struct ignore *ig)
{
	ig->scratch = xcalloc(ig->n + 1, sizeof(bool));
	ig->parent->matched = xcalloc(ig->n + 1, sizeof(bool));
	ig->states = xcalloc(2 * (ig->max_pieces + 1), sizeof(bool));
}

int ignore_parse(
	const char *name, const char *text, size_t len, struct ignore **ret, struct err *err)
{
	struct ignore *ig __attribute__((cleanup(ignore_free_p))) = ignore_new();
	const char *end = text + len;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (unsigned line = 1; text < end; line++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;
		/* only in the first column: " #x" is a pattern */
		if (*text != '#' && ignore_add(ig, text, (size_t)(stop - text), line, err) < 0)
			return err_wrap(err, "%s:%u:%zu", name, line,
				1 + strspn(text, " \t")); /* an error: not blank */
		text = newline ? newline + 1 : end;
	}
	ignore_ready(ig);
	*ret = take(ig);
	return 0;
}

int ignore_from_patterns(char *const *patterns, size_t n, struct ignore **ret, struct err *err)
{
	struct ignore *ig __attribute__((cleanup(ignore_free_p))) = ignore_new();
	for (size_t i = 0; i < n; i++)
		if (ignore_add(ig, patterns[i], strlen(patterns[i]), 0, err) < 0)
			return err->code;
	ignore_ready(ig);
	*ret = take(ig);
	return 0;
}
