/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each step of a stage was made of in its last build, kept in the store as JSON
 * (store/notes.h):
 *	{"base": {"name": NAME, "digest": HEX},
 *	 "steps": [{"title": TEXT, "key": HEX, "below": HEX, "words": {...}, "lists": {NAME: HEX}}]}
 * "The same stage" is one of the same name or number, or the last one, in the Containerfile of the
 * same place, for the same platform. Which of the steps is which tells step_match.h.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct build;
struct digest;
struct json;
struct stage_run;
struct step_result;
struct step;

/* Of the steps that are over and stored; with `failed` also of the one at work. The caller's. */
struct json *stage_note_make(struct build *b, const struct stage_run *r, bool failed);
/* The key of the record that a step has; false: none yet. */
bool step_result_key(const struct step_result *res, struct digest *ret);
/* Is the note that is kept of these very steps? All of them have to be over and stored. */
bool stage_note_is_current(struct build *b, const struct stage_run *r);
/* NULL: none is kept. The caller's. */
struct json *stage_note_load(struct build *b, const struct stage_run *r);
/* Of a stage that did not get to its end the steps it did not get to stay as they were in `before`
 * (may be NULL). Does nothing when the note is current. */
void stage_note_save(struct build *b, const struct stage_run *r, const struct json *before);
