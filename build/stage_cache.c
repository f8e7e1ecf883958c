/* SPDX-License-Identifier: Apache-2.0 */
/* The key of a stage's current step, and the answer from a cache or from another stage. */
#include "build/stage_run_internal.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "build/as_buildah.h"
#include "build/input_list.h"
#include "build/inputs.h"
#include "build/mount_setup.h"
#include "build/remote_cache.h"
#include "build/step_record.h"
#include "build/told.h"
#include "store/blobs.h"
#include "store/records.h"

#include <string.h>

static enum cache_miss cache_forbidden(const struct build *b, const struct stage_run *r)
{
	if (b->o->no_cache)
		return MISS_NO_CACHE;
	STRV_FOREACH (name, &b->o->no_cache_stages)
		if (stage_is_called(r->plan->stage, *name))
			return MISS_FILTER;
	return MISS_NONE;
}

bool stage_cache_allowed(const struct build *b, const struct stage_run *r)
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
static int answer(struct build *b, struct stage_run *r, const struct record *rec,
	struct remote_cache *from, struct err *err)
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
	stage_tell(b, r);
	told_step_over(b, r, from ? remote_cache_location(from) : "");
	if (l && l->from && as_buildah_pulls(b)) {
		const struct chain one = {.l = &l, .n = 1};
		if (remote_cache_fetch(b, &one, err) < 0)
			return err->code;
	}
	b->result->steps_cached++;
	stage_step_over(r, l, created);
	return 0;
}

/* Uses the record of step_key. ERR_NOT_FOUND: there is none. */
int stage_use_record(struct build *b, struct stage_run *r, struct err *err)
{
	struct record rec = {0};
	r->miss = cache_forbidden(b, r);
	if (r->miss == MISS_NONE && b->o->stdin && stage_step(r)->kind == STEP_RUN)
		r->miss = MISS_STDIN;
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
		return answer(b, r, there, from, err);
	}
	if (rc < 0)
		return rc;
	rc = answer(b, r, &rec, NULL, err);
	record_done(&rec);
	return rc;
}

/* What another stage made of the same: two stages that begin alike are one until they part. */
bool stage_share(struct build *b, struct stage_run *r)
{
	for (size_t i = 0; i < b->n_links; i++) {
		struct link *l = b->links[i];
		if (!l->step || !digest_equal(&l->made_by, &r->step_key))
			continue;
		stage_tell(b, r);
		told_step_over(b, r, "");
		b->result->steps_cached++;
		stage_step_over(r, l, l->created);
		return true;
	}
	return false;
}

bool stage_made_elsewhere(const struct build *b, const struct stage_run *r)
{
	for (size_t i = 0; i < b->stages.n; i++) {
		const struct stage_run *o = &b->runs[i];
		if (o != r && o->plan && o->state == STAGE_BUSY && o->key_known && !o->hashing &&
			digest_equal(&o->step_key, &r->step_key))
			return true;
	}
	return false;
}

static int hash_job(void *arg, struct buf *out, struct err *err)
{
	struct stage_run *r = arg;
	AUTO_BUF struct buf list = BUF_INIT(INPUT_LIST_MAX);
	struct digest d;
	if (inputs_digest(r->source, stage_step(r), &d, &list, err) < 0)
		return err->code;
	struct digest id = input_list_id(&d, &stage_step(r)->sources);
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
	r->step_key = step_key_of(stage_step(r), &r->key, inputs);
	r->step_told = step_key_of(stage_step(r), &r->told_key, inputs);
	r->key_known = true;
}

/* A stage of this build counts otherwise for the key that is told. */
static int tell_stages(struct build *b, struct stage_run *r, struct err *err)
{
	struct digest inputs;
	bool known;
	const struct step *s = stage_step(r);
	if (!mounts_have_stages(s))
		return 0;
	if (mounts_digest(b, s, TREE_TOLD, &inputs, &known, err) < 0)
		return err->code;
	r->step_told = step_key_of(s, &r->told_key, &inputs);
	return 0;
}

struct digest stage_source_key(const struct build *b, const struct step *s)
{
	if (s->from == COPY_FROM_NOTHING)
		return chain_key_empty();
	return s->from == COPY_FROM_STAGE ? b->runs[s->from_stage].key
	                                  : image_key(&b->images[s->from_image].image);
}

/* The key of the current step. Not known after: the files of the other stage must be hashed first,
 * a job was started. */
int stage_find_key(struct build *b, struct stage_run *r, struct err *err)
{
	const struct step *s = stage_step(r);
	struct digest inputs = {0};
	bool known = true;
	int rc = 0;
	if (mounts_have_inputs(s)) {
		rc = mounts_digest(b, s, TREE_IN_BUILD, &inputs, &known, err);
	} else if (has_file_sources(s) && s->from == COPY_FROM_CONTEXT) {
		rc = stage_open_source(b, r, err);
		if (rc == 0)
			rc = inputs_digest(r->source, s, &inputs, NULL, err);
	} else if (has_file_sources(s)) {
		struct digest source = stage_source_key(b, s);
		known = stage_cache_allowed(b, r) && inputs_recall(b, s, &source, &inputs);
	}
	if (rc < 0)
		return rc;
	if (known) {
		set_key(r, &inputs);
		return tell_stages(b, r, err);
	}
	if (stage_open_source(b, r, err) < 0)
		return err->code;
	r->hashing = true;
	r->state = STAGE_BUSY;
	return job_start(&r->job, hash_job, r, err);
}

/* The files of the other stage are hashed: the key is known. */
void stage_hashed(struct build *b, struct stage_run *r, const struct buf *out)
{
	const struct step *s = stage_step(r);
	struct digest inputs, source = stage_source_key(b, s);
	r->hashing = false;
	memcpy(&inputs, out->data, sizeof(inputs));
	inputs_note(b, s, s->from == COPY_FROM_STAGE ? s->from_stage : NO_STAGE, &source, &inputs);
	set_key(r, &inputs);
}
