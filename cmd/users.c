/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/users.h"

#include <ctype.h>
#include <sys/random.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "run/mode.h"
#include "run/own_users.h"
#include "run/sandbox.h"
#include "run/spec.h"

/* What 'auto' takes when no size is said: every number that images usually have. */
#define AUTO_SIZE 65536
#define AUTO_USER "containers" /* as the containers' tools: containers-storage.conf(5) */

const struct opt users_options[] = {
	OPT_STRING(0, "userns", struct users_args, userns),
	OPT_STRV(0, "userns-gid-map", struct users_args, gid_maps),
	OPT_STRING(0, "userns-gid-map-group", struct users_args, gid_map_group),
	OPT_STRV(0, "userns-uid-map", struct users_args, uid_maps),
	OPT_STRING(0, "userns-uid-map-user", struct users_args, uid_map_user),
	OPT_END,
};

static int bad_map(const char *option, const char *text, struct err *err)
{
	return err_set(err, ERR_INVALID,
		called_buildah() ? "initializing ID mappings: %s setting is malformed expected "
				   "[\"uint32:uint32:uint32\"]: [\"%s\"]"
				 : "option '--%s': '%s' is not CONTAINER-ID:HOST-ID:SIZE, such as "
				   "0:100000:65536",
		option, text);
}

/* One or more of them, with anything between the numbers, as buildah reads it. */
static int add_maps(const char *option, const char *text, struct idmap_ranges *m, struct err *err)
{
	AUTO_STRV struct strv numbers = STRV_INIT;
	for (const char *s = text; *s;) {
		size_t n = 0;
		while (isdigit((unsigned char)s[n]))
			n++;
		if (n > 0)
			strv_addf(&numbers, "%.*s", (int)n, s);
		s += n + (n == 0);
	}
	if (numbers.n == 0 || numbers.n % 3 != 0)
		return bad_map(option, text, err);
	for (size_t i = 0; i < numbers.n; i += 3) {
		uint64_t v[3];
		for (size_t k = 0; k < 3; k++)
			if (!num_u64(numbers.v[i + k], UINT32_MAX, &v[k]))
				return bad_map(option, text, err);
		if (v[2] == 0)
			return bad_map(option, text, err);
		if (m->n == IDMAP_RANGES_MAX)
			return err_set(err, ERR_LIMIT, "option '--%s': more than %d ranges", option,
				IDMAP_RANGES_MAX);
		m->r[m->n++] = (struct idmap_range){.inside = (uint32_t)v[0],
			.outside = (uint32_t)v[1],
			.count = (uint32_t)v[2]};
	}
	return 0;
}

static int read_maps(const struct users_args *a, struct idmap_ranges *uids,
	struct idmap_ranges *gids, struct err *err)
{
	const char *user = a->uid_map_user ? a->uid_map_user : a->gid_map_group;
	const char *group = a->gid_map_group ? a->gid_map_group : user;
	if (user && own_users_subids("/etc/subuid", user, uids, err) < 0)
		return err_wrap(err, "option '--userns-%s'",
			a->uid_map_user ? "uid-map-user" : "gid-map-group");
	if (group && own_users_subids("/etc/subgid", group, gids, err) < 0)
		return err_wrap(err, "option '--userns-%s'",
			a->gid_map_group ? "gid-map-group" : "uid-map-user");
	STRV_FOREACH (text, &a->uid_maps)
		if (add_maps("userns-uid-map", *text, uids, err) < 0)
			return err->code;
	STRV_FOREACH (text, &a->gid_maps)
		if (add_maps("userns-gid-map", *text, gids, err) < 0)
			return err->code;
	if (!uids->n && gids->n)
		return err_set(err, ERR_INVALID,
			"--userns-gid-map can not be used without --userns-uid-map");
	if (!gids->n)
		*gids = *uids;
	return 0;
}

/* A part of what the user of 'auto' has. Which one is left to chance: who runs at the same time in
 * another namespace is then somebody else, most likely. */
