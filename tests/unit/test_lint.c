/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "build/lint.h"

#define RESULT_MAX 4096

/* The rules that lint_files() finds broken, as "line:column Rule", in order. */
static char *check(const char *options, const char *text)
{
	struct containerfile f;
	struct lint l = {0};
	struct err err = ERR_INIT;
	AUTO_BUF struct buf b = BUF_INIT(RESULT_MAX);
	buf_addstr(&b, "");
	assert_int_equal(lint_options(&l, options, &err), 0);
	if (containerfile_parse("f", text, strlen(text), &f, &err) < 0)
		fail_msg("%s", err.msg);
	lint_files(&l, &f, 1);
	lint_sort(&l);
	for (size_t i = 0; i < l.n; i++)
		buf_addf(&b, "%s%u:%u %s", i ? ", " : "", l.w[i].pos.line, l.w[i].pos.column,
			lint_rules[l.w[i].rule].name);
	lint_done(&l);
	containerfile_done(&f);
	char *ret = buf_take(&b);
	return ret ? ret : xstrdup("");
}

struct text_case {
	const char *options, *text, *expected;
};

static void run_cases(const struct text_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *got = check(cases[i].options, cases[i].text);
		if (!streq(got, cases[i].expected))
			fail_msg("'%s':\n%s\n  expected: %s\n  got:      %s", cases[i].options,
				cases[i].text, cases[i].expected, got);
	}
}

static void names_of_stages(void **state)
{
	(void)state;
	static const struct text_case cases[] = {
		{"", "FROM scratch AS BadName\n", "1:17 StageNameCasing"},
		{"", "FROM scratch AS good-name\n", ""},
		{"", "FROM scratch as base\n", "1:14 FromAsCasing"},
		{"", "from scratch AS base\n", "1:14 FromAsCasing"},
		{"", "from scratch as base\n", ""},
		{"", "From scratch as base\nFROM scratch AS other\n",
			"1:1 ConsistentInstructionCasing"},
		{"", "FROM --platform=$BUILDPLATFORM \\\n  scratch \\\n  As x\n",
			"3:3 FromAsCasing"},
		{"", "FROM scratch AS b\nFROM scratch AS B\n",
			"2:17 StageNameCasing, 2:17 DuplicateStageName"},
		{"", "FROM scratch AS b1\nFROM scratch AS b2\n", ""},
		{"", "FROM scratch AS scratch\nFROM scratch AS context\n",
			"1:17 ReservedStageName, 2:17 ReservedStageName"},
		{"", "FROM scratch\nFROM scratch AS a\n", ""},
	};
	run_cases(cases, ARRAY_LEN(cases));
}

static void letter_case_of_keywords(void **state)
{
	(void)state;
	static const struct text_case cases[] = {
		{"", "FROM scratch\ncopy a b\nCOPY a b\n", "2:1 ConsistentInstructionCasing"},
		{"", "from scratch\ncopy a b\nCOPY a b\n", "3:1 ConsistentInstructionCasing"},
		{"", "FROM scratch\ncopy a b\n", "2:1 ConsistentInstructionCasing"},
		{"", "FROM scratch\nCopy a b\n", "2:1 ConsistentInstructionCasing"},
		{"", "from scratch\nrun a\nrun b\n", ""},
		/* before the first stage it does not count */
		{"", "arg x=1\nFROM scratch\nRUN a\n", ""},
		{"", "FROM scratch\nRUN <<EOF\nenv\nEOF\n", ""},
		{"", "FROM scratch\nonbuild RUN x\nRUN y\n", "2:1 ConsistentInstructionCasing"},
		{"", "FROM scratch\nONBUILD RUN --mount=type=nope,target=/x y\n",
			"2:21 OnbuildInvalid"},
		{"", "FROM scratch\nONBUILD RUN --mount=type=$x,sharing=bad,target=/x y\n",
			"2:29 OnbuildInvalid"},
		{"", "FROM scratch\nONBUILD RUN --mount=type=$x,target=$y y\n", ""},
	};
	run_cases(cases, ARRAY_LEN(cases));
}

