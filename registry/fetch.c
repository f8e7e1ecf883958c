/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/idmap.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/progress.h"
#include "base/room.h"
#include "base/stream.h"
#include "image/descriptor.h"
#include "layers/apply.h"
#include "registry/blob_cache.h"
#include "registry/sealed.h"
#include "registry/source.h"
#include "store/blobs.h"
#include "store/layer_size.h"
#include "store/store.h"
#include "store/tree.h"
#include "store/turns.h"

#define WORKERS_MAX 4
#define PROGRESS_MS 100
#define COPY_BUFFER (256 * KIB)
#define SHORT_DIGEST 12 /* digits shown to people */

enum fetch_state { FETCH_WAITING, FETCH_RUNNING, FETCH_OVER };

struct fetch {
	const struct wanted *w;
	enum fetch_state state;
	bool has_blob;
	struct blob_stream stream; /* fd -1: none */
	bool from_source, from_cache;
	bool given; /* the stream is the blob: it needs no copy */
	struct apply_limits limits;
	int turn; /* -1: none */
	struct tmp blob;
	char *dir_name;
	int dir;
	struct sealing sealing; /* what decrypts the stream */
	struct job job;
	char id[DIGEST_PREFIX_LEN + SHORT_DIGEST + 1];
};

/* The worker of a blob that is only kept: nothing looks into it. */
static int keep_blob(const struct layer_receive *r, struct layer *ret, struct err *err)
{
	AUTO_FREE char *chunk = xmalloc(COPY_BUFFER);
	struct hashed h;
	hashed_init(&h, r->blob_alg);
	for (;;) {
		ssize_t n = read(r->in, chunk, COPY_BUFFER);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read the blob");
		if (n == 0)
			break;
		hash_update(&h.hash, chunk, (size_t)n);
		h.count += (uint64_t)n;
		if (h.count > r->max_blob)
			return err_set(err, ERR_CORRUPT,
				"is larger than the %llu bytes it should have",
				(unsigned long long)r->max_blob);
		if (r->copy >= 0 && fs_write_all(r->copy, chunk, (size_t)n) < 0)
			return err_sys(err, "cannot write the blob");
	}
	*ret = (struct layer){.blob = hash_final(&h.hash), .blob_size = h.count};
	return 0;
}

/* Only the initial user namespace may make devices. */
static int owner_flags(void)
{
	if (idmap_own() != IDMAP_ALL)
		return APPLY_SKIP_DEVICES;
	return geteuid() == 0 ? 0 : APPLY_NO_OWNER | APPLY_SKIP_DEVICES;
}

static int work(void *arg, struct buf *out, struct err *err)
{
	const struct fetch *f = arg;
	struct layer layer = {0};
	struct layer_receive r = {.in = f->stream.fd,
		.copy = f->given ? -1 : f->blob.fd,
		.dir = f->dir,
		.max_blob = f->w->desc->size,
		.blob_alg = f->w->desc->digest.alg,
		.diff_alg = f->w->diff_id.alg};
	r.opts = (struct apply_opts){.flags = owner_flags(), .limits = f->limits};
	int rc = f->w->unpack ? layer_receive(&r, &layer, err) : keep_blob(&r, &layer, err);
	if (rc == 0)
		buf_add(out, &layer, sizeof(layer));
	return rc;
}

static int open_stream(struct store *s, struct source *source, struct fetch *f, struct err *err)
{
	const struct descriptor *d = f->w->desc;
	if (f->has_blob)
		return blob_open(s, &d->digest, &f->stream.fd, err);
	if (!source)
		return err_set(err, ERR_NOT_FOUND, "is not in the store");
	const struct sealed *sealed = f->w->sealed;
	/* what is in the store was taken once, or made here */
	f->limits = apply_limits_of(source->layer_ratio);
	f->stream.fd = sealed ? -1 : blob_cache_open(source->blob_cache, d);
	f->from_cache = f->stream.fd >= 0;
	if (f->from_cache)
		return blob_begin(s, &f->blob, err);
	int r = source->ops->open(source, sealed ? &sealed->from : d, &f->stream, err);
	f->from_source = r == 0;
	f->given = r == 0 && source->gives && !sealed;
	if (r == 0)
		r = f->given ? blob_adopt(s, f->stream.fd, &f->blob, err)
		             : blob_begin(s, &f->blob, err);
	if (r == 0 && sealed)
		r = sealed_open(sealed, &f->stream.fd, &f->sealing, err);
	return r;
}

