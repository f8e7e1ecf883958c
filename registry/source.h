/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a pull takes an image from: a registry or something local. A source hands over bytes and
 * promises nothing about them: pull.c checks every digest and size.
 */
#pragma once
#include "base/strv.h"
#include "image/descriptor.h"
#include "image/manifest.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct remote_opts;
struct remote;
struct reference;
struct source;
struct txn;

/* A manifest or index as it came, with the descriptor that its bytes give. */
struct document {
	char *data;
	size_t len;
	struct descriptor desc;
};
void document_done(struct document *d);
#define AUTO_DOCUMENT __attribute__((cleanup(document_done)))
/* data is taken over; media_type NULL: told by the members. Fills in the descriptor. ERR_INVALID,
 * ERR_UNSUPPORTED (schema 1). */
int document_make(char *data, size_t len, const char *media_type, enum digest_alg alg,
	struct document *ret, struct err *err) __attribute__((warn_unused_result));

struct blob_stream {
	int fd; /* to be read to its end; -1 when closed */
	int64_t id; /* the source's */
};

struct source_ops {
	/* what the location names */
	int (*top)(struct source *s, struct document *ret, struct err *err);
	/* a manifest of the index; ERR_NOT_FOUND where not all need to be there */
	int (*child)(struct source *s, const struct descriptor *d, struct document *ret,
		struct err *err);
	int (*open)(struct source *s, const struct descriptor *d, struct blob_stream *ret,
		struct err *err);
	/* Ends a stream. An error here says better than the reader's why the bytes ended early;
	 * ERR_CANCELLED: only because nobody read on. NULL: it is a file, and is just closed. */
	int (*close)(struct source *s, struct blob_stream *b, struct err *err);
	void (*free)(struct source *s);
	/* Those of a manifest, in base64; top: it is what the location names. NULL: none are kept
	 * there */
	int (*signatures)(struct source *s, const struct document *doc, bool top, struct strv *ret,
		struct err *err);
	/* Hears what it has to say while its streams are read. NULL: nothing */
	void (*listen)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	bool local; /* keeps whole indexes: its bytes cost nothing */
	bool gives; /* what it opens are files of ours alone, in the store: they may become blobs */
	size_t images; /* how many there are at the place, once top() was asked; 0: not said */
	bool partial; /* manifests of an index may be missing */
	uint64_t layer_ratio; /* see struct remote_opts */
	const char *blob_cache; /* see struct remote_opts */
	const struct digest
		*told; /* what top() would give has this digest, as the place says; NULL:
	                              it was not asked; borrowed */
	char *place; /* "host/repository" that had the last document, of a registry's; owned */
	struct strv names; /* what the image is called in the store after it; may be empty */
};
void source_free(struct source *s);
static inline void source_free_p(struct source **s)
{
	source_free(*s);
}
#define AUTO_SOURCE __attribute__((cleanup(source_free_p)))
/* Ends a stream, see source_ops. */
int source_close(struct source *s, struct blob_stream *b, struct err *err)
	__attribute__((warn_unused_result));
/* For sources that are directories: a regular file of one. where: for messages. foreign: it came
 * out of an archive, its links must not lead out. ERR_NOT_FOUND. */
int source_open_file(int dir, bool foreign, const char *where, const char *name, int *ret_fd,
	struct err *err) __attribute__((warn_unused_result));

/* Who it was that gave other bytes than were promised. */
const char *source_blame(const struct source *s);
/* Whether a file of source_open_file() is as large as promised. ERR_CORRUPT. */
int source_check_size(int fd, const char *where, const char *name, uint64_t size, struct err *err)
	__attribute__((warn_unused_result));

/* remote_source.c: r is borrowed, ref has a tag or digest. */
int source_registry(struct remote *r, const struct reference *ref, struct source **ret,
	struct err *err) __attribute__((warn_unused_result));
/* oci_source.c, dir.c, docker_archive.c: rest is the location after the transport's name; t takes
 * what an archive unpacks to, which is no more than layer_ratio allows (apply_limits_of()). */
int source_oci(const char *rest, struct source **ret, struct err *err)
	__attribute__((warn_unused_result));
int source_oci_archive(struct txn *t, const char *rest, uint64_t layer_ratio, struct source **ret,
	struct err *err) __attribute__((warn_unused_result));
int source_docker_archive(struct txn *t, const char *rest, uint64_t layer_ratio,
	struct source **ret, struct err *err) __attribute__((warn_unused_result));
/* dir: of an unpacked archive, taken over. where: for messages. name: what its one image is called,
 * whatever the archive says; NULL: nothing. */
struct source *source_docker_unpacked(int dir, const char *where, const char *name);
/* docker_daemon.c: rest is NAME[:TAG] or an image ID; o is used until this returns. */
int source_docker_daemon(struct txn *t, const char *rest, const struct remote_opts *o,
	struct source **ret, struct err *err) __attribute__((warn_unused_result));
int source_dir(const char *rest, struct source **ret, struct err *err)
	__attribute__((warn_unused_result));

/* tar_file.c: unpacks an archive into a new directory of t by a confined job. *ret_fd is the
 * directory. */
int tar_file_unpack_fd(struct txn *t, int file, const char *what, uint64_t layer_ratio, int *ret_fd,
	struct err *err) __attribute__((warn_unused_result));
int tar_file_unpack(struct txn *t, const char *path, uint64_t layer_ratio, int *ret_fd,
	struct err *err) __attribute__((warn_unused_result));
