/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root.h"
#include "build/build.h"
#include "build/recompress.h"
#include "build/sbom_opts.h"
#include "build/sbom_run.h"
#include "build/upper_layer.h"
#include "layers/settle.h"
#include "layers/snapshot.h"
#include "run/sandbox.h"
#include "store/blobs.h"
#include "store/images.h"
#include "store/lowers.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESULT_MAX (256 * MIB) /* of all documents */

void sbom_found_done(struct sbom_found *f)
{
	free(f->sbom);
	free(f->purls);
}

int sbom_check_box(const struct run_spec *box, struct err *err)
{
	return sandbox_is_bare(box)
	               ? err_set(err, ERR_UNSUPPORTED,
				 "option '--sbom': isolation 'chroot' has no mounts here, so a "
				 "scanner cannot be shown an image")
	               : 0;
}

/* --- the documents as files of the image --- */

static int write_file(
	int root, const char *option, const char *path, const char *text, size_t n, struct err *err)
{
	AUTO_FREE char *target = path_resolve("/", path);
	AUTO_FREE char *dir = path_dir(target);
	AUTO_FD int to = -1;
	if (root_mkdir_p(root, dir, 0755, 0, 0, &to) < 0)
		return err_sys(err, "option '--%s': cannot make '%s'", option, dir);
	if (unlinkat(to, path_base(target), 0) < 0 && errno != ENOENT)
		return err_sys(err, "option '--%s': cannot replace '%s'", option, target);
	AUTO_FD int file = openat(
		to, path_base(target), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (file < 0 || fchmod(file, 0644) < 0 || fs_write_all(file, text, n) < 0)
		return err_sys(err, "option '--%s': cannot write '%s'", option, target);
	return 0;
}

static int write_files(const struct sbom_opts *o, const struct snapshot *snap,
	const struct sbom_found *found, struct err *err)
{
	AUTO_FD int root = -1;
	if (snapshot_mount(snap, &root, err) < 0)
		return err->code;
	if (o->image_output && write_file(root, "sbom-image-output", o->image_output, found->sbom,
				       found->sbom_len, err) < 0)
		return err->code;
	if (o->image_purl_output && write_file(root, "sbom-image-purl-output", o->image_purl_output,
					    found->purls, found->purls_len, err) < 0)
		return err->code;
	return 0;
}

static int make_layer(const struct sbom_scan *s, const struct image *img,
	const struct sbom_found *found, struct layer *ret, struct err *err)
{
	size_t n = img->config.n_diff_ids;
	AUTO_FREE int *lowers = xcalloc(n + 1, sizeof(*lowers));
	AUTO_FREE char *upper_name = NULL, *work_name = NULL;
	AUTO_FD int upper = -1, work = -1;
	const struct diff_opts opts = {.compression = s->compression,
		.level = -1,
		.clamp = s->clamp,
		.force = s->force,
		.clamp_s = s->clamp_s};
	if (txn_mkdir(s->txn, "upper", &upper_name, &upper, err) < 0 ||
		txn_mkdir(s->txn, "work", &work_name, &work, err) < 0 ||
		image_lowers(s->store, img->config.diff_ids, n, lowers, err) < 0)
		return err->code;
	const struct snapshot snap = {.lower = lowers, .n_lower = n, .upper = upper, .work = work};
	int r = write_files(s->opts, &snap, found, err);
	if (r == 0)
		r = snapshot_settle(&snap, (struct timespec){0}, err);
	for (size_t i = 0; i < n; i++)
		(void)close(lowers[i]);
	return r < 0 ? r : upper_layer_put(s->store, upper, &opts, false, ret, err);
}

/* --- the image's documents --- */

static int put(struct store *s, const char *text, struct descriptor *d, struct err *err)
{
	d->size = strlen(text);
	return blob_put(s, text, strlen(text), &d->digest, err);
}

static int put_image(struct store *s, struct image *img, struct built_image *built, struct err *err)
{
	AUTO_FREE char *config = image_config_dump(&img->config);
	if (put(s, config, &img->manifest.config, err) < 0)
		return err->code;
	AUTO_FREE char *manifest = manifest_dump(&img->manifest);
	if (put(s, manifest, &built->manifest, err) < 0)
		return err->code;
	built->image_id = img->manifest.config.digest;
	built->bytes = built->manifest.size + img->manifest.config.size;
	for (size_t i = 0; i < img->manifest.n_layers; i++)
		built->bytes += img->manifest.layers[i].size;
	return 0;
}

/* As buildah: a layer of its own, whose history has its digest. */
static int add_layer(const struct sbom_scan *s, struct image *img, const struct sbom_found *found,
	struct built_image *built, struct err *err)
{
	struct layer layer = {0};
	char hex[DIGEST_STR_MAX];
	if (make_layer(s, img, found, &layer, err) < 0)
		return err->code;
	if (digest_is_zero(&layer.diff_id))
		return 0; /* the image had these very files */
	AUTO_FREE char *type = xstrdup(layer_media_type(s->compression));
	const struct descriptor d = {
		.media_type = type, .digest = layer.blob, .size = layer.blob_size};
	manifest_add_layer(&img->manifest, &d);
	image_config_add_diff_id(&img->config, &layer.diff_id);
	AUTO_FREE char *by =
		xasprintf("/bin/sh -c #(nop) ADD dir:%s in /", digest_hex(&layer.diff_id, hex));
	image_config_add_history(&img->config, img->config.created, by, NULL, false);
	return put_image(s->store, img, built, err);
}

static int merge(
	const struct sbom_scan *s, const struct image *img, struct sbom_found *ret, struct err *err)
{
	AUTO_BUF struct buf sbom = BUF_INIT(RESULT_MAX), purls = BUF_INIT(RESULT_MAX);
	struct sbom_document *documents = NULL;
	size_t n = 0;
	int r = sbom_run(s, img, &documents, &n, err);
	if (r == 0)
		r = sbom_merge(s->opts->merge, documents, n, &sbom, &purls, err);
	sbom_documents_free(documents, n);
	if (r < 0)
		return r;
	ret->sbom_len = sbom.len;
	ret->purls_len = purls.len;
	ret->sbom = buf_take(&sbom);
	ret->purls = buf_take(&purls);
	return 0;
}

int sbom_scan(const struct sbom_scan *s, struct built_image *image, struct sbom_found *ret,
	struct err *err)
{
	AUTO_IMAGE struct image img = {0};
	struct sbom_found found = {0};
	int r = image_load(s->store, &image->manifest, NULL, &img, err);
	if (r == 0)
		r = merge(s, &img, &found, err);
	if (r == 0 && sbom_goes_into_image(s->opts))
		r = add_layer(s, &img, &found, image, err);
	if (r < 0) {
		sbom_found_done(&found);
		return r;
	}
	*ret = found;
	return 0;
}
