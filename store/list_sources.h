/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that users put together may have images of which only manifest and config are here. Where
 * the layers can be fetched from is an annotation of the list's name, "NAME@DIGEST NAME@DIGEST".
 */
#pragma once

struct descriptor;
struct digest;
struct index;
struct store;
struct strv;

/* The reference of one image of the list, a new string; NULL: it was never left elsewhere. */
char *list_source_in(const struct descriptor *list, const struct digest *manifest);
/* The same, whatever list has it. */
char *list_source(struct store *s, const struct digest *manifest);
/* Of the old name and of what is new, those of the images that the list has, to the new name. */
void list_sources_set(const struct descriptor *old, const struct strv *more, const struct index *ix,
	struct descriptor *ret);
