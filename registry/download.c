/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/download.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/called.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/progress.h"
#include "registry/remote.h"
#include "registry/url.h"

#define TICK_MS 100

static int wait_reply(struct remote *r, int64_t id, struct progress *progress, const char *shown,
	struct json **ret, struct err *err)
{
	for (;;) {
		int rc = remote_reply(r, id, false, ret, err);
		if (rc != 1)
			return rc;
		progress_update(progress, shown, remote_progress(r, id));
		struct pollfd p = {.fd = remote_fd(r), .events = POLLIN};
		(void)poll(&p, 1, TICK_MS);
	}
}

static char *copy_text(const struct json *j, const char *key)
{
	const char *text = json_text(json_get(j, key));
	return text ? xstrdup(text) : NULL;
}

/* What mica-remote says of a server's refusal, for who is called buildah in its words. */
static int refused(struct err *err)
{
	static const char answered[] = " answered with status ";
	const char *at = strstr(err->msg, answered);
	uint64_t status;

	if (!called_buildah() || !at || !num_u64(at + strlen(answered), 999, &status))
		return err->code;
	return err_wrap(err, "invalid response status %u", (unsigned)status);
}

int download(const struct download *d, const struct remote_opts *o, struct downloaded *ret,
	struct err *err)
{
	AUTO_REMOTE struct remote *r = NULL;
	AUTO_JSON struct json *reply = NULL;
	AUTO_FREE char *url = NULL, *user = NULL;
	int64_t id;
	if (url_split_user(d->url, &url, &user, err) < 0 || remote_open(o, &r, err) < 0)
		return err->code;
	remote_notes(r, d->progress);
	struct json *j = json_new_object();
	json_set_string(j, "op", "fetch");
	json_set_string(j, "url", url);
	json_set_string(j, "user", user);
	json_set_string(j, "etag", d->etag);
	json_set_string(j, "last_modified", d->last_modified);
	if (d->max)
		json_set_int(j, "size", (int64_t)d->max);
	if (remote_request(r, j, d->fd, false, &id, err) < 0)
		return err->code;
	AUTO_FREE char *shown = url_shown(d->url, false);
	progress_begin(d->progress, shown, "fetch", 0);
	int rc = wait_reply(r, id, d->progress, shown, &reply, err);
	progress_end(d->progress, shown, rc == 0 ? "done" : "failed");
	if (rc < 0)
		return refused(err);
	*ret = (struct downloaded){
		.unchanged = json_int(json_get(reply, "status")) == 304,
		.etag = copy_text(reply, "etag"),
		.last_modified = copy_text(reply, "last_modified"),
		.size = (uint64_t)json_int(json_get(reply, "size")),
	};
	return 0;
}

void downloaded_done(struct downloaded *d)
{
	free(d->etag);
	free(d->last_modified);
}
