/* SPDX-License-Identifier: Apache-2.0 */
#include "build/output_file.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int output_file_open(struct output_file *f, const char *dest, struct err *err)
{
	struct stat st;
	f->name = streq(dest, "-") ? "standard output" : dest;
	if (streq(dest, "-")) {
		f->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		return f->fd < 0 ? err_sys(err, "cannot use standard output") : 0;
	}
	if (stat(dest, &st) == 0 && !S_ISREG(st.st_mode)) {
		f->fd = open(dest, O_WRONLY | O_CLOEXEC);
		return f->fd < 0 ? err_sys(err, "cannot write to '%s'", dest) : 0;
	}
	AUTO_FREE char *dir = path_dir(dest);
	f->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0)
		return err_sys(err, "cannot open '%s'", dir);
	if (tmp_open_nameless(&f->tmp, f->dir, 0644, err) < 0)
		return err_wrap(err, "cannot write to '%s'", dest);
	f->fd = f->tmp.fd;
	f->base = xstrdup(path_base(dest));
	return 0;
}

int output_file_publish(struct output_file *f, struct err *err)
{
	return f->base ? tmp_publish(&f->tmp, f->dir, f->base, false, err) : 0;
}

void output_file_done(struct output_file *f)
{
	if (!f->base && f->fd >= 0)
		close(f->fd);
	tmp_done(&f->tmp);
	mem_close_p(&f->dir);
	free(f->base);
}
