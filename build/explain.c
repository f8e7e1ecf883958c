/* SPDX-License-Identifier: Apache-2.0 */
#include "build/explain.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/url_user.h"
#include "build/input_list.h"
#include "build/stage_note.h"
#include "build/stage_run.h"
#include "build/step_match.h"
#include "build/step_words.h"

#include <stdlib.h>
#include <string.h>

#define FILES_MAX 10 /* lines about files of one step */
#define QUOTE_MAX 100 /* bytes of a value that are shown */
#define DIGITS 12 /* of a digest */

char *explain_quote(const char *value)
{
	AUTO_FREE char *text = url_user_hidden(value);
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

/* A stage, in its last build and in this one. */
struct stage_story {
	struct build *b;
	const struct stage_run *r;
	const struct json *before, *now;
	size_t *was; /* for each step of the plan which one it was: step_match.h */
	size_t n_was; /* in the last build */
};

struct about {
	const struct stage_story *s;
	size_t i; /* of the step */
	const struct json *before, *now; /* of it */
	struct strv *lines;
};

/* now: NULL: it is gone. */
static char *word_name(const struct about *a, const char *name, const char *now)
{
	if (!str_has_prefix(name, STEP_WORD_VARIABLE))
		return xstrdup(name);
	name += strlen(STEP_WORD_VARIABLE);
	const struct stage_plan *p = a->s->r->plan;
	/* what it was is not recorded: of what is not declared now, the word that fits both */
	bool env = map_has(&p->config.env, name) || (!now && !strv_has(&p->declared, name));
	return xasprintf("%s %s", env ? "variable" : "build argument", name);
}

/* The value as it is shown; NULL: not set. New string. */
static char *value_shown(const char *value)
{
	if (!value)
		return xstrdup("not set");
	const char *hex = digest_skip_prefix(value);
	return hex == value ? explain_quote(value)
	                    : xasprintf("%.*s", (int)(hex - value) + DIGITS, value);
}

static bool is_secret(const char *name)
{
	size_t n = strlen(STEP_WORD_VARIABLE);
	return strncmp(name, STEP_WORD_VARIABLE, n) == 0 && lint_names_secret(name + n);
}

/* Either may be NULL: not given. */
static void word_differs(struct about *a, const char *name, const char *before, const char *now)
{
	AUTO_FREE char *shown = word_name(a, name, now);
	if (str_has_prefix(name, STEP_WORD_SECRET)) {
		strv_addf(a->lines, "the content of %s changed", shown);
	} else if (is_secret(name)) {
		strv_addf(a->lines, "%s: %s -> %s", shown, before ? "***" : "not set",
			now ? "***" : "not set");
	} else {
		AUTO_FREE char *from = value_shown(before), *to = value_shown(now);
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
		AUTO_FREE char *x = list_of(a->s->b, old, &old_len),
			       *y = list_of(a->s->b, new, &new_len);
		if (x && y)
			input_list_compare(x, old_len, y, new_len, FILES_MAX, a->lines);
		if (a->lines->n == had)
			strv_addf(a->lines, "%s changed (%.*s -> %.*s)", json_iter_key(it), DIGITS,
				old, DIGITS, new);
	}
}

static const char *algorithm_of(const char *digits)
{
	return digest_alg_name(strlen(digits) == DIGEST_HEX_MAX ? DIGEST_SHA512 : DIGEST_SHA256);
}

static const char *title_of(const struct json *stage, size_t i)
{
	const char *title = json_text(json_get(json_at(json_get(stage, "steps"), i), "title"));
	return title ? title : "";
}

/* A step of the last build that this one has not, and that came before what step i was. */
static const char *gone_before(const struct stage_story *s, size_t i)
{
	for (size_t k = s->was[i]; k-- > 0;) {
		size_t now = 0;
		while (now < s->r->plan->n_steps && s->was[now] != k)
			now++;
		if (now == s->r->plan->n_steps || now > i)
			return title_of(s->before, k);
	}
	return NULL;
}

/* One more than the step that came out of the cache with other files than in the last build; 0:
 * none did. */
static size_t other_answer(const struct stage_story *s, size_t i)
{
	for (size_t k = i; k > 0; k--) {
		const struct json *now = json_at(json_get(s->now, "steps"), k - 1);
		const struct json *before = json_at(json_get(s->before, "steps"), s->was[k - 1]);
		const char *x = json_text(json_get(before, "below"));
		const char *y = json_text(json_get(now, "below"));
		if (x && y && streq(x, y))
			return k;
	}
	return 0;
}

/* The nearest step before it that is the reason. from, to: content of all layers below. */
static void layers_differ(struct about *a, const char *from, const char *to)
{
	const struct stage_story *s = a->s;
	size_t k = a->i;
	while (k > 0 && !s->r->results[k - 1].ran && s->was[k - 1] != STEP_NEW)
		k--;
	const char *gone = k ? NULL : gone_before(s, a->i);
	if (!k && !gone)
		k = other_answer(s, a->i);
	const char *title = k ? s->r->plan->steps[k - 1].title : gone;
	AUTO_FREE char *step = title ? explain_quote(title) : NULL;
	AUTO_FREE char *digits = xasprintf("(%.*s -> %.*s)", DIGITS, from, DIGITS, to);
	if (gone)
		strv_addf(
			a->lines, "what it runs on: %s is not before it any more %s", step, digits);
	else if (title && s->was[k - 1] == STEP_NEW)
		strv_addf(a->lines, "what it runs on: %s is a new instruction before it %s", step,
			digits);
	else if (title)
		strv_addf(a->lines, "what it runs on: %s made other files %s", step, digits);
	else
		strv_addf(a->lines, "what it runs on: stage %s made other files %s",
			s->r->plan->stage->base, digits);
}

static void below_differs(struct about *a, const char *from, const char *to)
{
	const struct json *old = json_get(a->s->before, "base"), *new = json_get(a->s->now, "base");
	const char *x = json_text(json_get(old, "digest")), *y = json_text(json_get(new, "digest"));
	const char *name = json_text(json_get(new, "name"));
	const char *was = json_text(json_get(old, "name"));
	if (x && y && !streq(x, y))
		strv_addf(a->lines, "base image %s: %s:%.*s -> %s:%.*s", name ? name : "?",
			algorithm_of(x), DIGITS, x, algorithm_of(y), DIGITS, y);
	else if (name && was && !streq(name, was))
		strv_addf(a->lines, "base: %s -> %s", was, name);
	else
		layers_differ(a, from, to);
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

/* What the records tell. */
static void compare(struct about *a)
{
	const char *x = json_text(json_get(a->before, "below"));
	const char *y = json_text(json_get(a->now, "below"));
	compare_words(a);
	compare_lists(a);
	if (x && y && !streq(x, y))
		below_differs(a, x, y);
}

static void explain_step(const struct stage_story *story, size_t i)
{
	struct build *b = story->b;
	const struct stage_run *r = story->r;
	const struct step *s = &r->plan->steps[i];
	AUTO_STRV struct strv lines = STRV_INIT;
	struct about a = {.s = story,
		.i = i,
		.before = json_at(json_get(story->before, "steps"), story->was[i]),
		.now = json_at(json_get(story->now, "steps"), i),
		.lines = &lines};
	const char *reason = miss_text(i < r->next ? r->results[i].miss : r->miss);
	if (reason)
		strv_add(&lines, reason);
	else if (!story->before)
		strv_add(&lines, "there is no earlier build of this stage");
	else if (!a.before)
		strv_add(&lines, "a new instruction");
	else if (a.now)
		compare(&a);
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

static void match_steps(struct stage_story *s)
{
	size_t n = s->r->plan->n_steps;
	AUTO_FREE const char **now = xcalloc(n + 1, sizeof(*now));
	s->n_was = json_size(json_get(s->before, "steps"));
	AUTO_FREE const char **before = xcalloc(s->n_was + 1, sizeof(*before));
	for (size_t i = 0; i < n; i++)
		now[i] = s->r->plan->steps[i].title;
	for (size_t i = 0; i < s->n_was; i++)
		before[i] = title_of(s->before, i);
	s->was = xcalloc(n + 1, sizeof(*s->was));
	step_match(now, n, before, s->n_was, s->was);
}

static void explain_stage(struct build *b, const struct stage_run *r)
{
	/* most builds change nothing, and what is known of the last one need not be read */
	if (!(b->o->explain && has_run(r)) && stage_note_is_current(b, r))
		return;
	AUTO_JSON struct json *before = stage_note_load(b, r), *now = NULL;
	bool failed = r->miss != MISS_NONE;
	if (b->o->explain && has_run(r)) {
		now = stage_note_make(b, r, failed);
		struct stage_story story = {.b = b, .r = r, .before = before, .now = now};
		match_steps(&story);
		for (size_t i = 0; i < r->next + failed; i++)
			if (i == r->next || r->results[i].ran)
				explain_step(&story, i);
		free(story.was);
	}
	stage_note_save(b, r, before);
}

void explain_steps(struct build *b)
{
	for (size_t i = 0; i < b->stages.n; i++)
		if (b->plans[i].evaluated && b->plans[i].n_steps && b->runs[i].started)
			explain_stage(b, &b->runs[i]);
}
