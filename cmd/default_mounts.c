/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/default_mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "cmd/conf.h"
#include "run/userns.h"

#define MOUNTS_FILE "/etc/containers/mounts.conf"
#define MOUNTS_FILE_SHARED "/usr/share/containers/mounts.conf"
#define MOUNTS_MAX (64 * KIB) /* some lines of two paths */

/* As buildah: the first that is there, a user's own for who is not root. NULL: none. New string. */
static char *find(const char *said)
{
	AUTO_FREE char *own = userns_is_rootless() ? conf_user_file("mounts.conf") : NULL;
	const char *const places[] = {own, MOUNTS_FILE, MOUNTS_FILE_SHARED};

	if (said)
		return xstrdup(said);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (places[i] && access(places[i], F_OK) == 0)
			return xstrdup(places[i]);
	return NULL;
}

/* A path as a word of --volume has it. */
static void add_volume(struct strv *volumes, const char *source, const char *target)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * (strlen(source) + strlen(target)) + sizeof("::ro"));
	const char *const parts[] = {source, target};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		for (const char *c = parts[i]; *c; c++)
			buf_addf(&b, "%s%c", *c == ':' ? "\\" : "", *c);
		buf_addch(&b, ':');
	}
	buf_addstr(&b, "ro");
	strv_add(volumes, buf_str(&b));
}

/* The names in a directory, sorted; none when it has no link. */
static int list_with_links(const char *dir, struct strv *ret, struct err *err)
{
	const struct dirent *d;
	struct stat st;
	bool links = false;
	DIR *handle = opendir(dir);

	if (!handle)
		return err_sys(err, "cannot list '%s'", dir);
	while ((d = readdir(handle))) {
		if (streq(d->d_name, ".") || streq(d->d_name, ".."))
			continue;
		strv_add(ret, d->d_name);
		links = links ||
		        (fstatat(dirfd(handle), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				S_ISLNK(st.st_mode));
	}
	closedir(handle);
	strv_sort(ret);
	if (!links)
		strv_done(ret);
	return 0;
}

/* A directory is shown as it is, but for links: those would lead to what they name in the step.
 * With one in it each thing is shown by itself, and of a link what it leads to here. */
static int add_source(const char *source, const char *target, struct strv *volumes, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	struct stat st;

	if (stat(source, &st) < 0) {
		log_debug("the default mount '%s' is not there", source);
		return 0;
	}
	if (S_ISDIR(st.st_mode) && list_with_links(source, &names, err) < 0)
		return err->code;
	if (!names.n)
		add_volume(volumes, source, target);
	STRV_FOREACH (name, &names) {
		AUTO_FREE char *from = path_join(source, *name);
		AUTO_FREE char *to = path_join(target, *name);
		if (access(from, F_OK) < 0)
			log_debug("the default mount '%s' leads nowhere", from);
		else
			add_volume(volumes, from, to);
	}
	return 0;
}

int default_mounts_add(const char *said, struct strv *volumes, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_STRV struct strv lines = STRV_INIT;
	struct err why = ERR_INIT;
	AUTO_FREE char *path = find(said);
	size_t n;

	if (!path)
		return 0;
	int r = fs_read_file(AT_FDCWD, path, MOUNTS_MAX, &text, &n, &why);
	if (r < 0 && !said && (r == ERR_NOT_FOUND || why.sys == EACCES))
		return 0;
	if (r < 0) {
		*err = why;
		return err_wrap(err, "option '--default-mounts-file'");
	}
	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		(*line)[strcspn(*line, " \t\r")] = '\0';
		if (!**line || **line == '#')
			continue;
		const char *colon = strchr(*line, ':');
		size_t length = colon ? (size_t)(colon - *line) : strlen(*line);
		AUTO_FREE char *source = xstrndup(*line, length);
		if (*source != '/' || (colon && colon[1] != '/'))
			return err_set(
				err, ERR_INVALID, "%s: '%s' is not /SOURCE[:/TARGET]", path, *line);
		if (add_source(source, colon ? colon + 1 : source, volumes, err) < 0)
			return err_wrap(err, "%s", path);
	}
	return 0;
}
