/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mica's end of mica-remote: starts it, sends requests with the descriptors that they read or
 * write, and collects the replies, which come in any order. mica-remote ends with remote_close, or
 * where it is kept for another one with remote_keep_end (transport.h), and with us.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct err;
struct json;
struct progress;
struct remote;
struct remote_opts;

/* Where the program mica-remote is. New string. */
char *remote_program(void);
int remote_open(const struct remote_opts *o, struct remote **ret, struct err *err)
	__attribute__((warn_unused_result));
void remote_close(struct remote *r); /* accepts NULL */
static inline void remote_close_p(struct remote **r)
{
	remote_close(*r);
}
#define AUTO_REMOTE __attribute__((cleanup(remote_close_p)))

/* Where to say what is being waited for; borrowed. */
void remote_notes(struct remote *r, struct progress *progress);
/* Takes what has come, so that notes are shown while something else is waited for. */
void remote_listen(struct remote *r);
/* To be polled: readable when replies may have come. */
int remote_fd(const struct remote *r);
/* j: {"op": ...} of message.h, taken over. fd: handed along, closed here when close_fd. *ret_id
 * names the request. */
int remote_request(struct remote *r, struct json *j, int fd, bool close_fd, int64_t *ret_id,
	struct err *err) __attribute__((warn_unused_result));
/* 0: it went well, *ret (may be NULL) is the reply; 1: no reply yet (never with wait); else what
 * went wrong there. After 0 or an error the request is forgotten. */
int remote_reply(struct remote *r, int64_t id, bool wait, struct json **ret, struct err *err)
	__attribute__((warn_unused_result));
/* Bytes moved so far by a request that has no reply yet. */
uint64_t remote_progress(const struct remote *r, int64_t id);
/* A request and its reply. */
int remote_call(struct remote *r, struct json *j, int fd, struct json **ret, struct err *err)
	__attribute__((warn_unused_result));