static bool is_here(struct store *s, struct fetch *f)
{
	const struct wanted *w = f->w;
	uint64_t size = 0;
	f->has_blob = blob_has(s, &w->desc->digest, &size) && size == w->desc->size;
	return f->has_blob && (!w->unpack || tree_has(s, &w->diff_id));
}

/* 0: it is ours to fetch; 1: another process is at it; 2: it is here now. */
static int take_turn(struct store *s, struct fetch *f, struct progress *progress, struct err *err)
{
	if (f->has_blob)
		return 0;
	int r = is_here(s, f) ? 0 : turn_take(s, &f->w->desc->digest, &f->turn, err);
	if (r == ERR_BUSY) {
		err_clear(err);
		return 1;
	}
	if (r < 0)
		return r;
	if (!is_here(s, f))
		return 0;
	f->state = FETCH_OVER;
	mem_close_p(&f->turn);
	progress_begin(progress, f->id, "layer", f->w->desc->size);
	progress_end(progress, f->id, "exists");
	return 2;
}

static int fetch_start(struct store *s, struct txn *t, struct source *source, struct fetch *f,
	struct progress *progress, struct err *err)
{
	f->state = FETCH_RUNNING;
	progress_begin(progress, f->id, f->has_blob ? "unpack" : "fetch", f->w->desc->size);
	int r = open_stream(s, source, f, err);
	if (r == 0 && f->w->unpack)
		r = txn_mkdir(t, "layer", &f->dir_name, &f->dir, err);
	if (r == 0)
		r = job_start(&f->job, work, f, err);
	if (f->stream.fd >= 0)
		close(take_fd(&f->stream.fd));
	return r;
}

/* Whether the blob, which did come whole, is not what its digest says: that explains what its
 * decompression or unpacking stumbled over. */
static bool came_corrupt(const struct fetch *f, struct digest *ret)
{
	AUTO_FREE char *chunk = xmalloc(COPY_BUFFER);
	struct hash hash;
	uint64_t size = 0;
	ssize_t n;
	if ((!f->from_source && !f->from_cache) || f->blob.fd < 0)
		return false;
	hash_init(&hash, f->w->desc->digest.alg);
	while ((n = pread(f->blob.fd, chunk, COPY_BUFFER, (off_t)size)) > 0) {
		hash_update(&hash, chunk, (size_t)n);
		size += (uint64_t)n;
	}
	*ret = hash_final(&hash);
	return n == 0 && size == f->w->desc->size && !digest_equal(ret, &f->w->desc->digest);
}

static int wrong_digest(const struct source *source, const struct fetch *f,
	const struct digest *have, struct err *err)
{
	char text[DIGEST_STR_MAX];
	return err_set(err, ERR_CORRUPT, "content has digest %s, %s", digest_str(have, text),
		f->has_blob     ? "the store is damaged (see `mica fsck`)"
		: f->from_cache ? "the blob cache is damaged: remove the file of that name"
				: source_blame(source));
}

