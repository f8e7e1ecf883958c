/* SPDX-License-Identifier: Apache-2.0 */
#include "build/image_layer.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/stream.h"
#include "build/build_internal.h"
#include "build/cache.h"
#include "build/recompress.h"
#include "image/descriptor.h"
#include "layers/diff.h"
#include "store/blobs.h"
#include "store/layer_size.h"
#include "store/records.h"

#include <fcntl.h>
#include <string.h>

bool stage_is_of_image(const struct build *b, size_t stage)
{
	if (b->o->keep_steps)
		return true;
	for (size_t t = 0; t < b->stages.n_targets; t++)
		for (size_t i = b->stages.targets[t].stage; i != NO_STAGE;
			i = b->plans[i].stage->base_stage)
			if (i == stage)
				return true;
	return false;
}

/* Does the step take files of the stage? */
static bool sees(const struct step *s, size_t stage)
{
	if (s->kind == STEP_COPY)
		return s->from == COPY_FROM_STAGE && s->from_stage == stage;
	for (size_t i = 0; i < s->n_mounts; i++)
		if (s->mounts[i].from == MOUNT_FROM_STAGE && s->mounts[i].from_stage == stage)
			return true;
	return false;
}

bool stage_is_seen(const struct build *b, size_t stage, size_t step)
{
	for (size_t i = 0; i < b->stages.n; i++) {
		const struct stage_plan *p = &b->plans[i];
		if (!p->evaluated)
			continue;
		bool same = i == stage;
		for (size_t k = same ? step + 1 : 0; k < p->n_steps; k++)
			if ((same && !p->steps[k].link) || sees(&p->steps[k], stage))
				return true;
		if (p->stage->base_stage == stage && p->n_steps)
			return true;
	}
	return false;
}

/* --- making --- */

/* The diff ID of what the step made: nothing is compressed or written. */
static int hash_job(void *arg, struct buf *out, struct err *err)
{
	const struct layer_job *j = arg;
	const struct diff_opts opts = {.compression = COMPRESSION_NONE};
	AUTO_WRITER struct writer *nowhere = writer_null();
	struct layer layer;
	if (layer_diff(j->dir, &opts, nowhere, &layer, err) < 0)
		return err->code;
	layer.blob = (struct digest){0};
	layer.blob_size = 0;
	buf_add(out, &layer, sizeof(layer));
	return 0;
}

static int write_blob(const struct layer_job *j, struct layer *ret, struct err *err)
{
	const struct build *b = j->b;
	const struct diff_opts opts = {
		.compression = b->o->compression,
		.level = -1,
		.clamp = j->dated,
		.force = j->dated && b->o->force,
		.clamp_s = b->epoch,
		.write_back = true,
	};
	AUTO_WRITER struct writer *w = writer_to_fd(j->blob, "the layer's blob");
	AUTO_FD int dir = openat(j->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "cannot open the layer's directory");
	return layer_diff(dir, &opts, w, ret, err);
}

static int blob_job(void *arg, struct buf *out, struct err *err)
{
	struct layer layer;
	if (write_blob(arg, &layer, err) < 0)
		return err->code;
	buf_add(out, &layer, sizeof(layer));
	return 0;
}

/* Both at the same time. */
static int make_dated(struct layer_job *j, struct layer_made *ret, struct err *err)
{
	AUTO_BUF struct buf hashed = BUF_INIT(sizeof(struct layer));
	struct job job = {0};
	int rc = job_start(&job, hash_job, j, err);
	if (rc == 0)
		rc = write_blob(j, &ret->dated, err);
	if (rc == 0)
		rc = job_collect(&job, true, &hashed, err);
	job_cancel(&job);
	if (rc < 0)
		return rc;
	memcpy(&ret->layer, hashed.data, sizeof(ret->layer));
	if (digest_equal(&ret->layer.diff_id, &ret->dated.diff_id))
		ret->layer = ret->dated;
	return 0;
}

int layer_job(void *arg, struct buf *out, struct err *err)
{
	struct layer_job *j = arg;
	struct layer_made made = {0};
	int rc = j->dated ? make_dated(j, &made, err) : write_blob(j, &made.layer, err);
	if (rc == 0)
		buf_add(out, &made, sizeof(made));
	return rc;
}

/* --- remembering --- */

