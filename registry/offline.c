/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/offline.h"

#include <stdbool.h>

#include "base/err.h"

static bool offline;

void offline_set(void)
{
	offline = true;
}

bool offline_is_set(void)
{
	return offline;
}

int offline_check(const char *what, struct err *err)
{
	if (!offline)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		"'%s' would be asked for over the network, which --offline forbids", what);
}
