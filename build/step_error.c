/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_error.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/room.h"
#include "base/root.h"
#include "build/as_buildah.h"
#include "build/build_internal.h"
#include "build/chain.h"
#include "build/error_excerpt.h"
#include "build/stage_run.h"
#include "build/step_blame.h"
#include "build/told.h"
#include "layers/snapshot.h"
#include "run/exec_explain.h"
#include "run/sandbox.h"
#include "store/disk_usage.h"
#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64 /* of a command that are looked at */
#define MORE_MAX 1024

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
		snprintf(buf, n, "killed by signal %d%s%s%s (exit status %d)", res->status - 128,
			name ? " (SIG" : "", name ? name : "", name ? ")" : "", res->status);
		return;
	}
	const char *hint = res->status == 127   ? " (command not found)"
	                   : res->status == 126 ? " (not executable)"
	                                        : "";
	snprintf(buf, n, "exit status %d%s%s", res->status, hint,
		res->pids_limit_hit ? "; the limit on processes was reached" : "");
}

/* The first path in the words of a command that is there and cannot be executed, and why. */
static bool find_culprit(int root, const struct step *s, struct buf *ret)
{
	static const char between[] = " \t\n;&|()<>\"'`";
	if (!s->argv.n)
		return false;
	const char *at = s->argv.v[s->argv.n - 1];
	for (unsigned i = 0; i < WORDS_MAX && *at; i++) {
		at += strspn(at, between);
		AUTO_FREE char *word = xstrndup(at, strcspn(at, between));
		char why[EXEC_EXPLAIN_MAX];
		at += strlen(word);
		if (!strchr(word, '/'))
			continue;
		AUTO_FREE char *path = path_resolve(s->cwd ? s->cwd : "/", word);
		struct stat st;
		/* a directory is more often an argument than a command */
		if (root_stat(root, path, &st) < 0 || !S_ISREG(st.st_mode) ||
			(i > 0 && !(st.st_mode & 0111)) || !exec_explain(root, path, why))
			continue;
		buf_addf(ret, "; '%s' is there, but %s", word, why);
		return true;
	}
	return false;
}

/* A shell says "not found" of a program whose interpreter is missing: the files of the image tell.
 */
static void look_into(struct build *b, const struct stage_run *r, struct buf *ret)
{
	AUTO_FREE int *lowers = NULL;
	AUTO_FD int root = -1;
	struct err ignored = ERR_INIT;
	if (r->upper_fd < 0 || chain_open_below(b, &r->chain, r->upper_fd, &lowers, &ignored) < 0)
		return;
	struct snapshot snap = {
		.lower = lowers, .n_lower = r->chain.n + 1, .upper = -1, .work = -1};
	if (snapshot_mount(&snap, &root, &ignored) < 0 ||
		!find_culprit(root, &r->plan->steps[r->next], ret))
		log_debug("no culprit: %s", ignored.msg);
}

/* The command may have said no more than "I/O error". */
static void look_at_disk(const struct stage_run *r, struct buf *ret)
{
	struct room room;
	unsigned long long n;
	if (r->upper_fd < 0 || room_of(r->upper_fd, &room) < 0)
		return;
	const char *what = room_lack(&room, &n);
	if (!what)
		return;
	/* what it wrote to a cache mount is not known */
	uint64_t written = streq(what, "bytes") ? disk_usage(r->upper_fd, ".") : 0;
	bool told = written > room.bytes;
	unsigned long long more = streq(what, "bytes") ? n + room.block : n + 1;
	buf_addf(ret,
		"; the disk of the store is full (%llu %s are free, at least %llu are needed%s)", n,
		what, told ? (unsigned long long)written : more,
		told ? ": so much it had written" : "");
}

static void look_at_secrets(const struct step *s, struct buf *ret)
{
	STRV_FOREACH (id, &s->not_given)
		buf_addf(ret, "; the secret '%s' was not given: --secret id=%s,src=FILE", *id, *id);
}

int step_error(
	struct build *b, struct stage_run *r, const struct sandbox_result *result, struct err *err)
{
	const struct step *s = &r->plan->steps[r->next];
	if (err->code == ERR_CANCELLED)
		progress_end(b->o->progress, r->id, "failed");
	else
		told_step_failed(b, r);
	if (result) {
		char text[160];
		AUTO_BUF struct buf more = BUF_INIT(MORE_MAX);
		describe(result, text, sizeof(text));
		if (!result->oom_killed && (result->status == 126 || result->status == 127))
			look_into(b, r, &more);
		look_at_secrets(s, &more);
		look_at_disk(r, &more);
		int status = result->status ? result->status : 137;
		b->failed = r;
		(void)containerfile_error(s->at.file, s->at.inst->pos, err, ERR_COMMAND, "%s: %s%s",
			s->at.inst->name, text, buf_str(&more));
		err->sys = status;
		return as_buildah_error(s->at.inst, err);
	}
	struct err why = *err;
	struct blame blame;
	room_tell(store_path(b->store), &why);
	if (step_blame(b, r, &why, &blame)) {
		(void)containerfile_error(blame.file, blame.pos, err, why.code, "%s%s%s",
			blame.text ? "" : s->at.inst->name, blame.text ? "" : ": ",
			blame.text ? blame.text : why.msg);
		free(blame.text);
		err->sys = why.sys;
		return as_buildah_error(s->at.inst, err);
	}
	(void)containerfile_error(
		s->at.file, s->at.inst->pos, err, why.code, "%s: %s", s->at.inst->name, why.msg);
	err->sys = why.sys;
	return as_buildah_error(s->at.inst, err);
}

int commit_error(struct build *b, const struct step *s, struct err *err)
{
	struct err why = *err;
	room_tell(store_path(b->store), &why);
	(void)containerfile_error(s->at.file, s->at.inst->pos, err, why.code,
		"%s: cannot store its layer: %s", s->at.inst->name, why.msg);
	err->sys = why.sys;
	return as_buildah_error(s->at.inst, err);
}
