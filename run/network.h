/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private network: a net namespace connected to the outside in user mode by pasta, else
 * slirp4netns, made once a build and shared by its steps. The helper dies with us.
 */
#pragma once
#include <stdbool.h>

struct err;
struct network;
struct run_spec;

/* Starts the helper and returns at once; network_ready() waits until the namespace is connected.
 * spec: says which one, and whether the host is to be reachable; it must outlive the network.
 * ERR_NOT_FOUND: the program is not installed, or neither; ERR_UNSUPPORTED: the host cannot be
 * reached. */
int network_start(const struct run_spec *spec, struct network **ret, struct err *err)
	__attribute__((warn_unused_result));
int network_ready(struct network *n, struct err *err) __attribute__((warn_unused_result));
int network_netns(const struct network *n); /* descriptor of the net namespace */
const char *network_helper(const struct network *n); /* "pasta", "slirp4netns" */
/* the address of the name server as seen from inside, or NULL: use the host's resolv.conf */
const char *network_dns(const struct network *n);
/* the address of the host as seen from inside, once it is ready; NULL: it cannot be reached */
const char *network_gateway(const struct network *n);
void network_stop(struct network *n); /* accepts NULL */
