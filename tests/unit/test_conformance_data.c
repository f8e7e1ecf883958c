/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BuildKit's own parser and expansion data, where they are at hand (they are not part of this
 * project): the folder named by MICA_CONFORMANCE, else ../shared/conformance beside the source
 * tree.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/utf8.h"
#include "build/file_expand.h"
#include "build/file_heredoc.h"
#include "build/file_lex.h"
#include "build/file_parse.h"
#include "build/file_stmt.h"
#include "build/inst_table.h"
#include "build/json_words.h"

#define TEXT_MAX (4 * MIB)

static const char *root_folder(void)
{
	const char *folder = getenv("MICA_CONFORMANCE");
	return folder && *folder ? folder : "../shared/conformance";
}

/* NULL: no such file */
static char *slurp(const char *path, size_t *ret_len)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	if (fs_read_file(AT_FDCWD, path, TEXT_MAX, &text, ret_len, &err) < 0)
		return NULL;
	return text;
}

static void entries(const char *folder, struct strv *ret)
{
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.')
			strv_add(ret, e->d_name);
	closedir(dir);
	strv_sort(ret);
}

/* As Go's strconv.Quote. */
static void add_quoted(struct buf *b, const char *s, size_t len)
{
	buf_addch(b, '"');
	for (size_t i = 0; i < len;) {
		static const char plain[] = "\a\b\f\n\r\t\v", letter[] = "abfnrtv";
		uint32_t rune;
		size_t width = utf8_decode(s + i, len - i, &rune);
		const char *simple = rune && rune < 0x80 ? strchr(plain, (int)rune) : NULL;
		if (rune == '"' || rune == '\\')
			buf_addf(b, "\\%c", (char)rune);
		else if (simple)
			buf_addf(b, "\\%c", letter[simple - plain]);
		else if (rune < 0x20 || rune == 0x7f || (width == 1 && rune == UTF8_INVALID))
			buf_addf(b, "\\x%02x", (unsigned char)s[i]);
		else if (rune == 0xa0 || rune == 0xfeff || rune == 0x200b)
			buf_addf(b, "\\u%04x", rune);
		else
			buf_add(b, s + i, width);
		i += width;
	}
	buf_addch(b, '"');
}

static void dump_word(struct buf *b, const char *word)
{
	buf_addch(b, ' ');
	add_quoted(b, word, strlen(word));
}

static void dump_stmt(struct buf *b, const struct stmt *s)
{
	buf_addch(b, '(');
	for (const char *c = s->keyword; *c; c++)
		buf_addch(b, *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c);
	for (size_t i = 0; i < s->flags.w.n; i++) {
		buf_addstr(b, i == 0 ? " [" : " ");
		add_quoted(b, s->flags.w.v[i], strlen(s->flags.w.v[i]));
	}
	buf_addstr(b, s->flags.w.n > 0 ? "]" : "");
	if (!s->spec)
		buf_addstr(b, " \"\"");
	bool pairs = s->spec && s->spec->form == FORM_NAME_VALUE;
	for (size_t i = 0; i < s->args.w.n; i++) {
		dump_word(b, s->args.w.v[i]);
		if (pairs && i % 2 == 1)
			dump_word(b, s->old_env ? "" : "=");
	}
	if (s->sub) {
		buf_addch(b, ' ');
		dump_stmt(b, s->sub);
	}
	buf_addch(b, ')');
}

/* The dump of a whole file, or "error: ..." */
static void dump_file(struct buf *b, const char *text, size_t len, bool with_heredocs)
{
	struct lex lex;
	struct err err = ERR_INIT;
	struct pos pos;
	AUTO_BUF struct buf bodies = BUF_INIT(TEXT_MAX);
	bool any = false;
	int r = 1;
	lex_init(&lex, text, len);
	while (r > 0) {
		AUTO_LEX_LINE struct lex_line line = {0};
		AUTO_STMT struct stmt stmt = {0};
		size_t at;
		r = lex_next(&lex, &line, &pos, &err);
		if (r <= 0)
			break;
		any = true;
		if (stmt_parse(line.text, 0, lex.escape, &stmt, &at, &err) < 0) {
			r = -1;
			break;
		}
		dump_stmt(b, &stmt);
		buf_addch(b, '\n');
		struct heredoc *docs = NULL;
		size_t n = 0;
		if (stmt_takes_heredocs(&stmt) && strstr(line.text, "<<"))
			r = heredocs_read(&lex, &line, &docs, &n, &pos, &err) < 0 ? -1 : 1;
		for (size_t i = 0; i < n && with_heredocs; i++) {
			buf_addf(&bodies, "heredoc line=%u name=", line.first);
			add_quoted(&bodies, docs[i].name, strlen(docs[i].name));
			buf_addf(&bodies, " fd=%u expand=%s chomp=%s content=", docs[i].fd,
				docs[i].expand ? "true" : "false",
				docs[i].chomp ? "true" : "false");
			add_quoted(&bodies, docs[i].content, docs[i].len);
			buf_addch(&bodies, '\n');
		}
		heredocs_free(docs, n);
	}
	if (r < 0 || !any) {
		buf_clear(b);
		buf_addf(b, "error: %s\n", any ? err.msg : "file with no instructions");
	} else if (with_heredocs) {
		buf_addf(b, "%sescape \"%s\"\n", buf_str(&bodies),
			lex.escape == '\\' ? "\\\\" : "`");
	}
	lex_done(&lex);
}

