/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a repository holds: its tags, and the manifests that refer to one (distribution-spec
 * "Listing Tags", "Listing Referrers"). Lists come in pages, which a registry could go on with for
 * ever and could look for anywhere: both are bounded here. Each entry becomes a line of the
 * descriptor that was handed over.
 */
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/media_type.h"
#include "registry/operation_internal.h"

#define PAGE_SIZE_WANTED 1000
#define PAGE_MAX (4 * MIB)
#define PAGES_MAX 500
#define ENTRIES_MAX 100000

static int list_page(struct operation *op, char *path, struct err *err);

static int add_line(struct operation *op, const char *line, struct err *err)
{
	if (++op->listed > ENTRIES_MAX)
		return err_set(err, ERR_LIMIT, "registry lists more than %d entries", ENTRIES_MAX);
	if (fs_write_all(op->fd, line, strlen(line)) < 0 || fs_write_all(op->fd, "\n", 1) < 0)
		return err_sys(err, "cannot pass on the list");
	return 0;
}

/* {"name": ..., "tags": [...]}, where no tags may be null. Whoever reads the lines checks that they
 * are tags. */
static int add_tags(struct operation *op, const struct json *page, struct err *err)
{
	const struct json *tags = json_get(page, "tags");
	for (size_t i = 0; i < json_size(tags); i++) {
		const char *tag = json_text(json_at(tags, i));
		if (!tag || strpbrk(tag, "\r\n"))
			return err_set(err, ERR_INVALID, "registry's list of tags holds no tag");
		if (add_line(op, tag, err) < 0)
			return err->code;
	}
	return 0;
}

static int add_referrers(struct operation *op, const struct json *page, struct err *err)
{
	const struct json *list = json_get(page, "manifests");
	if (!json_is(list, JSON_KIND_ARRAY))
		return err_set(err, ERR_INVALID, "registry's list of referrers is no index");
	for (size_t i = 0; i < json_size(list); i++) {
		AUTO_FREE char *line = json_dump(json_at(list, i), 0);
		if (add_line(op, line, err) < 0)
			return err->code;
	}
	return 0;
}

/* Of links: <URL>; rel="prev", <URL>; rel="next". New string, or NULL. RFC 8288 */
static char *next_link(const char *link)
{
	while (link && (link = strchr(link, '<'))) {
		const char *url = link + 1, *end = strchr(url, '>');
		if (!end)
			break;
		link = strchr(end, '<');
		AUTO_FREE char *attributes =
			link ? xstrndup(end, (size_t)(link - end)) : xstrdup(end);
		if (strstr(attributes, "rel=\"next\"") || strstr(attributes, "rel=next"))
			return xstrndup(url, (size_t)(end - url));
	}
	return NULL;
}

/* Only at the registry itself, as the request carries who we are. *ret: new string, NULL on the
 * last page. */
static int next_page(const struct exchange *x, char **ret, struct err *err)
{
	AUTO_FREE char *location = next_link(x->http.response.link);
	AUTO_URL struct url from = {0}, to = {0};
	if (!location)
		return 0;
	if (url_parse(x->sent_url, &from, err) < 0 || url_resolve(&from, location, &to, err) < 0)
		return err_wrap(err, "next page of the list");
	/* behind a proxy registries get their own scheme and host wrong, but never the path */
	if (!streq(from.host, to.host) && *location != '/')
		return err_set(err, ERR_DENIED,
			"the list goes on at another host, '%s', which is refused", to.host);
	*ret = xstrdup(to.target);
	return 0;
}

static void got_page(struct exchange *x, const struct err *failure)
{
	struct operation *op = x->arg;
	struct err err = ERR_INIT;
	AUTO_JSON struct json *page = NULL;
	AUTO_FREE char *next = NULL;
	const char *what = op->kind->pages;
	const struct buf *body = &x->http.body;
	int r = operation_check(x, failure, 0, &err);
	if (r == 0)
		r = json_parse(buf_str(body), body->len, what, &page, &err);
	if (r == 0)
		r = streq(op->kind->name, "tags") ? add_tags(op, page, &err)
		                                  : add_referrers(op, page, &err);
	if (r == 0)
		r = next_page(x, &next, &err);
	if (r == 0 && next && ++op->pages >= PAGES_MAX)
		r = err_set(&err, ERR_LIMIT, "the list has more than %d pages", PAGES_MAX);
	if (r == 0 && next)
		r = list_page(op, take(next), &err);
	else if (r == 0) {
		AUTO_JSON struct json *j = operation_reply(op);
		operation_succeed(op, j);
		return;
	}
	if (r < 0)
		operation_fail(op, &err);
}

static int list_page(struct operation *op, char *path, struct err *err)
{
	int r = operation_prepare(op, HTTP_GET, "pull", path, err);
	if (r < 0)
		return r;
	if (!streq(op->kind->name, "tags"))
		strv_add(&op->x.headers, "Accept: " MT_OCI_INDEX);
	op->x.http.body.max = PAGE_MAX;
	op->x.done = got_page;
	exchange_start(&op->x);
	return 0;
}

int tags_start(struct operation *op, struct err *err)
{
	return list_page(op,
		xasprintf(
			"/v2/%s/tags/list?n=%d", operation_place(op)->repository, PAGE_SIZE_WANTED),
		err);
}

int referrers_start(struct operation *op, struct err *err)
{
	char text[DIGEST_STR_MAX];
	return list_page(op,
		xasprintf("/v2/%s/referrers/%s", operation_place(op)->repository,
			digest_str(&op->digest, text)),
		err);
}
