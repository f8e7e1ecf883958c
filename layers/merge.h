/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several layers' directories made one, as if they had been a single layer (image-spec layer.md):
 * the topmost file of a path stays, directories are merged down to the first that is opaque or has
 * something else in its place. Files are further hard links of the layers' own, so no content is
 * copied, and files with several names in one layer stay together.
 */
#pragma once
#include <stddef.h>

struct err;

/*
 * layers: directory descriptors on the file system of `to`, topmost first; to: an empty directory.
 * below: the tree that the result will lie upon; whiteouts and opaque directories that hide nothing
 * of it are left out. -1: nothing is below, so there are none.
 */
int layers_merge(const int *layers, size_t n, int below, int to, struct err *err)
	__attribute__((warn_unused_result));
