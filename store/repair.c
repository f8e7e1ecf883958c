/* SPDX-License-Identifier: Apache-2.0 */
/* fsck: what is found, and what is done about it. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/tmp.h"
#include "store/blobs.h"
#include "store/check_internal.h"
#include "store/found.h"
#include "store/names.h"
#include "store/names_internal.h"
#include "store/records_internal.h"
#include "store/store_internal.h"
#include "store/tree.h"

static int remove_bad(struct check *c, const struct digest_set *bad,
	int (*remove_one)(struct store *s, const struct digest *d, struct err *err),
	struct err *err)
{
	for (size_t i = 0; i < bad->cap; i++) {
		int r = digest_is_zero(&bad->slot[i]) ? 0
		                                      : remove_one(c->store, &bad->slot[i], err);
		if (r < 0)
			return r;
		c->result->removed += !digest_is_zero(&bad->slot[i]);
	}
	return 0;
}

int check_put_away(struct check *c, const char *path, struct err *err)
{
	AUTO_FREE char *to = NULL;
	int r = found_put(c->store, path, &to, err);
	if (r < 0)
		return r;
	strv_addf(c->problems, "leftover '%s': it is '%s/%s' now", path, c->store->path, to);
	c->result->removed++;
	return 0;
}

static int clear_leftovers(struct check *c, struct err *err)
{
	STRV_FOREACH (path, &c->leftovers) {
		const char *slash = strrchr(*path, '/');
		bool ours = str_has_prefix(*path, TMP_DIR "/") ||
		            tmp_is_name(slash ? slash + 1 : *path);
		if ((ours ? store_remove(c->store, *path, err) : check_put_away(c, *path, err)) < 0)
			return err->code;
		c->result->removed += ours;
	}
	return 0;
}

/* An image of which something is gone for good cannot be used, and is in the way of a pull. */
static int forget_broken(struct check *c, struct err *err)
{
	struct names names, broken = {0};
	int r = names_list(c->store, &names, err);
	if (r < 0)
		return r;
	broken.n = xcalloc(names.count + 1, sizeof(*broken.n));
	for (size_t i = 0; i < names.count; i++)
		if (!image_is_whole(c->store, &names.n[i].manifest))
			broken.n[broken.count++] = names.n[i];
	AUTO_FREE bool *gone = xcalloc(broken.count + 1, sizeof(*gone));
	if (broken.count)
		r = names_remove_all(c->store, broken.n, broken.count, gone, err);
	for (size_t i = 0; r == 0 && i < broken.count; i++) {
		char buf[DIGEST_STR_MAX];
		const struct name *n = &broken.n[i];
		strv_addf(c->problems, "image %s: forgotten, as not all of it is left",
			n->ref ? n->ref : digest_str(&n->manifest.digest, buf));
		c->result->removed++;
	}
	free(broken.n);
	names_done(&names);
	return r;
}

/* An entry that is damaged itself is no reason to forget the image. */
static int mend_entries(struct check *c, struct err *err)
{
	struct index_mended m;
	int r = index_mend(c->store, &c->bad_blobs, &m, err);
	if (r == 0 && m.entries)
		strv_addf(c->problems, "index.json: %zu of its entries mended", m.entries);
	if (r == 0 && m.nameless)
		strv_addf(c->problems, "index.json: %zu images are in it again, without a name",
			m.nameless);
	return r;
}

static int part_names(struct check *c, struct err *err)
{
	size_t n;
	int r = names_part(c->store, &n, err);
	if (r == 0 && n)
		strv_addf(c->problems, "index.json: %zu entries lost a name that another has", n);
	return r;
}

/* What images need comes after what is bad has gone. */
static int repair(struct check *c, struct err *err)
{
	int r;
	if ((r = clear_leftovers(c, err)) < 0 ||
		(r = remove_bad(c, &c->bad_records, record_remove, err)) < 0 ||
		(r = remove_bad(c, &c->bad_trees, tree_remove, err)) < 0 ||
		(r = remove_bad(c, &c->bad_blobs, blob_remove, err)) < 0)
		return r;
	if (c->bad_images && (r = mend_entries(c, err)) < 0)
		return r;
	if (c->bad_images || c->bad_blobs.n || c->bad_trees.n)
		r = forget_broken(c, err);
	if (r == 0 && c->bad_names)
		r = part_names(c, err);
	STRV_FOREACH (id, &c->bad_containers)
		if (r == 0)
			r = container_mend(c->store, *id, err);
	return r;
}

