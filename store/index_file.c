/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/media_type.h"
#include "store/ballast.h"
#include "store/names.h"
#include "store/step_images.h"
#include "store/store_internal.h"

#define HEAD "{\"schemaVersion\":2,\"mediaType\":\"" MT_OCI_INDEX "\",\"manifests\":["

static void add_line(struct index_file *f, size_t *cap, const char *text, size_t n, char *own)
{
	if (f->n == *cap) {
		*cap = *cap ? *cap * 2 : 64;
		f->lines = xreallocarray(f->lines, *cap, sizeof(*f->lines));
	}
	f->lines[f->n++] = (struct index_line){.text = text, .n = n, .own = own};
}

/* Our own form: the head, a line for each manifest with a comma but after the last, the tail in one
 * line. */
static bool split_lines(struct index_file *f, size_t len)
{
	size_t cap = 0;
	const char *at = f->text, *end = f->text + len;

	if (!str_has_prefix(at, HEAD "\n"))
		return false;
	at += strlen(HEAD "\n");
	while (at < end && *at == '{') {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		if (!nl)
			return false;
		size_t n = (size_t)(nl - at);
		bool more = at[n - 1] == ',';
		add_line(f, &cap, at, more ? n - 1 : n, NULL);
		at = nl + 1;
		if (more != (at < end && *at == '{'))
			return false;
	}
	if (at >= end || *at != ']' || memchr(at, '\n', (size_t)(end - at)))
		return false;
	f->head = xstrdup(HEAD);
	f->tail = xstrdup(at);
	return true;
}

void index_file_init(struct index_file *ret)
{
	*ret = (struct index_file){.head = xstrdup(HEAD), .tail = xstrdup("]}")};
}

/* Anybody's form; the members beside the manifests go into the tail. */
static int parse_whole(struct index_file *f, size_t len, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	AUTO_BUF struct buf tail = BUF_INIT(NAMES_MAX);
	struct json *list = NULL;
	size_t cap = 0;
	int r;

	f->n = 0;
	if ((r = json_parse(f->text, len, "index.json", &j, err)) < 0)
		return r;
	if (!json_is(j, JSON_KIND_OBJECT))
		return err_set(err, ERR_INVALID, "index.json: it is not an object");
	const struct json *schema = json_get(j, "schemaVersion");
	if (schema && json_int(schema) != 2)
		return err_set(err, ERR_INVALID, "index.json: its 'schemaVersion' is not 2");
	if ((r = json_get_kind(j, "index.json", "manifests", JSON_KIND_ARRAY, &list, err)) < 0)
		return r;
	if (!list)
		return err_set(err, ERR_INVALID, "index.json: 'manifests' is missing");
	for (size_t i = 0; i < json_size(list); i++) {
		char *line = json_dump(json_at(list, i), 0);
		add_line(f, &cap, line, strlen(line), line);
	}
	buf_addstr(&tail, "]");
	for (void *it = json_iter(j); it; it = json_next(j, it)) {
		const char *key = json_iter_key(it);
		if (streq(key, "schemaVersion") || streq(key, "mediaType") ||
			streq(key, "manifests"))
			continue;
		AUTO_JSON struct json *name = json_new_string(key);
		AUTO_FREE char *quoted = json_dump(name, 0),
			       *value = json_dump(json_iter_value(it), 0);
		buf_addf(&tail, ",%s:%s", quoted, value);
	}
	buf_addstr(&tail, "}");
	f->head = xstrdup(HEAD);
	f->tail = buf_take(&tail);
	return 0;
}

int index_file_read_in(int fd, const char *store, struct index_file *ret, struct err *err)
{
	AUTO_INDEX_FILE struct index_file f = {0};
	size_t len;
	if (fs_read_plain(fd, "index.json", NAMES_MAX, &f.text, &len, err) < 0 ||
		(!split_lines(&f, len) && parse_whole(&f, len, err) < 0)) {
		if (err->code == ERR_NOT_FOUND)
			err->code = ERR_CORRUPT; /* every store has one */
		(void)err_wrap(err, "store '%s'", store);
		return store_damage(err);
	}
	*ret = f;
	f = (struct index_file){0};
	return 0;
}

int index_file_read(struct store *s, struct index_file *ret, struct err *err)
{
	return index_file_read_in(s->fd, s->path, ret, err);
}

static bool grows(struct store *s, const struct buf *b)
{
	struct stat st;
	return fstatat(s->fd, "index.json", &st, 0) < 0 || (uint64_t)st.st_size < b->len;
}

