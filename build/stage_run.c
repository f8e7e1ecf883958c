/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stage_run.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/progress.h"
#include "build/copy.h"
#include "build/image_layer.h"
#include "build/input_list.h"
#include "build/inputs.h"
#include "build/logfile.h"
#include "build/mount_setup.h"
#include "build/remote_file.h"
#include "build/step_error.h"
#include "build/step_record.h"
#include "layers/adopt.h"
#include "layers/settle.h"
#include "layers/snapshot.h"
#include "run/network.h"
#include "run/sandbox.h"
#include "store/blobs.h"
#include "store/records.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_BUF (64 * KIB)

void stage_run_init(struct stage_run *r, struct build *b, struct stage_plan *p)
{
	*r = (struct stage_run){.build = b,
		.plan = p,
		.upper_fd = -1,
		.work_fd = -1,
		.out_fd = -1,
		.source_fd = -1};
	r->results = xcalloc(p->n_steps + 1, sizeof(*r->results));
}

static void close_fd(int *fd)
{
	mem_close_p(fd);
	*fd = -1;
}

/* The tree of another stage or image is no longer needed; the context belongs to the build. */
static void source_close(struct stage_run *r)
{
	if (r->source_fd >= 0)
		filetree_free(r->source);
	r->source = NULL;
	close_fd(&r->source_fd);
}

void chain_of_image(struct build *b, const struct image *img, struct chain *ret)
{
	for (size_t i = 0; i < img->manifest.n_layers && i < img->config.n_diff_ids; i++) {
		struct layer l = {
			.diff_id = img->config.diff_ids[i],
			.blob = img->manifest.layers[i].digest,
			.blob_size = img->manifest.layers[i].size,
		};
		chain_add(ret, link_known(b, &l, COMPRESSION_GZIP));
	}
}

struct digest image_key(const struct image *img)
{
	struct digest d = chain_key_empty();
	for (size_t i = 0; i < img->config.n_diff_ids; i++) {
		struct link l = {.layer = {.diff_id = img->config.diff_ids[i]}};
		d = link_key(&d, &l);
	}
	return d;
}

/* False while the base stage is not done. */
static bool start(struct build *b, struct stage_run *r)
{
	const struct stage *st = r->plan->stage;
	if (st->base_stage != NO_STAGE) {
		struct stage_run *base = &b->runs[st->base_stage];
		if (base->state != STAGE_DONE)
			return false;
		chain_copy(&r->chain, &base->chain);
		r->key = base->key;
	} else if (r->plan->base_image != NO_STAGE) {
		const struct image *img = &b->images[r->plan->base_image].image;
		chain_of_image(b, img, &r->chain);
		r->key = image_key(img);
	} else {
		r->key = chain_key_empty();
	}
	r->started = true;
	return true;
}

static const struct step *current(const struct stage_run *r)
{
	return &r->plan->steps[r->next];
}

static void step_begin(struct build *b, struct stage_run *r)
{
	const struct stage *st = r->plan->stage;
	const struct stage_target *t = build_target_of(b, st);
	char number[24] = "", platform[100] = "";
	if (b->stages.n_targets > 1)
		platform_str(&t->platform, platform);
	if (!st->name && t->end - t->first > 1)
		snprintf(number, sizeof(number), "stage-%zu", st->index - t->first);
	const char *name = st->name ? st->name : number;
	mem_replace(&r->id, xasprintf("%s%s%s%s%zu/%zu", platform, *platform ? " " : "", name,
				    *name ? " " : "", r->next + 1, r->plan->n_steps));
	progress_begin(b->o->progress, r->id, current(r)->title, 0);
}

/* The step is over: its layer joins the chain. */
static void step_over(struct stage_run *r, struct link *l, struct timespec created)
{
	r->results[r->next] = (struct step_result){.link = l,
		.created = created,
		.ran = l && l->step,
		.miss = r->miss,
		.key = r->step_key,
		.inputs = r->inputs};
	r->miss = MISS_NONE;
	if (l) {
		chain_add(&r->chain, l);
		r->key = link_key(&r->key, l);
	}
	r->key_known = false;
	r->next++;
}

