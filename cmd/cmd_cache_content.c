/* SPDX-License-Identifier: Apache-2.0 */
/* cache export, cache import: the content of a cache mount of RUN as a tar. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "base/room.h"
#include "base/stream.h"
#include "build/cache_mount.h"
#include "build/output_file.h"
#include "build/steps.h"
#include "cmd/cmd.h"
#include "layers/apply.h"
#include "layers/diff.h"
#include "store/cache_limits.h"
#include "store/cache_mounts.h"
#include "store/disk_usage.h"
#include "store/store.h"

#define CONTENT "0" /* of the first instance; there are more only of private ones */
#define CONTENT_MODE 0755 /* BuildKit's, where the mount does not say it */

/* --- export --- */

struct export_args {
	const char *output;
};

static const struct opt export_options[] = {
	OPT_STRING('o', "output", struct export_args, output),
	OPT_END,
};

/* The one that text means. */
static int find_one(struct store *s, const char *text, char **ret, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;

	int r = cache_mount_find(s, text, &names, err);
	if (r < 0)
		return r;
	if (names.n > 1)
		return err_set(err, ERR_INVALID,
			"%zu cache mounts have the id '%s': give the name of one ('mica cache ls')",
			names.n, text);
	*ret = xstrdup(names.v[0]);
	return 0;
}

static int write_content(int mount, const char *text, const char *dest, struct err *err)
{
	const struct diff_opts opts = {.plain = true, .no_devices = true}; /* import takes none */
	AUTO_OUTPUT_FILE struct output_file file = OUTPUT_FILE_INIT;
	AUTO_FD int content =
		openat(mount, CONTENT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (content < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "the cache mount '%s' is empty", text);
	if (content < 0)
		return err_sys(err, "cannot open the cache mount '%s'", text);
	const struct tree_part part = {.dir = content};
	int r = output_file_open(&file, dest, err);
	if (r < 0)
		return r;
	AUTO_WRITER struct writer *w = writer_to_output(file.fd, file.name);
	r = tree_archive(&part, 1, &opts, w, err);
	return r < 0 ? r : output_file_publish(&file, err);
}

static int export_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct export_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *t = NULL;
	AUTO_FREE char *name = NULL, *id = NULL;
	AUTO_FD int mount = -1, lock = -1;

	if (!a->output && app->out.out_tty)
		return err_set(err, ERR_INVALID,
			"refusing to write an archive to a terminal: use --output or a pipe");
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = txn_read(s, &t, err);
	if (r == 0)
		r = find_one(s, rest->v[0], &name, err);
	if (r < 0)
		return r;
	id = cache_mount_id(s, name);
	r = cache_mount_lock(s, name, id, &mount, &lock, err);
	return r < 0 ? r : write_content(mount, id, a->output ? a->output : "-", err);
}

const struct cmd cmd_cache_export = {
	.name = "cache-export",
	.options = export_options,
	.args_size = sizeof(struct export_args),
	.min_args = 1,
	.max_args = 1,
	.flags = CMD_USERNS,
	.run = export_run,
};

/* --- import --- */

struct import_args {
	const char *input;
};

static const struct opt import_options[] = {
	OPT_STRING('i', "input", struct import_args, input),
	OPT_END,
};

