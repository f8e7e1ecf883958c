/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/opt.h"

struct inner {
	const char *creds;
	int tls;
};

struct args {
	bool interactive, tty;
	const char *file, *pull;
	struct strv tags;
	uint64_t jobs, memory;
	int64_t quota;
	struct inner inner;
};

static const struct opt inner_options[] = {
	OPT_STRING(0, "creds", struct inner, creds),
	OPT_TRISTATE(0, "tls-verify", struct inner, tls),
	OPT_END,
};

static const struct opt options[] = {
	OPT_BOOL('i', "interactive", struct args, interactive),
	OPT_BOOL('t', "tty", struct args, tty),
	OPT_ALIAS(0, "terminal", "tty"),
	OPT_STRING('f', "file", struct args, file),
	OPT_MAYBE_STRING(0, "pull", struct args, pull, "true"),
	OPT_STRV('l', "label", struct args, tags),
	OPT_UINT('j', "jobs", struct args, jobs),
	OPT_INT(0, "cpu-quota", struct args, quota),
	OPT_SIZE('m', "memory", struct args, memory),
	OPT_IGNORED(0, "runtime"),
	OPT_IGNORED_BOOL(0, "rm"),
	OPT_REFUSED_WHY(0, "sign-by", "there is no signing"),
	OPT_GROUP(inner_options, struct args, inner),
	OPT_END,
};

struct parsed {
	struct args a;
	struct strv rest;
	struct err err;
	int result;
};

/* The words are split at blanks. */
static struct parsed *parse_flags(const char *line, int flags)
{
	static struct parsed p;
	static struct strv words;

	opt_done(options, &p.a);
	strv_done(&p.rest);
	strv_done(&words);
	memset(&p, 0, sizeof(p));
	memset(&words, 0, sizeof(words));
	p.a.inner.tls = -1;
	if (*line)
		strv_split(&words, line, ' ');
	p.result = opt_parse(options, &p.a, "mica test", (int)words.n, strv_argv(&words), flags,
		&p.rest, &p.err);
	return &p;
}

static struct parsed *parse(const char *line)
{
	return parse_flags(line, 0);
}

static void fails_with(const char *line, int code, const char *text)
{
	struct parsed *p = parse(line);
	assert_int_equal(p->result, code);
	if (!strstr(p->err.msg, text))
		fail_msg("'%s' does not contain '%s'", p->err.msg, text);
	assert_null(strchr(p->err.msg, '\n'));
}

static void takes_all_spellings_of_a_value(void **state)
{
	(void)state;
	assert_string_equal(parse("--file x")->a.file, "x");
	assert_string_equal(parse("--file=x=y")->a.file, "x=y");
	assert_string_equal(parse("-f x")->a.file, "x");
	assert_string_equal(parse("-fx")->a.file, "x");
	assert_string_equal(parse("-f=x")->a.file, "x");
	assert_string_equal(parse("--file -")->a.file, "-");
	assert_string_equal(parse("--file=")->a.file, "");
	assert_string_equal(parse("-f a -f b")->a.file, "b");
}

static void bundles_switches(void **state)
{
	(void)state;
	struct parsed *p = parse("-it -tffile image");
	assert_int_equal(p->result, 0);
	assert_true(p->a.interactive);
	assert_true(p->a.tty);
	assert_string_equal(p->a.file, "file");
	assert_int_equal(p->rest.n, 1);
	p = parse("-ti=false");
	assert_false(p->a.interactive);
	assert_true(p->a.tty);
}

static void switches_take_values_only_after_an_equals_sign(void **state)
{
	(void)state;
	struct parsed *p = parse("--tty=false --interactive true");
	assert_false(p->a.tty);
	assert_true(p->a.interactive);
	assert_string_equal(p->rest.v[0], "true");
	assert_int_equal(parse("")->a.inner.tls, -1);
	assert_int_equal(parse("--tls-verify=false")->a.inner.tls, 0);
	assert_int_equal(parse("--tls-verify")->a.inner.tls, 1);
	assert_true(parse("--terminal")->a.tty);
	fails_with("--tty=maybe", ERR_INVALID,
		"invalid argument \"maybe\" for option '--tty': invalid syntax, it is not 'true' "
		"or 'false'");
}

static void a_bare_option_with_an_optional_value_has_its_default(void **state)
{
	(void)state;
	assert_null(parse("x")->a.pull);
	assert_string_equal(parse("--pull x")->a.pull, "true");
	assert_string_equal(parse("--pull=never")->a.pull, "never");
}

static void collects_and_counts(void **state)
{
	(void)state;
	struct parsed *p = parse("-l a --label=b=c -ld --jobs=12 -m 64m --cpu-quota -1");
	assert_int_equal(p->result, 0);
	assert_int_equal(p->a.tags.n, 3);
	assert_string_equal(p->a.tags.v[1], "b=c");
	assert_int_equal(p->a.jobs, 12);
	assert_int_equal(p->a.memory, 64 << 20);
	assert_int_equal(p->a.quota, -1);
	fails_with("--jobs=-1", ERR_INVALID,
		"invalid argument \"-1\" for option '--jobs': invalid syntax, it is not a number "
		"from 0 on");
	fails_with("--memory lots", ERR_INVALID,
		"invalid argument \"lots\" for option '--memory': invalid syntax, it is not a "
		"size");
}

