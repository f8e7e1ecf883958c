/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of place a location means. */
#pragma once

struct err;

enum transport {
	TRANSPORT_REGISTRY,
	TRANSPORT_OCI,
	TRANSPORT_OCI_ARCHIVE,
	TRANSPORT_DOCKER_ARCHIVE,
	TRANSPORT_DOCKER_DAEMON,
	TRANSPORT_DIR
};

/* *ret_rest: what follows "oci:" and the like, borrowed. ERR_UNSUPPORTED for transports of other
 * tools. */
int location_parse(const char *location, enum transport *ret, const char **ret_rest,
	struct err *err) __attribute__((warn_unused_result));
