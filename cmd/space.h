/* SPDX-License-Identifier: Apache-2.0 */
/* What a step or a command shares with this machine: --isolation and the namespaces. */
#pragma once
#include "cmd/users.h"

struct app;
struct err;
struct run_spec;

struct space_args {
	const char *isolation, *ipc, *pid, *uts, *cgroupns;
	struct users_args users;
};
extern const struct opt space_options[];

/* Namespaces that are joined are opened here; spec owns them. ERR_INVALID, ERR_UNSUPPORTED */
int space_args_apply(const struct space_args *a, struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
/* One line about what is missing, if something is. */
void space_warn(struct app *app, const struct run_spec *spec);
