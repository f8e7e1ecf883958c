/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the kernel that namespaces have their own of, "net.ipv4.tcp_timestamps=0". */
#pragma once
#include <stdbool.h>

struct err;
struct run_spec;
struct strv;

/* ERR_INVALID: it is no KEY=VALUE, or a setting of the whole machine. */
int sysctls_check(const struct strv *words, struct err *err) __attribute__((warn_unused_result));
/* In the namespaces of the calling process; those of namespaces that are the host's stay as they
 * are. own_net: the network is not the host's. */
int sysctls_apply(const struct run_spec *spec, bool own_net, struct err *err)
	__attribute__((warn_unused_result));
