/* SPDX-License-Identifier: Apache-2.0 */
#include "build/inst_check.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/called.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "build/file_heredoc.h"
#include "build/file_lex.h"
#include "build/inst_table.h"
#include "build/unicode.h"

#define NS_PER_MS 1000000

static int unknown_flag(const struct inst_spec *spec, const char *name, struct err *err)
{
	const char *close = flag_suggest(spec, name);
	if (close)
		return err_set(err, ERR_INVALID,
			"unknown flag '--%.100s' for %s, did you mean --%s?", name, spec->name,
			close);
	AUTO_BUF struct buf list = BUF_INIT(200);
	for (const struct flag_spec *f = spec->flags; f->name; f++)
		buf_addf(&list, "%s--%s",
			f == spec->flags ? "it has "
			: f[1].name      ? ", "
					 : " and ",
			f->name);
	return err_set(err, ERR_INVALID, "unknown flag '--%.100s' for %s: %s", name, spec->name,
		list.len ? buf_str(&list) : "it has none");
}

static int missing_value(const struct inst_spec *spec, const char *name, struct err *err)
{
	static const char copy[] =
		"; COPY only supports the --chmod=<permissions> --chown=<uid:gid> "
		"--from=<image|stage> and the --exclude=<pattern> flags";
	static const char add[] =
		"; ADD only supports the --chmod=<permissions>, --chown=<uid:gid>, and "
		"--checksum=<checksum> --exclude=<pattern> flags";
	const char *more = spec->kind == INST_COPY ? copy : spec->kind == INST_ADD ? add : "";

	if (called_buildah())
		return err_set(err, ERR_INVALID, "missing a value on flag: --%s%s", name, more);
	bool truth = flag_spec_find(spec, name)->kind == FLAG_BOOL;
	return err_set(err, ERR_INVALID, "missing a value on flag: --%s; write --%s=%s", name, name,
		truth ? "true" : "VALUE");
}

static int check_flag(const struct inst *i, const struct inst_spec *spec,
	const struct inst_flag *flag, struct err *err)
{
	const struct flag_spec *known = flag_spec_find(spec, flag->name);
	if (!known)
		return unknown_flag(spec, flag->name, err);
	for (size_t n = 0; n < i->n_flags && known->kind != FLAG_STRINGS; n++)
		if (streq(i->flags[n].name, flag->name))
			return err_set(
				err, ERR_INVALID, "duplicate flag specified: --%s", flag->name);
	const char *v = flag->value;
	if (known->kind == FLAG_BOOL ? v && !*v : !v)
		return missing_value(spec, flag->name, err);
	if (known->kind == FLAG_BOOL && v && strcasecmp(v, "true") != 0 &&
		strcasecmp(v, "false") != 0)
		return err_set(err, ERR_INVALID,
			"expecting boolean value for flag --%s, not: %.100s", flag->name, v);
	return 0;
}

int inst_check_flags(struct inst *i, const struct stmt *s, const struct lex_line *line,
	struct pos *ret_pos, struct err *err)
{
	i->flags = xcalloc(s->flags.w.n + 1, sizeof(*i->flags));
	for (size_t n = 0; n < s->flags.w.n; n++) {
		const char *text = s->flags.w.v[n] + 2, *equals = strchr(text, '=');
		struct inst_flag flag = {.pos = lex_line_pos(line, s->flags.at[n])};
		flag.name = xstrndup(text, equals ? (size_t)(equals - text) : strlen(text));
		flag.value = equals ? xstrdup(equals + 1) : NULL;
		*ret_pos = flag.pos;
		int r = check_flag(i, s->spec, &flag, err);
		/* owned by i, good or not */
		i->flags[i->n_flags++] = flag;
		if (r < 0)
			return r;
		if (i->kind == INST_RUN && streq(flag.name, "mount"))
			strv_add(&i->mounts, flag.value);
	}
	return 0;
}

static int check_count(const struct inst *i, struct err *err)
{
	const struct inst_spec *spec = &inst_specs[i->kind];
	if (i->args.n >= spec->min || i->onbuild)
		return 0;
	if (spec->min == 2)
		return err_set(err, ERR_INVALID,
			"%s requires at least two arguments, but %s provided; the destination is "
			"missing",
			i->name, i->args.n ? "only one was" : "none were");
	return err_set(err, ERR_INVALID, "%s requires %s one argument", i->name,
		spec->max == 1 ? "exactly" : "at least");
}

