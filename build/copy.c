/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/path.h"
#include "base/room.h"
#include "base/root.h"
#include "build/chmod.h"
#include "build/copy_internal.h"
#include "build/git_source.h"
#include "build/remote_file.h"
#include "build/selection.h"
#include "layers/apply.h"
#include "run/user.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * ADD of a local archive unpacks it into the destination. --chown is for all that it holds, unless
 * archive_owners, --chmod for nothing, not even the destination. *ret_done: it was one.
 */
static int try_unpack(
	struct copier *c, const struct node *n, const char *dest, bool *ret_done, struct err *err)
{
	*ret_done = false;
	if (!S_ISREG(n->st.st_mode) || n->st.st_size == 0)
		return 0;
	AUTO_FREE char *path = node_path(n);
	AUTO_FD int fd =
		root_open(filetree_rootfd(c->source), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	bool is_tar;
	if (archive_probe(fd, &is_tar, err) < 0)
		return err_wrap(err, "'%s'", path);
	if (!is_tar)
		return 0;
	AUTO_FREE char *real = root_resolve(c->w->root, dest);
	AUTO_FD int dir = -1;
	if (!real)
		return err_sys(err, "cannot resolve '%s'", dest);
	struct copier plain = *c;
	plain.has_mode = false;
	bool chown = c->has_owner && !c->w->step->archive_owners;
	if (copy_make_dirs(&plain, real, &dir, err) < 0)
		return err->code;
	const struct apply_opts opts = {.flags = APPLY_PLAIN | (chown ? APPLY_CHOWN : 0),
		.uid = c->uid,
		.gid = c->gid,
		.time = c->w->time,
		.limits = apply_limits_of(c->w->layer_ratio)};
	if (archive_unpack(fd, dir, &opts, err) < 0)
		return err_wrap(err, "cannot unpack '%s'", path);
	*ret_done = true;
	return 0;
}

/*
 * What a directory that is named as a source holds goes into the destination. The directory itself
 * is not copied: the destination keeps its owner and mode or gets those of implied directories; but
 * its time becomes the source's, as BuildKit has it.
 */
static int copy_top_dir(struct copier *c, const struct selection *sel, struct node *n,
	int from_parent, size_t *ret_n, struct err *err)
{
	AUTO_FD int from = openat(from_parent, *n->name ? n->name : ".",
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return err_sys(err, "cannot open '%s'", n->name);
	AUTO_FREE char *real = root_resolve(c->w->root, c->w->step->dest);
	AUTO_FD int to = -1;
	if (!real)
		return err_sys(err, "cannot resolve '%s'", c->w->step->dest);
	if (copy_make_dirs(c, real, &to, err) < 0 ||
		copy_tree(c, sel, n, from, to, real, ret_n, err) < 0)
		return err->code;
	struct timespec time = copy_time(c, &n->st), times[2] = {time, time};
	if (futimens(to, times) < 0)
		return err_sys(err, "cannot set the times of '/%s'", real);
	return 0;
}

/* *ret_n: how many things it was. */
static int copy_match(struct copier *c, const struct selection *sel, const struct match *m,
	size_t *ret_n, struct err *err)
{
	const struct step *s = c->w->step;
	struct node *n;
	if (filetree_follow(c->source, m, &n, err) < 0)
		return err->code;
	*ret_n = 1;
	if (clock_before(c->latest, n->st.st_mtim))
		c->latest = n->st.st_mtim;
	if (c->source == c->w->source ? s->unpack : s->unpack_remote) {
		bool done;
		if (try_unpack(c, n, s->dest, &done, err) < 0 || done)
			return err->code;
	}
	copy_links_forget(c);
	AUTO_FREE char *source_dir = n->parent ? node_path(n->parent) : xstrdup("");
	AUTO_FD int from =
		root_open(filetree_rootfd(c->source), source_dir, O_PATH | O_DIRECTORY, 0);
	if (from < 0)
		return err_sys(err, "cannot open '%s'", source_dir);
	if (S_ISDIR(n->st.st_mode))
		return copy_top_dir(c, sel, n, from, ret_n, err);
	AUTO_FD int to = -1;
	AUTO_FREE char *path = NULL, *name = NULL;
	if (copy_place(c, s->dest, path_base(m->path), &to, &path, &name, err) < 0)
		return err->code;
	return copy_leaf(c, n, from, to, path, name, err);
}

static int copy_inline(struct copier *c, const struct inline_file *f, struct err *err)
{
	AUTO_FD int dir = -1, fd = -1;
	AUTO_FREE char *path = NULL, *name = NULL;
	if (copy_place(c, c->w->step->dest, f->name, &dir, &path, &name, err) < 0 ||
		copy_create(dir, name, 0644, &fd, err) < 0)
		return err->code;
	if (fs_write_all(fd, f->content, f->len) < 0)
		return err_sys(err, "cannot write '%s'", name);
	struct stat st = {.st_mode = S_IFREG | 0644};
	mode_t mode = copy_mode(c, &st);
	if (owner_set(fd, c->has_owner ? c->uid : 0, c->has_owner ? c->gid : 0) < 0 ||
		fchmod(fd, mode) < 0)
		return err_sys(err, "cannot set the owner and mode of '%s'", name);
	return 0;
}

static int copy_source(struct copier *c, const char *source, struct err *err)
{
	const struct step *s = c->w->step;
	AUTO_SELECTION struct selection sel = {0};
	struct match *m = NULL;
	size_t n = 0, copied = 0;
	if (selection_init(&sel, source, s->parents, &s->excludes, err) < 0 ||
		filetree_glob(c->source, sel.root, &m, &n, err) < 0)
		return err->code;
	int rc = 0;
	for (size_t k = 0; rc == 0 && k < n; k++) {
		size_t things = 0;
		rc = copy_match(c, &sel, &m[k], &things, err);
		copied += things;
	}
	if (rc == 0 && (s->parents ? !copied : !n))
		rc = selection_nothing(&sel, c->source, source, s->parents, err);
	matches_free(m, n);
	return rc;
}

/* A file that was fetched, alone in its directory; or all that a repository holds, of which .git
 * (of its modules, too) is only kept when asked for. */
static int copy_remote(struct copier *c, const struct remote_file *f, struct err *err)
{
	struct node *n;
	size_t copied;
	AUTO_SELECTION struct selection sel = {0};
	AUTO_STRV struct strv excludes = STRV_INIT;
	strv_copy(&excludes, &c->w->step->excludes);
	if (f->git && !f->git->keep_git_dir)
		strv_add(&excludes, "**/.git");
	if (selection_init(&sel, "", false, &excludes, err) < 0)
		return err->code;
	c->source = filetree_new(f->dirfd, NULL, NULL, FILETREE_RESET_OWNER);
	int rc = filetree_lookup(c->source, f->name, false, &n, err);
	if (rc == 0 && !n)
		rc = err_set(err, ERR_NOT_FOUND, "'%s' was not fetched", f->name);
	struct match m = {.node = n, .path = f->name};
	if (rc == 0)
		rc = copy_match(c, &sel, &m, &copied, err);
	filetree_free(c->source);
	return rc;
}

static int copy_sources(struct copier *c, struct err *err)
{
	const struct step *s = c->w->step;
	for (size_t i = 0; i < s->sources.n; i++) {
		const struct remote_file *f = i < s->n_remote ? s->remote[i] : NULL;
		c->source = c->w->source;
		if (f ? copy_remote(c, f, err) < 0 : copy_source(c, s->sources.v[i], err) < 0)
			return err->code;
	}
	/* wherever they stand, as BuildKit: of one name the last that is copied stays */
	for (size_t i = 0; i < s->n_inlines; i++)
		if (copy_inline(c, &s->inlines[i], err) < 0)
			return err->code;
	return 0;
}

static void warn_unknown(
	const struct copy_work *w, const char *spec, const char *unknown, uid_t uid, gid_t gid)
{
	const struct source_inst *at = &w->step->at;
	struct pos pos = at->inst->pos;
	(void)inst_flag(at->inst, "chown", &pos);
	buf_addf(w->notes, "mica: warning: %s:%u:%u: %s: %s: %u:%u is taken, as BuildKit does\n",
		at->file->name, pos.line, pos.column, spec, unknown, uid, gid);
}

int copy_owner(const struct copy_work *w, const char *spec, uid_t *ret_uid, gid_t *ret_gid,
	struct err *err)
{
	AUTO_FREE char *unknown = NULL;
	if (user_resolve_chown(w->root, spec, ret_uid, ret_gid, &unknown, err) < 0)
		return err->code;
	if (unknown && (w->empty_root || w->known_owner))
		return err_set(err, ERR_NOT_FOUND, "%s", unknown);
	if (unknown && w->notes)
		warn_unknown(w, spec, unknown, *ret_uid, *ret_gid);
	return 0;
}

int copier_init(struct copier *c, const struct copy_work *w, struct err *err)
{
	const struct step *s = w->step;
	*c = (struct copier){.w = w};
	if (s->chown) {
		if (copy_owner(w, s->chown, &c->uid, &c->gid, err) < 0)
			return err_wrap(err, "--chown=%s", s->chown);
		c->has_owner = true;
	}
	c->has_mode = s->chmod != NULL;
	if (c->has_mode && !chmod_parse(s->chmod, &c->mode))
		return err_set(err, ERR_INVALID, "--chmod=%s is not a mode", s->chmod);
	return 0;
}

int copy_run(const struct copy_work *w, struct err *err)
{
	const struct step *s = w->step;
	struct copier c;
	if (copier_init(&c, w, err) < 0)
		return err->code;
	umask(0);
	c.buf = xmalloc(COPY_BUF);
	AUTO_STRV struct strv implied = STRV_INIT;
	if (s->link && clock_gettime(CLOCK_REALTIME_COARSE, &c.began) == 0)
		c.implied = &implied;
	int rc = copy_sources(&c, err);
	if (rc == 0 && c.implied && c.latest.tv_sec)
		rc = copy_date_implied(&c, err);
	if (room_is_short(err))
		room_need(copy_size(w), err);
	copy_links_forget(&c);
	free(c.buf);
	return rc;
}
