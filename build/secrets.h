/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --secret and --ssh hand to RUN --mount. Contents are read when a step first asks for them,
 * before anything runs, stay in memory and are wiped at the end: no history, log or layer sees
 * them, and no key but those of the steps for which cache=digest was asked.
 */
#pragma once
#include "build/ssh_source.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct map;
struct strv;

#define SECRET_ARG "build-arg:"

/* What is done when a RUN that mounts it leaves it in a file. */
enum secret_leak {
	LEAK_WARN,
	LEAK_ALLOW, /* nothing */
	LEAK_FAIL, /* the step fails; and what steps print has "***" for it */
};

struct secret {
	char *id;
	char *env; /* a variable of our environment, else */
	char *file; /* which must be there in either case */
	bool in_key; /* its content is an input of the steps that use it */
	enum secret_leak leak;
	bool loaded;
	char *data; /* NUL-terminated */
	size_t len;
};

struct secrets {
	struct secret *s;
	size_t n;
	struct ssh_source *ssh;
	size_t n_ssh;
};

/*
 * secrets: "id=ID[,src=FILE|,env=NAME][,type=file|env][,cache=digest][,leak=warn|allow|fail]"; ssh:
 * as ssh_source_parse(). Files must exist. ERR_INVALID, ERR_NOT_FOUND.
 */
int secrets_parse(const struct strv *secrets, const struct strv *ssh, struct secrets *ret,
	struct err *err) __attribute__((warn_unused_result));
/*
 * --build-arg-secret: one for each, called SECRET_ARG and its name, that makes the steps that use
 * it new ones when it changes, and may be left in no file. Value NULL: our environment's.
 * ERR_NOT_FOUND.
 */
int secrets_add_args(struct secrets *s, const struct map *args, struct err *err)
	__attribute__((warn_unused_result));
void secrets_done(struct secrets *s);
/* NULL: not given */
struct secret *secrets_find(const struct secrets *s, const char *id);
struct ssh_source *secrets_find_ssh(const struct secrets *s, const char *id);
/* Reads it if that was not done yet; a variable that is not set is an empty secret, as docker and
 * buildah have it. At most 500 KiB, as BuildKit: ERR_LIMIT. */
int secret_load(struct secret *s, struct err *err) __attribute__((warn_unused_result));
