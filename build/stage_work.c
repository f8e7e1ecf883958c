/* SPDX-License-Identifier: Apache-2.0 */
/* The work of a stage's current step, from its directories to the commit of what it made. */
#include "build/stage_run_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/owner.h"
#include "build/as_buildah.h"
#include "build/image_layer.h"
#include "build/leak.h"
#include "build/mount_setup.h"
#include "build/stage_write.h"
#include "build/told.h"
#include "layers/adopt.h"
#include "layers/settle.h"
#include "layers/snapshot.h"
#include "run/network.h"
#include "run/sandbox.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEFTOVERS_MS 10 /* what is much goes so far: somebody may wait for the steps at work */

int stage_make_upper(
	struct build *b, struct stage_run *r, const int *lowers, size_t n, struct err *err)
{
	if (txn_mkdir(b->txn, "upper", &r->upper_name, &r->upper_fd, err) < 0 ||
		txn_mkdir(b->txn, "work", &r->work_name, &r->work_fd, err) < 0)
		return err->code;
	struct stat st;
	/* the merged root shows the upper's attributes */
	if (n && (owner_stat(lowers[0], &st) < 0 ||
			 owner_set(r->upper_fd, st.st_uid, st.st_gid) < 0 ||
			 fchmod(r->upper_fd, st.st_mode & 07777) < 0))
		return err_sys(err, "cannot prepare the step's directory");
	return 0;
}

static int note_cgroup(void *arg, const char *path, struct err *err)
{
	struct stage_run *r = arg;
	return txn_note_cgroup(r->build->txn, path, err);
}

/* Before the command can write anything: what it writes at once counts too. */
static void watch_root(void *arg)
{
	struct stage_run *r = arg;
	const struct build_opts *o = r->build->o;
	step_watch_start(&r->watch);
	step_watch_place(&r->watch, o, r->upper_fd, -1);
	step_watch_place(&r->watch, o, r->work_fd, -1);
	mount_setup_watch(r->mounts, &r->watch);
}

void stage_remove_leftovers(struct stage_run *r)
{
	struct err why = ERR_INIT;
	uint64_t until_ms = clock_ms() + LEFTOVERS_MS;
	for (size_t i = 0; i < r->leftovers.n; i++)
		if (fs_remove_tree_until(txn_fd(r->build->txn), r->leftovers.v[i], until_ms, &why) <
			0)
			log_debug("what a step left is left to the end of the build: %s", why.msg);
	strv_done(&r->leftovers);
}

static int step_network(struct build *b, const struct run_spec *spec, struct err *err)
{
	if (spec->network != RUN_NETWORK_PRIVATE || spec->chroot)
		return 0;
	if (!b->network && network_start(&b->o->box, &b->network, err) < 0)
		return err->code;
	return network_ready(b->network, err);
}

int stage_run_spec(struct build *b, struct stage_run *r, struct map *env, struct run_spec *ret,
	struct err *err)
{
	const struct step *s = stage_step(r);
	struct run_spec spec = b->o->box;
	map_copy(env, &s->env);
	map_merge(env, &s->quiet_env);
	map_merge(env, &b->o->box.env); /* of devices */
	spec.argv = s->argv;
	spec.cwd = s->cwd;
	spec.user = s->user;
	/* BuildKit's, because programs write it into what they build; read only, as all of box */
	static char host_name[] = "buildkitsandbox", buildah_host_name[] = "sandbox";
	if (!spec.hostname)
		spec.hostname = as_buildah_is_fixed(b) ? buildah_host_name : host_name;
	if (s->has_network)
		spec.network = s->network;
	spec.insecure = s->insecure;
	as_buildah_tells(&spec);
	if (mount_setup_finish(r->mounts, env, &spec, err) < 0)
		return err->code;
	spec.env = *env;
	spec.as_pid1 = true;
	*ret = spec;
	return 0;
}

/*
 * What is mounted on /etc/hosts and /etc/resolv.conf needs files there, which many images lack.
 * They need not be made in each step's upper directory, and taken out of it again: all steps have
 * the same ones below their layers.
 */
static int make_mount_points(struct build *b, struct err *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_FD int dir = -1;
	if (b->mount_points >= 0)
		return 0;
	if (txn_mkdir(b->txn, "below", &name, &dir, err) < 0)
		return err->code;
	if (mkdirat(dir, "etc", 0755) < 0 || fchmodat(dir, "etc", 0755, 0) < 0 ||
		mknodat(dir, "etc/hosts", S_IFREG | 0644, 0) < 0 ||
		mknodat(dir, "etc/resolv.conf", S_IFREG | 0644, 0) < 0)
		return err_sys(err, "cannot make mount points in the store");
	b->mount_points = take_fd(&dir);
	return 0;
}

