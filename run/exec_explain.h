/* SPDX-License-Identifier: Apache-2.0 */
/* Why a file of an image cannot be executed, although it is there. The kernel says ENOENT, EACCES
 * or ENOEXEC, and a shell 126 or 127; what is missing stands in the file. */
#pragma once
#include <stdbool.h>

/*
 * rootfd: of the image. What is wrong, without the file's name: "its interpreter '/bin/bash' does
 * not exist", in buf of EXEC_EXPLAIN_MAX. false: nothing that can be seen, or no such file.
 */
#define EXEC_EXPLAIN_MAX 400
bool exec_explain(int rootfd, const char *file, char *buf);
