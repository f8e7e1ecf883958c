/* SPDX-License-Identifier: Apache-2.0 */
/* import: an image of a tar. It is the build "FROM scratch, ADD the tar", followed by what --change
 * says, and so has the same checks, compressions and confinement. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/room.h"
#include "cmd/build_args.h"
#include "cmd/cmd.h"
#include "cmd/full_disk.h"
#include "cmd/spool.h"

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

/* What could be said of the file is for nobody: the user has not written it. */
static int write_file(
	const struct import_args *a, const char *dir, const char *source, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(CHANGES_MAX);
	AUTO_FREE char *path = xasprintf("%s/Containerfile", dir);

	if (is_url(source) && strpbrk(source, " \t\r\n\\$\"'"))
		return err_set(err, ERR_INVALID, "'%s' is no address", source);
	buf_addstr(&b, "# check=skip=all\nFROM scratch\n");
	if (is_url(source))
		buf_addf(&b, "ADD --unpack=true %s /\n", source);
	else
		buf_addstr(&b, "ADD archive /\n");
	STRV_FOREACH (line, &a->changes) {
		if (!may_change(*line))
			return err_set(err, ERR_INVALID,
				"option '--change': '%s' is not one of CMD, ENTRYPOINT, ENV, "
				"EXPOSE, "
				"HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME, "
				"WORKDIR",
				*line);
		add_change(&b, *line);
	}
	if (b.toobig)
		return err_set(
			err, ERR_LIMIT, "option '--change': more than %llu bytes", CHANGES_MAX);
	return fs_write_file(AT_FDCWD, path, buf_str(&b), b.len, 0600, false, err);
}

static int take_archive(const char *source, struct spool *to, struct err *err)
{
	if (is_url(source))
		return 0;
	if (streq(source, "-"))
		return spool_fill(to, STDIN_FILENO, "standard input", err);
	AUTO_FD int fd = open(source, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", source);
	return spool_fill(to, fd, source, err);
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

/* A build tells of a Containerfile, which whoever imports has never seen. */
static int tell(const char *source, struct err *err)
{
	static const char place[] = "Containerfile:", what[] = "ADD: cannot unpack 'archive': ";
	const char *text = err->msg;

	err->msg[strcspn(err->msg, "\n")] = '\0'; /* the lines of the file */
	if (str_has_prefix(text, place)) {
		text += strlen(place);
		text += strspn(text, "0123456789:");
		text += strspn(text, " ");
	}
	bool archive = str_has_prefix(text, what);
	AUTO_FREE char *plain = xstrdup(text + (archive ? strlen(what) : 0));
	const int sys = err->sys;
	(void)err_set(err, err->code, "%s", plain);
	err->sys = sys;
	return archive ? err_wrap(err, "import: cannot unpack '%s'",
				 streq(source, "-") ? "standard input" : source)
	               : err_wrap(err, "import");
}

static int build(struct app *app, const struct import_args *a, const char *dir, const char *name,
	struct err *err)
{
	AUTO_FREE struct build_args *args = xcalloc(1, cmd_build.args_size);
	AUTO_STRV struct strv words = STRV_INIT, rest = STRV_INIT;

	strv_addf(&words, "--file=%s/Containerfile", dir);
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
	strv_add(&words, dir);
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

static int import(struct app *app, const struct import_args *a, const char *dir,
	const struct strv *rest, const struct spool *archive, struct err *err)
{
	struct stat st = {0};

	if (stat(archive->path, &st) < 0)
		st.st_size = 0; /* it is elsewhere */
	if (build(app, a, dir, rest->n > 1 ? rest->v[1] : NULL, err) == 0)
		return 0;
	(void)tell(rest->v[0], err);
	tell_room(app, (uint64_t)st.st_size, err);
	return err->code;
}

static int import_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct import_args *a = args;
	AUTO_SPOOL struct spool spool = {0};
	const char *source = rest->v[0];

	if (streq(source, "-") && isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID,
			"refusing to read an archive from a terminal: name a file or use a pipe");
	int r = spool_open(app, &spool, err);
	if (r < 0)
		return r;
	AUTO_FREE char *dir = xstrndup(spool.path, (size_t)(strrchr(spool.path, '/') - spool.path));
	r = take_archive(source, &spool, err);
	if (r == 0)
		r = write_file(a, dir, source, err);
	return r == 0 ? import(app, a, dir, rest, &spool, err) : r;
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
