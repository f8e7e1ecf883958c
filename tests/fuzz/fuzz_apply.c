/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes unpacked as a layer: nothing outside the directory changes, and a layer that was
 * unpacked verifies as clean. */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/strv.h"
#include "layers/apply.h"
#include "layers/verify.h"
#include "tests/fuzz/tar_checksums.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int outer = -1;
static char outer_path[] = "/dev/shm/mica-fuzz-apply-XXXXXX";

static void remove_outer(void)
{
	struct err err = ERR_INIT;
	(void)!fs_remove_tree(AT_FDCWD, outer_path, &err);
}

static void prepare(void)
{
	struct err err = ERR_INIT;
	if (!mkdtemp(outer_path) ||
		(outer = open(outer_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
		fs_write_file(outer, "marker", "intact", 6, 0600, false, &err) < 0)
		abort();
	atexit(remove_outer);
}

static void check_marker(void)
{
	struct err err = ERR_INIT;
	struct stat st;
	AUTO_FREE char *text = NULL;
	if (fs_read_file(outer, "marker", 100, &text, NULL, &err) < 0 || !streq(text, "intact") ||
		fstatat(outer, "marker", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		(st.st_mode & 07777) != 0600 || st.st_nlink != 1 || st.st_uid)
		abort();
	if (fstat(outer, &st) < 0 || st.st_nlink != 3) /* ".", its name and "root" */
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	AUTO_FREE uint8_t *fixed = with_checksums(data, size);
	if (outer < 0)
		prepare();
	if (mkdirat(outer, "root", 0755) < 0)
		abort();
	AUTO_FD int root = openat(outer, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct apply_opts opts = {.limits = {.max_entries = 1000, .max_bytes = 1 << 24}};
	if (size && data[size - 1] & 1)
		opts.flags = APPLY_PLAIN;
	AUTO_READER struct reader *in = reader_from_mem(fixed, size);
	int code = layer_apply(in, root, &opts, NULL, &err);
	check_marker();
	if (code == 0 && !opts.flags) {
		AUTO_STRV struct strv problems = STRV_INIT;
		AUTO_READER struct reader *again = reader_from_mem(fixed, size);
		if (layer_verify(again, root, &problems, &err) < 0 || problems.n) {
			fprintf(stderr, "%s\n", problems.n ? problems.v[0] : err.msg);
			abort();
		}
	}
	if (fs_remove_tree(outer, "root", &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	return 0;
}
