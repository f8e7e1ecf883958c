/* SPDX-License-Identifier: Apache-2.0 */
/* import: an image of a tar. It is the build "FROM scratch, ADD the tar", followed by what --change
 * says, and so has the same checks, compressions and confinement. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/spool.h"

#define CHANGES_MAX (1 * MIB) /* of a Containerfile */

struct import_args {
	struct strv changes;
	const char *os, *arch, *variant, *platform, *layer_ratio;
	bool quiet;
};

static const struct opt import_options[] = {
	OPT_STRING(0, "arch", struct import_args, arch),
	OPT_STRV('c', "change", struct import_args, changes),
	OPT_STRING(0, "layer-ratio", struct import_args, layer_ratio),
	OPT_STRING(0, "os", struct import_args, os),
	OPT_STRING(0, "platform", struct import_args, platform),
	OPT_BOOL('q', "quiet", struct import_args, quiet),
	OPT_STRING(0, "variant", struct import_args, variant),
	OPT_REFUSED_WHY('m', "message", "the history says how the image was made"),
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

static int write_file(
	const struct import_args *a, const char *dir, const char *source, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(CHANGES_MAX);
	AUTO_FREE char *path = xasprintf("%s/Containerfile", dir);

	if (is_url(source) && strpbrk(source, " \t\r\n\\$\"'"))
		return err_set(err, ERR_INVALID, "'%s' is no address", source);
	if (is_url(source))
		buf_addf(&b, "FROM scratch\nADD --unpack=true %s /\n", source);
	else
		buf_addf(&b, "FROM scratch\nADD archive /\n");
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

static int build(struct app *app, const struct import_args *a, const char *dir, const char *name,
	struct err *err)
{
	AUTO_FREE void *args = xcalloc(1, cmd_build.args_size);
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
	if (r == 0)
		r = cmd_build.run(app, args, &rest, err);
	opt_done(cmd_build.options, args);
	return r;
}

static int import_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct import_args *a = args;
	AUTO_SPOOL struct spool spool = {0};
	const char *source = rest->v[0];

	if (streq(source, "-") && isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID,
			"refusing to read an archive from a terminal: name a file or use a pipe");
	int r = spool_open(app->conf.copy_tmp_dir, &spool, err);
	if (r < 0)
		return r;
	AUTO_FREE char *dir = xstrndup(spool.path, (size_t)(strrchr(spool.path, '/') - spool.path));
	r = take_archive(source, &spool, err);
	if (r == 0)
		r = write_file(a, dir, source, err);
	if (r == 0)
		r = build(app, a, dir, rest->n > 1 ? rest->v[1] : NULL, err);
	AUTO_FREE char *file = xasprintf("%s/Containerfile", dir);
	(void)unlink(file);
	return r;
}

const struct cmd cmd_import = {
	.name = "import",
	.options = import_options,
	.args_size = sizeof(struct import_args),
	.min_args = 1,
	.max_args = 2,
	.flags = CMD_USERNS | CMD_COLLECT,
	.run = import_run,
};
