/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image config: what runs and how it came to be. image-spec config.md, with Docker's extension
 * members (Healthcheck, Shell, OnBuild ...), which BuildKit keeps in OCI images and so do we.
 * Unknown members, at the top and in "config", survive a round trip. A config is parsed from bytes
 * nobody vouches for: Env entries without '=' or with an empty name are refused, as are wrong
 * kinds.
 */
#pragma once
#include "base/digest.h"
#include "base/map.h"
#include "base/strv.h"
#include "image/platform.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct err;
struct json;

struct healthcheck {
	struct strv test; /* {"NONE"}, {"CMD", ...}, {"CMD-SHELL", text}; empty: inherit */
	int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
	int64_t retries;
};

struct history {
	char *created; /* RFC 3339 or NULL */
	char *created_by;
	char *author;
	char *comment;
	bool empty_layer;
};

struct image_config {
	struct platform platform;
	char *created; /* RFC 3339 or NULL */
	char *author;

	char *user;
	struct strv exposed_ports; /* "80/tcp"; a set, sorted when written */
	struct map env;
	struct strv entrypoint;
	bool has_entrypoint; /* distinguishes null from [] */
	struct strv cmd;
	bool has_cmd;
	struct strv volumes; /* a set */
	char *working_dir;
	struct map labels;
	char *stop_signal;
	struct strv shell;
	struct strv on_build;
	bool args_escaped;
	bool has_healthcheck;
	struct healthcheck healthcheck;

	struct digest *diff_ids;
	size_t n_diff_ids;
	struct history *history;
	size_t n_history;

	struct json *extra; /* unknown top-level members, or NULL */
	struct json *extra_config; /* unknown members of "config", or NULL */
};

void image_config_init(struct image_config *c, const struct platform *p);
int image_config_parse(const char *text, size_t n, struct image_config *ret, struct err *err)
	__attribute__((warn_unused_result));
/* new string: compact JSON in a fixed order */
char *image_config_dump(const struct image_config *c);
void image_config_copy(struct image_config *dst,
	const struct image_config *src); /* dst is overwritten, not freed */
void image_config_add_diff_id(struct image_config *c, const struct digest *d);
/* "os.features" of the platform: those of the list that are not there yet, without those that it
 * has as "NAME-"; *ret gets all of them */
void image_config_add_os_features(struct image_config *c, const struct strv *add, struct strv *ret);
/* strings are copied, NULLs allowed */
void image_config_add_history(struct image_config *c, const char *created, const char *created_by,
	const char *comment, bool empty_layer);
/* The first n entries stay. */
void image_config_cut_history(struct image_config *c, size_t n);
void image_config_done(struct image_config *c);
