/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/push.h"

#include <stdlib.h>
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "build/build.h"
#include "build/rework.h"
#include "cmd/cmd.h"
#include "cmd/push_variants.h"
#include "cmd/storage_ref.h"
#include "image/media_type.h"
#include "registry/list_fetch.h"
#include "registry/sealed.h"
#include "registry/signing.h"
#include "registry/transport.h"
#include "store/blobs.h"
#include "store/images.h"
#include "store/store.h"

#define GZIP_LEVEL_MAX 9
#define ZSTD_LEVEL_MAX 22

const struct opt seal_options[] = {
	OPT_STRV(0, "encrypt-layer", struct seal_args, layers),
	OPT_STRV(0, "encryption-key", struct seal_args, keys),
	OPT_END,
};

/* What was signed is the manifest as it is in the store. */
static int refuse_signed(const struct descriptor *image, struct err *err)
{
	if (!map_has(&image->annotations, ANNOTATION_SIGNATURES))
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		"the image is signed, and in another form its signatures would be of no use: give "
		"'--remove-signatures' to leave them out");
}

int seal_args_apply(const struct seal_args *a, struct store *s, const struct descriptor *image,
	bool drop_signatures, struct descriptor *ret, struct err *err)
{
	const struct seal_opts o = {.keys = &a->keys, .layers = &a->layers};
	if (!a->keys.n && a->layers.n)
		return err_set(err, ERR_INVALID, "'--encrypt-layer' needs an '--encryption-key'");
	if (!a->keys.n) {
		descriptor_copy(ret, image);
		return 0;
	}
	int r = drop_signatures ? 0 : refuse_signed(image, err);
	return r < 0 ? r : image_seal(s, image, &o, ret, err);
}

const struct opt push_options[] = {
	OPT_STRING(0, "compression-format", struct push_args, compression),
	OPT_INT(0, "compression-level", struct push_args, level),
	OPT_STRING(0, "digestfile", struct push_args, digestfile),
	OPT_BOOL('D', "disable-compression", struct push_args, disable_compression),
	OPT_STRING('f', "format", struct push_args, format),
	OPT_BOOL('q', "quiet", struct push_args, quiet),
	OPT_BOOL(0, "remove-signatures", struct push_args, remove_signatures),
	OPT_BOOL(0, "rm", struct push_args, rm),
	OPT_STRING(0, "sign-by", struct push_args, sign_by),
	OPT_GROUP(remote_options, struct push_args, remote),
	OPT_GROUP(seal_options, struct push_args, seal),
	OPT_STRING(0, "blob-cache", struct push_args, remote.blob_cache),
	OPT_IGNORED_BOOL(0, "force-compression"),
	OPT_IGNORED(0, "signature-policy"),
	OPT_END,
};

void push_args_init(struct push_args *a)
{
	remote_args_init(&a->remote);
	a->level = -1;
}

static int parse_format(const char *text, enum push_format *ret, struct err *err)
{
	if (!text)
		return 0;
	if (streq(text, "oci"))
		*ret = PUSH_FORMAT_OCI;
	else if (streq(text, "v2s2") || streq(text, "docker"))
		*ret = PUSH_FORMAT_DOCKER;
	else if (streq(text, "v2s1"))
		return err_set(err, ERR_UNSUPPORTED,
			"option '--format': 'v2s1' is not supported: registries no longer take it");
	else
		return err_set(err, ERR_INVALID,
			"option '--format': '%s' is not one of 'oci', 'v2s2'", text);
	return 0;
}

/* --- another compression --------------------------------------------------------------------- */