static int replace(struct store *s, const struct buf *b, struct err *err)
{
	/* a fixed name: the lock is held, and what a crash leaves is overwritten */
	AUTO_FD int fd = fs_open_plain(s->fd, "index.json.new", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0) {
		(void)err_sys(err, "cannot create '%s/index.json.new'", s->path);
		return store_damage(err);
	}
	if (fs_write_all(fd, b->data, b->len) < 0 || fsync(fd) < 0) {
		(void)err_sys(err, "cannot write '%s/index.json.new'", s->path);
		(void)unlinkat(s->fd, "index.json.new", 0); /* a full disk needs the room */
		return err->code;
	}
	if (renameat(s->fd, "index.json.new", s->fd, "index.json") < 0 || fsync(s->fd) < 0)
		return err_sys(err, "cannot replace '%s/index.json'", s->path);
	return 0;
}

int index_file_write(struct store *s, const struct index_file *f, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(NAMES_MAX);
	buf_addf(&b, "%s\n", f->head);
	for (size_t i = 0; i < f->n; i++) {
		buf_add(&b, f->lines[i].text, f->lines[i].n);
		buf_addstr(&b, i + 1 < f->n ? ",\n" : "\n");
	}
	buf_addstr(&b, f->tail);
	if (b.toobig)
		return err_set(
			err, ERR_LIMIT, "index.json would be larger than %llu bytes", NAMES_MAX);
	int r = replace(s, &b, err);
	/* on a full disk names can still be removed */
	if (r < 0 && !grows(s, &b) && ballast_drop(s, err->sys)) {
		err_clear(err);
		r = replace(s, &b, err);
	}
	return r;
}

void index_file_done(struct index_file *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->lines[i].own);
	free(f->lines);
	free(f->text);
	free(f->head);
	free(f->tail);
	*f = (struct index_file){0};
}

int index_line_parse(
	const struct index_line *l, struct descriptor *ret, char **ret_ref, struct err *err)
{
	AUTO_JSON struct json *j = NULL;
	int r;
	if ((r = json_parse(l->text, l->n, "index.json", &j, err)) < 0 ||
		(r = descriptor_from_json(j, "index.json", ret, err)) < 0)
		return store_damage(err);
	const char *ref = map_get(&ret->annotations, ANNOTATION_REF_NAME);
	*ret_ref = ref ? xstrdup(ref) : NULL;
	map_remove(&ret->annotations, ANNOTATION_REF_NAME);
	map_remove(&ret->annotations, ANNOTATION_STEP_OF);
	return 0;
}

bool index_line_mentions(const struct index_line *l, const char *quoted)
{
	return memmem(l->text, l->n, quoted, strlen(quoted)) != NULL;
}

char *index_quote_ref(const char *ref)
{
	AUTO_JSON struct json *name = json_new_string(ref);
	AUTO_FREE char *quoted = json_dump(name, 0);
	return xasprintf("\"" ANNOTATION_REF_NAME "\":%s", quoted);
}

char *index_quote_digest(const struct digest *d)
{
	char buf[DIGEST_STR_MAX];
	return xasprintf("\"digest\":\"%s\"", digest_str(d, buf));
}

void index_file_set_annotated(struct index_file *f, size_t at, const struct descriptor *d,
	const char *key, const char *value)
{
	struct descriptor copy;
	descriptor_copy(&copy, d);
	map_remove(&copy.annotations, ANNOTATION_REF_NAME);
	if (value)
		map_set(&copy.annotations, key, value);
	AUTO_JSON struct json *j = descriptor_to_json(&copy);
	descriptor_done(&copy);
	if (at == f->n) {
		f->lines = xreallocarray(f->lines, f->n + 1, sizeof(*f->lines));
		f->lines[f->n++].own = NULL;
	}
	struct index_line *l = &f->lines[at];
	free(l->own);
	l->own = json_dump(j, 0);
	l->text = l->own;
	l->n = strlen(l->own);
}

void index_file_set(struct index_file *f, size_t at, const struct descriptor *d, const char *ref)
{
	index_file_set_annotated(f, at, d, ANNOTATION_REF_NAME, ref);
}

void index_file_remove(struct index_file *f, size_t at)
{
	free(f->lines[at].own);
	memmove(&f->lines[at], &f->lines[at + 1], (f->n - at - 1) * sizeof(*f->lines));
	f->n--;
}
