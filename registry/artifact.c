/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/artifact.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/fetch.h"
#include "registry/location.h"
#include "registry/remote.h"
#include "registry/source.h"
#include "registry/transport.h"

struct artifact {
	struct remote *remote; /* NULL: local */
	struct source *source;
	struct manifest manifest;
	char *config;
	size_t config_len;
};

static int open_source(
	struct artifact *a, const char *location, const struct remote_opts *o, struct err *err)
{
	enum transport transport;
	const char *rest;
	AUTO_REFERENCE struct reference ref = {0};
	int r = location_parse(location, &transport, &rest, err);
	if (r < 0)
		return r;
	if (transport == TRANSPORT_OCI)
		return source_oci(rest, &a->source, err);
	if (transport != TRANSPORT_REGISTRY)
		return err_set(err, ERR_UNSUPPORTED,
			"'%s' is neither in a registry nor an image layout", location);
	if ((r = reference_parse(rest, &ref, err)) < 0)
		return r;
	reference_default_tag(&ref);
	if ((r = remote_open(o, &a->remote, err)) < 0)
		return r;
	return source_registry(a->remote, &ref, &a->source, err);
}

static int read_config(struct artifact *a, struct err *err)
{
	const struct descriptor *d = &a->manifest.config;
	struct blob_stream stream = {.fd = -1};
	struct err said = ERR_INIT;
	if (d->size > CONFIG_MAX)
		return err_set(err, ERR_LIMIT, "config is larger than %llu bytes", CONFIG_MAX);
	int r = a->source->ops->open(a->source, d, &stream, err);
	if (r < 0)
		return r;
	r = fs_read_fd(stream.fd, "config", CONFIG_MAX, &a->config, &a->config_len, err);
	close(take_fd(&stream.fd));
	int closed = source_close(a->source, &stream, &said);
	if (closed < 0 && closed != ERR_CANCELLED) {
		*err = said;
		return closed;
	}
	if (r < 0)
		return r;
	struct digest got = digest_of_as(d->digest.alg, a->config, a->config_len);
	if (a->config_len != d->size || !digest_equal(&got, &d->digest))
		return err_set(err, ERR_CORRUPT, "config: its content has another digest");
	return 0;
}

int artifact_open(
	const char *location, const struct remote_opts *o, struct artifact **ret, struct err *err)
{
	AUTO_ARTIFACT struct artifact *a = xcalloc(1, sizeof(*a));
	AUTO_DOCUMENT struct document top = {0};
	int r = open_source(a, location, o, err);
	if (r == 0) {
		a->source->layer_ratio = o->layer_ratio;
		r = a->source->ops->top(a->source, &top, err);
	}
	if (r == 0)
		r = manifest_parse(top.data, top.len, top.desc.media_type, &a->manifest, err);
	if (r == 0)
		r = read_config(a, err);
	if (r < 0)
		return r;
	*ret = take(a);
	return 0;
}

void artifact_free(struct artifact *a)
{
	if (!a)
		return;
	source_free(a->source);
	remote_close(a->remote);
	manifest_done(&a->manifest);
	free(a->config);
	free(a);
}

const struct manifest *artifact_manifest(const struct artifact *a)
{
	return &a->manifest;
}

const char *artifact_config(const struct artifact *a, size_t *ret_len)
{
	*ret_len = a->config_len;
	return a->config;
}

int artifact_fetch(struct artifact *a, struct store *s, struct txn *t, const struct wanted *w,
	size_t n, struct progress *progress, struct err *err)
{
	return fetch_layers(s, t, a->source, w, n, progress, NULL, err);
}
