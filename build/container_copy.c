/* SPDX-License-Identifier: Apache-2.0 */
#include "build/container_copy.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/path.h"
#include "build/as_buildah.h"
#include "build/build_internal.h"
#include "build/chmod.h"
#include "build/container_stage.h"
#include "build/container_tree.h"
#include "build/copy.h"
#include "build/copy_internal.h"
#include "build/file_ignore.h"
#include "build/inputs.h"
#include "build/remote_file.h"
#include "layers/settle.h"
#include "layers/snapshot.h"
#include "store/containers.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IGNORE_MAX (1 * MIB)
#define NOTES_MAX (64 * KIB)

struct copying {
	struct build build; /* what fetching looks into */
	struct build_opts opts;
	struct step step;
	struct filetree *source;
	struct container_tree tree;
	struct container_stage stage;
	struct snapshot link; /* upper -1: it goes into the container */
	bool empty_root;
	const struct timespec *time;
};

/* --- the step --- */

static int add_source(struct copying *w, const struct container_copy *o, const char *source,
	struct remote_file **ret, struct err *err)
{
	strv_add(&w->step.sources, source);
	if (!remote_file_is_url(source))
		return 0;
	struct remote_file *f = xcalloc(1, sizeof(*f));
	int r = remote_file_init(f, source, err);
	if (r < 0) {
		free(f);
		return r;
	}
	*ret = f;
	if (o->checksum && remote_file_pin(f, o->checksum, err) < 0)
		return err->code;
	r = remote_file_look(&w->build, f, err);
	return r < 0 ? err_wrap(err, "cannot fetch %s", source) : 0;
}

static int check(const struct container_copy *o, const struct step *s, struct err *err)
{
	struct chmod mode;
	size_t urls = 0;

	for (size_t i = 0; i < s->n_remote; i++)
		urls += s->remote[i] != NULL;
	if (s->chmod && !chmod_parse(s->chmod, &mode))
		return err_set(err, ERR_INVALID,
			"option '--chmod': '%s' is neither an octal mode such as 0755 nor a "
			"symbolic one such as u=rwX,go=rX",
			s->chmod);
	if (o->checksum && (s->sources.n != 1 || urls != 1))
		return err_set(err, ERR_INVALID,
			"option '--checksum': checksum flag is not supported for local sources, "
			"and "
			"for one URL only");
	return 0;
}

/* Several things need a directory to go to. */
static char *destination(const struct container_copy *o, const struct container *c)
{
	const char *dir = c->config.working_dir;
	AUTO_FREE char *base = xasprintf("/%s", dir ? dir : "");
	const char *word = o->dest ? o->dest : "";
	AUTO_FREE char *dest = path_resolve(base, word);
	bool slash =
		!*word || streq(word, ".") || path_has_trailing_slash(word) || o->sources.n > 1;
	return slash && !streq(dest, "/") ? xasprintf("%s/", dest) : take(dest);
}

static int make_step(struct copying *w, const struct container *c, const struct container_copy *o,
	struct err *err)
{
	struct step *s = &w->step;
	int r = 0;

	s->kind = STEP_COPY;
	s->add = s->unpack = o->add;
	s->context = NO_CONTEXT;
	s->chown = o->chown ? xstrdup(o->chown) : NULL;
	s->archive_owners = as_buildah_unpacks(s);
	s->chmod = o->chmod ? xstrdup(o->chmod) : NULL;
	s->plain_dirs = as_buildah_makes_dirs(s);
	s->parents = o->parents;
	if (!o->exclude_from_root)
		strv_copy(&s->excludes, &o->excludes);
	s->dest = destination(o, c);
	s->remote = xcalloc(o->sources.n, sizeof(struct remote_file *));
	for (; r == 0 && s->n_remote < o->sources.n; s->n_remote++)
		r = add_source(w, o, o->sources.v[s->n_remote], &s->remote[s->n_remote], err);
	return r < 0 ? r : check(o, s, err);
}

/* --- the sources --- */

/* What is excluded from the root on is as if it stood at the end of the file. */
static int read_ignore(const struct container_copy *o, struct ignore **ret, struct err *err)
{
	const char *path = o->ignore_file, *option = "option '--exclude'";
	AUTO_FREE char *text = NULL;
	AUTO_BUF struct buf all = BUF_INIT(2 * IGNORE_MAX);
	size_t n;

	if (path && fs_read_file(AT_FDCWD, path, IGNORE_MAX, &text, &n, err) < 0)
		return err->code;
	if (path)
		buf_add(&all, text, n);
	for (size_t i = 0; o->exclude_from_root && i < o->excludes.n; i++)
		buf_addf(&all, "\n%s", o->excludes.v[i]);
	return all.len ? ignore_parse(path ? path : option, buf_str(&all), all.len, ret, err) : 0;
}

