/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where buildah builds otherwise than BuildKit, for who calls us buildah (base/called.h):
 *
 *	an error begins with the instruction that it is in;
 *	VOLUME makes its directories, a bare RUN gives its shell no command;
 *	directories that COPY makes on its way are 0755, whatever --chmod says;
 *	a pattern of COPY must match something, and an ignored directory is looked into only for
 *	an exception that begins with its name;
 *	HEALTHCHECK, ONBUILD and SHELL are not in an image of OCI's form;
 *	the image tells its base and when it was made by annotations, and its history what was
 *	said of annotations;
 *	history names the base image, a file of no instructions, too;
 *	history has the names of each ARG that has a value, and not the value;
 *	a repository comes with its .git;
 *	what ADD unpacks keeps its owners, and what comes from the build's context has no setuid
 *	and setgid bits;
 *	a base image that is here is taken, whatever platform it is for, unless one was said;
 *	an image without a new layer is new;
 *	steps are as old as --timestamp says, see /run/.containerenv and, of --network=none, the
 *	image's own /etc/hosts and /etc/resolv.conf.
 *
 * Nothing of it is done for who calls us mica.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct build;
struct err;
struct eval;
struct image_config;
struct inst;
struct map;
struct mount_opts;
struct platform;
struct run_spec;
struct stage_plan;
struct step;
struct strv;

/* building at STEP "...": in front of the message. Returns err->code. */
int as_buildah_error(const struct inst *inst, struct err *err);
/* A Containerfile that cannot be read as one: behind its name and position stands which of them it
 * is. path: as given. Returns err->code. */
int as_buildah_parse_error(const char *path, bool further, struct err *err);
/* COPY of what the file rules of the context directory hides: the words for it in front of the
 * message. Returns err->code. */
int as_buildah_hidden(const char *context, const char *rules, const char *source, struct err *err);
/* COPY of patterns of which none matches. */
int as_buildah_matched(const struct eval *e, struct err *err) __attribute__((warn_unused_result));
/* --chown of a user without a name. chown: NULL or expanded */
int as_buildah_chown(const struct eval *e, const char *chown, struct err *err)
	__attribute__((warn_unused_result));
/* ADD: do files of archives keep their owners, whatever --chown says? */
bool as_buildah_unpacks(const struct step *s);
/* Has a repository's context, and what ADD makes of one, its .git? */
bool as_buildah_keeps_git(void);
/* COPY and ADD: are the directories on the way to the destination, and it, 0755 whatever --chmod
 * says? */
bool as_buildah_makes_dirs(const struct step *s);
/* COPY and ADD: do files of the build's context lose their setuid and setgid bits? */
bool as_buildah_strips(const struct step *s);
/* --pull=missing takes what has the name here, whatever it is for, unless a platform was said:
 * *platform becomes that of the image. */
void as_buildah_here(const struct build *b, const char *name, struct platform *platform);
/* A cache that begins with files of something else is an overlay on them, and nobody keeps what is
 * written. */
void as_buildah_mount(struct mount_opts *o);
/* The ARG has no value. */
void as_buildah_arg(struct eval *e, const char *name);
/* A step that makes the directories, after the history entry of the instruction. */
void as_buildah_volumes(struct eval *e, const struct strv *paths);
/* Is the host name of steps, and of an image of Docker's form, "sandbox", for builds that are to be
 * the same? */
bool as_buildah_is_fixed(const struct build *b);
/* The files by which a step learns where it is. */
void as_buildah_tells(struct run_spec *spec);
/* The stage is for the platform, its base image for another one. */
void as_buildah_platform(
	struct build *b, const struct platform *wanted, const struct platform *found);
/* Has the image the variant of its base image, whatever was said? stage: that on the base image. */
bool as_buildah_keeps(const struct build *b, size_t stage);
/* An image of OCI's form: without what only Docker's has a word for. */
void as_buildah_oci(struct image_config *c);
/* Of the image that is made. */
void as_buildah_config(struct build *b, struct image_config *c);
/* Of the image that is made, and of those of its steps, which may be images of builds, too: the
 * history says what they are made from. p: as below. */
void as_buildah_names_base(
	const struct build *b, const struct stage_plan *p, struct image_config *c);
/* What was said of annotations is in its history, so that images which differ in nothing else have
 * IDs of their own. p: the stage that is on the base image. */
void as_buildah_history(const struct build *b, const struct stage_plan *p, struct image_config *c);
/* last: when its newest layer was made, tv_sec -1 for none. An image without a new layer is made
 * now, and not when its base image was; but by --layers, which makes the same image again. */
void as_buildah_created(
	const struct build *b, size_t base_history, struct image_config *c, struct timespec *last);
/* p: the stage that is on the base image. */
void as_buildah_annotations(
	const struct build *b, const struct stage_plan *p, struct map *annotations);
/* Are there no records of the steps? A build without layers neither asks the cache nor changes it,
 * so that one with layers makes the image that it made before. */
bool as_buildah_forgets(const struct build *b);
/* When a record says that its step was made: --timestamp is meant for it, too, and --cache-ttl
 * counts from then. */
struct timespec as_buildah_recorded(const struct build *b, struct timespec created);
/* Has the store each layer that a cache elsewhere answers with, be it needed or not: the images
 * of steps want them. */
bool as_buildah_pulls(const struct build *b);
/* Is the base image of the stage the image, as it is? */
bool as_buildah_is_base(const struct build *b, const struct stage_plan *p);