static bool same_dump(const char *what, const char *expected, const char *got)
{
	if (strncmp(expected, "error:", 6) == 0 && strncmp(got, "error:", 6) == 0)
		return true;
	if (streq(expected, got))
		return true;
	/* the one known difference: a C string cannot hold it, and no program could be given it */
	if (strstr(expected, "\\x00") && strstr(got, "an argument cannot hold a NUL byte"))
		return true;
	printf("%s:\n--- expected\n%s\n--- got\n%s\n", what, expected, got);
	return false;
}

static void the_trees_of_buildkits_parser_tests_are_the_same(void **state)
{
	(void)state;
	AUTO_STRV struct strv cases = STRV_INIT;
	AUTO_FREE char *folder = xasprintf("%s/data/parser/testfiles", root_folder());
	unsigned bad = 0;
	entries(folder, &cases);
	STRV_FOREACH (name, &cases) {
		size_t len, expected_len;
		AUTO_FREE char *file = xasprintf("%s/%s/Dockerfile", folder, *name);
		AUTO_FREE char *result = xasprintf("%s/%s/result", folder, *name);
		AUTO_FREE char *text = slurp(file, &len);
		AUTO_FREE char *expected = slurp(result, &expected_len);
		assert_non_null(text);
		assert_non_null(expected);
		AUTO_BUF struct buf got = BUF_INIT(TEXT_MAX);
		dump_file(&got, text, len, false);
		bad += !same_dump(*name, expected, buf_str(&got));
	}
	assert_true(cases.n > 20);
	assert_int_equal(bad, 0);
}

static void what_buildkits_parser_refuses_is_refused(void **state)
{
	(void)state;
	AUTO_STRV struct strv cases = STRV_INIT;
	AUTO_FREE char *folder = xasprintf("%s/data/parser/testfiles-negative", root_folder());
	entries(folder, &cases);
	STRV_FOREACH (name, &cases) {
		size_t len;
		AUTO_FREE char *file = xasprintf("%s/%s/Dockerfile", folder, *name);
		AUTO_FREE char *text = slurp(file, &len);
		assert_non_null(text);
		AUTO_BUF struct buf got = BUF_INIT(TEXT_MAX);
		dump_file(&got, text, len, false);
		assert_memory_equal(buf_str(&got), "error:", 6);
		struct containerfile f;
		struct err err = ERR_INIT;
		assert_int_equal(containerfile_parse("D", text, len, &f, &err), ERR_INVALID);
	}
	assert_true(cases.n > 3);
}

/* A member of a flat JSON document, the little that case.json needs: its string value, unescaped by
 * nobody. */
static char *json_string_member(const char *json, const char *name)
{
	AUTO_FREE char *key = xasprintf("\"%s\": \"", name);
	const char *at = strstr(json, key);
	if (!at)
		return NULL;
	at += strlen(key);
	return xstrndup(at, strcspn(at, "\""));
}

/* The Containerfile of cases/GROUP/NAME; NULL when the case has none of its own. */
static char *case_text(const char *group, const char *name, size_t *ret_len)
{
	size_t json_len;
	AUTO_FREE char *meta = xasprintf("%s/cases/%s/%s/case.json", root_folder(), group, name);
	AUTO_FREE char *json = slurp(meta, &json_len);
	AUTO_FREE char *member = json ? json_string_member(json, "file") : NULL;
	AUTO_FREE char *path = xasprintf(
		"%s/cases/%s/%s/%s", root_folder(), group, name, member ? member : "Containerfile");
	char *text = slurp(path, ret_len);
	/* a copy of the data may have turned a symbolic link into a file that holds its target */
	if (text && *ret_len < 100 && !strpbrk(text, " \n") && strrchr(path, '/')) {
		AUTO_FREE char *link = text;
		AUTO_FREE char *target =
			xasprintf("%.*s/%s", (int)(strrchr(path, '/') - path), path, link);
		text = slurp(target, ret_len);
		return text ? text : take(link);
	}
	return text;
}

