/* SPDX-License-Identifier: Apache-2.0 */
/* After a power cut: see the essay in store.h. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/strv.h"
#include "store/ballast.h"
#include "store/blobs.h"
#include "store/dir_list.h"
#include "store/mark.h"
#include "store/names.h"
#include "store/store_internal.h"
#include "store/tree.h"

#define CLOCK_MARGIN_S                                                                             \
	2 /* file times come from a coarse clock, some file systems keep whole seconds */

/* "" when the kernel does not say (no /proc): then every boot is the same one. */
void store_boot_id(char ret[BOOT_ID_LEN + 1])
{
	ret[0] = '\0';
	AUTO_FD int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fs_read_upto(fd, ret, BOOT_ID_LEN) != BOOT_ID_LEN)
		ret[0] = '\0';
	else
		ret[BOOT_ID_LEN] = '\0';
}

bool store_is_sound(int store_fd, time_t *ret_since)
{
	char id[BOOT_ID_LEN + 1], noted[BOOT_ID_LEN + 1] = "";
	struct stat st;
	*ret_since = 0;
	store_boot_id(id);
	if (!*id)
		return true;
	AUTO_FD int fd = fs_open_plain(store_fd, SYNCED_FILE, O_RDONLY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	*ret_since = st.st_mtim.tv_sec - CLOCK_MARGIN_S;
	ssize_t n = fs_read_upto(fd, noted, BOOT_ID_LEN);
	return n == BOOT_ID_LEN && memcmp(noted, id, BOOT_ID_LEN) == 0;
}

static bool is_suspect(struct store *s, const char *path, time_t since)
{
	struct stat st;
	return fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ctim.tv_sec >= since;
}

/* Records and stat caches. */
static int drop_files(struct store *s, const char *dir, time_t since, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	int r = dir_list(s->fd, dir, &files, err);
	STRV_FOREACH (file, &files) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, *file);
		if (r == 0 && is_suspect(s, path, since) && unlinkat(s->fd, path, 0) < 0)
			r = err_sys(err, "cannot remove '%s'", path);
	}
	return r;
}

static int drop_trees(struct store *s, time_t since, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	int r = dir_list(s->fd, LAYERS_DIR, &names, err);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *path = xasprintf(LAYERS_DIR "/%s", *name);
		struct digest d;
		if (r == 0 && digest_parse_hex(*name, &d) && is_suspect(s, path, since))
			r = tree_remove(s, &d, err);
	}
	return r;
}

static bool is_sound(struct store *s, const struct digest *d)
{
	struct err ignored = ERR_INIT;
	struct hashed h;
	AUTO_FD int fd = -1;
	if (blob_open(s, d, &fd, &ignored) < 0)
		return false;
	AUTO_READER struct reader *file = reader_from_fd(fd, "blob");
	hashed_init(&h, d->alg);
	AUTO_READER struct reader *hashing = reader_hashed(file, &h);
	if (stream_drain(hashing, &ignored) < 0)
		return false;
	struct digest got = hash_final(&h.hash);
	return digest_equal(&got, d);
}

static int drop_blobs(struct store *s, time_t since, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	AUTO_MARKS struct marks marks = {0};
	struct names names = {0};
	int r;

	if ((r = names_list(s, &names, err)) < 0)
		return r;
	r = mark_names(s, &marks, &names, err);
	names_done(&names);
	if (r == 0)
		r = mark_containers(s, &marks, err);
	if (r == 0)
		r = store_blob_paths(s, &files, err);
	STRV_FOREACH (path, &files) {
		struct digest d;
		if (r < 0)
			break;
		if (!store_blob_parse(*path, &d) || !is_suspect(s, *path, since))
			continue;
		if (digest_set_has(&marks.blobs, &d) && is_sound(s, &d))
			continue;
		log_debug("after a crash: dropping '%s'", *path);
		r = blob_remove(s, &d, err);
	}
	return r;
}

static int recover(struct store *s, time_t since, struct err *err)
{
	char id[BOOT_ID_LEN + 1];
	struct err ignored = ERR_INIT;
	int r;
	sweep_dead(s, true, &ignored);
	if ((r = drop_blobs(s, since, err)) < 0 || (r = drop_trees(s, since, err)) < 0 ||
		(r = drop_files(s, STEPS_DIR, since, err)) < 0 ||
		(r = drop_files(s, STAT_DIR, since, err)) < 0)
		return r;
	if (syncfs(s->fd) < 0)
		return err_sys(err, "cannot write '%s' to disk", s->path);
	store_boot_id(id);
	r = fs_write_file(s->fd, SYNCED_FILE, id, strlen(id), 0600, true, err);
	if (r < 0 && ballast_drop(s, err->sys)) {
		err_clear(err);
		r = fs_write_file(s->fd, SYNCED_FILE, id, strlen(id), 0600, true, err);
	}
	return r;
}

int recover_after_boot(struct store *s, struct err *err)
{
	AUTO_FD int lock = -1;
	time_t since;
	int r;

	if (s->boot_checked)
		return 0;
	if (!store_is_sound(s->fd, &since)) {
		if ((r = store_lock(s, "gc.lock", LOCK_EXCLUSIVE, true, &lock, err)) < 0)
			return r;
		/* another process may have done it while we waited */
		if (!store_is_sound(s->fd, &since) && recover(s, since, err) < 0)
			return err_wrap(err, "checking the store after a restart of the machine");
	}
	s->boot_checked = true;
	return 0;
}
