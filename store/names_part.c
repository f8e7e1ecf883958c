/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of index.json that have one name, as an editor or another tool may leave them. */
#include "base/mem.h"
#include "store/digest_set.h"
#include "store/index_file.h"
#include "store/names.h"
#include "store/names_internal.h"

static int part(struct index_file *f, struct digest_set *seen, size_t *ret_n, struct err *err)
{
	bool changed;
	for (size_t at = 0; at < f->n;) {
		AUTO_NAME struct name n = {0};
		int r = index_line_parse(&f->lines[at], &n.manifest, &n.ref, err);
		if (r < 0)
			return r;
		if (!n.ref || names_add_seen(seen, n.ref)) {
			at++;
			continue;
		}
		index_file_remove(f, at);
		if ((r = names_keep_unnamed(f, &n.manifest, &changed, err)) < 0)
			return r;
		++*ret_n;
	}
	return 0;
}

int names_part(struct store *s, size_t *ret_n, struct err *err)
{
	AUTO_INDEX_FILE struct index_file f = {0};
	struct digest_set seen = {0};
	AUTO_FD int lock = -1;
	int r;
	*ret_n = 0;
	if ((r = names_lock(s, &lock, err)) < 0 || (r = index_file_read(s, &f, err)) < 0)
		return r;
	r = part(&f, &seen, ret_n, err);
	digest_set_done(&seen);
	return r == 0 && *ret_n ? index_file_write(s, &f, err) : r;
}