/* Compares what came with what was promised; only then does it get its name. */
static int publish(struct store *s, struct txn *t, const struct source *source, struct fetch *f,
	const struct layer *layer, struct err *err)
{
	const struct descriptor *d = f->w->desc;
	char text[DIGEST_STR_MAX], want[DIGEST_STR_MAX];
	if (layer->blob_size != d->size)
		return err_set(err, ERR_CORRUPT, "has %llu bytes in place of %llu",
			(unsigned long long)layer->blob_size, (unsigned long long)d->size);
	if (!digest_equal(&layer->blob, &d->digest))
		return wrong_digest(source, f, &layer->blob, err);
	if (f->w->unpack && !digest_equal(&layer->diff_id, &f->w->diff_id))
		return err_set(err, ERR_CORRUPT,
			"unpacked content has digest %s, the image's config says diff ID %s",
			digest_str(&layer->diff_id, text), digest_str(&f->w->diff_id, want));
	int r = f->has_blob ? 0 : blob_commit(s, &f->blob, &d->digest, err);
	if (r == 0 && f->w->unpack) {
		layer_size_note(s, layer);
		r = tree_publish(s, t, f->dir_name, &f->w->diff_id, err);
	}
	return r;
}

/* How the process that decrypted ended. What the worker failed with by itself made its pipe
 * break. */
static int finish_sealing(struct fetch *f, int r, struct err *err)
{
	struct err said = ERR_INIT;
	if (f->sealing.pid <= 0)
		return r;
	int ended = sealing_finish(&f->sealing, NULL, &said);
	if (ended == 0 || (r < 0 && ended != ERR_CORRUPT))
		return r;
	*err = said;
	return ended;
}

/* 1: still at work. */
static int fetch_collect(struct store *s, struct txn *t, struct source *source, struct fetch *f,
	bool wait, struct progress *progress, struct err *err)
{
	AUTO_BUF struct buf out = BUF_INIT(sizeof(struct layer) + 1);
	struct layer layer = {0};
	int r = job_collect(&f->job, wait, &out, err);
	if (r == 1)
		return r;
	f->state = FETCH_OVER;
	f->job = (struct job){0};
	r = finish_sealing(f, r, err);
	if (f->from_source) {
		struct err said = ERR_INIT;
		int closed = source_close(source, &f->stream, &said);
		/* a worker that could not go on (a full disk) is why the pipe broke */
		if (r != ERR_SYS && r != ERR_LIMIT && closed < 0 && closed != ERR_CANCELLED) {
			*err = said;
			r = closed;
		}
	}
	struct digest have;
	if ((r == ERR_CORRUPT || r == ERR_INVALID) && !f->w->sealed && came_corrupt(f, &have))
		r = wrong_digest(source, f, &have, err);
	if (r == 0 && out.len != sizeof(layer))
		r = err_set(err, ERR_SYS, "worker ended without a result");
	if (r == 0) {
		memcpy(&layer, out.data, sizeof(layer));
		r = publish(s, t, source, f, &layer, err);
	}
	progress_end(progress, f->id, r == 0 ? "done" : "failed");
	if (f->turn >= 0)
		close(take_fd(&f->turn)); /* it has its name */
	return r;
}

static void fetch_drop(struct fetch *f)
{
	job_cancel(&f->job);
	sealing_cancel(&f->sealing);
	if (f->stream.fd >= 0)
		close(f->stream.fd);
	if (f->dir >= 0)
		close(f->dir);
	if (f->turn >= 0)
		close(f->turn);
	tmp_done(&f->blob);
	free(f->dir_name);
}

/* What is to be done at all: nothing for a layer that is there, once for one that is named twice.
 */
static size_t plan(struct store *s, const struct wanted *w, size_t n, struct fetch *fetches,
	struct progress *progress)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t size = 0;
		bool has_blob = blob_has(s, &w[i].desc->digest, &size) && size == w[i].desc->size;
		bool has_tree = !w[i].unpack || tree_has(s, &w[i].diff_id);
		bool planned = false;
		for (size_t k = 0; k < count; k++)
			planned |= digest_equal(&fetches[k].w->desc->digest, &w[i].desc->digest) &&
			           fetches[k].w->unpack >= w[i].unpack;
		if (planned)
			continue;
		struct fetch *f = &fetches[count];
		*f = (struct fetch){.w = &w[i],
			.has_blob = has_blob,
			.stream = {.fd = -1},
			.dir = -1,
			.sealing = SEALING_INIT,
			.turn = -1,
			.blob = TMP_INIT};
		char text[DIGEST_STR_MAX];
		(void)snprintf(f->id, sizeof(f->id), "%s", digest_str(&w[i].desc->digest, text));
		if (!has_blob || !has_tree) {
			count++;
			continue;
		}
		progress_begin(progress, f->id, "layer", size);
		progress_end(progress, f->id, "exists");
	}
	return count;
}

