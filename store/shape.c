/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/check_internal.h"
#include "store/found.h"
#include "store/store_internal.h"

enum kind {
	DIR_NEEDED,
	DIR_IF_THERE, /* `rm -r cache` is a way to forget the cache, logs come with the first one */
	FILE_NEEDED,
	FILE_IF_THERE,
	FILE_LOCK, /* as before; looked at before any lock is taken */
};

static const struct place {
	const char *name;
	enum kind kind;
} places[] = {
	{"gc.lock", FILE_LOCK},
	{"lock", FILE_LOCK},
	{"lists.lock", FILE_LOCK},
	{"containers.lock", FILE_LOCK},
	{"fetch.lock", FILE_LOCK},
	{"origins.lock", FILE_LOCK},
	{SYNCED_FILE, FILE_IF_THERE},
	{TMP_DIR, DIR_NEEDED},
	{"blobs", DIR_NEEDED},
	{BLOBS_DIR, DIR_NEEDED},
	{BLOBS_SHA512_DIR, DIR_IF_THERE},
	{LAYERS_DIR, DIR_NEEDED},
	{MOUNTS_DIR, DIR_NEEDED},
	{CONTAINERS_DIR, DIR_NEEDED},
	{"cache", DIR_IF_THERE},
	{STEPS_DIR, DIR_IF_THERE},
	{STAT_DIR, DIR_IF_THERE},
	{STAGES_DIR, DIR_IF_THERE},
	{LISTS_DIR, DIR_IF_THERE},
	{"cache/images", FILE_IF_THERE},
	{"cache/sizes", FILE_IF_THERE},
	{"logs", DIR_IF_THERE},
	{FOUND_DIR, DIR_IF_THERE},
	{"lost+found", DIR_IF_THERE}, /* of ext4, whose root the store may be */
	{"version", FILE_NEEDED},
	{"oci-layout", FILE_NEEDED},
	{"index.json", FILE_NEEDED},
	{"index.json.new", FILE_IF_THERE},
	{"limits.json", FILE_IF_THERE},
	{"origins", FILE_IF_THERE},
	{"ballast", FILE_IF_THERE},
	{"collected", FILE_IF_THERE},
	{GC_WANTED_FILE, FILE_IF_THERE},
};

const char *shape_place(size_t i)
{
	return i < ARRAY_LEN(places) ? places[i].name : NULL;
}

bool shape_knows(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (streq(places[i].name, path))
			return true;
	return false;
}

static bool is_dir_place(const struct place *p)
{
	return p->kind == DIR_NEEDED || p->kind == DIR_IF_THERE;
}

/* NULL, or what is wrong with it. A directory may be a link to one. */
static const char *fault(const struct store *s, const struct place *p)
{
	struct stat st;
	bool dir = is_dir_place(p), needed = p->kind == DIR_NEEDED || p->kind == FILE_NEEDED;
	if (fstatat(s->fd, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
		(errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return needed ? "is missing" : NULL;
	if (faccessat(s->fd, p->name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == EACCES)
		return NULL; /* what is around it is at fault */
	if (dir && (fstatat(s->fd, p->name, &st, 0) < 0 || !S_ISDIR(st.st_mode)))
		return "is no directory";
	return dir || S_ISREG(st.st_mode) ? NULL : "is no regular file";
}

/* --- those with a content of their own --- */

#define DOCUMENT_MAX (1 * MIB)

static bool is_object(const struct store *s, const char *name, const char *key, const char *value)
{
	AUTO_FREE char *text = NULL;
	AUTO_JSON struct json *j = NULL;
	struct err ignored = ERR_INIT;
	size_t n;
	if (fs_read_plain(s->fd, name, DOCUMENT_MAX, &text, &n, &ignored) < 0 ||
		json_parse(text, n, name, &j, &ignored) < 0 || !json_is(j, JSON_KIND_OBJECT))
		return false;
	const char *found = key ? json_text(json_get(j, key)) : NULL;
	return !key || (found && streq(found, value));
}

static bool layout_is_right(const struct store *s)
{
	return is_object(s, "oci-layout", "imageLayoutVersion", "1.0.0");
}

static bool limits_are_right(const struct store *s)
{
	return faccessat(s->fd, "limits.json", F_OK, AT_SYMLINK_NOFOLLOW) < 0 ||
	       is_object(s, "limits.json", NULL, NULL);
}

/* It was made 0700. Groups may be let in, as Kubernetes does on volumes. */
static bool is_open_to_all(const struct store *s)
{
	struct stat st;
	return fstat(s->fd, &st) == 0 && (st.st_mode & S_IWOTH);
}

/* --- all of it --- */

void shape_check(struct check *c)
{
	if (is_open_to_all(c->store))
		check_problem(c, "everybody may write to '%s'", c->store->path);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const char *what = fault(c->store, &places[i]);
		if (!what)
			continue;
		check_problem(c, "'%s' %s", places[i].name, what);
		c->bad_shape = true;
		c->bad_index |= streq(places[i].name, "index.json");
	}
	if (c->bad_shape)
		return;
	if (!store_version_is_right(c->store))
		check_problem(c, "'version' is not a version file of a store");
	if (!layout_is_right(c->store))
		check_problem(c, "'oci-layout' is none");
	if (!limits_are_right(c->store))
		check_problem(c, "'limits.json': the limits of cache mounts cannot be read");
}

static int clear_away(struct check *c, const char *name, struct err *err)
{
	struct stat st;
	return fstatat(c->store->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0
	               ? 0
	               : check_put_away(c, name, err);
}

static int mend_one(struct check *c, const struct place *p, struct err *err)
{
	int r = fault(c->store, p) ? clear_away(c, p->name, err) : 0;
	if (r == 0 && p->kind == DIR_NEEDED && mkdirat(c->store->fd, p->name, 0700) < 0 &&
		errno != EEXIST)
		return err_sys(err, "cannot make the directory '%s/%s'", c->store->path, p->name);
	return r;
}

int shape_mend_locks(struct check *c, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (places[i].kind == FILE_LOCK && mend_one(c, &places[i], err) < 0)
			return err->code;
	return 0;
}

int shape_mend(struct check *c, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (mend_one(c, &places[i], err) < 0)
			return err->code;
	if (is_open_to_all(c->store) && fchmod(c->store->fd, 0700) < 0)
		return err_sys(err, "cannot make '%s' private", c->store->path);
	if (!limits_are_right(c->store) && clear_away(c, "limits.json", err) < 0)
		return err->code;
	int r = 0;
	if (!layout_is_right(c->store))
		r = store_write_layout(c->store->fd, err);
	if (r == 0 && !store_version_is_right(c->store))
		r = store_write_version(c->store->fd, err);
	return r;
}
