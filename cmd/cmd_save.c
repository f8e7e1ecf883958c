/* SPDX-License-Identifier: Apache-2.0 */
/* save and load: docker's names for a push to, and a pull from, an archive. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/stream.h"
#include "cmd/cmd.h"
#include "cmd/opt_groups.h"
#include "cmd/spool.h"
#include "layers/archive.h"
#include "registry/transport.h"
#include "store/images.h"
#include "store/names.h"
#include "store/store.h"

struct save_args {
	const char *output, *format;
	bool quiet;
};

static const struct opt save_options[] = {
	OPT_STRING(0, "format", struct save_args, format),
	OPT_STRING('o', "output", struct save_args, output),
	OPT_BOOL('q', "quiet", struct save_args, quiet),
	OPT_IGNORED_BOOL('m', "multi-image-archive"),
	OPT_REFUSED_WHY(0, "compress", "layers are written as they are stored"),
	OPT_END,
};

/* transport: "oci", "oci-archive", "docker-archive" */
static int transport_of(const char *format, const char **ret, struct err *err)
{
	if (!format || streq(format, "docker-archive"))
		*ret = "docker-archive";
	else if (streq(format, "oci-archive"))
		*ret = "oci-archive";
	else if (streq(format, "oci-dir"))
		*ret = "oci";
	else if (streq(format, "docker-dir"))
		*ret = "dir";
	else
		return err_set(err, ERR_INVALID,
			"option '--format': '%s' is not one of 'docker-archive', 'oci-archive', "
			"'oci-dir', 'docker-dir'",
			format);
	return 0;
}

static int write_to(struct app *app, struct store *s, const struct image *image, const char *ref,
	const char *transport, const char *path, bool quiet, struct err *err)
{
	AUTO_FREE char *location = NULL;
	/* an archive replaces the file that is there, but only when it is complete */
	struct push_opts o = {.quiet = quiet,
		.replace = true,
		.saves = true,
		.remove_signatures = true,
		.remote.tls_verify = -1};
	struct digest digest;

	/* a location ends the path at a colon */
	if (strchr(path, ':'))
		return err_set(
			err, ERR_INVALID, "'%s': the file name may not contain a colon", path);
	/* docker archives record the name themselves; a layout gets it as an annotation */
	location = streq(transport, "dir") || !ref ? xasprintf("%s:%s", transport, path)
	                                           : xasprintf("%s:%s:%s", transport, path, ref);
	o.progress = out_progress(&app->out, quiet ? PROGRESS_NONE : PROGRESS_AUTO);
	int r = image_push(s, &image->manifest_desc, ref, location, &o, &digest, err);
	out_progress_done(&app->out);
	return r;
}

/* Where the archive goes. What goes to standard output goes there as it is made: a copy of it in
 * $TMPDIR would need room for all of it. */
static int output_of(
	const struct app *app, const struct save_args *a, const char **ret, struct err *err)
{
	bool to_stdout = !a->output || streq(a->output, "-");

	if (to_stdout && app->out.out_tty)
		return err_set(err, ERR_INVALID,
			"refusing to write an archive to a terminal: use --output or a pipe");
	*ret = to_stdout ? "/dev/stdout" : a->output;
	return 0;
}

/* --- several images --- */

struct archived_list {
	struct archived *a;
	size_t n;
};

static void archived_list_done(struct archived_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		descriptor_done(&l->a[i].image);
		strv_done(&l->a[i].names);
	}
	free(l->a);
}

/* An image that is named twice is in the archive once, with both names. */
static int add_archived(struct store *s, const char *text, struct archived_list *l, struct err *err)
{
	AUTO_IMAGE struct image image = {0};
	AUTO_FREE char *ref = NULL;
	struct descriptor top = {0};
	size_t at = 0;

	int r = image_find(s, text, &top, &ref, err);
	if (r == 0)
		r = image_load(s, &top, NULL, &image, err);
	descriptor_done(&top);
	if (r < 0)
		return r;
	while (at < l->n && !digest_equal(&l->a[at].image.digest, &image.manifest_desc.digest))
		at++;
	if (at == l->n) {
		l->a = xreallocarray(l->a, l->n + 1, sizeof(*l->a));
		l->a[l->n] = (struct archived){0};
		descriptor_copy(&l->a[l->n++].image, &image.manifest_desc);
	}
	if (ref && !strv_has(&l->a[at].names, ref))
		strv_add(&l->a[at].names, ref);
	return 0;
}