static void the_trees_of_all_cases_are_the_same(void **state)
{
	(void)state;
	AUTO_STRV struct strv cases = STRV_INIT;
	AUTO_FREE char *folder = xasprintf("%s/data/ast", root_folder());
	unsigned bad = 0, compared = 0;
	entries(folder, &cases);
	STRV_FOREACH (name, &cases) {
		char *dash = strchr(*name, '-');
		assert_non_null(dash);
		AUTO_FREE char *group = xstrndup(*name, (size_t)(dash - *name));
		AUTO_FREE char *test = xstrndup(dash + 1, strlen(dash + 1) - strlen(".ast"));
		AUTO_FREE char *path = xasprintf("%s/%s", folder, *name);
		size_t len, expected_len;
		AUTO_FREE char *expected = slurp(path, &expected_len);
		AUTO_FREE char *text = case_text(group, test, &len);
		assert_non_null(expected);
		if (!text) {
			printf("no Containerfile: %s\n", *name);
			continue;
		}
		AUTO_BUF struct buf got = BUF_INIT(TEXT_MAX);
		dump_file(&got, text, len, true);
		bad += !same_dump(*name, expected, buf_str(&got));
		compared++;
	}
	printf("%u of %zu trees compared\n", compared, cases.n);
	assert_true(compared > 100);
	assert_int_equal(bad, 0);
}

/* What builds with BuildKit is accepted here; what it calls a parse error is not. */
static void all_cases_are_accepted_or_refused_alike(void **state)
{
	(void)state;
	AUTO_FREE char *top = xasprintf("%s/cases", root_folder());
	AUTO_STRV struct strv groups = STRV_INIT;
	unsigned bad = 0, compared = 0;
	entries(top, &groups);
	STRV_FOREACH (group, &groups) {
		AUTO_FREE char *folder = xasprintf("%s/%s", top, *group);
		AUTO_STRV struct strv cases = STRV_INIT;
		entries(folder, &cases);
		STRV_FOREACH (name, &cases) {
			size_t len, expected_len;
			AUTO_FREE char *path = xasprintf("%s/%s/expected.json", folder, *name);
			AUTO_FREE char *expected = slurp(path, &expected_len);
			AUTO_FREE char *text = case_text(*group, *name, &len);
			if (!expected || !text)
				continue;
			bool refused = strstr(expected, "parse error") ||
			               strstr(expected, "file with no instructions") ||
			               strstr(expected, "unterminated heredoc") ||
			               strstr(expected, "no stages to build");
			bool builds = strstr(expected, "\"ok\": true");
			struct containerfile f;
			struct err err = ERR_INIT;
			int r = containerfile_parse("Containerfile", text, len, &f, &err);
			if (r == 0)
				containerfile_done(&f);
			if ((r < 0 && builds) || (r == 0 && refused)) {
				printf("%s/%s: %s\n", *group, *name, r < 0 ? err.msg : "accepted");
				bad++;
			}
			compared++;
		}
	}
	printf("%u cases compared\n", compared);
	assert_true(compared > 100);
	assert_int_equal(bad, 0);
}

