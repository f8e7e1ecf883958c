/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mica and mica-remote say to each other: one JSON object a packet (SOCK_SEQPACKET), with at
 * most one descriptor. mica sends requests with an "id" and an "op"; each gets one reply with the
 * same "id", either {"ok":true, ...} or {"error":{"code":N,"message":"..."}}, in any order, and
 * {"progress":BYTES} before it. {"note":"..."} at any time is a line for the user. Progress and
 * notes are dropped while mica does not listen.
 *
 * First the session: {"op":"session", "authfile", "creds", "cert_dir", "tls_verify",
 * "registries_conf", "registries_conf_dir", "retries", "retry_delay_ms", "stall_s", "debug"}; no
 * reply. Then, with "ref" a full reference:
 *	manifest      + descriptor to write to; "ref" (tag or digest), "head",
 *	              "direct" (no mirrors)
 *	              -> "media_type", "digest" (the header's, a hint only), "size", "etag",
 *	              "place"
 *	              ("host/repository" that has it)
 *	has_manifest  "ref" (tag or digest), of the registry that a push goes to -> the same
 *	blob          + descriptor to write to; "ref", "digest", "size"
 *	              -> nothing; the descriptor is closed before the reply
 *	put_blob      + descriptor to read; "ref", "digest", "size", "from" (places that may
 *	              have it, separated by blanks)
 *	              -> "how": "exists", "mounted" or "uploaded"; "place"
 *	put_manifest  + descriptor to read; "ref" (tag or digest), "media_type", "size"; "etag"
 *	              of what it replaces, "" for nothing: ERR_BUSY when another one is there
 *	              -> "subject": the registry keeps the list of referrers by itself
 *	delete_manifest  "ref" (digest) -> nothing
 *	tags          + descriptor to write to; "ref" -> nothing; a tag a line
 *	referrers     + descriptor to write to; "ref", "digest"
 *	              -> nothing; a descriptor in JSON a line
 *	lookaside     "ref" -> "read", "write": the URLs below which signatures of its
 *	              images are (registries_d.h)
 *	login         "registry", "user", "password" -> nothing; they are right
 * Without "ref":
 *	fetch         + a file to write to; "url", "size" (the most that it may have) and what is
 *	              known of it, "etag", "last_modified"
 *	              -> "status" 200, or 304 when what is known still holds; "etag",
 *	              "last_modified", "size"
 *	daemon_save   + a pipe to write to; "socket" of a docker daemon, or "url", with "certs" (a
 *	              directory) and "verify" where that is https; "name" of an image
 *	              -> nothing; a docker-archive was written
 *	daemon_load   + a pipe to read from; the same -> nothing; it has what the archive held
 */
#pragma once
#include "base/mem.h"

struct err;
struct json;

#define MESSAGE_MAX (64 * KIB)

/* fd: passed along, or -1; stays open here. */
int message_send(int sock, const struct json *j, int fd, struct err *err)
	__attribute__((warn_unused_result));
/* What may be lost: it is not waited for room. Whoever reads may be waiting for what we do after
 * it. */
void message_offer(int sock, const struct json *j);
/* 0: *ret (json_free) and *ret_fd (-1 when none came). 1: nothing there on a non-blocking socket.
 * ERR_NOT_FOUND: the other side is gone. */
int message_recv(int sock, struct json **ret, int *ret_fd, struct err *err)
	__attribute__((warn_unused_result));