static int write_archived(struct app *app, struct store *s, const struct archived_list *l,
	const char *path, bool quiet, struct err *err)
{
	struct progress *progress = out_progress(&app->out, quiet ? PROGRESS_NONE : PROGRESS_AUTO);
	int r = images_export(s, l->a, l->n, path, progress, err);

	out_progress_done(&app->out);
	return r;
}

static int save_several(struct app *app, struct store *s, const struct strv *texts,
	const struct save_args *a, struct err *err)
{
	__attribute__((cleanup(archived_list_done))) struct archived_list list = {0};
	const char *path = NULL;
	int r = output_of(app, a, &path, err);

	STRV_FOREACH (text, texts)
		if (r == 0)
			r = add_archived(s, *text, &list, err);
	return r < 0 ? r : write_archived(app, s, &list, path, a->quiet, err);
}

static int save_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct save_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_IMAGE struct image image = {0};
	AUTO_FREE char *ref = NULL;
	struct descriptor top = {0};
	const char *transport = "";

	int r = transport_of(a->format, &transport, err);
	bool directory = r == 0 && (streq(transport, "oci") || streq(transport, "dir"));
	if (directory && !a->output)
		return err_set(
			err, ERR_INVALID, "option '--format=%s' needs '--output'", a->format);
	if (r == 0)
		r = app_store(app, 0, &s, err);
	if (r == 0 && rest->n > 1)
		return streq(transport, "docker-archive")
		               ? save_several(app, s, rest, a, err)
		               : err_set(err, ERR_INVALID,
					 "only a docker-archive holds several images");
	if (r == 0)
		r = image_find(s, rest->v[0], &top, &ref, err);
	if (r == 0)
		r = image_load(s, &top, NULL, &image, err);
	descriptor_done(&top);
	if (r < 0)
		return r;
	const char *path = a->output;
	if (!directory)
		r = output_of(app, a, &path, err);
	return r < 0 ? r : write_to(app, s, &image, ref, transport, path, a->quiet, err);
}

const struct cmd cmd_save = {
	.name = "save",
	.options = save_options,
	.args_size = sizeof(struct save_args),
	.min_args = 1,
	.max_args = CMD_ANY,
	.flags = CMD_USERNS,
	.run = save_run,
};

/* --- load ------------------------------------------------------------------------------------ */

struct load_args {
	const char *input;
	uint64_t layer_ratio;
	bool quiet;
};

static const struct opt load_options[] = {
	OPT_STRING('i', "input", struct load_args, input),
	OPT_UINT(0, "layer-ratio", struct load_args, layer_ratio),
	OPT_BOOL('q', "quiet", struct load_args, quiet),
	OPT_END,
};

static void load_init(void *args)
{
	((struct load_args *)args)->layer_ratio = OPT_NOT_SAID;
}

#define TAR_BLOCK 512
#define TAR_NAME_MAX 100
#define TAR_SIZE_AT 124
#define TAR_SIZE_LEN 12
#define ENTRIES_LOOKED_AT 100000

/* The size field: octal with blanks or NUL at its end. False: none (or base 256, which no small
 * document needs). */
static bool tar_size(const char *field, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < TAR_SIZE_LEN && field[i] && field[i] != ' '; i++) {
		if (field[i] < '0' || field[i] > '7')
			return false;
		n = n << 3 | (uint64_t)(field[i] - '0');
	}
	*ret = n;
	return true;
}

/* `docker save | gzip` is loaded too. */
static bool is_compressed(int fd)
{
	AUTO_READER struct reader *below = reader_from_fd(fd, "archive"), *peek = NULL;
	enum archive_kind kind = ARCHIVE_KIND_PLAIN;
	struct err ignored = ERR_INIT;

	return archive_peek(below, &peek, &kind, &ignored) == 0 && kind != ARCHIVE_KIND_PLAIN;
}

/* Tells the two kinds of archives apart by the names in them. docker since 25 writes both
 * documents: its own has the names in full. *ret NULL: only unpacking it will tell. */
