/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stage_write.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"
#include "base/mem.h"
#include "build/copy.h"
#include "build/copy_archive.h"
#include "build/image_layer.h"
#include "build/input_list.h"
#include "build/inputs.h"
#include "build/remote_file.h"
#include "build/stage_run_internal.h"
#include "layers/diff.h"
#include "layers/snapshot.h"
#include "store/blobs.h"

#include <string.h>

#define NOTES_MAX 2048 /* warnings of one COPY */

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
	struct digest d, id = input_list_id(&r->inputs, &stage_step(r)->sources);
	if (!input_list_has(b, &id) &&
		inputs_digest(r->source, stage_step(r), &d, &list, &err) == 0)
		input_list_keep(b, &id, &list);
}

/* A COPY or ADD. */
static int copy(const struct write_job *w, const struct copy_work *c, struct stage_written *ret,
	struct err *err)
{
	const struct step *s = c->step;
	const struct diff_opts opts = {
		.compression = w->b->o->compression, .level = -1, .write_back = true};
	int blob = w->r->blob.fd;
	for (size_t i = 0; i < s->n_remote; i++)
		if (s->remote[i] && remote_file_get(w->b, s->remote[i], err) < 0)
			return err_wrap(err, "%s", s->remote[i]->url);
	if (s->from == COPY_FROM_CONTEXT && s->sources.n)
		keep_list(w->b, w->r);
	if (blob >= 0 && copy_archive(c, &opts, blob, &ret->layer, &ret->archived, err) < 0)
		return err->code;
	if (ret->archived)
		return 0;
	buf_clear(c->notes);
	return copy_run(c, err);
}

static int write_tree(void *arg, struct buf *out, struct err *err)
{
	const struct write_job *w = arg;
	const struct stage_run *r = w->r;
	const struct step *s = stage_step(r);
	struct snapshot snap = {.lower = w->lowers,
		.n_lower = s->link ? 0 : r->chain.n,
		.upper = r->upper_fd,
		.work = r->work_fd};
	AUTO_FD int root = -1;
	AUTO_BUF struct buf notes = BUF_INIT(NOTES_MAX);
	struct stage_written written = {0};
	if (snapshot_mount(&snap, &root, err) < 0)
		return err->code;
	const struct copy_work c = {.step = s,
		.source = r->source,
		.root = root,
		.empty_root = r->chain.n == 0,
		.layer_ratio = w->b->o->pull.remote.layer_ratio,
		.notes = &notes};
	if ((s->kind == STEP_WORKDIR ? workdir_run(&c, err) : copy(w, &c, &written, err)) < 0)
		return err->code;
	buf_add(out, &written, sizeof(written));
	buf_add(out, buf_str(&notes), notes.len);
	return 0;
}

static int write_job(void *arg, struct buf *out, struct err *err)
{
	int r = write_tree(arg, out, err);
	snapshot_end();
	return r;
}

/* With a source date epoch an image has other times than its step's record, which then needs a
 * directory: see image_layer.h. */
static bool may_archive(const struct build *b, const struct stage_run *r)
{
	size_t stage = r->plan->stage->index;
	return stage_step(r)->kind == STEP_COPY && !b->o->wants_trees &&
	       !(b->has_epoch && stage_is_of_image(b, stage)) && !stage_is_seen(b, stage, r->next);
}

int stage_write_start(struct build *b, struct stage_run *r, const int *lowers, struct err *err)
{
	struct write_job w = {.b = b, .r = r, .lowers = lowers};
	if (may_archive(b, r) && blob_begin(b->store, &r->blob, err) < 0)
		return err->code;
	return job_start(&r->job, write_job, &w, err);
}

size_t stage_written_read(const struct buf *out, struct stage_written *ret)
{
	if (out->len < sizeof(*ret)) {
		*ret = (struct stage_written){0};
		return out->len;
	}
	memcpy(ret, out->data, sizeof(*ret));
	return sizeof(*ret);
}
