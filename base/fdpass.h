/* SPDX-License-Identifier: Apache-2.0 */
/* Messages over a Unix socket that may carry one descriptor; unix(7), SCM_RIGHTS. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* fd: -1 for none. A full socket is waited for, also a non-blocking one. 0, or -1 with errno. */
int fdpass_send(int sock, const void *data, size_t n, int fd) __attribute__((warn_unused_result));
/* flags: of recvmsg(2). *ret_fd: the caller's, close-on-exec, or -1. *ret_cut: the message was
 * longer, or carried more. As recv(2): 0 at the end, -1 with errno. */
ssize_t fdpass_receive(int sock, void *data, size_t n, int flags, int *ret_fd, bool *ret_cut)
	__attribute__((warn_unused_result));
