/* SPDX-License-Identifier: Apache-2.0 */
/* What is reachable from names, working containers and cache records. */
#pragma once
#include "store/digest_set.h"

struct descriptor;
struct err;
struct names;
struct record;
struct store;

struct marks {
	struct digest_set blobs;
	struct digest_set trees; /* diff IDs */
};

/* The document, and what it leads to. What is missing or damaged leads nowhere. */
int mark_image(struct store *s, struct marks *m, const struct descriptor *d, struct err *err)
	__attribute__((warn_unused_result));
int mark_names(struct store *s, struct marks *m, const struct names *names, struct err *err)
	__attribute__((warn_unused_result));
/* gone: those that do not count, may be NULL */
int mark_records(struct store *s, struct marks *m, const struct digest_set *gone, struct err *err)
	__attribute__((warn_unused_result));
/* What one record needs. */
void mark_record(struct marks *m, const struct record *r);
/* Digests in containers/ID/uses, a line each: manifests, or diff IDs of layers. */
int mark_container(struct store *s, struct marks *m, const char *id, struct err *err)
	__attribute__((warn_unused_result));
int mark_containers(struct store *s, struct marks *m, struct err *err)
	__attribute__((warn_unused_result));
void marks_done(struct marks *m);
#define AUTO_MARKS __attribute__((cleanup(marks_done)))
