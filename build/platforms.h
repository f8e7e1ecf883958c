/* SPDX-License-Identifier: Apache-2.0 */
/* What concerns the platforms of a build as a whole. */
#pragma once
#include <stdbool.h>

struct build;
struct err;
struct image;
struct map;
struct platform;
struct store;
struct strv;

/* --all-platforms: with the stages planned for this machine and contexts applied, finds the
 * platforms that every base image is there for, and plans for those. Pulls the base images. */
int plan_all_platforms(struct build *b, struct err *err) __attribute__((warn_unused_result));
/* Before anything runs: can this machine execute what the RUN steps need? ERR_UNSUPPORTED, with the
 * position of the first RUN that it cannot. */
int platforms_check(struct build *b, struct err *err) __attribute__((warn_unused_result));
/*
 * Can a program of the image be executed, which is for the platform p? Many images are not for the
 * platform that they claim: the program itself is looked at before it is refused. complete: nothing
 * comes above the image's files; else what is not found there may be elsewhere. image may be NULL.
 * ERR_UNSUPPORTED
 */
int platform_check(struct store *s, const struct platform *p, const struct image *image,
	bool complete, const struct strv *argv, const struct map *env, struct err *err)
	__attribute__((warn_unused_result));
/* ": unknown operating system or architecture, did you mean ..." of what nobody has heard of; "" of
 * a platform that is known. New string. */
char *platform_unknown(const struct platform *p);
