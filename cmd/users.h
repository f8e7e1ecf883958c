/* SPDX-License-Identifier: Apache-2.0 */
/* --userns and its kin: a user namespace for steps alone. */
#pragma once
#include "base/strv.h"
#include "cmd/opt.h"

struct err;
struct run_spec;

struct users_args {
	const char *userns, *uid_map_user, *gid_map_group;
	struct strv uid_maps, gid_maps;
	const char *auto_user; /* of storage.conf: whose numbers "auto" takes; NULL: not said */
};
extern const struct opt users_options[];

/* spec owns the namespace. ERR_INVALID, ERR_UNSUPPORTED */
int users_args_apply(const struct users_args *a, struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
