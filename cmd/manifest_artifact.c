/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/manifest_artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/images.h"

#define TITLE "org.opencontainers.image.title"
#define UNKNOWN_TYPE "application/vnd.unknown.artifact.v1"
#define FILE_TYPE "application/octet-stream"

const struct opt artifact_options[] = {
	OPT_BOOL(0, "artifact", struct artifact_args, artifact),
	OPT_STRV(0, "artifact-annotation", struct artifact_args, annotations),
	OPT_STRING(0, "artifact-config", struct artifact_args, config),
	OPT_STRING(0, "artifact-config-type", struct artifact_args, config_type),
	OPT_BOOL(0, "artifact-exclude-titles", struct artifact_args, exclude_titles),
	OPT_STRING(0, "artifact-layer-type", struct artifact_args, layer_type),
	OPT_STRING(0, "artifact-subject", struct artifact_args, subject),
	OPT_STRING(0, "artifact-type", struct artifact_args, type),
	OPT_END,
};

int artifact_args_check(const struct artifact_args *a, struct err *err)
{
	if (!a->artifact && (a->exclude_titles || a->type || a->config || a->config_type ||
				    a->layer_type || a->subject || a->annotations.n))
		return err_set(err, ERR_INVALID,
			"options '--artifact-...' say what '--artifact' makes: give it, too");
	return 0;
}

/* to: -1, only what it is is found out */
static int copy_file(int from, const char *path, int to, struct descriptor *d, struct err *err)
{
	AUTO_FREE char *buf = xmalloc(64 * KIB);
	struct sha256 hash;
	ssize_t n;

	sha256_init(&hash);
	while ((n = read(from, buf, 64 * KIB)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read '%s'", path);
		sha256_update(&hash, buf, (size_t)n);
		d->size += (uint64_t)n;
		if (to >= 0 && fs_write_all(to, buf, (size_t)n) < 0)
			return err_sys(err, "cannot write to the store");
	}
	d->digest = sha256_final(&hash);
	return 0;
}

static int put_file(struct store *s, const char *path, struct descriptor *d, struct err *err)
{
	AUTO_TMP struct tmp blob = TMP_INIT;
	struct stat st;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' is not a regular file", path);
	int r = blob_begin(s, &blob, err);
	if (r == 0)
		r = copy_file(fd, path, blob.fd, d, err);
	return r < 0 ? r : blob_commit(s, &blob, &d->digest, err);
}

static int put_config(
	struct store *s, const struct artifact_args *a, struct descriptor *d, struct err *err)
{
	if (a->config) {
		d->media_type = xstrdup(a->config_type ? a->config_type : MT_OCI_CONFIG);
		return put_file(s, a->config, d, err);
	}
	d->media_type = xstrdup(a->config_type ? a->config_type : MT_OCI_EMPTY);
	d->size = strlen("{}");
	return blob_put(s, "{}", strlen("{}"), &d->digest, err);
}

static int add_layers(struct store *s, const struct artifact_args *a, const struct strv *files,
	size_t first, struct json *layers, struct err *err)
{
	int r = 0;

	for (size_t i = first; i < files->n && r == 0; i++) {
		struct descriptor d = {
			.media_type = xstrdup(a->layer_type ? a->layer_type : FILE_TYPE)};
		r = put_file(s, files->v[i], &d, err);
		if (!a->exclude_titles)
			map_set(&d.annotations, TITLE, path_base(files->v[i]));
		if (r == 0)
			json_add(layers, descriptor_to_json(&d));
		descriptor_done(&d);
	}
	return r;
}

/* Of the store: what it is about, without what an index says of it. */
static int set_subject(struct store *s, const char *text, struct json *manifest, struct err *err)
{
	struct descriptor d = {0};
	AUTO_FREE char *ref = NULL;

	int r = image_find(s, text, &d, &ref, err);
	if (r < 0)
		return err_wrap(err, "option '--artifact-subject'");
	map_done(&d.annotations);
	json_set(manifest, "subject", descriptor_to_json(&d));
	descriptor_done(&d);
	return 0;
}

static int set_annotations(const struct strv *words, struct json *manifest, struct err *err)
{
	AUTO_MAP struct map all = MAP_INIT;

	STRV_FOREACH (w, words) {
		const char *eq = strchr(*w, '=');
		if (!eq || eq == *w)
			return err_set(err, ERR_INVALID,
				"option '--artifact-annotation': '%s' is not KEY=VALUE", *w);
		AUTO_FREE char *key = xstrndup(*w, (size_t)(eq - *w));
		map_set(&all, key, eq + 1);
	}
	if (all.n)
		json_set(manifest, "annotations", json_new_map(&all));
	return 0;
}

int manifest_artifact_make(struct store *s, const struct artifact_args *a, const struct strv *files,
	size_t first, struct descriptor *ret, struct err *err)
{
	AUTO_JSON struct json *j = json_new_object();
	struct json *layers = json_new_array();
	struct descriptor config = {0};
	const char *type = a->type ? a->type : a->config_type ? a->config_type : UNKNOWN_TYPE;

	json_set_int(j, "schemaVersion", 2);
	json_set_string(j, "mediaType", MT_OCI_MANIFEST);
	json_set_string(j, "artifactType", type);
	int r = put_config(s, a, &config, err);
	if (r == 0)
		json_set(j, "config", descriptor_to_json(&config));
	descriptor_done(&config);
	json_set(j, "layers", layers);
	if (r == 0)
		r = add_layers(s, a, files, first, layers, err);
	if (r == 0 && a->subject)
		r = set_subject(s, a->subject, j, err);
	if (r == 0)
		r = set_annotations(&a->annotations, j, err);
	if (r < 0)
		return r;
	AUTO_FREE char *text = json_dump(j, 0);
	struct descriptor d = {.media_type = xstrdup(MT_OCI_MANIFEST),
		.artifact_type = xstrdup(type),
		.size = strlen(text)};
	r = blob_put(s, text, strlen(text), &d.digest, err);
	if (r < 0)
		descriptor_done(&d);
	else
		*ret = d;
	return r;
}

static int has_layer(struct store *s, const struct descriptor *entry, const struct digest *blob,
	bool *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct manifest m = {0};
	size_t n;

	int r = blob_read(s, entry, MANIFEST_MAX, &text, &n, err);
	if (r == 0)
		r = manifest_parse(text, n, entry->media_type, &m, err);
	for (size_t i = 0; r == 0 && i < m.n_layers && !*ret; i++)
		*ret = digest_equal(&m.layers[i].digest, blob);
	manifest_done(&m);
	return r;
}

int manifest_artifact_find(struct store *s, const struct index *ix, const char *path,
	struct descriptor **ret, struct err *err)
{
	struct descriptor file = {0};
	struct stat st;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool found = false;

	*ret = NULL;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	int r = copy_file(fd, path, -1, &file, err);
	for (size_t i = 0; r == 0 && i < ix->n_manifests && !found; i++) {
		if (!ix->manifests[i].artifact_type)
			continue;
		r = has_layer(s, &ix->manifests[i], &file.digest, &found, err);
		*ret = found ? &ix->manifests[i] : NULL;
	}
	return r;
}