static void lines_and_old_words(void **state)
{
	(void)state;
	static const struct text_case cases[] = {
		{"", "FROM scratch\nCOPY a \\\n\n b\n", "3:1 NoEmptyContinuation"},
		{"", "FROM scratch\nCOPY a \\\n# comment\n b\n", ""},
		{"", "FROM scratch\nMAINTAINER me\n", "2:1 MaintainerDeprecated"},
		{"", "FROM scratch\nLABEL org.opencontainers.image.authors=me\n", ""},
		{"", "FROM scratch\nONBUILD FORM x\n", "2:9 OnbuildInvalid"},
		{"", "FROM scratch\nONBUILD RUN x\n", ""},
	};
	run_cases(cases, ARRAY_LEN(cases));
}

static void comments_that_look_like_descriptions(void **state)
{
	(void)state;
	static const struct text_case cases[] = {
		{"", "# about\nFROM scratch AS base\n", ""},
		{"experimental=all", "# about\nFROM scratch AS base\n# more\nARG VERSION=1\n",
			"2:1 InvalidDefinitionDescription, 4:1 InvalidDefinitionDescription"},
		{"experimental=all", "# about\n\nFROM scratch AS base\n# more\n\nARG VERSION=1\n",
			""},
		{"experimental=all",
			"# base is a stage\nFROM scratch AS base\n# VERSION This\nARG VERSION=1\n",
			""},
		{"experimental=all", "# base is a stage\n# and more\nFROM scratch AS base\n",
			"3:1 InvalidDefinitionDescription"},
		{"experimental=all", "# about\nFROM scratch\n", ""},
		{"experimental=all", "# baseless\nFROM scratch AS base\n",
			"2:1 InvalidDefinitionDescription"},
		{"experimental=all", "# B it is\nARG A=1 B=2\nFROM scratch\n", ""},
		/* a directive is no comment */
		{"experimental=all", "# syntax=docker/dockerfile:1\nFROM scratch AS base\n", ""},
	};
	run_cases(cases, ARRAY_LEN(cases));
}

static void rules_are_chosen_by_options(void **state)
{
	(void)state;
	static const char text[] = "FROM scratch as base\ncopy a b\n";
	static const char about[] = "# about\nFROM scratch AS base\n";
	static const struct text_case cases[] = {
		{"", text, "1:14 FromAsCasing, 2:1 ConsistentInstructionCasing"},
		{"skip=all", text, ""},
		{" skip = FromAsCasing , ConsistentInstructionCasing ", text, ""},
		{"skip=ConsistentInstructionCasing;error=true", text, "1:14 FromAsCasing"},
		{"error=true;skip=ConsistentInstructionCasing", text, "1:14 FromAsCasing"},
		{"skip=NoSuchRule", text, "1:14 FromAsCasing, 2:1 ConsistentInstructionCasing"},
		{"experimental=InvalidDefinitionDescription", about,
			"2:1 InvalidDefinitionDescription"},
		{"experimental=CopyBelowVolume", about, ""},
		/* experimental= wins over skip= */
		{"skip=all;experimental=all", about, "2:1 InvalidDefinitionDescription"},
		{"skip=InvalidDefinitionDescription;experimental=all", about,
			"2:1 InvalidDefinitionDescription"},
	};
	run_cases(cases, ARRAY_LEN(cases));
}

static void refuses_options_that_it_does_not_know(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"skip", "error=maybe", "error=", "sikp=all", "skip=all;", "skip=all,error=true;x"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct lint l = {0};
		struct err err = ERR_INIT;
		if (lint_options(&l, bad[i], &err) != ERR_INVALID)
			fail_msg("'%s' was taken", bad[i]);
		lint_done(&l);
	}
}

