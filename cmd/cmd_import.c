/* SPDX-License-Identifier: Apache-2.0 */
/* import: an image of a tar. It is the build "FROM scratch, ADD the tar", followed by what --change
 * says, and so has the same checks, compressions and confinement. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/room.h"
#include "cmd/build_args.h"
#include "cmd/cmd.h"
#include "cmd/full_disk.h"
#include "cmd/spool.h"
#include "layers/apply.h"

#define CHANGES_MAX (1 * MIB) /* of a Containerfile */

struct import_args {
	struct strv changes;
	const char *message, *os, *arch, *variant, *platform, *layer_ratio;
	bool quiet;
};

static const struct opt import_options[] = {
	OPT_STRING(0, "arch", struct import_args, arch),
	OPT_STRV('c', "change", struct import_args, changes),
	OPT_STRING(0, "layer-ratio", struct import_args, layer_ratio),
	OPT_STRING('m', "message", struct import_args, message),
	OPT_STRING(0, "os", struct import_args, os),
	OPT_STRING(0, "platform", struct import_args, platform),
	OPT_BOOL('q', "quiet", struct import_args, quiet),
	OPT_STRING(0, "variant", struct import_args, variant),
	OPT_END,
};

static bool is_url(const char *text)
{
	return str_has_prefix(text, "http://") || str_has_prefix(text, "https://");
}

/* What only changes the config, as docker has it. */
static bool may_change(const char *line)
{
	static const char *const words[] = {"CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK",
		"LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME",
		"WORKDIR"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);
		if (strncasecmp(line, words[i], n) == 0 && (line[n] == ' ' || line[n] == '='))
			return !strpbrk(line, "\r\n");
	}
	return false;
}

/* "CMD=x" is podman's other way to write "CMD x". */
static void add_change(struct buf *b, const char *line)
{
	size_t n = strcspn(line, " =");

	buf_addf(b, "%.*s %s\n", (int)n, line, line + n + (line[n] != '\0'));
}

/* Where the build finds the archive: the name of a file in a directory, of which the build sees
 * nothing else. */
struct place {
	char *dir, *name; /* name NULL: it is elsewhere */
	uint64_t size;
	bool empty; /* an archive of no files */
	struct spool spool; /* of what can be read only once */
};

static void place_done(struct place *p)
{
	free(p->dir);
	free(p->name);
	spool_done(&p->spool);
}
#define AUTO_PLACE __attribute__((cleanup(place_done)))

