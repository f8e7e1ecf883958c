/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "image/config.h"
#include "image/media_type.h"
#include "registry/fetch.h"
#include "registry/pull_internal.h"
#include "registry/sealed.h"
#include "registry/source.h"
#include "registry/verify.h"
#include "store/blobs.h"
#include "store/origins.h"
#include "store/store.h"

int pull_check_signatures(struct pull *p, const struct document *doc, struct err *err)
{
	AUTO_STRV struct strv signatures = STRV_INIT;
	if (!p->trust->demands.n)
		return 0;
	bool top = digest_equal(&doc->desc.digest, &p->top);
	if (p->source->ops->signatures &&
		p->source->ops->signatures(p->source, doc, top, &signatures, err) < 0)
		return err->code;
	return verify_manifest(p->store, p->txn, p->trust, &signatures, doc->data, doc->len, err);
}

int pull_keep_document(struct pull *p, const struct document *doc, struct err *err)
{
	struct digest ignored;
	if (!blob_has(p->store, &doc->desc.digest, NULL))
		p->pulled->fetched = true;
	return blob_put_as(p->store, doc->desc.digest.alg, doc->data, doc->len, &ignored, err);
}

/* A config, whole in memory: it is at most CONFIG_MAX. *ret_data: the caller's. */
static int get_config(struct pull *p, const struct descriptor *d, char **ret_data, size_t *ret_len,
	struct err *err)
{
	char want[DIGEST_STR_MAX], have[DIGEST_STR_MAX];
	if (d->size > CONFIG_MAX)
		return err_set(err, ERR_LIMIT, "config is larger than %llu bytes", CONFIG_MAX);
	if (blob_has(p->store, &d->digest, NULL))
		return blob_read(p->store, d, CONFIG_MAX, ret_data, ret_len, err);
	struct blob_stream stream = {.fd = -1};
	AUTO_FREE char *data = NULL;
	size_t len = 0;
	int r = p->source->ops->open(p->source, d, &stream, err);
	if (r < 0)
		return err_wrap(err, "config %s", digest_str(&d->digest, want));
	r = fs_read_fd(stream.fd, "config", CONFIG_MAX, &data, &len, err);
	close(take_fd(&stream.fd));
	struct err said = ERR_INIT;
	if (source_close(p->source, &stream, &said) < 0 && said.code != ERR_CANCELLED) {
		*err = said;
		r = said.code;
	}
	if (r < 0)
		return err_wrap(err, "config %s", digest_str(&d->digest, want));
	struct digest got = digest_of_as(d->digest.alg, data, len);
	if (len != d->size || !digest_equal(&got, &d->digest))
		return err_set(err, ERR_CORRUPT, "config %s: content has digest %s, %s",
			digest_str(&d->digest, want), digest_str(&got, have),
			source_blame(p->source));
	r = blob_put_as(p->store, d->digest.alg, data, len, &got, err);
	if (r < 0)
		return r;
	p->pulled->fetched = true;
	*ret_data = take(data);
	*ret_len = len;
	return 0;
}

static int check_layers(
	const struct manifest *m, const struct image_config *c, bool image, struct err *err)
{
	for (size_t i = 0; i < m->n_layers; i++) {
		char text[DIGEST_STR_MAX];
		if (media_kind(m->layers[i].media_type) == MEDIA_FOREIGN_LAYER ||
			m->layers[i].has_urls)
			return err_set(err, ERR_UNSUPPORTED,
				"layer %s is a foreign layer ('%s'), which is not supported",
				digest_str(&m->layers[i].digest, text), m->layers[i].media_type);
	}
	if (image && c->n_diff_ids != m->n_layers)
		return err_set(err, ERR_CORRUPT,
			"image has %zu layers, but its config names %zu diff IDs", m->n_layers,
			c->n_diff_ids);
	return 0;
}

/* A repository that has the manifest has all that it names, whether it was fetched from there or
 * was here. */
