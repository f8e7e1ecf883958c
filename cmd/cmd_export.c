/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/stream.h"
#include "build/container_tree.h"
#include "build/output_file.h"
#include "cmd/cmd.h"
#include "cmd/container_args.h"
#include "layers/diff.h"
#include "layers/snapshot.h"
#include "store/container_share.h"

struct export_args {
	const char *output;
};

static const struct opt export_options[] = {
	OPT_STRING('o', "output", struct export_args, output),
	OPT_END,
};

static int write_tree(struct container_use *u, const struct output_file *file, struct err *err)
{
	AUTO_CONTAINER_TREE struct container_tree tree = {.upper = -1, .work = -1, .merged = -1};
	AUTO_WRITER struct writer *out = writer_to_output(file->fd, file->name);
	AUTO_CONTAINER_PAUSE struct container_pause pause = {0};
	AUTO_FD int mounted = -1;
	const struct diff_opts as_it_is = {.level = -1};

	int r = container_tree_open(u->s, u->t, &u->c, &tree, err);
	if (r == 0)
		r = snapshot_mount(&tree.snap, &mounted, err);
	if (r < 0)
		return r;
	if (!u->c.alone)
		container_pause(&u->c, &pause);
	const struct tree_part part = {.dir = mounted};
	r = tree_archive(&part, 1, &as_it_is, out, err);
	(void)close(take_fd(&mounted));
	if (r == 0)
		r = container_tree_settle(&tree, err);
	snapshot_end();
	return r;
}

static int export_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct export_args *a = args;
	AUTO_CONTAINER_USE struct container_use u = CONTAINER_USE_INIT;
	AUTO_OUTPUT_FILE struct output_file file = OUTPUT_FILE_INIT;
	const char *output = a->output ? a->output : "-";

	if (streq(output, "-") && app->out.out_tty)
		return err_set(err, ERR_INVALID,
			"refusing to write an archive to a terminal: use --output or a pipe");
	int r = container_look(app, rest->v[0], CONTAINER_BESIDE, &u, err);
	if (r == 0)
		r = output_file_open(&file, output, err);
	if (r == 0)
		r = write_tree(&u, &file, err);
	return r < 0 ? r : output_file_publish(&file, err);
}

const struct cmd cmd_export = {
	.name = "export",
	.options = export_options,
	.args_size = sizeof(struct export_args),
	.min_args = 1,
	.max_args = 1,
	.flags = CMD_USERNS,
	.run = export_run,
};
