/* SPDX-License-Identifier: Apache-2.0 */
#include "store/gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "store/ballast.h"
#include "store/blobs.h"
#include "store/choose.h"
#include "store/dir_list.h"
#include "store/disk_usage.h"
#include "store/found.h"
#include "store/mark.h"
#include "store/names.h"
#include "store/names_internal.h"
#include "store/notes.h"
#include "store/records_internal.h"
#include "store/step_images.h"
#include "store/store_internal.h"
#include "store/tree.h"

struct sweep {
	struct store *store;
	const struct gc_opts *opts;
	struct gc_result *result;
	struct strv *removed; /* may be NULL */
	struct marks marks;
	struct digest_set records; /* those that go; in a dry run they are still there */
};

static void report(struct sweep *w, const char *what, const char *name)
{
	if (w->removed)
		strv_addf(w->removed, "%s %s", what, name);
}

/* --- names --- */

static bool is_kept(const struct gc_opts *o, const struct name *n)
{
	char buf[DIGEST_STR_MAX];
	digest_str(&n->manifest.digest, buf);
	if (o->only && !strv_has(&o->only->images, buf))
		return true;
	if (o->keep && ((n->ref && strv_has(o->keep, n->ref)) || strv_has(o->keep, buf)))
		return true;
	if (n->step_of)
		return !o->cache || o->keep_steps;
	return n->ref ? !o->all : !(o->unnamed || o->all);
}

/* Forgets what the options ask for; *names keeps the rest. */
static int forget_names(struct sweep *w, struct names *names, struct err *err)
{
	AUTO_FREE struct name *going = xcalloc(names->count + 1, sizeof(*going));
	AUTO_FREE bool *gone = xcalloc(names->count + 1, sizeof(*gone));
	AUTO_FREE bool *goes = xcalloc(names->count + 1, sizeof(*goes));
	size_t kept = 0, n = 0;
	int r = 0;
	for (size_t i = 0; i < names->count; i++)
		goes[i] = !is_kept(w->opts, &names->n[i]);
	step_images_follow(names, goes);
	for (size_t i = 0; i < names->count; i++)
		if (goes[i])
			going[n++] = names->n[i];
		else
			names->n[kept++] = names->n[i];
	if (n && !w->opts->dry_run)
		r = names_remove_all(w->store, going, n, gone, err);
	for (size_t i = 0; i < n; i++) {
		char buf[DIGEST_STR_MAX];
		const struct digest *d = &going[i].manifest.digest;
		if (r < 0) {
			names->n[kept++] = going[i];
			continue;
		}
		/* of those that another process was quicker with, nothing is said */
		if (w->opts->dry_run || gone[i]) {
			w->result->images++;
			report(w, "image", going[i].ref ? going[i].ref : digest_str(d, buf));
		}
		name_done(&going[i]);
	}
	names->count = kept;
	return r;
}

/* --- bytes --- */

static bool is_chosen(bool asked, const struct digest_set *only, const struct digest *d)
{
	return asked && (!only || digest_set_has(only, d));
}

