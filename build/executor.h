/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: stages go on side by side as far as their dependencies and --jobs allow; one process,
 * one poll(2). */
#pragma once

struct build;
struct err;

/* Carries out all needed stages and waits for their commits. On failure or a signal (ERR_CANCELLED,
 * err->sys its number) everything at work has been killed. */
int executor_run(struct build *b, struct err *err) __attribute__((warn_unused_result));
