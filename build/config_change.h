/* SPDX-License-Identifier: Apache-2.0 */
/* An image's config, changed by words of the command line. */
#pragma once

struct err;
struct image_config;

/* One instruction of a Containerfile that is about the config alone: CMD, ENTRYPOINT, ENV, EXPOSE,
 * LABEL, MAINTAINER, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME, WORKDIR. Variables are those of the
 * config. ERR_INVALID, ERR_UNSUPPORTED. */
int config_change(struct image_config *c, const char *instruction, struct err *err)
	__attribute__((warn_unused_result));
/* A JSON object as "config" of an image is one: what is in it takes the place of what c has;
 * members of Env and Labels, ExposedPorts and Volumes are added. ERR_INVALID */
int config_override(struct image_config *c, const char *json, struct err *err)
	__attribute__((warn_unused_result));
