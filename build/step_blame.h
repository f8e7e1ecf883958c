/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The word of the Containerfile that a step failed for: a source that another stage or an image
 * does not have, a user that the image does not know, a place that is in the way of what shall be
 * there. Looked for when a step has failed, so that a step that does not fail costs nothing.
 */
#pragma once
#include "build/missing.h"

struct build;
struct err;
struct stage_run;

/* False: the current step failed for something else than a word of it, as far as `why` and the
 * files of its sources tell. text is the caller's. */
bool step_blame(
	struct build *b, const struct stage_run *r, const struct err *why, struct blame *ret);
