/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked for and has no effect, beside the lint of the file itself. */
#pragma once

struct build;

/* Once all stages are evaluated: lines into b->result->warnings. */
void warnings_collect(struct build *b);
