/* SPDX-License-Identifier: Apache-2.0 */
#include "build/recompress.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/gzip_stream.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/tmp.h"
#include "base/zstd_stream.h"
#include "image/descriptor.h"
#include "image/docker_schema2.h"
#include "image/media_type.h"
#include "layers/chunked.h"
#include "store/blobs.h"
#include "store/layer_size.h"

#include <string.h>

const char *layer_media_type(enum compression c)
{
	switch (c) {
	case COMPRESSION_NONE:
		return MT_OCI_LAYER;
	case COMPRESSION_GZIP:
		return MT_OCI_LAYER_GZIP;
	case COMPRESSION_ZSTD:
		return MT_OCI_LAYER_ZSTD;
	}
	return MT_OCI_LAYER;
}

bool compression_named(const char *name, enum compression *ret)
{
	static const char *const names[] = {
		[COMPRESSION_NONE] = "uncompressed",
		[COMPRESSION_GZIP] = "gzip",
		[COMPRESSION_ZSTD] = "zstd",
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (streq(name, names[i])) {
			*ret = (enum compression)i;
			return true;
		}
	}
	return false;
}

int compression_level(enum compression c, int level)
{
	if (level < 0)
		return -1;
	if (c == COMPRESSION_GZIP)
		return level > 9 ? 3 : (level + 2) / 3;
	return level > 19 ? 19 : level;
}

struct work {
	int from, to;
	const char *type; /* OCI's */
	const struct recompression *how;
};

/* What the job has found out. */
struct packed {
	struct layer layer;
	struct chunked_table table;
};

static struct writer *packer_for(
	const struct recompression *how, struct writer *below, struct chunked_table *table)
{
	switch (how->compression) {
	case COMPRESSION_NONE:
		return NULL;
	case COMPRESSION_GZIP:
		return writer_gzip(below, how->level);
	case COMPRESSION_ZSTD:
		return how->chunked ? writer_chunked(below, how->level, table)
		                    : writer_zstd(below, how->level);
	}
	return NULL;
}

static int recompress(void *arg, struct buf *out, struct err *err)
{
	const struct work *w = arg;
	struct hashed plain, packed;
	hashed_init(&plain, DIGEST_SHA256);
	hashed_init(&packed, DIGEST_SHA256);
	AUTO_READER struct reader *file = reader_from_fd(w->from, "the layer");
	AUTO_READER struct reader *unpacked =
		streq(w->type, MT_OCI_LAYER_GZIP)   ? reader_gunzip(file)
		: streq(w->type, MT_OCI_LAYER_ZSTD) ? reader_unzstd(file)
						    : NULL;
	AUTO_READER struct reader *in = reader_hashed(unpacked ? unpacked : file, &plain);
	AUTO_WRITER struct writer *blob = writer_to_fd(w->to, "the layer's blob");
	AUTO_WRITER struct writer *counted = writer_hashed(blob, &packed);
	struct packed ret = {0};
	AUTO_WRITER struct writer *packer = packer_for(w->how, counted, &ret.table);
	if (stream_copy(in, packer ? packer : counted, NULL, err) < 0 ||
		(packer && writer_finish(packer, err) < 0))
		return err->code;
	ret.layer = (struct layer){.diff_id = hash_final(&plain.hash),
		.diff_size = plain.count,
		.blob = hash_final(&packed.hash),
		.blob_size = packed.count};
	buf_add(out, &ret, sizeof(ret));
	return 0;
}

int layer_recompress(struct store *s, struct descriptor *d, const struct digest *diff_id,
	const struct recompression *how, struct err *err)
{
	char text[DIGEST_STR_MAX];
	AUTO_FD int from = -1;
	AUTO_TMP struct tmp tmp = TMP_INIT;
	AUTO_BUF struct buf out = BUF_INIT(sizeof(struct packed));
	const char *have = media_type_to_oci(d->media_type),
		   *want = layer_media_type(how->compression);
	struct packed got;
	if (!have)
		return err_set(err, ERR_UNSUPPORTED,
			"layer %s: a layer of type '%s' stays as it is",
			digest_str(&d->digest, text), d->media_type);
	if (streq(have, want) && (how->level < 0 || how->compression == COMPRESSION_NONE) &&
		(!how->chunked || chunked_is_annotated(&d->annotations)))
		return 0;
	if (blob_open(s, &d->digest, &from, err) < 0 || blob_begin(s, &tmp, err) < 0)
		return err->code;
	struct work w = {from, tmp.fd, have, how};
	if (job_run(recompress, &w, &out, err) < 0)
		return err_wrap(err, "layer %s", digest_str(&d->digest, text));
	memcpy(&got, out.data, sizeof(got));
	if (!digest_equal(&got.layer.diff_id, diff_id))
		return err_set(err, ERR_CORRUPT,
			"layer %s: its content is not what the config says",
			digest_str(&d->digest, text));
	if (layer_commit(s, &tmp, &got.layer, err) < 0)
		return err->code;
	d->digest = got.layer.blob;
	d->size = got.layer.blob_size;
	chunked_annotate(&d->annotations, got.table.made ? &got.table : NULL);
	mem_replace(&d->media_type,
		xstrdup(media_is_docker(d->media_type) ? media_type_to_docker(want) : want));
	return 0;
}