static enum cache_miss cache_forbidden(const struct build *b, const struct stage_run *r)
{
	if (b->o->no_cache)
		return MISS_NO_CACHE;
	const char *name = r->plan->stage->name;
	return name && strv_has(&b->o->no_cache_stages, name) ? MISS_FILTER : MISS_NONE;
}

static bool cache_allowed(const struct build *b, const struct stage_run *r)
{
	return cache_forbidden(b, r) == MISS_NONE;
}

static bool too_old(const struct build *b, const struct record *rec)
{
	struct timespec now = clock_now();
	double age = (double)now.tv_sec - (double)rec->created_s +
	             ((double)now.tv_nsec - rec->created_ns) / 1e9;
	return b->o->has_cache_ttl && age * 1e9 > (double)b->o->cache_ttl_ns;
}

/* from: the cache elsewhere that says so, NULL: the store. */
static void answer(
	struct build *b, struct stage_run *r, const struct record *rec, struct remote_cache *from)
{
	struct timespec created = {.tv_sec = rec->created_s, .tv_nsec = (long)rec->created_ns};
	struct link *l = rec->has_layer ? link_known(b, &rec->layer, rec->compression) : NULL;
	uint64_t size;
	struct err ignored = ERR_INIT;
	if (l && from &&
		!(blob_has(b->store, &l->layer.blob, &size) && size == l->layer.blob_size)) {
		l->from = from;
		l->record_key = r->step_key;
		l->created = created;
	} else if (l && digest_is_zero(&l->layer.blob)) {
		l->record_key = r->step_key; /* where its blob is noted when it has one */
		l->created = created;
	} else if (from && record_put(b->store, &r->step_key, rec, &ignored) < 0) {
		log_debug("cache record: %s", ignored.msg);
	}
	progress_end(b->o->progress, r->id, "cached");
	b->result->steps_cached++;
	step_over(r, l, created);
}

/* Uses the record of step_key. ERR_NOT_FOUND: there is none. */
static int use_record(struct build *b, struct stage_run *r, struct err *err)
{
	struct record rec = {0};
	r->miss = cache_forbidden(b, r);
	if (r->miss != MISS_NONE)
		return err_set(err, ERR_NOT_FOUND, "the cache is not used");
	int rc = record_get(b->store, &r->step_key, &rec, err);
	if (rc == 0 && too_old(b, &rec)) {
		record_done(&rec);
		r->miss = MISS_OLD;
		return err_set(err, ERR_NOT_FOUND, "the record is too old");
	}
	if (rc == ERR_NOT_FOUND || rc == ERR_CORRUPT)
		r->miss = rc == ERR_CORRUPT ? MISS_LAYER : MISS_NO_RECORD;
	struct remote_cache *from = NULL;
	const struct record *there =
		r->miss == MISS_NONE ? NULL : remote_cache_find(b, &r->step_key, &from);
	if (there && !too_old(b, there)) {
		r->miss = MISS_NONE;
		answer(b, r, there, from);
		return 0;
	}
	if (rc < 0)
		return rc;
	answer(b, r, &rec, NULL);
	record_done(&rec);
	return 0;
}

/* What another stage made of the same: two stages that begin alike are one until they part. */
static bool share(struct build *b, struct stage_run *r)
{
	for (size_t i = 0; i < b->n_links; i++) {
		struct link *l = b->links[i];
		if (!l->step || !digest_equal(&l->made_by, &r->step_key))
			continue;
		progress_end(b->o->progress, r->id, "cached");
		b->result->steps_cached++;
		step_over(r, l, l->created);
		return true;
	}
	return false;
}

