/* SPDX-License-Identifier: Apache-2.0 */
/* What a step or a command shares with this machine: --isolation and the namespaces. */
#pragma once
#include "cmd/users.h"
#include <stdbool.h>

struct app;
struct box_args;
struct err;
struct map;
struct run_spec;

struct space_args {
	const char *isolation, *ipc, *pid, *uts, *cgroupns;
	struct users_args users;
};
extern const struct opt space_options[];

/* Is it isolation 'chroot'? text: of --isolation, NULL: not said, then
 * $BUILDAH_ISOLATION says it, or what works here. *ret_from: who says it, NULL: nobody.
 * ERR_INVALID, ERR_UNSUPPORTED */
int space_isolation(const char *text, bool *ret_chroot, const char **ret_from, struct err *err)
	__attribute__((warn_unused_result));
/* Namespaces that are joined are opened here; spec owns them. ERR_INVALID, ERR_UNSUPPORTED */
int space_args_apply(const struct space_args *a, struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
/* The path of PATH or ns:PATH. */
const char *space_path(const char *v);
/* Which namespaces are not the step's own: "pid" -> "host", or the path of what is joined. Those of
 * users and of the network are not among them. After space_args_apply(). */
void space_words(const struct space_args *a, const struct run_spec *spec, struct map *ret);
/* One line about what is missing, if something is. */
void space_warn(struct app *app, const struct run_spec *spec);
/* And one for each option that was said and that isolation 'chroot' makes nothing of. hostname: the
 * one that was said, or NULL */
void space_warn_options(struct app *app, const struct run_spec *spec, const struct space_args *a,
	const struct box_args *box, const char *hostname);
