/* SPDX-License-Identifier: Apache-2.0 */
#include "build/on_error.h"

#include "base/err.h"
#include "base/mem.h"
#include "build/finish.h"
#include "build/mount_setup.h"
#include "build/stage_run_internal.h"

#include <string.h>
#include <unistd.h>

/* The one of the shell form, as far as it was used. */
static char *shell_of(const struct step *s)
{
	static char usual[] = "/bin/sh";
	bool used = !s->at.inst->json && s->argv.n > 1 && s->argv.v[0][0] == '/';
	return used ? s->argv.v[0] : usual;
}

static int enter(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = stage_step(r);
	AUTO_FREE int *lowers = NULL;
	AUTO_MAP struct map env = MAP_INIT;
	AUTO_FD int left = take_fd(&r->upper_fd);
	struct run_spec spec = {0};
	mem_close_p(&r->work_fd);
	mem_replace(&r->upper_name, NULL);
	mem_replace(&r->work_name, NULL);
	if (chain_open_below(b, &r->chain, left, &lowers, err) < 0 ||
		stage_make_upper(b, r, lowers, r->chain.n + 1, err) < 0 ||
		mount_setup_new(b, s, false, &r->mounts, err) < 0 ||
		(mount_setup_waits(r->mounts) && mount_setup_job(r->mounts, NULL, err) < 0) ||
		stage_run_spec(b, r, &env, &spec, err) < 0)
		return err->code;
	char *words[] = {shell_of(s), NULL};
	spec.argv = (struct strv){.v = words, .n = 1};
	spec.root = (struct snapshot){.lower = lowers,
		.n_lower = r->chain.n + 1,
		.upper = r->upper_fd,
		.work = r->work_fd};
	spec.tty = true;
	spec.in = STDIN_FILENO;
	spec.out = STDOUT_FILENO;
	spec.errfd = STDERR_FILENO;
	return b->o->enter(b->o->enter_arg, &spec, err);
}

/* Records are written by the executor while steps go well: no cache will say that this is the
 * step's result. */
static int keep(struct build *b, struct stage_run *r, struct err *err)
{
	const struct link_origin o = {.step = stage_step(r),
		.made_by = r->step_key,
		.inputs = r->inputs,
		.below = &r->chain,
		.created = r->begun,
		.of_image = true};
	struct link *l;
	if (link_commit_start(b, r->upper_name, take_fd(&r->upper_fd), &o, &l, err) < 0)
		return err->code;
	if (link_commit_finish(b, l, true, err) < 0)
		return err->code;
	stage_step_over(r, l, r->begun);
	return finish_left(b, r, &b->result->left, err);
}

int on_error(struct build *b, struct err *err)
{
	struct stage_run *r = b->failed;
	if (b->o->on_error == ON_ERROR_DROP || !r)
		return 0;
	step_watch_stop(&r->watch);
	mount_setup_free(take(r->mounts));
	if (stage_settle(b, r, err) < 0)
		return err->code;
	return b->o->on_error == ON_ERROR_SHELL ? enter(b, r, err) : keep(b, r, err);
}