static int archive_transport(const char *path, const char **ret, struct err *err)
{
	char block[TAR_BLOCK];
	uint64_t at = 0, size;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_sys(err, "cannot open '%s'", path);
	*ret = NULL;
	if (is_compressed(fd))
		return 0;
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot stat '%s'", path);
	for (size_t i = 0; i < ENTRIES_LOOKED_AT; i++) {
		if (pread(fd, block, TAR_BLOCK, (off_t)at) != TAR_BLOCK ||
			!tar_size(block + TAR_SIZE_AT, &size) || !block[0] ||
			size > INT64_MAX - at - 2 * TAR_BLOCK)
			break;
		const char *name = !strncmp(block, "./", 2) ? block + 2 : block;
		size_t room = TAR_NAME_MAX - (size_t)(name - block);
		if (!strncmp(name, "manifest.json", room)) {
			*ret = "docker-archive";
			return 0;
		}
		if (!strncmp(name, "oci-layout", room))
			*ret = "oci-archive";
		at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
	if (*ret)
		return 0;
	return err_set(err, ERR_INVALID, "'%s' %s", path,
		at > (uint64_t)st.st_size
			? "is not whole: it ends within a file of the archive"
			: "is not an image archive (docker-archive or oci-archive)");
}

/* *ret_images: how many there are. */
static int load_one(struct app *app, struct store *s, const char *location,
	const struct load_args *a, size_t *ret_images, struct err *err)
{
	struct pull_opts o = {
		.policy = PULL_ALWAYS, .remote.layer_ratio = layer_ratio_of(a->layer_ratio)};
	struct pulled pulled = {0};
	char digest[DIGEST_STR_MAX];

	o.progress = out_progress(&app->out, a->quiet ? PROGRESS_NONE : PROGRESS_AUTO);
	int r = image_pull(s, location, &o, &pulled, err);
	out_progress_done(&app->out);
	if (r == 0) {
		out_printf(&app->out, "Loaded image: %s\n",
			pulled.ref ? pulled.ref : digest_str(&pulled.top.digest, digest));
		STRV_FOREACH (name, &pulled.others)
			out_printf(&app->out, "Loaded image: %s\n", *name);
		*ret_images = pulled.images;
	}
	pulled_done(&pulled);
	return r;
}

static int load_all(struct app *app, struct store *s, const char *transport, const char *path,
	const struct load_args *a, struct err *err)
{
	size_t images = 1;
	int r = 0;

	for (size_t i = 0; r == 0 && i < images; i++) {
		AUTO_FREE char *location = xasprintf("%s:%s:@%zu", transport, path, i);
		r = load_one(app, s, location, a, &images, err);
	}
	return r;
}

static int load_from(struct app *app, struct store *s, const char *path, const struct load_args *a,
	struct err *err)
{
	const char *transport = "";
	struct stat st;
	int r = 0;

	if (stat(path, &st) < 0)
		return err_sys(err, "cannot open '%s'", path);
	if (strchr(path, ':'))
		return err_set(
			err, ERR_INVALID, "'%s': the file name may not contain a colon", path);
	if (S_ISDIR(st.st_mode)) {
		AUTO_FREE char *layout = xasprintf("%s/oci-layout", path);
		AUTO_FREE char *manifest = xasprintf("%s/manifest.json", path);
		AUTO_FREE char *dir = xasprintf("dir:%s", path);
		size_t images;
		if (access(layout, F_OK) < 0 && access(manifest, F_OK) == 0)
			return load_one(app, s, dir, a, &images, err);
		transport = "oci";
	} else {
		r = archive_transport(path, &transport, err);
	}
	if (r < 0)
		return r;
	if (!transport) {
		r = load_all(app, s, "docker-archive", path, a, err);
		if (r != ERR_NOT_FOUND)
			return r;
		err_clear(err);
		transport = "oci-archive";
	}
	return load_all(app, s, transport, path, a, err);
}

static int load_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct load_args *a = args;
	AUTO_STORE struct store *s = NULL;
	bool from_stdin = !a->input || streq(a->input, "-");

	(void)rest;
	if (from_stdin && isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID,
			"refusing to read an archive from a terminal: use --input or a pipe");
	int r = app_store(app, 0, &s, err);
	if (r < 0 || !from_stdin)
		return r < 0 ? r : load_from(app, s, a->input, a, err);
	r = spool_stdin(app, err);
	return r < 0 ? r : load_from(app, s, "/dev/stdin", a, err);
}

const struct cmd cmd_load = {
	.name = "load",
	.options = load_options,
	.args_size = sizeof(struct load_args),
	.flags = CMD_USERNS | CMD_AGAIN,
	.init = load_init,
	.run = load_run,
};
