/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intermediate images: what a build that is told to keep its layers had after each instruction.
 * They are lines of index.json like those of other images without a name, with an annotation that
 * has the digests of the images that were built by way of them. When the last of these is gone a
 * sweep removes them, and so does one that removes cache records. Who gives one a name, or builds
 * just that, makes it an image like any other.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct descriptor;
struct digest;
struct err;
struct index_line;
struct name;
struct names;
struct store;

#define ANNOTATION_STEP_OF "mica.step-of"

/* After the result has its line. What is an image already stays what it is. What gets a line is
 * synced before. Writes nothing when nothing changes. */
int step_images_keep(struct store *s, const struct descriptor *images, size_t n,
	const struct digest *result, struct err *err) __attribute__((warn_unused_result));
/* What the line's annotation says; NULL: it is no intermediate image. New string. */
char *step_image_results(const struct index_line *l);
/* Is it one? Asked of lines without a name. */
bool step_image_is(const struct index_line *l);
/* going[i], of those that are not intermediate images, is said; sets it for those that are and that
 * no other image needs any more. */
void step_images_follow(const struct names *names, bool *going);