static char *trim(char *s)
{
	s += strspn(s, " \t");
	for (size_t n = strlen(s); n > 0 && strchr(" \t", s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

static void words_are_expanded_like_buildkits(void **state)
{
	(void)state;
	size_t len;
	AUTO_FREE char *path = xasprintf("%s/data/shell/envVarTest", root_folder());
	AUTO_FREE char *text = slurp(path, &len);
	assert_non_null(text);
	AUTO_MAP struct map env = MAP_INIT;
	map_set(&env, "PWD", "/home");
	map_set(&env, "SHELL", "bash");
	map_set(&env, "KOREAN", "한국어");
	map_set(&env, "NULL", "");
	unsigned bad = 0, compared = 0;
	AUTO_STRV struct strv lines = STRV_INIT;
	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		if (**line == '#' || !**line || **line == 'W')
			continue;
		char *bar = strrchr(*line, '|');
		*bar = '\0';
		char *input = trim(*line + 2), *expected = trim(bar + 1);
		struct err err = ERR_INIT;
		AUTO_FREE char *got = NULL;
		int r = expand_word(input, '\\', &env, 0, &got, NULL, NULL, &err);
		if (r < 0 ? !streq(expected, "error") : !streq(expected, got)) {
			printf("%s: expected '%s', got '%s'\n", input, expected,
				r < 0 ? err.msg : got);
			bad++;
		}
		compared++;
	}
	assert_true(compared > 200);
	assert_int_equal(bad, 0);
}

static void words_are_split_like_buildkits(void **state)
{
	(void)state;
	size_t len;
	AUTO_FREE char *path = xasprintf("%s/data/shell/wordsTest", root_folder());
	AUTO_FREE char *text = slurp(path, &len);
	assert_non_null(text);
	AUTO_MAP struct map env = MAP_INIT;
	AUTO_STRV struct strv lines = STRV_INIT;
	unsigned bad = 0, compared = 0;
	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		if (**line == '#' || !**line)
			continue;
		if (strncmp(*line, "ENV ", 4) == 0) {
			char *equals = strchr(*line, '=');
			*equals = '\0';
			map_set(&env, trim(*line + 4), equals + 1);
			continue;
		}
		char *bar = strrchr(*line, '|');
		*bar = '\0';
		const char *expected = bar + 1 + strspn(bar + 1, " ");
		struct err err = ERR_INIT;
		AUTO_STRV struct strv words = STRV_INIT;
		int r = expand_words(trim(*line), '\\', &env, 0, &words, &err);
		AUTO_FREE char *got = r < 0 ? xstrdup("error") : strv_join(&words, ",");
		if (!streq(got, expected)) {
			printf("%s: expected '%s', got '%s'\n", *line, expected, got);
			bad++;
		}
		compared++;
	}
	assert_true(compared > 15);
	assert_int_equal(bad, 0);
}

/* The JSON string at s (a '"'), decoded by the parser under test's own reader; *ret_end behind it.
 */
static char *json_string(const char *s, const char **ret_end)
{
	const char *end = s + 1;
	while (*end != '"')
		end += *end == '\\' ? 2 : 1;
	AUTO_FREE char *array = xasprintf("[%.*s]", (int)(end + 1 - s), s);
	AUTO_STRV struct strv words = STRV_INIT;
	AUTO_FREE size_t *offsets = NULL;
	size_t at;
	assert_int_equal(json_words(array, &words, &offsets, &at), JSON_WORDS_YES);
	*ret_end = end + 1;
	return xstrdup(words.v[0]);
}

static void patterns_are_matched_like_buildkits(void **state)
{
	(void)state;
	size_t len;
	AUTO_FREE char *path = xasprintf("%s/data/shell/patterns.jsonl", root_folder());
	AUTO_FREE char *text = slurp(path, &len);
	assert_non_null(text);
	AUTO_STRV struct strv lines = STRV_INIT;
	unsigned bad = 0, compared = 0;
	strv_split(&lines, text, '\n');
	STRV_FOREACH (line, &lines) {
		if (!**line)
			continue;
		const char *at = *line + strlen("{\"input\": ");
		AUTO_FREE char *input = json_string(at, &at);
		AUTO_MAP struct map env = MAP_INIT;
		for (at = strchr(at, '{') + 1; *at == '"' || *at == ',' || *at == ' ';) {
			if (*at != '"') {
				at++;
				continue;
			}
			AUTO_FREE char *name = json_string(at, &at);
			at += strspn(at, ": ");
			AUTO_FREE char *value = json_string(at, &at);
			map_set(&env, name, value);
		}
		at = strstr(at, "\"expected\": ") + strlen("\"expected\": ");
		AUTO_FREE char *expected = *at == '"' ? json_string(at, &at) : NULL;
		struct err err = ERR_INIT;
		AUTO_FREE char *got = NULL;
		int r = expand_word(input, '\\', &env, 0, &got, NULL, NULL, &err);
		if (r < 0 ? expected != NULL : !expected || !streq(expected, got)) {
			printf("%s: expected '%s', got '%s'\n", input,
				expected ? expected : "(error)", r < 0 ? err.msg : got);
			bad++;
		}
		compared++;
	}
	assert_true(compared > 40);
	assert_int_equal(bad, 0);
}

int main(void)
{
	if (access(root_folder(), R_OK) < 0) {
		printf("1..0 # SKIP no conformance data in '%s' (set MICA_CONFORMANCE)\n",
			root_folder());
		return 77; /* what CTest takes for a skipped test */
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_trees_of_buildkits_parser_tests_are_the_same),
		cmocka_unit_test(what_buildkits_parser_refuses_is_refused),
		cmocka_unit_test(the_trees_of_all_cases_are_the_same),
		cmocka_unit_test(all_cases_are_accepted_or_refused_alike),
		cmocka_unit_test(words_are_expanded_like_buildkits),
		cmocka_unit_test(words_are_split_like_buildkits),
		cmocka_unit_test(patterns_are_matched_like_buildkits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
