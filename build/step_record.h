/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step keys and their records. In a build a step has a key over what it runs on (link_key), its
 * words and its files. The record that outlives the build is keyed alike, but over the content of
 * the chain below: a layer is used again only on the very files it was made on. It is written as
 * soon as that content is known, which may be after the steps that follow have begun.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>
#include <stddef.h>

struct build;
struct err;
struct link;
struct record;
struct step;

/* below: what it runs on; a step with --link runs on nothing. inputs: of its files and mounts. */
struct digest step_key_of(
	const struct step *s, const struct digest *below, const struct digest *inputs);
/* Writes the records of all links whose chains are committed by now. */
int records_flush(struct build *b, struct err *err) __attribute__((warn_unused_result));

/*
 * What a COPY takes from a stage or image is a function of that tree and the step's words:
 * remembered, so that a build need not read the files again. source: content of the tree.
 */
bool inputs_recall(
	struct build *b, const struct step *s, const struct digest *source, struct digest *ret);
/* What it is remembered under. */
struct digest inputs_key(const struct step *s, const struct digest *source);
/* Notes it; written by notes_flush(), when the stage it is from is committed (from_stage NO_STAGE:
 * source is known). */
void inputs_note(struct build *b, const struct step *s, size_t from_stage,
	const struct digest *source, const struct digest *inputs);
int notes_flush(struct build *b, struct err *err) __attribute__((warn_unused_result));
