/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/container_args.h"

#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "store/store.h"

#define TRIES 20 /* before we say that we wait */
#define TRY_NS 5000000

enum use_kind { USE_KNOWN, USE_READ, USE_DAMAGED };

static int open_it(struct store *s, const char *text, enum use_kind kind, enum container_hold hold,
	bool wait, struct container *ret, struct err *err)
{
	return kind == USE_DAMAGED ? container_open_any(s, text, wait, ret, err)
	                           : container_open(s, text, hold, wait, ret, err);
}

/* Says so when it has to wait. */
static int open_noted(struct app *app, struct store *s, const char *text, enum use_kind kind,
	enum container_hold hold, struct container *ret, struct err *err)
{
	int r;
	/* who begins or ends something in it has it for a moment only */
	for (unsigned tries = 0;
		(r = open_it(s, text, kind, hold, false, ret, err)) == ERR_BUSY && tries < TRIES;
		tries++) {
		err_clear(err);
		(void)nanosleep(&(struct timespec){.tv_nsec = TRY_NS}, NULL);
	}
	if (r != ERR_BUSY)
		return r;
	out_note(&app->out, "waiting: %s", err->msg);
	err_clear(err);
	return open_it(s, text, kind, hold, true, ret, err);
}

static int use(struct app *app, const char *text, enum use_kind kind, enum container_hold hold,
	struct container_use *ret, struct err *err)
{
	int r = app_store(app, 0, &ret->s, err);
	if (r == 0)
		r = txn_begin(ret->s, &ret->t, err);
	if (r < 0 && kind == USE_READ && ret->s && store_is_closed(err)) {
		err_clear(err);
		r = txn_read(ret->s, &ret->t, err);
	}
	if (r == 0)
		r = open_noted(app, ret->s, text, kind, hold, &ret->c, err);
	return r;
}

int container_use_alone(
	struct app *app, struct container_use *u, struct container *before, struct err *err)
{
	*before = u->c;
	container_init(&u->c);
	container_unlock(before);
	return open_noted(app, u->s, before->id, USE_KNOWN, CONTAINER_ALONE, &u->c, err);
}

int container_use(struct app *app, const char *text, enum container_hold hold,
	struct container_use *ret, struct err *err)
{
	return use(app, text, USE_KNOWN, hold, ret, err);
}

int container_look(struct app *app, const char *text, enum container_hold hold,
	struct container_use *ret, struct err *err)
{
	return use(app, text, USE_READ, hold, ret, err);
}

int container_use_any(struct app *app, const char *text, struct container_use *ret, struct err *err)
{
	return use(app, text, USE_DAMAGED, CONTAINER_ALONE, ret, err);
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
