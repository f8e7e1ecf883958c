/* SPDX-License-Identifier: Apache-2.0 */
#include "build/source.h"

/* The next file that stands for itself. */
static bool next_main(const struct containerfile *files, size_t n, struct source_walk *w)
{
	while (w->files < n && files[w->files].included)
		w->files++;
	if (w->files >= n)
		return false;
	w->place[0] = (struct source_place){.file = w->files++};
	w->depth = 1;
	return true;
}

bool source_next(const struct containerfile *files, size_t n, struct source_walk *w)
{
	while (w->depth || next_main(files, n, w)) {
		struct source_place *p = &w->place[w->depth - 1];
		const struct containerfile *f = &files[p->file];
		if (p->next == f->n) {
			w->depth--;
			continue;
		}
		const struct inst *i = &f->insts[p->next++];
		if (i->kind != INST_INCLUDE) {
			w->at = (struct source_inst){.file = f, .inst = i};
			return true;
		}
		if (i->fragment) /* who reads fragments sees to it that they are not too deep */
			w->place[w->depth++] = (struct source_place){.file = i->fragment};
	}
	return false;
}
