/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount points that a sandbox had to make in its root. They go when it has ended; where others use
 * the root, who may have mounted something there as well, they are noted for the last of these.
 */
#pragma once
#include "run/report.h"
#include <stddef.h>

struct stub {
	struct report_stub made;
	int parent;
};

/* Takes it out again, if it still is what was made and holds nothing, and gives its directory the
 * time back that it had. */
void stub_remove(const struct stub *s);
/* In the file `stubs` of the directory dir. */
void stub_note(int dir, const struct stub *s);
/* Removes those that were noted there, of the mount root, and forgets them. */
void stubs_remove_noted(int dir, int root);
