/* SPDX-License-Identifier: Apache-2.0 */
#include "store/notes.h"

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
#include "base/stream.h"
#include "base/strv.h"
#include "base/tmp.h"
#include "base/zstd_stream.h"
#include "store/digest_set.h"
#include "store/dir_list.h"
#include "store/store_internal.h"

#define LEVEL 1
#define CHUNK (64 * KIB)

static const char *const dirs[] = {[NOTE_STAGE] = STAGES_DIR, [NOTE_LIST] = LISTS_DIR};

bool note_has(struct store *s, enum note_kind kind, const struct digest *id)
{
	char name[STORE_PATH_MAX];
	return faccessat(s->fd, store_name(name, dirs[kind], id), F_OK, 0) == 0;
}

/* A note begins with the SHA-256 of what it is about; the rest is compressed. */
static bool read_head(int fd, struct digest *ret)
{
	*ret = (struct digest){0};
	return fs_read_upto(fd, ret->b, digest_size(ret)) == (ssize_t)digest_size(ret);
}

bool note_is_about(
	struct store *s, enum note_kind kind, const struct digest *id, const struct digest *about)
{
	char name[STORE_PATH_MAX];
	struct digest d;
	AUTO_FD int fd = fs_open_plain(s->fd, store_name(name, dirs[kind], id), O_RDONLY, 0);
	return fd >= 0 && read_head(fd, &d) && digest_equal(&d, about);
}

static int read_note(
	struct store *s, const char *path, char **ret, size_t *ret_len, struct err *err)
{
	AUTO_FD int fd = fs_open_plain(s->fd, path, O_RDONLY, 0);
	if (fd < 0)
		return err_set(err, ERR_NOT_FOUND, "there is no '%s'", path);
	struct digest about;
	if (!read_head(fd, &about))
		return err_set(err, ERR_CORRUPT, "'%s' is damaged", path);
	AUTO_READER struct reader *file = reader_from_fd(fd, path);
	AUTO_READER struct reader *plain = reader_unzstd(file);
	AUTO_READER struct reader *in = reader_limit(plain, NOTE_MAX, path);
	AUTO_BUF struct buf text = BUF_INIT(NOTE_MAX + CHUNK);
	AUTO_FREE char *chunk = xmalloc(CHUNK);
	ssize_t n;
	while ((n = reader_read(in, chunk, CHUNK, err)) > 0)
		buf_add(&text, chunk, (size_t)n);
	if (n < 0)
		return (int)n;
	*ret_len = text.len;
	*ret = buf_take(&text);
	return 0;
}

int note_read(struct store *s, enum note_kind kind, const struct digest *id, char **ret,
	size_t *ret_len, struct err *err)
{
	char name[STORE_PATH_MAX];
	return read_note(s, store_name(name, dirs[kind], id), ret, ret_len, err);
}

int note_write(struct store *s, struct txn *txn, enum note_kind kind, const struct digest *id,
	const struct digest *about, const void *p, size_t n, struct err *err)
{
	char name[STORE_PATH_MAX];
	AUTO_TMP struct tmp t = TMP_INIT;
	int r;
	if (n > NOTE_MAX)
		return err_set(err, ERR_LIMIT, "a note is larger than %d bytes", NOTE_MAX);
	if ((r = store_make_cache(s, dirs[kind], err)) < 0 ||
		(r = tmp_open(&t, txn_fd(txn), 0600, err)) < 0)
		return r;
	AUTO_WRITER struct writer *file = writer_to_fd(t.fd, "a note");
	AUTO_WRITER struct writer *w = writer_zstd(file, LEVEL);
	if ((r = writer_write(file, about->b, digest_size(about), err)) < 0 ||
		(r = writer_write(w, p, n, err)) < 0 || (r = writer_finish(w, err)) < 0)
		return r;
	return tmp_publish(&t, s->fd, store_name(name, dirs[kind], id), false, err);
}

/* Whether a record is left of the stage; its lists are added to the set. */
static bool stage_lives(struct store *s, const char *path, struct digest_set *lists)
{
	AUTO_FREE char *text = NULL;
	AUTO_JSON struct json *j = NULL;
	struct err ignored = ERR_INIT;
	size_t n;
	bool lives = false;
	if (read_note(s, path, &text, &n, &ignored) < 0 ||
		json_parse(text, n, "note", &j, &ignored) < 0)
		return false;
	const struct json *steps = json_get(j, "steps");
	for (size_t i = 0; i < json_size(steps); i++) {
		const struct json *step = json_at(steps, i), *of = json_get(step, "lists");
		const char *key = json_text(json_get(step, "key"));
		struct digest d;
		char name[STORE_PATH_MAX];
		lives = lives ||
		        (key && digest_parse_hex(key, &d) &&
				faccessat(s->fd, store_name(name, STEPS_DIR, &d), F_OK, 0) == 0);
		for (void *it = json_iter(of); it; it = json_next(of, it)) {
			const char *hex = json_text(json_iter_value(it));
			if (hex && digest_parse_hex(hex, &d))
				(void)digest_set_add(lists, &d);
		}
	}
	return lives;
}

static int sweep_dir(struct store *s, const char *dir, const struct digest_set *keep, bool all,
	bool dry_run, struct digest_set *lists, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	int r = dir_list(s->fd, dir, &files, err);
	STRV_FOREACH (file, &files) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, *file);
		struct digest d;
		if (r < 0)
			break;
		bool stays = keep ? digest_parse_hex(*file, &d) && digest_set_has(keep, &d)
		                  : stage_lives(s, path, lists);
		if ((!stays || all) && !dry_run && unlinkat(s->fd, path, 0) < 0)
			r = err_sys(err, "cannot remove '%s'", path);
	}
	return r;
}

int notes_sweep(struct store *s, bool all, bool dry_run, struct err *err)
{
	struct digest_set lists = {0};
	int r = sweep_dir(s, STAGES_DIR, NULL, all, dry_run, &lists, err);
	if (r == 0)
		r = sweep_dir(s, LISTS_DIR, &lists, all, dry_run, NULL, err);
	digest_set_done(&lists);
	return r;
}