static int parse_compression(const struct push_args *a, struct rework *w, struct err *err)
{
	const char *text = a->compression ? a->compression : "gzip";
	int64_t max = GZIP_LEVEL_MAX;

	w->recompress = w->recompress_all = true;
	w->level = (int)a->level;
	if (a->disable_compression) {
		if (a->compression || a->level >= 0)
			return err_set(err, ERR_INVALID,
				"'--disable-compression' cannot be combined with "
				"'--compression-%s'",
				a->compression ? "format" : "level");
		w->compression = COMPRESSION_NONE;
		return 0;
	}
	if (streq(text, "gzip")) {
		w->compression = COMPRESSION_GZIP;
	} else if (streq(text, "zstd") || streq(text, "zstd:chunked")) {
		w->compression = COMPRESSION_ZSTD;
		w->chunked = streq(text, "zstd:chunked");
		max = ZSTD_LEVEL_MAX;
	} else {
		bool known = streq(text, "bzip2") || streq(text, "xz");
		return err_set(err, known ? ERR_UNSUPPORTED : ERR_INVALID,
			"option '--compression-format': '%s' is %s 'gzip', 'zstd', 'zstd:chunked'",
			text, known ? "not supported, known are:" : "not one of");
	}
	if (a->level < -1 || a->level > max)
		return err_set(err, ERR_INVALID,
			"option '--compression-level': %lld is not a level of %s, 0 to %lld",
			(long long)a->level, text, (long long)max);
	return 0;
}

static void add_image(struct build_result *r, const struct descriptor *d)
{
	r->images = xreallocarray(r->images, r->n_images + 1, sizeof(*r->images));
	struct built_image *i = &r->images[r->n_images++];
	*i = (struct built_image){.platform = d->platform};
	descriptor_copy(&i->manifest, d);
}

/* The images of what is to be sent, as a build would have made them. */
static int find_images(
	struct store *s, const struct descriptor *what, struct build_result *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct index ix = {0};
	size_t n;

	descriptor_copy(&ret->root, what);
	if (media_kind(what->media_type) != MEDIA_INDEX) {
		add_image(ret, what);
		return 0;
	}
	int r = blob_read(s, what, MANIFEST_MAX, &text, &n, err);
	if (r == 0)
		r = index_parse(text, n, what->media_type, &ix, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ix.n_manifests && r == 0; i++) {
		const struct descriptor *d = &ix.manifests[i];
		if (!index_entry_is_image(d) || !blob_has(s, &d->digest, NULL))
			r = err_set(err, ERR_UNSUPPORTED,
				"a list can be given another compression or form when all its "
				"images are here and nothing else is in it");
		else
			add_image(ret, d);
	}
	index_done(&ix);
	return r;
}

/* The manifest of one image is given its form when it is sent; in another one those of a list have
 * other digests, and so the list is another one. */
static int list_needs_form(struct store *s, const struct descriptor *what, enum push_format format,
	bool *ret, struct err *err)
{
	struct index ix = {0};
	bool docker = format == PUSH_FORMAT_DOCKER;

	*ret = false;
	if (format == PUSH_FORMAT_ASIS || media_kind(what->media_type) != MEDIA_INDEX)
		return 0;
	int r = index_load(s, what, &ix, err);
	*ret = media_is_docker(what->media_type) != docker;
	for (size_t i = 0; i < ix.n_manifests; i++)
		*ret |= media_is_docker(ix.manifests[i].media_type) != docker;
	index_done(&ix);
	return r;
}

static bool recompresses(const struct push_args *a)
{
	return a->compression || a->level >= 0 || a->disable_compression;
}

/* Layers compressed anew, and lists of another form, make other documents; the store's names stay
 * with the old ones. */
static int remake(struct store *s, struct txn *t, const struct push_args *a,
	const struct push_opts *o, const struct descriptor *what, struct descriptor *ret,
	struct err *err)
{
	struct build_result result = {0};
	struct rework w = {.types = o->format == PUSH_FORMAT_OCI      ? TYPES_OCI
	                            : o->format == PUSH_FORMAT_DOCKER ? TYPES_DOCKER
	                                                              : TYPES_ASIS};

	int r = recompresses(a) ? parse_compression(a, &w, err) : 0;
	if (r == 0 && !a->remove_signatures)
		r = refuse_signed(what, err);
	if (r == 0)
		r = find_images(s, what, &result, err);
	if (r == 0)
		r = rework_images(s, t, &w, o->progress, &result, err);
	if (r == 0)
		descriptor_copy(ret, &result.root);
	build_result_done(&result);
	return r;
}

/* *image is exchanged. */
static int seal(
	struct store *s, const struct push_args *a, struct descriptor *image, struct err *err)
{
	struct descriptor sealed = {0};
	int r = seal_args_apply(&a->seal, s, image, a->remove_signatures, &sealed, err);
	if (r < 0)
		return r;
	descriptor_done(image);
	*image = sealed;
	return 0;
}