/* The record of a layer with other times is keyed by what it was made of. */
static struct digest dated_key(const struct build *b, const struct link *l)
{
	struct key k;
	key_init(&k, b->o->force ? "timestamp" : "source date epoch");
	key_digest(&k, &l->layer.diff_id);
	key_u64(&k, (uint64_t)b->epoch);
	return key_final(&k);
}

static int remember(struct build *b, const struct link *l, struct err *err)
{
	struct timespec now = clock_now();
	const struct record r = {
		.has_layer = true,
		.layer = l->dated,
		.compression = l->dated_compression,
		.created_s = now.tv_sec,
		.created_ns = (uint32_t)now.tv_nsec,
	};
	struct digest key = dated_key(b, l);
	return record_put(b->store, &key, &r, err);
}

static bool recall(struct build *b, struct link *l)
{
	struct record r = {0};
	struct err ignored = ERR_INIT;
	struct digest key = dated_key(b, l);
	if (b->o->no_cache || record_get(b->store, &key, &r, &ignored) < 0)
		return false;
	l->has_dated = r.has_layer && r.layer.blob_size;
	l->dated = r.layer;
	l->dated_compression = r.compression;
	record_done(&r);
	return l->has_dated;
}

int image_layer_commit(struct build *b, struct link *l, struct tmp *blob,
	const struct layer_made *made, struct err *err)
{
	l->has_dated = !digest_is_zero(&made->dated.blob);
	l->dated = made->dated;
	l->dated_compression = l->compression;
	l->layer = made->layer;
	const struct layer *written = l->has_dated ? &l->dated : &l->layer;
	if (layer_commit(b->store, blob, written, err) < 0)
		return err->code;
	b->result->new_bytes += written->blob_size;
	return l->has_dated ? remember(b, l, err) : 0;
}

/* --- for an image --- */

/* From its directory. */
static int make_again(struct build *b, struct link *l, bool dated, struct err *err)
{
	AUTO_BUF struct buf out = BUF_INIT(sizeof(struct layer_made));
	AUTO_TMP struct tmp blob = TMP_INIT;
	struct layer made;
	if (link_open(b, l, err) < 0 || blob_begin(b->store, &blob, err) < 0)
		return err->code;
	struct layer_job j = {.b = b, .dir = l->fd, .blob = blob.fd, .dated = dated};
	if (job_run(blob_job, &j, &out, err) < 0)
		return err->code;
	memcpy(&made, out.data, sizeof(made));
	if (layer_commit(b->store, &blob, &made, err) < 0)
		return err->code;
	b->result->new_bytes += made.blob_size;
	if (dated) {
		l->has_dated = true;
		l->dated = made;
		l->dated_compression = b->o->compression;
		return remember(b, l, err);
	}
	if (!digest_equal(&made.diff_id, &l->layer.diff_id))
		return err_set(err, ERR_CORRUPT,
			"a layer of the cache is not what its step made; 'mica fsck --repair' "
			"removes it");
	l->layer = made;
	l->compression = b->o->compression;
	return 0;
}

int link_need_blob(struct build *b, struct link *l, struct err *err)
{
	if (l->empty || l->from || !digest_is_zero(&l->layer.blob))
		return 0;
	if (make_again(b, l, false, err) < 0)
		return err->code;
	const struct record r = {
		.has_layer = true,
		.layer = l->layer,
		.compression = l->compression,
		.created_s = l->created.tv_sec,
		.created_ns = (uint32_t)l->created.tv_nsec,
	};
	return l->recorded ? record_put(b->store, &l->record_key, &r, err) : 0;
}

int link_of_image(struct build *b, struct link *l, struct descriptor *ret,
	struct digest *ret_diff_id, struct err *err)
{
	int rc = 0;
	if (!b->has_epoch)
		rc = link_need_blob(b, l, err);
	else if (!l->has_dated && !recall(b, l))
		rc = make_again(b, l, true, err);
	if (rc < 0)
		return rc;
	const struct layer *layer = b->has_epoch ? &l->dated : &l->layer;
	*ret_diff_id = layer->diff_id;
	*ret = (struct descriptor){.digest = layer->blob,
		.size = layer->blob_size,
		.media_type = xstrdup(
			layer_media_type(b->has_epoch ? l->dated_compression : l->compression))};
	return 0;
}
