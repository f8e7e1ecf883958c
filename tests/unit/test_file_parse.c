/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/data/parse/NAME.test: a Containerfile, a line "===", then what comes of it: the dump below,
 * or the message of the failure. MICA_TEST_UPDATE=1 writes what is found into the files (read the
 * difference before committing it).
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/error_excerpt.h"
#include "build/file_parse.h"
#include "tests/unit/unit.h"

#define FOLDER "tests/data/parse"
#define TEST_MAX (64 * KIB)

static void dump_text(struct buf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n')
			buf_addstr(b, "\\n");
		else if (s[i] == '\t')
			buf_addstr(b, "\\t");
		else if ((unsigned char)s[i] < 0x20)
			buf_addf(b, "\\x%02x", (unsigned char)s[i]);
		else
			buf_addch(b, s[i]);
	}
}

static void dump_inst(struct buf *b, const struct inst *i, const char *indent)
{
	buf_addf(b, "%s%u:%u-%u %s%s%s\n", indent, i->pos.line, i->pos.column, i->end_line,
		i->name ? i->name : "?", i->json ? " json" : "", i->old_env ? " old" : "");
	buf_addf(b, "%s    text [", indent);
	dump_text(b, i->text, strlen(i->text));
	buf_addstr(b, "]\n");
	for (size_t n = 0; n < i->n_flags; n++)
		buf_addf(b, "%s    %u:%u flag %s [%s]\n", indent, i->flags[n].pos.line,
			i->flags[n].pos.column, i->flags[n].name,
			i->flags[n].value ? i->flags[n].value : "(none)");
	for (size_t n = 0; n < i->args.n; n++) {
		buf_addf(b, "%s    %u:%u [", indent, i->arg_pos[n].line, i->arg_pos[n].column);
		dump_text(b, i->args.v[n], strlen(i->args.v[n]));
		buf_addf(b, "]%s\n", inst_heredoc(i, i->args.v[n]) ? " heredoc" : "");
	}
	for (size_t n = 0; n < i->n_heredocs; n++) {
		const struct heredoc *h = &i->heredocs[n];
		buf_addf(b, "%s    %u:%u heredoc %s fd=%u%s%s [", indent, h->pos.line,
			h->pos.column, h->name, h->fd, h->expand ? " expand" : "",
			h->chomp ? " chomp" : "");
		dump_text(b, h->content, h->len);
		buf_addstr(b, "]\n");
	}
	if (i->onbuild)
		dump_inst(b, i->onbuild, "    ");
}

static char *result_of(const char *text, size_t len)
{
	struct buf b = BUF_INIT(TEST_MAX);
	struct containerfile f;
	struct err err = ERR_INIT;
	if (containerfile_parse("Containerfile", text, len, &f, &err) < 0) {
		buf_addf(&b, "%s\n", err.msg);
		return buf_take(&b);
	}
	if (f.escape != '\\')
		buf_addf(&b, "escape %c\n", f.escape);
	if (f.syntax)
		buf_addf(&b, "syntax %s\n", f.syntax);
	if (f.check)
		buf_addf(&b, "check %s\n", f.check);
	for (size_t n = 0; n < f.n; n++) {
		const struct inst *i = &f.insts[n];
		if (i->blank_line)
			buf_addf(&b, "warning Containerfile:%u:1: empty continuation line\n",
				i->blank_line);
		if (i->onbuild_error)
			buf_addf(&b,
				"warning Containerfile:%u:%u: builds on this image will fail: %s\n",
				i->onbuild_error_pos.line, i->onbuild_error_pos.column,
				i->onbuild_error);
	}
	for (size_t n = 0; n < f.n; n++)
		dump_inst(&b, &f.insts[n], "");
	containerfile_done(&f);
	return buf_take(&b);
}

static unsigned run_case(const char *name, bool update)
{
	struct err err = ERR_INIT;
	size_t len;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *path = xasprintf(FOLDER "/%s", name);
	assert_int_equal(fs_read_file(AT_FDCWD, path, TEST_MAX, &text, &len, &err), 0);
	char *expected = memmem(text, len, "===\n", 4);
	assert_non_null(expected);
	AUTO_FREE char *got = result_of(text, (size_t)(expected - text));
	if (streq(got, expected + 4))
		return 0;
	if (update) {
		FILE *out = fopen(path, "w");
		assert_non_null(out);
		fwrite(text, 1, (size_t)(expected - text), out);
		fprintf(out, "===\n%s", got);
		assert_int_equal(fclose(out), 0);
		return 0;
	}
	printf("%s:\n--- expected\n%s--- got\n%s\n", name, expected + 4, got);
	return 1;
}

