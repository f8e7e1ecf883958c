/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the signatures of images are kept that lie in registries: containers-registries.d(5), the
 * only user of libyaml. Lives in mica-remote, which tells mica.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct err;
struct reference;

/* One namespace's settings; NULL: not said. "sigstore" and "sigstore-staging" are older names. */
struct lookaside {
	char *scope; /* as registry_scopes() has it; "" of default-docker */
	char *file; /* that says so */
	char *read, *write; /* lookaside, lookaside-staging */
};

struct registries_d {
	struct lookaside *l;
	size_t n;
};

/* The *.yaml of a directory; NULL: of the user's, else of the system's. That there is none is no
 * error. ERR_INVALID: what is no YAML, or says two things about one namespace. */
int registries_d_load(const char *dir, struct registries_d *ret, struct err *err)
	__attribute__((warn_unused_result));
/* One file's text. */
int registries_d_add(struct registries_d *d, const char *text, size_t n, const char *what,
	struct err *err) __attribute__((warn_unused_result));
/* The URL below which the image's signatures are read, or written. Where nothing says anything it
 * is the usual directory. New string; NULL: there is no such place. */
char *registries_d_place(const struct registries_d *d, const struct reference *ref, bool write);
void registries_d_done(struct registries_d *d);
#define AUTO_REGISTRIES_D __attribute__((cleanup(registries_d_done)))
