/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What SELinux calls the files of a step. File systems that are mounted for one are labelled as a
 * whole by the option "context"; layers, and what has no mount of its own, are labelled file by
 * file. No label is in a layer's archive (base/xattr.h).
 */
#pragma once

struct err;

/* From here on, for this process and its children. files: of what a step alone sees; shared: of
 * what others may see too. Both NULL, as at first: nothing is labelled. */
void label_use(const char *files, const char *shared);
/* NULL: nothing is labelled. */
const char *label_files(void);
const char *label_shared(void);

/* Labels the file, or the directory and all that is in it; links are labelled and not followed. fd
 * may be O_PATH. name: for messages. */
int label_tree(int fd, const char *label, const char *name, struct err *err)
	__attribute__((warn_unused_result));
/* The same where the root of it has another label. */
int label_tree_once(int fd, const char *label, const char *name, struct err *err)
	__attribute__((warn_unused_result));
