/* SPDX-License-Identifier: Apache-2.0 */
#include "run/user.h"

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/root.h"
#include "base/strv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* /etc/passwd and /etc/group of real systems are kilobytes; GHSA-72x6-4j93-7w86 is about images
 * where they are not. */
#define USER_FILE_MAX (10 * MIB)
/* 2^32-1 means "no change" to the kernel */
#define ID_MAX_VALUE (UINT32_MAX - 1ULL)

/* One line of passwd or group: up to 7 fields, cut in place. */
struct fields {
	char *f[7];
	size_t n;
};

/* The next line of *text, cut into fields; false at the end. */
static bool next_line(char **text, struct fields *ret)
{
	char *line = *text;
	if (!line || !*line)
		return false;
	char *end = strchr(line, '\n');
	if (end)
		*end = '\0';
	*text = end ? end + 1 : NULL;
	ret->n = 0;
	while (ret->n < ARRAY_LEN(ret->f)) {
		ret->f[ret->n++] = line;
		char *colon = strchr(line, ':');
		if (!colon)
			break;
		*colon = '\0';
		line = colon + 1;
	}
	return true;
}

static bool is_digits(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

#define CHOWN_MAX_VALUE INT32_MAX /* what is more is a name to BuildKit, which nobody has */

/* A number (Go's: it may have a plus) and nothing else. 0: it is one; 1: it is a name; ERR_INVALID:
 * a number out of range. */
static int parse_id(const char *s, uint64_t *ret, struct err *err)
{
	s += *s == '+' && is_digits(s + 1);
	if (!is_digits(s))
		return 1;
	if (!num_u64(s, ID_MAX_VALUE, ret))
		return err_set(err, ERR_INVALID, "id '%s' is out of range", s);
	return 0;
}

/* A missing file is an empty one: images from scratch have none. */
static int read_accounts(int rootfd, const char *path, char **ret, struct err *err)
{
	size_t len;
	int r = root_read_file(rootfd, path, USER_FILE_MAX, ret, &len, err);
	if (r == ERR_NOT_FOUND) {
		err_clear(err);
		*ret = xstrdup("");
		return 0;
	}
	return r;
}

struct spec_parts {
	char user[256];
	char group[256];
};

static int split_spec(const char *spec, struct spec_parts *ret, struct err *err)
{
	const char *colon = strchr(spec, ':');
	size_t n = colon ? (size_t)(colon - spec) : strlen(spec);
	const char *group = colon ? colon + 1 : "";
	if (n >= sizeof(ret->user) || strlen(group) >= sizeof(ret->group))
		return err_set(err, ERR_INVALID, "user '%.40s...' is too long", spec);
	if (strchr(group, ':'))
		return err_set(err, ERR_INVALID, "user '%s' has more than one ':'", spec);
	memcpy(ret->user, spec, n);
	ret->user[n] = '\0';
	memcpy(ret->group, group, strlen(group) + 1);
	return 0;
}

/*
 * Fills uid, gid, home and name. An id is compared as a number, never as a name (CVE-2016-3697); an
 * id that is not listed keeps group 0, as BuildKit has it.
 */
static int look_up_user(
	int rootfd, const char *want, bool named, uint64_t id, struct user *u, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = read_accounts(rootfd, "etc/passwd", &text, err);
	if (r < 0)
		return called_buildah() ? err_wrap(err, "unknown user error") : r;

	char *rest = text;
	struct fields l;
	while (next_line(&rest, &l)) {
		uint64_t uid, gid;
		if (l.n < 4 || !*l.f[0] || !num_u64(l.f[2], ID_MAX_VALUE, &uid) ||
			!num_u64(l.f[3], ID_MAX_VALUE, &gid))
			continue;
		if (named ? !streq(l.f[0], want) : uid != id)
			continue;
		u->uid = (uid_t)uid;
		u->gid = (gid_t)gid;
		if (strlen(l.f[0]) < sizeof(u->name))
			memcpy(u->name, l.f[0], strlen(l.f[0]) + 1);
		if (l.n >= 6 && *l.f[5] == '/' && strlen(l.f[5]) < sizeof(u->home))
			memcpy(u->home, l.f[5], strlen(l.f[5]) + 1);
		return 0;
	}
	if (named)
		return err_set(err, ERR_NOT_FOUND, "%sno user '%s' in the image's /etc/passwd",
			called_buildah() ? "unknown user error: " : "", want);
	u->uid = (uid_t)id;
	return 0;
}

static int find_user(int rootfd, const char *want, struct user *u, struct err *err)
{
	uint64_t id = 0;
	int named = *want ? parse_id(want, &id, err) : 0;
	return named < 0 ? named : look_up_user(rootfd, want, named, id, u, err);
}

static int find_named_user(int rootfd, const char *want, struct user *u, struct err *err)
{
	return look_up_user(rootfd, want, true, 0, u, err);
}

static int find_named_group(int rootfd, const char *want, gid_t *ret, struct err *err)
{
	uint64_t id;
	AUTO_FREE char *text = NULL;
	int r = read_accounts(rootfd, "etc/group", &text, err);
	if (r < 0)
		return r;
	char *rest = text;
	struct fields l;
	while (next_line(&rest, &l)) {
		if (l.n < 3 || !streq(l.f[0], want) || !num_u64(l.f[2], ID_MAX_VALUE, &id))
			continue;
		*ret = (gid_t)id;
		return 0;
	}
	return err_set(err, ERR_NOT_FOUND, "no group '%s' in the image's /etc/group", want);
}

/* The group that was asked for, by number or name. */
static int find_group(int rootfd, const char *want, gid_t *ret, struct err *err)
{
	uint64_t id;
	int named = parse_id(want, &id, err);
	if (named < 0)
		return named;
	if (named)
		return find_named_group(rootfd, want, ret, err);
	*ret = (gid_t)id;
	return 0;
}

static bool lists_member(char *members, const char *name)
{
	size_t n = strlen(name);
	for (const char *m = members; m; m = strchr(m, ',')) {
		if (*m == ',')
			m++;
		if (strcspn(m, ",") == n && memcmp(m, name, n) == 0)
			return true;
	}
	return false;
}

static void add_group(struct user *u, gid_t gid)
{
	for (size_t i = 0; i < u->n_groups; i++)
		if (u->groups[i] == gid)
			return;
	if (u->n_groups < ARRAY_LEN(u->groups))
		u->groups[u->n_groups++] = gid;
}

static int find_memberships(int rootfd, struct user *u, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = read_accounts(rootfd, "etc/group", &text, err);
	if (r < 0)
		return r;
	char *rest = text;
	struct fields l;
	while (next_line(&rest, &l)) {
		uint64_t gid;
		if (l.n >= 4 && num_u64(l.f[2], ID_MAX_VALUE, &gid) &&
			lists_member(l.f[3], u->name))
			add_group(u, (gid_t)gid);
	}
	return 0;
}

int user_check(const char *spec, struct err *err)
{
	struct spec_parts p;
	uint64_t id;
	if (split_spec(spec, &p, err) < 0 || parse_id(p.user, &id, err) < 0 ||
		parse_id(p.group, &id, err) < 0)
		return err->code;
	return 0;
}

int user_resolve(int rootfd, const char *spec, struct user *ret, struct err *err)
{
	struct spec_parts p;
	int r = split_spec(spec ? spec : "", &p, err);
	if (r < 0)
		return r;
	struct user u = {.home = "/"};
	r = find_user(rootfd, p.user, &u, err);
	if (r < 0)
		return r;
	if (*p.group) {
		r = find_group(rootfd, p.group, &u.gid, err);
		if (r < 0)
			return r;
	}
	add_group(&u, u.gid);
	/* An explicit group replaces the memberships, as in BuildKit and docker. */
	if (!*p.group && *u.name) {
		r = find_memberships(rootfd, &u, err);
		if (r < 0)
			return r;
	}
	*ret = u;
	return 0;
}

int user_add_groups(int rootfd, const struct strv *names, struct user *u, struct err *err)
{
	STRV_FOREACH (name, names) {
		gid_t gid;
		if (find_group(rootfd, *name, &gid, err) < 0)
			return err_wrap(err, "option '--group-add'");
		if (u->n_groups == ARRAY_LEN(u->groups))
			return err_set(err, ERR_LIMIT, "option '--group-add': more than %zu groups",
				ARRAY_LEN(u->groups));
		add_group(u, gid);
	}
	return 0;
}

/* What could not be found is no error: *ret_unknown takes its text, unless it has one. */
static int or_unknown(int r, char **ret_unknown, struct err *err)
{
	if (r != ERR_NOT_FOUND)
		return r;
	if (!*ret_unknown)
		*ret_unknown = xstrdup(err->msg);
	err_clear(err);
	return 0;
}

/* 1: it is a name. */
static int parse_chown_id(const char *s, uint64_t *ret)
{
	s += *s == '+' && is_digits(s + 1);
	return is_digits(s) && num_u64(s, CHOWN_MAX_VALUE, ret) ? 0 : 1;
}

static int chown_group(int rootfd, const char *want, gid_t *ret, struct err *err)
{
	uint64_t id;
	if (!*want || streq(want, "root")) {
		*ret = 0; /* whatever the image says, as for the user */
		return 0;
	}
	if (parse_chown_id(want, &id))
		return find_named_group(rootfd, want, ret, err);
	*ret = (gid_t)id;
	return 0;
}

int user_resolve_chown(int rootfd, const char *spec, uid_t *ret_uid, gid_t *ret_gid,
	char **ret_unknown, struct err *err)
{
	const char *colon = strchr(spec, ':');
	AUTO_FREE char *user = colon ? xstrndup(spec, (size_t)(colon - spec)) : xstrdup(spec);
	AUTO_FREE char *unknown = NULL;
	struct user u = {0};
	uint64_t id;
	int r = 0;
	if (parse_chown_id(user, &id) == 0)
		u = (struct user){.uid = (uid_t)id, .gid = (gid_t)id};
	else if (!streq(user, "root"))
		r = or_unknown((*user ? find_named_user : find_user)(rootfd, user, &u, err),
			&unknown, err);
	if (r >= 0 && colon)
		r = or_unknown(chown_group(rootfd, colon + 1, &u.gid, err), &unknown, err);
	if (r < 0)
		return r;
	*ret_uid = u.uid;
	*ret_gid = u.gid;
	if (ret_unknown)
		*ret_unknown = take(unknown);
	return 0;
}
