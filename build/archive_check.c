/* SPDX-License-Identifier: Apache-2.0 */
#include "build/archive_check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/root.h"
#include "build/evaluate.h"
#include "build/selection.h"
#include "layers/apply.h"
#include "layers/archive.h"
#include "layers/ustar.h"
#include "store/statcache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARCHIVES_MAX 16
#define CONTENT_MAX (16 * MIB)

/* Saves the job for files that are no archives; one that is not known by its first bytes is left
 * to the step. */
static bool may_be_archive(int fd)
{
	struct ustar head = {0};
	ssize_t n = pread(fd, &head, sizeof(head), 0);
	/* the magic of ustar, pax and GNU */
	return n > 0 && (archive_kind((char *)&head, (size_t)n) != ARCHIVE_KIND_PLAIN ||
				memcmp(head.magic, "ustar", 5) == 0);
}

/* That a file was looked at and is sound is an entry of its own in the cache of digests, as if of a
 * file on a device that there is not: what is in it may have been read for another reason. */
static struct stat look_key(const struct node *n)
{
	struct stat st = n->st;
	st.st_dev = ~st.st_dev;
	return st;
}

static bool is_known_sound(const struct eval *e, const struct node *n)
{
	struct stat st = look_key(n);
	struct digest ignored;
	bool mark;
	return e->b->statcache && statcache_get(e->b->statcache, &st, &ignored, &mark);
}

static void note_sound(const struct eval *e, const struct node *n)
{
	struct stat st = look_key(n);
	if (e->b->statcache)
		statcache_put(e->b->statcache, &st, &(struct digest){0}, false);
}

static int check_one(
	struct eval *e, struct filetree *t, const struct node *n, struct pos pos, struct err *err)
{
	if (!S_ISREG(n->st.st_mode) || e->b->n_archives == ARCHIVES_MAX || is_known_sound(e, n))
		return 0;
	AUTO_FREE char *path = node_path(n);
	AUTO_FD int fd = root_open(filetree_rootfd(t), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0 || !may_be_archive(fd))
		return 0;
	struct err why = ERR_INIT;
	e->b->n_archives++;
	if (archive_look(fd, CONTENT_MAX, &why) < 0)
		return eval_error(e, pos, err, why.code, "%s: cannot unpack '%s': %s",
			e->at.inst->name, path, why.msg);
	note_sound(e, n);
	return 0;
}

int archives_check(struct eval *e, struct filetree *t, const struct step *s, const char *source,
	struct pos pos, struct err *err)
{
	AUTO_SELECTION struct selection sel = {0};
	struct match *m = NULL;
	size_t n = 0;
	if (!s->unpack || e->b->o->call != BUILD_CALL_BUILD)
		return 0;
	if (selection_init(&sel, source, s->parents, &s->excludes, err) < 0 ||
		filetree_glob(t, sel.root, &m, &n, err) < 0)
		return err->code;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct node *found;
		rc = filetree_follow(t, &m[i], &found, err);
		if (rc == 0)
			rc = check_one(e, t, found, pos, err);
	}
	matches_free(m, n);
	return rc;
}
