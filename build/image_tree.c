/* SPDX-License-Identifier: Apache-2.0 */
#include "build/image_tree.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "layers/snapshot.h"
#include "registry/transport.h"
#include "store/blobs.h"
#include "store/images.h"
#include "store/layer_size.h"
#include "store/store.h"
#include "store/tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lowers {
	int *fds; /* topmost first */
	size_t n;
};

static void lowers_done(struct lowers *l)
{
	for (size_t i = 0; i < l->n; i++)
		close(l->fds[i]);
	free(l->fds);
}

/* The layers first..end-1, unpacked before. */
static int lowers_open(struct store *s, const struct image *img, size_t first, size_t end,
	struct lowers *ret, struct err *err)
{
	ret->fds = xcalloc(end - first + 1, sizeof(*ret->fds));
	for (size_t i = end; i-- > first;) {
		if (tree_open(s, &img->config.diff_ids[i], &ret->fds[ret->n], err) < 0)
			return err->code;
		ret->n++;
	}
	return 0;
}

/* With an empty directory at the bottom: a single lower would be cloned as it is. The other one is
 * for a copy of them, where there is no overlay. */
static int mount_layers(struct store *s, struct txn *t, const struct image *img, size_t n,
	int *ret_fd, struct err *err)
{
	AUTO_FREE char *name = NULL, *work_name = NULL;
	AUTO_FD int work = -1;
	struct lowers l = {0};
	int r = lowers_open(s, img, 0, n, &l, err);
	if (r == 0)
		r = txn_mkdir(t, "work", &work_name, &work, err);
	if (r == 0)
		r = txn_mkdir(t, "bottom", &name, &l.fds[l.n], err);
	if (r == 0) {
		l.n++;
		const struct snapshot snap = {
			.lower = l.fds, .n_lower = l.n, .upper = -1, .work = work};
		r = snapshot_mount(&snap, ret_fd, err);
	}
	lowers_done(&l);
	return r;
}

int image_tree_mount(struct store *s, struct txn *t, const struct image *img, size_t n,
	struct progress *progress, int *ret_fd, struct err *err)
{
	int r = image_unpack(s, img, progress, err);
	return r < 0 ? r : mount_layers(s, t, img, n, ret_fd, err);
}

struct pack {
	const struct lowers *layers;
	int below, blob;
	const struct diff_opts *opts;
};

static int pack_job(void *arg, struct buf *out, struct err *err)
{
	const struct pack *p = arg;
	struct layer layer;
	AUTO_WRITER struct writer *w = writer_to_fd(p->blob, "the layer's blob");
	if (layer_diff_stacked(p->layers->fds, p->layers->n, p->below, p->opts, w, &layer, err) < 0)
		return err->code;
	buf_add(out, &layer, sizeof(layer));
	return 0;
}

/* The directory is made of the blob when it is used, as that of a pulled layer: none that shares
 * its files with others is in the store, where a command could see how many names they have. */
static int archive(struct store *s, const struct lowers *layers, int below,
	const struct diff_opts *opts, struct layer *ret, struct err *err)
{
	AUTO_TMP struct tmp blob = TMP_INIT;
	AUTO_BUF struct buf out = BUF_INIT(sizeof(*ret));
	if (blob_begin(s, &blob, err) < 0)
		return err->code;
	struct pack p = {.layers = layers, .below = below, .blob = blob.fd, .opts = opts};
	if (job_run(pack_job, &p, &out, err) < 0)
		return err->code;
	memcpy(ret, out.data, sizeof(*ret));
	return layer_commit(s, &blob, ret, err);
}

int image_tree_squash(struct store *s, struct txn *t, const struct image *img, size_t first,
	const struct diff_opts *opts, struct progress *progress, struct layer *ret, struct err *err)
{
	AUTO_FD int below = -1;
	struct lowers l = {0};
	progress_begin(progress, "squash", "squash", 0);
	int r = image_unpack(s, img, progress, err);
	if (r == 0 && first)
		r = mount_layers(s, t, img, first, &below, err);
	if (r == 0)
		r = lowers_open(s, img, first, img->manifest.n_layers, &l, err);
	if (r == 0)
		r = archive(s, &l, below, opts, ret, err);
	lowers_done(&l);
	progress_end(progress, "squash", r == 0 ? "done" : "failed");
	return r < 0 ? err_wrap(err, "cannot squash the layers") : 0;
}