static void every_case_file_gives_what_it_says(void **state)
{
	(void)state;
	DIR *dir = opendir(FOLDER);
	assert_non_null(dir);
	unsigned bad = 0, count = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		if (!str_has_suffix(e->d_name, ".test"))
			continue;
		bad += run_case(e->d_name, getenv("MICA_TEST_UPDATE") != NULL);
		count++;
	}
	closedir(dir);
	assert_true(count > 20);
	assert_int_equal(bad, 0);
}

static int parse_repeated(
	const char *head, const char *part, size_t n, const char *tail, struct err *err)
{
	AUTO_BUF struct buf b = BUF_INIT(64 * MIB);
	struct containerfile f;
	buf_addstr(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_addstr(&b, part);
	buf_addstr(&b, tail);
	int r = containerfile_parse("C", buf_str(&b), b.len, &f, err);
	if (r == 0)
		containerfile_done(&f);
	return r;
}

static void a_line_may_have_65535_bytes(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_int_equal(parse_repeated("FROM a\nRUN ", "x", 65531, "\n", &err), 0);
	assert_int_equal(parse_repeated("FROM a\nRUN ", "x", 65532, "\n", &err), ERR_LIMIT);
	assert_non_null(strstr(err.msg, "C:2:1: line greater than max allowed size of 65535"));
	assert_int_equal(
		parse_repeated("FROM a\nCOPY <<E /\n", "x", 65536, "\nE\n", &err), ERR_LIMIT);
}

static void sizes_and_counts_are_limited(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_int_equal(
		parse_repeated("FROM a\n", "# a comment of some length\n", 200 * 1000, "", &err),
		ERR_LIMIT);
	assert_string_equal(err.msg, "C is larger than 4194304 bytes");
	assert_int_equal(parse_repeated("FROM a\n", "RUN\n", 65535, "", &err), 0);
	assert_int_equal(parse_repeated("FROM a\n", "RUN\n", 65536, "", &err), ERR_LIMIT);
	assert_int_equal(parse_repeated("FROM a\nRUN ", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\\n",
				 40000, "", &err),
		ERR_LIMIT);
	assert_non_null(strstr(err.msg, "instruction longer than 1048576 bytes"));
	assert_int_equal(parse_repeated("FROM a\nRUN ", "<<a ", 1001, "\n", &err), ERR_LIMIT);
}

static void hostile_text_takes_linear_time(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_int_equal(parse_repeated("", "\\\n", 2000 * 1000, "", &err), ERR_INVALID);
	assert_int_equal(parse_repeated("", "x\n", 2000 * 1000, "", &err), ERR_INVALID);
	assert_int_equal(
		parse_repeated("FROM a\nRUN <<E\n", "E \n", 1000 * 1000, "", &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "C:2:5: unterminated heredoc"));
	assert_int_equal(
		parse_repeated("FROM a\n", "ONBUILD ", 8000, "RUN x\n", &err), ERR_INVALID);
	assert_int_equal(parse_repeated("FROM a\nRUN ", "[", 60000, "\n", &err), 0);
	assert_int_equal(parse_repeated("FROM a\nENV a=", "${a:-", 10000, "\n", &err), 0);
	assert_int_equal(parse_repeated("FROM a\nEXPOSE ", "1 \\\n", 500 * 1000, "1\n", &err), 0);
	assert_int_equal(
		parse_repeated("FROM a\n", "RUNN <<E\n", 400 * 1000, "", &err), ERR_INVALID);
	assert_int_equal(parse_repeated("FROM a\nCOPY --from=", "-", 60000, " a b\n", &err), 0);
}

static void at_most_ten_errors_are_listed_whole(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_int_equal(parse_repeated("FROM a\n", "RUNN x\n", 50, "", &err), ERR_INVALID);
	unsigned count = 0;
	for (const char *at = err.msg; (at = strstr(at, "did you mean RUN?")); at++)
		count++;
	assert_int_equal(count, 10);
	assert_true(
		str_has_suffix(err.msg, "      | ^~~~") || str_has_suffix(err.msg, "     | ^~~~"));
	/* long ones are left out rather than cut */
	assert_int_equal(
		parse_repeated("FROM a\nX", "xxxxxxxxxxxxxxx", 100, "\nRUNN\nRUNN\n", &err),
		ERR_INVALID);
	assert_true(strlen(err.msg) < sizeof(err.msg) - 1);
	AUTO_FREE char *lines = xstrdup("");
	for (unsigned i = 0; i < 9; i++)
		mem_replace(&lines, xasprintf("%sX%0*d\n", lines, 100 * (i != 8), 0));
	assert_int_equal(parse_repeated("FROM a\n", lines, 1, "", &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "\nC:6:1: unknown"));
	assert_true(str_has_suffix(err.msg, "~~~\n(4 more errors)"));
}

static void nul_bytes_are_for_heredocs_only(void **state)
{
	(void)state;
	struct containerfile f;
	struct err err = ERR_INIT;
	static const char good[] = "FROM a\nCOPY <<E /x\na\0b\nE\n";
	assert_int_equal(containerfile_parse("C", good, sizeof(good) - 1, &f, &err), 0);
	assert_int_equal(f.insts[1].heredocs[0].len, 4);
	assert_memory_equal(f.insts[1].heredocs[0].content, "a\0b\n", 4);
	containerfile_done(&f);
	static const char bad[] = "FROM a\nRUN x\0y\n";
	assert_int_equal(containerfile_parse("C", bad, sizeof(bad) - 1, &f, &err), ERR_INVALID);
	assert_string_equal(err.msg, "C:2:6: NUL byte\n   2 | RUN x\\x00y\n     |      ^~~~~");
	static const char utf16[] = "F\0R\0O\0M\0";
	assert_int_equal(containerfile_parse("C", utf16, sizeof(utf16) - 1, &f, &err), ERR_INVALID);
	assert_non_null(strstr(err.msg, "C:1:2: NUL byte: save the file as text in UTF-8\n"));
}

static void a_trigger_is_one_instruction_without_a_stage(void **state)
{
	(void)state;
	struct containerfile f;
	struct err err = ERR_INIT;
	assert_int_equal(inst_parse_trigger("ONBUILD", "COPY <<E /x\ny\nE", &f, &err), 0);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.insts[0].kind, INST_COPY);
	assert_string_equal(f.insts[0].heredocs[0].content, "y\n");
	containerfile_done(&f);
	assert_int_equal(inst_parse_trigger("ONBUILD", "RUN x\nRUN y", &f, &err), ERR_INVALID);
	assert_int_equal(inst_parse_trigger("ONBUILD", "", &f, &err), ERR_INVALID);
	assert_int_equal(inst_parse_trigger("ONBUILD", "FOO", &f, &err), ERR_INVALID);
}

