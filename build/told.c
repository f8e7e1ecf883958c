/* SPDX-License-Identifier: Apache-2.0 */
#include "build/told.h"

#include "base/buf.h"
#include "base/called.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/url_user.h"
#include "build/build_internal.h"
#include "build/cache_place.h"
#include "build/stage_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SHOWN 12 /* hex digits */
#define LINE_SHOWN 80 /* bytes of a here-document's first line */
#define TEXT_MAX (64 * KIB) /* of an instruction */

bool told_is_one_of_several(const struct build *b, const struct stage *st)
{
	const struct stage_target *t = build_target_of(b, st);
	return b->stages.n_targets > 1 || t->stage > t->first;
}

/* "" for the only stage of the only platform, and for NULL; new string */
static char *place_of(const struct build *b, const struct stage *st)
{
	if (!st)
		return xstrdup("");
	const struct stage_target *t = build_target_of(b, st);
	char platform[100] = "", number[48] = "";
	if (t->stage > t->first)
		snprintf(number, sizeof(number), "[%zu/%zu] ", st->index - t->first + 1,
			t->stage - t->first + 1);
	if (b->stages.n_targets > 1)
		platform_str(&t->platform, platform);
	return *platform ? xasprintf("[%s] %s", platform, number) : xstrdup(number);
}

/* Whose place is in front of what a step prints and of what became of it; for buildah nobody's. */
static const struct stage *shown(const struct stage *st)
{
	return called_buildah() ? NULL : st;
}

__attribute__((format(printf, 3, 4))) static void say(
	const struct build *b, const struct stage *st, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *text = xvasprintf(fmt, ap);
	va_end(ap);
	AUTO_FREE char *place = place_of(b, st);
	AUTO_FREE char *line = xasprintf("%s%s", place, text);
	progress_step(b->o->progress, line);
}

void told_from(const struct build *b, const struct stage_plan *p, size_t n_insts)
{
	const struct stage *st = p->stage;
	char platform[100] = "";
	if (b->o->call != BUILD_CALL_BUILD)
		return;
	if (st->has_platform)
		platform_str(&st->platform, platform);
	say(b, st, "STEP 1/%zu: FROM %s%s%s%s%s%s", n_insts + 1, *platform ? "--platform=" : "",
		platform, *platform ? " " : "", st->base, st->name ? " AS " : "",
		st->name ? st->name : "");
}

/* As docker has always said it. */
void told_triggers(const struct build *b, const struct stage_plan *p, size_t n, size_t n_insts)
{
	if (b->o->call == BUILD_CALL_BUILD)
		say(b, p->stage, "# Executing %zu build trigger%s: %zu steps in all", n,
			n == 1 ? "" : "s", n_insts + 1);
}

/* As written, and of each here-document what it begins with. */
static char *text_of(const struct inst *inst)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);
	AUTO_FREE char *written = url_user_hidden(inst->text);
	buf_add(&b, written, strnlen(written, TEXT_MAX / 2));
	for (size_t i = 0; i < inst->n_heredocs && b.len < TEXT_MAX / 2; i++) {
		const char *content = inst->heredocs[i].content;
		content += strspn(content, " \t");
		size_t n = strcspn(content, "\n");
		bool more = content[n] && content[n + 1];
		AUTO_FREE char *line = xstrndup(content, n);
		url_user_hide(line, n);
		buf_addf(&b, " (%.*s%s)", n < LINE_SHOWN ? (int)n : LINE_SHOWN, line,
			more || n > LINE_SHOWN ? "..." : "");
	}
	return xstrdup(buf_str(&b));
}

static void tell_to(const struct build *b, struct stage_run *r, size_t end)
{
	const struct stage_plan *p = r->plan;
	for (; r->told < end; r->told++) {
		AUTO_FREE char *text = text_of(p->insts[r->told].inst);
		say(b, p->stage, "STEP %zu/%zu: %s", r->told + 2, p->n_insts + 1, text);
	}
}

void told_step(const struct build *b, struct stage_run *r)
{
	const struct step *s = &r->plan->steps[r->next];
	AUTO_FREE char *place = place_of(b, shown(r->plan->stage));
	tell_to(b, r, s->number);
	progress_begin(b->o->progress, r->id, s->title, 0);
	progress_place(b->o->progress, r->id, place);
}

void told_rest(const struct build *b, struct stage_run *r)
{
	tell_to(b, r, r->plan->n_insts);
}

static bool is_last(const struct build *b, const struct stage_run *r)
{
	const struct stage_plan *p = r->plan;
	return r->next + 1 == p->n_steps && build_target_of(b, p->stage)->stage == p->stage->index;
}

/* That its record will be in --cache-to, for who looks for it where buildah writes it there. */
static void say_pushed(const struct build *b, const struct stage *st, const char *hex)
{
	for (size_t i = 0; called_buildah() && i < b->n_cache_to; i++)
		say(b, shown(st), "--> Pushing cache %s:%s", b->cache_to[i].location, hex);
}

void told_step_over(const struct build *b, const struct stage_run *r, const char *from)
{
	const struct stage *st = r->plan->stage;
	char key[DIGEST_STR_MAX];
	const char *hex = digest_hex(&r->step_told, key);
	progress_end(b->o->progress, r->id, from ? "cached" : "done");
	if (from && *from && called_buildah()) {
		say(b, shown(st), "--> Cache pulled from remote %s:%s", from, hex);
	} else if (from) {
		say(b, shown(st), "--> Using cache %s", hex);
		log_debug("Found a cache hit in the first iteration: %s", hex);
	}
	if (is_last(b, r) && called_buildah())
		return; /* below COMMIT */
	if (!from || !*from)
		say_pushed(b, st, hex);
	if (b->o->one_layer)
		return; /* the steps are no images of their own */
	if (called_buildah()) {
		say(b, NULL, "--> %.*s", KEY_SHOWN, hex);
	} else if (!from) {
		struct timespec now = clock_now();
		double took = (double)(now.tv_sec - r->begun.tv_sec) +
		              (double)(now.tv_nsec - r->begun.tv_nsec) / 1e9;
		say(b, st, "--> %.*s %.1fs", KEY_SHOWN, hex, took);
	}
}

void told_step_failed(const struct build *b, const struct stage_run *r)
{
	const struct stage_plan *p = r->plan;
	AUTO_FREE char *text = text_of(p->insts[p->steps[r->next].number - 1].inst);
	progress_end(b->o->progress, r->id, "failed");
	say(b, p->stage, "error building at STEP \"%s\"", text);
}

void told_commit(const struct build *b, const struct stage *st)
{
	const struct stage_run *r = &b->runs[st->index];
	bool named = b->o->tags.n > 0;
	char key[DIGEST_STR_MAX];
	say(b, st, "COMMIT%s%s", named ? " " : "", named ? b->o->tags.v[0] : "");
	if (r->plan->n_steps)
		say_pushed(b, st, digest_hex(&r->step_told, key));
}
