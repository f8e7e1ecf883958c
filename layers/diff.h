/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upper directory of an overlay -> changeset tar (image-spec layer.md), hashed and compressed
 * on the way in one pass.
 *
 * The tar is deterministic: entries sorted bytewise by path, every directory before what is in it;
 * numeric owners without names; whole seconds where the nanoseconds are 0 and pax mtime else; pax
 * records only where ustar cannot say it; content written densely (holes read as zeros but never
 * from disk), whiteouts as .wh.NAME, opaque directories as .wh..wh..opq; hard links by the first
 * path in order; xattrs as SCHILY.xattr.*; sockets skipped; the root directory itself is not an
 * entry. Overlay's own xattrs never travel. A file that changes while it is read is ERR_SYS (EAGAIN
 * text); nothing outside upper is ever opened (no link is followed).
 */
#pragma once
#include "layers/layer.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct writer;

struct diff_opts {
	enum compression compression;
	int level; /* of the compressor, -1 its default */
	bool clamp; /* times later than clamp_s become clamp_s (SOURCE_DATE_EPOCH with
	               --rewrite-timestamp / --timestamp) */
	bool force; /* ... and earlier ones too (--timestamp of buildah) */
	int64_t clamp_s;
	bool sizes; /* content is as many zeros: only how much it is counts */
	bool plain; /* no layer: a name that begins with .wh. is one like others */
	bool no_devices; /* they are left out */
	bool write_back; /* the file system will be synced soon: of a large tree it is begun beside
	                    the compression */
};

/* Nothing below it, so that its changeset would have no entries. */
bool layer_diff_is_empty(int upper);

/* Runs in the calling process. *ret.entries == 0: an empty changeset (a valid, empty tar was
 * written). */
int layer_diff(int upper, const struct diff_opts *opts, struct writer *out, struct layer *ret,
	struct err *err) __attribute__((warn_unused_result));

/*
 * Several layers, topmost first, as the one that they would have been (stack.h): what is gone in
 * the end is not in it. below: the tree that the result will lie upon; what hides nothing of it is
 * left out. -1: nothing is below. The layers are only read.
 */
int layer_diff_stacked(const int *layers, size_t n, int below, const struct diff_opts *opts,
	struct writer *out, struct layer *ret, struct err *err) __attribute__((warn_unused_result));

/* One of several trees in a plain tar. */
struct tree_part {
	int dir; /* a mounted snapshot, without whiteouts */
	const char *prefix; /* the directory that it is in, one component; NULL: it is the top */
};

/* The trees as one tar, in the same form as a layer; opts->compression is not looked at. */
int tree_archive(const struct tree_part *parts, size_t n, const struct diff_opts *opts,
	struct writer *out, struct err *err) __attribute__((warn_unused_result));
/* How many bytes that will be, without looking at what is in the files; 0: it is not known. */
uint64_t tree_archive_size(const struct tree_part *parts, size_t n, const struct diff_opts *opts);
