/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/rawjson.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/url_user.h"
#include "build/lint.h"
#include "cmd/out.h"

#define STATUS_MS 100 /* bytes are told no more often than this */

struct vertex {
	char *id; /* of the task; unique among the running ones */
	char *name;
	char digest[DIGEST_STR_MAX];
	char started[CLOCK_STR_MAX];
	uint64_t total, told_ms;
	uint64_t done;
};

struct rawjson {
	struct progress progress; /* first: the callbacks get a pointer to it */
	struct out *out;
	struct vertex **v;
	size_t n;
	unsigned count; /* of all vertexes so far */
};

static void now(char buf[CLOCK_STR_MAX])
{
	(void)clock_format(clock_now(), buf);
}

static struct json *base64(const char *data, size_t n)
{
	AUTO_FREE char *text = base64_encode(data, n);
	return json_new_string(text);
}

/* {"KEY": [VALUE]} as one line and one write. */
static void emit(struct rawjson *r, const char *key, struct json *value)
{
	AUTO_JSON struct json *line = json_new_object();
	struct json *list = json_new_array();
	json_add(list, value);
	json_set(line, key, list);
	AUTO_FREE char *text = json_dump(line, 0);
	AUTO_FREE char *whole = xasprintf("%s\n", text);
	(void)fflush(r->out->out);
	(void)fwrite(whole, 1, strlen(whole), r->out->err);
	(void)fflush(r->out->err);
}

/* The digest only tells vertexes apart: two tasks of one name are two. */
static struct vertex *vertex_new(struct rawjson *r, const char *id, const char *what)
{
	struct vertex *v = xcalloc(1, sizeof(*v));
	v->id = xstrdup(id);
	v->name = *id ? xasprintf("[%s] %s", id, what) : xstrdup(what);
	url_user_hide(v->name, strlen(v->name));
	AUTO_FREE char *unique = xasprintf("%u %s", r->count++, v->name);
	struct digest d = digest_of(unique, strlen(unique));
	(void)digest_str(&d, v->digest);
	now(v->started);
	return v;
}

static void vertex_free(struct vertex *v)
{
	free(v->id);
	free(v->name);
	free(v);
}

static struct json *vertex_json(const struct vertex *v)
{
	struct json *j = json_new_object();
	json_set_string(j, "digest", v->digest);
	json_set_string(j, "name", v->name);
	json_set_string(j, "started", v->started);
	return j;
}

static struct json *vertex_completed(const struct vertex *v)
{
	char time[CLOCK_STR_MAX];
	struct json *j = vertex_json(v);
	now(time);
	json_set_string(j, "completed", time);
	return j;
}

static struct vertex *find(struct rawjson *r, const char *id, size_t *ret_at)
{
	for (size_t i = 0; i < r->n; i++) {
		if (streq(r->v[i]->id, id)) {
			*ret_at = i;
			return r->v[i];
		}
	}
	return NULL;
}

/* --- the tasks ------------------------------------------------------------------------------- */

static void on_begin(struct progress *p, const char *id, const char *what, uint64_t total)
{
	struct rawjson *r = (struct rawjson *)p;
	struct vertex *v = vertex_new(r, id, what ? what : "");
	v->total = total;
	r->v = xreallocarray(r->v, r->n + 1, sizeof(struct vertex *));
	r->v[r->n++] = v;
	emit(r, "vertexes", vertex_json(v));
}

static void status(struct rawjson *r, struct vertex *v, bool completed)
{
	char time[CLOCK_STR_MAX];
	struct json *j = json_new_object();
	now(time);
	v->told_ms = clock_ms();
	json_set_string(j, "id", v->id);
	json_set_string(j, "vertex", v->digest);
	if (v->total)
		json_set_int(j, "total", (int64_t)v->total);
	json_set_int(j, "current", (int64_t)v->done);
	json_set_string(j, "timestamp", time);
	json_set_string(j, "started", v->started);
	json_set_string(j, "completed", completed ? time : NULL);
	emit(r, "statuses", j);
}

