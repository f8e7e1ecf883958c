/* SPDX-License-Identifier: Apache-2.0 */
/* commit: a working container becomes an image. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"
#include "build/build.h"
#include "build/container_commit.h"
#include "build/container_tree.h"
#include "build/publish.h"
#include "build/rework.h"
#include "build/sbom_opts.h"
#include "cmd/cmd.h"
#include "cmd/container_args.h"
#include "cmd/identity.h"
#include "cmd/image_get.h"
#include "cmd/manifest_list.h"
#include "cmd/moment.h"
#include "cmd/opt_groups.h"
#include "cmd/push.h"
#include "cmd/sbom_args.h"
#include "cmd/storage_ref.h"
#include "image/manifest.h"
#include "registry/transport.h"
#include "store/gc.h"
#include "store/store.h"

struct commit_args {
	bool quiet, rm, squash, omit_history, omit_timestamp;
	int disable_compression, created_annotation, identity_label;
	bool rewrite_timestamp;
	const char *format, *iidfile, *manifest, *timestamp, *epoch, *reference, *config, *sign_by;
	const char *author, *message;
	struct strv add_files, annotations, changes, unset_annotations, unset_env;
	struct remote_args remote;
	struct seal_args seal;
	struct sbom_args sbom;
	struct sbom_opts scan; /* image NULL: none is asked for */
	const char *pull; /* of the scanner */
};

#define CREATED_ANNOTATION "org.opencontainers.image.created"

static const struct opt commit_options[] = {
	OPT_STRV(0, "add-file", struct commit_args, add_files),
	OPT_STRV(0, "annotation", struct commit_args, annotations),
	OPT_STRING('a', "author", struct commit_args, author),
	OPT_STRV('c', "change", struct commit_args, changes),
	OPT_STRING(0, "config", struct commit_args, config),
	OPT_TRISTATE(0, "created-annotation", struct commit_args, created_annotation),
	OPT_TRISTATE('D', "disable-compression", struct commit_args, disable_compression),
	OPT_STRING('f', "format", struct commit_args, format),
	OPT_STRING(0, "iidfile", struct commit_args, iidfile),
	OPT_STRING(0, "manifest", struct commit_args, manifest),
	OPT_STRING('m', "message", struct commit_args, message),
	OPT_BOOL(0, "omit-history", struct commit_args, omit_history),
	OPT_BOOL(0, "omit-timestamp", struct commit_args, omit_timestamp),
	OPT_BOOL('q', "quiet", struct commit_args, quiet),
	OPT_BOOL(0, "rm", struct commit_args, rm),
	OPT_STRING(0, "sign-by", struct commit_args, sign_by),
	OPT_STRING(0, "source-date-epoch", struct commit_args, epoch),
	OPT_BOOL(0, "squash", struct commit_args, squash),
	OPT_STRING(0, "timestamp", struct commit_args, timestamp),
	OPT_STRV(0, "unsetannotation", struct commit_args, unset_annotations),
	OPT_STRV(0, "unsetenv", struct commit_args, unset_env),
	OPT_GROUP(remote_options, struct commit_args, remote),
	OPT_GROUP(seal_options, struct commit_args, seal),
	OPT_MAYBE_STRING(0, "pull", struct commit_args, pull, "always"),
	OPT_GROUP(sbom_options, struct commit_args, sbom),
	OPT_STRING(0, "blob-cache", struct commit_args, remote.blob_cache),
	OPT_TRISTATE(0, "identity-label", struct commit_args, identity_label),
	OPT_STRING(0, "reference-time", struct commit_args, reference),
	OPT_BOOL(0, "rewrite-timestamp", struct commit_args, rewrite_timestamp),
	OPT_REFUSED_WHY(0, "cw", "images for confidential machines are not made"),
	OPT_IGNORED(0, "signature-policy"),
	OPT_IGNORED_BOOL('p', "pause"),
	OPT_END,
};

static void commit_init(void *args)
{
	struct commit_args *a = args;
	a->disable_compression = a->created_annotation = a->identity_label = -1;
	remote_args_init(&a->remote);
}

static int set_epoch(const struct commit_args *a, struct container_commit *o, struct err *err)
{
	const char *text = a->timestamp, *from = "option '--timestamp'";

	if (a->timestamp && a->epoch)
		return err_set(err, ERR_INVALID,
			"'--timestamp' cannot be combined with '--source-date-epoch': give one of "
			"them");
	if (a->reference && !text) {
		struct stat st;
		if (stat(a->reference, &st) < 0)
			return err_sys(
				err, "option '--reference-time': cannot stat '%s'", a->reference);
		o->has_epoch = o->force = true;
		o->epoch = st.st_mtim.tv_sec;
		return 0;
	}
	if (a->omit_timestamp && !text)
		text = "0";
	o->force = text != NULL;
	if (!text) {
		text = a->epoch;
		from = "option '--source-date-epoch'";
	}
	if (!text) {
		text = getenv("SOURCE_DATE_EPOCH");
		from = "SOURCE_DATE_EPOCH";
	}
	o->has_epoch = text && *text;
	return o->has_epoch ? moment_epoch(text, from, &o->epoch, err) : 0;
}

