/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an image comes from, as a predicate of SLSA: what it was made of, by which parameters and
 * when. The members are BuildKit's, so that what reads those reads these; what only a graph of
 * BuildKit's could say (buildConfig) is left out.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct build;
struct err;

#define PROVENANCE_V02 "https://slsa.dev/provenance/v0.2"
#define PROVENANCE_V1 "https://slsa.dev/provenance/v1"

struct provenance_opts {
	bool max; /* also build arguments, labels, secrets by name, and the Containerfiles */
	bool v1; /* of SLSA; else v0.2 */
	bool reproducible; /* who builds says so */
	char *builder_id; /* NULL: none */
};

/* "mode=min,version=v1,builder-id=URI,reproducible=true", "true" or "". *ret_wanted: false for
 * "false" and disabled=true. option: for messages. ERR_INVALID, ERR_UNSUPPORTED name the key. */
int provenance_parse(const char *option, const char *text, struct provenance_opts *ret,
	bool *ret_wanted, struct err *err) __attribute__((warn_unused_result));
void provenance_opts_done(struct provenance_opts *o);

/* Puts the predicates of the images into the result, when o->provenance says so. */
void provenance_note(struct build *b);
