/* SPDX-License-Identifier: Apache-2.0 */
/* What `manifest add` and `manifest annotate` say of one entry of a list. */
#pragma once
#include "cmd/opt.h"

struct app;
struct descriptor;
struct digest;
struct err;
struct map;

struct entry_args {
	const char *arch, *os, *os_version, *variant;
	struct strv annotations, features, os_features;
};
extern const struct opt entry_options[];
/* What is said takes the place of what d has; annotations join those that are there. ERR_INVALID */
int entry_args_apply(const struct entry_args *a, struct descriptor *d, struct err *err)
	__attribute__((warn_unused_result));

/* KEY=VALUE words of --annotation. ERR_INVALID */
int manifest_annotations_add(const struct strv *words, struct map *ret, struct err *err)
	__attribute__((warn_unused_result));
/* "ID: DIGEST": the list that there is now, and the entry that was changed. */
void manifest_print_change(struct app *app, const struct digest *list, const struct digest *entry);
