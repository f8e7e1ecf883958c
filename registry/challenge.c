/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/challenge.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define VALUE_MAX 4096 /* of one parameter */

static const char *skip_blank(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* RFC 9110 5.6.2 */
static size_t token_length(const char *p)
{
	size_t n = 0;
	while (isalnum((unsigned char)p[n]) || (p[n] && strchr("!#$%&'*+-.^_`|~", p[n])))
		n++;
	return n;
}

static int parse_quoted(const char **p, char **ret, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(VALUE_MAX);
	for (const char *s = *p + 1; *s; s++) {
		if (*s == '"') {
			if (b.toobig)
				return err_set(err, ERR_LIMIT,
					"parameter of WWW-Authenticate is too long");
			*ret = xstrdup(buf_str(&b));
			*p = s + 1;
			return 0;
		}
		if (*s == '\\' && s[1])
			s++;
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			break;
		buf_addch(&b, *s);
	}
	return err_set(err, ERR_INVALID, "WWW-Authenticate holds a quoted string without an end");
}

static void set_parameter(struct challenge *c, const char *name, size_t n, const char *value)
{
	const struct {
		const char *name;
		char **to;
	} known[] = {{"realm", &c->realm}, {"service", &c->service}, {"scope", &c->scope},
		{"error", &c->error}};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i].name) == n && strncasecmp(known[i].name, name, n) == 0 &&
			!*known[i].to)
			*known[i].to = xstrdup(value);
}

/* name=value of the challenge c; the caller has seen the '='. */
static int parse_parameter(const char **p, struct challenge *c, struct err *err)
{
	const char *name = *p;
	size_t n = token_length(name);
	*p = skip_blank(skip_blank(name + n) + 1);
	AUTO_FREE char *value = NULL;
	if (**p == '"') {
		int r = parse_quoted(p, &value, err);
		if (r < 0)
			return r;
	} else {
		size_t len = token_length(*p);
		if (len == 0 || len > VALUE_MAX)
			return err_set(err, ERR_INVALID,
				"WWW-Authenticate holds a parameter without a value");
		value = xstrndup(*p, len);
		*p += len;
	}
	set_parameter(c, name, n, value);
	return 0;
}

/* What schemes that are not ours, such as Negotiate, have in place of parameters: RFC 9110 11.2. 0:
 * it is none. */
static size_t token68_length(const char *p, const char *scheme)
{
	size_t n =
		strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
	if (n)
		n += strspn(p + n, "=");
	const char *end = skip_blank(p + n);
	bool whole = !*end || *end == ',';
	return whole && !streq(scheme, "bearer") && !streq(scheme, "basic") ? n : 0;
}

static int add_challenge(const char *scheme, size_t n, struct challenges *ret, struct err *err)
{
	if (ret->n == CHALLENGES_MAX)
		return err_set(err, ERR_LIMIT, "WWW-Authenticate names more than %d schemes",
			CHALLENGES_MAX);
	struct challenge *c = &ret->c[ret->n++];
	*c = (struct challenge){.scheme = str_lower(xstrndup(scheme, n))};
	return 0;
}

int challenges_parse(const char *p, struct challenges *ret, struct err *err)
{
	bool after_scheme = false;
	size_t before = ret->n;
	for (p = skip_blank(p); *p; p = skip_blank(p)) {
		if (*p == ',') {
			after_scheme = false;
			p++;
			continue;
		}
		size_t n = after_scheme ? token68_length(p, ret->c[ret->n - 1].scheme) : 0;
		if (n) {
			p += n;
			after_scheme = false;
			continue;
		}
		n = token_length(p);
		if (n == 0)
			return err_set(err, ERR_INVALID, "WWW-Authenticate is not well formed");
		const char *next = skip_blank(p + n);
		int r;
		if (*next == '=' && ret->n > before) {
			r = parse_parameter(&p, &ret->c[ret->n - 1], err);
			after_scheme = false;
		} else {
			r = *next == '='
			            ? err_set(err, ERR_INVALID, "WWW-Authenticate names no scheme")
			            : add_challenge(p, n, ret, err);
			p += n;
			after_scheme = *p == ' ' || *p == '\t';
		}
		if (r < 0)
			return r;
	}
	return 0;
}

const struct challenge *challenges_find(const struct challenges *c, const char *scheme)
{
	for (size_t i = 0; i < c->n; i++)
		if (streq(c->c[i].scheme, scheme))
			return &c->c[i];
	return NULL;
}

void challenges_done(struct challenges *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->c[i].scheme);
		free(c->c[i].realm);
		free(c->c[i].service);
		free(c->c[i].scope);
		free(c->c[i].error);
	}
	c->n = 0;
}
