/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mark.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/config.h"
#include "image/manifest.h"
#include "image/media_type.h"
#include "store/blobs.h"
#include "store/dir_list.h"
#include "store/names.h"
#include "store/records_internal.h"
#include "store/store_internal.h"

#define USES_MAX (1 * MIB)
#define DEPTH_MAX 8

/* Only the system failing is an error: then nothing may be swept. */
static int leads_nowhere(const struct err *e, struct err *err)
{
	if (e->code != ERR_SYS)
		return 0;
	*err = *e;
	return ERR_SYS;
}

static int mark_config(
	struct store *s, struct marks *m, const struct descriptor *d, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct err e = ERR_INIT;
	struct image_config c;
	size_t n;

	if (!digest_set_add(&m->blobs, &d->digest) || media_kind(d->media_type) != MEDIA_CONFIG)
		return 0;
	if (blob_read(s, d, CONFIG_MAX, &text, &n, &e) < 0 ||
		image_config_parse(text, n, &c, &e) < 0)
		return leads_nowhere(&e, err);
	for (size_t i = 0; i < c.n_diff_ids; i++)
		digest_set_add(&m->trees, &c.diff_ids[i]);
	image_config_done(&c);
	return 0;
}

static int mark_document(struct store *s, struct marks *m, const struct descriptor *d,
	unsigned depth, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct err e = ERR_INIT;
	size_t n;
	int kind, r = 0;

	if (depth > DEPTH_MAX || !digest_set_add(&m->blobs, &d->digest))
		return 0;
	if (blob_read(s, d, MANIFEST_MAX, &text, &n, &e) < 0 ||
		document_kind(text, n, d->media_type, &kind, &e) < 0)
		return leads_nowhere(&e, err);
	if (kind == MEDIA_INDEX) {
		struct index ix;
		if (index_parse(text, n, d->media_type, &ix, &e) < 0)
			return leads_nowhere(&e, err);
		for (size_t i = 0; r == 0 && i < ix.n_manifests; i++)
			r = mark_document(s, m, &ix.manifests[i], depth + 1, err);
		index_done(&ix);
	} else if (kind == MEDIA_MANIFEST) {
		struct manifest man;
		if (manifest_parse(text, n, d->media_type, &man, &e) < 0)
			return leads_nowhere(&e, err);
		for (size_t i = 0; i < man.n_layers; i++)
			digest_set_add(&m->blobs, &man.layers[i].digest);
		r = mark_config(s, m, &man.config, err);
		manifest_done(&man);
	}
	return r;
}

int mark_image(struct store *s, struct marks *m, const struct descriptor *d, struct err *err)
{
	return mark_document(s, m, d, 0, err);
}

int mark_names(struct store *s, struct marks *m, const struct names *names, struct err *err)
{
	for (size_t i = 0; i < names->count; i++) {
		int r = mark_image(s, m, &names->n[i].manifest, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void mark_record(struct marks *m, const struct record *r)
{
	if (!r->has_layer)
		return;
	digest_set_add(&m->trees, &r->layer.diff_id);
	if (!digest_is_zero(&r->layer.blob))
		digest_set_add(&m->blobs, &r->layer.blob);
}

int mark_records(struct store *s, struct marks *m, const struct digest_set *gone, struct err *err)
{
	AUTO_STRV struct strv files = STRV_INIT;
	int r = dir_list(s->fd, STEPS_DIR, &files, err);
	STRV_FOREACH (file, &files) {
		struct err e = ERR_INIT;
		struct digest key;
		struct record rec;
		if (r < 0)
			break;
		if (gone && digest_parse_hex(*file, &key) && digest_set_has(gone, &key))
			continue;
		if (record_read(s, *file, &rec, &e) < 0) {
			r = leads_nowhere(&e, err);
			continue;
		}
		mark_record(m, &rec);
		record_done(&rec);
	}
	return r;
}

static int mark_use(struct store *s, struct marks *m, const char *line, struct err *err)
{
	struct err ignored = ERR_INIT;
	struct descriptor d = {0};
	if (digest_parse(line, &d.digest, &ignored) < 0)
		return 0;
	digest_set_add(&m->trees, &d.digest);
	if (!blob_has(s, &d.digest, &d.size))
		return 0;
	/* of what kind it is, the document says */
	return mark_image(s, m, &d, err);
}

int mark_container(struct store *s, struct marks *m, const char *id, struct err *err)
{
	AUTO_FREE char *path = xasprintf(CONTAINERS_DIR "/%s/uses", id), *text = NULL;
	AUTO_STRV struct strv lines = STRV_INIT;
	struct err e = ERR_INIT;
	int r = fs_read_plain(s->fd, path, USES_MAX, &text, NULL, &e);
	if (r == ERR_NOT_FOUND)
		return 0;
	if (r < 0) {
		*err = e;
		return r;
	}
	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines)
		if (r == 0)
			r = mark_use(s, m, *line, err);
	return r;
}

int mark_containers(struct store *s, struct marks *m, struct err *err)
{
	AUTO_STRV struct strv ids = STRV_INIT;
	int r = dir_list(s->fd, CONTAINERS_DIR, &ids, err);
	STRV_FOREACH (id, &ids)
		if (r == 0)
			r = mark_container(s, m, *id, err);
	return r;
}

void marks_done(struct marks *m)
{
	digest_set_done(&m->blobs);
	digest_set_done(&m->trees);
}