/* Each source must name something, patterns too, as buildah has it. *ret_what: of the last one. */
static int look(struct copying *w, const struct container_copy *o, enum container_copied *ret_what,
	struct err *err)
{
	*ret_what = o->sources.n > 1 ? COPIED_SEVERAL : COPIED_FILE;
	for (size_t i = 0; i < w->step.sources.n; i++) {
		struct match *m = NULL;
		size_t n = 0;
		const char *source = w->step.sources.v[i];
		if (w->step.remote[i] || o->parents)
			continue;
		int r = filetree_glob(w->source, source, &m, &n, err);
		if (r == 0 && !n)
			r = err_set(err, ERR_NOT_FOUND,
				"cannot copy '%s%s'%s%s: no such file or directory",
				o->source_name || *source == '/' ? "" : "/", source,
				o->source_name ? " in " : "", o->source_name ? o->source_name : "");
		if (r == 0 && n > 1)
			*ret_what = COPIED_SEVERAL;
		else if (r == 0 && o->sources.n == 1 && S_ISDIR(m->node->st.st_mode))
			*ret_what = COPIED_DIR;
		matches_free(m, n);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A layer of its own knows no names: the container does. */
static int number_owner(struct copying *w, struct err *err)
{
	AUTO_FD int root = -1;
	uid_t uid;
	gid_t gid;

	if (!w->step.chown)
		return 0;
	if (snapshot_mount(&w->tree.snap, &root, err) < 0)
		return err->code;
	const struct copy_work here = {.step = &w->step, .root = root, .known_owner = true};
	if (copy_owner(&here, w->step.chown, &uid, &gid, err) < 0)
		return err_wrap(err, "--chown=%s", w->step.chown);
	mem_replace(&w->step.chown, xasprintf("%u:%u", uid, gid));
	return 0;
}

static int write_tree(struct copying *w, struct buf *out, struct err *err)
{
	AUTO_FD int root = -1;
	bool link = w->link.upper >= 0;

	if (link && number_owner(w, err) < 0)
		return err->code;
	if (snapshot_mount(link ? &w->link : &w->stage.snap, &root, err) < 0)
		return err->code;
	for (size_t i = 0; i < w->step.n_remote; i++)
		if (w->step.remote[i] && remote_file_get(&w->build, w->step.remote[i], err) < 0)
			return err_wrap(err, "%s", w->step.remote[i]->url);
	const struct copy_work work = {.step = &w->step,
		.source = w->source,
		.root = root,
		.empty_root = link || w->empty_root,
		.known_owner = true,
		.time = w->time,
		.layer_ratio = w->build.o->pull.remote.layer_ratio,
		.notes = out};
	return copy_run(&work, err);
}

static int copy_job(void *arg, struct buf *out, struct err *err)
{
	int r = write_tree(arg, out, err);
	snapshot_end();
	return r;
}

static int open_link(struct txn *t, const struct container *c, struct copying *w, struct err *err)
{
	AUTO_FREE char *name = NULL;
	int r = container_link_open(c, c->links.n, true, &w->link.upper, err);

	return r < 0 ? r : txn_mkdir(t, "work", &name, &w->link.work, err);
}

/* Of a copy that failed nothing is left. */
static int settle(struct store *s, const struct container *c, struct copying *w, bool link, int r,
	struct err *err)
{
	struct err ignored = ERR_INIT;

	if (r == 0)
		r = link ? snapshot_settle(&w->link, (struct timespec){0}, err)
		         : container_stage_end(s, &w->stage, &w->tree, err);
	if (r < 0 && link)
		(void)!container_link_remove(c, c->links.n, &ignored);
	return r;
}

static int carry_out(struct store *s, struct txn *t, const struct container *c, struct copying *w,
	bool link, struct strv *notes, struct err *err)
{
	AUTO_BUF struct buf out = BUF_INIT(NOTES_MAX);

	int r = container_tree_open(s, t, c, &w->tree, err);
	if (r == 0)
		r = link ? open_link(t, c, w, err)
		         : container_stage_begin(t, &w->tree, &w->stage, err);
	if (r < 0)
		return r;
	w->empty_root = !c->config.n_diff_ids;
	r = settle(s, c, w, link, job_run(copy_job, w, &out, err), err);
	if (out.len) {
		AUTO_STRV struct strv lines = STRV_INIT;
		strv_split(&lines, buf_str(&out), '\n');
		STRV_FOREACH (line, &lines)
			if (**line)
				strv_add(notes, *line);
	}
	return r;
}

int container_copy(struct store *s, struct txn *t, const struct container *c,
	const struct container_copy *o, struct digest *ret_digest, enum container_copied *ret_what,
	struct strv *notes, struct err *err)
{
	struct copying w = {.tree = {.upper = -1, .work = -1, .merged = -1},
		.stage = CONTAINER_STAGE_INIT,
		.link = {.upper = -1, .work = -1},
		.time = o->time};
	struct ignore *ignore = NULL;

	build_opts_init(&w.opts);
	w.opts.pull.remote = o->remote;
	w.opts.progress = o->progress;
	w.build = (struct build){.store = s, .txn = t, .o = &w.opts};
	int r = read_ignore(o, &ignore, err);
	if (r == 0)
		r = make_step(&w, c, o, err);
	if (r == 0) {
		w.source = filetree_new(
			o->source_root, ignore, NULL, o->keep_owner ? 0 : FILETREE_RESET_OWNER);
		r = look(&w, o, ret_what, err);
	}
	if (r == 0)
		r = inputs_digest(w.source, &w.step, ret_digest, NULL, err);
	if (r == 0)
		r = carry_out(s, t, c, &w, o->link, notes, err);
	if (w.source)
		filetree_free(w.source);
	ignore_free(ignore);
	container_stage_done(&w.stage);
	container_tree_close(&w.tree);
	mem_close_p(&w.link.upper);
	mem_close_p(&w.link.work);
	step_done(&w.step);
	free(w.build.looked);
	build_opts_done(&w.opts);
	return r;
}
