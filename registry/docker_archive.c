/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker-archive: what `docker save` writes, a tar with manifest.json, configs and layer tars. It
 * has no manifest with digests, so one is made from what the files hold; old archives have symbolic
 * links between their layers, which are resolved inside.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/gzip_stream.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/zstd_stream.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "registry/location.h"
#include "registry/sink.h"
#include "registry/tar_file.h"

#define DOCUMENT_MAX (16 * MIB) /* manifest.json of an archive with many images */
#define IMAGES_MAX 10000
#define LAYERS_MAX 1000
#define HASH_BUFFER (256 * KIB)

struct docker_source {
	struct source source;
	int dir;
	char *path, *name;
	bool named; /* source.names says what the image is called, not the archive */
	struct map files; /* digest -> member */
};

static int open_member(
	const struct docker_source *s, const char *name, int *ret_fd, struct err *err)
{
	return source_open_file(s->dir, true, s->path, name, ret_fd, err);
}

/* Fills in digest, size and, for a layer, the media type that its first bytes tell. */
static int describe_member(struct docker_source *s, const char *name, bool layer,
	struct descriptor *ret, struct err *err)
{
	AUTO_FD int fd = -1;
	AUTO_FREE unsigned char *chunk = xmalloc(HASH_BUFFER);
	struct sha256 sha;
	uint64_t size = 0;
	ssize_t n;
	char text[DIGEST_STR_MAX];
	const char *type = layer ? MT_DOCKER_LAYER : MT_DOCKER_CONFIG;
	int r = open_member(s, name, &fd, err);
	if (r < 0)
		return r;
	sha256_init(&sha);
	while ((n = fs_read_upto(fd, chunk, HASH_BUFFER)) > 0) {
		if (size == 0 && layer && n > 4 && chunk[0] == 0x1f && chunk[1] == 0x8b)
			type = MT_DOCKER_LAYER_GZIP;
		else if (size == 0 && layer && n > 4 && memcmp(chunk, "\x28\xb5\x2f\xfd", 4) == 0)
			type = MT_DOCKER_LAYER_ZSTD;
		sha256_update(&sha, chunk, (size_t)n);
		size += (uint64_t)n;
	}
	if (n < 0)
		return err_sys(err, "cannot read '%s' in '%s'", name, s->path);
	*ret = (struct descriptor){
		.media_type = xstrdup(type), .digest = sha256_final(&sha), .size = size};
	map_set(&s->files, digest_str(&ret->digest, text), name);
	return 0;
}

static bool has_tag(const struct json *image, const char *want)
{
	const struct json *tags = json_get(image, "RepoTags");
	AUTO_REFERENCE struct reference a = {0};
	struct err ignored = ERR_INIT;
	if (reference_parse(want, &a, &ignored) < 0)
		return false;
	reference_default_tag(&a);
	AUTO_FREE char *full = reference_str(&a);
	for (size_t i = 0; i < json_size(tags); i++) {
		AUTO_REFERENCE struct reference b = {0};
		const char *tag = json_text(json_at(tags, i));
		if (!tag || reference_parse(tag, &b, &ignored) < 0)
			continue;
		AUTO_FREE char *have = reference_str(&b);
		if (streq(have, full) || streq(tag, want))
			return true;
	}
	return false;
}

static const struct json *choose_image(
	const struct docker_source *s, const struct json *list, struct err *err)
{
	size_t n = json_size(list);
	if (!json_is(list, JSON_KIND_ARRAY) || n == 0 || n > IMAGES_MAX) {
		(void)err_set(err, ERR_INVALID, "manifest.json of '%s' lists no images", s->path);
		return NULL;
	}
	if (!s->name && n == 1)
		return json_at(list, 0);
	if (location_number(s->name) < n)
		return json_at(list, location_number(s->name));
	for (size_t i = 0; s->name && i < n; i++)
		if (has_tag(json_at(list, i), s->name))
			return json_at(list, i);
	AUTO_BUF struct buf names = BUF_INIT(600);
	for (size_t i = 0; i < n && names.len < 400; i++) {
		const char *tag = json_text(json_at(json_get(json_at(list, i), "RepoTags"), 0));
		if (tag && strlen(tag) < 150)
			buf_addf(&names, ", %s", tag);
	}
	if (s->name)
		(void)err_set(err, ERR_NOT_FOUND, "no image '%s' in '%s'; there are: @0 to @%zu%s",
			s->name, s->path, n - 1, buf_str(&names));
	else
		(void)err_set(err, ERR_INVALID,
			"'%s' holds %zu images; say which, as docker-archive:%s:NAME: @0 to "
			"@%zu%s",
			s->path, n, s->path, n - 1, buf_str(&names));
	return NULL;
}

