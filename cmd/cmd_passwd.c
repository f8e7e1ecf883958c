/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "cmd/cmd.h"
#include "registry/password.h"
#include "registry/remote.h"

#define ANSWER_MAX 1400 /* a hash, or the text of an error */

static const struct opt passwd_options[] = {
	OPT_END,
};

static int passwd_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_FREE char *program = remote_program();
	AUTO_BUF struct buf out = BUF_INIT(ANSWER_MAX);
	const char *argv[] = {"mica-remote", "password", NULL};
	int status = 0;

	(void)args;
	int r = proc_run(program, argv, rest->v[0], ANSWER_MAX, &out, &status, err);
	if (r < 0)
		return r;
	if (status)
		return err_set(err, ERR_INVALID, "%s", buf_str(&out));
	out_printf(&app->out, "%s\n", buf_str(&out));
	return 0;
}

const struct cmd cmd_passwd = {
	.name = "passwd",
	.options = passwd_options,
	.min_args = 1,
	.max_args = 1,
	.flags = CMD_PLAIN,
	.run = passwd_run,
};
