/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --explain-cache: why a step ran and was not answered from the cache. Compares what the step is
 * made of with what it was made of in the stage's last build (stage_note.h), and says each input
 * that differs. Values of secrets are never in there.
 */
#pragma once

struct build;

/* At the end of the steps, also when one has failed: notes what the next build is compared with,
 * and with --explain-cache adds lines to the result. */
void explain_steps(struct build *b);
/* For people: in quotes, control bytes escaped, the middle of a long text left out. New string. */
char *explain_quote(const char *value);
