/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted layers, as ocicrypt and skopeo have them: mica's end of `mica-remote wrap` and the like
 * (sealing.h). A layer's content is encrypted by a key of its own, which lies beside it in
 * annotations, wrapped for the keys of those who may read it.
 */
#pragma once
#include "image/manifest.h"
#include <stdbool.h>
#include <sys/types.h>

struct err;
struct json;
struct store;
struct strv;

/* A piece of work in another process. */
struct sealing {
	pid_t pid; /* 0: none */
	int control;
};
#define SEALING_INIT                                                                               \
	{                                                                                          \
		.control = -1                                                                      \
	}
/* Ends it; accepts one that is over. */
void sealing_cancel(struct sealing *s);

/* What a layer was before, and how to get it back. */
struct sealed {
	struct descriptor from; /* as it is at the source */
	struct json *key;
};

/* One for each layer of a manifest; key NULL: that one is not encrypted. */
struct sealed_layers {
	struct sealed *s;
	size_t n;
};
void sealed_layers_done(struct sealed_layers *l);
#define AUTO_SEALED_LAYERS __attribute__((cleanup(sealed_layers_done)))

bool layer_is_sealed(const struct descriptor *d);
/* The first one that is encrypted; NULL: none is. */
const struct descriptor *manifest_sealed_layer(const struct manifest *m);

/* The manifest as it was before its layers were encrypted: m is changed. keys: words of
 * --decryption-key, FILE[:PASSWORD]. ERR_DENIED: none of them fits, or none was given. */
int manifest_unseal(struct manifest *m, const struct strv *keys, struct sealed_layers *ret,
	struct err *err) __attribute__((warn_unused_result));
/* *fd, which the encrypted bytes are read from, is taken over and exchanged for one with the plain
 * ones. They may be used when sealing_finish() said that all was well, after their end. */
int sealed_open(const struct sealed *l, int *fd, struct sealing *ret, struct err *err)
	__attribute__((warn_unused_result));
int sealing_finish(struct sealing *s, struct json **ret_reply, struct err *err)
	__attribute__((warn_unused_result));

struct seal_opts {
	const struct strv *keys; /* words of --encryption-key, jwe:FILE */
	const struct strv *layers; /* numbers, from the end when negative; empty: all */
};
/* The image with layers encrypted, for the caller's transaction; what is in the store stays as it
 * is. An OCI manifest, whatever it was. */
int image_seal(struct store *s, const struct descriptor *image, const struct seal_opts *o,
	struct descriptor *ret, struct err *err) __attribute__((warn_unused_result));
