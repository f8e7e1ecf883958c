/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "build/as_buildah.h"
#include "build/build_files.h"
#include "build/build_internal.h"
#include "build/call.h"
#include "build/copy_source.h"
#include "build/error_excerpt.h"
#include "build/executor.h"
#include "build/file_ignore.h"
#include "build/finish.h"
#include "build/keep_steps.h"
#include "build/lint.h"
#include "build/lint_stage.h"
#include "build/logfile.h"
#include "build/mount_check.h"
#include "build/platforms.h"
#include "build/publish.h"
#include "build/remote_context.h"
#include "build/sbom_build.h"
#include "build/stage_run.h"
#include "build/warnings.h"
#include "layers/snapshot.h"
#include "registry/url.h"
#include "run/network.h"
#include "run/sandbox.h"
#include "store/statcache.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void build_opts_init(struct build_opts *o)
{
	*o = (struct build_opts){.compression = COMPRESSION_GZIP};
	o->pull.remote.tls_verify = -1;
	o->pull.remote.retries = 3;
	run_spec_init(&o->box);
}

void build_opts_done(struct build_opts *o)
{
	strv_done(&o->files);
	strv_done(&o->tags);
	map_done(&o->env);
	strv_done(&o->unset_env);
	strv_done(&o->unset_labels);
	strv_done(&o->cpp_flags);
	strv_done(&o->unset_ports);
	strv_done(&o->unset_volumes);
	strv_done(&o->volumes);
	map_done(&o->spaces);
	for (size_t i = 0; i < o->box.n_mounts; i++)
		mem_close_p(&o->box.mounts[i].source);
	for (size_t i = 0; i < o->n_overlays; i++) {
		mem_close_p(&o->overlays[i].source);
		free(o->overlays[i].target);
	}
	free(o->overlays);
	map_done(&o->build_args);
	map_done(&o->secret_args);
	map_done(&o->contexts);
	map_done(&o->labels);
	map_done(&o->layer_labels);
	strv_done(&o->unset_annotations);
	strv_done(&o->annotations);
	strv_done(&o->no_cache_stages);
	platform_list_done(&o->platforms);
	strv_done(&o->os_features);
	strv_done(&o->cache_from);
	strv_done(&o->cache_to);
	strv_done(&o->secrets);
	strv_done(&o->devices);
	strv_done(&o->ssh);
	run_spec_done(&o->box);
}

void build_result_done(struct build_result *r)
{
	for (size_t i = 0; i < r->n_images; i++)
		descriptor_done(&r->images[i].manifest);
	free(r->images);
	descriptor_done(&r->root);
	for (size_t i = 0; i < r->n_steps; i++)
		descriptor_done(&r->steps[i]);
	free(r->steps);
	descriptor_done(&r->left.manifest);
	strv_done(&r->refs);
	strv_done(&r->warnings);
	lint_done(&r->lint);
	json_free(r->document);
	strv_done(&r->explanations);
	sbom_found_done(&r->sbom);
	predicates_done(&r->predicates);
	free(r->log);
}

static int open_remote(struct build *b, struct err *err)
{
	const char *keep = map_get(&b->o->build_args, "BUILDKIT_CONTEXT_KEEP_GIT_DIR");
	bool keep_git = keep ? streq(keep, "1") || streq(keep, "true") : as_buildah_keeps_git();
	struct remote_context r;
	if (remote_context_get(b, b->o->context, keep_git, &r, err) < 0)
		return err->code;
	b->remote_context = true;
	b->context_fd = r.fd;
	b->context_owners = r.owners;
	b->no_files = r.text;
	b->context_text = r.text;
	b->context_text_len = r.len;
	b->context_has_time = r.has_time;
	b->context_time = r.time;
	b->context_uri = r.uri;
	b->context_commit = r.commit;
	return 0;
}

static int open_context(struct build *b, struct err *err)
{
	const char *path = b->o->context;
	b->context_name = streq(path, "-") ? xstrdup("standard input") : url_shown(path, false);
	if (remote_context_is(path))
		return open_remote(b, err);
	b->context_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->context_fd < 0 && errno == ENOTDIR)
		return err_set(err, ERR_INVALID, "the build context '%s' is not a directory", path);
	if (b->context_fd < 0)
		return err_sys(err, "cannot open the build context '%s'", path);
	return 0;
}

/* # check= of the first file that has one, unless a build argument is given instead. A fragment's
 * does not count. */
