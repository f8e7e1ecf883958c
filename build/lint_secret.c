/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials in a Containerfile: by the name of a variable, as BuildKit has it, and by values that
 * nothing but a credential looks like. No text repeats a value. */
#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "build/lint.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define KEY_MIN 24 /* letters of a private key, which an explanation of the format has not */
#define DIFFERENT_MIN 8 /* ghp_xxxxxxxx stands for a token */

/* Is one of the words, between underscores, in the name? */
static bool has_part(const char *name, const char *const *words, size_t n)
{
	for (const char *at = name; *at;) {
		size_t len = strcspn(at, "_");
		for (size_t i = 0; i < n; i++)
			if (strlen(words[i]) == len && strncasecmp(at, words[i], len) == 0)
				return true;
		at += len;
		at += *at == '_';
	}
	return false;
}

bool lint_names_secret(const char *name)
{
	static const char *const secret[] = {"apikey", "auth", "credential", "credentials", "key",
		"password", "pword", "passwd", "secret", "token"};
	static const char *const harmless[] = {"public", "file", "version"};
	return has_part(name, secret, ARRAY_LEN(secret)) &&
	       !has_part(name, harmless, ARRAY_LEN(harmless));
}

/* https://user:password@host; a variable in its place is none */
static bool password_in_url(const char *s)
{
	const char *at = strstr(s, "://");
	if (!at)
		return false;
	at += 3;
	size_t authority = strcspn(at, "/?# \t");
	const char *host = memrchr(at, '@', authority);
	const char *colon = host ? memchr(at, ':', (size_t)(host - at)) : NULL;
	return colon && colon + 1 < host && !memchr(colon, '$', (size_t)(host - colon));
}

static size_t different(const char *s, size_t n)
{
	bool seen[UCHAR_MAX + 1] = {false};
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		count += !seen[(unsigned char)s[i]];
		seen[(unsigned char)s[i]] = true;
	}
	return count;
}

/* Beginnings that only credentials have, and how many of which letters follow. */
static bool is_token(const char *s)
{
	static const struct {
		const char *prefix, *letters;
		size_t min, max;
	} kinds[] = {
		{"AKIA", UPPER, 16, 16},
		{"ASIA", UPPER, 16, 16},
		{"ghp_", LETTERS, 36, SIZE_MAX},
		{"gho_", LETTERS, 36, SIZE_MAX},
		{"ghs_", LETTERS, 36, SIZE_MAX},
		{"ghu_", LETTERS, 36, SIZE_MAX},
		{"ghr_", LETTERS, 36, SIZE_MAX},
		{"github_pat_", LETTERS "_", 22, SIZE_MAX},
		{"glpat-", LETTERS "_-.", 20, SIZE_MAX},
		{"dckr_pat_", LETTERS "_-", 27, SIZE_MAX},
		{"npm_", LETTERS, 36, SIZE_MAX},
		{"xoxa-", LETTERS "-", 20, SIZE_MAX},
		{"xoxb-", LETTERS "-", 20, SIZE_MAX},
		{"xoxp-", LETTERS "-", 20, SIZE_MAX},
		{"xoxr-", LETTERS "-", 20, SIZE_MAX},
		{"xoxs-", LETTERS "-", 20, SIZE_MAX},
		{"AIza", LETTERS "_-", 35, 35},
		{"sk_live_", LETTERS, 24, SIZE_MAX},
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!str_has_prefix(s, kinds[i].prefix))
			continue;
		const char *rest = s + strlen(kinds[i].prefix);
		size_t n = strspn(rest, kinds[i].letters);
		if (n >= kinds[i].min && n <= kinds[i].max && different(rest, n) >= DIFFERENT_MIN)
			return true;
	}
	return false;
}

/* "-----BEGIN RSA PRIVATE KEY-----": where what it is the heading of begins, NULL: it is none. */
static const char *private_key(const char *s)
{
	static const char begin[] = "-----BEGIN ", end[] = "PRIVATE KEY-----";
	if (!str_has_prefix(s, begin))
		return NULL;
	s += strlen(begin);
	size_t kind = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ");
	const char *found = memmem(s, kind + strlen("-----"), end, strlen(end));
	return found && found < s + kind ? found + strlen(end) : NULL;
}

bool lint_value_is_secret(const char *value)
{
	return is_token(value) || private_key(value) || password_in_url(value);
}

/* With the key itself behind its heading, at a line's end or at one that is written "\n". */
static bool is_whole_key(const char *s)
{
	const char *key = private_key(s);
	if (!key)
		return false;
	key += strspn(key, " \t\r\n\\");
	key += *key == 'n' && key[-1] == '\\';
	size_t n = strspn(key, LETTERS "+/=");
	return n >= KEY_MIN && different(key, n) >= DIFFERENT_MIN;
}

/* Anywhere in a command or in a file, at the beginning of a word. */
static bool text_has_secret(const char *s)
{
	for (bool inside = false; *s; inside = isalnum((unsigned char)*s) || *s == '_', s++)
		if (!inside && (is_token(s) || is_whole_key(s)))
			return true;
	return false;
}

void lint_secret(struct lint *l, const struct containerfile *f, const struct inst *i,
	struct pos pos, const char *name, const char *value)
{
	if (lint_names_secret(name))
		lint_add(l, LINT_SECRETS_USED_IN_ARG_OR_ENV, f, i, pos,
			"Do not use ARG or ENV instructions for sensitive data (%s \"%s\")",
			i->name, name);
	else if (value && lint_value_is_secret(value))
		lint_add(l, LINT_SECRET_VALUE_IN_ARG_OR_ENV, f, i, pos,
			"The value of %s \"%s\" looks like a credential", i->name, name);
}

void lint_secret_text(struct lint *l, const struct containerfile *f, const struct inst *i)
{
	if (text_has_secret(i->text))
		lint_add(l, LINT_SECRET_VALUE_IN_INSTRUCTION, f, i, i->pos,
			"The text of %s has what looks like a credential", i->name);
	for (size_t k = 0; k < i->n_heredocs; k++)
		if (text_has_secret(i->heredocs[k].content))
			lint_add(l, LINT_SECRET_VALUE_IN_INSTRUCTION, f, i, i->pos,
				"The here-document %s of %s has what looks like a credential",
				i->heredocs[k].name, i->name);
}

bool lint_hides_text(const struct lint *l, const struct lint_warning *w)
{
	for (size_t k = 0; k < l->n; k++) {
		const struct lint_warning *o = &l->w[k];
		if ((lint_rules[o->rule].flags & LINT_CREDENTIAL) && o->source == w->source &&
			o->pos.line <= w->end_line && w->pos.line <= o->end_line)
			return true;
	}
	return false;
}
