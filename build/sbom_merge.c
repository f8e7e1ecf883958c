/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom_merge.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT_MAX 100

bool sbom_merge_parse(const char *text, enum sbom_merge *ret)
{
	static const struct {
		const char *word;
		enum sbom_merge how;
	} words[] = {
		{"cat", SBOM_MERGE_CAT},
		{"merge-cyclonedx-by-component-name-and-version", SBOM_MERGE_CYCLONEDX},
		{"merge-spdx-by-package-name-and-versioninfo", SBOM_MERGE_SPDX},
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (streq(text, words[i].word)) {
			*ret = words[i].how;
			return true;
		}
	}
	return false;
}

/* A list of a document, and by what its items are told apart. */
struct list {
	const char *name; /* of the member */
	const char *key, *version; /* of an item; version NULL: by the key alone */
};

static const struct list cyclonedx_lists[] = {{"components", "name", "version"}, {0}};
static const struct list spdx_lists[] = {{"packages", "name", "versionInfo"},
	{"hasExtractedLicensingInfos", "licenseId", NULL}, {0}};

struct item {
	struct json *value; /* borrowed */
	char *key;
	size_t order;
	bool first; /* of the document that the others are merged into */
};

struct items {
	struct item *v;
	size_t n, cap;
};

static void items_done(struct items *items)
{
	for (size_t i = 0; i < items->n; i++)
		free(items->v[i].key);
	free(items->v);
}

static int add_item(const struct list *l, struct json *value, const char *what, bool first,
	struct items *ret, struct err *err)
{
	const char *key = NULL, *version = NULL;
	if (json_get_string(value, what, l->key, &key, err) < 0 ||
		(l->version && json_get_string(value, what, l->version, &version, err) < 0))
		return err->code;
	if (!key)
		return err_set(err, ERR_INVALID, "%s: no '%s'", what, l->key);
	if (ret->n == ret->cap) {
		ret->cap = ret->cap ? ret->cap * 2 : 64;
		ret->v = xreallocarray(ret->v, ret->cap, sizeof(*ret->v));
	}
	bool has_version = version && *version;
	ret->v[ret->n] = (struct item){.value = value,
		.key = xasprintf("%s%s%s", key, has_version ? "@" : "", has_version ? version : ""),
		.order = ret->n,
		.first = first};
	ret->n++;
	return 0;
}

static int add_items(const struct list *l, const struct json *document, size_t number,
	struct items *ret, struct err *err)
{
	char what[WHAT_MAX];
	struct json *array = NULL;
	snprintf(what, sizeof(what), "document %zu of the scanner", number + 1);
	if (json_get_kind(document, what, l->name, JSON_KIND_ARRAY, &array, err) < 0)
		return err->code;
	for (size_t i = 0; i < json_size(array); i++) {
		struct json *value = json_at(array, i);
		snprintf(what, sizeof(what), "document %zu of the scanner: '%s' %zu", number + 1,
			l->name, i + 1);
		if (!json_is(value, JSON_KIND_OBJECT))
			return err_set(err, ERR_INVALID, "%s is not an object", what);
		if (add_item(l, value, what, number == 0, ret, err) < 0)
			return err->code;
	}
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int c = strcmp(x->key, y->key);
	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	return (x->order > y->order) - (x->order < y->order);
}

/* Of the items of later documents those stay that nobody before had. */
static void drop_known(struct items *items)
{
	size_t n = 0;
	if (!items->n)
		return;
	qsort(items->v, items->n, sizeof(*items->v), by_key);
	for (size_t i = 0; i < items->n; i++) {
		bool known = n && streq(items->v[n - 1].key, items->v[i].key);
		if (known && !items->v[i].first)
			free(items->v[i].key);
		else
			items->v[n++] = items->v[i];
	}
	items->n = n;
	qsort(items->v, n, sizeof(*items->v), by_order);
}

static int merge_list(
	const struct list *l, struct json *const *documents, size_t n, struct err *err)
{
	struct items items = {0};
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_items(l, documents[i], i, &items, err);
	if (r == 0 && n > 1) {
		drop_known(&items);
		struct json *all = json_new_array();
		for (size_t i = 0; i < items.n; i++)
			json_add(all, json_ref(items.v[i].value));
		if (items.n)
			json_set(documents[0], l->name, all);
		else
			json_free(all);
	}
	items_done(&items);
	return r;
}

