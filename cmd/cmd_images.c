/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/glob.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/image_list.h"
#include "cmd/table.h"
#include "cmd/text.h"
#include "image/reference.h"
#include "store/images.h"
#include "store/store.h"

#define SHORT_ID 12 /* digits, as docker and buildah */

struct images_args {
	bool digests, json, no_trunc, noheading, quiet, history;
	const char *format;
	struct strv filters;
};

static const struct opt images_options[] = {
	OPT_IGNORED_BOOL('a', "all"),
	OPT_BOOL(0, "digests", struct images_args, digests),
	OPT_STRV('f', "filter", struct images_args, filters),
	OPT_STRING(0, "format", struct images_args, format),
	OPT_BOOL(0, "history", struct images_args, history),
	OPT_BOOL(0, "json", struct images_args, json),
	OPT_BOOL(0, "no-trunc", struct images_args, no_trunc),
	OPT_BOOL('n', "noheading", struct images_args, noheading),
	OPT_BOOL('q', "quiet", struct images_args, quiet),
	OPT_END,
};

/* --- which ----------------------------------------------------------------------------------- */

/* "busybox" names docker.io/library/busybox and localhost/busybox, with all tags unless one is
 * said. */
static bool ref_matches(const char *ref, const char *text)
{
	static const char *const prefixes[] = {
		"", "localhost/", "docker.io/library/", "docker.io/"};
	size_t n = strlen(text);

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		const char *rest = ref;
		if (!str_has_prefix(rest, prefixes[i]))
			continue;
		rest += strlen(prefixes[i]);
		if (!strncmp(rest, text, n) &&
			(!rest[n] || rest[n] == '@' || (rest[n] == ':' && !strchr(rest + n, '/'))))
			return true;
	}
	return false;
}

static bool id_matches(const struct listed *l, const char *text)
{
	char id[DIGEST_STR_MAX], top[DIGEST_STR_MAX];
	const char *digits = str_has_prefix(text, "sha256:") ? text + 7 : text;

	if (strlen(digits) < 3)
		return false;
	return (l->loaded && str_has_prefix(digest_hex(&l->id, id), digits)) ||
	       str_has_prefix(digest_hex(&l->top.digest, top), digits);
}

/* A pattern of --filter reference=: against the whole name, the name without tag, and what users
 * type for short. */
static bool pattern_matches(const char *ref, const char *pattern)
{
	AUTO_FREE char *name = xstrdup(ref);
	char *colon = strrchr(name, ':');
	const char *slash = strrchr(ref, '/');
	const char *short_name = str_has_prefix(ref, "docker.io/library/") ? ref + 18
	                         : str_has_prefix(ref, "localhost/")       ? ref + 10
	                         : str_has_prefix(ref, "docker.io/")       ? ref + 10
	                                                                   : ref;

	if (glob_match(pattern, ref) || glob_match(pattern, short_name) ||
		(slash && glob_match(pattern, slash + 1)) || ref_matches(ref, pattern))
		return true;
	if (colon && !strchr(colon, '/'))
		*colon = '\0';
	return glob_match(pattern, name) || glob_match(pattern, name + (short_name - ref));
}

static int created_of(
	struct store *s, const char *text, int64_t *ret_s, uint32_t *ret_ns, struct err *err)
{
	struct descriptor top = {0};
	AUTO_IMAGE struct image image = {0};
	char *ref = NULL;

	int r = image_find(s, text, &top, &ref, err);
	mem_free_p(&ref);
	if (r == 0)
		r = image_load(s, &top, NULL, &image, err);
	descriptor_done(&top);
	if (r == 0)
		*ret_s = config_created(&image.config, ret_ns);
	return r;
}

static bool label_matches(const struct listed *l, const char *value)
{
	const char *eq = strchr(value, '=');
	AUTO_FREE char *key = eq ? xstrndup(value, (size_t)(eq - value)) : xstrdup(value);
	const char *have = map_get(&l->labels, key);

	return eq ? have && streq(have, eq + 1) : map_has(&l->labels, key);
}

static int parse_switch(const char *filter, const char *value, bool *ret, struct err *err)
{
	*ret = streq(value, "true");
	if (!*ret && !streq(value, "false"))
		return err_set(err, ERR_INVALID, "filter '%s': '%s' is not 'true' or 'false'",
			filter, value);
	return 0;
}