static int add_to_list(
	struct store *s, const char *name, const struct build_result *made, struct err *err)
{
	AUTO_MANIFEST_LIST struct manifest_list list = {.lock = -1};
	struct digest digest;

	int r = manifest_list_open(s, name, true, &list, err);
	if (r < 0)
		return r;
	manifest_list_put(&list, &made->images->manifest);
	return manifest_list_save(s, &list, &digest, err);
}

/* buildah's words for a registry that $BUILD_REGISTRY_SOURCES does not allow. */
static int tell_denied(struct err *err)
{
	static const char who[] = "registry ";
	const char *at = strstr(err->msg, who);

	if (!called_buildah() || err->code != ERR_DENIED || !at || !strstr(at, "denied by policy"))
		return err->code;
	AUTO_FREE char *what = xstrdup(at + strlen(who));
	return err_set(err, ERR_DENIED, "commit to registry at %s", what);
}

/* Into the store under its name, or without one; or elsewhere, and then nowhere in the store. */
static int deliver(struct app *app, struct store *s, const struct commit_args *a, const char *dest,
	struct build_result *made, struct err *err)
{
	AUTO_STRV struct strv tags = STRV_INIT;
	struct push_opts push = {.quiet = a->quiet, .sign_by = a->sign_by};
	struct digest digest;

	if (remote_args_apply(app, &a->remote, &push.remote, err) < 0)
		return err->code;
	if (dest && location_is_elsewhere(dest)) {
		push.progress = out_progress(&app->out, a->quiet ? PROGRESS_NONE : PROGRESS_AUTO);
		struct descriptor sent = {0};
		int r = seal_args_apply(&a->seal, s, &made->root, false, &sent, err);
		if (r == 0)
			r = image_push(s, &sent, NULL, dest, &push, &digest, err);
		descriptor_done(&sent);
		out_progress_done(&app->out);
		if (r == 0 && !a->quiet)
			out_note(&app->out, PUSH_DONE);
		return r < 0 ? tell_denied(err) : r;
	}
	if (a->seal.keys.n || a->seal.layers.n)
		return err_set(err, ERR_UNSUPPORTED,
			"option '--encryption-key': images in a store are not encrypted; commit to "
			"another place");
	bool said = dest && storage_ref_is(dest);
	if (dest && !said)
		strv_add(&tags, dest);
	int r = said ? storage_ref_put(app, s, dest, &made->root, a->sign_by, a->quiet, err)
	             : build_check_tags(&tags, "", err);
	if (r == 0 && !said)
		r = build_publish(s, &tags, a->sign_by, made, err);
	if (r == 0 && a->manifest)
		r = add_to_list(s, a->manifest, made, err);
	return r;
}

/* As buildah: what stays here is not compressed unless that is asked for. */
static bool is_file(const char *dest)
{
	return dest && location_is_elsewhere(dest) && !str_has_prefix(dest, "docker://");
}

/* As buildah: unless one does not want it or the format has none. */
static bool wants_created_annotation(const struct commit_args *a, bool docker)
{
	return a->created_annotation < 0
	               ? !docker && !strv_has(&a->unset_annotations, CREATED_ANNOTATION)
	               : a->created_annotation == 1;
}

static int scan(struct app *app, struct container_use *u, struct commit_args *a,
	const struct container_commit *o, struct build_result *made, struct err *err)
{
	static const struct platform_args any;
	const struct image_get_args get = {
		.pull = a->pull, .platform = &any, .remote = &a->remote, .quiet = a->quiet};
	struct sbom_scan s = {.store = u->s,
		.txn = u->t,
		.opts = &a->scan,
		.compression = o->compression,
		.clamp = o->has_epoch && !o->keep_times,
		.force = o->has_epoch && o->force,
		.clamp_s = o->epoch};
	return a->scan.image ? sbom_scan_image(app, &get, &s, made->images, &made->sbom, err) : 0;
}

