/* SPDX-License-Identifier: Apache-2.0 */
/* Where a push takes an image to. Blobs come first, each once; then the manifests, the one that
 * gets the name last. */
#pragma once
#include "registry/source.h"

struct sink;
struct push_opts;

enum sink_has { SINK_HAS_NOTHING, SINK_HAS_MANIFEST, SINK_HAS_NAME };

struct sink_ops {
	/* Begins to take a blob; fd is taken over. *ret_id is for wait(). */
	int (*blob)(struct sink *k, const struct descriptor *d, int fd, int64_t *ret_id,
		struct err *err);
	/* 0: it is there, *ret_how says how ("uploaded", "exists", "mounted"); 1: not yet (never
	 * with block). *ret_how is static or stays valid until the next call. NULL: blob() does all
	 * of it. */
	int (*wait)(struct sink *k, int64_t id, bool block, const char **ret_how, struct err *err);
	/* top: this one gets the name. */
	int (*manifest)(struct sink *k, const struct document *doc, bool top, struct err *err);
	int (*finish)(struct sink *k, struct err *err);
	void (*free)(struct sink *k);
	/* bytes sent of a blob; may be NULL */
	uint64_t (*progress)(struct sink *k, int64_t id);
	/* to be polled while blobs are on their way, or NULL */
	int (*fd)(struct sink *k);
	/* Whether it has the manifest, and with it all that it names, or (top) even under the name;
	 * NULL: to be sent in any case */
	enum sink_has (*has)(struct sink *k, const struct document *doc, bool top);
	/* Keeps signatures of a manifest that it has, in base64; NULL: it cannot */
	int (*signatures)(struct sink *k, const struct document *doc, bool top,
		const struct strv *signatures, struct err *err);
};

struct sink {
	const struct sink_ops *ops;
	char *sign_as; /* what the image is known as there, in full; NULL: it has no name. The
	                  sink's own */
	char *place; /* "host/repository" once a registry has taken a blob; the sink's own */
};
void sink_free(struct sink *k);
static inline void sink_free_p(struct sink **k)
{
	sink_free(*k);
}
#define AUTO_SINK __attribute__((cleanup(sink_free_p)))
/* For sinks where nobody else looks: whether the file is the blob, before it is copied from its
 * beginning, where it is before and after this. ERR_CORRUPT */
int sink_check_blob(int fd, const struct digest *want, struct err *err)
	__attribute__((warn_unused_result));

struct origins;
/* ref: without a digest; without a tag what is sent gets no name. origins: where blobs may be;
 * borrowed, as r is. */
struct sink *sink_registry(
	struct remote *r, const struct reference *ref, const struct origins *origins);
int sink_oci(const char *rest, struct sink **ret, struct err *err)
	__attribute__((warn_unused_result));
/* name: what the image is called here, recorded when rest names nothing */
int sink_oci_archive(const char *rest, const char *name, struct sink **ret, struct err *err)
	__attribute__((warn_unused_result));
/* replace: the file that is there */
int sink_docker_archive(const char *rest, const char *name, bool replace, struct sink **ret,
	struct err *err) __attribute__((warn_unused_result));
/* As skopeo has it: images are added to no archive that is there, nor is it replaced. ERR_EXISTS */
int sink_docker_archive_may(const char *path, struct err *err) __attribute__((warn_unused_result));
/* names: all that the image is called, complete references; borrowed. fd: of the file to write. */
struct strv;
int sink_oci_named(const char *path, const struct strv *names, struct sink **ret, struct err *err)
	__attribute__((warn_unused_result));
int sink_oci_archive_fd(int fd, const char *path, const struct strv *names, struct sink **ret,
	struct err *err) __attribute__((warn_unused_result));
struct sink *sink_docker_archive_fd(int fd, const char *path, const struct strv *names);
/* The file of path is replaced. */
int sink_docker_archive_file(const char *path, struct sink **ret, struct err *err)
	__attribute__((warn_unused_result));
/* What the next image of the archive is called. */
void sink_docker_archive_names(struct sink *k, const struct strv *names);
/* names: complete references with tags. o is used until this returns. */
int sink_docker_daemon(const struct strv *names, const struct remote_opts *o, struct sink **ret,
	struct err *err) __attribute__((warn_unused_result));
/* As skopeo has it: an image that is there is replaced, other files are not written among.
 * ERR_EXISTS */
int sink_dir_may(const char *path, struct err *err) __attribute__((warn_unused_result));
int sink_dir(const char *rest, struct sink **ret, struct err *err)
	__attribute__((warn_unused_result));