/* --- package URLs --- */

static const char *text_of(const struct json *o, const char *key)
{
	const char *text = json_text(json_get(o, key));
	return text ? text : "";
}

/* SPDX has them among the references to other places. */
static void add_spdx_purls(const struct json *package, struct strv *ret)
{
	const struct json *refs = json_get(package, "externalRefs");
	for (size_t i = 0; json_is(refs, JSON_KIND_ARRAY) && i < json_size(refs); i++) {
		const struct json *ref = json_at(refs, i);
		const char *category = text_of(ref, "referenceCategory");
		if ((streq(category, "PACKAGE-MANAGER") || streq(category, "PACKAGE_MANAGER")) &&
			streq(text_of(ref, "referenceType"), "purl") &&
			*text_of(ref, "referenceLocator"))
			strv_add(ret, text_of(ref, "referenceLocator"));
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put_purls(struct strv *purls, struct buf *ret)
{
	AUTO_JSON struct json *top = json_new_object();
	struct json *contents = json_new_object(), *list = json_new_array();
	if (purls->n)
		qsort(purls->v, purls->n, sizeof(*purls->v), compare);
	for (size_t i = 0; i < purls->n; i++)
		if (i == 0 || !streq(purls->v[i], purls->v[i - 1]))
			json_add(list, json_new_string(purls->v[i]));
	if (json_size(list))
		json_set(contents, "dependencies", list);
	else
		json_free(list);
	json_set(top, "image_contents", contents);
	AUTO_FREE char *text = json_dump(top, 0);
	buf_addstr(ret, text);
	buf_addch(ret, '\n');
}

static void find_purls(enum sbom_merge how, const struct json *document, struct strv *ret)
{
	bool spdx = how == SBOM_MERGE_SPDX;
	const struct json *list = json_get(document, spdx ? "packages" : "components");
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *item = json_at(list, i);
		if (spdx)
			add_spdx_purls(item, ret);
		else if (*text_of(item, "purl"))
			strv_add(ret, text_of(item, "purl"));
	}
}

/* --- all of it --- */

static int parse(const struct sbom_document *d, size_t n, struct json **ret, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		char what[WHAT_MAX];
		snprintf(what, sizeof(what), "document %zu of the scanner", i + 1);
		if (json_parse(d[i].text, d[i].len, what, &ret[i], err) < 0)
			return err->code;
		if (!json_is(ret[i], JSON_KIND_OBJECT))
			return err_set(err, ERR_INVALID, "%s is not an object", what);
	}
	return 0;
}

static int merge_documents(enum sbom_merge how, struct json *const *documents, size_t n,
	struct buf *ret, struct err *err)
{
	const struct list *lists = how == SBOM_MERGE_SPDX ? spdx_lists : cyclonedx_lists;
	for (const struct list *l = lists; l->name; l++)
		if (merge_list(l, documents, n, err) < 0)
			return err->code;
	if (n > 1) {
		AUTO_FREE char *text = json_dump(documents[0], 0);
		buf_addstr(ret, text);
		buf_addch(ret, '\n');
	}
	return 0;
}

int sbom_merge(enum sbom_merge how, const struct sbom_document *d, size_t n, struct buf *ret,
	struct buf *ret_purls, struct err *err)
{
	AUTO_STRV struct strv purls = STRV_INIT;
	bool looks = how == SBOM_MERGE_CYCLONEDX || how == SBOM_MERGE_SPDX;
	struct json **documents = xcalloc(n, sizeof(*documents));
	int r = looks ? parse(d, n, documents, err) : 0;
	for (size_t i = 0; r == 0 && looks && i < n; i++)
		find_purls(how, documents[i], &purls);
	if (r == 0 && looks)
		r = merge_documents(how, documents, n, ret, err);
	for (size_t i = 0; i < n; i++)
		json_free(documents[i]);
	free(documents);
	if (r < 0)
		return r;
	for (size_t i = 0; (!looks || n == 1) && i < n; i++)
		buf_add(ret, d[i].text, d[i].len);
	put_purls(&purls, ret_purls);
	if (ret->toobig || ret_purls->toobig)
		return err_set(err, ERR_LIMIT, "the scanner's documents are more than %zu bytes",
			ret->max);
	return 0;
}
