/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.json anew, when it cannot be read: the names that are left in what there is of it, and
 * every image that is whole without a name. What had been removed and not swept yet comes back
 * that way too; `prune` takes it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "image/reference.h"
#include "store/check_internal.h"
#include "store/names.h"
#include "store/rebuild_internal.h"
#include "store/store_internal.h"

#define DEPTH_MAX 32 /* of objects in one another */
#define ENTRY_MAX (256 * KIB) /* a descriptor with its annotations */

static bool is_new_name(struct rebuild *b, const char *ref)
{
	struct digest d = digest_of(ref, strlen(ref));
	struct reference parsed;
	struct err ignored = ERR_INIT;
	if (reference_parse(ref, &parsed, &ignored) < 0)
		return false;
	reference_done(&parsed);
	return digest_set_add(&b->names, &d);
}

/* An object of the old file, if it is a manifest's entry. */
static void salvage(struct rebuild *b, const char *text, size_t n)
{
	const struct index_line line = {.text = text, .n = n};
	struct descriptor d = {0};
	AUTO_FREE char *ref = NULL;
	struct err ignored = ERR_INIT;
	if (index_line_parse(&line, &d, &ref, &ignored) < 0)
		return;
	if (ref && image_is_whole(b->store, &d) && is_new_name(b, ref)) {
		index_file_set(&b->file, b->file.n, &d, ref);
		(void)digest_set_add(&b->known, &d.digest);
	}
	descriptor_done(&d);
}

/* All objects in it, whatever is around them. No string of JSON goes over the end of a line. */
static void salvage_all(struct rebuild *b, const char *text, size_t n)
{
	size_t open[DEPTH_MAX], depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n')
			in_string = false;
		else if (in_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in_string = !in_string;
		else if (!in_string && text[i] == '{')
			open[depth++ % DEPTH_MAX] = i;
		else if (!in_string && text[i] == '}' && depth > 0) {
			size_t from = open[--depth % DEPTH_MAX];
			if (i > from && i - from < ENTRY_MAX)
				salvage(b, text + from, i - from + 1);
		}
	}
}

int index_rebuild(struct store *s, size_t *ret_n, struct err *err)
{
	struct rebuild b = {.store = s};
	AUTO_FREE char *old = NULL;
	AUTO_FD int lock = -1;
	struct err ignored = ERR_INIT;
	size_t n;
	int r = store_lock(s, "lock", LOCK_EXCLUSIVE, true, &lock, err);
	if (r < 0)
		return r;
	index_file_init(&b.file);
	if (fs_read_plain(s->fd, "index.json", NAMES_MAX, &old, &n, &ignored) == 0)
		salvage_all(&b, old, n);
	for (size_t i = 0; i < b.file.n; i++) {
		struct descriptor d = {0};
		AUTO_FREE char *ref = NULL;
		if (index_line_parse(&b.file.lines[i], &d, &ref, &ignored) == 0)
			rebuild_hide_children(&b, &d);
		descriptor_done(&d);
	}
	r = rebuild_add_nameless(&b, ret_n, err);
	if (r == 0)
		r = index_file_write(s, &b.file, err);
	rebuild_done(&b);
	return r;
}