static int make(struct app *app, struct container_use *u, struct commit_args *a, const char *dest,
	struct build_result *ret, struct err *err)
{
	bool plain = a->disable_compression != 0 && is_file(dest);
	AUTO_STRV struct strv changes = STRV_INIT;
	struct container_commit o = {.compression = a->disable_compression == 1 || plain
	                                                    ? COMPRESSION_NONE
	                                                    : COMPRESSION_GZIP,
		.unset_env = &a->unset_env,
		.unset_annotations = &a->unset_annotations,
		.add_files = &a->add_files,
		.changes = &changes};
	AUTO_FREE char *config = NULL;
	const char *identity = identity_label(a->identity_label, a->timestamp || a->epoch);
	size_t n;
	struct rework w = {.recompress = plain,
		.recompress_all = plain,
		.squash = a->squash ? SQUASH_ALL : SQUASH_NONE,
		.omit_history = a->omit_history,
		.level = -1};

	if (identity)
		strv_addf(&changes, "LABEL " IDENTITY_LABEL "=%s", identity);
	STRV_FOREACH (change, &a->changes)
		strv_add(&changes, *change);
	int r = format_is_docker(a->format, &o.docker, err);
	w.created_annotation = wants_created_annotation(a, o.docker);
	if (r == 0)
		r = set_epoch(a, &o, err);
	o.keep_times = called_buildah() && !o.force && !a->rewrite_timestamp;
	if (r == 0 && a->config)
		r = fs_read_file(AT_FDCWD, a->config, CONFIG_MAX, &config, &n, err);
	o.override = config;
	STRV_FOREACH (text, &a->annotations)
		if (r == 0)
			r = annotations_add(&w.annotations, *text, err);
	if (r == 0)
		r = container_commit(u->s, u->t, &u->c, &o, ret, err);
	if (r == 0)
		r = scan(app, u, a, &o, ret, err);
	w.types = o.docker ? TYPES_DOCKER : TYPES_OCI;
	w.compression = o.compression;
	w.clamp = o.has_epoch && !o.keep_times;
	w.force = o.has_epoch && o.force;
	w.clamp_s = o.epoch;
	if (r == 0)
		r = rework_images(u->s, u->t, &w, NULL, ret, err);
	annotations_done(&w.annotations);
	return r;
}

/* What docker and podman are told for this image alone; the container stays as it is. */
static void set_said(const struct commit_args *a, struct container *c)
{
	if (a->author)
		mem_replace(&c->config.author, xstrdup(a->author));
	if (!a->message)
		return;
	mem_replace(&c->comment, xstrdup(a->message));
	mem_replace(&c->history_comment, xstrdup(a->message));
}

static int remove_container(struct container_use *u, struct err *err)
{
	int r = container_mounted(u->s, &u->c) == CONTAINER_NOT_MOUNTED
	                ? 0
	                : container_umount(u->s, NULL, &u->c, err);
	return r < 0 ? r : container_remove(u->s, &u->c, err);
}

/* Others may be running something in it, where their changes can be told at any time. */
static int use_container(struct app *app, const struct commit_args *a, const char *name,
	struct container_use *u, struct err *err)
{
	AUTO_CONTAINER struct container before = CONTAINER_INIT;

	int r = container_use(
		app, name, a->rm || a->add_files.n ? CONTAINER_ALONE : CONTAINER_BESIDE, u, err);
	return r < 0 || u->c.alone || container_tree_is_overlay(&u->c)
	               ? r
	               : container_use_alone(app, u, &before, err);
}

static int commit_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct commit_args *a = args;
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;
	struct build_result made = {0};
	const char *dest = rest->n > 1 ? rest->v[1] : NULL;
	char hex[DIGEST_STR_MAX];

	int r = sbom_args_given(&a->sbom) ? sbom_args_apply(&a->sbom, &a->scan, err) : 0;
	if (r == 0)
		r = use_container(app, a, rest->v[0], &u, err);
	if (r == 0)
		set_said(a, &u.c);
	if (r == 0)
		r = make(app, &u, a, dest, &made, err);
	if (r == 0)
		r = deliver(app, u.s, a, dest, &made, err);
	if (r == 0 && a->iidfile) {
		digest_str(&made.images->image_id, hex);
		r = fs_write_output(a->iidfile, hex, strlen(hex), 0644, false, err);
	}
	if (r == 0)
		r = sbom_write_files(&a->scan, &made.sbom, err);
	if (r == 0 && a->rm)
		r = remove_container(&u, err);
	/* one that went elsewhere has no ID here; newer buildahs print it all the same */
	if (r == 0 && !a->iidfile && (called_buildah() || !dest || !location_is_elsewhere(dest)))
		out_printf(&app->out, "%s\n", digest_hex(&made.images->image_id, hex));
	build_result_done(&made);
	sbom_opts_done(&a->scan);
	return r;
}

const struct cmd cmd_commit = {
	.name = "commit",
	.options = commit_options,
	.args_size = sizeof(struct commit_args),
	.min_args = 1,
	.max_args = 2,
	.flags = CMD_USERNS | CMD_AGAIN | CMD_BUILDAH_WORDS,
	.init = commit_init,
	.run = commit_run,
};
