/* SPDX-License-Identifier: Apache-2.0 */
/* To oci: and oci-archive:, the image layout as directory or tar. image-spec image-layout.md. */
#include "registry/oci_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/room.h"
#include "base/tmp.h"
#include "image/reference.h"
#include "registry/location.h"
#include "registry/made.h"
#include "registry/sink.h"
#include "registry/tar_file.h"
#include "store/names.h"

struct oci_sink {
	struct sink sink;
	int dir;
	struct tar_file *archive; /* or NULL: a directory */
	char *path, *name;
	struct strv names; /* complete references, in place of name */
	struct json *index; /* of an archive */
	struct made made; /* of a directory */
};

/* That of sha256 is there from the beginning: a layout has it always. */
static int make_blob_dir(struct oci_sink *s, enum digest_alg alg, struct err *err)
{
	if (alg == DIGEST_SHA256)
		return 0;
	AUTO_FREE char *path = xasprintf("%s/blobs/%s", s->path, digest_alg_name(alg));
	return made_mkdir(&s->made, path, err);
}

static int put_file(
	struct oci_sink *s, const struct digest *d, int fd, uint64_t size, struct err *err)
{
	char path[BLOB_PATH_MAX];
	struct stat st;
	oci_blob_path(d, path);
	if (!s->archive && fstatat(s->dir, path, &st, 0) == 0 && S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size == size)
		return 0;
	int r = sink_check_blob(fd, d, err);
	if (r == 0 && s->archive)
		return tar_file_add_file(s->archive, path, fd, size, err);
	if (r == 0)
		r = make_blob_dir(s, d->alg, err);
	if (r < 0)
		return r;
	char *name = strrchr(path, '/');
	*name = '\0';
	AUTO_FD int blobs = openat(s->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (blobs < 0)
		return err_sys(err, "cannot open '%s' in '%s'", path, s->path);
	*name = '/';
	AUTO_TMP struct tmp tmp = TMP_INIT; /* after its directory: gone before that is closed */
	made_file(&s->made, path);
	r = room_check(blobs, s->path, size, err);
	if (r == 0)
		r = tmp_open_nameless(&tmp, blobs, 0644, err);
	if (r == 0 && fs_copy_data(fd, tmp.fd, size) < 0)
		r = err_sys(err, "cannot write '%s' in '%s'", path, s->path);
	return r < 0 ? r : tmp_publish(&tmp, blobs, name + 1, false, err);
}

static int sink_blob(
	struct sink *k, const struct descriptor *d, int fd, int64_t *ret_id, struct err *err)
{
	AUTO_FD int owned = fd;
	*ret_id = 1;
	return put_file((struct oci_sink *)k, &d->digest, owned, d->size, err);
}

static const char *annotation(const struct json *entry, const char *key)
{
	return json_text(json_get(json_get(entry, "annotations"), key));
}

/* What an entry is found by, so that a later one replaces it. image: the complete reference, or
 * NULL. */
static bool is_same(const struct json *entry, const struct descriptor *desc, const char *name,
	const char *image)
{
	char text[DIGEST_STR_MAX];
	const char *have = annotation(entry, ANNOTATION_REF_NAME);
	const char *digest = json_text(json_get(entry, "digest"));
	if (!have) /* a name may come later, as with skopeo and buildah */
		return digest && streq(digest, digest_str(&desc->digest, text));
	return name && streq(have, name) &&
	       (!image || streq_null(image, annotation(entry, ANNOTATION_IMAGE_NAME)));
}

/* Replaces the entry of the same name; an image without a name is added once. */
static void set_entry(
	struct json *index, const struct descriptor *desc, const char *name, const char *image)
{
	struct json *list = json_get(index, "manifests");
	struct json *fresh = json_new_array();
	for (size_t i = 0; i < json_size(list); i++)
		if (!is_same(json_at(list, i), desc, name, image))
			json_add(fresh, json_ref(json_at(list, i)));
	struct descriptor d;
	descriptor_copy(&d, desc);
	if (image)
		map_set(&d.annotations, ANNOTATION_IMAGE_NAME, image);
	if (name)
		map_set(&d.annotations, ANNOTATION_REF_NAME, name);
	json_add(fresh, descriptor_to_json(&d));
	descriptor_done(&d);
	json_set(index, "manifests", fresh);
}

/* With complete references as BuildKit has them: the tag is what other tools look for. */
static void set_entries(const struct oci_sink *s, struct json *index, const struct descriptor *desc)
{
	STRV_FOREACH (image, &s->names) {
		AUTO_REFERENCE struct reference ref = {0};
		struct err ignored = ERR_INIT;
		if (reference_parse(*image, &ref, &ignored) == 0)
			set_entry(index, desc, ref.tag, *image);
	}
	if (!s->names.n)
		set_entry(index, desc, s->name, NULL);
}

#define INDEX_LOCK ".mica.lock"

/* Until close and unlink; one that was unlinked by then is nobody's any more. */
static int lock_index(const struct oci_sink *s, int *ret_fd, struct err *err)
{
	for (;;) {
		struct stat have, there;
		int r = lock_file(s->dir, INDEX_LOCK, LOCK_EXCLUSIVE, true, ret_fd, err);
		if (r < 0)
			return r;
		if (fstat(*ret_fd, &have) == 0 &&
			fstatat(s->dir, INDEX_LOCK, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
			have.st_ino == there.st_ino && have.st_dev == there.st_dev)
			return 0;
		close(take_fd(ret_fd));
	}
}

static int change_index(struct oci_sink *s, const struct descriptor *desc, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_JSON struct json *index = NULL;
	size_t len;
	int r = oci_read(s->dir, false, s->path, "index.json", NAMES_MAX, &text, &len, err);
	if (r == ERR_NOT_FOUND) {
		err_clear(err);
		index = index_json(NULL);
		r = 0;
	} else if (r == 0) {
		r = json_parse(text, len, "index.json", &index, err);
		if (r == 0 && !json_is(index, JSON_KIND_OBJECT))
			r = err_set(
				err, ERR_INVALID, "index.json of '%s' is not an object", s->path);
	}
	if (r < 0)
		return r;
	set_entries(s, index, desc);
	AUTO_FREE char *out = json_dump(index, 0);
	return fs_write_file(s->dir, "index.json", out, strlen(out), 0644, false, err);
}

static int update_index(struct oci_sink *s, const struct descriptor *desc, struct err *err)
{
	AUTO_FD int lock = -1;
	int r = lock_index(s, &lock, err);
	if (r < 0)
		return r;
	r = change_index(s, desc, err);
	(void)unlinkat(s->dir, INDEX_LOCK, 0);
	return r;
}

static int put_document(struct oci_sink *s, const struct document *doc, struct err *err)
{
	char path[BLOB_PATH_MAX];
	oci_blob_path(&doc->desc.digest, path);
	if (s->archive)
		return tar_file_add_text(s->archive, path, doc->data, err);
	int r = make_blob_dir(s, doc->desc.digest.alg, err);
	if (r < 0)
		return r;
	made_file(&s->made, path);
	return fs_write_file(s->dir, path, doc->data, doc->len, 0644, false, err);
}

static int sink_manifest(struct sink *k, const struct document *doc, bool top, struct err *err)
{
	struct oci_sink *s = (struct oci_sink *)k;
	int r = put_document(s, doc, err);
	if (r < 0 || !top)
		return r;
	if (!s->archive)
		return update_index(s, &doc->desc, err);
	s->index = index_json(NULL);
	set_entries(s, s->index, &doc->desc);
	return 0;
}

static int sink_finish(struct sink *k, struct err *err)
{
	struct oci_sink *s = (struct oci_sink *)k;
	if (!s->archive) {
		made_keep(&s->made);
		return 0;
	}
	AUTO_FREE char *index = json_dump(s->index, 0);
	int r = tar_file_add_text(s->archive, "index.json", index, err);
	return r < 0 ? r : tar_file_finish(s->archive, err);
}

static void oci_sink_free(struct sink *k)
{
	struct oci_sink *s = (struct oci_sink *)k;
	tar_file_free(s->archive);
	made_done(&s->made);
	if (s->dir >= 0)
		close(s->dir);
	json_free(s->index);
	free(s->path);
	free(s->name);
	strv_done(&s->names);
	free(s);
}

static const struct sink_ops sink_ops = {
	sink_blob, NULL, sink_manifest, sink_finish, oci_sink_free, NULL, NULL, NULL, NULL};

static int open_layout(struct oci_sink *s, struct err *err)
{
	AUTO_FREE char *blobs = xasprintf("%s/blobs/sha256", s->path);
	int r = made_mkdir(&s->made, blobs, err);
	if (r < 0)
		return r;
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return err_sys(err, "cannot open '%s'", s->path);
	made_in(&s->made, s->dir, "index.json");
	if (faccessat(s->dir, "oci-layout", F_OK, 0) == 0)
		return oci_check_layout(s->dir, false, s->path, err);
	made_file(&s->made, "oci-layout");
	return fs_write_file(
		s->dir, "oci-layout", LAYOUT_TEXT, strlen(LAYOUT_TEXT), 0644, false, err);
}

static int open_archive(struct oci_sink *s, int fd, struct err *err)
{
	int r = 0;
	if (fd >= 0)
		s->archive = tar_file_new_fd(fd, s->path);
	else
		r = tar_file_new(s->path, &s->archive, err);
	if (r == 0)
		r = tar_file_add_text(s->archive, "oci-layout", LAYOUT_TEXT, err);
	if (r == 0)
		r = tar_file_add_dir(s->archive, "blobs", err);
	return r < 0 ? r : tar_file_add_dir(s->archive, "blobs/sha256", err);
}

static int make_sink(
	const char *rest, bool archive, const char *name, struct sink **ret, struct err *err)
{
	struct oci_sink *s = xcalloc(1, sizeof(*s));
	*s = (struct oci_sink){.sink = {.ops = &sink_ops}, .dir = -1, .made = MADE_INIT};
	location_split(rest, &s->path, &s->name);
	if (!s->name && name)
		s->name = xstrdup(name);
	int r = s->name && *s->name == '@'
	                ? err_set(err, ERR_INVALID, "'%s': a digest is no name to write", rest)
	        : archive ? open_archive(s, -1, err)
	                  : open_layout(s, err);
	if (r < 0) {
		sink_free(&s->sink);
		return r;
	}
	*ret = &s->sink;
	return 0;
}

int sink_oci(const char *rest, struct sink **ret, struct err *err)
{
	return make_sink(rest, false, NULL, ret, err);
}

int sink_oci_archive(const char *rest, const char *name, struct sink **ret, struct err *err)
{
	return make_sink(rest, true, name, ret, err);
}

static int make_named(
	int fd, const char *path, const struct strv *names, struct sink **ret, struct err *err)
{
	struct oci_sink *s = xcalloc(1, sizeof(*s));
	*s = (struct oci_sink){
		.sink = {.ops = &sink_ops}, .dir = -1, .path = xstrdup(path), .made = MADE_INIT};
	strv_copy(&s->names, names);
	int r = fd >= 0 ? open_archive(s, fd, err) : open_layout(s, err);
	if (r < 0) {
		sink_free(&s->sink);
		return r;
	}
	*ret = &s->sink;
	return 0;
}

int sink_oci_named(const char *path, const struct strv *names, struct sink **ret, struct err *err)
{
	return make_named(-1, path, names, ret, err);
}

int sink_oci_archive_fd(
	int fd, const char *path, const struct strv *names, struct sink **ret, struct err *err)
{
	return make_named(fd, path, names, ret, err);
}
