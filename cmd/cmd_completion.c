/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/cmd.h"

static const struct {
	const char *shell, *script;
} scripts[] = {
	{
		"bash",
#include "completion_bash.inc"
	},
	{
		"fish",
#include "completion_fish.inc"
	},
	{
		"zsh",
#include "completion_zsh.inc"
	},
};

static const struct opt completion_options[] = {
	OPT_IGNORED_BOOL(0, "no-descriptions"),
	OPT_END,
};

/* It completes the command, and asks the command, by the name that we were called. */
static void print_script(struct out *out, const char *script)
{
	static const char ours[] = "mica";

	for (const char *at; (at = strstr(script, ours)); script = at + strlen(ours))
		out_printf(out, "%.*s%s", (int)(at - script), script, called_name());
	out_printf(out, "%s", script);
}

static int completion_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	(void)args;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		if (!streq(scripts[i].shell, rest->v[0]))
			continue;
		print_script(&app->out, scripts[i].script);
		return 0;
	}
	return err_set(err, streq(rest->v[0], "powershell") ? ERR_UNSUPPORTED : ERR_INVALID,
		"there is no completion for '%s': it is written for bash, fish and zsh alone",
		rest->v[0]);
}

const struct cmd cmd_completion = {
	.name = "completion",
	.options = completion_options,
	.min_args = 1,
	.max_args = 1,
	.flags = CMD_PLAIN,
	.run = completion_run,
};
