/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From docker-archive: what `docker save` writes, a tar with manifest.json, configs and layer tars.
 * It has no manifest with digests, so one is made from what the files hold; old archives have
 * symbolic links between their layers, which are resolved inside.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "image/media_type.h"
#include "image/reference.h"
#include "registry/location.h"
#include "registry/source.h"
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
	docker_top, docker_child, docker_open, NULL, docker_free, NULL, NULL};

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
	*s = (struct docker_source){.source = {.ops = &source_ops, .local = true, .gives = true},
		.dir = dir,
		.path = take(path),
		.name = take(name)};
	*ret = &s->source;
	return 0;
}

struct source *source_docker_unpacked(int dir, const char *where, const char *name)
{
	struct docker_source *s = xcalloc(1, sizeof(*s));
	*s = (struct docker_source){.source = {.ops = &source_ops, .local = true, .gives = true},
		.dir = dir,
		.path = xstrdup(where),
		.named = true};
	if (name)
		strv_add(&s->source.names, name);
	return &s->source;
}