static int check_names(const struct inst *i, struct pos *ret_pos, struct err *err)
{
	size_t step = i->kind == INST_ARG ? 1 : 2;
	for (size_t n = 0; n < i->args.n; n += step) {
		const char *name = i->args.v[n];
		*ret_pos = i->arg_pos[n];
		if (!*name || (i->kind == INST_ARG && *name == '='))
			return err_set(err, ERR_INVALID, "%s names can not be blank", i->name);
	}
	return 0;
}

/* ^[a-z][a-z0-9-_.]*$ in lower case; to buildah any, such as a platform's */
static bool stage_name_valid(char *name)
{
	const char *further = called_buildah() ? "0123456789-_./" : "0123456789-_.";
	for (char *c = name; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 0x20);
		bool letter = *c >= 'a' && *c <= 'z';
		if (!letter && (c == name || !strchr(further, *c)))
			return false;
	}
	return *name != '\0';
}

static int check_from(struct inst *i, struct pos *ret_pos, struct err *err)
{
	if (i->args.n != 1 && (i->args.n != 3 || strcasecmp(i->args.v[1], "as") != 0)) {
		/* the word that should be AS, or not be there */
		if (i->args.n > 1)
			*ret_pos = i->arg_pos[i->args.n > 3 && !strcasecmp(i->args.v[1], "as") ? 3
											       : 1];
		return err_set(err, ERR_INVALID,
			"FROM requires either one argument, or three: FROM <image> [AS <name>]");
	}
	if (i->args.n == 1)
		return 0;
	AUTO_FREE char *written = xstrdup(i->args.v[2]);
	*ret_pos = i->arg_pos[2];
	if (!stage_name_valid(i->args.v[2]))
		return err_set(err, ERR_INVALID,
			"invalid name for build stage: '%.100s', name can't start with a number or "
			"contain symbols",
			written);
	return 0;
}

/* Sources may be here-documents whose name is one of a file, the destination not. */
static int check_copy(const struct inst *i, struct pos *ret_pos, struct err *err)
{
	for (size_t n = 0; n < i->args.n; n++) {
		struct heredoc h;
		struct err ignored = ERR_INIT;
		if (heredoc_parse_word(i->args.v[n], &h, &ignored) <= 0)
			continue;
		AUTO_FREE char *name = take(h.name);
		AUTO_FREE char *clean = path_clean_rel(name);
		*ret_pos = i->arg_pos[n];
		if (n == i->args.n - 1)
			return err_set(err, ERR_INVALID,
				"%s cannot accept a heredoc as a destination", i->name);
		if (!*clean || strchr(clean, '/'))
			return err_set(err, ERR_INVALID,
				"the heredoc's name '%.100s' cannot be the name of a file", name);
	}
	return 0;
}

static int check_interval(
	const struct inst *i, const char *name, struct pos *ret_pos, struct err *err)
{
	const char *value = inst_flag(i, name, ret_pos);
	int64_t ns;
	if (!value || !*value)
		return 0;
	if (!num_duration(value, &ns))
		return err_set(err, ERR_INVALID,
			"invalid duration '%.100s' for --%s, it must be like 1m30s", value, name);
	if (ns != 0 && ns < NS_PER_MS)
		return err_set(err, ERR_INVALID,
			"interval '%s' cannot be less than 1ms, and --%s=%.100s is", name, name,
			value);
	return 0;
}

static int check_healthcheck(struct inst *i, struct pos *ret_pos, struct err *err)
{
	char *type = i->args.v[0];
	*ret_pos = i->arg_pos[0];
	if (strcasecmp(type, "NONE") == 0) {
		memcpy(type, "NONE", 4);
		return i->args.n == 1
		               ? 0
		               : err_set(err, ERR_INVALID, "HEALTHCHECK NONE takes no arguments");
	}
	if (strcasecmp(type, "CMD") != 0)
		return err_set(
			err, ERR_INVALID, "unknown type '%.100s' in HEALTHCHECK (try CMD)", type);
	memcpy(type, "CMD", 3);
	if (i->args.n == 1)
		return err_set(err, ERR_INVALID, "missing command after HEALTHCHECK CMD");
	static const char *const intervals[] = {
		"interval", "timeout", "start-period", "start-interval"};
	for (size_t n = 0; n < ARRAY_LEN(intervals); n++)
		if (check_interval(i, intervals[n], ret_pos, err) < 0)
			return err->code;
	const char *retries = inst_flag(i, "retries", ret_pos);
	int64_t count;
	if (retries && *retries && !num_i64(retries + (*retries == '+'), 0, INT32_MAX, &count))
		return err_set(err, ERR_INVALID, "invalid number '%.100s' for --retries", retries);
	return 0;
}