static int lint_setup(struct build *b, const struct containerfile *files, size_t n, struct err *err)
{
	const char *text = map_get(&b->o->build_args, "BUILDKIT_DOCKERFILE_CHECK");
	if (b->o->call == BUILD_CALL_TARGETS)
		return 0;
	if (text)
		return lint_options(&b->result->lint, text, err) < 0
		               ? err_wrap(err, "--build-arg BUILDKIT_DOCKERFILE_CHECK")
		               : 0;
	for (size_t i = 0; i < n && !text; i++) {
		text = files[i].included ? NULL : files[i].check;
		struct err why = ERR_INIT;
		if (text && lint_options(&b->result->lint, text, &why) < 0)
			return containerfile_error(&files[i], files[i].check_pos, err, why.code,
				"# check=: %s", why.msg);
	}
	return 0;
}

static int open_inputs(struct build *b, struct containerfile **files, size_t *n, struct err *err)
{
	if (open_context(b, err) < 0 || build_files_read(b, files, n, err) < 0)
		return err->code;
	if (lint_setup(b, *files, *n, err) < 0)
		return err->code;
	lint_files(&b->result->lint, *files, *n);
	struct err ignored = ERR_INIT;
	/* without a stat cache files are read again, that is all */
	if (b->remote_context ||
		statcache_open(b->store, b->o->context, &b->statcache, &ignored) < 0)
		b->statcache = NULL;
	b->context = filetree_new(b->context_fd, b->ignore, b->statcache,
		b->context_owners ? 0 : FILETREE_RESET_OWNER | FILETREE_NO_CAPABILITIES);
	return 0;
}

/* ARG SOURCE_DATE_EPOCH before the first FROM counts as if it had been given; "context" is the time
 * of a repository's commit, and means nothing for other contexts. */
static void find_epoch(struct build *b)
{
	const char *text = map_get(&b->stages.targets[0].global_args, "SOURCE_DATE_EPOCH");
	b->has_epoch = b->o->has_epoch;
	b->epoch = b->o->epoch;
	if (map_get(&b->o->build_args, "SOURCE_DATE_EPOCH"))
		text = map_get(&b->o->build_args, "SOURCE_DATE_EPOCH");
	if (!b->has_epoch && text && streq(text, "context") && b->context_has_time) {
		char number[24];
		snprintf(number, sizeof(number), "%lld", (long long)b->context_time);
		for (size_t i = 0; i < b->stages.n_targets; i++)
			map_set(&b->stages.targets[i].global_args, "SOURCE_DATE_EPOCH", number);
		b->epoch = b->context_time;
		b->has_epoch = true;
	} else if (!b->has_epoch && text && num_i64(text, 0, INT64_MAX, &b->epoch)) {
		b->has_epoch = true;
	}
	b->result->has_epoch = b->has_epoch;
	b->result->epoch = b->epoch;
}

/* Everything that can be known before a step runs. A check without a target is of all stages,
 * those that it needs first. */
static int evaluate(struct build *b, struct err *err)
{
	const struct stages *s = &b->stages;
	bool all = b->o->call == BUILD_CALL_CHECK && !(b->o->target && *b->o->target);
	for (size_t i = 0; i < s->n_targets; i++)
		if (stage_evaluate(b, s->targets[i].stage, err) < 0)
			return err->code;
	b->beyond_target = true;
	for (size_t i = 0; i < s->n; i++) {
		bool wanted = b->o->all_stages && i < s->targets[s->s[i].target].stage;
		if ((all || wanted) && stage_evaluate(b, i, err) < 0)
			return err->code;
	}
	return b->o->call == BUILD_CALL_BUILD ? copy_sources_check(b, err) : 0;
}

/* Anew without a cache that has promised a layer and not given it: see remote_cache.h. */
static int run_steps(struct build *b, struct err *err)
{
	for (;;) {
		b->cache_failed = false;
		int rc = executor_run(b, err);
		if (rc == 0 || !b->cache_failed || rc == ERR_CANCELLED || rc == ERR_COMMAND)
			return rc;
		err_clear(err);
		chain_links_free(b);
		b->n_notes = 0;
		b->result->steps_cached = 0;
	}
}

/* What was planned, to the images. */
static int carry_out(struct build *b, struct err *err)
{
	remote_keep_end(&b->remote_keep);
	b->log = logfile_new(b->store, b->txn);
	if (lint_verdict(&b->result->lint, err) < 0 || platforms_check(b, err) < 0 ||
		remote_caches_check(b, err) < 0 || sbom_build_check(b, err) < 0 ||
		(b->o->ready && b->o->ready(b->o->ready_arg, err) < 0) || run_steps(b, err) < 0 ||
		finish_images(b, err) < 0 || finish_steps(b, err) < 0 ||
		remote_cache_export(b, err) < 0)
		return err->code;
	struct err ignored = ERR_INIT;
	if (b->statcache && statcache_save(b->statcache, &ignored) < 0)
		log_debug("stat cache: %s", ignored.msg);
	return 0;
}

