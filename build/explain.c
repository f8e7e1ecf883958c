/* SPDX-License-Identifier: Apache-2.0 */
#include "build/explain.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "build/input_list.h"
#include "build/stage_note.h"
#include "build/stage_run.h"
#include "build/step_words.h"

#include <stdlib.h>
#include <string.h>

#define FILES_MAX 10 /* lines about files of one step */
#define QUOTE_MAX 100 /* bytes of a value that are shown */

char *explain_quote(const char *text)
{
	size_t n = strlen(text), shown = n > QUOTE_MAX ? QUOTE_MAX : n;
	AUTO_BUF struct buf b = BUF_INIT(8 * QUOTE_MAX);
	buf_addch(&b, '\'');
	for (size_t i = 0; i < shown; i++) {
		/* a change at the end of a long text shows too */
		const char *at = n > shown && i >= shown / 2 ? text + n - shown : text;
		unsigned char c = (unsigned char)at[i];
		if (n > shown && i == shown / 2)
			buf_addstr(&b, "...");
		if (c == '\n')
			buf_addstr(&b, "\\n");
		else if (c < ' ' || c == 0x7f)
			buf_addf(&b, "\\x%02x", c);
		else
			buf_addch(&b, (char)c);
	}
	buf_addch(&b, '\'');
	return buf_take(&b);
}

struct about {
	struct build *b;
	const struct stage_run *r;
	const struct json *before, *now; /* of the step */
	struct strv *lines;
};

static char *word_name(const struct about *a, const char *name)
{
	if (!str_has_prefix(name, STEP_WORD_VARIABLE))
		return xstrdup(name);
	name += strlen(STEP_WORD_VARIABLE);
	bool env = map_has(&a->r->plan->config.env, name);
	return xasprintf("%s %s", env ? "variable" : "build argument", name);
}

/* Either may be NULL: not given. */
static void word_differs(struct about *a, const char *name, const char *before, const char *now)
{
	AUTO_FREE char *shown = word_name(a, name);
	bool digests = (!before || digest_skip_prefix(before) != before) &&
	               (!now || digest_skip_prefix(now) != now);
	if (str_has_prefix(name, STEP_WORD_SECRET)) {
		strv_addf(a->lines, "the content of %s changed", shown);
	} else if (digests) {
		strv_addf(a->lines, "%s changed", shown);
	} else {
		AUTO_FREE char *from = before ? explain_quote(before) : xstrdup("not set");
		AUTO_FREE char *to = now ? explain_quote(now) : xstrdup("not set");
		strv_addf(a->lines, "%s: %s -> %s", shown, from, to);
	}
}

static void compare_words(struct about *a)
{
	const struct json *before = json_get(a->before, "words"), *now = json_get(a->now, "words");
	for (void *it = json_iter(now); it; it = json_next(now, it)) {
		const char *old = json_text(json_get(before, json_iter_key(it)));
		const char *new = json_text(json_iter_value(it));
		if (!old || !new || !streq(old, new))
			word_differs(a, json_iter_key(it), old, new);
	}
	for (void *it = json_iter(before); it; it = json_next(before, it))
		if (!json_get(now, json_iter_key(it)))
			word_differs(a, json_iter_key(it), json_text(json_iter_value(it)), NULL);
}

static char *list_of(struct build *b, const char *hex, size_t *ret_len)
{
	struct digest d;
	return hex && digest_parse_hex(hex, &d) ? input_list_get(b, &d, ret_len) : NULL;
}

static void compare_lists(struct about *a)
{
	const struct json *before = json_get(a->before, "lists"), *now = json_get(a->now, "lists");
	for (void *it = json_iter(now); it; it = json_next(now, it)) {
		const char *old = json_text(json_get(before, json_iter_key(it)));
		const char *new = json_text(json_iter_value(it));
		size_t old_len, new_len, had = a->lines->n;
		if (!old || !new || streq(old, new))
			continue;
		AUTO_FREE char *x = list_of(a->b, old, &old_len), *y = list_of(a->b, new, &new_len);
		if (x && y)
			input_list_compare(x, old_len, y, new_len, FILES_MAX, a->lines);
		if (a->lines->n == had)
			strv_addf(a->lines, "%s changed", json_iter_key(it));
	}
}

