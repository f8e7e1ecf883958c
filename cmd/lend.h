/* SPDX-License-Identifier: Apache-2.0 */
/* What others who use the same working container ask of a sandbox that runs
 * (store/container_share.h). */
#pragma once

struct sandbox;

struct lend {
	struct sandbox *sandbox;
	int offer; /* where they ask, or -1; readable: lend_answer() */
	int pauser; /* for whom it stands still, or -1; readable: lend_resume() */
};

void lend_answer(struct lend *l);
void lend_resume(struct lend *l);
