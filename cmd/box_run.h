/* SPDX-License-Identifier: Apache-2.0 */
/* `run`: a spec in the sandbox until it ends, and the words of its options that need opening. */
#pragma once
#include <stdbool.h>

struct app;
struct err;
struct map;
struct run_spec;
struct sandbox_result;
struct strv;
struct txn;

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* PATH and TERM where they are missing, then the words of --env (cmd/env_words.h). */
int box_set_env(const struct strv *words, bool tty, struct map *env, struct err *err)
	__attribute__((warn_unused_result));
/* Frees the spec and closes the sources of its mounts. */
void box_close(struct run_spec *spec);
/* Others may run something in the same root at the same time. */
struct box_share {
	/* it runs: *ret_offer: where they ask for the root (attach()), or -1 */
	void (*begun)(void *arg, int *ret_offer);
	/* it has ended; are there others? offer: begun()'s, to be closed */
	bool (*ended)(void *arg, int offer);
	void *arg;
	int notes; /* sandbox_share_root() */
};
/* Runs it and returns its exit status; 126 and 127 as a shell when it cannot be started.
 * *ret_result, which may be NULL, is all zeros then. share: NULL, or as above; who was not begun
 * has not ended either. */
int box_run(struct app *app, struct txn *txn, struct run_spec *spec, const struct box_share *share,
	struct sandbox_result *ret_result, struct err *err) __attribute__((warn_unused_result));
