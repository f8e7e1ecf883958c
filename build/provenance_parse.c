/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/csv.h"
#include "build/provenance.h"

#include <stdlib.h>
#include <string.h>

static int no_such_value(
	const char *option, const char *key, const char *value, const char *known, struct err *err)
{
	return err_set(
		err, ERR_INVALID, "option '--%s': %s: '%s' is not %s", option, key, value, known);
}

static int parse_bool(
	const char *option, const char *key, const char *value, bool *ret, struct err *err)
{
	*ret = streq(value, "true") || streq(value, "1");
	return *ret || streq(value, "false") || streq(value, "0")
	               ? 0
	               : no_such_value(option, key, value, "'true' or 'false'", err);
}

static int set_key(const char *option, const char *key, const char *value,
	struct provenance_opts *ret, bool *off, struct err *err)
{
	if (streq(key, "disabled"))
		return parse_bool(option, key, value, off, err);
	if (streq(key, "reproducible"))
		return parse_bool(option, key, value, &ret->reproducible, err);
	if (streq(key, "mode")) {
		ret->max = streq(value, "max");
		return ret->max || streq(value, "min")
		               ? 0
		               : no_such_value(option, key, value, "'min' or 'max'", err);
	}
	if (streq(key, "version")) {
		ret->v1 = streq(value, "v1");
		return ret->v1 || streq(value, "v0.2")
		               ? 0
		               : no_such_value(option, key, value, "'v0.2' or 'v1'", err);
	}
	if (streq(key, "builder-id")) {
		mem_replace(&ret->builder_id, xstrdup(value));
		return 0;
	}
	return err_set(err, ERR_UNSUPPORTED,
		"option '--%s': '%s' is not one of 'mode', 'version', 'builder-id', "
		"'reproducible', 'disabled'",
		option, key);
}

int provenance_parse(const char *option, const char *text, struct provenance_opts *ret,
	bool *ret_wanted, struct err *err)
{
	static const char *const off_words[] = {"false", "0", "none", "disabled", "off"};
	AUTO_STRV struct strv words = STRV_INIT;
	struct provenance_opts o = {.max = true}; /* as BuildKit for who asks for it */
	bool off = false;
	int r = 0;
	for (size_t i = 0; i < ARRAY_LEN(off_words); i++)
		off = off || streq(text, off_words[i]);
	if (!off && *text && !streq(text, "true") && !streq(text, "1"))
		r = csv_fields(text, &words, err);
	for (size_t i = 0; r == 0 && i < words.n; i++) {
		const char *value;
		AUTO_FREE char *key = csv_key(words.v[i], &value);
		if (!value)
			r = err_set(err, ERR_INVALID, "option '--%s': '%s' has no value", option,
				words.v[i]);
		else if (!streq(key, "type"))
			r = set_key(option, key, value, &o, &off, err);
	}
	if (r < 0 || off) {
		provenance_opts_done(&o);
		if (r == 0)
			*ret_wanted = false;
		return r;
	}
	provenance_opts_done(ret);
	*ret = o;
	*ret_wanted = true;
	return 0;
}

void provenance_opts_done(struct provenance_opts *o)
{
	free(o->builder_id);
}
