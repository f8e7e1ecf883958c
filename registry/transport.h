/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images from and to elsewhere: the face of this floor, beside login.h. A location is what users
 * type:
 *	docker://REF or REF           a registry, by the distribution protocol (through mica-remote)
 *	oci:DIR[:NAME]                an OCI image layout
 *	oci-archive:FILE[:NAME]       the same as a tar
 *	docker-archive:FILE[:NAME]    what `docker save` writes
 *	docker-daemon:NAME[:TAG]      a docker daemon of this machine
 *	dir:DIR                       manifest.json and blobs as files
 *
 * Pull: resolves, chooses by platform, fetches what is missing (layers in parallel, each by one
 * layer worker in one pass), verifies every digest and size, and only then names it in the store.
 * Push: sends the store's bytes as they are; blobs that are there are not sent. A manifest keeps
 * its digest from pull to push.
 */
#pragma once
#include "base/strv.h"
#include "image/descriptor.h"
#include "image/platform.h"
#include <stdbool.h>

struct err;
struct progress;
struct store;

enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER, PULL_NEWER };
/* "missing"/"ifmissing", "always"/"true", "never"/"false" ..., as buildah */
bool pull_policy_parse(const char *s, enum pull_policy *ret);

struct remote_opts {
	const char *authfile; /* NULL: the usual ones (containers-auth.json(5), then docker's
	                         config.json) */
	bool docker_authfile; /* it is docker's, for login and logout */
	const char *creds; /* "user:password" or NULL */
	const char *cert_dir; /* NULL: certs.d */
	int tls_verify; /* -1 not said: registries.conf decides; 0 no (also allows http); 1 yes */
	const char *signature_policy; /* NULL: the user's policy.json, or the system's */
	const struct strv *decryption_keys; /* of encrypted layers, FILE[:PASSWORD]; NULL: none */
	const char *registries_conf; /* NULL: $CONTAINERS_REGISTRIES_CONF, ~/.config/containers,
	                                /etc/containers */
	const char *registries_conf_dir; /* NULL: registries.conf.d of both places */
	const char *short_name_aliases; /* NULL: the usual cache of them */
	/* Which of several full names a short one is to be: its index, -1: none of them. NULL:
	 * nobody can be asked. */
	int (*choose_name)(const char *text, const struct strv *names);
	unsigned retries; /* after a first failure that may pass */
	unsigned stall_s; /* a transfer that moves nothing for so long is given up; 0: 60 */
	uint64_t layer_ratio; /* the files of a layer may take so many times its blob's size; 0: 250
	                         after the first GiB, UINT64_MAX: no limit */
	unsigned retry_delay_ms; /* before each of them; 0: some time that grows */
	struct remote_keep *keep; /* NULL: mica-remote ends when it has done its work */
	const char *blob_cache; /* the directory of blob_cache.h; NULL: none */
};

/* mica-remote, waiting for who asks next with the same settings: it need not be started, log in and
 * ask credential helpers again. Whoever has one ends it. */
struct remote_keep {
	struct remote *idle;
};
void remote_keep_end(struct remote_keep *k);
#define AUTO_REMOTE_KEEP __attribute__((cleanup(remote_keep_end)))

/* It begins with a transport: it is no name in the store. */
bool location_is_elsewhere(const char *location);

struct pull_opts {
	struct remote_opts remote;
	enum pull_policy policy;
	bool has_platform;
	struct platform platform;
	bool all_platforms; /* keep the whole index with all its manifests */
	bool gather; /* images of one index for other platforms stay under the name: it is given to
	                the index, of which then only a part is here */
	bool unnamed; /* it is given no name: the caller's transaction keeps it until something does
	               */
	bool blobs; /* of layers too that are unpacked already: a push sends them */
	bool no_unpack; /* layers stay blobs until they are used */
	bool no_layers; /* manifest and config only, to be looked at; implies unnamed and
	                   no_unpack */
	struct progress *progress;
};