static void choose_part(struct idmap_ranges *m, uint32_t size, uint32_t chance)
{
	struct idmap_range *r = &m->r[0];
	m->n = 1;
	if (r->count > size) {
		r->outside += chance % (r->count / size) * size;
		r->count = size;
	}
}

static int choose_auto(const char *text, const char *said, struct idmap_ranges *uids,
	struct idmap_ranges *gids, struct err *err)
{
	const char *user = said ? said : AUTO_USER;
	uint64_t size = AUTO_SIZE;
	uint32_t chance = 0;
	if (text[4] != '\0' && (!str_has_prefix(text, "auto:size=") ||
				       !num_u64(text + 10, UINT32_MAX, &size) || size == 0))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--userns': '%s' is not supported: of 'auto' there is "
			"'auto:size=N'; '--userns-uid-map' says more",
			text);
	if (own_users_subids("/etc/subuid", user, uids, err) < 0 ||
		own_users_subids("/etc/subgid", user, gids, err) < 0)
		return err_wrap(err, "option '--userns': 'auto'");
	if ((text[4] != '\0' && (uids->r[0].count < size || gids->r[0].count < size)))
		return err_set(err, ERR_INVALID,
			"option '--userns': '%s': '%s' has fewer IDs in /etc/subuid or "
			"/etc/subgid",
			text, user);
	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		return err_sys(err, "no random numbers");
	choose_part(uids, (uint32_t)size, chance);
	choose_part(gids, (uint32_t)size, chance);
	return 0;
}

static bool is_own_kind(const char *v)
{
	return !*v || streq(v, "private") || streq(v, "container");
}

static int refuse(const char *option, const char *text, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED, "option '--%s': '%s' is not supported: %s", option,
		text,
		mode_is() == MODE_CHROOT
			? "isolation 'chroot' has no namespaces"
			: "only root can map other users; a user's steps have that user's "
			  "namespace");
}

/* Where there is no other one than that which mica is in. */
static int check_only(const struct users_args *a, bool chroot, struct err *err)
{
	const char *v = a->userns;
	if (a->uid_map_user)
		return refuse("userns-uid-map-user", a->uid_map_user, err);
	if (a->gid_map_group)
		return refuse("userns-gid-map-group", a->gid_map_group, err);
	if (a->uid_maps.n)
		return refuse("userns-uid-map", a->uid_maps.v[0], err);
	if (a->gid_maps.n)
		return refuse("userns-gid-map", a->gid_maps.v[0], err);
	if (!v || streq(v, "host") || (!chroot && (is_own_kind(v) || streq(v, "auto"))))
		return 0;
	return refuse("userns", v, err);
}

int users_args_apply(const struct users_args *a, struct run_spec *spec, struct err *err)
{
	struct idmap_ranges uids = {0}, gids = {0};
	const char *v = a->userns;
	if (mode_is() != MODE_ROOT)
		return check_only(a, sandbox_is_bare(spec), err);
	if (read_maps(a, &uids, &gids, err) < 0)
		return err->code;
	if (v && streq(v, "host") && uids.n)
		return err_set(err, ERR_INVALID,
			"option '--userns': 'host' has no other users: leave out "
			"'--userns-uid-map'");
	if ((!v && !uids.n) || (v && streq(v, "host")))
		return 0;
	if (v && (str_has_prefix(v, "auto:") || streq(v, "auto"))) {
		if (!uids.n && choose_auto(v, a->auto_user, &uids, &gids, err) < 0)
			return err->code;
	} else if (v && !is_own_kind(v)) {
		const char *path = str_has_prefix(v, "ns:") ? v + 3 : v;
		if (*path != '/')
			return err_set(err, ERR_INVALID,
				"option '--userns': '%s' is not one of 'private', 'host', 'auto', "
				"'/PATH'",
				v);
		return own_users_open(path, &spec->users, err) < 0
		               ? err_wrap(err, "option '--userns'")
		               : 0;
	}
	return own_users_new(&uids, &gids, &spec->users, err) < 0
	               ? err_wrap(err, "option '--userns'")
	               : 0;
}
