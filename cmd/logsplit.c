/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/logsplit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/platform.h"

#define LINE_MAX_BYTES (64 * KIB) /* a longer one is written in parts */

struct part {
	char *prefix; /* "[linux/arm64] "; "": what no other takes */
	int fd;
};

struct logsplit {
	struct part *parts; /* the last one has no prefix */
	size_t n;
	struct buf line; /* what is not complete yet */
	int failed; /* errno of the first write that failed */
};

static void put_line(struct logsplit *l)
{
	struct part *p = l->parts;
	while (!str_has_prefix(buf_str(&l->line), p->prefix))
		p++;
	if (!l->failed && fs_write_all(p->fd, buf_str(&l->line), l->line.len) < 0)
		l->failed = errno;
	buf_clear(&l->line);
}

static ssize_t logsplit_write(void *cookie, const char *data, size_t n)
{
	struct logsplit *l = cookie;
	for (size_t i = 0; i < n; i++) {
		buf_addch(&l->line, data[i]);
		if (data[i] == '\n' || l->line.len == LINE_MAX_BYTES)
			put_line(l);
	}
	return (ssize_t)n;
}

static int logsplit_close(void *cookie)
{
	struct logsplit *l = cookie;
	if (l->line.len)
		put_line(l);
	int failed = l->failed;
	for (size_t i = 0; i < l->n; i++) {
		if (close(l->parts[i].fd) < 0 && !failed)
			failed = errno;
		free(l->parts[i].prefix);
	}
	free(l->parts);
	buf_done(&l->line);
	free(l);
	errno = failed;
	return failed ? -1 : 0;
}

static int add_part(struct logsplit *l, const char *path, const struct platform *p,
	const char *prefix, struct err *err)
{
	AUTO_FREE char *name = p ? xasprintf("%s_%s_%s%s%s", path, p->os, p->arch,
					   *p->variant ? "_" : "", p->variant)
	                         : xstrdup(path);
	int fd = open(name, LOGFILE_FLAGS, 0600);
	if (fd < 0)
		return err_sys(err, "option '--logfile': cannot open '%s'", name);
	l->parts = xreallocarray(l->parts, l->n + 1, sizeof(*l->parts));
	l->parts[l->n++] = (struct part){.prefix = xstrdup(prefix), .fd = fd};
	return 0;
}

FILE *logsplit_open(const char *path, const struct platform_list *platforms, struct err *err)
{
	struct logsplit *l = xcalloc(1, sizeof(*l));
	struct platform host;
	bool several = platforms->n > 1;
	int rc = 0;
	buf_init(&l->line, LINE_MAX_BYTES + 1);
	for (size_t i = 0; i < platforms->n && several && rc == 0; i++) {
		char text[100];
		AUTO_FREE char *prefix = xasprintf("[%s] ", platform_str(&platforms->p[i], text));
		rc = add_part(l, path, &platforms->p[i], prefix, err);
	}
	platform_host(&host);
	const struct platform *one = platforms->n ? platforms->p : &host;
	if (rc == 0)
		rc = add_part(l, path, several ? NULL : one, "", err);
	FILE *f = rc < 0 ? NULL
	                 : fopencookie(l, "a",
				   (cookie_io_functions_t){
					   .write = logsplit_write, .close = logsplit_close});
	if (!f)
		(void)logsplit_close(l);
	return f;
}