/* Has it no character that means something in a Containerfile or a .dockerignore? */
static bool is_plain(const char *name)
{
	return strspn(name,
		       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+=,~") ==
	       strlen(name);
}

/* false: it is no file that can be read again and again where it is. */
static bool place_file(const char *path, struct place *p)
{
	struct stat st;
	AUTO_FREE char *real = realpath(path, NULL);

	if (!real || stat(real, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	AUTO_FREE char *dir = path_dir(real);
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !is_plain(path_base(real)))
		return false;
	p->size = (uint64_t)st.st_size;
	p->name = xstrdup(path_base(real));
	p->dir = take(dir);
	return true;
}

static int place_find(struct app *app, const char *source, struct place *p, struct err *err)
{
	bool pipe = streq(source, "-");

	if (is_url(source)) {
		p->dir = xstrdup("/");
		return 0;
	}
	if (!pipe && place_file(source, p))
		return 0;
	AUTO_FD int fd = pipe ? -1 : open(source, O_RDONLY | O_CLOEXEC);
	if (!pipe && fd < 0)
		return err_sys(err, "cannot open '%s'", source);
	int r = spool_open(app, &p->spool, err);
	if (r == 0)
		r = spool_fill(
			&p->spool, pipe ? STDIN_FILENO : fd, pipe ? "standard input" : source, err);
	if (r == 0 && !place_file(p->spool.path, p))
		r = err_sys(err, "cannot use '%s'", p->spool.path);
	return r;
}

static int place_check(struct place *p, struct err *err)
{
	AUTO_FREE char *path = p->name ? path_join(p->dir, p->name) : NULL;
	AUTO_FD int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (!path)
		return 0;
	if (fd < 0)
		return err_sys(err, "cannot open it");
	return p->size ? archive_begin(fd, &p->empty, err)
	               : err_set(err, ERR_INVALID, "there is nothing in it");
}

/* What could be said of the file is for nobody: the user has not written it. */
static int make_file(const struct import_args *a, const char *source, const struct place *p,
	struct buf *b, struct err *err)
{
	if (is_url(source) && strpbrk(source, " \t\r\n\\$\"'"))
		return err_set(err, ERR_INVALID, "'%s' is no address", source);
	buf_addstr(b, "# check=skip=all\nFROM scratch\n");
	if (p->name && !p->empty)
		buf_addf(b, "ADD /%s /\n", p->name);
	else if (!p->name)
		buf_addf(b, "ADD --unpack=true %s /\n", source);
	STRV_FOREACH (line, &a->changes) {
		if (!may_change(*line))
			return err_set(err, ERR_INVALID,
				"option '--change': '%s' is not one of CMD, ENTRYPOINT, ENV, "
				"EXPOSE, "
				"HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME, "
				"WORKDIR",
				*line);
		add_change(b, *line);
	}
	return b->toobig ? err_set(err, ERR_LIMIT, "option '--change': more than %llu bytes",
				   CHANGES_MAX)
	                 : 0;
}

/* A file of this text, which has no name but that of its descriptor. */
static int open_text(const char *text, int *ret, char **ret_path, struct err *err)
{
	AUTO_FD int fd = memfd_create("import", MFD_CLOEXEC);

	if (fd < 0 || fs_write_all(fd, text, strlen(text)) < 0)
		return err_sys(err, "cannot write a file in memory");
	*ret_path = xasprintf("/proc/self/fd/%d", fd);
	*ret = take_fd(&fd);
	return 0;
}

/* What is free when all is as it was, and that it does not suffice: the step that failed knows only
 * of the block that it could not have. */
static void tell_room(struct app *app, uint64_t archive, struct err *err)
{
	static const char free_in[] = " bytes are free in '", at_least[] = "', at least ";

	if (!err_is_sys(err, ENOSPC))
		return;
	full_disk_clear(app, err);
	AUTO_FREE char *said = xstrdup(err->msg);
	char *path = strstr(said, free_in), *end = path ? strstr(path, at_least) : NULL;
	char *number = path ? memrchr(said, '(', (size_t)(path - said)) : NULL;
	uint64_t now = full_disk_room(app);
	if (number && end && now != ROOM_ANY) {
		*number = *end = '\0';
		path += strlen(free_in);
		(void)err_set(err, ERR_SYS, "%s(%llu%s%s%s%llu are needed)", said,
			(unsigned long long)now, free_in, path, at_least,
			(unsigned long long)(archive > now ? archive : now + 1));
		err->sys = ENOSPC;
	}
	size_t n = strlen(err->msg);
	(void)snprintf(err->msg + n, sizeof(err->msg) - n,
		": make room with 'mica prune', or name another store with '--root'");
}

static int blame(const char *source, struct err *err)
{
	return err_wrap(
		err, "import: cannot unpack '%s'", streq(source, "-") ? "standard input" : source);
}

/* A build tells of a Containerfile, which whoever imports has never seen. */
static int tell(const char *source, const char *file, const struct place *p, struct err *err)
{
	AUTO_FREE char *what = xasprintf("ADD: cannot unpack '%s': ", p->name ? p->name : "");
	const char *text = err->msg;

	err->msg[strcspn(err->msg, "\n")] = '\0'; /* the lines of the file */
	if (str_has_prefix(text, file)) {
		text += strlen(file);
		text += strspn(text, "0123456789:");
		text += strspn(text, " ");
	}
	bool archive = str_has_prefix(text, what);
	AUTO_FREE char *plain = xstrdup(text + (archive ? strlen(what) : 0));
	const int sys = err->sys;
	(void)err_set(err, err->code, "%s", plain);
	err->sys = sys;
	return archive ? blame(source, err) : err_wrap(err, "import");
}

static int build(struct app *app, const struct import_args *a, const struct place *p,
	const char *file, const char *ignore, const char *name, struct err *err)
{
	AUTO_FREE struct build_args *args = xcalloc(1, cmd_build.args_size);
	AUTO_STRV struct strv words = STRV_INIT, rest = STRV_INIT;

	strv_addf(&words, "--file=%s", file);
	strv_addf(&words, "--ignorefile=%s", ignore);
	if (a->quiet)
		strv_add(&words, "--quiet");
	if (name)
		strv_addf(&words, "--tag=%s", name);
	if (a->os)
		strv_addf(&words, "--os=%s", a->os);
	if (a->arch)
		strv_addf(&words, "--arch=%s", a->arch);
	if (a->variant)
		strv_addf(&words, "--variant=%s", a->variant);
	if (a->platform)
		strv_addf(&words, "--platform=%s", a->platform);
	if (a->layer_ratio)
		strv_addf(&words, "--layer-ratio=%s", a->layer_ratio);
	strv_add(&words, p->dir);
	cmd_build.init(args);
	int r = opt_parse(cmd_build.options, args, "mica import", (int)words.n, strv_argv(&words),
		0, &rest, err);
	args->no_steps = true;
	args->comment = a->message;
	if (r == 0)
		r = cmd_build.run(app, args, &rest, err);
	opt_done(cmd_build.options, args);
	return r;
}

static int import(struct app *app, const struct import_args *a, const struct place *p,
	const struct strv *rest, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT(CHANGES_MAX);
	AUTO_FREE char *file = NULL, *ignore = NULL;
	AUTO_FREE char *rules = xasprintf("*\n%s%s\n", p->name ? "!" : "", p->name ? p->name : "");
	AUTO_FD int file_fd = -1, ignore_fd = -1;

	if (make_file(a, rest->v[0], p, &text, err) < 0 ||
		open_text(buf_str(&text), &file_fd, &file, err) < 0 ||
		open_text(rules, &ignore_fd, &ignore, err) < 0)
		return err->code;
	if (build(app, a, p, file, ignore, rest->n > 1 ? rest->v[1] : NULL, err) == 0)
		return 0;
	(void)tell(rest->v[0], file, p, err);
	tell_room(app, p->size, err);
	return err->code;
}

static int import_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	AUTO_PLACE struct place place = {0};

	if (streq(rest->v[0], "-") && isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID,
			"refusing to read an archive from a terminal: name a file or use a pipe");
	if (place_find(app, rest->v[0], &place, err) < 0)
		return err->code;
	return place_check(&place, err) == 0 ? import(app, args, &place, rest, err)
	                                     : blame(rest->v[0], err);
}

const struct cmd cmd_import = {
	.name = "import",
	.options = import_options,
	.args_size = sizeof(struct import_args),
	.min_args = 1,
	.max_args = 2,
	.flags = CMD_USERNS | CMD_AGAIN | CMD_COLLECT,
	.run = import_run,
};
