/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of --volume of build, from and run: SOURCE:/TARGET[:OPTIONS], where "\:" is a colon of
 * a path. The source is opened here and now: what is mounted later is this very file, whatever its
 * name means by then.
 */
#pragma once
#include "run/spec.h"
#include <stdbool.h>

struct err;

struct volume_words {
	struct run_mount mount; /* its source and target are the caller's */
	bool overlay; /* O: changes do not reach the source */
	int upper, work; /* O,upperdir=DIR,workdir=DIR: they stay there; -1: not said */
};

/* ret: to be done with volume_words_done() after success only. ERR_INVALID, ERR_UNSUPPORTED,
 * ERR_SYS */
int volume_words_parse(const char *text, struct volume_words *ret, struct err *err)
	__attribute__((warn_unused_result));
/* May what is open there be given to the user of a command (option U), or labelled for it (z)?
 * ERR_INVALID: all of /usr and its like. name: for messages */
int volume_may_change(int source, const char *name, const char *option, struct err *err)
	__attribute__((warn_unused_result));
/* Closes upper and work. */
void volume_words_done(struct volume_words *v);
