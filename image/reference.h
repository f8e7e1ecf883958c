/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What users type to name an image: [registry/]repository[:tag][@digest]. Grammar of
 * distribution/reference; "busybox" is docker.io/library/busybox:latest. No '..', no control bytes,
 * no leading '-', at most 255 bytes of name and 128 of tag.
 */
#pragma once
#include "base/digest.h"
#include <stdbool.h>

struct err;

struct reference {
	char *registry; /* "docker.io", "localhost:5000", "localhost" */
	char *repository; /* "library/busybox" */
	char *tag; /* NULL when none was given */
	bool has_digest;
	struct digest digest;
	bool was_short; /* the text named no registry */
};

/* Fills in docker.io and library/ where no registry is named; no default tag. ERR_INVALID: the
 * message names the text and the offending part. */
int reference_parse(const char *text, struct reference *ret, struct err *err)
	__attribute__((warn_unused_result));
/* As for the name of a thing that is built here or tagged: a short name gets localhost/ (buildah),
 * :latest when neither tag nor digest. */
int reference_parse_local(const char *text, struct reference *ret, struct err *err)
	__attribute__((warn_unused_result));
/* adds :latest when there is neither tag nor digest */
void reference_default_tag(struct reference *r);
/* "docker.io/library/busybox:latest", with @digest when there is one. New string. */
char *reference_str(const struct reference *r);
/* "docker.io/library/busybox". New string. */
char *reference_name(const struct reference *r);
void reference_done(struct reference *r);
#define AUTO_REFERENCE __attribute__((cleanup(reference_done)))
