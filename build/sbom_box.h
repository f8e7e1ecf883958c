/* SPDX-License-Identifier: Apache-2.0 */
/* A scanner's command in the sandbox, from its start to its end. */
#pragma once

struct err;
struct network;
struct run_spec;
struct sbom_scan;

/* What it prints is told as the output of the task `id`. net: NULL, or for a private network.
 * ERR_INVALID: it failed; ERR_LIMIT: it took more memory or time than it may. */
int sbom_box_run(const struct sbom_scan *s, struct network *net, struct run_spec *spec,
	const char *id, struct err *err) __attribute__((warn_unused_result));
