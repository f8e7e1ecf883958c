/* SPDX-License-Identifier: Apache-2.0 */
/* From oci: and oci-archive:, the image layout as directory or tar. image-spec image-layout.md. */
#include "registry/oci_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "registry/location.h"
#include "registry/source.h"
#include "store/names.h"

#define LAYOUT_MAX 4096

struct oci_source {
	struct source source;
	int dir;
	bool foreign; /* from an archive: its links must not lead out */
	char *path; /* for messages */
	char *name; /* of the image in it, or NULL */
};

char *oci_blob_path(const struct digest *d, char buf[BLOB_PATH_MAX])
{
	char hex[DIGEST_STR_MAX];
	(void)snprintf(
		buf, BLOB_PATH_MAX, "blobs/%s/%s", digest_alg_name(d->alg), digest_hex(d, hex));
	return buf;
}

static int open_file(const struct oci_source *s, const char *path, int *ret_fd, struct err *err)
{
	return source_open_file(s->dir, s->foreign, s->path, path, ret_fd, err);
}

int oci_read(int dir, bool foreign, const char *path, const char *name, size_t max, char **ret,
	size_t *ret_len, struct err *err)
{
	AUTO_FD int fd = -1;
	int r = source_open_file(dir, foreign, path, name, &fd, err);
	return r < 0 ? r : fs_read_fd(fd, name, max, ret, ret_len, err);
}

static int read_file(const struct oci_source *s, const char *path, size_t max, char **ret,
	size_t *ret_len, struct err *err)
{
	return oci_read(s->dir, s->foreign, s->path, path, max, ret, ret_len, err);
}

static const char *ref_name(const struct descriptor *d)
{
	return map_get(&d->annotations, ANNOTATION_REF_NAME);
}

static bool is_entry(const struct descriptor *d, const char *name)
{
	char text[DIGEST_STR_MAX];
	if (*name == '@')
		return streq(digest_str(&d->digest, text), name + 1);
	const char *have = ref_name(d), *image = map_get(&d->annotations, ANNOTATION_IMAGE_NAME);
	return (have && streq(have, name)) || (image && streq(image, name));
}

/* By name, "@digest" or "@number"; without any the only entry. */
static const struct descriptor *choose_entry(
	const struct oci_source *s, const struct index *ix, struct err *err)
{
	if (!s->name && ix->n_manifests == 1)
		return &ix->manifests[0];
	if (location_number(s->name) < ix->n_manifests)
		return &ix->manifests[location_number(s->name)];
	for (size_t i = 0; s->name && i < ix->n_manifests; i++)
		if (is_entry(&ix->manifests[i], s->name))
			return &ix->manifests[i];
	AUTO_BUF struct buf names = BUF_INIT(600);
	for (size_t i = 0; i < ix->n_manifests && names.len < 400; i++) {
		const char *have = ref_name(&ix->manifests[i]);
		if (have && strlen(have) < 150)
			buf_addf(&names, "%s%s", names.len ? ", " : "", have);
	}
	if (s->name)
		(void)err_set(err, ERR_NOT_FOUND, "no image '%s' in '%s'; there are: %s", s->name,
			s->path, names.len ? buf_str(&names) : "none with a name");
	else
		(void)err_set(err, ERR_INVALID,
			"'%s' holds %zu images; say which, as %s:%s:NAME: @0 to @%zu%s%s", s->path,
			ix->n_manifests, s->foreign ? "oci-archive" : "oci", s->path,
			ix->n_manifests - 1, names.len ? ", " : "", buf_str(&names));
	return NULL;
}

static int oci_child(
	struct source *source, const struct descriptor *d, struct document *ret, struct err *err)
{
	struct oci_source *s = (struct oci_source *)source;
	char path[BLOB_PATH_MAX];
	char *data;
	size_t len;
	int r = read_file(s, oci_blob_path(&d->digest, path), MANIFEST_MAX, &data, &len, err);
	if (r < 0)
		return r;
	r = document_make(data, len, d->media_type, d->digest.alg, ret, err);
	return r < 0 ? err_wrap(err, "'%s'", path) : 0;
}

/* Is it a name, where a name or a tag may stand? buildah writes what stands behind
 * oci-archive:FILE: there, others the tag, which names nothing. */
static bool is_name(const char *have)
{
	return strpbrk(have, "/:") ||
	       (!streq(have, "latest") && !strchr(have, '.') && (*have < '0' || *have > '9'));
}

/* Whether the store gets a name for the entry. What the file or the directory is called is none,
 * as buildah has it, but what is said in an archive is. */
