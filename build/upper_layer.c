/* SPDX-License-Identifier: Apache-2.0 */
#include "build/upper_layer.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"
#include "base/stream.h"
#include "base/tmp.h"
#include "store/blobs.h"
#include "store/layer_size.h"

#include <string.h>

struct diff_work {
	int dir, blob;
	const struct diff_opts *opts;
};

static int diff_job(void *arg, struct buf *out, struct err *err)
{
	const struct diff_work *w = arg;
	struct layer layer;
	AUTO_WRITER struct writer *to = writer_to_fd(w->blob, "the layer's blob");

	if (layer_diff(w->dir, w->opts, to, &layer, err) < 0)
		return err->code;
	buf_add(out, &layer, sizeof(layer));
	return 0;
}

int upper_layer_put(struct store *s, int upper, const struct diff_opts *opts, bool empty,
	struct layer *ret, struct err *err)
{
	AUTO_TMP struct tmp blob = TMP_INIT;
	AUTO_BUF struct buf out = BUF_INIT(sizeof(*ret));

	if (blob_begin(s, &blob, err) < 0)
		return err->code;
	struct diff_work w = {.dir = upper, .blob = blob.fd, .opts = opts};
	if (job_run(diff_job, &w, &out, err) < 0)
		return err->code;
	memcpy(ret, out.data, sizeof(*ret));
	if (ret->entries || empty)
		return layer_commit(s, &blob, ret, err);
	*ret = (struct layer){0};
	return 0;
}