/* Drops from *l what the filter does not let pass. */
static int filter_one(
	struct store *s, struct listed *l, const char *filter, bool *ret_keep, struct err *err)
{
	const char *eq = strchr(filter, '=');
	size_t n = eq ? (size_t)(eq - filter) : 0;
	const char *value = eq ? eq + 1 : "";
	bool yes;
	int r = 0;

#define IS(name) (n == strlen(name) && !memcmp(filter, name, n))
	if (!eq)
		return err_set(err, ERR_INVALID, "filter '%s' is not NAME=VALUE", filter);
	if (IS("dangling")) {
		r = parse_switch("dangling", value, &yes, err);
		*ret_keep = yes == !l->refs.n;
	} else if (IS("readonly")) {
		r = parse_switch("readonly", value, &yes, err);
		*ret_keep = yes == l->additional;
	} else if (IS("intermediate")) {
		/* there are none */
		r = parse_switch("intermediate", value, &yes, err);
		*ret_keep = !yes;
	} else if (IS("label")) {
		*ret_keep = label_matches(l, value);
	} else if (IS("id")) {
		*ret_keep = id_matches(l, value);
	} else if (IS("reference")) {
		for (size_t i = l->refs.n; i-- > 0;)
			if (!pattern_matches(l->refs.v[i], value))
				strv_remove(&l->refs, i);
		*ret_keep = l->refs.n > 0;
	} else if (IS("before") || IS("since") || IS("after")) {
		int64_t sec = 0;
		uint32_t ns = 0;
		r = created_of(s, value, &sec, &ns, err);
		bool older = l->created_s < sec || (l->created_s == sec && l->created_ns < ns);
		bool same = l->created_s == sec && l->created_ns == ns;
		*ret_keep = IS("before") ? older : !older && !same;
	} else {
		return err_set(err, ERR_INVALID,
			"unknown filter '%.*s', known are: after, before, dangling, id, "
			"intermediate, label, readonly, "
			"reference, since",
			(int)n, filter);
	}
#undef IS
	return r;
}

/* The positional: names, or else an ID. */
static bool select_by_name(struct listed *l, const char *text)
{
	if (id_matches(l, text))
		return true;
	for (size_t i = l->refs.n; i-- > 0;)
		if (!ref_matches(l->refs.v[i], text))
			strv_remove(&l->refs, i);
	return l->refs.n > 0;
}

static int choose(struct store *s, const struct images_args *a, const char *only,
	struct image_list *list, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct listed *l = &list->i[i];
		bool keep = !only || select_by_name(l, only);
		for (size_t f = 0; f < a->filters.n && keep; f++) {
			int r = filter_one(s, l, a->filters.v[f], &keep, err);
			if (r < 0)
				return r;
		}
		if (keep) {
			struct listed swap = list->i[kept];
			list->i[kept++] = *l;
			*l = swap; /* the dropped ones are at the end, to be freed with the rest */
		}
	}
	if (only && !kept)
		return err_set(err, ERR_NOT_FOUND, "%s: image not known", only);
	for (size_t i = kept; i < list->n; i++) {
		strv_done(&list->i[i].refs);
		descriptor_done(&list->i[i].top);
		map_done(&list->i[i].labels);
	}
	list->n = kept;
	return 0;
}

/* --- showing --------------------------------------------------------------------------------- */

static struct json *id_json(const struct listed *l, bool no_trunc)
{
	char hex[DIGEST_STR_MAX];
	const struct digest *id = l->loaded ? &l->id : &l->top.digest;

	if (no_trunc)
		return json_new_string(digest_str(id, hex));
	digest_hex(id, hex)[SHORT_ID] = '\0';
	return json_new_string(hex);
}

static char *age_text(const struct listed *l)
{
	char age[TEXT_NUM_MAX];

	if (!l->loaded)
		return xstrdup("<unknown>");
	return xasprintf("%s ago", text_age(clock_now().tv_sec - l->created_s, age));
}

/* created_raw: in Go's form for templates, RFC 3339 in JSON */
static void set_common(struct json *o, const struct listed *l, struct json *history)
{
	char digest[DIGEST_STR_MAX], size[TEXT_NUM_MAX];
	AUTO_FREE char *age = age_text(l);

	json_set_string(o, "Digest", digest_str(&l->top.digest, digest));
	json_set_string(o, "CreatedAt", age);
	json_set_string(o, "Size", text_size(l->size, size));
	json_set_int(o, "Created", l->created_s);
	json_set(o, "ReadOnly", json_new_bool(l->additional));
	json_set(o, "History", history);
}

