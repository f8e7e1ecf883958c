/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/root.h"
#include "build/copy_internal.h"
#include "build/remote_file.h"
#include "build/selection.h"
#include "layers/apply.h"

#define BLOCK 512 /* st_blocks, whatever the file system's own is */

/* Holes stay. */
static uint64_t file_size(const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size, blocks = (uint64_t)st->st_blocks * BLOCK;

	if (!S_ISREG(st->st_mode))
		return 0;
	return (size < blocks ? size : blocks) / (st->st_nlink ? st->st_nlink : 1);
}

static int pass(void *arg, struct node *dir, struct err *err)
{
	(void)arg;
	(void)dir;
	(void)err;
	return 0;
}

static int add(void *arg, struct node *n, struct err *err)
{
	uint64_t *sum = arg;

	(void)err;
	*sum += file_size(&n->st);
	return 0;
}

static bool is_unpacked(const struct copy_work *w, const struct node *n)
{
	AUTO_FREE char *path = node_path(n);
	struct err ignored = ERR_INIT;
	bool is_tar = true;
	AUTO_FD int fd =
		root_open(filetree_rootfd(w->source), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	return fd < 0 || archive_probe(fd, &is_tar, &ignored) < 0 || is_tar;
}

static uint64_t source_size(const struct copy_work *w, const char *source)
{
	const struct step *s = w->step;
	AUTO_SELECTION struct selection sel = {0};
	struct err ignored = ERR_INIT;
	struct match *m = NULL;
	uint64_t sum = 0;
	size_t n = 0;
	const struct walk walk = {.enter = pass, .leave = pass, .met = add, .arg = &sum};

	if (selection_init(&sel, source, s->parents, &s->excludes, &ignored) < 0 ||
		filetree_glob(w->source, sel.root, &m, &n, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct node *top;
		if (filetree_follow(w->source, &m[i], &top, &ignored) < 0)
			continue;
		if (S_ISDIR(top->st.st_mode))
			(void)!selection_walk(&sel, w->source, top, &walk, NULL, &ignored);
		else if (!s->unpack || !is_unpacked(w, top))
			sum += file_size(&top->st);
	}
	matches_free(m, n);
	return sum;
}

static uint64_t remote_size(const struct copy_work *w, const struct remote_file *f)
{
	struct stat st;

	if (f->git || w->step->unpack_remote ||
		fstatat(f->dirfd, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return file_size(&st);
}

uint64_t copy_size(const struct copy_work *w)
{
	const struct step *s = w->step;
	uint64_t sum = 0;

	for (size_t i = 0; i < s->sources.n; i++) {
		const struct remote_file *f = i < s->n_remote ? s->remote[i] : NULL;
		sum += f ? remote_size(w, f) : w->source ? source_size(w, s->sources.v[i]) : 0;
	}
	for (size_t i = 0; i < s->n_inlines; i++)
		sum += s->inlines[i].len;
	return sum;
}
