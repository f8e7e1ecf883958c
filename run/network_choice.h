/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --network says of the program that connects a private network: which one, and how. The words
 * are those of buildah-run(1).
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>

#include "base/strv.h"

struct err;

struct network_choice {
	const char *helper; /* "pasta", "slirp4netns"; NULL: whichever there is */
	bool gateway; /* the host can be reached, services on its loopback interface among them */
	struct strv options; /* for its command line */
	char dns[INET6_ADDRSTRLEN]; /* where it answers DNS questions; "": as ever */
	char host[INET_ADDRSTRLEN]; /* where the host can be reached; "": as ever */
};

/* "pasta", "slirp4netns", "pasta:WORD,WORD...", "slirp4netns:NAME=VALUE,...". *ret_is false: text
 * is none of them. ERR_INVALID */
int network_choice_parse(const char *text, struct network_choice *ret, bool *ret_is,
	struct err *err) __attribute__((warn_unused_result));
/* Is one of these among the options, alone or with "=VALUE"? long_name or short_name */
bool network_choice_has(
	const struct network_choice *c, const char *short_name, const char *long_name);
void network_choice_done(struct network_choice *c);