static void note_origins(struct pull *p, const struct manifest *m)
{
	AUTO_FREE const struct descriptor **blobs = xcalloc(m->n_layers + 1, sizeof(*blobs));
	for (size_t i = 0; i < m->n_layers; i++)
		blobs[i] = &m->layers[i];
	blobs[m->n_layers] = &m->config;
	if (p->source->place)
		origins_add(p->store, p->source->place, blobs, m->n_layers + 1);
}

/* An encrypted image is kept as it was before: another manifest, which *doc becomes. */
static int unseal(struct pull *p, struct document *doc, struct manifest *m,
	struct sealed_layers *ret, struct err *err)
{
	const struct strv *keys = p->opts->remote.decryption_keys;
	const struct descriptor *sealed = manifest_sealed_layer(m);
	char text_of[DIGEST_STR_MAX];
	if (!sealed || (p->opts->no_unpack && !(keys && keys->n)))
		return 0;
	if (!keys || !keys->n)
		return err_set(err, ERR_DENIED,
			"the image is encrypted, so its content does not match config's DiffID: "
			"decrypting layer %s: missing private key needed for decryption, which "
			"'--decryption-key' gives",
			digest_str(&sealed->digest, text_of));
	if (p->whole)
		return err_set(err, ERR_UNSUPPORTED,
			"an index with encrypted images cannot be kept; pull them one by one");
	if (manifest_unseal(m, keys, ret, err) < 0)
		return err->code;
	char *text = manifest_dump(m);
	AUTO_FREE char *type = xstrdup(m->media_type);
	document_done(doc);
	return document_make(text, strlen(text), type, DIGEST_SHA256, doc, err);
}

/* sealed: what layers are at the source; of none when it has no entries. */
static int get_layers(struct pull *p, const struct manifest *m, const struct image_config *config,
	const struct sealed_layers *sealed, bool unpack, struct err *err)
{
	AUTO_FREE struct wanted *w = xcalloc(m->n_layers ? m->n_layers : 1, sizeof(*w));
	for (size_t i = 0; i < m->n_layers; i++) {
		w[i] = (struct wanted){.desc = &m->layers[i],
			.sealed = i < sealed->n && sealed->s[i].key ? &sealed->s[i] : NULL,
			.unpack = unpack && media_kind(m->layers[i].media_type) == MEDIA_LAYER};
		if (w[i].unpack)
			w[i].diff_id = config->diff_ids[i];
	}
	return fetch_layers(p->store, p->txn, p->source, w, m->n_layers, p->opts->progress,
		&p->pulled->fetched, err);
}

int pull_manifest(struct pull *p, struct document *doc, bool unpack, struct err *err)
{
	struct manifest m;
	struct image_config config = {0};
	AUTO_SEALED_LAYERS struct sealed_layers sealed = {0};
	AUTO_FREE char *text = NULL;
	size_t len;
	if (pull_check_signatures(p, doc, err) < 0)
		return err->code;
	int r = manifest_parse(doc->data, doc->len, doc->desc.media_type, &m, err);
	if (r < 0)
		return r;
	/* An artifact has a config of its own kind, and layers that are no trees. */
	bool image = media_kind(m.config.media_type) == MEDIA_CONFIG;
	if (image && !p->opts->no_layers)
		r = unseal(p, doc, &m, &sealed, err);
	if (r == 0)
		r = get_config(p, &m.config, &text, &len, err);
	if (r == 0 && image)
		r = image_config_parse(text, len, &config, err);
	if (r == 0)
		r = check_layers(&m, &config, image, err);
	if (r == 0 && !p->opts->no_layers)
		r = get_layers(p, &m, &config, &sealed, unpack && image, err);
	/* encrypted layers are nowhere what they are here */
	if (r == 0 && !p->opts->no_layers && !sealed.n)
		note_origins(p, &m);
	if (r == 0)
		r = pull_keep_document(p, doc, err);
	image_config_done(&config);
	manifest_done(&m);
	return r;
}