static int64_t bytes_done(const struct fetch *f)
{
	struct stat st;
	if (f->given) /* its worker reads it by the same open file */
		return lseek(f->blob.fd, 0, SEEK_CUR);
	return fstat(f->blob.fd, &st) == 0 ? st.st_size : -1;
}

static void show_progress(struct fetch *fetches, size_t n, struct progress *progress)
{
	for (size_t i = 0; i < n; i++) {
		if (fetches[i].state != FETCH_RUNNING || fetches[i].blob.fd < 0)
			continue;
		int64_t done = bytes_done(&fetches[i]);
		if (done >= 0)
			progress_update(progress, fetches[i].id, (uint64_t)done);
	}
}

static int wrap(const struct fetch *f, struct err *err)
{
	char text[DIGEST_STR_MAX];
	return err_wrap(err, "layer %s", digest_str(&f->w->desc->digest, text));
}

/* Starts as many as may run; waits until something happens; collects. Returns 1 while there is
 * work. */
static int advance(struct store *s, struct txn *t, struct source *source, struct fetch *fetches,
	size_t n, struct progress *progress, struct err *err)
{
	struct pollfd fds[WORKERS_MAX];
	struct fetch *of[WORKERS_MAX];
	nfds_t running = 0;
	bool waiting = false;
	for (size_t i = 0; i < n; i++) {
		struct fetch *f = &fetches[i];
		if (running < WORKERS_MAX && f->state == FETCH_WAITING) {
			int turn = take_turn(s, f, progress, err);
			waiting |= turn == 1;
			if (turn < 0 ||
				(turn == 0 && fetch_start(s, t, source, f, progress, err) < 0))
				return wrap(f, err);
		}
		if (f->state == FETCH_RUNNING && running < WORKERS_MAX) {
			of[running] = f;
			fds[running++] = (struct pollfd){.fd = f->job.fd, .events = POLLIN};
		}
	}
	if (running == 0 && !waiting)
		return 0;
	(void)poll(fds, running, PROGRESS_MS);
	if (proc_interrupted(err) < 0)
		return err->code;
	if (source && source->ops->listen)
		source->ops->listen(source);
	show_progress(fetches, n, progress);
	for (nfds_t i = 0; i < running; i++) {
		if (!fds[i].revents)
			continue;
		if (fetch_collect(s, t, source, of[i], false, progress, err) < 0)
			return wrap(of[i], err);
	}
	return 1;
}

/* What the blobs take that are not here. */
static uint64_t size_of(const struct fetch *fetches, size_t n)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t size = fetches[i].has_blob ? 0 : fetches[i].w->desc->size;
		sum = size > UINT64_MAX - sum ? UINT64_MAX : sum + size;
	}
	return sum;
}

int fetch_layers(struct store *s, struct txn *t, struct source *source, const struct wanted *w,
	size_t n, struct progress *progress, bool *ret_fetched, struct err *err)
{
	AUTO_FREE struct fetch *fetches = xcalloc(n ? n : 1, sizeof(*fetches));
	size_t count = plan(s, w, n, fetches, progress);
	const uint64_t size = size_of(fetches, count);
	/* before anything is fetched: the blobs alone take so much */
	int r = count && !(source && source->gives)
	                ? room_check(store_fd(s), store_path(s), size, err)
	                : 0;
	if (r == 0 && count) {
		if (ret_fetched)
			*ret_fetched = true;
		r = 1;
	}
	while (r > 0)
		r = advance(s, t, source, fetches, count, progress, err);
	if (r < 0)
		room_need(size, err);
	for (size_t i = 0; i < count; i++)
		fetch_drop(&fetches[i]);
	return r;
}