static void add_names(struct docker_source *s, const struct json *image)
{
	const struct json *tags = json_get(image, "RepoTags");
	for (size_t i = 0; i < json_size(tags) && i < IMAGES_MAX; i++) {
		AUTO_REFERENCE struct reference ref = {0};
		struct err ignored = ERR_INIT;
		const char *tag = json_text(json_at(tags, i));
		if (!tag || reference_parse(tag, &ref, &ignored) < 0)
			continue;
		reference_default_tag(&ref);
		strv_add_take(&s->source.names, reference_str(&ref));
	}
}

static int build_manifest(
	struct docker_source *s, const struct json *image, struct manifest *m, struct err *err)
{
	const char *config = NULL;
	struct json *layers = NULL;
	int r = json_get_string(image, "manifest.json", "Config", &config, err);
	if (r == 0)
		r = json_get_kind(image, "manifest.json", "Layers", JSON_KIND_ARRAY, &layers, err);
	if (r < 0)
		return r;
	if (!config || json_size(layers) > LAYERS_MAX)
		return err_set(err, ERR_INVALID,
			"manifest.json of '%s' names no config, or more than %d layers", s->path,
			LAYERS_MAX);
	r = describe_member(s, config, false, &m->config, err);
	for (size_t i = 0; r == 0 && i < json_size(layers); i++) {
		const char *name = json_text(json_at(layers, i));
		struct descriptor d = {0};
		r = name ? describe_member(s, name, true, &d, err)
		         : err_set(err, ERR_INVALID,
				   "manifest.json of '%s' has a layer that is no string", s->path);
		if (r == 0)
			manifest_add_layer(m, &d);
		descriptor_done(&d);
	}
	return r;
}

static int docker_top(struct source *source, struct document *ret, struct err *err)
{
	struct docker_source *s = (struct docker_source *)source;
	AUTO_FD int fd = -1;
	AUTO_FREE char *text = NULL;
	AUTO_JSON struct json *list = NULL;
	size_t len;
	struct manifest m = {.media_type = xstrdup(MT_DOCKER_MANIFEST)};
	int r = open_member(s, "manifest.json", &fd, err);
	if (r == 0)
		r = fs_read_fd(fd, "manifest.json", DOCUMENT_MAX, &text, &len, err);
	if (r == 0)
		r = json_parse(text, len, "manifest.json", &list, err);
	const struct json *image = r == 0 ? choose_image(s, list, err) : NULL;
	source->images = json_size(list);
	if (r == 0)
		r = image ? build_manifest(s, image, &m, err) : err->code;
	if (r == 0) {
		char *dump = manifest_dump(&m);
		r = document_make(dump, strlen(dump), MT_DOCKER_MANIFEST, DIGEST_SHA256, ret, err);
	}
	if (r == 0 && !s->named)
		add_names(s, image);
	manifest_done(&m);
	return r;
}

static int docker_child(
	struct source *source, const struct descriptor *d, struct document *ret, struct err *err)
{
	(void)source;
	(void)d;
	(void)ret;
	return err_set(err, ERR_NOT_FOUND, "a docker-archive has no manifests by digest");
}

static int docker_open(
	struct source *source, const struct descriptor *d, struct blob_stream *ret, struct err *err)
{
	struct docker_source *s = (struct docker_source *)source;
	char text[DIGEST_STR_MAX];
	const char *name = map_get(&s->files, digest_str(&d->digest, text));
	return name ? open_member(s, name, &ret->fd, err)
	            : err_set(err, ERR_NOT_FOUND, "is not in '%s'", s->path);
}

static void docker_free(struct source *source)
{
	struct docker_source *s = (struct docker_source *)source;
	close(s->dir);
	free(s->path);
	free(s->name);
	map_done(&s->files);
	free(s);
}

static const struct source_ops source_ops = {
	docker_top, docker_child, docker_open, NULL, docker_free, NULL};

int source_docker_archive(
	struct txn *t, const char *rest, uint64_t layer_ratio, struct source **ret, struct err *err)
{
	AUTO_FREE char *path = NULL, *name = NULL;
	int dir;
	location_split(rest, &path, &name);
	int r = tar_file_unpack(t, path, layer_ratio, &dir, err);
	if (r < 0)
		return r;
	struct docker_source *s = xcalloc(1, sizeof(*s));
	*s = (struct docker_source){.source = {.ops = &source_ops, .local = true},
		.dir = dir,
		.path = take(path),
		.name = take(name)};
	*ret = &s->source;
	return 0;
}

