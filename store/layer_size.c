/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layer_size.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "layers/layer.h"
#include "store/blobs.h"
#include "store/images.h"
#include "store/store_internal.h"

#define FILE_NAME "cache/sizes"
#define FILE_MAX (1 * MIB) /* some 12,000 lines; more, and it begins anew */
#define LINE_LENGTH_MAX (DIGEST_STR_MAX + 24)

/* What the blob itself tells: RFC 1952, 2.3.1, ISIZE. Of several members that is the last one's,
 * which mostly is too little to be true. */
static uint64_t told_size(struct store *s, const struct digest *d, uint64_t blob_size)
{
	AUTO_FD int fd = -1;
	struct err ignored = ERR_INIT;
	uint8_t magic[2], isize[4];

	if (blob_size < sizeof(isize) || blob_open(s, d, &fd, &ignored) < 0 ||
		pread(fd, magic, sizeof(magic), 0) != sizeof(magic) || magic[0] != 0x1f ||
		magic[1] != 0x8b ||
		pread(fd, isize, sizeof(isize), (off_t)(blob_size - sizeof(isize))) !=
			sizeof(isize))
		return blob_size;
	uint64_t told = isize[0] | isize[1] << 8 | isize[2] << 16 | (uint64_t)isize[3] << 24;
	return told < blob_size / 2 ? blob_size : told;
}

/* The lines as they are now; "" when there are none. */
static const char *lines(struct store *s)
{
	struct err ignored = ERR_INIT;
	size_t n;

	if (!s->sizes && fs_read_plain(s->fd, FILE_NAME, FILE_MAX, &s->sizes, &n, &ignored) < 0)
		s->sizes = xstrdup("");
	return s->sizes;
}

static bool noted_size(struct store *s, const struct digest *diff_id, uint64_t *ret)
{
	char hex[DIGEST_STR_MAX];
	const char *at = strstr(lines(s), digest_hex(diff_id, hex));

	if (!at || at[strlen(hex)] != ' ')
		return false;
	at += strlen(hex) + 1;
	AUTO_FREE char *number = xstrndup(at, strcspn(at, "\n"));
	return num_u64(number, UINT64_MAX, ret);
}

void layer_size_note(struct store *s, const struct layer *l)
{
	char hex[DIGEST_STR_MAX], line[LINE_LENGTH_MAX];
	struct err why = ERR_INIT;
	struct stat st;
	uint64_t known;

	if (told_size(s, &l->blob, l->blob_size) == l->diff_size ||
		noted_size(s, &l->diff_id, &known))
		return;
	int n = snprintf(line, sizeof(line), "%s %llu\n", digest_hex(&l->diff_id, hex),
		(unsigned long long)l->diff_size);
	if (store_make_cache(s, CACHE_DIR, &why) < 0)
		log_debug("%s", why.msg);
	AUTO_FD int fd = fs_open_plain(s->fd, FILE_NAME, O_WRONLY | O_CREAT | O_APPEND, 0600);
	/* a line is one write at the end: those of several processes do not mix */
	if (fd < 0 || fstat(fd, &st) < 0 ||
		((uint64_t)st.st_size > FILE_MAX - sizeof(line) && ftruncate(fd, 0) < 0) ||
		fs_write_all(fd, line, (size_t)n) < 0)
		log_debug("cannot write '" FILE_NAME "'");
	free(take(s->sizes));
}

int layer_commit(struct store *s, struct tmp *t, const struct layer *l, struct err *err)
{
	int r = blob_commit(s, t, &l->blob, err);
	if (r == 0)
		layer_size_note(s, l);
	return r;
}

uint64_t layer_size(struct store *s, const struct descriptor *blob, const struct digest *diff_id)
{
	uint64_t size;
	return noted_size(s, diff_id, &size) ? size : told_size(s, &blob->digest, blob->size);
}

uint64_t image_size(struct store *s, const struct image *i)
{
	uint64_t sum = i->manifest_desc.size + i->manifest.config.size;
	for (size_t l = 0; l < i->manifest.n_layers; l++)
		sum += layer_size(s, &i->manifest.layers[l], &i->config.diff_ids[l]);
	return sum;
}
