/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cache_limits.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/cache_mounts.h"
#include "store/disk_usage.h"
#include "store/store_internal.h"

#define LIMITS_FILE "limits.json"
#define LIMITS_MAX (1 * MIB)

/* An object: id -> bytes. One that cannot be read has none. */
static struct json *read_limits(const struct store *s)
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	struct json *j = NULL;
	size_t n;
	if (fs_read_plain(s->fd, LIMITS_FILE, LIMITS_MAX, &text, &n, &ignored) < 0 ||
		json_parse(text, n, LIMITS_FILE, &j, &ignored) < 0)
		return json_new_object();
	if (!json_is(j, JSON_KIND_OBJECT)) {
		json_free(j);
		return json_new_object();
	}
	return j;
}

uint64_t cache_limit_of(struct store *s, const char *id)
{
	AUTO_JSON struct json *all = read_limits(s);
	int64_t bytes = json_int(json_get(all, id));
	return bytes > 0 ? (uint64_t)bytes : 0;
}

int cache_limit_set(struct store *s, const char *id, uint64_t bytes, struct err *err)
{
	AUTO_FD int lock = -1;
	int r = store_lock(s, "lock", LOCK_EXCLUSIVE, true, &lock, err);
	if (r < 0)
		return r;
	AUTO_JSON struct json *all = read_limits(s);
	if (bytes)
		json_set_int(all, id, (int64_t)(bytes > INT64_MAX ? INT64_MAX : bytes));
	else
		json_remove(all, id);
	AUTO_FREE char *text = json_dump(all, 0);
	if (strlen(text) > LIMITS_MAX)
		return err_set(err, ERR_LIMIT, "the limits of cache mounts take too much room");
	return fs_write_file(s->fd, LIMITS_FILE, text, strlen(text), 0600, true, err);
}

int cache_limit_apply(struct store *s, const char *name, uint64_t *ret_took, struct err *err)
{
	AUTO_FREE char *id = cache_mount_id(s, name), *path = xasprintf(MOUNTS_DIR "/%s", name);
	uint64_t limit = cache_limit_of(s, id), took = limit ? disk_usage(s->fd, path) : 0;
	*ret_took = 0;
	if (took <= limit)
		return 0;
	int r = cache_mount_empty(s, name, err);
	if (r == ERR_BUSY) {
		err_clear(err);
		return 0;
	}
	*ret_took = r == 0 ? took : 0;
	return r;
}
