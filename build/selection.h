/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which part of a tree one source word of COPY takes: all below what it names, but --exclude; with
 * --parents, what fits the word's pattern. Both are patterns as in .dockerignore, on paths relative
 * to what the word names (with --parents: to what stands before its pivot, "/./").
 */
#pragma once
#include "build/filetree.h"
#include <stdbool.h>

struct err;
struct ignore;
struct step;
struct strv;

struct selection {
	char *root; /* for filetree_glob(): what the walk starts from */
	char *pattern; /* --parents: what is wanted below it; NULL: everything */
	struct ignore *include; /* of pattern */
	struct ignore *exclude; /* NULL: nothing */
	bool exceptions; /* exclude has patterns with '!' */
	bool required; /* it is an error when nothing is there */
};

int selection_init(struct selection *sel, const char *source, bool parents,
	const struct strv *excludes, struct err *err) __attribute__((warn_unused_result));
void selection_done(struct selection *sel);
#define AUTO_SELECTION __attribute__((cleanup(selection_done)))
/* What stands before the first component with a wildcard. New string. */
char *selection_top(const char *source);
/*
 * The word names nothing. ERR_NOT_FOUND: that is an error; a pattern may match nothing, but not
 * in a directory that is not there.
 */
int selection_nothing(const struct selection *sel, struct filetree *t, const char *source,
	bool parents, struct err *err) __attribute__((warn_unused_result));
bool selection_takes_all(const struct selection *sel);

/*
 * A walk below a directory in the order of names. Directories are entered and left, others met;
 * one that is not taken itself is entered when the first thing below it is taken. The top directory
 * is neither entered nor left. sel may be NULL.
 */
struct walk {
	int (*enter)(void *arg, struct node *dir, struct err *err);
	int (*leave)(void *arg, struct node *dir, struct err *err);
	int (*met)(void *arg, struct node *n, struct err *err);
	void *arg;
};
/* *ret_n: how many were entered or met; may be NULL. ERR_LIMIT: nested too deeply. */
int selection_walk(const struct selection *sel, struct filetree *t, struct node *top,
	const struct walk *w, size_t *ret_n, struct err *err) __attribute__((warn_unused_result));
