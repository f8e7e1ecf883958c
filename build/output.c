/* SPDX-License-Identifier: Apache-2.0 */
#include "build/output.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/room.h"
#include "base/stream.h"
#include "build/build.h"
#include "build/output_file.h"
#include "build/output_tree.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "layers/diff.h"
#include "registry/location.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_names(const struct output *o)
{
	return o->type == OUTPUT_OCI || o->type == OUTPUT_DOCKER || o->type == OUTPUT_IMAGE;
}

static const struct strv *names_of(const struct output *o, const struct strv *tags)
{
	return o->names.n ? &o->names : tags;
}

static int check_names(const struct output *o, const struct strv *names, struct err *err)
{
	STRV_FOREACH (name, names) {
		AUTO_REFERENCE struct reference ref = {0};
		if (reference_parse_local(*name, &ref, err) < 0)
			return err_wrap(err, "option '--output': '%s'", o->text);
		if (ref.has_digest)
			return err_set(err, ERR_INVALID,
				"option '--output': '%s': a name cannot be given a digest", *name);
	}
	if (o->push && !names->n)
		return err_set(err, ERR_INVALID,
			"option '--output': '%s': a push needs 'name=REFERENCE' or '--tag'",
			o->text);
	return 0;
}

int output_to_place(const char *location, struct output *ret, struct err *err)
{
	enum transport transport;
	const char *rest;
	if (location_parse(location, &transport, &rest, err) < 0)
		return err->code;
	*ret = (struct output){.type = OUTPUT_PLACE, .text = xstrdup(location)};
	return 0;
}

static int check_dest(const struct output *o, struct err *err)
{
	struct stat st;
	bool is_dir = stat(o->dest, &st) == 0 && S_ISDIR(st.st_mode);
	bool exists = is_dir || access(o->dest, F_OK) == 0;
	if (o->type == OUTPUT_LOCAL || o->unpacked)
		return fs_check_dir(o->dest, err) < 0 ? err_wrap(err, "option '--output'") : 0;
	if (is_dir)
		return err_set(err, ERR_INVALID,
			"option '--output': '%s' is a directory, and 'type=%s' writes a file",
			o->dest,
			o->type == OUTPUT_TAR   ? "tar"
			: o->type == OUTPUT_OCI ? "oci"
						: "docker");
	AUTO_FREE char *dir = path_dir(o->dest);
	if (!exists && access(dir, W_OK | X_OK) < 0)
		return err_sys(err, "option '--output': cannot write to '%s'", dir);
	return 0;
}

int output_check(const struct output *o, const struct strv *tags, struct err *err)
{
	if (has_names(o) && check_names(o, names_of(o, tags), err) < 0)
		return err->code;
	if (!o->dest)
		return 0;
	if (!streq(o->dest, "-"))
		return check_dest(o, err);
	if (isatty(STDOUT_FILENO))
		return err_set(err, ERR_INVALID,
			"refusing to write an archive to a terminal: give '--output' a 'dest', or "
			"use a pipe");
	return 0;
}

static int complete_names(const struct strv *names, bool tagged, struct strv *ret, struct err *err)
{
	STRV_FOREACH (name, names) {
		AUTO_REFERENCE struct reference ref = {0};
		if (reference_parse_local(*name, &ref, err) < 0)
			return err->code;
		strv_add_take(ret, tagged ? reference_str(&ref) : reference_name(&ref));
	}
	return 0;
}

int output_full_names(
	const struct output *o, const struct strv *tags, struct strv *ret, struct err *err)
{
	return has_names(o) ? complete_names(names_of(o, tags), true, ret, err) : 0;
}

void output_docker_names(const struct strv *typed, struct strv *names)
{
	static const char ours[] = "localhost/";
	for (size_t i = 0; i < names->n; i++) {
		bool told = !str_has_prefix(names->v[i], ours);
		STRV_FOREACH (t, typed)
			told |= str_has_prefix(*t, ours) && str_has_prefix(names->v[i], *t);
		if (!told)
			mem_replace(&names->v[i], xstrdup(names->v[i] + strlen(ours)));
	}
}

int output_reach(const struct output *o, const struct strv *tags, const struct remote_opts *remote,
	struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	AUTO_REMOTE_KEEP struct remote_keep keep = {0};
	struct remote_opts opts = *remote;
	opts.keep = &keep;
	if (!o->push)
		return 0;
	if (o->insecure)
		opts.tls_verify = 0;
	if (complete_names(names_of(o, tags), !o->by_digest, &names, err) < 0)
		return err->code;
	STRV_FOREACH (name, &names)
		if (image_push_check(*name, &opts, err) < 0)
			return err_wrap(err, "output '%s'", o->text);
	return 0;
}