static int run(struct build *b, struct err *err)
{
	struct containerfile *files = NULL;
	size_t n = 0;
	int rc = build_check_tags(&b->o->tags, "--tag ", err);
	if (rc == 0)
		rc = sandbox_check_limits(&b->o->box.limits, err);
	if (rc == 0)
		rc = secrets_parse(&b->o->secrets, &b->o->ssh, &b->secrets, err);
	if (rc == 0)
		rc = secrets_add_args(&b->secrets, &b->o->secret_args, err);
	if (rc == 0)
		rc = remote_caches_parse(b, err);
	if (rc == 0)
		rc = open_inputs(b, &files, &n, err);
	if (rc < 0) {
		for (size_t i = 0; i < n; i++)
			containerfile_done(&files[i]);
		free(files);
		return rc;
	}
	rc = stages_plan(files, n, b->o, &b->o->platforms, &b->stages, err);
	lint_from(b);
	if (b->o->call == BUILD_CALL_TARGETS) {
		/* what is in the text is told, whether it can be built or not */
		b->result->document = call_targets(files, n);
		err_clear(err);
		return 0;
	}
	if (rc < 0 || contexts_open(b, err) < 0 || contexts_apply(b, err) < 0)
		return err->code;
	if (b->o->all_platforms && plan_all_platforms(b, err) < 0)
		return err->code;
	find_epoch(b);
	b->plans = xcalloc(b->stages.n, sizeof(*b->plans));
	if (mounts_check_text(b, err) < 0 || evaluate(b, err) < 0)
		return err->code;
	warnings_collect(b);
	if (b->o->call == BUILD_CALL_OUTLINE)
		b->result->document = call_outline(b);
	return b->o->call == BUILD_CALL_BUILD ? carry_out(b, err) : 0;
}

static void build_done(struct build *b)
{
	if (b->runs)
		for (size_t i = 0; i < b->stages.n; i++)
			stage_run_done(b, &b->runs[i]);
	snapshot_end();
	free(b->runs);
	chain_links_free(b);
	free(b->notes);
	network_stop(b->network);
	logfile_free(b->log);
	for (size_t i = 0; b->plans && i < b->stages.n; i++)
		stage_plan_done(&b->plans[i]);
	free(b->plans);
	for (size_t i = 0; i < b->n_images; i++) {
		free(b->images[i].text);
		free(b->images[i].ref);
		image_done(&b->images[i].image);
	}
	free(b->images);
	for (size_t i = 0; i < b->n_triggers; i++) {
		containerfile_done(b->triggers[i]);
		free(b->triggers[i]);
	}
	free(b->triggers);
	contexts_done(b);
	free(b->looked);
	copy_sources_done(b);
	filetree_free(b->context);
	ignore_free(b->ignore);
	free(b->ignore_name);
	statcache_free(b->statcache);
	secrets_done(&b->secrets);
	remote_caches_done(b);
	remote_keep_end(&b->remote_keep);
	strv_done(&b->fresh_caches);
	mem_close_p(&b->context_fd);
	mem_close_p(&b->mount_points);
	free(b->context_name);
	free(b->context_text);
	free(b->context_uri);
	free(b->context_commit);
	stages_done(&b->stages);
}

int build_run(struct store *s, struct txn *t, const struct build_opts *o, struct build_result *ret,
	struct err *err)
{
	struct build b = {.store = s,
		.txn = t,
		.o = o,
		.result = ret,
		.context_fd = -1,
		.mount_points = -1,
		.begun = clock_now()};
	*ret = (struct build_result){0};
	int rc = run(&b, err);
	lint_sort(&ret->lint);
	if (o->call == BUILD_CALL_CHECK) {
		/* error=true: a build would end with it */
		struct err verdict = ERR_INIT;
		bool broken = rc == 0 && lint_verdict(&ret->lint, &verdict) < 0;
		ret->document = call_check(&ret->lint, rc < 0 ? err : broken ? &verdict : NULL);
	}
	struct err ignored = ERR_INIT;
	if (rc < 0 && b.log && logfile_keep(b.log, &ret->log, &ignored) < 0)
		strv_add(&ret->warnings, ignored.msg);
	build_done(&b);
	return rc;
}
