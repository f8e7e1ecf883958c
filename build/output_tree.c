/* SPDX-License-Identifier: Apache-2.0 */
#include "build/output_tree.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/job.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/room.h"
#include "base/stream.h"
#include "build/build.h"
#include "build/image_tree.h"
#include "layers/apply.h"
#include "layers/diff.h"
#include "run/userns.h"
#include "store/images.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_SIZE (1 * MIB) /* fs.pipe-max-size without privilege */
#define PREFIX_MAX 100

struct parts {
	struct tree_part *p;
	size_t n;
	struct strv prefixes;
};

static void parts_done(struct parts *parts)
{
	for (size_t i = 0; i < parts->n; i++)
		close(parts->p[i].dir);
	free(parts->p);
	strv_done(&parts->prefixes);
}

/* "linux_arm_v7" */
static char *prefix_of(const struct platform *p)
{
	char text[PREFIX_MAX];
	char *prefix = xstrdup(platform_str(p, text));
	for (char *c = prefix; *c; c++)
		if (*c == '/')
			*c = '_';
	return prefix;
}

static int add_part(const struct output_tree *t, const struct built_image *built,
	struct parts *parts, struct err *err)
{
	AUTO_IMAGE struct image img = {0};
	struct tree_part *part = &parts->p[parts->n];
	if (image_load(t->store, &built->manifest, NULL, &img, err) < 0 ||
		image_tree_mount(t->store, t->txn, &img, img.manifest.n_layers, t->progress,
			&part->dir, err) < 0)
		return err->code;
	parts->n++;
	if (t->split) {
		strv_add_take(&parts->prefixes, prefix_of(&built->platform));
		part->prefix = parts->prefixes.v[parts->prefixes.n - 1];
	}
	return 0;
}

int output_tree_tar(const struct output_tree *t, struct writer *out, struct err *err)
{
	struct parts parts = {.p = xcalloc(t->result->n_images, sizeof(*parts.p))};
	int r = 0;
	for (size_t i = 0; r == 0 && i < t->result->n_images; i++)
		r = add_part(t, &t->result->images[i], &parts, err);
	if (r == 0 && tree_archive(parts.p, parts.n, t->times, out, err) < 0) {
		r = err->code;
		/* who reads may have had no room for it */
		if (err_is_sys(err, EPIPE))
			err->need = tree_archive_size(parts.p, parts.n, t->times);
	}
	parts_done(&parts);
	return r;
}

struct receiver {
	int in, write_end, dir;
};

static int receive(void *arg, struct buf *out, struct err *err)
{
	const struct receiver *a = arg;
	const int keep[] = {a->in};
	const struct apply_opts opts = {.flags = APPLY_PLAIN | APPLY_CHOWN | APPLY_OWN_POWER |
	                                         (userns_is_rootless() ? APPLY_SKIP_DEVICES : 0)};
	struct apply_stats stats;
	(void)out;
	close(a->write_end);
	if (layer_confine(a->dir, keep, ARRAY_LEN(keep), err) < 0)
		return err->code;
	AUTO_FD int here = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (here < 0)
		return err_sys(err, "cannot open the destination");
	AUTO_READER struct reader *in = reader_from_fd(a->in, "the archiver's pipe");
	return layer_apply(in, here, &opts, &stats, err);
}

static int write_below(const struct output_tree *t, const char *dest, struct err *err)
{
	int ends[2];
	/* nobody else is to execute or open what an image has in it, as with docker and buildah */
	if (fs_mkdir_p(dest, 0700, err) < 0)
		return err->code;
	AUTO_FD int dir = open(dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "cannot open '%s'", dest);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
	AUTO_FD int in = ends[0];
	AUTO_FD int out = ends[1];
	struct receiver a = {.in = in, .write_end = out, .dir = dir};
	struct job job = {0};
	if (job_start(&job, receive, &a, err) < 0)
		return err->code;
	close(take_fd(&in));
	AUTO_WRITER struct writer *w = writer_to_fd(out, dest);
	struct err ours = ERR_INIT;
	int r = output_tree_tar(t, w, &ours);
	close(take_fd(&out));
	/* when it gave up, our pipe broke: its reason is the one that counts */
	if (job_collect(&job, true, NULL, err) < 0 && !(r < 0 && !err_is_sys(&ours, EPIPE))) {
		room_need(ours.need, err);
		return err->code;
	}
	if (r < 0)
		*err = ours;
	return r;
}

int output_tree_local(const struct output_tree *t, const char *dest, struct err *err)
{
	struct stat st;
	bool ours = lstat(dest, &st) < 0 && errno == ENOENT;
	if (write_below(t, dest, err) == 0)
		return 0;
	if (!ours)
		return err->code;
	room_tell(dest, err); /* while what did not fit is still there */
	struct err e = ERR_INIT;
	if (fs_remove_tree(AT_FDCWD, dest, &e) < 0)
		log_debug("%s", e.msg);
	return err->code;
}