/* The new directory gets owner and mode of the one that it takes the place of. */
static int shape_as(int mount, int dir, struct err *err)
{
	struct stat st = {.st_mode = CONTENT_MODE};

	if (fstatat(mount, CONTENT, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
		return err_sys(err, "cannot look at the cache mount");
	if (fchown(dir, st.st_uid, st.st_gid) < 0 || fchmod(dir, st.st_mode & 07777) < 0)
		return err_sys(err, "cannot set the owner of the cache mount");
	return 0;
}

static int unpack(struct txn *t, int archive, char **ret_name, int *ret_dir, struct err *err)
{
	const struct apply_opts opts = {.flags = APPLY_PLAIN | APPLY_CONTEXT |
	                                         (idmap_own() == IDMAP_ONE ? APPLY_NO_OWNER : 0)};
	int r = txn_mkdir(t, "cache", ret_name, ret_dir, err);
	if (r == 0)
		r = archive_unpack(archive, *ret_dir, &opts, err);
	struct stat st;
	if (r < 0 && fstat(archive, &st) == 0)
		room_need((uint64_t)st.st_size, err);
	return r;
}

/* The directory `name` of the transaction, which is opened at dir, is the content from now on. */
static int replace(struct txn *t, int mount, const char *name, int dir, struct err *err)
{
	AUTO_FREE char *old_name = NULL;
	AUTO_FD int old = -1;

	int r = txn_mkdir(t, "old", &old_name, &old, err);
	if (r == 0)
		r = shape_as(mount, dir, err);
	if (r < 0)
		return r;
	if ((renameat(mount, CONTENT, old, "cache") < 0 && errno != ENOENT) ||
		renameat(txn_fd(t), name, mount, CONTENT) < 0)
		return err_sys(err, "cannot replace the cache mount");
	return 0;
}

/* Of several of one id a name must say which; one that there is not yet is as a step makes it whose
 * mount says no more than its id. */
static int find_or_name(struct store *s, const char *text, char **ret, struct err *err)
{
	AUTO_FREE char *id = xstrdup(text);
	char source[] = "", name[DIGEST_STR_MAX];
	const struct step_mount m = {.id = id, .source = source};

	int r = find_one(s, text, ret, err);
	if (r != ERR_NOT_FOUND)
		return r;
	err_clear(err);
	cache_mount_name(&m, NULL, name);
	*ret = xstrdup(name);
	return 0;
}

/* The first step that used it would empty it. */
static int check_limit(
	struct store *s, const char *name, const char *text, int dir, struct err *err)
{
	AUTO_FREE char *id = cache_mount_has_id(s, name) ? cache_mount_id(s, name) : xstrdup(text);
	uint64_t limit = cache_limit_of(s, id), takes = limit ? disk_usage(dir, ".") : 0;
	if (takes <= limit)
		return 0;
	return err_set(err, ERR_LIMIT,
		"it takes %llu bytes, and the limit of '%s' is %llu: see 'mica cache limit'",
		(unsigned long long)takes, id, (unsigned long long)limit);
}

static int import_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct import_args *a = args;
	bool from_stdin = !a->input || streq(a->input, "-");
	AUTO_STORE struct store *s = NULL;
	AUTO_TXN struct txn *t = NULL;
	AUTO_FREE char *name = NULL, *new_name = NULL;
	AUTO_FD int file = -1, new = -1, mount = -1, lock = -1;

	if (from_stdin && isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID,
			"refusing to read an archive from a terminal: use --input or a pipe");
	file = from_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
	                  : open(a->input, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return err_sys(err, "cannot open '%s'", from_stdin ? "standard input" : a->input);
	app->begun = from_stdin;
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = txn_begin(s, &t, err);
	if (r == 0)
		r = find_or_name(s, rest->v[0], &name, err);
	/* before the mount is made: what cannot be unpacked leaves none */
	if (r == 0)
		r = unpack(t, file, &new_name, &new, err);
	if (r == 0)
		r = check_limit(s, name, rest->v[0], new, err);
	if (r == 0)
		r = cache_mount_lock(s, name, rest->v[0], &mount, &lock, err);
	if (r == 0)
		r = replace(t, mount, new_name, new, err);
	if (r < 0)
		return err_wrap(
			err, "cannot import '%s'", from_stdin ? "standard input" : a->input);
	out_printf(&app->out, "%s\n", name);
	return 0;
}

const struct cmd cmd_cache_import = {
	.name = "cache-import",
	.options = import_options,
	.args_size = sizeof(struct import_args),
	.min_args = 1,
	.max_args = 1,
	.flags = CMD_USERNS | CMD_AGAIN | CMD_COLLECT,
	.run = import_run,
};