static bool made_elsewhere(const struct build *b, const struct stage_run *r)
{
	for (size_t i = 0; i < b->stages.n; i++) {
		const struct stage_run *o = &b->runs[i];
		if (o != r && o->plan && o->state == STAGE_BUSY && o->key_known && !o->hashing &&
			digest_equal(&o->step_key, &r->step_key))
			return true;
	}
	return false;
}

/* The fresh upper and work directories of a step. */
static int make_upper(
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
	step_watch_start(&r->watch, r->build->o, r->upper_fd, r->work_fd);
}

static int step_network(struct build *b, const struct run_spec *spec, struct err *err)
{
	if (spec->network != RUN_NETWORK_PRIVATE || spec->chroot)
		return 0;
	if (!b->network && network_start(run_spec_needs_gateway(&b->o->box), &b->network, err) < 0)
		return err->code;
	return network_ready(b->network, err);
}

/* The spec of a RUN: what the step says, and what holds for all of them. Members of box are
 * borrowed. */
static int start_sandbox(struct build *b, struct stage_run *r, const int *lowers, struct err *err)
{
	const struct step *s = current(r);
	struct run_spec spec = b->o->box;
	AUTO_MAP struct map env = MAP_INIT;
	map_copy(&env, &s->env);
	map_merge(&env, &s->quiet_env);
	spec.argv = s->argv;
	spec.cwd = s->cwd;
	spec.user = s->user;
	/* BuildKit's, because programs write it into what they build; read only, as all of box */
	static char host_name[] = "buildkitsandbox";
	if (!spec.hostname)
		spec.hostname = host_name;
	spec.root = (struct snapshot){
		.lower = lowers, .n_lower = r->chain.n, .upper = r->upper_fd, .work = r->work_fd};
	if (s->has_network)
		spec.network = s->network;
	spec.insecure = s->insecure;
	if (mount_setup_finish(r->mounts, &env, &spec, err) < 0)
		return err->code;
	spec.env = env;
	int pipefd[2];
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	r->out_fd = pipefd[0];
	AUTO_FD int out_w = pipefd[1];
	spec.in = b->o->stdin ? STDIN_FILENO : -1;
	spec.out = spec.errfd = out_w;
	spec.tty = false;
	spec.as_pid1 = true;
	struct sandbox_hooks hooks = {
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

struct write_job {
	struct build *b;
	struct stage_run *r;
	const int *lowers;
};

/* What the step copies, which is hashed already: for the explanation of a later build. */
static void keep_list(struct build *b, struct stage_run *r)
{
	AUTO_BUF struct buf list = BUF_INIT(INPUT_LIST_MAX);
	struct err err = ERR_INIT;
	struct digest d, id = input_list_id(&r->inputs, &current(r)->sources);
	if (!input_list_has(b, &id) && inputs_digest(r->source, current(r), &d, &list, &err) == 0)
		input_list_keep(b, &id, &list);
}

static int write_job(void *arg, struct buf *out, struct err *err)
{
	const struct write_job *w = arg;
	struct stage_run *r = w->r;
	const struct step *s = current(r);
	struct snapshot snap = {.lower = w->lowers,
		.n_lower = s->link ? 0 : r->chain.n,
		.upper = r->upper_fd,
		.work = r->work_fd};
	AUTO_FD int root = -1;
	if (snapshot_mount(&snap, &root, err) < 0)
		return err->code;
	struct copy_work c = {.step = s,
		.source = r->source,
		.root = root,
		.empty_root = r->chain.n == 0,
		.notes = out};
	if (s->kind == STEP_WORKDIR)
		return workdir_run(&c, err);
	for (size_t i = 0; i < s->n_remote; i++)
		if (s->remote[i] && remote_file_get(w->b, s->remote[i], err) < 0)
			return err_wrap(err, "%s", s->remote[i]->url);
	if (s->from == COPY_FROM_CONTEXT && s->sources.n)
		keep_list(w->b, r);
	return copy_run(&c, err);
}

/* The tree that a COPY --from reads, mounted read-only. */
static int open_source(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = current(r);
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
		r->source = filetree_new(r->source_fd, NULL, NULL, false);
	chain_done(&image_chain);
	return rc;
}

static int start_work(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = current(r);
	AUTO_FREE int *lowers = NULL;
	r->begun = clock_now();
	if ((!s->link && chain_open(b, &r->chain, &lowers, err) < 0) ||
		make_upper(b, r, lowers, s->link ? 0 : r->chain.n, err) < 0 ||
		open_source(b, r, err) < 0)
		return err->code;
	if (s->kind == STEP_RUN)
		return start_sandbox(b, r, lowers, err);
	step_watch_start(&r->watch, b->o, -1, -1);
	struct write_job w = {.b = b, .r = r, .lowers = lowers};
	return job_start(&r->job, write_job, &w, err);
}

/* A RUN needs its mounts first, which may take a job. */
static int start_step(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = current(r);
	if (s->kind != STEP_RUN)
		return start_work(b, r, err);
	mounts_keep_lists(b, s);
	if (mount_setup_new(b, s, !cache_allowed(b, r), &r->mounts, err) < 0)
		return err->code;
	r->preparing = mount_setup_waits(r->mounts);
	step_watch_start(&r->watch, b->o, -1, -1);
	return r->preparing ? job_start(&r->job, mount_setup_job, r->mounts, err)
	                    : start_work(b, r, err);
}

static int handle_prepared(struct build *b, struct stage_run *r, struct err *err)
{
	r->preparing = false;
	return start_work(b, r, err);
}

static int hash_job(void *arg, struct buf *out, struct err *err)
{
	struct stage_run *r = arg;
	AUTO_BUF struct buf list = BUF_INIT(INPUT_LIST_MAX);
	struct digest d;
	if (inputs_digest(r->source, current(r), &d, &list, err) < 0)
		return err->code;
	struct digest id = input_list_id(&d, &current(r)->sources);
	input_list_keep(r->build, &id, &list);
	buf_add(out, &d, sizeof(d));
	return 0;
}

static bool has_file_sources(const struct step *s)
{
	return s->kind == STEP_COPY && s->sources.n > 0;
}

static void set_key(struct stage_run *r, const struct digest *inputs)
{
	r->inputs = *inputs;
	r->step_key = step_key_of(current(r), &r->key, inputs);
	r->key_known = true;
}

/* The tree that a COPY --from reads, as this build's keys have it: what it is made of, unless this
 * build made it. */
static struct digest source_key(const struct build *b, const struct step *s)
{
	if (s->from == COPY_FROM_NOTHING)
		return chain_key_empty();
	return s->from == COPY_FROM_STAGE ? b->runs[s->from_stage].key
	                                  : image_key(&b->images[s->from_image].image);
}

/* The key of the current step. Not known after: the files of the other stage must be hashed first,
 * a job was started. */
static int find_key(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = current(r);
	struct digest inputs = {0};
	bool known = true;
	int rc = 0;
	if (mounts_have_inputs(s)) {
		rc = mounts_digest(b, s, false, &inputs, &known, err);
	} else if (has_file_sources(s) && s->from == COPY_FROM_CONTEXT) {
		rc = open_source(b, r, err);
		if (rc == 0)
			rc = inputs_digest(r->source, s, &inputs, NULL, err);
	} else if (has_file_sources(s)) {
		struct digest source = source_key(b, s);
		known = cache_allowed(b, r) && inputs_recall(b, s, &source, &inputs);
	}
	if (rc < 0)
		return rc;
	if (known) {
		set_key(r, &inputs);
		return 0;
	}
	if (open_source(b, r, err) < 0)
		return err->code;
	r->hashing = true;
	r->state = STAGE_BUSY;
	return job_start(&r->job, hash_job, r, err);
}

/* With the key known: shared, from the cache, or started; nothing while another stage is making
 * just this. */
static int do_step(struct build *b, struct stage_run *r, struct err *err)
{
	struct err miss = ERR_INIT;
	r->state = STAGE_WAITING;
	if (share(b, r)) {
		source_close(r);
		return 0;
	}
	if (made_elsewhere(b, r))
		return 0;
	int rc = use_record(b, r, &miss);
	if (rc == 0) {
		source_close(r);
		return 0;
	}
	if (rc != ERR_NOT_FOUND && rc != ERR_CORRUPT) {
		*err = miss;
		return rc;
	}
	r->state = STAGE_BUSY;
	return start_step(b, r, err);
}

/* Whether the stages that the current step takes files from are done. */
static bool sources_done(const struct build *b, const struct stage_run *r)
{
	const struct step *s = current(r);
	if (s->kind == STEP_COPY && s->from == COPY_FROM_STAGE &&
		b->runs[s->from_stage].state != STAGE_DONE)
		return false;
	return mounts_ready(b, s);
}

int stage_run_advance(struct build *b, struct stage_run *r, struct err *err)
{
	if (r->state != STAGE_WAITING || (!r->started && !start(b, r)))
		return 0;
	while (r->state == STAGE_WAITING && r->next < r->plan->n_steps) {
		size_t before = r->next;
		int rc = 0;
		if (!r->key_known) {
			if (!sources_done(b, r))
				return 0;
			step_begin(b, r);
			rc = find_key(b, r, err);
		}
		if (rc == 0 && r->key_known)
			rc = do_step(b, r, err);
		if (rc < 0)
			return step_error(b, r, NULL, err);
		if (r->state == STAGE_WAITING && r->next == before)
			return 0; /* another stage is at it */
	}
	if (r->state == STAGE_WAITING)
		r->state = STAGE_DONE;
	return 0;
}

/* The upper directory in its final form. What COPY and ADD wrote counts as it is. */
static int settle(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = current(r);
	AUTO_FREE int *lowers = NULL;
	if (!s->link && chain_open(b, &r->chain, &lowers, err) < 0)
		return err->code;
	struct snapshot snap = {.lower = lowers,
		.n_lower = s->link ? 0 : r->chain.n,
		.upper = r->upper_fd,
		.work = r->work_fd};
	struct timespec never = {0};
	bool ran = s->kind == STEP_RUN;
	if (snapshot_settle(&snap, ran ? r->begun : never, err) < 0)
		return err->code;
	/* the upper directory is of this step alone: all that is new in it is the step's */
	return ran ? snapshot_adopt(&snap, r->uid, r->gid, never, err) : 0;
}

/* The step changed what is in upper_fd: it becomes a link that is committed beside what follows. */
static int step_commit(struct build *b, struct stage_run *r, struct err *err)
{
	static const struct chain nothing;
	struct link *l;
	step_watch_stop(&r->watch);
	source_close(r);
	mount_setup_free(take(r->mounts));
	if (settle(b, r, err) < 0)
		return err->code;
	close_fd(&r->work_fd);
	struct link_origin o = {.step = current(r),
		.made_by = r->step_key,
		.inputs = r->inputs,
		.below = current(r)->link ? &nothing : &r->chain,
		.created = r->begun,
		.of_image = stage_is_of_image(b, r->plan->stage->index)};
	if (link_commit_start(b, r->upper_name, take_fd(&r->upper_fd), &o, &l, err) < 0)
		return err->code;
	mem_replace(&r->upper_name, NULL);
	mem_replace(&r->work_name, NULL);
	progress_end(b->o->progress, r->id, "done");
	b->result->steps_run++;
	step_over(r, l, r->begun);
	r->state = STAGE_WAITING;
	return 0;
}

static void note_output(struct build *b, const struct stage_run *r, const char *text, size_t n)
{
	progress_log(b->o->progress, r->id, text, n);
	logfile_add(b->log, r->id, text, n);
}

static void take_output(struct build *b, struct stage_run *r, bool to_end)
{
	char buf[OUTPUT_BUF];
	for (;;) {
		struct pollfd p = {.fd = r->out_fd, .events = POLLIN};
		if (r->out_fd < 0 || poll(&p, 1, 0) <= 0)
			return;
		ssize_t n = read(r->out_fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(take_fd(&r->out_fd));
			return;
		}
		note_output(b, r, buf, (size_t)n);
		if (!to_end)
			return;
	}
}

static int handle_sandbox(struct build *b, struct stage_run *r, struct err *err)
{
	struct pollfd p = {.fd = sandbox_pidfd(r->box), .events = POLLIN};
	if (poll(&p, 1, 0) <= 0) {
		take_output(b, r, false);
		return 0;
	}
	struct sandbox_result result;
	int rc = sandbox_wait(take(r->box), &result, err);
	r->uid = rc < 0 ? 0 : result.uid;
	r->gid = rc < 0 ? 0 : result.gid;
	take_output(b, r, true);
	close_fd(&r->out_fd);
	if (rc < 0)
		return step_error(b, r, NULL, err);
	if (result.status != 0 || result.oom_killed)
		return step_error(b, r, &result, err);
	if (step_watch_end(&r->watch, b->o, err) < 0 || step_commit(b, r, err) < 0)
		return step_error(b, r, NULL, err);
	return 0;
}

static int handle_hash(struct build *b, struct stage_run *r, const struct buf *out, struct err *err)
{
	const struct step *s = current(r);
	struct digest inputs, source = source_key(b, s);
	r->hashing = false;
	memcpy(&inputs, out->data, sizeof(inputs));
	inputs_note(b, s, s->from == COPY_FROM_STAGE ? s->from_stage : NO_STAGE, &source, &inputs);
	set_key(r, &inputs);
	return do_step(b, r, err);
}

static void kill_box(struct stage_run *r)
{
	struct sandbox_result ignored;
	struct err err = ERR_INIT;
	if (!r->box)
		return;
	sandbox_kill(r->box);
	if (sandbox_wait(take(r->box), &ignored, &err) < 0)
		log_debug("sandbox: %s", err.msg);
}

int stage_run_end(struct build *b, struct stage_run *r, struct err *err)
{
	step_watch_stop(&r->watch);
	job_cancel(&r->job);
	kill_box(r);
	take_output(b, r, true);
	close_fd(&r->out_fd);
	return step_error(b, r, NULL, err);
}

int stage_run_handle(struct build *b, struct stage_run *r, struct err *err)
{
	if (r->state != STAGE_BUSY)
		return 0;
	if (step_watch_check(&r->watch, b->o, err) < 0)
		return stage_run_end(b, r, err);
	if (r->box)
		return handle_sandbox(b, r, err);
	AUTO_BUF struct buf out = BUF_INIT(1024);
	int rc = job_collect(&r->job, false, &out, err);
	if (rc == 1)
		return 0;
	if (rc == 0 && !r->hashing) /* what the copy has to say */
		note_output(b, r, out.data, out.len);
	if (rc == 0)
		rc = r->hashing     ? handle_hash(b, r, &out, err)
		     : r->preparing ? handle_prepared(b, r, err)
		                    : step_commit(b, r, err);
	if (rc < 0)
		return step_error(b, r, NULL, err);
	return 0;
}

void stage_run_done(struct stage_run *r)
{
	step_watch_stop(&r->watch);
	kill_box(r);
	job_cancel(&r->job);
	source_close(r);
	mem_close_p(&r->out_fd);
	mount_setup_free(r->mounts);
	mem_close_p(&r->upper_fd);
	mem_close_p(&r->work_fd);
	free(r->upper_name);
	free(r->work_name);
	free(r->id);
	free(r->results);
	chain_done(&r->chain);
}