static void two_dashes_end_the_options(void **state)
{
	(void)state;
	struct parsed *p = parse("a -- -i --tty");
	assert_int_equal(p->rest.n, 3);
	assert_string_equal(p->rest.v[1], "-i");
	assert_false(p->a.tty);
	assert_string_equal(parse("-")->rest.v[0], "-");
}

static void may_stop_at_the_first_positional(void **state)
{
	(void)state;
	struct parsed *p = parse_flags("-i image sh -t --nope", OPT_STOP_AT_POSITIONAL);
	assert_int_equal(p->result, 0);
	assert_true(p->a.interactive);
	assert_false(p->a.tty);
	assert_int_equal(p->rest.n, 4);
	/* without the flag options may follow positionals */
	assert_true(parse("image -t")->a.tty);
}

static void names_the_nearest_option(void **state)
{
	(void)state;
	fails_with("--fiel=x", ERR_INVALID, "unknown option '--fiel', did you mean '--file'?");
	fails_with("--memroy 1", ERR_INVALID, "did you mean '--memory'? See 'mica test --help'");
	fails_with("--inter", ERR_INVALID, "did you mean '--interactive'?");
	fails_with("--zzzzzzzz", ERR_INVALID, "unknown option '--zzzzzzzz'. See");
	fails_with("-x", ERR_INVALID, "unknown option '-x'. See");
	fails_with("-tx", ERR_INVALID, "unknown option '-x' in '-tx'. See");
	fails_with("--file", ERR_INVALID, "'--file' needs a value");
}

static void reaches_into_groups(void **state)
{
	(void)state;
	assert_string_equal(parse("--creds u:p")->a.inner.creds, "u:p");
}

static void ignores_and_refuses_by_name(void **state)
{
	(void)state;
	struct parsed *p = parse("--runtime crun --rm x");
	assert_int_equal(p->result, 0);
	assert_int_equal(p->rest.n, 1);
	fails_with("--sign-by me", ERR_UNSUPPORTED,
		"'--sign-by' is not supported: there is no signing");
}

static void help_is_everywhere(void **state)
{
	(void)state;
	assert_int_equal(parse("--help")->result, OPT_HELP);
	assert_int_equal(parse("x -h")->result, OPT_HELP);
	assert_int_equal(parse("-- --help")->result, 0);
}

static const struct opt more_options[] = {
	OPT_STRING(0, "creds-of-all", struct inner, creds),
	OPT_TRISTATE(0, "help", struct inner, tls),
	OPT_END,
};

static void options_of_another_table_stand_behind_too(void **state)
{
	char words[][20] = {"x", "--creds-of-all=u", "--file", "f"};
	char *argv[] = {words[0], words[1], words[2], words[3]};
	char help[] = "--help";
	char *help_argv[] = {help};
	AUTO_STRV struct strv rest = STRV_INIT;
	struct args a = {0};
	struct inner more = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(opt_parse_with(options, &a, more_options, &more, "mica test", 4, argv, 0,
				 &rest, &err),
		0);
	assert_string_equal(more.creds, "u");
	assert_string_equal(a.file, "f");
	assert_int_equal(rest.n, 1);
	assert_int_equal(opt_parse_with(options, &a, more_options, &more, "mica test", 1, help_argv,
				 0, &rest, &err),
		OPT_HELP);
	assert_int_equal(opt_parse(options, &a, "mica test", 4, argv, 0, &rest, &err), ERR_INVALID);
	opt_done(options, &a);
}

/* What `from` keeps for each `run` must come back as it was. */
static void words_of_options_give_the_same_options(void **state)
{
	static const char *const lines[] = {"", "-it --file a=b -l x=1 -l y= --pull --jobs 3",
		"--tty=false --memory 64m --cpu-quota -5 --creds u:p --tls-verify=false",
		"--file= --label=--x --pull=never --runtime crun --rm"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		AUTO_STRV struct strv words = STRV_INIT, again = STRV_INIT, rest = STRV_INIT;
		struct args a = {.inner = {.tls = -1}};
		struct err err = ERR_INIT;
		struct parsed *p = parse(lines[i]);

		assert_int_equal(p->result, 0);
		opt_words(options, &p->a, &words);
		assert_int_equal(opt_parse(options, &a, "mica test", (int)words.n,
					 strv_argv(&words), 0, &rest, &err),
			0);
		opt_words(options, &a, &again);
		AUTO_FREE char *one = strv_join(&words, " "), *two = strv_join(&again, " ");
		assert_string_equal(one, two);
		assert_int_equal(a.interactive, p->a.interactive);
		assert_int_equal(a.memory, p->a.memory);
		assert_int_equal(a.quota, p->a.quota);
		assert_int_equal(a.inner.tls, p->a.inner.tls);
		assert_int_equal(a.tags.n, p->a.tags.n);
		assert_int_equal(rest.n, 0);
		opt_done(options, &a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_all_spellings_of_a_value),
		cmocka_unit_test(bundles_switches),
		cmocka_unit_test(switches_take_values_only_after_an_equals_sign),
		cmocka_unit_test(a_bare_option_with_an_optional_value_has_its_default),
		cmocka_unit_test(collects_and_counts),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(may_stop_at_the_first_positional),
		cmocka_unit_test(names_the_nearest_option),
		cmocka_unit_test(reaches_into_groups),
		cmocka_unit_test(ignores_and_refuses_by_name),
		cmocka_unit_test(help_is_everywhere),
		cmocka_unit_test(words_of_options_give_the_same_options),
		cmocka_unit_test(options_of_another_table_stand_behind_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
