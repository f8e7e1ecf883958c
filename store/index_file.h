/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.json as text, one manifest a line. We write it that way (it is the same JSON to everybody
 * else), so that with 10,000 names a lookup or a change parses only the lines that it is about. A
 * file that another tool rewrote is parsed as a whole once and takes this form with our next
 * change.
 */
#pragma once
#include "base/digest.h"
#include "image/descriptor.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct store;

struct index_line {
	const char *text; /* a JSON object without the comma; not NUL-terminated */
	size_t n;
	char *own; /* text, when it does not lie in the file's buffer */
};

struct index_file {
	char *text; /* all lines point into it */
	char *head; /* up to and with "manifests":[ */
	char *tail; /* from the closing ] on */
	struct index_line *lines;
	size_t n;
};

int index_file_read(struct store *s, struct index_file *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Of the store at fd, which is called so. */
int index_file_read_in(int fd, const char *store, struct index_file *ret, struct err *err)
	__attribute__((warn_unused_result));
/* One without manifests. */
void index_file_init(struct index_file *ret);
/* fsync and rename; the caller holds the lock exclusively. */
int index_file_write(struct store *s, const struct index_file *f, struct err *err)
	__attribute__((warn_unused_result));
void index_file_done(struct index_file *f);
#define AUTO_INDEX_FILE __attribute__((cleanup(index_file_done)))

/* The line's descriptor, and its name in *ret_ref (NULL when it has none), which is then not among
 * the annotations, nor is what step_images.h puts there. */
int index_line_parse(const struct index_line *l, struct descriptor *ret, char **ret_ref,
	struct err *err) __attribute__((warn_unused_result));
/* Lines that may hold it: to be parsed to be sure. */
bool index_line_mentions(const struct index_line *l, const char *quoted);
/* `"org.opencontainers.image.ref.name":"REF"` and `"digest":"sha256:..."` as they appear in a line.
 * New strings. */
char *index_quote_ref(const char *ref);
char *index_quote_digest(const struct digest *d);
/* at == n appends */
void index_file_set(struct index_file *f, size_t at, const struct descriptor *d, const char *ref);
/* The same, without a name and with that annotation. */
void index_file_set_annotated(struct index_file *f, size_t at, const struct descriptor *d,
	const char *key, const char *value);
void index_file_remove(struct index_file *f, size_t at);