bool output_is_stored(const struct output *o)
{
	return !o->forget && (o->type == OUTPUT_IMAGE || (o->type == OUTPUT_DOCKER && !o->dest));
}

bool output_is_push(const struct output *o)
{
	return o->type == OUTPUT_IMAGE || o->type == OUTPUT_PLACE;
}

static int write_tree(struct store *s, struct txn *t, const struct output *o,
	const struct output_opts *opts, const struct build_result *r, struct err *err)
{
	const struct diff_opts times = {.force = opts->has_epoch, .clamp_s = opts->epoch};
	const struct output_tree tree = {
		.store = s,
		.txn = t,
		.result = r,
		.split = o->split == SPLIT_YES ||
	                 (o->split == SPLIT_AUTO && media_kind(r->root.media_type) == MEDIA_INDEX),
		.times = &times,
		.progress = opts->push.progress,
	};
	AUTO_OUTPUT_FILE struct output_file file = OUTPUT_FILE_INIT;
	if (o->type == OUTPUT_LOCAL)
		return output_tree_local(&tree, o->dest, err);
	if (output_file_open(&file, o->dest, err) < 0)
		return err->code;
	AUTO_WRITER struct writer *w = writer_to_output(file.fd, file.name);
	if (output_tree_tar(&tree, w, err) < 0)
		return err->code;
	return output_file_publish(&file, err);
}

/* An archive holds the blobs as they are: what it takes at least is known before. Of several images
 * some blobs may be the same. */
static int check_room(const struct output_file *file, const char *dest,
	const struct build_result *r, struct err *err)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < r->n_images; i++)
		bytes = r->images[i].bytes > bytes ? r->images[i].bytes : bytes;
	AUTO_FREE char *dir = path_dir(dest);
	return file->base ? room_check(file->dir, dir, bytes, err) : 0;
}

static int write_archive(struct store *s, const struct output *o, const struct output_opts *opts,
	const struct build_result *r, struct err *err)
{
	AUTO_OUTPUT_FILE struct output_file file = OUTPUT_FILE_INIT;
	AUTO_STRV struct strv names = STRV_INIT;
	struct image_export e = {
		.kind = o->type == OUTPUT_DOCKER ? EXPORT_DOCKER_ARCHIVE
	                : o->unpacked            ? EXPORT_OCI_DIR
	                                         : EXPORT_OCI_ARCHIVE,
		.path = o->dest,
		.fd = -1,
		.names = &names,
		.progress = opts->push.progress,
	};
	if (complete_names(names_of(o, opts->tags), true, &names, err) < 0 ||
		(!o->unpacked && output_file_open(&file, o->dest, err) < 0) ||
		check_room(&file, o->dest, r, err) < 0)
		return err->code;
	if (e.kind == EXPORT_DOCKER_ARCHIVE)
		output_docker_names(names_of(o, opts->tags), &names);
	e.fd = file.fd;
	if (image_export(s, &r->root, &e, err) < 0)
		return err->code;
	return output_file_publish(&file, err);
}

static int push_all(struct store *s, const struct output *o, const struct output_opts *opts,
	const struct descriptor *root, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	AUTO_REMOTE_KEEP struct remote_keep keep = {0};
	struct push_opts push = opts->push;
	push.remote.keep = &keep;
	push.by_digest = o->by_digest;
	if (o->insecure)
		push.remote.tls_verify = 0;
	if (complete_names(names_of(o, opts->tags), !o->by_digest, &names, err) < 0)
		return err->code;
	STRV_FOREACH (name, &names) {
		struct digest digest;
		if (image_push(s, root, *name, *name, &push, &digest, err) < 0)
			return err->code;
	}
	return 0;
}

static int write_to(struct store *s, struct txn *t, const struct output *o,
	const struct output_opts *opts, const struct build_result *r, struct err *err)
{
	switch (o->type) {
	case OUTPUT_LOCAL:
	case OUTPUT_TAR:
		return write_tree(s, t, o, opts, r, err);
	case OUTPUT_OCI:
	case OUTPUT_DOCKER:
		return o->dest ? write_archive(s, o, opts, r, err) : 0;
	case OUTPUT_IMAGE:
		return o->push ? push_all(s, o, opts, &r->root, err) : 0;
	case OUTPUT_PLACE: {
		struct digest digest;
		return image_push(s, &r->root, NULL, o->text, &opts->push, &digest, err);
	}
	case OUTPUT_NONE:
		break;
	}
	return 0;
}

int output_write(struct store *s, struct txn *t, const struct output *o,
	const struct output_opts *opts, const struct build_result *r, struct err *err)
{
	if (write_to(s, t, o, opts, r, err) == 0)
		return 0;
	if (o->dest && !streq(o->dest, "-"))
		room_tell(o->dest, err);
	return err_wrap(err, "output '%s'", o->text);
}
