/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of an image's history, created_by, in the words of BuildKit, by which other tools know
 * what made a layer: with the values of variables, those of ARG in front of a RUN's command, and
 * "# buildkit" behind what files were made by. Each returns a new string.
 */
#pragma once

struct eval;
struct healthcheck;
struct step;
struct strv;

/* VOLUME [a b] */
char *history_list(const char *name, const struct strv *words);
/* CMD ["a" "b"], quoted as Go's %q */
char *history_command(const char *name, const struct strv *words);
char *history_health(const struct healthcheck *h);
/* What secret arguments are is not told. */
char *history_run(const struct eval *e, const struct strv *command);
/* dest: the word, expanded */
char *history_copy(const struct step *s, const char *dest);
