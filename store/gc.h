/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mark and sweep: what no name reaches and no live process uses goes away. Roots are index.json,
 * cache records (unless opts.cache), and the digests in containers/ID/uses (a line each,
 * "sha256:...": a manifest, or the diff ID of a layer), by which a working container keeps its
 * base.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct gc_choice;
struct store;
struct strv;

struct gc_opts {
	bool unnamed; /* images without a name too (`prune` does, `rmi` does not) */
	bool all; /* named images too, unless in `keep` (prune -a) */
	bool cache; /* cache records, and layers that only they reach; and intermediate images */
	bool keep_steps; /* but not those whose image stays */
	bool mounts; /* cache mounts */
	bool dry_run;
	const struct gc_choice *only; /* of all these only what is chosen (choose.h); NULL: all */
	int64_t unneeded_before_s; /* blobs that nothing reaches stay when they are younger: they
	                              were made anew for a push; 0: none stay */
	const struct strv *keep; /* references and manifest digests ("sha256:...") that stay
	                            whatever is asked; may be NULL */
};

struct gc_result {
	uint64_t freed; /* bytes on disk */
	uint64_t blobs, layers, records, images, mounts;
	struct err leftover; /* code 0, or why something that should go is still there */
	bool deferred; /* other processes are at work: names are gone, bytes go when the last of
	                  them ends, cache records with the next sweep */
};

/* removed: one line for each thing ("layer sha256:...", "image docker.io/..."), may be NULL */
int store_gc(struct store *s, const struct gc_opts *o, struct gc_result *ret, struct strv *removed,
	struct err *err) __attribute__((warn_unused_result));

struct usage {
	uint64_t images, layers, blobs, records;
	uint64_t blob_bytes, layer_bytes; /* on disk */
};
int store_usage(struct store *s, struct usage *ret, struct err *err)
	__attribute__((warn_unused_result));

struct check_result {
	uint64_t blobs, layers, images, records; /* verified */
	uint64_t problems;
	uint64_t removed; /* by store_repair */
};
/* fsck: every blob's digest, every unpacked layer against its diff ID (by diffing it again), every
 * name down to its layers, leftovers of dead transactions. problems: one line each ("blob
 * sha256:...: content has digest ..."). Returns 0 also when problems were found. */
int store_check(struct store *s, struct check_result *ret, struct strv *problems, struct err *err)
	__attribute__((warn_unused_result));
/* As store_check, and then removes blobs, unpacked layers and cache records that are damaged: a
 * pull fetches them again, a build makes them again. ERR_BUSY: other processes are at work. */
int store_repair(struct store *s, struct check_result *ret, struct strv *problems, struct err *err)
	__attribute__((warn_unused_result));
