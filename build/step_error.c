/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_error.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/progress.h"
#include "build/stage_run.h"
#include "run/sandbox.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void describe(const struct sandbox_result *res, char *buf, size_t n)
{
	char limit[16], peak[16];
	if (res->oom_killed) {
		int m = snprintf(buf, n, "killed: out of memory, limit %s",
			num_human_size(res->memory_limit, limit, sizeof(limit)));
		if (res->memory_peak && m > 0 && (size_t)m < n)
			snprintf(buf + m, n - (size_t)m, ", peak %s",
				num_human_size(res->memory_peak, peak, sizeof(peak)));
		return;
	}
	if (res->status > 128 && res->status < 128 + 65) {
		const char *name = sigabbrev_np(res->status - 128);
		snprintf(buf, n, "exit status %d (SIG%s)", res->status, name ? name : "?");
		return;
	}
	const char *hint = res->status == 127   ? " (command not found)"
	                   : res->status == 126 ? " (not executable)"
	                                        : "";
	snprintf(buf, n, "exit status %d%s%s", res->status, hint,
		res->pids_limit_hit ? "; the limit on processes was reached" : "");
}

int step_error(
	struct build *b, struct stage_run *r, const struct sandbox_result *result, struct err *err)
{
	const struct step *s = &r->plan->steps[r->next];
	progress_end(b->o->progress, r->id, "failed");
	if (result) {
		char text[160];
		describe(result, text, sizeof(text));
		int status = result->status ? result->status : 137;
		(void)containerfile_error(s->at.file, s->at.inst->pos, err, ERR_COMMAND, "%s: %s",
			s->at.inst->name, text);
		err->sys = status;
		return err->code;
	}
	struct err why = *err;
	(void)containerfile_error(
		s->at.file, s->at.inst->pos, err, why.code, "%s: %s", s->at.inst->name, why.msg);
	err->sys = why.sys;
	return err->code;
}

int commit_error(const struct step *s, struct err *err)
{
	struct err why = *err;
	(void)containerfile_error(s->at.file, s->at.inst->pos, err, why.code,
		"%s: cannot store its layer: %s", s->at.inst->name, why.msg);
	err->sys = why.sys;
	return err->code;
}
