/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/box_mount.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/root.h"
#include "base/strv.h"
#include "build/image_tree.h"
#include "build/volume.h"
#include "cmd/box_cache.h"
#include "cmd/cmd.h"
#include "cmd/image_get.h"
#include "cmd/mount_words.h"
#include "cmd/volume_words.h"
#include "run/selinux.h"
#include "run/spec.h"
#include "store/images.h"
#include "store/store.h"

struct run_mount *box_new_mount(struct run_spec *spec)
{
	spec->mounts = xreallocarray(spec->mounts, spec->n_mounts + 1, sizeof(*spec->mounts));
	return &spec->mounts[spec->n_mounts++];
}

int box_add_volume(
	const struct box_mounts *b, const char *text, struct run_spec *spec, struct err *err)
{
	struct volume_words v;
	int overlay = -1;

	if (volume_words_parse(text, &v, err) < 0)
		return err->code;
	int r = v.overlay ? volume_overlay(b->t, &v.mount, v.upper, v.work, &overlay, err) : 0;
	if (v.overlay) {
		(void)close(v.mount.source);
		v.mount.source = overlay;
		v.mount.below = "/";
	}
	volume_words_done(&v);
	if (r < 0)
		free(v.mount.target);
	else
		*box_new_mount(spec) = v.mount;
	return r;
}

/* What an image shows is never written to. */
static int bind_image(
	struct box_mounts *b, const struct mount_words *m, struct run_spec *spec, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	AUTO_FREE char *below = path_clean(m->source && *m->source ? m->source : "/");
	AUTO_FD int root = -1, there = -1;

	int r = image_get(b->app, b->s, b->get, m->from, &image, NULL, err);
	if (r == 0)
		r = image_tree_mount(b->s, b->t, &image, image.config.n_diff_ids, NULL, &root, err);
	if (r < 0)
		return r;
	there = root_open(root, below, O_PATH, 0);
	if (there < 0)
		return err_sys(err, "option '--mount': cannot open '%s' in '%s'", below, m->from);
	strv_add(&b->texts, below);
	*box_new_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = take_fd(&root),
		.below = b->texts.v[b->texts.n - 1],
		.target = xstrdup(m->target),
		.read_only = true};
	return 0;
}

/* A copy of a file, which goes with the transaction. */
static int copy_of_file(
	const struct box_mounts *b, int source, const struct stat *st, int *ret_fd, struct err *err)
{
	AUTO_FREE char *name = NULL, *path = xasprintf("/proc/self/fd/%d", source);
	AUTO_FD int dir = -1, from = open(path, O_RDONLY | O_CLOEXEC), to = -1;

	if (from < 0)
		return err_sys(err, "cannot open the source");
	if (txn_mkdir(b->t, "mount", &name, &dir, err) < 0)
		return err->code;
	to = openat(dir, "file", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0 || fs_copy_data(from, to, (uint64_t)st->st_size) < 0 ||
		fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return err_sys(err, "cannot copy the source");
	*ret_fd = openat(dir, "file", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(err, "cannot open the copy") : 0;
}

/* buildah shows something of this machine to be written to, and nobody keeps what is written. */
static int discard_writes(const struct box_mounts *b, const char *target, int *fd,
	const char **ret_below, struct err *err)
{
	struct stat st;
	int shown = -1;

	if (fstat(*fd, &st) < 0)
		return err_sys(err, "cannot read the source");
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return 0;
	AUTO_FREE char *copy = xstrdup(target);
	const struct run_mount m = {.source = *fd, .target = copy};
	int r = S_ISDIR(st.st_mode) ? volume_overlay(b->t, &m, -1, -1, &shown, err)
	                            : copy_of_file(b, *fd, &st, &shown, err);
	if (r < 0)
		return r;
	(void)close(*fd);
	*fd = shown;
	*ret_below = S_ISDIR(st.st_mode) ? "/" : NULL;
	return 0;
}

static int add_bind(const struct box_mounts *b, const struct mount_words *m, struct run_spec *spec,
	struct err *err)
{
	if (!b->contextdir && (!m->source || !*m->source))
		return err_set(err, ERR_INVALID,
			"option '--mount': the bind on '%s' has no source: add 'source=PATH'",
			m->target);
	AUTO_FREE char *source =
		path_resolve(b->contextdir ? b->contextdir : ".", m->source ? m->source : ".");
	AUTO_FD int fd = open(source, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "option '--mount': cannot open '%s'", source);
	if (m->relabel && selinux_is_active() && volume_may_change(fd, source, "z", err) < 0)
		return err->code;
	if (m->give && volume_may_change(fd, source, "U", err) < 0)
		return err->code;
	const char *below = NULL;
	if (called_buildah() && m->read_write && discard_writes(b, m->target, &fd, &below, err) < 0)
		return err_wrap(err, "option '--mount': '%s'", source);
	*box_new_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_BIND,
		.source = take_fd(&fd),
		.below = below,
		.target = xstrdup(m->target),
		.read_only = !m->read_write,
		.give = m->give,
		.relabel = m->relabel,
		.no_exec = m->no_exec,
		.no_suid = m->no_suid};
	return 0;
}

static int add_tmpfs(const struct mount_words *m, struct run_spec *spec, struct err *err)
{
	uint64_t size = 0;
	mode_t mode = 0;

	if (m->size && !num_size(m->size, &size))
		return err_set(err, ERR_INVALID, "option '--mount': '%s' is not a size", m->size);
	if (mount_word_mode(m->mode, &mode, err) < 0)
		return err->code;
	*box_new_mount(spec) = (struct run_mount){.kind = RUN_MOUNT_TMPFS,
		.source = -1,
		.target = xstrdup(m->target),
		.read_only = m->read_only && !m->read_write,
		.copy_up = m->copy_up,
		.no_exec = m->no_exec,
		.size = size,
		.mode = mode};
	return 0;
}

void box_mounts_done(struct box_mounts *b)
{
	box_caches_done(b);
	strv_done(&b->texts);
}

int box_add_mount(struct box_mounts *b, const char *text, struct run_spec *spec, struct err *err)
{
	AUTO_STRV struct strv words = STRV_INIT;
	struct mount_words m = {.type = "bind"};

	strv_split(&words, text, ',');
	STRV_FOREACH (w, &words)
		if (mount_word(*w, &m, err) < 0)
			return err->code;
	if (!m.target || *m.target != '/')
		return err_set(err, ERR_INVALID,
			"option '--mount': '%s' has no target that begins with '/'", text);
	if (m.type && streq(m.type, "bind"))
		return m.from ? bind_image(b, &m, spec, err) : add_bind(b, &m, spec, err);
	if (m.type && streq(m.type, "tmpfs"))
		return add_tmpfs(&m, spec, err);
	if (m.type && streq(m.type, "cache"))
		return box_add_cache(b, &m, spec, err);
	return err_set(err, ERR_UNSUPPORTED,
		"option '--mount': type '%s' is not one of 'bind', 'cache', 'tmpfs' (others are "
		"for RUN --mount of a Containerfile)",
		m.type ? m.type : "");
}
