/* SPDX-License-Identifier: Apache-2.0 */
#include "build/lint.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/url_user.h"

#define WARNINGS_MAX 1000 /* nobody reads more, and they are compared with one another */

/* clang-format off */
const struct lint_rule lint_rules[LINT_RULES] = {
	[LINT_STAGE_NAME_CASING] = {.name = "StageNameCasing",
		.about = "names of stages are in lower case, to tell them from keywords"},
	[LINT_FROM_AS_CASING] = {.name = "FromAsCasing",
		.about = "AS is written in the letter case of its FROM"},
	[LINT_NO_EMPTY_CONTINUATION] = {.name = "NoEmptyContinuation",
		.about = "a blank line does not end an instruction that is continued; remove the line, or make it a comment"},
	[LINT_CONSISTENT_INSTRUCTION_CASING] = {.name = "ConsistentInstructionCasing",
		.about = "all keywords of a file are written in the same letter case"},
	[LINT_DUPLICATE_STAGE_NAME] = {.name = "DuplicateStageName",
		.about = "of two stages with one name only the last can be named"},
	[LINT_RESERVED_STAGE_NAME] = {.name = "ReservedStageName",
		.about = "'scratch' and 'context' have a meaning of their own; give the stage another name"},
	[LINT_JSON_ARGS_RECOMMENDED] = {.name = "JSONArgsRecommended",
		.about = "a shell stands between the program and its signals; write [\"program\", \"argument\"], or choose the shell with SHELL"},
	[LINT_MAINTAINER_DEPRECATED] = {.name = "MaintainerDeprecated",
		.about = "write LABEL org.opencontainers.image.authors=\"...\" instead"},
	[LINT_UNDEFINED_ARG_IN_FROM] = {.name = "UndefinedArgInFrom",
		.about = "FROM sees only arguments that are declared with ARG before the first FROM"},
	[LINT_WORKDIR_RELATIVE_PATH] = {.name = "WorkdirRelativePath",
		.about = "it depends on the working directory of the base image; begin with an absolute one"},
	[LINT_UNDEFINED_VAR] = {.name = "UndefinedVar",
		.about = "it is replaced by nothing; declare it with ARG or ENV in this stage; ARG NAME= when it may be empty"},
	[LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED] = {.name = "MultipleInstructionsDisallowed",
		.about = "only the last one of a stage counts; remove this one"},
	[LINT_LEGACY_KEY_VALUE_FORMAT] = {.name = "LegacyKeyValueFormat",
		.about = "without '=' the rest of the line is one value; write NAME=value"},
	[LINT_INVALID_BASE_IMAGE_PLATFORM] = {.name = "InvalidBaseImagePlatform",
		.about = "the base image was made for another platform than this build",
		.flags = LINT_NO_PAGE},
	[LINT_REDUNDANT_TARGET_PLATFORM] = {.name = "RedundantTargetPlatform",
		.about = "a stage is for the target platform anyway; remove --platform"},
	[LINT_SECRETS_USED_IN_ARG_OR_ENV] = {.name = "SecretsUsedInArgOrEnv",
		.about = "it can be read in the image's history or config; use RUN --mount=type=secret",
		.flags = LINT_CREDENTIAL},
	[LINT_INVALID_DEFAULT_ARG_IN_FROM] = {.name = "InvalidDefaultArgInFrom",
		.about = "the file cannot be built without --build-arg; give the ARG a default that makes a name"},
	[LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = {.name = "FromPlatformFlagConstDisallowed",
		.about = "it cannot be built for other platforms; remove it and give --platform on the command line, or use $BUILDPLATFORM"},
	[LINT_COPY_IGNORED_FILE] = {.name = "CopyIgnoredFile",
		.about = "the build will not find it; change the ignore file or the source"},
	[LINT_INVALID_DEFINITION_DESCRIPTION] = {.name = "InvalidDefinitionDescription",
		.about = "the comment right above is shown as a description; begin it with the name, or leave a blank line between",
		.flags = LINT_EXPERIMENTAL},
	[LINT_EXPOSE_PROTO_CASING] = {.name = "ExposeProtoCasing",
		.about = "protocols are written in lower case: 80/tcp"},
	[LINT_EXPOSE_INVALID_FORMAT] = {.name = "ExposeInvalidFormat",
		.about = "only the container's port can be chosen here; addresses and host ports belong to the command that runs it"},

	[LINT_SECRET_VALUE_IN_ARG_OR_ENV] = {.name = "SecretValueInArgOrEnv",
		.about = "the value looks like a credential, and anybody can read it in the image; use RUN --mount=type=secret",
		.flags = LINT_OWN | LINT_CREDENTIAL},
	[LINT_SECRET_VALUE_IN_INSTRUCTION] = {.name = "SecretValueInInstruction",
		.about = "anybody can read it in the image or in its history; use RUN --mount=type=secret",
		.flags = LINT_OWN | LINT_CREDENTIAL},
	[LINT_ONBUILD_INVALID] = {.name = "OnbuildInvalid",
		.about = "the trigger is stored as it is, and builds on this image will fail",
		.flags = LINT_OWN},
	[LINT_COPY_MATCHES_NOTHING] = {.name = "CopyMatchesNothing",
		.about = "nothing is copied; check the pattern and the ignore file",
		.flags = LINT_OWN},
	[LINT_RUN_ALMOST_JSON] = {.name = "RunAlmostJSON",
		.about = "a shell gets it as it stands; JSON has double quotes alone, and commas between words",
		.flags = LINT_OWN},
	[LINT_COPY_BELOW_VOLUME] = {.name = "CopyBelowVolume",
		.about = "other builders drop what is written below a volume, and a mount hides it; move VOLUME behind it",
		.flags = LINT_OWN | LINT_EXPERIMENTAL},
	[LINT_COPY_DIRECTORY_CONTENTS] = {.name = "CopyDirectoryContents",
		.about = "the directory itself is not copied, only what is in it; use --parents, or name the directory in the destination",
		.flags = LINT_OWN | LINT_EXPERIMENTAL},
	[LINT_EMULATED_STAGE] = {.name = "EmulatedStage",
		.about = "its commands run under emulation; a compiler that can cross-build is faster with --platform=$BUILDPLATFORM",
		.flags = LINT_OWN | LINT_EXPERIMENTAL},
};
/* clang-format on */

void lint_done(struct lint *l)
{
	strv_done(&l->skip);
	strv_done(&l->experimental);
	for (size_t i = 0; i < l->n; i++)
		free(l->w[i].text);
	free(l->w);
	for (size_t i = 0; i < l->n_sources; i++) {
		free(l->sources[i].name);
		free(l->sources[i].text);
	}
	free(l->sources);
	*l = (struct lint){0};
}

static char *trimmed(const char *s)
{
	s += strspn(s, " \t");
	size_t n = strlen(s);
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	return xstrndup(s, n);
}

static void names_of(const char *text, bool *ret_all, struct strv *ret)
{
	AUTO_STRV struct strv parts = STRV_INIT;
	strv_done(ret);
	*ret_all = streq(text, "all");
	strv_split(&parts, text, ',');
	STRV_FOREACH (p, &parts)
		strv_add_take(ret, trimmed(*p));
}

int lint_options(struct lint *l, const char *text, struct err *err)
{
	AUTO_STRV struct strv parts = STRV_INIT;
	AUTO_FREE char *all = trimmed(text);
	if (!*all)
		return 0;
	strv_split(&parts, all, ';');
	STRV_FOREACH (p, &parts) {
		char *eq = strchr(*p, '=');
		if (!eq)
			return err_set(err, ERR_INVALID,
				"check option '%.100s' is not skip=, error= or experimental=", *p);
		AUTO_FREE char *raw = xstrndup(*p, (size_t)(eq - *p));
		AUTO_FREE char *key = trimmed(raw), *value = trimmed(eq + 1);
		if (streq(key, "skip"))
			names_of(value, &l->skip_all, &l->skip);
		else if (streq(key, "experimental"))
			names_of(value, &l->experimental_all, &l->experimental);
		else if (!streq(key, "error"))
			return err_set(err, ERR_INVALID,
				"check option '%.100s' is not one of 'skip', 'error', "
				"'experimental'",
				key);
		else if (!num_bool(value, &l->error))
			return err_set(err, ERR_INVALID,
				"check option 'error=%.100s' is neither true nor false", value);
	}
	return 0;
}

bool lint_is_on(const struct lint *l, enum lint_rule_id rule)
{
	const struct lint_rule *r = &lint_rules[rule];
	if (r->flags & LINT_EXPERIMENTAL)
		return l->experimental_all || strv_has(&l->experimental, r->name);
	return !l->skip_all && !strv_has(&l->skip, r->name);
}

size_t lint_text_source(struct lint *l, const char *name, const char *text, size_t len)
{
	AUTO_FREE char *shown = xmemdup(text, len + 1);
	url_user_hide(shown, len);
	for (size_t i = 0; i < l->n_sources; i++)
		if (streq(l->sources[i].name, name) && l->sources[i].len == len &&
			memcmp(l->sources[i].text, shown, len) == 0)
			return i;
	l->sources = xreallocarray(l->sources, l->n_sources + 1, sizeof(*l->sources));
	l->sources[l->n_sources] =
		(struct lint_source){.name = xstrdup(name), .text = take(shown), .len = len};
	return l->n_sources++;
}

void lint_add(struct lint *l, enum lint_rule_id rule, const struct containerfile *f,
	const struct inst *i, struct pos pos, const char *fmt, ...)
{
	if (l->n == WARNINGS_MAX || !lint_is_on(l, rule))
		return;
	va_list ap;
	va_start(ap, fmt);
	struct lint_warning w = {.rule = rule,
		.source = lint_text_source(l, f->name, f->source, f->len),
		.pos = pos,
		.end_line = i->end_line > pos.line ? i->end_line : pos.line,
		.text = xvasprintf(fmt, ap)};
	va_end(ap);
	url_user_hide(w.text, strlen(w.text));
	for (size_t k = 0; k < l->n; k++) {
		if (l->w[k].rule == rule && l->w[k].source == w.source &&
			l->w[k].pos.line == pos.line && streq(l->w[k].text, w.text)) {
			free(w.text);
			return;
		}
	}
	l->w = xreallocarray(l->w, l->n + 1, sizeof(*l->w));
	l->w[l->n++] = w;
}

static int by_place(const void *a, const void *b)
{
	const struct lint_warning *x = a, *y = b;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->pos.line != y->pos.line)
		return x->pos.line < y->pos.line ? -1 : 1;
	if (x->pos.column != y->pos.column)
		return x->pos.column < y->pos.column ? -1 : 1;
	return x->rule != y->rule ? (x->rule < y->rule ? -1 : 1) : strcmp(x->text, y->text);
}

void lint_sort(struct lint *l)
{
	if (l->n > 1)
		qsort(l->w, l->n, sizeof(*l->w), by_place);
}

int lint_verdict(const struct lint *l, struct err *err)
{
	AUTO_STRV struct strv names = STRV_INIT;
	for (size_t i = 0; l->error && i < l->n; i++) {
		const struct lint_rule *r = &lint_rules[l->w[i].rule];
		if (!(r->flags & LINT_OWN) && !strv_has(&names, r->name))
			strv_add(&names, r->name);
	}
	if (!names.n)
		return 0;
	AUTO_FREE char *list = strv_join(&names, ", ");
	return err_set(err, ERR_INVALID, "lint violation found for rules: %s", list);
}
