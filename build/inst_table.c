/* SPDX-License-Identifier: Apache-2.0 */
#include "build/inst_table.h"

#include <strings.h>

#include "base/mem.h"
#include "build/suggest.h"

/* clang-format off */
const struct inst_spec inst_specs[INST_KINDS] = {
	[INST_ADD]         = {"ADD", INST_ADD, FORM_JSON_WORDS, 2, 0, true,
		{{"chmod", FLAG_STRING}, {"chown", FLAG_STRING}, {"checksum", FLAG_STRING}, {"exclude", FLAG_STRINGS},
		 {"keep-git-dir", FLAG_BOOL}, {"link", FLAG_BOOL}, {"unpack", FLAG_BOOL}}},
	[INST_ARG]         = {"ARG", INST_ARG, FORM_ARG, 1, 0, false, {{0}}},
	[INST_CMD]         = {"CMD", INST_CMD, FORM_JSON, 0, 0, false, {{0}}},
	[INST_COPY]        = {"COPY", INST_COPY, FORM_JSON_WORDS, 2, 0, true,
		{{"chmod", FLAG_STRING}, {"chown", FLAG_STRING}, {"exclude", FLAG_STRINGS}, {"from", FLAG_STRING},
		 {"link", FLAG_BOOL}, {"parents", FLAG_BOOL}}},
	[INST_ENTRYPOINT]  = {"ENTRYPOINT", INST_ENTRYPOINT, FORM_JSON, 0, 0, false, {{0}}},
	[INST_ENV]         = {"ENV", INST_ENV, FORM_NAME_VALUE, 1, 0, false, {{0}}},
	[INST_EXPOSE]      = {"EXPOSE", INST_EXPOSE, FORM_WORDS, 1, 0, false, {{0}}},
	[INST_FROM]        = {"FROM", INST_FROM, FORM_WORDS, 0, 0, false, {{"platform", FLAG_STRING}}},
	[INST_HEALTHCHECK] = {"HEALTHCHECK", INST_HEALTHCHECK, FORM_HEALTH, 1, 0, false,
		{{"interval", FLAG_STRING}, {"retries", FLAG_STRING}, {"start-interval", FLAG_STRING},
		 {"start-period", FLAG_STRING}, {"timeout", FLAG_STRING}}},
	[INST_LABEL]       = {"LABEL", INST_LABEL, FORM_NAME_VALUE, 1, 0, false, {{0}}},
	[INST_MAINTAINER]  = {"MAINTAINER", INST_MAINTAINER, FORM_STRING, 1, 1, false, {{0}}},
	[INST_ONBUILD]     = {"ONBUILD", INST_ONBUILD, FORM_TRIGGER, 1, 0, false, {{0}}},
	/* RUN without a command runs the shell without one: the reference accepts it */
	[INST_RUN]         = {"RUN", INST_RUN, FORM_JSON, 0, 0, true,
		{{"device", FLAG_STRINGS}, {"mount", FLAG_STRINGS}, {"network", FLAG_STRING}, {"security", FLAG_STRING}}},
	[INST_SHELL]       = {"SHELL", INST_SHELL, FORM_JSON, 1, 0, false, {{0}}},
	[INST_STOPSIGNAL]  = {"STOPSIGNAL", INST_STOPSIGNAL, FORM_STRING, 1, 1, false, {{0}}},
	[INST_USER]        = {"USER", INST_USER, FORM_STRING, 1, 1, false, {{0}}},
	[INST_VOLUME]      = {"VOLUME", INST_VOLUME, FORM_JSON_WORDS, 1, 0, false, {{0}}},
	[INST_WORKDIR]     = {"WORKDIR", INST_WORKDIR, FORM_STRING, 1, 1, false, {{0}}},
	[INST_INCLUDE]     = {"INCLUDE", INST_INCLUDE, FORM_JSON_WORDS, 1, 1, false, {{"from", FLAG_STRING}}},
};
/* clang-format on */

const struct inst_spec *inst_spec_find(const char *keyword)
{
	for (size_t i = 0; i < INST_KINDS; i++)
		if (strcasecmp(keyword, inst_specs[i].name) == 0)
			return &inst_specs[i];
	return NULL;
}

const struct flag_spec *flag_spec_find(const struct inst_spec *spec, const char *name)
{
	for (const struct flag_spec *f = spec->flags; f->name; f++)
		if (streq(f->name, name))
			return f;
	return NULL;
}

const char *inst_suggest(const char *keyword)
{
	const char *names[INST_INCLUDE]; /* all but the last */
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		names[i] = inst_specs[i].name;
	return suggest(keyword, names, ARRAY_LEN(names));
}

const char *flag_suggest(const struct inst_spec *spec, const char *name)
{
	const char *names[INST_FLAGS_MAX];
	size_t n = 0;
	for (; spec->flags[n].name; n++)
		names[n] = spec->flags[n].name;
	return suggest(name, names, n);
}