static int rebuild(struct check *c, struct err *err)
{
	struct names names;
	size_t nameless;
	int r;
	if ((r = index_rebuild(c->store, &nameless, err)) < 0 ||
		(r = names_list(c->store, &names, err)) < 0)
		return r;
	strv_addf(c->problems, "index.json: made again with %zu names, and %zu images without one",
		names.count - nameless, nameless);
	names_done(&names);
	return 0;
}

/* Before anything else is looked at: names say what the rest is for. */
static int mend_names(struct check *c, struct err *err)
{
	struct names names;
	int r = names_list(c->store, &names, err);
	if (r == 0) {
		names_done(&names);
		return 0;
	}
	if (!store_is_damage(err))
		return r;
	if (!c->bad_index)
		check_problem(c, "%s", err->msg);
	err_clear(err);
	return rebuild(c, err);
}

static int lock_alone(struct check *c, int *ret_lock, struct err *err)
{
	int r = store_lock(c->store, "gc.lock", LOCK_EXCLUSIVE, false, ret_lock, err);
	return r == ERR_BUSY ? err_set(err, r,
				       "cannot repair the store '%s' while other commands use it: "
				       "try again when they have ended",
				       c->store->path)
	                     : r;
}

/* What every command needs, the sweep after a restart among them. */
static int mend_base(struct check *c, struct err *err)
{
	AUTO_FD int lock = -1;
	int r;
	if ((r = owners_mend(c, err)) < 0 || (r = shape_mend_locks(c, err)) < 0 ||
		(r = lock_alone(c, &lock, err)) < 0 || (r = shape_mend(c, err)) < 0)
		return r;
	return mend_names(c, err);
}

/* Sweeps what the dead left, and keeps others from sweeping under our feet; with a store that is
 * only read, both are its owner's business. */
static int begin(struct check *c, bool repairs, int *ret_lock, struct err *err)
{
	struct err ignored = ERR_INIT;
	int r;
	shape_check(c);
	check_owners(c);
	if (c->store->read_only)
		return 0;
	if ((repairs && (r = mend_base(c, err)) < 0) || (r = recover_after_boot(c->store, err)) < 0)
		return r;
	r = repairs ? lock_alone(c, ret_lock, err)
	            : store_lock(c->store, "gc.lock", LOCK_SHARED, true, ret_lock, err);
	if (r == 0)
		sweep_dead(c->store, repairs, &ignored); /* what is left is found below */
	return r;
}

static int run(struct store *s, bool repairs, struct check_result *ret, struct strv *problems,
	struct err *err)
{
	struct check_result result = {0};
	struct check c = {.store = s, .result = &result, .problems = problems};
	AUTO_FD int lock = -1;
	int r = begin(&c, repairs, &lock, err);

	if (r < 0 && !repairs && (store_is_damage(err) || (c.bad_shape && store_is_closed(err)))) {
		err_clear(err); /* it is one of the problems that are found below */
		r = 0;
	}
	if (r == 0)
		r = check_all(&c, err);
	if (r == 0 && repairs)
		r = repair(&c, err);
	free(c.sources);
	digest_set_done(&c.bad_blobs);
	digest_set_done(&c.alone);
	digest_set_done(&c.bad_trees);
	digest_set_done(&c.bad_records);
	strv_done(&c.leftovers);
	strv_done(&c.bad_containers);
	strv_done(&c.bad_owners);
	if (r == 0)
		*ret = result;
	return r;
}

int store_check(struct store *s, struct check_result *ret, struct strv *problems, struct err *err)
{
	return run(s, false, ret, problems, err);
}

int store_repair(struct store *s, struct check_result *ret, struct strv *problems, struct err *err)
{
	if (store_may_write(s, err) < 0)
		return err->code;
	store_scratch_end(s);
	return run(s, true, ret, problems, err);
}