/* *ret_end: what the step has of it. */
static int open_stream(struct step_stream *s, int *ret_end, struct err *err)
{
	int ends[2];
	/* whoever the step's user is may open /dev/stdout */
	if (pipe2(ends, O_CLOEXEC) < 0 || fchmod(ends[0], 0666) < 0)
		return err_sys(err, "cannot make a pipe");
	s->fd = ends[0];
	*ret_end = ends[1];
	return 0;
}

static int start_sandbox(struct build *b, struct stage_run *r, const int *lowers, struct err *err)
{
	struct run_spec spec = {0};
	AUTO_MAP struct map env = MAP_INIT;
	if (stage_run_spec(b, r, &env, &spec, err) < 0)
		return err->code;
	/* what nothing is mounted on would be seen */
	bool points = !spec.chroot && !spec.no_hosts && !spec.no_resolv;
	if (points && make_mount_points(b, err) < 0)
		return err->code;
	spec.root = (struct snapshot){.lower = lowers,
		.n_lower = r->chain.n,
		.upper = r->upper_fd,
		.work = r->work_fd,
		.below = points ? &b->mount_points : NULL};
	AUTO_FD int out_w = -1, err_w = -1;
	if (open_stream(&r->printed, &out_w, err) < 0 ||
		(b->o->errors_apart && open_stream(&r->complained, &err_w, err) < 0))
		return err->code;
	spec.in = b->o->stdin ? STDIN_FILENO : -1;
	spec.out = out_w;
	spec.errfd = err_w >= 0 ? err_w : out_w;
	spec.tty = false;
	const struct sandbox_hooks hooks = {
		.note_cgroup = note_cgroup, .root_ready = watch_root, .arg = r};
	int rc = step_network(b, &spec, err);
	if (rc == 0)
		rc = sandbox_start(&spec, spec.network == RUN_NETWORK_PRIVATE ? b->network : NULL,
			&hooks, &r->box, NULL, err);
	if (rc == ERR_NOT_FOUND || rc == ERR_DENIED) {
		/* of a command that cannot begin: its status is what a shell gives, and runc */
		err->sys = rc == ERR_NOT_FOUND ? 127 : 126;
		rc = err->code = ERR_COMMAND;
	}
	return rc;
}

/* The tree that a COPY --from reads, mounted read-only. */
int stage_open_source(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = stage_step(r);
	if (s->kind != STEP_COPY || s->from == COPY_FROM_CONTEXT) {
		r->source = s->context == NO_CONTEXT ? b->context : b->contexts[s->context].tree;
		return 0;
	}
	if (r->source)
		return 0;
	struct chain image_chain = {0};
	const struct chain *c = &image_chain;
	if (s->from == COPY_FROM_STAGE)
		c = &b->runs[s->from_stage].chain;
	else if (s->from == COPY_FROM_IMAGE)
		chain_of_image(b, &b->images[s->from_image].image, &image_chain);
	AUTO_FREE int *fds = NULL;
	AUTO_FREE char *work_name = NULL;
	AUTO_FD int work = -1;
	int rc = chain_open(b, c, &fds, err);
	if (rc == 0 && c->n != 1)
		rc = txn_mkdir(b->txn, "work", &work_name, &work, err);
	struct snapshot snap = {.lower = fds, .n_lower = c->n, .upper = -1, .work = work};
	if (rc == 0 && c->n == 0)
		r->source_fd = take_fd(&work); /* nothing is in it */
	else if (rc == 0)
		rc = snapshot_mount(&snap, &r->source_fd, err);
	if (rc == 0)
		r->source = filetree_new(r->source_fd, NULL, NULL, 0);
	chain_done(&image_chain);
	return rc;
}

static int start_work(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = stage_step(r);
	AUTO_FREE int *lowers = NULL;
	r->begun = clock_now();
	if ((!s->link && chain_open(b, &r->chain, &lowers, err) < 0) ||
		stage_make_upper(b, r, lowers, s->link ? 0 : r->chain.n, err) < 0 ||
		stage_open_source(b, r, err) < 0)
		return err->code;
	if (s->kind == STEP_RUN)
		return start_sandbox(b, r, lowers, err);
	step_watch_start(&r->watch);
	return stage_write_start(b, r, lowers, err);
}

