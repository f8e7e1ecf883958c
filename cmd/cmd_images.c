/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/format.h"
#include "cmd/image_filter.h"
#include "cmd/image_list.h"
#include "cmd/image_sort.h"
#include "cmd/table.h"
#include "cmd/text.h"
#include "store/store.h"

#define SHORT_ID 12 /* digits, as docker and buildah */

struct images_args {
	bool all, digests, json, no_trunc, noheading, quiet, history;
	const char *format, *sort;
	struct strv filters;
};

static const struct opt images_options[] = {
	OPT_BOOL('a', "all", struct images_args, all),
	OPT_BOOL(0, "digests", struct images_args, digests),
	OPT_STRV('f', "filter", struct images_args, filters),
	OPT_STRING(0, "format", struct images_args, format),
	OPT_BOOL(0, "history", struct images_args, history),
	OPT_BOOL(0, "json", struct images_args, json),
	OPT_BOOL(0, "no-trunc", struct images_args, no_trunc),
	OPT_BOOL('n', "noheading", struct images_args, noheading),
	OPT_BOOL('q', "quiet", struct images_args, quiet),
	OPT_STRING(0, "sort", struct images_args, sort),
	OPT_END,
};

/* --- showing --------------------------------------------------------------------------------- */

#define NONE "<none>"
#define NOT_COUNTED "N/A" /* as docker says it of what a list does not look for */
#define AGE_MAX (TEXT_NUM_MAX + 4)
#define TABLE_MAX (64 * MIB) /* 100,000 images at 600 bytes a line */

static const char *id_text(const struct listed *l, bool no_trunc, char buf[DIGEST_STR_MAX])
{
	if (no_trunc)
		return digest_str(&l->shown, buf);
	digest_hex(&l->shown, buf)[SHORT_ID] = '\0';
	return buf;
}

static const char *age_text(const struct listed *l, char buf[AGE_MAX])
{
	char age[TEXT_NUM_MAX];

	if (!l->dated)
		return "<unknown>";
	(void)snprintf(buf, AGE_MAX, "%s ago", text_age(clock_now().tv_sec - l->created_s, age));
	return buf;
}

/* name_len bytes of name, tag_len of tag */
struct name_parts {
	const char *name, *tag;
	int name_len, tag_len;
};

/* NAME[:TAG][@DIGEST] */
static struct name_parts split_ref(const char *ref)
{
	const int none = (int)strlen(NONE);

	if (!ref)
		return (struct name_parts){NONE, NONE, none, none};
	size_t len = strcspn(ref, "@");
	const char *colon = memrchr(ref, ':', len);
	if (!colon || memchr(colon, '/', len - (size_t)(colon - ref)))
		return (struct name_parts){ref, NONE, (int)len, none};
	size_t name_len = (size_t)(colon - ref);
	return (struct name_parts){ref, colon + 1, (int)name_len, (int)(len - name_len - 1)};
}

/* Its names, those that it has lost first; as buildah, without the one that the line is about when
 * that is the oldest. New string. */
static char *history_text(const struct listed *l, const char *ref)
{
	AUTO_STRV struct strv names = STRV_INIT;

	strv_copy(&names, &l->before);
	STRV_FOREACH (name, &l->refs)
		if (!strv_has(&names, *name))
			strv_add(&names, *name);
	if (ref && names.n && streq(names.v[0], ref))
		strv_remove(&names, 0);
	return names.n ? strv_join(&names, ", ") : xstrdup(NONE);
}

static struct json *row_json(const struct listed *l, const char *ref, const struct images_args *a)
{
	struct json *o = json_new_object();
	struct name_parts p = split_ref(ref);
	AUTO_FREE char *name = xstrndup(p.name, (size_t)p.name_len),
		       *tag = xstrndup(p.tag, (size_t)p.tag_len);
	char buf[DIGEST_STR_MAX], size[TEXT_NUM_MAX], age[AGE_MAX], raw[CLOCK_STR_MAX];
	struct timespec t = {.tv_sec = (time_t)l->created_s, .tv_nsec = l->created_ns};
	const char *since = age_text(l, age);

