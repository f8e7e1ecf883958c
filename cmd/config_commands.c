/* SPDX-License-Identifier: Apache-2.0 */
/* config: entry point, default command, shell and health check. */
#include "cmd/config_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/shell_words.h"
#include "cmd/cmd.h"
#include "store/containers.h"

/* A JSON list of strings. */
static bool json_list(const char *text, struct strv *ret)
{
	AUTO_JSON struct json *list = NULL;
	struct err ignored = ERR_INIT;

	if (*text != '[' || json_parse(text, strlen(text), "list", &list, &ignored) < 0)
		return false;
	for (size_t i = 0; i < json_size(list); i++) {
		const char *word = json_text(json_at(list, i));
		if (!word) {
			strv_done(ret);
			return false;
		}
		strv_add(ret, word);
	}
	return true;
}

static int bad_words(const char *option, const char *text, struct err *err)
{
	AUTO_JSON struct json *quoted = json_new_string(text);
	AUTO_FREE char *s = json_dump(quoted, 0);

	return err_wrap(err, "parsing --%s %s: invalid command line string", option, s);
}

int config_set_commands(struct configuring *w, struct err *err)
{
	const struct config_args *a = w->a;
	struct image_config *c = &w->c->config;

	if (a->entrypoint) {
		AUTO_STRV struct strv words = STRV_INIT;
		bool list = json_list(a->entrypoint, &words);
		if (!list && *a->entrypoint) {
			strv_add(&words, "/bin/sh");
			strv_add(&words, "-c");
			strv_add(&words, a->entrypoint);
		}
		strv_copy(&c->entrypoint, &words);
		c->has_entrypoint = words.n > 0;
		config_note(w, "ENTRYPOINT", a->entrypoint);
		if (c->cmd.n && words.n && (!a->cmd || called_buildah())) {
			AUTO_FREE char *cmd = strv_join(&c->cmd, " ");
			out_warn(&w->app->out,
				list ? "cmd \"%s\" exists and will be passed to entrypoint as a "
				       "parameter"
				     : "cmd \"%s\" exists but will be ignored because of "
				       "entrypoint settings",
				cmd);
		}
	}
	if (a->cmd) {
		AUTO_STRV struct strv words = STRV_INIT;
		if (!json_list(a->cmd, &words) && shell_words(a->cmd, &words, err) < 0)
			return bad_words("cmd", a->cmd, err);
		strv_copy(&c->cmd, &words);
		c->has_cmd = words.n > 0;
		config_note(w, "CMD", a->cmd);
	}
	return 0;
}

int config_set_shell(struct configuring *w, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	const char *text = w->a->shell;

	if (!text)
		return 0;
	if (!json_list(text, &words) && shell_words(text, &words, err) < 0)
		return bad_words("shell", text, err);
	strv_copy(&w->c->config.shell, &words);
	config_note(w, "SHELL", text);
	return 0;
}

/* --- health --- */

static int set_duration(const char *option, const char *text, int64_t *ret, struct err *err)
{
	if (!text)
		return 0;
	if (!num_duration(text, ret) || *ret < 0)
		return err_set(err, ERR_INVALID,
			"parsing --%s \"%s\": time: invalid duration \"%s\", wanted is one such as "
			"'30s'",
			option, text, text);
	return 0;
}

static int health_test(const char *text, struct strv *ret, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;

	if (!json_list(text, &words) && shell_words(text, &words, err) < 0)
		return bad_words("healthcheck", text, err);
	if (!words.n)
		return 0;
	if (streq(words.v[0], "CMD-SHELL") && *text != '[') {
		strv_add(ret, "CMD-SHELL");
		strv_add(ret, text + strlen("CMD-SHELL") + strspn(text + strlen("CMD-SHELL"), " "));
		return 0;
	}
	if (!streq(words.v[0], "CMD") && !streq(words.v[0], "CMD-SHELL") &&
		!streq(words.v[0], "NONE"))
		strv_add(ret, "CMD");
	STRV_FOREACH (word, &words)
		strv_add(ret, *word);
	return 0;
}

static void note_health(struct configuring *w)
{
	const struct config_args *a = w->a;
	AUTO_STRV struct strv words = STRV_INIT;

	if (a->hc_interval)
		strv_addf(&words, "--interval=%s", a->hc_interval);
	if (a->hc_retries)
		strv_addf(&words, "--retries=%s", a->hc_retries);
	if (a->hc_start)
		strv_addf(&words, "--start-period=%s", a->hc_start);
	if (a->hc_timeout)
		strv_addf(&words, "--timeout=%s", a->hc_timeout);
	strv_add(&words, a->healthcheck);
	config_note_list(w, "HEALTHCHECK", &words);
}

int config_set_health(struct configuring *w, struct err *err)
{
	const struct config_args *a = w->a;
	struct image_config *c = &w->c->config;
	struct healthcheck h = {
		.interval_ns = 30000000000, .timeout_ns = 30000000000, .retries = 3};

	/* another command is checked as often as the one before, but for what is said anew */
	if (c->has_healthcheck) {
		h = c->healthcheck;
		h.test = (struct strv)STRV_INIT;
	}

	if (!a->healthcheck && (a->hc_interval || a->hc_retries || a->hc_start || a->hc_timeout ||
				       a->hc_start_interval))
		out_warn(&w->app->out, "the options of a health check need '--healthcheck'");
	if (set_duration("healthcheck-interval", a->hc_interval, &h.interval_ns, err) < 0 ||
		set_duration("healthcheck-timeout", a->hc_timeout, &h.timeout_ns, err) < 0 ||
		set_duration("healthcheck-start-period", a->hc_start, &h.start_period_ns, err) <
			0 ||
		set_duration("healthcheck-start-interval", a->hc_start_interval,
			&h.start_interval_ns, err) < 0)
		return err->code;
	if (a->hc_retries && !num_i64(a->hc_retries, 0, INT32_MAX, &h.retries))
		return err_set(err, ERR_INVALID,
			"option '--healthcheck-retries': '%s' is not a number", a->hc_retries);
	if (!a->healthcheck)
		return 0;
	if (health_test(a->healthcheck, &h.test, err) < 0) {
		strv_done(&h.test);
		return err->code;
	}
	strv_done(&c->healthcheck.test);
	c->has_healthcheck = h.test.n > 0;
	c->healthcheck = h;
	note_health(w);
	return 0;
}
