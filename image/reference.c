/* SPDX-License-Identifier: Apache-2.0 */
#include "image/reference.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define NAME_MAX_LEN 255 /* distribution/reference: NameTotalLengthMax */
#define TAG_MAX_LEN 128
#define DEFAULT_REGISTRY "docker.io"
#define DEFAULT_TAG "latest"

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || is_upper(c);
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Nothing outside printable ASCII gets as far as a message. */
static bool has_odd_bytes(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return true;
	return false;
}

/* ":" 1*DIGIT, up to 65535 */
static bool port_is_valid(const char *s, size_t n)
{
	unsigned long port = 0;
	if (n == 0 || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		port = port * 10 + (unsigned long)(s[i] - '0');
	}
	return port > 0 && port <= 65535;
}

/* domain-component ["." domain-component]*, each starting and ending with a letter or digit */
static bool host_name_is_valid(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool edge = i == 0 || i == n - 1 || s[i - 1] == '.' || s[i + 1] == '.';
		if (s[i] == '.' ? edge && (i == 0 || i == n - 1 || s[i - 1] == '.')
				: !(is_alnum(s[i]) || (s[i] == '-' && !edge)))
			return false;
	}
	return n > 0;
}

static bool registry_is_valid(const char *s)
{
	size_t n;
	if (*s == '[') {
		n = strspn(s + 1, "0123456789abcdefABCDEF:");
		if (n < 2 || s[n + 1] != ']')
			return false;
		n += 2;
	} else {
		n = strcspn(s, ":");
		if (!host_name_is_valid(s, n))
			return false;
	}
	return !s[n] || (s[n] == ':' && port_is_valid(s + n + 1, strlen(s + n + 1)));
}

/* [a-z0-9]+ joined by one '.', one or two '_' or any number of '-' */
static bool path_component_is_valid(const char *s, size_t n)
{
	if (n == 0 || !is_lower_alnum(s[0]) || !is_lower_alnum(s[n - 1]))
		return false;
	for (size_t i = 1; i < n; i++) {
		if (is_lower_alnum(s[i]))
			continue;
		size_t run = 1;
		while (i + run < n && s[i + run] == s[i])
			run++;
		bool ok = s[i] == '-' || (s[i] == '.' && run == 1) || (s[i] == '_' && run <= 2);
		if (!ok || !is_lower_alnum(s[i + run]))
			return false;
		i += run - 1;
	}
	return true;
}

static int check_repository(const char *text, const char *repository, struct err *err)
{
	for (const char *at = repository;; at++) {
		size_t n = strcspn(at, "/");
		if (!path_component_is_valid(at, n)) {
			for (size_t i = 0; i < n; i++)
				if (is_upper(at[i]))
					return err_set(err, ERR_INVALID,
						"invalid reference format: repository name must be "
						"lowercase: '%s'",
						text);
			if (n == 0)
				return err_set(err, ERR_INVALID,
					"invalid reference format '%s': empty part in the "
					"repository name",
					text);
			return err_set(err, ERR_INVALID,
				"invalid reference format '%s': '%.*s' is no valid part of a "
				"repository "
				"name",
				text, (int)n, at);
		}
		at += n;
		if (!*at)
			return 0;
	}
}

static int check_tag(const char *text, const char *tag, struct err *err)
{
	size_t n = strlen(tag);
	if (n == 0)
		return err_set(err, ERR_INVALID, "invalid reference format '%s': empty tag", text);
	if (n > TAG_MAX_LEN)
		return err_set(err, ERR_INVALID,
			"invalid reference format '%s': tag is longer than %d characters", text,
			TAG_MAX_LEN);
	/* distribution's grammar has "..", but nothing that is called a name here may hold it */
	if (strstr(tag, ".."))
		return err_set(
			err, ERR_INVALID, "invalid reference format '%s': '..' in the tag", text);
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(tag[i]) && tag[i] != '_' &&
			(i == 0 || (tag[i] != '.' && tag[i] != '-')))
			return err_set(err, ERR_INVALID,
				"invalid reference format '%s': invalid tag '%s'", text, tag);
	return 0;
}

/* Is the part before the first '/' a registry? docker's rule: it has a '.' or ':' or upper case, or
 * is "localhost". */
static bool names_registry(const char *s, size_t n)
{
	if (n == strlen("localhost") && memcmp(s, "localhost", n) == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '.' || s[i] == ':' || is_upper(s[i]))
			return true;
	return false;
}

