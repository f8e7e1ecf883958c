/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of box_args_apply(): from the words of the command line to the spec of a step. */
#pragma once

struct box_args;
struct err;
struct run_spec;

int box_apply_network(const struct box_args *a, struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
int box_apply_devices(const struct box_args *a, struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
