/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To docker-archive:, in the form of docker 25's `docker save`: manifest.json is what older ones,
 * podman and skopeo read; index.json, oci-layout and blobs/ make of the same file an image layout.
 */
#include "registry/oci_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/gzip_stream.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/zstd_stream.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "registry/location.h"
#include "registry/sink.h"
#include "registry/tar_file.h"
#include "store/names.h"

/* A blob, as a push sends it and as the archive has it. */
struct member {
	struct digest sent, kept;
	uint64_t size; /* there */
};

struct docker_sink {
	struct sink sink;
	struct tar_file *archive;
	struct strv names;
	struct member *members;
	size_t n_members;
	struct json *list, *index;
};

static const struct member *find_member(const struct docker_sink *s, const struct digest *sent)
{
	for (size_t i = 0; i < s->n_members; i++)
		if (digest_equal(&s->members[i].sent, sent))
			return &s->members[i];
	return NULL;
}

/* Where it is to be. false: it is there already. */
static bool note_member(struct docker_sink *s, const struct member *m, char ret_path[BLOB_PATH_MAX])
{
	bool there = false;
	for (size_t i = 0; i < s->n_members; i++)
		there |= digest_equal(&s->members[i].kept, &m->kept);
	s->members = xreallocarray(s->members, s->n_members + 1, sizeof(*s->members));
	s->members[s->n_members++] = *m;
	oci_blob_path(&m->kept, ret_path);
	return !there;
}

static struct reader *decompressed(int fd, const char *media_type, struct reader **ret_below)
{
	*ret_below = reader_from_fd(fd, "layer");
	if (str_has_suffix(media_type, "gzip"))
		return reader_gunzip(*ret_below);
	if (str_has_suffix(media_type, "zstd"))
		return reader_unzstd(*ret_below);
	return NULL;
}

/* Layers are written uncompressed, as docker does; a tar header needs the size first, so they are
 * decompressed twice. */
static int add_layer(struct docker_sink *s, const struct descriptor *d, int fd, struct err *err)
{
	AUTO_READER struct reader *below = NULL, *plain = NULL, *counted = NULL;
	char path[BLOB_PATH_MAX];
	struct hashed h;
	hashed_init(&h, DIGEST_SHA256);
	plain = decompressed(fd, d->media_type, &below);
	counted = reader_hashed(plain ? plain : below, &h);
	int r = stream_drain(counted, err);
	if (r < 0)
		return r;
	struct member m = {.sent = d->digest, .kept = hash_final(&h.hash), .size = h.count};
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot read the layer again");
	AUTO_READER struct reader *below2 = NULL, *plain2 = NULL;
	plain2 = decompressed(fd, d->media_type, &below2);
	return note_member(s, &m, path) ? tar_file_add_reader(s->archive, path,
						  plain2 ? plain2 : below2, m.size, err)
	                                : 0;
}

static int sink_blob(
	struct sink *k, const struct descriptor *d, int fd, int64_t *ret_id, struct err *err)
{
	struct docker_sink *s = (struct docker_sink *)k;
	AUTO_FD int owned = fd;
	char path[BLOB_PATH_MAX];
	*ret_id = 1;
	if (sink_check_blob(owned, &d->digest, err) < 0)
		return err->code;
	if (media_kind(d->media_type) == MEDIA_LAYER)
		return add_layer(s, d, owned, err);
	if (media_kind(d->media_type) != MEDIA_CONFIG)
		return err_set(err, ERR_UNSUPPORTED, "of type '%s' cannot be in a docker-archive",
			d->media_type);
	struct member m = {.sent = d->digest, .kept = d->digest, .size = d->size};
	return note_member(s, &m, path) ? tar_file_add_file(s->archive, path, owned, m.size, err)
	                                : 0;
}

/* A blob of the manifest that was sent, as the archive has it. */
static int kept_as(const struct docker_sink *s, const struct descriptor *d, const char *media_type,
	struct descriptor *ret, struct err *err)
{
	char text[DIGEST_STR_MAX];
	const struct member *m = find_member(s, &d->digest);
	if (!m)
		return err_set(err, ERR_NOT_FOUND, "blob %s was not sent before its manifest",
			digest_str(&d->digest, text));
	*ret = (struct descriptor){
		.media_type = xstrdup(media_type), .digest = m->kept, .size = m->size};
	return 0;
}

/* Its entries in index.json, one for each name. */
static void add_entries(struct docker_sink *s, struct descriptor *d)
{
	struct json *entries = json_get(s->index, "manifests");
	STRV_FOREACH (name, &s->names) {
		AUTO_REFERENCE struct reference ref = {0};
		struct err ignored = ERR_INIT;
		if (reference_parse(*name, &ref, &ignored) < 0)
			continue;
		AUTO_FREE char *full = reference_str(&ref);
		map_set(&d->annotations, ANNOTATION_IMAGE_NAME, full);
		map_set(&d->annotations, ANNOTATION_REF_NAME, ref.tag);
		json_add(entries, descriptor_to_json(d));
	}
	if (!s->names.n)
		json_add(entries, descriptor_to_json(d));
}

/* The manifest of what is in the archive, where layers are not compressed. */
static int make_manifest(const struct docker_sink *s, const struct manifest *sent,
	struct manifest *ret, struct err *err)
{
	ret->media_type = xstrdup(MT_OCI_MANIFEST);
	int r = kept_as(s, &sent->config, MT_OCI_CONFIG, &ret->config, err);
	for (size_t i = 0; r == 0 && i < sent->n_layers; i++) {
		struct descriptor layer = {0};
		r = kept_as(s, &sent->layers[i], MT_OCI_LAYER, &layer, err);
		if (r == 0)
			manifest_add_layer(ret, &layer);
		descriptor_done(&layer);
	}
	return r;
}

