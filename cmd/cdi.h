/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices by name, "vendor.com/class=name": what documents of their vendors say that a container
 * which is shown one needs. Container Device Interface, SPEC.md, "CDI JSON Specification".
 *
 *	device nodes   as --device
 *	mounts         of files and directories of this machine
 *	env            of commands, not of the image
 *	groups         additionalGids
 *
 * Hooks and other edits are refused: the sandbox is ours, there is nothing that would carry them
 * out.
 */
#pragma once
#include <stdbool.h>

struct err;
struct run_spec;
struct strv;

bool cdi_is_name(const char *text);
/* Looks into *.json, *.yaml and *.yml of these directories; of the same device in two of them that
 * of the later one counts. Adds to an initialised spec; what is opened stays open with its mounts.
 * ERR_NOT_FOUND: no such device, ERR_INVALID: a document is wrong, or two of a directory have the
 * device, ERR_UNSUPPORTED */
int cdi_apply(const char *name, const struct strv *dirs, struct run_spec *spec, struct err *err)
	__attribute__((warn_unused_result));
