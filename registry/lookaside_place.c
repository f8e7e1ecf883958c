/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "registry/client.h"
#include "registry/operation_internal.h"
#include "registry/registries_d.h"

int lookaside_start(struct operation *op, struct err *err)
{
	AUTO_REGISTRIES_D struct registries_d d = {0};
	int r = registries_d_load(op->client->opts.registries_d, &d, err);
	if (r < 0)
		return r;
	AUTO_FREE char *read = registries_d_place(&d, &op->ref, false);
	AUTO_FREE char *write = registries_d_place(&d, &op->ref, true);
	AUTO_JSON struct json *j = operation_reply(op);
	json_set_string(j, "read", read);
	json_set_string(j, "write", write);
	operation_succeed(op, j);
	return 0;
}