static bool called(const struct oci_source *s, const struct descriptor *d, size_t images,
	const char **ret_name)
{
	const char *have = ref_name(d), *image = map_get(&d->annotations, ANNOTATION_IMAGE_NAME);
	bool numbered = location_number(s->name) != SIZE_MAX;
	*ret_name = image;
	if (image && (s->foreign || !s->name || numbered))
		return true;
	*ret_name = have;
	if (!s->foreign && numbered)
		return have || images == 1;
	if (s->foreign && !s->name)
		return have && is_name(have);
	if (s->foreign || (s->name && *s->name == '@'))
		return have && strpbrk(have, "/:");
	*ret_name = s->name;
	return s->name != NULL;
}

/* The layout's own index lists images; it is no image itself. */
static int oci_top(struct source *source, struct document *ret, struct err *err)
{
	struct oci_source *s = (struct oci_source *)source;
	AUTO_FREE char *text = NULL;
	size_t len;
	struct index ix;
	char want[DIGEST_STR_MAX];
	if (read_file(s, "index.json", NAMES_MAX, &text, &len, err) < 0 ||
		index_parse(text, len, NULL, &ix, err) < 0)
		return err_wrap(err, "'%s' is not an OCI image layout", s->path);
	const struct descriptor *d = choose_entry(s, &ix, err);
	source->images = ix.n_manifests;
	int r = d ? oci_child(source, d, ret, err) : err->code;
	if (r == 0 && !digest_equal(&ret->desc.digest, &d->digest))
		r = err_set(err, ERR_CORRUPT, "content of %s in '%s' has another digest",
			digest_str(&d->digest, want), s->path);
	const char *name = NULL;
	if (r == 0 && called(s, d, ix.n_manifests, &name))
		location_store_name(s->foreign ? NULL : s->path, name, &source->names);
	index_done(&ix);
	return r;
}

static int oci_open(
	struct source *source, const struct descriptor *d, struct blob_stream *ret, struct err *err)
{
	struct oci_source *s = (struct oci_source *)source;
	char path[BLOB_PATH_MAX];
	AUTO_FD int fd = -1;
	int r = open_file(s, oci_blob_path(&d->digest, path), &fd, err);
	if (r == 0)
		r = source_check_size(fd, s->path, path, d->size, err);
	ret->fd = r == 0 ? take_fd(&fd) : -1;
	return r;
}

static void oci_free(struct source *source)
{
	struct oci_source *s = (struct oci_source *)source;
	if (s->dir >= 0)
		close(s->dir);
	free(s->path);
	free(s->name);
	free(s);
}

static const struct source_ops oci_ops = {oci_top, oci_child, oci_open, NULL, oci_free, NULL, NULL};

/* "imageLayoutVersion": "1.0.0" */
int oci_check_layout(int dir, bool foreign, const char *path, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_JSON struct json *j = NULL;
	size_t len;
	int r = oci_read(dir, foreign, path, "oci-layout", LAYOUT_MAX, &text, &len, err);
	if (r == 0)
		r = json_parse(text, len, "oci-layout", &j, err);
	if (r < 0)
		return err_wrap(err, "'%s' is not an OCI image layout", path);
	const char *version = json_text(json_get(j, "imageLayoutVersion"));
	if (!version || !str_has_prefix(version, "1."))
		return err_set(err, ERR_UNSUPPORTED,
			"'%s' is an OCI image layout of version '%.20s', 1.0.0 is supported", path,
			version ? version : "");
	return 0;
}

/* foreign: it was an archive, and is in a directory of ours. */
static int make_source(
	int dir, bool foreign, char *path, char *name, struct source **ret, struct err *err)
{
	struct oci_source *s = xcalloc(1, sizeof(*s));
	*s = (struct oci_source){
		.source = {.ops = &oci_ops, .local = true, .partial = true, .gives = foreign},
		.dir = dir,
		.foreign = foreign,
		.path = path,
		.name = name};
	int r = oci_check_layout(dir, foreign, s->path, err);
	if (r < 0) {
		source_free(&s->source);
		return r;
	}
	*ret = &s->source;
	return 0;
}

int source_oci(const char *rest, struct source **ret, struct err *err)
{
	AUTO_FREE char *path = NULL, *name = NULL;
	location_split(rest, &path, &name);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "cannot open '%s'", path);
	return make_source(dir, false, take(path), take(name), ret, err);
}

int source_oci_archive(
	struct txn *t, const char *rest, uint64_t layer_ratio, struct source **ret, struct err *err)
{
	AUTO_FREE char *path = NULL, *name = NULL;
	int dir;
	location_split(rest, &path, &name);
	int r = tar_file_unpack(t, path, layer_ratio, &dir, err);
	return r < 0 ? r : make_source(dir, true, take(path), take(name), ret, err);
}
