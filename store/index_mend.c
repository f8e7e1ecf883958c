/* SPDX-License-Identifier: Apache-2.0 */
/* index.json where it can be read, and says what is not so. */
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "store/blobs.h"
#include "store/check_internal.h"
#include "store/rebuild_internal.h"
#include "store/store_internal.h"

static void mend_line(
	struct rebuild *b, size_t at, const struct digest_set *bad, struct index_mended *result)
{
	struct descriptor d = {0}, right = {0};
	AUTO_FREE char *ref = NULL;
	struct err ignored = ERR_INIT;
	if (index_line_parse(&b->file.lines[at], &d, &ref, &ignored) < 0)
		return;
	if (!blob_has(b->store, &d.digest, NULL)) {
		result->lost |= !digest_set_has(bad, &d.digest);
	} else if (ref && !image_is_whole(b->store, &d) && rebuild_describe(b, &d.digest, &right)) {
		d.size = right.size;
		free(d.media_type);
		d.media_type = take(right.media_type);
		descriptor_done(&right);
		index_file_set(&b->file, at, &d, ref);
		result->entries++;
	}
	(void)digest_set_add(&b->known, &d.digest);
	rebuild_hide_children(b, &d);
	descriptor_done(&d);
}

int index_mend(
	struct store *s, const struct digest_set *bad, struct index_mended *ret, struct err *err)
{
	struct rebuild b = {.store = s};
	AUTO_FD int lock = -1;
	int r;
	*ret = (struct index_mended){0};
	if ((r = store_lock(s, "lock", LOCK_EXCLUSIVE, true, &lock, err)) < 0 ||
		(r = index_file_read(s, &b.file, err)) < 0)
		return r;
	for (size_t i = 0; i < b.file.n; i++)
		mend_line(&b, i, bad, ret);
	if (ret->lost)
		r = rebuild_add_nameless(&b, &ret->nameless, err);
	if (r == 0 && (ret->entries || ret->nameless))
		r = index_file_write(s, &b.file, err);
	rebuild_done(&b);
	return r;
}
