/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsck: what belongs to another than the store's user, or is closed to him. `sudo` and copies leave
 * such things, and whoever is root does not notice. The content of images, cache mounts and working
 * containers is of many users, and of no concern here.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "store/blobs.h"
#include "store/check_internal.h"
#include "store/dir_list.h"
#include "store/records_internal.h"
#include "store/store_internal.h"

static mode_t needed(const struct stat *st)
{
	return S_ISDIR(st->st_mode) ? 0700 : 0400;
}

static bool is_closed(const struct stat *st)
{
	return (st->st_mode & needed(st)) != needed(st);
}

/* No number of a user: it would be another one outside of our namespace. false: all is well. */
static bool look_at(struct check *c, const char *path, const struct stat *st, uid_t owner)
{
	const char *store = c->store->path;
	/* the directory itself may be somebody's who lets us in */
	bool is_top = streq(path, ".");
	if (st->st_uid != owner && !is_top)
		check_problem(c,
			"'%s' is another user's; as root: chown --reference='%s%s' '%s/%s'", path,
			store, streq(path, "version") ? "" : "/version", store, path);
	else if (st->st_uid == owner && is_closed(st))
		check_problem(c, "'%s' is closed to its own user; chmod u+rwX '%s/%s'", path, store,
			path);
	else
		return false;
	c->bad_shape |= S_ISDIR(st->st_mode);
	strv_add(&c->bad_owners, path);
	return true;
}

static bool look(struct check *c, const char *path, uid_t owner)
{
	struct stat st;
	return fstatat(c->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode) &&
	       look_at(c, path, &st, owner);
}

static void look_at_records(struct check *c, uid_t owner)
{
	AUTO_STRV struct strv names = STRV_INIT;
	struct err ignored = ERR_INIT;
	if (dir_list(c->store->fd, STEPS_DIR, &names, &ignored) < 0)
		return;
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = xasprintf(STEPS_DIR "/%s", *name);
		(void)look(c, path, owner);
	}
}

/* What says what they are; one that cannot be read keeps all from being listed. */
static void look_at_containers(struct check *c, uid_t owner)
{
	static const char *const files[] = {"", "/container.json", "/uses"};
	AUTO_STRV struct strv ids = STRV_INIT;
	struct err ignored = ERR_INIT;
	if (dir_list(c->store->fd, CONTAINERS_DIR, &ids, &ignored) < 0)
		return;
	STRV_FOREACH (id, &ids) {
		for (size_t i = 0; i < ARRAY_LEN(files); i++) {
			AUTO_FREE char *path = xasprintf(CONTAINERS_DIR "/%s%s", *id, files[i]);
			c->bad_shape |= look(c, path, owner);
		}
	}
}

void check_owners(struct check *c)
{
	AUTO_STRV struct strv blobs = STRV_INIT;
	struct err ignored = ERR_INIT;
	const char *place;
	uid_t owner;
	if (!store_owner(c->store, &owner))
		return;
	(void)look(c, ".", owner);
	for (size_t i = 0; (place = shape_place(i)); i++)
		if (!streq(place, "lost+found"))
			(void)look(c, place, owner);
	look_at_records(c, owner);
	look_at_containers(c, owner);
	if (store_blob_paths(c->store, &blobs, &ignored) < 0)
		return; /* what is closed was told, and check_blobs() tells the rest */
	STRV_FOREACH (path, &blobs) {
		struct digest d;
		if (store_blob_parse(*path, &d))
			(void)look(c, *path, owner);
	}
}

int owners_mend(struct check *c, struct err *err)
{
	uid_t owner;
	if (!c->bad_owners.n || !store_owner(c->store, &owner))
		return 0;
	STRV_FOREACH (path, &c->bad_owners) {
		struct stat st;
		if (fstatat(c->store->fd, *path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			S_ISLNK(st.st_mode))
			continue;
		if (st.st_uid != owner && !streq(*path, ".") &&
			fchownat(c->store->fd, *path, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err,
				"cannot give '%s/%s' back to its user; as root: chown "
				"--reference='%s%s' '%s/%s'",
				c->store->path, *path, c->store->path,
				streq(*path, "version") ? "" : "/version", c->store->path, *path);
		if (is_closed(&st) &&
			fchmodat(c->store->fd, *path, (st.st_mode & 07777) | needed(&st), 0) < 0)
			return err_sys(
				err, "cannot open '%s/%s' to its user", c->store->path, *path);
	}
	return 0;
}
