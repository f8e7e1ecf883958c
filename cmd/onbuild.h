/* SPDX-License-Identifier: Apache-2.0 */
/* `from` an image with ONBUILD triggers: they are carried out in the new container. */
#pragma once
#include "base/strv.h"
#include <stdbool.h>

struct app;
struct err;

/*
 * name: of the container, which nobody has locked. What instructions about files and commands are
 * is done by copy, add and run, what RUN prints goes to stderr, or with quiet nowhere. What is for
 * a build alone (ARG, HEALTHCHECK) is left out with a warning. The first that fails ends it.
 */
int onbuild_run(struct app *app, const char *name, const struct strv *triggers, bool quiet,
	struct err *err) __attribute__((warn_unused_result));
