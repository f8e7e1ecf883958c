/* SPDX-License-Identifier: Apache-2.0 */
/* A file from anywhere, by http or https, through mica-remote. Redirects are followed (not from
 * https to http), failures that may pass are repeated; who logs in, "https://user:password@host",
 * is told to that host alone. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct err;
struct progress;
struct remote_opts;

struct download {
	const char *url;
	int fd; /* a regular file, empty; borrowed */
	uint64_t max; /* more bytes are an error; 0: the disk is the limit */
	const char *etag, *last_modified; /* of what we have, or NULL: only a newer one is sent */
	struct progress *progress;
};

struct downloaded {
	bool unchanged; /* fd got nothing */
	char *etag, *last_modified; /* as sent, or NULL */
	uint64_t size;
};

/* ERR_INVALID: not a URL that we take. ERR_NOT_FOUND, ERR_DENIED, ERR_NETWORK */
int download(const struct download *d, const struct remote_opts *o, struct downloaded *ret,
	struct err *err) __attribute__((warn_unused_result));
void downloaded_done(struct downloaded *d);
#define AUTO_DOWNLOADED __attribute__((cleanup(downloaded_done)))