static void an_error_is_for_rules_of_buildkit(void **state)
{
	(void)state;
	static const struct {
		const char *options, *text;
		bool fails;
	} cases[] = {
		{"error=true", "FROM scratch as base\n", true},
		{"error=1", "FROM scratch as base\n", true},
		{"error=false", "FROM scratch as base\n", false},
		{"", "FROM scratch as base\n", false},
		{"error=true;skip=all", "FROM scratch as base\n", false},
		{"error=true", "FROM scratch AS base\n", false},
		/* ours do not make a build fail that BuildKit does */
		{"error=true", "FROM scratch\nONBUILD FORM x\n", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct containerfile f;
		struct lint l = {0};
		struct err err = ERR_INIT;
		assert_int_equal(lint_options(&l, cases[i].options, &err), 0);
		assert_int_equal(
			containerfile_parse("f", cases[i].text, strlen(cases[i].text), &f, &err),
			0);
		lint_files(&l, &f, 1);
		assert_int_equal(lint_verdict(&l, &err), cases[i].fails ? ERR_INVALID : 0);
		if (cases[i].fails)
			assert_string_equal(
				err.msg, "lint violation found for rules: FromAsCasing");
		lint_done(&l);
		containerfile_done(&f);
	}
}

/* The name of the one rule that the word breaks, or "". */
static const char *rule_of(const struct lint *l)
{
	assert_true(l->n <= 1);
	return l->n ? lint_rules[l->w[0].rule].name : "";
}

static void names_and_values_of_credentials(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value, *rule;
	} cases[] = {
		{"SECRET_PASSPHRASE", NULL, "SecretsUsedInArgOrEnv"},
		{"SUPER_Secret", "foo", "SecretsUsedInArgOrEnv"},
		{"password", "x", "SecretsUsedInArgOrEnv"},
		{"super_duper_secret_token", "x", "SecretsUsedInArgOrEnv"},
		{"auth", "x", "SecretsUsedInArgOrEnv"},
		{"apikey", "x", "SecretsUsedInArgOrEnv"},
		{"git_key", "", "SecretsUsedInArgOrEnv"},
		{"sunflower", "foo", ""},
		{"MONKEY", "x", ""},
		{"KEYBOARD", "x", ""},
		{"AUTHOR", "x", ""},
		{"PUBLIC_KEY", "x", ""},
		{"TOKEN_FILE", "/run/x", ""},
		{"KEY_VERSION", "1", ""},
		{"ID", "AKIAIOSFODNN7EXAMPLE", "SecretValueInArgOrEnv"},
		{"ID", "AKIA", ""},
		{"GH", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "SecretValueInArgOrEnv"},
		{"GH", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", ""},
		{"ID", "AKIAIOSFODNN7EXAMPLEX", ""},
		{"GL", "glpat-0123456789abcdefghij", "SecretValueInArgOrEnv"},
		{"PEM", "-----BEGIN RSA PRIVATE KEY-----", "SecretValueInArgOrEnv"},
		{"PEM", "-----BEGIN CERTIFICATE-----", ""},
		{"URL", "https://me:hunter2@example.org/x", "SecretValueInArgOrEnv"},
		{"URL", "https://me@example.org/x", ""},
		{"URL", "https://me:$PW@example.org/x", ""},
		{"URL", "http://example.org:80/a@b", ""},
		{"SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ""},
	};
	struct containerfile f;
	struct err err = ERR_INIT;
	static const char text[] = "FROM scratch\nENV a=b\n";
	assert_int_equal(containerfile_parse("f", text, strlen(text), &f, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lint l = {0};
		lint_secret(&l, &f, &f.insts[1], f.insts[1].pos, cases[i].name, cases[i].value);
		if (!streq(rule_of(&l), cases[i].rule))
			fail_msg("%s=%s: '%s'", cases[i].name, cases[i].value ? cases[i].value : "",
				rule_of(&l));
		lint_done(&l);
	}
	containerfile_done(&f);
}

static void credentials_in_commands_and_files(void **state)
{
	(void)state;
#define TOKEN "ghp_0123456789abcdefghijABCDEFGHIJ012345"
#define KEY "-----BEGIN RSA PRIVATE KEY-----"
	static const struct {
		const char *text;
		size_t found;
	} cases[] = {
		{"RUN curl -H 'Authorization: token " TOKEN "' https://example.org", 1},
		{"RUN echo my" TOKEN, 0},
		{"RUN <<E\necho " TOKEN "\nE", 1},
		{"COPY <<E /key\n" KEY "\nMIIEpAIBAAKCAQEA1234567890abcdefghij\nE", 1},
		{"RUN echo '" KEY "\\nMIIEpAIBAAKCAQEA1234567890abcdefghij' >/key", 1},
		{"RUN grep -q -e '" KEY "' /etc/ssl/key.pem", 0},
		{"COPY <<E /doc\n" KEY "\n...\nE", 0},
		{"LABEL note=" TOKEN, 1},
		{"RUN git clone https://me:hunter2@example.org/x", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct containerfile f;
		struct lint l = {0};
		struct err err = ERR_INIT;
		AUTO_FREE char *text = xasprintf("FROM scratch\n%s\n", cases[i].text);
		if (containerfile_parse("f", text, strlen(text), &f, &err) < 0)
			fail_msg("%s", err.msg);
		lint_secret_text(&l, &f, &f.insts[1]);
		if (l.n != cases[i].found)
			fail_msg("%s: %zu", cases[i].text, l.n);
		for (size_t k = 0; k < l.n; k++)
			assert_null(strstr(l.w[k].text, TOKEN));
		lint_done(&l);
		containerfile_done(&f);
	}
}

static void ports(void **state)
{
	(void)state;
	static const struct {
		const char *spec, *rule;
	} cases[] = {
		{"80", ""},
		{"80/tcp", ""},
		{"80-90/udp", ""},
		{"80/TCP", "ExposeProtoCasing"},
		{"80:80", "ExposeInvalidFormat"},
		{"127.0.0.1:80:80", "ExposeInvalidFormat"},
		{"[::1]:80:80", "ExposeInvalidFormat"},
		{":80", ""},
	};
	struct containerfile f;
	struct err err = ERR_INIT;
	static const char text[] = "FROM scratch\nEXPOSE 80\n";
	assert_int_equal(containerfile_parse("f", text, strlen(text), &f, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lint l = {0};
		lint_expose(&l, &f, &f.insts[1], f.insts[1].pos, cases[i].spec);
		if (!streq(rule_of(&l), cases[i].rule))
			fail_msg("%s: '%s'", cases[i].spec, rule_of(&l));
		lint_done(&l);
	}
	containerfile_done(&f);
}

static void keeps_no_more_than_anybody_reads(void **state)
{
	(void)state;
	struct containerfile f;
	struct lint l = {0};
	struct err err = ERR_INIT;
	AUTO_BUF struct buf b = BUF_INIT(MIB);
	for (int i = 0; i < 2000; i++)
		buf_addf(&b, "FROM scratch AS X%d\n", i);
	assert_int_equal(containerfile_parse("f", buf_str(&b), b.len, &f, &err), 0);
	lint_files(&l, &f, 1);
	assert_int_equal(l.n, 1000);
	containerfile_done(&f);
	/* what it keeps is its own */
	assert_string_equal(l.sources[0].name, "f");
	lint_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_stages),
		cmocka_unit_test(letter_case_of_keywords),
		cmocka_unit_test(lines_and_old_words),
		cmocka_unit_test(comments_that_look_like_descriptions),
		cmocka_unit_test(rules_are_chosen_by_options),
		cmocka_unit_test(refuses_options_that_it_does_not_know),
		cmocka_unit_test(an_error_is_for_rules_of_buildkit),
		cmocka_unit_test(names_and_values_of_credentials),
		cmocka_unit_test(credentials_in_commands_and_files),
		cmocka_unit_test(ports),
		cmocka_unit_test(keeps_no_more_than_anybody_reads),
	};
	return cmocka_run_group_tests_name("lint", tests, NULL, NULL);
}
