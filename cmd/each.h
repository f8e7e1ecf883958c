/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that do the same with each of their arguments. */
#pragma once

struct app;
struct err;
struct strv;

typedef int (*each_fn)(struct app *app, const char *word, void *arg, struct err *err);

/* All are tried. The last failure is the result; those before it have been printed, in order. */
int each_word(struct app *app, const struct strv *words, each_fn fn, void *arg, struct err *err)
	__attribute__((warn_unused_result));