struct pulled {
	struct descriptor top; /* what the name was set to */
	char *ref; /* the name in the store, NULL: none */
	struct strv others; /* more names of an archive's image */
	bool fetched; /* false: it was here already */
	struct image *image; /* of what was here, loaded for the platform that was asked for; NULL:
	                        not loaded */
	size_t images; /* how many a local place holds; 0: not said */
};

/* Pulls location into the store and names it. PULL_NEVER / _MISSING look into the store first and
 * send no request on a hit. */
int image_pull(struct store *s, const char *location, const struct pull_opts *o, struct pulled *ret,
	struct err *err) __attribute__((warn_unused_result));
void pulled_done(struct pulled *p);

enum push_format { PUSH_FORMAT_ASIS, PUSH_FORMAT_OCI, PUSH_FORMAT_DOCKER };

struct push_opts {
	struct remote_opts remote;
	enum push_format format; /* other than the image's: config and manifest are converted, the
	                            digest changes */
	bool by_digest; /* to a registry: the name has no tag and gets none */
	bool quiet;
	bool index_only; /* of an index: its images are there already */
	bool partial; /* layers that are not in the store are there already */
	const char *sign_by; /* the key that signs what is pushed, for gpg_sign(); NULL: nobody */
	bool replace; /* a docker-archive that is there */
	bool saves; /* what progress calls it: "save", and not "push" */
	bool remove_signatures; /* those of the store are not taken along */
	struct progress *progress;
};

/* image: the descriptor of a manifest or index in the store; its name in the store, for archives
 * that record one. *ret_digest: of the manifest as written. */
int image_push(struct store *s, const struct descriptor *image, const char *name,
	const char *location, const struct push_opts *o, struct digest *ret_digest, struct err *err)
	__attribute__((warn_unused_result));

/* There is a docker daemon that we may talk to: DOCKER_HOST's, or the usual socket. */
bool docker_daemon_is_here(void);

/* What can be told of a push without asking anybody: the registry is blocked (ERR_DENIED), there is
 * no way to write the file, or what is there would not be replaced (ERR_EXISTS). */
int image_push_may(const char *location, const struct remote_opts *o, struct err *err)
	__attribute__((warn_unused_result));
/* The same, and of a registry besides, before there is anything to push: one request to it, with
 * the credentials that the push will have. ERR_AUTH, ERR_NETWORK ...; what a registry says besides
 * is no error. */
int image_push_check(const char *location, const struct remote_opts *o, struct err *err)
	__attribute__((warn_unused_result));

enum export_kind {
	EXPORT_OCI_DIR,
	EXPORT_OCI_ARCHIVE,
	EXPORT_DOCKER_ARCHIVE,
	EXPORT_DOCKER_DAEMON
};

/* An image as a file or directory, or in a docker daemon, under several names. */
struct image_export {
	enum export_kind kind;
	const char *path; /* of the directory; of an archive for messages only */
	int fd; /* what an archive is written to */
	const struct remote_opts *remote; /* of a daemon */
	const struct strv *names; /* complete references with tags; may be empty */
	struct progress *progress;
};
int image_export(struct store *s, const struct descriptor *image, const struct image_export *e,
	struct err *err) __attribute__((warn_unused_result));

/* Several images with their names, as one docker-archive; layers that they share are in it once.
 * A file that is there is replaced, when all is in the new one. */
struct archived {
	struct descriptor image; /* a manifest */
	struct strv names; /* complete references with tags */
};
int images_export(struct store *s, const struct archived *images, size_t n, const char *path,
	struct progress *progress, struct err *err) __attribute__((warn_unused_result));

/* Unpacks the layers of an image in the store that are not unpacked yet (blobs are here). In
 * parallel. */
struct image;
int image_unpack(struct store *s, const struct image *img, struct progress *progress,
	struct err *err) __attribute__((warn_unused_result));