static int add_manifest(struct docker_sink *s, const struct manifest *m, struct err *err)
{
	AUTO_FREE char *text = manifest_dump(m);
	struct descriptor d = {.media_type = xstrdup(m->media_type),
		.digest = digest_of(text, strlen(text)),
		.size = strlen(text)};
	struct member member = {.sent = d.digest, .kept = d.digest, .size = d.size};
	char path[BLOB_PATH_MAX];
	int r = note_member(s, &member, path) ? tar_file_add_text(s->archive, path, text, err) : 0;
	if (r == 0)
		add_entries(s, &d);
	descriptor_done(&d);
	return r;
}

/* Its entry in manifest.json. */
static void add_image(struct docker_sink *s, const struct manifest *m)
{
	char path[BLOB_PATH_MAX];
	struct json *image = json_new_object(), *tags = json_new_array(),
		    *layers = json_new_array();
	json_set_string(image, "Config", oci_blob_path(&m->config.digest, path));
	STRV_FOREACH (name, &s->names)
		json_add(tags, json_new_string(*name));
	for (size_t i = 0; i < m->n_layers; i++)
		json_add(layers, json_new_string(oci_blob_path(&m->layers[i].digest, path)));
	json_set(image, "RepoTags", tags);
	json_set(image, "Layers", layers);
	json_add(s->list, image);
}

static int sink_manifest(struct sink *k, const struct document *doc, bool top, struct err *err)
{
	struct docker_sink *s = (struct docker_sink *)k;
	struct manifest sent, kept = {0};
	(void)top;
	if (media_kind(doc->desc.media_type) == MEDIA_INDEX)
		return err_set(err, ERR_UNSUPPORTED,
			"a docker-archive holds images of one platform, not an index");
	int r = manifest_parse(doc->data, doc->len, doc->desc.media_type, &sent, err);
	if (r < 0)
		return r;
	r = make_manifest(s, &sent, &kept, err);
	if (r == 0)
		r = add_manifest(s, &kept, err);
	if (r == 0)
		add_image(s, &kept);
	manifest_done(&kept);
	manifest_done(&sent);
	return r;
}

static int sink_finish(struct sink *k, struct err *err)
{
	struct docker_sink *s = (struct docker_sink *)k;
	AUTO_FREE char *list = json_dump(s->list, 0), *index = json_dump(s->index, 0);
	int r = tar_file_add_text(s->archive, "index.json", index, err);
	if (r == 0)
		r = tar_file_add_text(s->archive, "manifest.json", list, err);
	if (r == 0)
		r = tar_file_add_text(s->archive, "oci-layout", LAYOUT_TEXT, err);
	return r < 0 ? r : tar_file_finish(s->archive, err);
}

static void docker_sink_free(struct sink *k)
{
	struct docker_sink *s = (struct docker_sink *)k;
	tar_file_free(s->archive);
	free(s->members);
	json_free(s->list);
	json_free(s->index);
	strv_done(&s->names);
	free(s);
}

static const struct sink_ops sink_ops = {
	sink_blob, NULL, sink_manifest, sink_finish, docker_sink_free, NULL, NULL, NULL, NULL};

static struct docker_sink *new_sink(struct tar_file *archive)
{
	struct docker_sink *s = xcalloc(1, sizeof(*s));
	*s = (struct docker_sink){.sink = {.ops = &sink_ops},
		.archive = archive,
		.list = json_new_array(),
		.index = index_json(NULL)};
	return s;
}

int sink_docker_archive_may(const char *path, struct err *err)
{
	struct stat st;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		return err_set(err, ERR_EXISTS,
			"'%s' is there already: docker-archive doesn't support modifying existing "
			"images; remove it, or name another file",
			path);
	return fs_check_output(path, err);
}

int sink_docker_archive(
	const char *rest, const char *name, bool replace, struct sink **ret, struct err *err)
{
	AUTO_FREE char *path = NULL, *wanted = NULL;
	AUTO_REFERENCE struct reference ref = {0};
	struct tar_file *archive = NULL;
	location_split(rest, &path, &wanted);
	if (wanted && reference_parse(wanted, &ref, err) < 0)
		return err->code;
	int r = replace ? 0 : sink_docker_archive_may(path, err);
	if (r == 0)
		r = tar_file_new(path, &archive, err);
	if (r < 0)
		return r;
	if (wanted)
		reference_default_tag(&ref);
	struct docker_sink *s = new_sink(archive);
	if (wanted)
		strv_add_take(&s->names, reference_str(&ref));
	else if (name)
		strv_add(&s->names, name);
	*ret = &s->sink;
	return 0;
}

struct sink *sink_docker_archive_fd(int fd, const char *path, const struct strv *names)
{
	struct docker_sink *s = new_sink(tar_file_new_fd(fd, path));
	strv_copy(&s->names, names);
	return &s->sink;
}

int sink_docker_archive_file(const char *path, struct sink **ret, struct err *err)
{
	struct tar_file *archive = NULL;
	int r = tar_file_new(path, &archive, err);
	if (r == 0)
		*ret = &new_sink(archive)->sink;
	return r;
}

void sink_docker_archive_names(struct sink *k, const struct strv *names)
{
	strv_copy(&((struct docker_sink *)k)->names, names);
}
