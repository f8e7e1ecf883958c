/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several layers' directories read as if they had been a single layer (image-spec layer.md): the
 * topmost file of a path stays, directories are one down to the first that is opaque or has
 * something else in its place. Unlike in merged.h, whiteouts are part of it.
 */
#pragma once
#include "layers/walk.h"

struct buf;
struct err;

/* One directory of them. A single layer's is one with a stack of one. */
struct stack {
	int *dirs; /* topmost first, owned */
	size_t n;
	bool hides; /* what is below the layers does not show through */
	bool as_is; /* of one layer: all its whiteouts stay */
	int below; /* the directory that it lies upon, owned; -1: there is none */
};

struct stack_item {
	struct walk_item item;
	size_t at; /* in which of the directories */
};

struct stack_list {
	struct stack_item *items;
	size_t n;
	struct walk_list *lists; /* where the names are */
	size_t n_lists;
};

/* layers: n directories, topmost first, borrowed; below: the tree that they lie upon, borrowed.
 * -1: nothing; whiteouts and opaque directories that hide nothing of it are left out. */
int stack_open(const int *layers, size_t n, int below, struct stack *ret, struct err *err)
	__attribute__((warn_unused_result));
/* One layer as it is. */
int stack_open_one(int layer, struct stack *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The directory of that name, which the layer `at` is the topmost to have. path: for messages. */
int stack_enter(const struct stack *s, size_t at, const char *name, const struct buf *path,
	struct stack *ret, struct err *err) __attribute__((warn_unused_result));
/* What is in it, in the order of walk.h; the directories' offsets are at the start. */
int stack_list(const struct stack *s, const char *path, struct stack_list *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Does the layer need a marker that says so? */
bool stack_is_opaque(const struct stack *s);
void stack_done(struct stack *s);
void stack_list_done(struct stack_list *l);
#define AUTO_STACK __attribute__((cleanup(stack_done)))
#define AUTO_STACK_LIST __attribute__((cleanup(stack_list_done)))
