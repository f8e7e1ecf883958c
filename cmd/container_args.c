/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/container_args.h"

#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "store/store.h"

#define NO_USERNS "commands run in mica's own user namespace"

const struct opt space_options[] = {
	OPT_STRING(0, "cgroupns", struct space_args, cgroupns),
	OPT_STRING(0, "ipc", struct space_args, ipc),
	OPT_STRING(0, "isolation", struct space_args, isolation),
	OPT_STRING(0, "pid", struct space_args, pid),
	OPT_STRING(0, "userns", struct space_args, userns),
	OPT_STRING(0, "uts", struct space_args, uts),
	OPT_REFUSED_WHY(0, "userns-gid-map", NO_USERNS),
	OPT_REFUSED_WHY(0, "userns-gid-map-group", NO_USERNS),
	OPT_REFUSED_WHY(0, "userns-uid-map", NO_USERNS),
	OPT_REFUSED_WHY(0, "userns-uid-map-user", NO_USERNS),
	OPT_END,
};

/* All of buildah's isolations are the one sandbox here, which is the strictest of them. */
static int check_isolation(const char *text, struct err *err)
{
	static const char *const known[] = {"", "default", "oci", "rootless", "chroot"};

	for (size_t i = 0; text && i < ARRAY_LEN(known); i++)
		if (!strcasecmp(text, known[i]))
			return 0;
	if (!text)
		return 0;
	return err_set(err, ERR_INVALID,
		"option '--isolation': '%s' is not one of 'oci', 'rootless', 'chroot'", text);
}

int space_args_check(const struct space_args *a, struct err *err)
{
	const struct {
		const char *option, *value;
	} given[] = {{"ipc", a->ipc}, {"pid", a->pid}, {"uts", a->uts}, {"cgroupns", a->cgroupns}};

	if (check_isolation(a->isolation, err) < 0)
		return err->code;
	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		const char *v = given[i].value;
		if (v && *v && !streq(v, "private") && !streq(v, "container"))
			return err_set(err, ERR_UNSUPPORTED,
				"option '--%s': '%s' is not supported: each command has a "
				"namespace "
				"of its own ('private')",
				given[i].option, v);
	}
	if (a->userns && *a->userns && !streq(a->userns, "host"))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--userns': '%s' is not supported: " NO_USERNS " ('host')",
			a->userns);
	return 0;
}

typedef int (*opener)(
	struct store *s, const char *text, bool wait, struct container *ret, struct err *err);

static int use(struct app *app, const char *text, opener open_it, struct container_use *ret,
	struct err *err)
{
	int r = app_store(app, false, &ret->s, err);
	if (r == 0)
		r = txn_begin(ret->s, &ret->t, err);
	if (r == 0)
		r = open_it(ret->s, text, false, &ret->c, err);
	if (r == ERR_BUSY) {
		out_note(&app->out, "waiting: %s", err->msg);
		err_clear(err);
		r = open_it(ret->s, text, true, &ret->c, err);
	}
	return r;
}

int container_use(struct app *app, const char *text, struct container_use *ret, struct err *err)
{
	return use(app, text, container_open, ret, err);
}

int container_use_any(struct app *app, const char *text, struct container_use *ret, struct err *err)
{
	return use(app, text, container_open_any, ret, err);
}

void container_use_done(struct container_use *u)
{
	container_done(&u->c);
	txn_end(u->t);
	store_close(u->s);
}

int container_args_which(
	struct app *app, bool all, const struct strv *rest, struct strv *ret, struct err *err)
{
	AUTO_STORE struct store *s = NULL;
	AUTO_CONTAINERS struct containers l = {0};

	if (all && rest->n)
		return err_set(err, ERR_INVALID,
			"when using the --all switch, you may not pass any containers names or "
			"IDs");
	if (!all && !rest->n)
		return err_set(err, ERR_INVALID, "container ID must be specified");
	strv_copy(ret, rest);
	int r = all ? app_store(app, false, &s, err) : 0;
	if (all && r == 0)
		r = containers_list(s, &l, err);
	for (size_t i = 0; all && r == 0 && i < l.n; i++)
		strv_add(ret, l.c[i].id);
	return r;
}

bool history_wanted(bool option)
{
	const char *env = getenv("BUILDAH_HISTORY");
	return option || (env && (!strcasecmp(env, "true") || streq(env, "1")));
}

void history_add(struct container *c, const char *created_by)
{
	char now[CLOCK_STR_MAX];
	image_config_add_history(
		&c->config, clock_format(clock_now(), now), created_by, NULL, true);
}

int format_is_docker(const char *text, bool *ret, struct err *err)
{
	const char *from = "option '--format'";

	if (!text) {
		text = getenv("BUILDAH_FORMAT");
		from = "BUILDAH_FORMAT";
	}
	*ret = text && streq(text, "docker");
	if (text && *text && !*ret && !streq(text, "oci"))
		return err_set(
			err, ERR_INVALID, "%s: '%s' is not one of 'oci', 'docker'", from, text);
	return 0;
}