static void on_update(struct progress *p, const char *id, uint64_t done)
{
	struct rawjson *r = (struct rawjson *)p;
	size_t at;
	struct vertex *v = find(r, id, &at);
	if (!v)
		return;
	v->done = done;
	if (clock_ms() - v->told_ms >= STATUS_MS)
		status(r, v, false);
}

static void on_log(struct progress *p, const char *id, const char *data, size_t n)
{
	struct rawjson *r = (struct rawjson *)p;
	char time[CLOCK_STR_MAX];
	size_t at;
	const struct vertex *v = find(r, id, &at);
	if (!v)
		return;
	struct json *j = json_new_object();
	now(time);
	json_set_string(j, "vertex", v->digest);
	json_set_int(j, "stream", 1);
	json_set(j, "data", base64(data, n));
	json_set_string(j, "timestamp", time);
	emit(r, "logs", j);
}

static void on_end(struct progress *p, const char *id, const char *how)
{
	struct rawjson *r = (struct rawjson *)p;
	size_t at;
	struct vertex *v = find(r, id, &at);
	if (!v)
		return;
	if (v->done || v->total)
		status(r, v, true);
	struct json *j = vertex_completed(v);
	if (streq(how, "cached") || streq(how, "exists"))
		json_set(j, "cached", json_new_bool(true));
	if (streq(how, "failed"))
		json_set_string(j, "error", "failed");
	emit(r, "vertexes", j);
	vertex_free(v);
	memmove(r->v + at, r->v + at + 1, (r->n - at - 1) * sizeof(struct vertex *));
	r->n--;
}

static void on_note(struct progress *p, const char *line)
{
	rawjson_note((struct rawjson *)p, line);
}

/* --- for the callers ------------------------------------------------------------------------- */

struct rawjson *rawjson_new(struct out *o)
{
	struct rawjson *r = xcalloc(1, sizeof(*r));
	r->progress = (struct progress){.begin = on_begin,
		.update = on_update,
		.log = on_log,
		.end = on_end,
		.note = on_note};
	r->out = o;
	return r;
}

void rawjson_free(struct rawjson *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		vertex_free(r->v[i]);
	free(r->v);
	free(r);
}

struct progress *rawjson_progress(struct rawjson *r)
{
	return &r->progress;
}

void rawjson_note(struct rawjson *r, const char *text)
{
	struct vertex *v = vertex_new(r, "", text);
	emit(r, "vertexes", vertex_completed(v));
	vertex_free(v);
}

void rawjson_warn(struct rawjson *r, const char *text)
{
	struct json *j = json_new_object();
	json_set_int(j, "level", 1);
	json_set(j, "short", base64(text, strlen(text)));
	emit(r, "warnings", j);
}

void rawjson_lint(struct rawjson *r, const struct lint *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct lint_warning *w = &l->w[i];
		const struct lint_source *s = &l->sources[w->source];
		const struct lint_rule *rule = &lint_rules[w->rule];
		AUTO_FREE char *text =
			xasprintf("%s: %s (line %u)", rule->name, w->text, w->pos.line);
		struct json *j = json_new_object(), *detail = json_new_array();
		struct json *info = json_new_object(), *ranges = json_new_array();
		struct json *range = json_new_object();
		struct json *start = json_new_object(), *end = json_new_object();
		json_set_int(j, "level", 1);
		json_set(j, "short", base64(text, strlen(text)));
		json_add(detail, base64(rule->about, strlen(rule->about)));
		json_set(j, "detail", detail);
		json_set_string(info, "filename", s->name);
		json_set(info, "data", base64(s->text, s->len));
		json_set_string(info, "language", "Dockerfile");
		json_set(j, "sourceInfo", info);
		json_set_int(start, "line", w->pos.line);
		json_set_int(end, "line", w->end_line);
		json_set(range, "start", start);
		json_set(range, "end", end);
		json_add(ranges, range);
		json_set(j, "range", ranges);
		emit(r, "warnings", j);
	}
}