/* By further compressions, and encrypted. *image is exchanged. */
static int extend(struct store *s, struct txn *t, const struct push_args *a,
	struct progress *progress, struct descriptor *image, struct err *err)
{
	struct descriptor more = {0};
	int r = 0;

	if (a->add_compression.n) {
		r = push_add_variants(s, t, &a->add_compression, progress, image, &more, err);
		descriptor_done(image);
		*image = more;
	}
	return r < 0 ? r : seal(s, a, image, err);
}

/* What is sent in place of it: a copy, or what it becomes. */
static int make_other(struct store *s, struct txn *t, const struct push_args *a,
	struct push_opts *o, const struct descriptor *what, bool remade, struct descriptor *ret,
	struct err *err)
{
	int r = 0;

	if (remade)
		r = remake(s, t, a, o, what, ret, err);
	else
		descriptor_copy(ret, what);
	if (r == 0)
		r = extend(s, t, a, o->progress, ret, err);
	/* it has the format by now, or what was added to it has OCI's */
	if (r == 0 && remade && !media_is_docker(ret->media_type))
		o->format = PUSH_FORMAT_ASIS;
	return r;
}

/* Before anything is compressed, encrypted or sent: what it could not end with. */
static int check_ends(const struct push_args *a, bool here, const char *location,
	const struct remote_opts *remote, struct err *err)
{
	if (here && a->seal.keys.n)
		return err_set(err, ERR_UNSUPPORTED,
			"option '--encryption-key': images in a store are not encrypted");
	if (!here && image_push_may(location, remote, err) < 0)
		return err->code;
	if (a->digestfile && fs_check_output(a->digestfile, err) < 0)
		return err_wrap(err, "option '--digestfile'");
	return 0;
}

static int write_digest(const struct push_args *a, const struct digest *digest, struct err *err)
{
	char text[DIGEST_STR_MAX];

	digest_str(digest, text);
	return a->digestfile ? fs_write_output(a->digestfile, text, strlen(text), 0644, false, err)
	                     : 0;
}

/* As buildah: an oci-archive has the name that the location says, or none. */
static const char *name_in(const char *location, const char *name)
{
	return called_buildah() && str_has_prefix(location, "oci-archive:") ? NULL : name;
}

int push_send(struct app *app, struct store *s, const struct push_args *a,
	const struct descriptor *what, bool index_only, const char *name, const char *location,
	struct err *err)
{
	AUTO_TXN struct txn *t = NULL; /* what is made for this push lasts as long as it */
	struct push_opts o = {.quiet = a->quiet,
		.index_only = index_only,
		.sign_by = a->sign_by,
		.remove_signatures = a->remove_signatures};
	struct descriptor other = {0};
	struct digest digest;
	bool other_form = false;

	int r = parse_format(a->format, &o.format, err);
	if (r == 0)
		r = remote_args_apply(app, &a->remote, &o.remote, err);
	bool here = storage_ref_is(location);
	if (r == 0)
		r = check_ends(a, here, location, &o.remote, err);
	if (r == 0 && !index_only)
		r = list_needs_form(s, what, o.format, &other_form, err);
	bool remade = recompresses(a) || other_form;
	bool changed = remade || a->add_compression.n || a->seal.keys.n || here;
	if (r == 0) /* from a store that cannot be written to as well */
		r = changed ? txn_begin(s, &t, err) : txn_read(s, &t, err);
	if (r < 0)
		return r;
	o.progress = out_progress(&app->out, a->quiet ? PROGRESS_NONE : PROGRESS_AUTO);
	if (changed && !index_only)
		r = list_fetch_all(s, what, &o.remote, o.progress, err);
	if (r == 0)
		r = make_other(s, t, a, &o, what, remade, &other, err);
	if (r == 0 && !here)
		r = image_push(s, &other, name_in(location, name), location, &o, &digest, err);
	out_progress_done(&app->out);
	if (r == 0 && here) {
		digest = other.digest;
		r = storage_ref_put(app, s, location, &other, a->sign_by, a->quiet, err);
	}
	descriptor_done(&other);
	bool list = media_kind(what->media_type) == MEDIA_INDEX && !here;
	if (r == 0 && !a->quiet)
		out_note(&app->out, "%s",
			list ? "Writing manifest list to image destination" : PUSH_DONE);
	return r < 0 ? r : write_digest(a, &digest, err);
}
