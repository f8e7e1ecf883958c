/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named build contexts, --build-context NAME=WHERE: a directory (which may come from a URL), a file
 * (a directory that has nothing else), an image or nothing at all that stands for the stage of that
 * name, or for the image that FROM, COPY --from or a mount names. Images are compared as
 * references: "busybox" is also docker.io/library/busybox:latest.
 *
 * A directory becomes a stage of its own (FROM scratch, COPY / /) behind those of the file, made
 * when something is built on it or mounts it; COPY --from reads the directory itself.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct build;
struct err;
struct filetree;
struct ignore;
struct map;
struct statcache;

enum context_kind { CONTEXT_DIR, CONTEXT_IMAGE, CONTEXT_SCRATCH };

#define NO_CONTEXT ((size_t)-1)

struct context {
	char *name; /* as typed; for messages */
	char *key; /* the complete reference where the name is one */
	enum context_kind kind;
	char *location; /* directory, or what image_pull() takes */
	size_t stage; /* CONTEXT_DIR: that of the first target, those of the others follow */
	int fd;
	struct ignore *ignore;
	char *ignore_name;
	bool elsewhere; /* CONTEXT_DIR: location is a URL or a file; fd is below the transaction */
	struct statcache *statcache;
	struct filetree *tree;
};

/* What is typed after --build-context. ERR_INVALID, ERR_UNSUPPORTED */
int context_parse(const char *name, const char *where, struct context *ret, struct err *err)
	__attribute__((warn_unused_result));
void context_done(struct context *c);
/* Opens all of the build's options, the first time; directories must exist. */
int contexts_open(struct build *b, struct err *err) __attribute__((warn_unused_result));
/* Puts them in the place of stages and base images, once the stages are known. */
int contexts_apply(struct build *b, struct err *err) __attribute__((warn_unused_result));
void contexts_done(struct build *b);
/* Index in b->contexts, or NO_CONTEXT. */
size_t contexts_find(const struct build *b, const char *name);

/* A regular file of a context: links are resolved inside it, and one that ends nowhere there is
 * ERR_INVALID, not a file that is missing (ERR_NOT_FOUND). What the file holds shows up in errors,
 * and a context may be somebody else's. The caller frees *ret_data. */
int context_read_file(int fd, const char *path, size_t max, char **ret_data, size_t *ret_len,
	struct err *err) __attribute__((warn_unused_result));
/* .containerignore or .dockerignore at the top of a directory; *ret stays NULL when there is none.
 */
int context_read_ignore(int fd, char **ret_name, struct ignore **ret, struct err *err)
	__attribute__((warn_unused_result));