	json_set_string(o, "Tag", tag);
	json_set_string(o, "ID", id_text(l, a->no_trunc, buf));
	json_set_string(o, "Name", name);
	json_set_string(o, "Digest", digest_str(&l->top, buf));
	json_set_string(o, "CreatedAt", since);
	json_set_string(o, "Size", text_size(l->size, size));
	json_set_int(o, "Created", l->created_s);
	json_set(o, "ReadOnly", json_new_bool(l->additional));
	AUTO_FREE char *history = history_text(l, ref);
	json_set_string(o, "History", history);
	json_set_string(o, "CreatedAtRaw", l->dated ? clock_format(t, raw) : "");
	format_as_time(o, "CreatedAtRaw");
	/* docker's names of the same, and what only docker has */
	json_set_string(o, "Repository", name);
	json_set_string(o, "CreatedSince", since);
	json_set_string(o, "VirtualSize", size);
	json_set_string(o, "Containers", NOT_COUNTED);
	json_set_string(o, "SharedSize", NOT_COUNTED);
	json_set_string(o, "UniqueSize", NOT_COUNTED);
	json_set(o, "RepoTags", json_new_strv(&l->refs)); /* podman's */
	json_set(o, "Names", json_new_strv(&l->refs));
	json_set(o, "Dangling", json_new_bool(!l->refs.n));
	json_set(o, "IsManifestList", json_new_bool(l->index));
	json_set(o, "Labels", json_new_map(&l->labels));
	return o;
}

static void print_json(struct out *out, const struct image_list *list, const struct images_args *a)
{
	AUTO_JSON struct json *all = json_new_array();

	for (size_t i = 0; i < list->n; i++) {
		const struct listed *l = &list->i[i];
		struct json *o = json_new_object();
		char id[DIGEST_STR_MAX], digest[DIGEST_STR_MAX], size[TEXT_NUM_MAX],
			raw[CLOCK_STR_MAX], age[AGE_MAX];
		struct timespec t = {.tv_sec = (time_t)l->created_s, .tv_nsec = l->created_ns};

		json_set_string(o, "id", id_text(l, a->no_trunc, id));
		json_set(o, "names", l->refs.n ? json_new_strv(&l->refs) : json_new_null());
		json_set_string(o, "digest", digest_str(&l->top, digest));
		json_set_string(o, "createdat", age_text(l, age));
		json_set_string(o, "size", text_size(l->size, size));
		json_set_int(o, "created", l->created_s);
		json_set_string(o, "createdatraw", l->dated ? clock_format(t, raw) : "");
		json_set(o, "readonly", json_new_bool(l->additional));
		json_set(o, "history", json_new_null());
		json_add(all, o);
	}
	out_json(out, all);
}

/* Two manifests of one configuration, such as with layers compressed and not, have one ID. */
static void print_ids(struct out *out, const struct image_list *list, const struct images_args *a)
{
	AUTO_JSON struct json *seen = json_new_object();

	for (size_t i = 0; i < list->n; i++) {
		char id[DIGEST_STR_MAX];
		if (json_get(seen, id_text(&list->i[i], true, id)))
			continue;
		json_set(seen, id, json_new_bool(true));
		out_printf(out, "%s\n", id_text(&list->i[i], a->no_trunc, id));
	}
}

static int print_template(struct out *out, const struct image_list *list,
	const struct images_args *a, struct err *err)
{
	AUTO_JSON struct json *rows = json_new_array();
	AUTO_JSON struct json *heading = json_new_object();
	static const char *const headings[][2] = {
		{"Name", "REPOSITORY"},
		{"Repository", "REPOSITORY"},
		{"Tag", "TAG"},
		{"Digest", "DIGEST"},
		{"ID", "IMAGE ID"},
		{"CreatedAt", "CREATED"},
		{"CreatedSince", "CREATED"},
		{"Created", "CREATED"},
		{"CreatedAtRaw", "CREATED AT"},
		{"Size", "SIZE"},
		{"VirtualSize", "SIZE"},
		{"Labels", "LABELS"},
		{"Containers", "CONTAINERS"},
		{"SharedSize", "SHARED SIZE"},
		{"UniqueSize", "UNIQUE SIZE"},
		{"RepoTags", "REPOTAGS"},
		{"Names", "NAMES"},
		{"Dangling", "DANGLING"},
		{"IsManifestList", "ISMANIFESTLIST"},
		{"ReadOnly", "READONLY"},
		{"History", "HISTORY"},
	};

	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		json_set_string(heading, headings[i][0], headings[i][1]);
	for (size_t i = 0; i < list->n; i++) {
		const struct listed *l = &list->i[i];
		if (!l->refs.n)
			json_add(rows, row_json(l, NULL, a));
		for (size_t k = 0; k < l->refs.n; k++)
			json_add(rows, row_json(l, l->refs.v[k], a));
	}
	return table_print(out, a->format, heading, rows,
		TABLE_BLANKS | (a->noheading ? TABLE_NO_HEADING : 0), err);
}