static struct json *row_json(const struct listed *l, const char *ref, const struct images_args *a)
{
	struct json *o = json_new_object();
	const char *colon = ref ? strrchr(ref, ':') : NULL;
	bool tagged = colon && !strchr(colon, '/') && !strchr(ref, '@');
	const char *at = ref ? strchr(ref, '@') : NULL;
	size_t n = !ref     ? 0
	           : tagged ? (size_t)(colon - ref)
	           : at     ? (size_t)(at - ref)
	                    : strlen(ref);
	AUTO_FREE char *name = ref ? xstrndup(ref, n) : xstrdup("<none>");
	AUTO_FREE char *age = age_text(l);
	struct tm tm;
	time_t t = (time_t)l->created_s;
	char raw[CLOCK_STR_MAX] = "";

	json_set_string(o, "Tag", tagged ? colon + 1 : "<none>");
	json_set(o, "ID", id_json(l, a->no_trunc));
	json_set_string(o, "Name", name);
	set_common(o, l, json_new_string("<none>"));
	if (gmtime_r(&t, &tm))
		(void)strftime(raw, sizeof(raw), "%Y-%m-%d %H:%M:%S +0000 UTC", &tm);
	json_set_string(o, "CreatedAtRaw", raw);
	json_set_string(o, "Repository", name); /* docker's names of the same */
	json_set_string(o, "CreatedSince", age);
	return o;
}

static void print_json(struct out *out, const struct image_list *list, const struct images_args *a)
{
	AUTO_JSON struct json *all = json_new_array();

	for (size_t i = 0; i < list->n; i++) {
		const struct listed *l = &list->i[i];
		struct json *o = json_new_object();
		char digest[DIGEST_STR_MAX], size[TEXT_NUM_MAX], raw[CLOCK_STR_MAX];
		AUTO_FREE char *age = age_text(l);
		struct timespec t = {.tv_sec = (time_t)l->created_s, .tv_nsec = l->created_ns};

		json_set(o, "id", id_json(l, a->no_trunc));
		json_set(o, "names", l->refs.n ? json_new_strv(&l->refs) : json_new_null());
		json_set_string(o, "digest", digest_str(&l->top.digest, digest));
		json_set_string(o, "createdat", age);
		json_set_string(o, "size", text_size(l->size, size));
		json_set_int(o, "created", l->created_s);
		json_set_string(o, "createdatraw", clock_format(t, raw));
		json_set(o, "readonly", json_new_bool(l->additional));
		json_set(o, "history", json_new_null());
		json_add(all, o);
	}
	out_json(out, all);
}

static void print_ids(struct out *out, const struct image_list *list, const struct images_args *a)
{
	for (size_t i = 0; i < list->n; i++) {
		AUTO_JSON struct json *id = id_json(&list->i[i], a->no_trunc);
		out_printf(out, "%s\n", json_text(id));
	}
}

static int print_table(struct out *out, const struct image_list *list, const struct images_args *a,
	struct err *err)
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
	if (a->format)
		return table_print(out, a->format, heading, rows, TABLE_BLANKS, err);
	AUTO_FREE char *template =
		xasprintf("table {{.Name}}\t{{.Tag}}%s\t{{.ID}}\t{{.CreatedAt}}\t{{.Size}}%s",
			a->digests ? "\t{{.Digest}}" : "", a->history ? "\t{{.History}}" : "");
	return table_print(out, template, heading, rows, a->noheading ? TABLE_NO_HEADING : 0, err);
}

static int images_run(struct app *app, void *args, const struct strv *rest, struct err *err)
{
	const struct images_args *a = args;
	AUTO_STORE struct store *s = NULL;
	AUTO_IMAGE_LIST struct image_list list = {0};

	if (a->quiet && (a->format || a->json))
		return err_set(err, ERR_INVALID, "'--quiet' cannot be combined with '--%s'",
			a->json ? "json" : "format");
	int r = app_store(app, false, &s, err);
	if (r == 0)
		r = image_list_load(s, &list, err);
	if (r == 0)
		r = choose(s, a, rest->n ? rest->v[0] : NULL, &list, err);
	if (r < 0)
		return r;
	if (a->json)
		print_json(&app->out, &list, a);
	else if (a->quiet)
		print_ids(&app->out, &list, a);
	else
		r = print_table(&app->out, &list, a, err);
	return r;
}

const struct cmd cmd_images = {
	.name = "images",
	.aliases = "list ls",
	.options = images_options,
	.args_size = sizeof(struct images_args),
	.max_args = 1,
	.run = images_run,
};
