/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changeset tar -> directory, for bytes that nobody vouches for.
 *
 * layer_receive() is the whole of a pull's layer worker and must run in a job of its own
 * (base/proc.h): it first confines the process for good: the directory becomes its root (pivot_root
 * in a new mount namespace), no network, capabilities reduced to those that unpacking needs,
 * seccomp, no descriptor but its own, RLIMITs. Then one pass: read -> SHA-256 -> copy to the blob
 * file -> decompress -> SHA-256 (diff ID) -> tar -> files.
 *
 * Entries: names are cleaned and stay inside; ".." in a name, an empty name, a hard link outside
 * are ERR_INVALID; absolute names and link targets are taken inside the root (docker and kaniko
 * write them). A link made by the archive is never followed out of the root. Later entries win, as
 * OCI says. Whiteouts become overlay's (character device 0:0, opaque xattr user.overlay.opaque and,
 * where allowed, trusted.overlay.opaque); overlay xattrs and names that an archive brings are
 * dropped. Implied parents are 0755 root. Times of directories are set last. Zero blocks become
 * holes.
 */
#pragma once
#include "layers/layer.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct err;
struct reader;

struct apply_limits {
	uint64_t max_entries; /* 0: the default, 10 million */
	uint64_t max_bytes; /* of the uncompressed tar, and of all files together; 0: the default,
	                       1 TiB */
	uint64_t max_ratio; /* what is written, without the holes that zeros become, to *packed, the
	                       bytes that it came from so far; 0: no limit */
	uint64_t free_bytes; /* so much may be written whatever the ratio */
	const uint64_t *packed;
};

/* As --layer-ratio says it: 0 the default, UINT64_MAX no limit. packed is the caller's. */
struct apply_limits apply_limits_of(uint64_t ratio);

enum apply_flags {
	APPLY_PLAIN = 1 << 0, /* not a layer but an archive for ADD, unpacked onto a tree that may
	                       * be merged: ".." stays inside the root, "./" and an entry without a
	                       * name leave it as it is, a hard link brings owner, mode and time,
	                       * .wh.NAME removes NAME (what the image shows that BuildKit makes),
	                       * .wh..wh..opq is refused, a link to nothing on the way is followed,
	                       * a time before 1970 or after 2262 is 1970 */
	APPLY_CHOWN = 1 << 1, /* every entry gets opts.uid:gid; implied directories stay root's */
	APPLY_NO_DEVICES =
		1 << 2, /* devices are an error that names them (single-uid) instead of mknod */
	APPLY_NO_OWNER = 1 << 3, /* owners are not set */
	APPLY_SKIP_DEVICES =
		1 << 4, /* devices are left out, as rootless tools do; whiteouts are not devices */
	APPLY_CONTEXT = 1 << 5, /* with APPLY_PLAIN, for build contexts: ".." in a name and devices
	                         * are errors, .wh.NAME is a name, "./" sets the directory's time */
	APPLY_OWN_POWER = 1 << 6, /* with APPLY_CHOWN: no set-user-ID or set-group-ID bit for files
	                           * that were not root's, as chown(2) drops them */
};

struct apply_opts {
	int flags;
	uid_t uid;
	gid_t gid;
	const struct timespec *time; /* of every entry; NULL: what it says */
	struct apply_limits limits;
};

struct apply_stats {
	uint64_t entries;
	uint64_t content;
};

/* The unconfined core: unpacks an uncompressed tar (any dialect libarchive reads) below dirfd.
 * Reads the tar to its end, padding included, so that a hash below is of all bytes. */
int layer_apply(struct reader *in, int dirfd, const struct apply_opts *opts,
	struct apply_stats *ret, struct err *err) __attribute__((warn_unused_result));

struct layer_receive {
	int in; /* the blob's bytes (file, pipe) */
	int copy; /* where the blob is written as it comes, or -1 */
	int dir; /* empty directory that becomes the layer, or -1: only hash (diff ID of a blob
	            whose tree is not wanted) */
	enum digest_alg blob_alg, diff_alg; /* of the digests that are wanted */
	uint64_t max_blob; /* more bytes than this are ERR_CORRUPT (the descriptor's size), 0: no
	                      limit */
	struct apply_opts opts;
};
/* Compression is told by the first bytes (gzip, zstd, else plain tar). Always reads `in` to its
 * end, whatever fails later is reported first. */
int layer_receive(const struct layer_receive *r, struct layer *ret, struct err *err)
	__attribute__((warn_unused_result));

/* By the first bytes; ERR_UNSUPPORTED names what was found for bzip2/xz when it is not allowed. ADD
 * archives: gzip, bzip2, xz, zstd, plain tar. *ret_is_tar tells whether it is an archive at all. */
int archive_probe(int fd, bool *ret_is_tar, struct err *err) __attribute__((warn_unused_result));
/* ADD: unpacks the archive in fd (any compression, decompressed in-process) below dirfd. Confine
 * the process first (layer_confine) when the archive is foreign. */
int archive_extract(int fd, int dirfd, const struct apply_opts *opts, struct apply_stats *ret,
	struct err *err) __attribute__((warn_unused_result));

/* The same of a foreign archive, by a job that can touch nothing but dir. */
int archive_unpack(int fd, int dir, const struct apply_opts *opts, struct err *err)
	__attribute__((warn_unused_result));

/* Nothing is written: reads until max unpacked bytes were seen, by a job that can touch nothing.
 * What it finds wrong archive_unpack() would, too; a file that is no archive is right. */
int archive_look(int fd, uint64_t max, struct err *err) __attribute__((warn_unused_result));
/* The same of its first entry alone, where it is to be an archive. *ret_empty: it has none. */
int archive_begin(int fd, bool *ret_empty, struct err *err) __attribute__((warn_unused_result));

/* Confines the calling process to dir for good, as above; at most 16 descriptors in keep[],
 * standard error and the job's result pipe survive (dir itself does not: it would be a way out;
 * open "/" instead). dir -1: all but the change of root. For layer workers and ADD. */
int layer_confine(int dir, const int *keep, unsigned n_keep, struct err *err)
	__attribute__((warn_unused_result));