static int check_one_of(const struct inst *i, const char *flag, const char *const *allowed,
	struct pos *ret_pos, struct err *err)
{
	struct pos pos;
	const char *value = inst_flag(i, flag, &pos);
	if (!value)
		return 0;
	for (const char *const *a = allowed; *a; a++)
		if (streq(value, *a))
			return 0;
	*ret_pos = pos;
	AUTO_BUF struct buf list = BUF_INIT(200);
	for (const char *const *a = allowed; *a; a++)
		buf_addf(&list, "%s%s", a == allowed ? "" : a[1] ? ", " : " or ", *a);
	return err_set(err, ERR_INVALID, "unsupported value '%.100s' for --%s: it is %s", value,
		flag, buf_str(&list));
}

static int check_run(const struct inst *i, struct pos *ret_pos, struct err *err)
{
	static const char *const networks[] = {"default", "none", "host", NULL};
	static const char *const securities[] = {"sandbox", "insecure", NULL};
	if (check_one_of(i, "network", networks, ret_pos, err) < 0)
		return err->code;
	return check_one_of(i, "security", securities, ret_pos, err);
}

static int check_volume(struct inst *i, struct pos *ret_pos, struct err *err)
{
	for (size_t n = 0; n < i->args.n; n++) {
		const char *s = i->args.v[n];
		size_t len = strlen(s);
		text_trim(&s, &len);
		*ret_pos = i->arg_pos[n];
		if (len == 0)
			return err_set(
				err, ERR_INVALID, "VOLUME specified can not be an empty string");
		mem_replace(&i->args.v[n], xstrndup(s, len));
	}
	return 0;
}

static int check_include(const struct inst *i, struct pos *ret_pos, struct err *err)
{
	static const char what_to_do[] =
		"fragments are read before variables have values; write the name itself";
	const char *from = inst_flag(i, "from", NULL);
	if (from && strchr(from, '$')) {
		(void)inst_flag(i, "from", ret_pos);
		return err_set(
			err, ERR_INVALID, "a variable in --from=%.100s: %s", from, what_to_do);
	}
	if (i->args.n > 1) {
		*ret_pos = i->arg_pos[1];
		return err_set(err, ERR_INVALID,
			"INCLUDE takes one path; write an INCLUDE for each fragment");
	}
	return strchr(i->args.v[0], '$') ? err_set(err, ERR_INVALID, "a variable in '%.100s': %s",
						   i->args.v[0], what_to_do)
	                                 : 0;
}

bool inst_never_trigger(enum inst_kind kind)
{
	return kind == INST_ONBUILD || kind == INST_FROM || kind == INST_MAINTAINER ||
	       kind == INST_INCLUDE;
}

static int check_trigger(const struct inst *i, struct pos *ret_pos, struct err *err)
{
	const struct inst *trigger = i->onbuild;
	*ret_pos = trigger->pos;
	if (!trigger->name || !inst_never_trigger(trigger->kind))
		return 0;
	if (trigger->kind == INST_ONBUILD)
		return err_set(
			err, ERR_INVALID, "chaining ONBUILD via 'ONBUILD ONBUILD' is not allowed");
	return err_set(err, ERR_INVALID, "%s is not allowed as an ONBUILD trigger", trigger->name);
}

int inst_check_args(struct inst *i, struct pos *ret_pos, struct err *err)
{
	if (check_count(i, err) < 0)
		return err->code;
	switch (i->kind) {
	case INST_ADD:
	case INST_COPY:
		return check_copy(i, ret_pos, err);
	case INST_ARG:
	case INST_ENV:
	case INST_LABEL:
		return check_names(i, ret_pos, err);
	case INST_FROM:
		return check_from(i, ret_pos, err);
	case INST_HEALTHCHECK:
		return check_healthcheck(i, ret_pos, err);
	case INST_ONBUILD:
		return check_trigger(i, ret_pos, err);
	case INST_RUN:
		return check_run(i, ret_pos, err);
	case INST_SHELL:
		return i->json ? 0
		               : err_set(err, ERR_INVALID,
					 "SHELL requires the arguments to be in JSON form");
	case INST_VOLUME:
		return check_volume(i, ret_pos, err);
	case INST_INCLUDE:
		return check_include(i, ret_pos, err);
	case INST_CMD:
	case INST_ENTRYPOINT:
	case INST_EXPOSE:
	case INST_MAINTAINER:
	case INST_STOPSIGNAL:
	case INST_USER:
	case INST_WORKDIR:
		return 0;
	}
	return 0;
}
