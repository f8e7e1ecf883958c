/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/container_args.h"

#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "store/store.h"

typedef int (*opener)(
	struct store *s, const char *text, bool wait, struct container *ret, struct err *err);

static int use(struct app *app, const char *text, opener open_it, bool reads,
	struct container_use *ret, struct err *err)
{
	int r = app_store(app, 0, &ret->s, err);
	if (r == 0)
		r = txn_begin(ret->s, &ret->t, err);
	if (r < 0 && reads && ret->s && store_is_closed(err)) {
		err_clear(err);
		r = txn_read(ret->s, &ret->t, err);
	}
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
	return use(app, text, container_open, false, ret, err);
}

static int open_alone(
	struct store *s, const char *text, bool wait, struct container *ret, struct err *err)
{
	int r = container_open(s, text, wait, ret, err);
	if (r != ERR_BUSY)
		return r;
	AUTO_FREE char *why = xstrdup(err->msg);
	return err_set(err, r, "%s; in one that is mounted several commands can run at once", why);
}

/* Its mount has a place for many. */
static int open_to_run(
	struct store *s, const char *text, bool wait, struct container *ret, struct err *err)
{
	AUTO_CONTAINER struct container c;
	struct err ignored = ERR_INIT;

	container_init(&c);
	if (container_find(s, text, &c, &ignored) < 0 ||
		container_mounted(s, &c) != CONTAINER_MOUNTED)
		return open_alone(s, text, wait, ret, err);
	int r = container_open_shared(s, c.id, wait, ret, err);
	if (r < 0 || container_mounted(s, ret) == CONTAINER_MOUNTED)
		return r;
	/* no longer */
	container_done(ret);
	container_init(ret);
	return open_alone(s, text, wait, ret, err);
}

int container_use_to_run(
	struct app *app, const char *text, struct container_use *ret, struct err *err)
{
	return use(app, text, open_to_run, false, ret, err);
}

int container_look(struct app *app, const char *text, struct container_use *ret, struct err *err)
{
	return use(app, text, container_open, true, ret, err);
}

int container_use_any(struct app *app, const char *text, struct container_use *ret, struct err *err)
{
	return use(app, text, container_open_any, false, ret, err);
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
	int r = all ? app_store(app, 0, &s, err) : 0;
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
