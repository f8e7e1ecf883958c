/* SPDX-License-Identifier: Apache-2.0 */
#include "build/history.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/utf8.h"
#include "build/evaluate.h"
#include "build/unicode.h"
#include "registry/url.h"

#include <string.h>

#define TEXT_MAX (64 * MIB) /* of one entry: what an instruction and its variables can be is less */
#define LAYER " # buildkit"

/* --- quotes --- */

/* Go's strconv.IsPrint, but for code points that nobody has given a meaning */
static bool is_printable(uint32_t rune)
{
	static const uint32_t hidden[][2] = {{0x7f, 0xa0}, {0xad, 0xad}, {0x600, 0x605},
		{0x61c, 0x61c}, {0x6dd, 0x6dd}, {0x70f, 0x70f}, {0x180e, 0x180e}, {0x200b, 0x200f},
		{0x2028, 0x202e}, {0x2060, 0x206f}, {0xe000, 0xf8ff}, {0xfeff, 0xfeff},
		{0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe00ff}, {0xf0000, 0x10ffff}};
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		if (rune >= hidden[i][0] && rune <= hidden[i][1])
			return false;
	return rune == ' ' || (rune > ' ' && !rune_is_space(rune));
}

static void add_escaped(struct buf *text, const char *s, size_t width, uint32_t rune)
{
	static const char names[] = "abtnvfr"; /* from 7 on */
	if (rune == UTF8_INVALID && width == 1)
		buf_addf(text, "\\x%02x", (unsigned char)*s);
	else if (rune >= '\a' && rune <= '\r')
		buf_addf(text, "\\%c", names[rune - '\a']);
	else if (rune < ' ' || rune == 0x7f)
		buf_addf(text, "\\x%02x", rune);
	else
		buf_addf(text, rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
}

static void add_quoted(struct buf *text, const char *s)
{
	uint32_t rune;
	buf_addch(text, '"');
	for (size_t n = strlen(s), width; n; s += width, n -= width) {
		width = utf8_decode(s, n, &rune);
		if (*s == '"' || *s == '\\')
			buf_addch(text, '\\');
		if (is_printable(rune) && !(rune == UTF8_INVALID && width == 1))
			buf_add(text, s, width);
		else
			add_escaped(text, s, width, rune);
	}
	buf_addch(text, '"');
}

/* --- texts --- */

char *history_list(const char *name, const struct strv *words)
{
	AUTO_FREE char *joined = strv_join(words, " ");
	return xasprintf("%s [%s]", name, joined);
}

char *history_command(const char *name, const struct strv *words)
{
	AUTO_BUF struct buf text = BUF_INIT(TEXT_MAX);
	buf_addf(&text, "%s [", name);
	for (size_t i = 0; i < words->n; i++) {
		if (i)
			buf_addch(&text, ' ');
		add_quoted(&text, words->v[i]);
	}
	buf_addch(&text, ']');
	return buf_take(&text);
}

char *history_health(const struct healthcheck *h)
{
	AUTO_FREE char *test = strv_join(&h->test, " ");
	AUTO_FREE char *interval = num_duration_str(h->interval_ns);
	AUTO_FREE char *timeout = num_duration_str(h->timeout_ns);
	AUTO_FREE char *start = num_duration_str(h->start_period_ns);
	AUTO_FREE char *often = num_duration_str(h->start_interval_ns);
	return xasprintf("HEALTHCHECK {Test:[%s] Interval:%s Timeout:%s StartPeriod:%s "
			 "StartInterval:%s Retries:%lld}",
		test, interval, timeout, start, often, (long long)h->retries);
}

char *history_run(const struct eval *e, const struct strv *command)
{
	AUTO_BUF struct buf text = BUF_INIT(TEXT_MAX);
	AUTO_FREE char *words = strv_join(command, " ");
	const struct strv *args = &e->p->declared;
	buf_addstr(&text, "RUN ");
	if (args->n)
		buf_addf(&text, "|%zu ", args->n);
	STRV_FOREACH (name, args) {
		const char *value = map_get(&e->p->env, *name);
		buf_addf(&text, "%s=%s ", *name, value ? value : "");
	}
	buf_addf(&text, "%s" LAYER, words);
	return buf_take(&text);
}

char *history_copy(const struct step *s, const char *dest)
{
	AUTO_BUF struct buf text = BUF_INIT(TEXT_MAX);
	buf_addstr(&text, s->add ? "ADD" : "COPY");
	if (s->parents)
		buf_addstr(&text, " --parents");
	if (s->chown)
		buf_addf(&text, " --chown=%s", s->chown);
	if (s->chmod)
		buf_addf(&text, " --chmod=%s", s->chmod);
	for (size_t i = 0; i < s->sources.n; i++) {
		/* who logs in there is for nobody to read */
		bool url = i < s->n_remote && s->remote[i];
		AUTO_FREE char *shown = url ? url_shown(s->sources.v[i], true) : NULL;
		buf_addf(&text, " %s", shown ? shown : s->sources.v[i]);
	}
	for (size_t i = 0; i < s->n_inlines; i++)
		buf_addf(&text, " <<%s", s->inlines[i].name);
	buf_addf(&text, " %s" LAYER, dest);
	return buf_take(&text);
}