/* A RUN needs its mounts first, which may take a job. */
int stage_start_work(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = stage_step(r);
	if (s->kind != STEP_RUN)
		return start_work(b, r, err);
	mounts_keep_lists(b, s);
	if (mount_setup_new(b, s, !stage_cache_allowed(b, r), &r->mounts, err) < 0)
		return err->code;
	r->preparing = mount_setup_waits(r->mounts);
	step_watch_start(&r->watch);
	return r->preparing ? job_start(&r->job, mount_setup_job, r->mounts, err)
	                    : start_work(b, r, err);
}

int stage_prepared(struct build *b, struct stage_run *r, struct err *err)
{
	r->preparing = false;
	return start_work(b, r, err);
}

int stage_settle(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = stage_step(r);
	AUTO_FREE int *lowers = NULL;
	if (!s->link && chain_open(b, &r->chain, &lowers, err) < 0)
		return err->code;
	struct snapshot snap = {.lower = lowers,
		.n_lower = s->link ? 0 : r->chain.n,
		.upper = r->upper_fd,
		.work = r->work_fd};
	struct timespec never = {0};
	/* a copy of what is there already is none, as BuildKit sees it, whatever its time is */
	const struct timespec always = {.tv_sec = INT64_MAX};
	bool ran = s->kind == STEP_RUN;
	if (snapshot_settle(&snap, ran ? r->begun : always, err) < 0)
		return err->code;
	/* the upper directory is of this step alone: all that is new in it is the step's */
	return ran ? snapshot_adopt(&snap, r->uid, r->gid, never, err) : 0;
}

/* No layer is made of what has a secret in it that is not to be there. */
static int check_leaks(struct build *b, const struct stage_run *r, struct err *err)
{
	const struct step *s = stage_step(r);
	const struct secret *secret = NULL;
	AUTO_FREE char *path = NULL;
	int rc = s->kind != STEP_RUN ? 0
	                             : leak_find(r->upper_fd, &b->secrets, s, &secret, &path, err);
	if (rc <= 0)
		return rc;
	if (secret->leak == LEAK_FAIL)
		return err_set(err, ERR_DENIED,
			"the step left the secret '%s' in %s: remove it in the same step (it was "
			"given "
			"with leak=fail)",
			secret->id, path);
	strv_addf(&b->result->warnings,
		"%s:%u: RUN left the secret '%s' in %s, where whoever has the image can read it",
		s->at.file->name, s->at.inst->pos.line, secret->id, path);
	return 0;
}

int stage_commit(
	struct build *b, struct stage_run *r, const struct layer *archived, struct err *err)
{
	static const struct chain nothing;
	struct link *l;
	step_watch_stop(&r->watch);
	stage_close_source(r);
	mount_setup_free(take(r->mounts));
	if (stage_settle(b, r, err) < 0 || check_leaks(b, r, err) < 0)
		return err->code;
	mem_close_p(&r->work_fd);
	const struct step *s = stage_step(r);
	bool unsure = s->kind == STEP_RUN && mounts_changed(b, s, &r->inputs);
	if (unsure)
		strv_addf(&b->result->warnings,
			"%s:%u: files of the context changed while RUN was shown them: the step "
			"is not cached",
			s->at.file->name, s->at.inst->pos.line);
	const struct link_origin o = {.step = s,
		.made_by = r->step_key,
		.inputs = r->inputs,
		.below = stage_step(r)->link ? &nothing : &r->chain,
		.created = r->begun,
		.of_image = stage_is_of_image(b, r->plan->stage->index),
		.unsure = unsure || as_buildah_forgets(b)};
	int rc = archived ? link_archived(b, &r->blob, archived, &o, &l, err)
	                  : link_commit_start(b, r->upper_name, take_fd(&r->upper_fd), &o, &l, err);
	mem_close_p(&r->upper_fd);
	tmp_done(&r->blob);
	if (rc < 0)
		return rc;
	if (l->empty)
		strv_add(&r->leftovers, r->upper_name);
	strv_add(&r->leftovers, r->work_name);
	mem_replace(&r->upper_name, NULL);
	mem_replace(&r->work_name, NULL);
	told_step_over(b, r, NULL);
	b->result->steps_run++;
	stage_step_over(r, l, r->begun);
	r->state = STAGE_WAITING;
	return 0;
}
