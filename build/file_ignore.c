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
#include "build/ignore_regexp.h"
#include "build/unicode.h"

#define PATTERNS_MAX 65536 /* memory and time: every path is compared with each */
#define PATTERN_MAX 4096 /* PATH_MAX: a longer one cannot match */

/* The same, of what patterns repeat: each is tried for each character of a path. */
#define INSTRUCTIONS_MAX (1 * MIB)

enum match_type { MATCH_EXACT, MATCH_PREFIX, MATCH_SUFFIX, MATCH_REGEXP };

struct pattern {
	char *text; /* cleaned, without '!' */
	enum match_type type;
	size_t head; /* bytes at the start, and the place of those at the end, that every match has
	              */
	size_t tail;
	struct regexp *regexp; /* NULL: glob_match() says the same */
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
	size_t room; /* instructions that there may still be */
	bool has_exceptions;
	/* no exception has a wildcard, so it can be told which directories may hold one */
	bool plain_exceptions;
	bool *scratch;
	struct parent *parent; /* a cache: behind a pointer because it changes in a const ignore */
};

void ignore_free(struct ignore *ig)
{
	if (!ig)
		return;
	for (size_t i = 0; i < ig->n; i++) {
		free(ig->p[i].text);
		regexp_free(ig->p[i].regexp);
	}
	if (ig->parent) {
		free(ig->parent->dir);
		free(ig->parent->matched);
	}
	free(ig->parent);
	free(ig->scratch);
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

/* "**" at s. The '/' behind it goes with it; returns what follows. */
static const char *add_double_star(struct pattern *p, struct buf *re, const char *s)
{
	bool first = s == p->text;
	s += s[2] == '/' ? 3 : 2;
	if (*s)
		buf_addstr(re, "(.*/)?");
	else if (p->type != MATCH_EXACT)
		buf_addstr(re, ".*");
	p->type = first                           ? MATCH_SUFFIX
	          : !*s && p->type == MATCH_EXACT ? MATCH_PREFIX
	                                          : MATCH_REGEXP;
	return s;
}

/* Any other character at s; returns what follows. */
static const char *add_next(struct pattern *p, struct buf *re, const char *s)
{
	if (strchr("*?[]\\", *s))
		p->type = MATCH_REGEXP;
	if (*s == '*' || *s == '?') {
		buf_addstr(re, *s == '*' ? "[^/]*" : "[^/]");
		return s + 1;
	}
	if (*s == '\\')
		buf_addch(re, *s++);
	else if (strchr(".+()$", *s))
		buf_addch(re, '\\');
	buf_addch(re, *s);
	return s + 1;
}

/* What every match begins and ends with. Where something may take the meaning of a character away,
 * that is not looked for. */
static void find_ends(struct pattern *p)
{
	const char *s = p->text;
	p->tail = strlen(s);
	if (strpbrk(s, "\\{|^"))
		return;
	p->head = strcspn(s, "*?[");
	while (p->tail > 0 && !strchr("*?]", s[p->tail - 1]))
		p->tail--;
	/* "**" takes the '/' behind it along */
	if (p->tail > 0 && s[p->tail - 1] == '*' && s[p->tail] == '/')
		p->tail++;
}

/*
 * moby/patternmatcher's translation to regular expressions, and its choice of where none is needed,
 * quirks included: "**" first makes a suffix match whatever else is literal, and the characters
 * '{', '|', '}' and '^' mean what they do in those.
 */
static int pattern_compile(struct pattern *p, size_t *room, struct err *err)
{
	AUTO_BUF struct buf re = BUF_INIT(8 * PATTERN_MAX);
	p->type = MATCH_EXACT;
	buf_addch(&re, '^');
	for (const char *s = p->text; *s;)
		s = s[0] == '*' && s[1] == '*' ? add_double_star(p, &re, s) : add_next(p, &re, s);
	buf_addch(&re, '$');
	find_ends(p);
	if (p->type != MATCH_REGEXP || (!strstr(p->text, "**") && !strpbrk(p->text, "[\\{|^")))
		return 0;
	return regexp_compile(buf_str(&re), room, &p->regexp, err);
}

static bool pattern_match(const struct pattern *p, const char *path)
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
	case MATCH_REGEXP:
		if (strncmp(path, p->text, p->head) != 0 ||
			!str_has_suffix(path, p->text + p->tail))
			return false;
		return p->regexp ? regexp_match(p->regexp, path) : glob_match(p->text, path);
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
			match = pattern_match(p, path);
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
	if (pattern_compile(p, &ig->room, err) < 0)
		return err_wrap(err, "syntax error in pattern '%.200s'", raw);
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
	ig->room = INSTRUCTIONS_MAX;
	ig->parent = xcalloc(1, sizeof(*ig->parent));
	return ig;
}

static void ignore_ready(struct ignore *ig)
{
	ig->scratch = xcalloc(ig->n + 1, sizeof(bool));
	ig->parent->matched = xcalloc(ig->n + 1, sizeof(bool));
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