/* A record that can be used stays unless it is asked for. */
static int sweep_records(struct sweep *w, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	const struct digest_set *only = w->opts->only ? &w->opts->only->records : NULL;
	int r = dir_list(w->store->fd, STEPS_DIR, &files, err);
	STRV_FOREACH (file, &files) {
		AUTO_FREE char *path = xasprintf(STEPS_DIR "/%s", *file);
		struct err ignored = ERR_INIT;
		struct record rec = {0};
		struct digest key;
		struct stat st;
		if (r < 0)
			break;
		bool valid = digest_parse_hex(*file, &key);
		bool goes = !valid || is_chosen(w->opts->cache, only, &key) ||
		            record_read(w->store, *file, &rec, &ignored) < 0 ||
		            (rec.has_layer && !record_has_layer(w->store, &rec));
		record_done(&rec);
		if (!goes || fstatat(w->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (valid)
			(void)digest_set_add(&w->records, &key);
		w->result->records++;
		w->result->freed += (uint64_t)st.st_blocks * 512;
		report(w, "record", *file);
		if (!w->opts->dry_run)
			r = store_remove(w->store, path, err);
	}
	return r;
}

static int sweep_blobs(struct sweep *w, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	int r = store_blob_paths(w->store, &files, err);
	STRV_FOREACH (path, &files) {
		struct digest d;
		struct stat st;
		if (r < 0)
			break;
		if (store_blob_parse(*path, &d) && digest_set_has(&w->marks.blobs, &d))
			continue;
		if (fstatat(w->store->fd, *path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			S_ISDIR(st.st_mode))
			continue;
		if (w->opts->unneeded_before_s && st.st_mtim.tv_sec > w->opts->unneeded_before_s)
			continue;
		w->result->blobs++;
		w->result->freed += (uint64_t)st.st_blocks * 512;
		AUTO_FREE char *name = xstrdup(*path + strlen("blobs/"));
		*strchr(name, '/') = ':';
		report(w, "blob", name);
		if (!w->opts->dry_run && unlinkat(w->store->fd, *path, 0) < 0)
			r = err_sys(err, "cannot remove '%s'", *path);
	}
	return r;
}

static int sweep_trees(struct sweep *w, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(w->store->fd, LAYERS_DIR, &names, err);
	STRV_FOREACH (name, &names) {
		struct digest d;
		if (r < 0)
			break;
		if (!digest_parse_hex(*name, &d) || digest_set_has(&w->marks.trees, &d))
			continue;
		AUTO_FREE char *path = xasprintf(LAYERS_DIR "/%s", *name);
		char text[DIGEST_STR_MAX];
		uint64_t size = disk_usage(w->store->fd, path);
		struct err e = ERR_INIT;
		if (!w->opts->dry_run && tree_remove(w->store, &d, &e) < 0) {
			w->result->leftover = e;
			continue;
		}
		w->result->layers++;
		w->result->freed += size;
		report(w, "layer", digest_str(&d, text));
	}
	return r;
}

/* No build is at work, so none of them is in use. */
static int sweep_mounts(struct sweep *w, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	const struct digest_set *only = w->opts->only ? &w->opts->only->mounts : NULL;
	int r = w->opts->mounts ? dir_list(w->store->fd, MOUNTS_DIR, &names, err) : 0;
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = xasprintf(MOUNTS_DIR "/%s", *name);
		struct digest d;
		if (r < 0)
			break;
		if (!digest_parse_hex(*name, &d) || !is_chosen(true, only, &d))
			continue;
		w->result->mounts++;
		w->result->freed += disk_usage(w->store->fd, path);
		report(w, "cache mount", *name);
		if (!w->opts->dry_run)
			r = store_remove(w->store, path, err);
	}
	return r;
}

static int sweep(struct sweep *w, const struct names *names, struct err *err)
{
	struct store *s = w->store;
	int r;
	bool all_records = w->opts->cache && !w->opts->only;
	marks_done(&w->marks);
	if ((r = sweep_records(w, err)) < 0 ||
		(r = notes_sweep(s, all_records, w->opts->dry_run, err)) < 0 ||
		(r = sweep_mounts(w, err)) < 0)
		return r;
	if ((r = mark_names(s, &w->marks, names, err)) < 0 ||
		(r = mark_containers(s, &w->marks, err)) < 0 ||
		(r = mark_records(s, &w->marks, &w->records, err)) < 0)
		return r;
	if ((r = sweep_blobs(w, err)) < 0)
		return r;
	return sweep_trees(w, err);
}

static int look_again(struct store *s, struct names *names, struct err *err)
{
	names_done(names);
	return names_list(s, names, err);
}

/* With gc.lock held exclusively. */
static int forget_and_sweep(struct sweep *w, struct names *names, struct err *err)
{
	struct store *s = w->store;
	bool real = !w->opts->dry_run;
	int r;

	if (real) {
		(void)unlinkat(s->fd, GC_WANTED_FILE, 0);
		sweep_dead(s, true, &w->result->leftover);
		found_remove_halves(s);
	}
	r = forget_names(w, names, err);
	if (err_is_sys(err, ENOSPC) && r < 0 && real) {
		/* what no name needs makes room for the new index.json */
		err_clear(err);
		if ((r = look_again(s, names, err)) == 0 && (r = sweep(w, names, err)) == 0)
			r = forget_names(w, names, err);
	}
	/* names may have come since the first look; dry runs go by what they would have left */
	if (r == 0 && real)
		r = look_again(s, names, err);
	if (r == 0)
		r = sweep(w, names, err);
	if (r == 0 && real)
		ballast_make(s);
	return r;
}

void want_sweep(struct store *s)
{
	AUTO_FD int fd = fs_open_plain(s->fd, GC_WANTED_FILE, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		log_debug("cannot create '" GC_WANTED_FILE "'"); /* the next sweep does it */
}

int store_gc(struct store *s, const struct gc_opts *o, struct gc_result *ret, struct strv *removed,
	struct err *err)
{
	struct gc_result result = {0};
	struct sweep w = {.store = s, .opts = o, .result = &result, .removed = removed};
	struct names names = {0};
	AUTO_FD int lock = -1;
	int r;

	store_scratch_end(s);
	if ((r = recover_after_boot(s, err)) < 0 || (r = names_list(s, &names, err)) < 0)
		return r;
	r = store_lock(s, "gc.lock", LOCK_EXCLUSIVE, false, &lock, err);
	if (r == ERR_BUSY) {
		err_clear(err);
		result.deferred = true;
		if (!o->dry_run)
			want_sweep(s);
		r = forget_names(&w, &names, err);
	} else if (r == 0) {
		r = forget_and_sweep(&w, &names, err);
	}
	names_done(&names);
	marks_done(&w.marks);
	digest_set_done(&w.records);
	if (r == 0)
		*ret = result;
	return r;
}

int store_usage(struct store *s, struct usage *ret, struct err *err)
{
	struct usage u = {0};
	AUTO_STRV struct strv trees = STRV_INIT, blobs = STRV_INIT, records = STRV_INIT;
	struct digest_set manifests = {0};
	struct names names;
	int r;

	if ((r = names_list(s, &names, err)) < 0)
		return r;
	for (size_t i = 0; i < names.count; i++)
		u.images += digest_set_add(&manifests, &names.n[i].manifest.digest);
	names_done(&names);
	digest_set_done(&manifests);
	if ((r = dir_list(s->fd, LAYERS_DIR, &trees, err)) < 0 ||
		(r = store_blob_paths(s, &blobs, err)) < 0 ||
		(r = dir_list(s->fd, STEPS_DIR, &records, err)) < 0)
		return r;
	u.layers = trees.n;
	u.blobs = blobs.n;
	u.records = records.n;
	u.blob_bytes = disk_usage(s->fd, BLOBS_DIR) + disk_usage(s->fd, BLOBS_SHA512_DIR);
	u.layer_bytes = disk_usage(s->fd, LAYERS_DIR);
	*ret = u;
	return 0;
}