static const char *algorithm_of(const char *digits)
{
	return digest_alg_name(strlen(digits) == DIGEST_HEX_MAX ? DIGEST_SHA512 : DIGEST_SHA256);
}

static void below_differs(
	struct about *a, const struct json *stage_before, const struct json *stage_now, size_t i)
{
	const struct json *old = json_get(stage_before, "base"), *new = json_get(stage_now, "base");
	const char *x = json_text(json_get(old, "digest")), *y = json_text(json_get(new, "digest"));
	const char *name = json_text(json_get(new, "name"));
	const char *was = json_text(json_get(old, "name"));
	if (x && y && !streq(x, y))
		strv_addf(a->lines, "base image %s: %s:%.12s -> %s:%.12s", name ? name : "?",
			algorithm_of(x), x, algorithm_of(y), y);
	else if (name && was && !streq(name, was))
		strv_addf(a->lines, "base: %s -> %s", was, name);
	else if (i > 0)
		strv_addf(a->lines, "what it runs on: a step before it made other files");
	else
		strv_addf(
			a->lines, "what it runs on: stage %s made other files", name ? name : "?");
}

static const char *miss_text(enum cache_miss miss)
{
	switch (miss) {
	case MISS_NONE:
	case MISS_NO_RECORD:
		break;
	case MISS_NO_CACHE:
		return "--no-cache";
	case MISS_FILTER:
		return "--no-cache-filter names its stage";
	case MISS_OLD:
		return "its record is older than --cache-ttl allows";
	case MISS_STDIN:
		return "--stdin: what it reads there is not known before";
	case MISS_LAYER:
		return "its record is there, but the layer is gone from the store";
	}
	return NULL;
}

static void explain_step(struct build *b, const struct stage_run *r, size_t i,
	const struct json *stage_before, const struct json *stage_now)
{
	const struct step *s = &r->plan->steps[i];
	AUTO_STRV struct strv lines = STRV_INIT;
	const struct json *now = json_at(json_get(stage_now, "steps"), i);
	struct about a = {.b = b,
		.r = r,
		.before = stage_note_find(stage_before, s->title, i),
		.now = now,
		.lines = &lines};
	const char *reason = miss_text(i < r->next ? r->results[i].miss : r->miss);
	if (reason)
		strv_add(&lines, reason);
	else if (!stage_before)
		strv_add(&lines, "there is no earlier build of this stage");
	else if (!a.before)
		strv_add(&lines, "there is no such step in the stage's last build");
	else if (now) {
		const char *x = json_text(json_get(a.before, "below"));
		const char *y = json_text(json_get(now, "below"));
		compare_words(&a);
		compare_lists(&a);
		if (x && y && !streq(x, y))
			below_differs(&a, stage_before, stage_now, i);
	}
	bool ran_before = i > 0 && r->results[i - 1].ran;
	if (!lines.n)
		strv_add(&lines,
			ran_before ? "a step before it ran, and what that made was not known yet"
				   : "nothing differs from the last build, but there is no record "
				     "of it");
	AUTO_FREE char *title = explain_quote(s->title);
	STRV_FOREACH (l, &lines)
		strv_addf(&b->result->explanations, "%s:%u: %s ran: %s", s->at.file->name,
			s->at.inst->pos.line, title, *l);
}

static bool has_run(const struct stage_run *r)
{
	bool ran = r->miss != MISS_NONE;
	for (size_t i = 0; i < r->next; i++)
		ran = ran || r->results[i].ran;
	return ran;
}

static void explain_stage(struct build *b, const struct stage_run *r)
{
	/* most builds change nothing, and what is known of the last one need not be read */
	if (!(b->o->explain && has_run(r)) && stage_note_is_current(b, r))
		return;
	AUTO_JSON struct json *before = stage_note_load(b, r), *now = NULL;
	bool failed = r->miss != MISS_NONE;
	for (size_t i = 0; b->o->explain && i < r->next + failed; i++) {
		if (i < r->next && !r->results[i].ran)
			continue;
		if (!now)
			now = stage_note_make(b, r, failed);
		explain_step(b, r, i, before, now);
	}
	stage_note_save(b, r, before);
}

void explain_steps(struct build *b)
{
	for (size_t i = 0; i < b->stages.n; i++)
		if (b->plans[i].evaluated && b->plans[i].n_steps && b->runs[i].started)
			explain_stage(b, &b->runs[i]);
}