static void add_line(
	struct buf *b, const struct listed *l, const char *ref, const struct images_args *a)
{
	struct name_parts p = split_ref(ref);
	char id[DIGEST_STR_MAX], digest[DIGEST_STR_MAX], age[AGE_MAX], size[TEXT_NUM_MAX];

	buf_addf(b, "%.*s\t%.*s\t", p.name_len, p.name, p.tag_len, p.tag);
	if (a->digests)
		buf_addf(b, "%s\t", digest_str(&l->top, digest));
	AUTO_FREE char *history = a->history ? history_text(l, ref) : xstrdup("");
	buf_addf(b, "%s\t%s\t%s%s%s\n", id_text(l, a->no_trunc, id), age_text(l, age),
		text_size(l->size, size), a->history ? "\t" : "", history);
}

/* No template: 10,000 images take some milliseconds. */
static void print_table(struct out *out, const struct image_list *list, const struct images_args *a)
{
	AUTO_BUF struct buf b = BUF_INIT(TABLE_MAX);

	if (!a->noheading)
		buf_addf(&b, "REPOSITORY\tTAG\t%sIMAGE ID\tCREATED\tSIZE%s\n",
			a->digests ? "DIGEST\t" : "", a->history ? "\tHISTORY" : "");
	for (size_t i = 0; i < list->n; i++) {
		const struct listed *l = &list->i[i];
		if (!l->refs.n)
			add_line(&b, l, NULL, a);
		for (size_t k = 0; k < l->refs.n; k++)
			add_line(&b, l, l->refs.v[k], a);
	}
	AUTO_FREE char *aligned = table_align(buf_str(&b));
	out_printf(out, "%s", aligned);
}

/* Intermediate images, unless they are asked for. */
static void hide_steps(struct image_list *list, const struct images_args *a)
{
	size_t kept = 0;

	if (a->all || strv_has(&a->filters, "intermediate=true"))
		return;
	for (size_t i = 0; i < list->n; i++)
		if (list->i[i].intermediate)
			listed_done(&list->i[i]);
		else
			list->i[kept++] = list->i[i];
	list->n = kept;
}

static int images_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	struct images_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_IMAGE_LIST struct image_list list = {0};

	if (a->quiet && a->format)
		return err_set(err, ERR_INVALID, "'--quiet' cannot be combined with '--format'");
	a->format = table_template(a->format);
	int r = app_store(app, 0, &s, err);
	if (r == 0)
		r = image_list_load(s, &list, err);
	if (r == 0 && (a->history || (a->format && strstr(a->format, "History"))))
		r = image_list_before(s, &list, err);
	if (r == 0)
		hide_steps(&list, a);
	if (r == 0)
		r = image_filter(s, rest->n ? rest->v[0] : NULL, &a->filters, &list, err);
	if (r == 0 && a->sort)
		r = image_sort(&list, a->sort, !a->json && !a->quiet, err);
	if (r < 0)
		return r;
	if (a->json)
		print_json(&app->out, &list, a);
	else if (a->quiet)
		print_ids(&app->out, &list, a);
	else if (a->format)
		r = print_template(&app->out, &list, a, err);
	else
		print_table(&app->out, &list, a);
	return r;
}

const struct cmd cmd_images = {
	.name = "images",
	.options = images_options,
	.args_size = sizeof(struct images_args),
	.max_args = 1,
	.flags = CMD_BUILDAH_WORDS,
	.run = images_run,
};