/* Cuts "@digest" and ":tag" off name, which becomes the bare name. */
static int cut_tail(const char *text, char *name, struct reference *r, struct err *err)
{
	char *at = strchr(name, '@');
	if (at) {
		*at = '\0';
		int e = digest_parse(at + 1, &r->digest, err);
		if (e < 0)
			return err_wrap(err, "invalid reference format '%s'", text);
		r->has_digest = true;
	}
	char *slash = strrchr(name, '/');
	char *colon = strrchr(slash ? slash : name, ':');
	/* "[::1]:5000" is no name with a tag, but then it is no name either */
	if (colon) {
		*colon = '\0';
		r->tag = xstrdup(colon + 1);
		return check_tag(text, r->tag, err);
	}
	return 0;
}

static bool is_64_hex(const char *s)
{
	size_t n = 0;
	while (is_hex(s[n]))
		n++;
	return n == DIGEST_HEX_LEN && !s[n];
}

static int parse_name(const char *text, const char *name, struct reference *r, struct err *err)
{
	const char *slash = strchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : 0;

	if (!*name)
		return err_set(err, ERR_INVALID,
			"invalid reference format '%s': no repository name", text);
	if (is_64_hex(name))
		return err_set(err, ERR_INVALID,
			"invalid reference format '%s': a repository cannot be named like an image "
			"ID",
			text);
	if (slash && names_registry(name, n)) {
		r->registry = xstrndup(name, n);
		r->repository = xstrdup(slash + 1);
		if (!registry_is_valid(r->registry)) {
			/* "Foo/bar" means a repository; "Foo.io/bar" a registry */
			if (!strpbrk(r->registry, ".:["))
				return err_set(err, ERR_INVALID,
					"invalid reference format: repository name must be "
					"lowercase: '%s'",
					text);
			return err_set(err, ERR_INVALID,
				"invalid reference format '%s': invalid registry '%s'", text,
				r->registry);
		}
		if (streq(r->registry, "index.docker.io"))
			mem_replace(&r->registry, xstrdup(DEFAULT_REGISTRY));
	} else {
		r->registry = xstrdup(DEFAULT_REGISTRY);
		r->repository = xstrdup(name);
		r->was_short = true;
	}
	int e = check_repository(text, r->repository, err);
	if (e < 0)
		return e;
	if (streq(r->registry, DEFAULT_REGISTRY) && !strchr(r->repository, '/'))
		mem_replace(&r->repository, xasprintf("library/%s", r->repository));
	if (strlen(r->registry) + 1 + strlen(r->repository) > NAME_MAX_LEN)
		return err_set(err, ERR_INVALID,
			"invalid reference format: name is longer than %d characters",
			NAME_MAX_LEN);
	return 0;
}

int reference_parse(const char *text, struct reference *ret, struct err *err)
{
	AUTO_REFERENCE struct reference r = {0};
	int e;

	if (!*text)
		return err_set(err, ERR_INVALID, "invalid reference format: it is empty");
	if (strlen(text) > NAME_MAX_LEN + TAG_MAX_LEN + DIGEST_STR_MAX + 2)
		return err_set(err, ERR_INVALID,
			"invalid reference format: name is longer than %d characters",
			NAME_MAX_LEN);
	if (has_odd_bytes(text))
		return err_set(err, ERR_INVALID,
			"invalid reference format: it contains blanks, control or non-ASCII "
			"characters");
	AUTO_FREE char *name = xstrdup(text);
	e = cut_tail(text, name, &r, err);
	if (e == 0)
		e = parse_name(text, name, &r, err);
	if (e < 0)
		return e;
	*ret = r;
	r = (struct reference){0};
	return 0;
}

int reference_parse_local(const char *text, struct reference *ret, struct err *err)
{
	struct reference r;
	int e = reference_parse(text, &r, err);
	if (e < 0)
		return e;
	if (r.was_short) {
		mem_replace(&r.registry, xstrdup("localhost"));
		/* library/ was ours unless it was typed */
		if (str_has_prefix(r.repository, "library/") && !str_has_prefix(text, "library/"))
			mem_replace(&r.repository, xstrdup(r.repository + strlen("library/")));
	}
	reference_default_tag(&r);
	*ret = r;
	return 0;
}

void reference_default_tag(struct reference *r)
{
	if (!r->tag && !r->has_digest)
		r->tag = xstrdup(DEFAULT_TAG);
}

char *reference_str(const struct reference *r)
{
	char buf[DIGEST_STR_MAX] = "";
	if (r->has_digest)
		(void)digest_str(&r->digest, buf);
	return xasprintf("%s/%s%s%s%s%s", r->registry, r->repository, r->tag ? ":" : "",
		r->tag ? r->tag : "", *buf ? "@" : "", buf);
}

char *reference_name(const struct reference *r)
{
	return xasprintf("%s/%s", r->registry, r->repository);
}

void reference_done(struct reference *r)
{
	free(r->registry);
	free(r->repository);
	free(r->tag);
	*r = (struct reference){0};
}
