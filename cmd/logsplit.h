/* SPDX-License-Identifier: Apache-2.0 */
/* A log in several files: lines that begin with "[linux/arm64] " go to FILE_linux_arm64, others to
 * FILE itself. Only the platforms that are asked for are looked for: what a step prints cannot name
 * a file. */
#pragma once
#include <fcntl.h>
#include <stdio.h>

struct err;
struct platform_list;

/* The log of an earlier build goes; what other programs write meanwhile stays. */
#define LOGFILE_FLAGS (O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY)

/* A stream that writes to files made 0600. Of one platform, or none named (the machine's), every
 * line is that platform's. Closing fails when a file could not take everything. NULL: err says why.
 */
FILE *logsplit_open(const char *path, const struct platform_list *platforms, struct err *err);