static void errors_of_others_look_the_same(void **state)
{
	(void)state;
	struct containerfile f;
	struct err err = ERR_INIT;
	static const char text[] = "FROM a\n\tCOPY \x1b[2J\xc3\xa9 /x\xff\n";
	assert_int_equal(containerfile_parse("C", text, sizeof(text) - 1, &f, &err), 0);
	struct pos pos = f.insts[1].arg_pos[1];
	assert_int_equal(containerfile_error(&f, pos, &err, ERR_NOT_FOUND, "no '%s'", "a\nb\x1b"),
		ERR_NOT_FOUND);
	assert_string_equal(err.msg, "C:2:14: no 'a\\x0ab\\x1b'\n   2 |  COPY \\x1b[2J\xc3\xa9 "
				     "/x\\xff\n     |                ^~~~~~");
	containerfile_done(&f);
}

static void flags_are_found_by_name(void **state)
{
	(void)state;
	struct containerfile f;
	struct err err = ERR_INIT;
	static const char text[] =
		"FROM a\nCOPY --link --parents=False --from=x a b\nRUN --mount=a --mount=b x\n";
	assert_int_equal(containerfile_parse("C", text, sizeof(text) - 1, &f, &err), 0);
	struct pos pos = {0};
	assert_string_equal(inst_flag(&f.insts[1], "from", &pos), "x");
	assert_int_equal(pos.column, 29);
	assert_null(inst_flag(&f.insts[1], "chown", NULL));
	assert_true(inst_flag_is_true(&f.insts[1], "link"));
	assert_false(inst_flag_is_true(&f.insts[1], "parents"));
	assert_false(inst_flag_is_true(&f.insts[1], "exclude"));
	assert_int_equal(f.insts[2].mounts.n, 2);
	assert_string_equal(f.insts[2].mounts.v[1], "b");
	containerfile_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_file_gives_what_it_says),
		cmocka_unit_test(a_line_may_have_65535_bytes),
		cmocka_unit_test(sizes_and_counts_are_limited),
		cmocka_unit_test(hostile_text_takes_linear_time),
		cmocka_unit_test(at_most_ten_errors_are_listed_whole),
		cmocka_unit_test(nul_bytes_are_for_heredocs_only),
		cmocka_unit_test(a_trigger_is_one_instruction_without_a_stage),
		cmocka_unit_test(errors_of_others_look_the_same),
		cmocka_unit_test(flags_are_found_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
