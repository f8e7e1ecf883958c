/* SPDX-License-Identifier: Apache-2.0 */
/* One `config` on its way: cmd_config.c has what is text, a list or a map, config_commands.c what
 * is run. */
#pragma once
#include "base/strv.h"
#include <stdbool.h>

struct app;
struct container;
struct err;

struct config_args {
	bool add_history;
	const char *arch, *author, *cmd, *comment, *created_by, *domainname, *entrypoint,
		*healthcheck, *hc_interval, *hc_retries, *hc_start_interval, *hc_start, *hc_timeout,
		*history_comment, *hostname, *os, *os_version, *shell, *stop_signal, *user,
		*variant, *workdir;
	struct strv annotations, env, labels, on_build, os_features, ports, unset_labels,
		unset_annotations, volumes;
};

struct configuring {
	const struct config_args *a;
	struct container *c;
	struct app *app;
	bool history;
};

/* A line of history, where one is wanted: "VERB text". */
void config_note(struct configuring *w, const char *verb, const char *text);
/* The same of words, unless there are none. */
void config_note_list(struct configuring *w, const char *verb, const struct strv *words);

/* All three: nothing where the option was not given. ERR_INVALID */
/* The default command is words as a shell splits them; an entry point that is not a list is for the
 * shell, and the default command is then not used. */
int config_set_commands(struct configuring *w, struct err *err) __attribute__((warn_unused_result));
int config_set_shell(struct configuring *w, struct err *err) __attribute__((warn_unused_result));
int config_set_health(struct configuring *w, struct err *err) __attribute__((warn_unused_result));