struct source *source_docker_unpacked(int dir, const char *where, const char *name)
{
	struct docker_source *s = xcalloc(1, sizeof(*s));
	*s = (struct docker_source){.source = {.ops = &source_ops, .local = true},
		.dir = dir,
		.path = xstrdup(where),
		.named = true};
	if (name)
		strv_add(&s->source.names, name);
	return &s->source;
}

/* --- sink --- */

struct docker_sink {
	struct sink sink;
	struct tar_file *archive;
	struct strv names;
	struct map members; /* digest -> member */
	struct json *list;
};

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
	char text[DIGEST_STR_MAX], hex[DIGEST_STR_MAX];
	struct hashed h;
	hashed_init(&h, DIGEST_SHA256);
	plain = decompressed(fd, d->media_type, &below);
	counted = reader_hashed(plain ? plain : below, &h);
	int r = stream_drain(counted, err);
	if (r < 0)
		return r;
	struct digest diff_id = hash_final(&h.hash);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot read the layer again");
	AUTO_READER struct reader *below2 = NULL, *plain2 = NULL;
	plain2 = decompressed(fd, d->media_type, &below2);
	AUTO_FREE char *member = xasprintf("%s.tar", digest_hex(&diff_id, hex));
	bool there = false;
	MAP_FOREACH (e, &s->members)
		there |= streq(e->value, member);
	map_set(&s->members, digest_str(&d->digest, text), member);
	return there ? 0
	             : tar_file_add_reader(
			       s->archive, member, plain2 ? plain2 : below2, h.count, err);
}

static int sink_blob(
	struct sink *k, const struct descriptor *d, int fd, int64_t *ret_id, struct err *err)
{
	struct docker_sink *s = (struct docker_sink *)k;
	AUTO_FD int owned = fd;
	char text[DIGEST_STR_MAX], hex[DIGEST_STR_MAX];
	*ret_id = 1;
	if (media_kind(d->media_type) == MEDIA_LAYER)
		return add_layer(s, d, owned, err);
	if (media_kind(d->media_type) != MEDIA_CONFIG)
		return err_set(err, ERR_UNSUPPORTED, "of type '%s' cannot be in a docker-archive",
			d->media_type);
	AUTO_FREE char *member = xasprintf("%s.json", digest_hex(&d->digest, hex));
	if (map_has(&s->members, digest_str(&d->digest, text)))
		return 0;
	map_set(&s->members, digest_str(&d->digest, text), member);
	return tar_file_add_file(s->archive, member, owned, d->size, err);
}

static int sink_manifest(struct sink *k, const struct document *doc, bool top, struct err *err)
{
	struct docker_sink *s = (struct docker_sink *)k;
	struct manifest m;
	char text[DIGEST_STR_MAX];
	(void)top;
	if (media_kind(doc->desc.media_type) == MEDIA_INDEX)
		return err_set(err, ERR_UNSUPPORTED,
			"a docker-archive holds images of one platform, not an index");
	int r = manifest_parse(doc->data, doc->len, doc->desc.media_type, &m, err);
	if (r < 0)
		return r;
	struct json *image = json_new_object(), *tags = json_new_array(),
		    *layers = json_new_array();
	json_set_string(image, "Config", map_get(&s->members, digest_str(&m.config.digest, text)));
	STRV_FOREACH (name, &s->names)
		json_add(tags, json_new_string(*name));
	for (size_t i = 0; i < m.n_layers; i++)
		json_add(layers, json_new_string(map_get(
					 &s->members, digest_str(&m.layers[i].digest, text))));
	json_set(image, "RepoTags", tags);
	json_set(image, "Layers", layers);
	json_add(s->list, image);
	manifest_done(&m);
	return 0;
}

static int sink_finish(struct sink *k, struct err *err)
{
	struct docker_sink *s = (struct docker_sink *)k;
	AUTO_FREE char *text = json_dump(s->list, 0);
	int r = tar_file_add_text(s->archive, "manifest.json", text, err);
	return r < 0 ? r : tar_file_finish(s->archive, err);
}

static void docker_sink_free(struct sink *k)
{
	struct docker_sink *s = (struct docker_sink *)k;
	tar_file_free(s->archive);
	map_done(&s->members);
	json_free(s->list);
	strv_done(&s->names);
	free(s);
}

static const struct sink_ops sink_ops = {
	sink_blob, NULL, sink_manifest, sink_finish, docker_sink_free, NULL, NULL, NULL, NULL};

static struct docker_sink *new_sink(struct tar_file *archive)
{
	struct docker_sink *s = xcalloc(1, sizeof(*s));
	*s = (struct docker_sink){
		.sink = {.ops = &sink_ops}, .archive = archive, .list = json_new_array()};
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
