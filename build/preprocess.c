/* SPDX-License-Identifier: Apache-2.0 */
#include "build/preprocess.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/build.h"
#include "build/build_internal.h"
#include "build/tool_run.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OUTPUT_MAX (16 * MIB) /* as a Containerfile */
#define ERRORS_MAX (1 * MIB)
#define MINUTES_MAX 5
#define WARNINGS_MAX 20

/* The number of the first line with a directive; 0: none. */
static size_t find_directive(const char *text)
{
	static const char *const directives[] = {"include", "define", "undef", "ifdef", "ifndef",
		"if ", "else", "elif ", "endif", "error"};
	AUTO_STRV struct strv lines = STRV_INIT;
	strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.n; i++)
		for (size_t k = 0; *lines.v[i] == '#' && k < ARRAY_LEN(directives); k++)
			if (str_has_prefix(lines.v[i] + 1, directives[k]))
				return i + 1;
	return 0;
}

static int text_file(const char *text, size_t len, int *ret_fd, struct err *err)
{
	AUTO_FD int fd = memfd_create("Containerfile", MFD_CLOEXEC);
	if (fd < 0 || fs_write_all(fd, text, len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot hand the file to cpp");
	*ret_fd = take_fd(&fd);
	return 0;
}

/* One that cpp cannot go on after is an error. */
static int take_complaints(
	struct build *b, const char *path, const struct buf *errs, struct err *err)
{
	AUTO_STRV struct strv lines = STRV_INIT;
	size_t told = 0;
	strv_split(&lines, buf_str(errs), '\n');
	STRV_FOREACH (line, &lines) {
		for (char *p = *line; *p; p++)
			*p = iscntrl((unsigned char)*p) ? ' ' : *p;
		if (strstr(*line, "fatal error: "))
			return err_set(err, ERR_INVALID, "%s: cpp: %.500s", path, *line);
		/* the places of an error, and not the lines and carets below them */
		if (isspace((unsigned char)**line) || !**line || ++told > WARNINGS_MAX)
			continue;
		strv_addf(&b->result->warnings, "Ignoring %s", *line);
	}
	return 0;
}

int preprocess(struct build *b, const char *path, char **text, size_t *len, struct err *err)
{
	const struct strv *flags = &b->o->cpp_flags;
	AUTO_STRV struct strv argv = STRV_INIT, env = STRV_INIT;
	AUTO_BUF struct buf out = BUF_INIT(OUTPUT_MAX), errs = BUF_INIT(ERRORS_MAX);
	AUTO_FD int in = -1;
	int status = 0;

	size_t line = str_has_suffix(path, ".in") ? find_directive(*text) : 0;
	if (!line && (!flags->n || !str_has_suffix(path, ".in")))
		return 0;
	if (b->remote_context)
		return err_set(err, ERR_UNSUPPORTED,
			"%s:%zu: files from elsewhere are not preprocessed: cpp would include "
			"files of this machine",
			path, line);
	static const char *const words[] = {"cpp", "-E", "-traditional", "-undef"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		strv_add(&argv, words[i]);
	strv_add(&argv, "-iquote");
	strv_add(&argv, "/proc/self/fd/3");
	strv_add(&argv, "-");
	STRV_FOREACH (flag, flags)
		strv_add(&argv, *flag);
	strv_add(&env, "PATH=/usr/local/bin:/usr/bin:/bin");
	strv_add(&env, "LC_ALL=C");
	int r = text_file(*text, *len, &in, err);
	const struct tool cpp = {.name = "cpp",
		.argv = &argv,
		.env = &env,
		.in = in,
		.dirfd = b->context_fd,
		.max_file = OUTPUT_MAX,
		.minutes = MINUTES_MAX};
	if (r == 0)
		r = tool_run(&cpp, &out, &errs, &status, err);
	if (r < 0)
		return err_wrap(err, "%s", path);
	r = take_complaints(b, path, &errs, err);
	if (r == 0 && status && !out.len)
		r = err_set(err, ERR_INVALID, "%s: cpp failed with status %d", path, status);
	if (r < 0)
		return r;
	*len = out.len;
	mem_replace(text, xstrndup(buf_str(&out), out.len));
	return 0;
}
