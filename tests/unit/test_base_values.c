/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/idmap.h"
#include "base/json.h"
#include "base/kernel.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/path.h"
#include "base/stream.h"
#include "base/strv.h"
#include "base/url_user.h"

#include <errno.h>
#include <sys/utsname.h>

static void an_error_is_wrapped_from_the_outside(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	errno = ENOENT;
	assert_int_equal(err_sys(&err, "cannot open '%s'", "x"), ERR_SYS);
	assert_int_equal(err_wrap(&err, "layer %d", 3), ERR_SYS);
	assert_string_equal(err.msg, "layer 3: cannot open 'x': no such file or directory");
	assert_true(err_is_sys(&err, ENOENT));
}

static void an_endless_message_keeps_its_context(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	char big[4000];
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	(void)err_set(&err, ERR_INVALID, "%s", big);
	(void)err_wrap(&err, "context");
	assert_true(str_has_prefix(err.msg, "context: xxx"));
	assert_true(strlen(err.msg) < sizeof(err.msg));
}

static void a_buffer_stops_at_its_maximum(void **state)
{
	(void)state;
	AUTO_BUF struct buf b = BUF_INIT(4);
	buf_addstr(&b, "abc");
	assert_false(b.toobig);
	buf_addstr(&b, "de");
	assert_true(b.toobig);
	assert_string_equal(buf_str(&b), "abc");
}

static void a_map_keeps_order_and_replaces_in_place(void **state)
{
	(void)state;
	AUTO_MAP struct map m = MAP_INIT;
	map_set(&m, "b", "1");
	map_set(&m, "a", NULL);
	map_set(&m, "b", "2");
	assert_int_equal(m.n, 2);
	assert_string_equal(m.e[0].key, "b");
	assert_string_equal(map_get(&m, "b"), "2");
	assert_true(map_has(&m, "a"));
	assert_null(map_get(&m, "a"));
	assert_true(map_remove(&m, "b"));
	assert_false(map_has(&m, "b"));
}

static void a_vector_splits_and_joins(void **state)
{
	(void)state;
	AUTO_STRV struct strv v = STRV_INIT;
	strv_split(&v, "a::b", ':');
	assert_int_equal(v.n, 3);
	AUTO_FREE char *s = strv_join(&v, "-");
	assert_string_equal(s, "a--b");
	strv_insert(&v, 0, "first");
	assert_string_equal(v.v[0], "first");
	assert_null(v.v[v.n]);
}

static void numbers_are_strict(void **state)
{
	(void)state;
	uint64_t u;
	int64_t i;
	assert_true(num_u64("18446744073709551615", UINT64_MAX, &u));
	assert_true(u == UINT64_MAX);
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "18446744073709551616", "0x1", "1e3"};
	for (size_t n = 0; n < ARRAY_LEN(bad); n++)
		assert_false(num_u64(bad[n], UINT64_MAX, &u));
	assert_true(num_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i));
	assert_true(i == INT64_MIN);
	assert_false(num_octal("8", 07777, &u));
	assert_true(num_octal("4755", 07777, &u));
	assert_int_equal(u, 04755);
}

static void sizes_have_binary_units(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"64m", 64 * MIB}, {"1.5g", GIB + GIB / 2}, {"100", 100}, {"2KiB", 2048},
		{"10kb", 10240}, {"1B", 1}};
	uint64_t u;
	for (size_t n = 0; n < ARRAY_LEN(good); n++) {
		assert_true(num_size(good[n].text, &u));
		assert_true(u == good[n].bytes);
	}
	assert_false(num_size("1x", &u));
	assert_false(num_size("", &u));
	assert_false(num_size("99999999999999p", &u));
}

static void durations_are_gos(void **state)
{
	(void)state;
	int64_t ns;
	assert_true(num_duration("1h2m3.5s", &ns));
	assert_true(ns == 3723500000000);
	assert_true(num_duration("-500ms", &ns));
	assert_true(ns == -500000000);
	assert_true(num_duration("0", &ns));
	assert_false(num_duration("5", &ns));
	assert_false(num_duration("1d", &ns));
	assert_false(num_duration("", &ns));
	assert_false(num_duration("9999999999h", &ns));
}

static void truth_is_gos(void **state)
{
	(void)state;
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const neither[] = {"", "tRUE", "yes", "01", "true "};
	bool b = false;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(num_bool(yes[i], &b) && b);
	assert_true(num_bool("F", &b) && !b);
	for (size_t i = 0; i < ARRAY_LEN(neither); i++)
		assert_false(num_bool(neither[i], &b));
}

static void check_clean(const char *in, const char *clean, const char *rel)
{
	AUTO_FREE char *a = path_clean(in), *b = path_clean_rel(in);
	assert_string_equal(a, clean);
	assert_string_equal(b, rel);
}

static void paths_fold_as_in_go(void **state)
{
	(void)state;
	check_clean("", ".", "");
	check_clean("/", "/", "");
	check_clean("a//b/./c/..", "a/b", "a/b");
	check_clean("../../a", "../../a", "a");
	check_clean("/../a/../../b", "/b", "b");
	check_clean("a/../..", "..", "");
	check_clean("a/b/../../..", "..", "");
	assert_true(path_is_below("a/b", "a"));
	assert_false(path_is_below("ab", "a"));
	AUTO_FREE char *d = path_dir("/a"), *e = path_dir("a/b/c"), *f = path_resolve("/x", "../y");
	assert_string_equal(d, "/");
	assert_string_equal(e, "a/b");
	assert_string_equal(f, "/y");
}

/* FIPS 180-4, example */
#define SHA512_OF_ABC                                                                              \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                         \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void a_digest_is_parsed_strictly(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct digest d = digest_of("abc", 3), back;
	char s[DIGEST_STR_MAX];
	digest_str(&d, s);
	assert_string_equal(
		s, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(digest_parse(s, &back, &err), 0);
	assert_true(digest_equal(&d, &back));
	static const char *const bad[] = {"", "sha256:", "sha256:../../x",
		"sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
		"a:b/../c", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha256:" SHA512_OF_ABC, "sha512:" SHA512_OF_ABC "0"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(digest_parse(bad[i], &back, &err), ERR_INVALID);
	assert_int_equal(digest_parse("sha384:ab", &back, &err), ERR_UNSUPPORTED);

	struct digest longer = digest_of_as(DIGEST_SHA512, "abc", 3);
	assert_string_equal(digest_str(&longer, s), "sha512:" SHA512_OF_ABC);
	assert_int_equal(digest_parse(s, &back, &err), 0);
	assert_true(digest_equal(&longer, &back) && !digest_equal(&longer, &d));
	/* what has the same beginning is another one */
	memset(longer.b + 32, 0, 32);
	memcpy(longer.b, d.b, 32);
	assert_false(digest_equal(&longer, &d));
	longer = (struct digest){.alg = DIGEST_SHA512};
	assert_false(digest_is_zero(&longer));
}

static void times_are_rfc3339(void **state)
{
	(void)state;
	char s[CLOCK_STR_MAX];
	struct timespec t;
	assert_string_equal(clock_format((struct timespec){1714564800, 120000000}, s),
		"2024-05-01T12:00:00.12Z");
	assert_string_equal(clock_format((struct timespec){0, 0}, s), "1970-01-01T00:00:00Z");
	assert_true(clock_parse("2024-05-01T14:00:00.12+02:00", &t));
	assert_int_equal(t.tv_sec, 1714564800);
	assert_int_equal(t.tv_nsec, 120000000);
	assert_false(clock_parse("2024-05-01", &t));
	assert_false(clock_parse("2024-13-01T00:00:00Z", &t));
	assert_false(clock_parse("2024-05-01T00:00:00Zx", &t));
}

static void json_keeps_order_and_unknown_members(void **state)
{
	(void)state;
	static const char text[] = "{\"z\":1,\"a\":[true,null,\"x\"],\"m\":{\"k\":\"v\"}}";
	struct err err = ERR_INIT;
	AUTO_JSON struct json *j = NULL;
	assert_int_equal(json_parse(text, sizeof(text) - 1, "t", &j, &err), 0);
	AUTO_FREE char *s = json_dump(j, 0);
	assert_string_equal(s, text);
	AUTO_MAP struct map m = MAP_INIT;
	assert_int_equal(json_get_map(j, "t", "m", &m, &err), 0);
	assert_string_equal(map_get(&m, "k"), "v");
	const char *str = "untouched";
	assert_int_equal(json_get_string(j, "t", "none", &str, &err), 0);
	assert_string_equal(str, "untouched");
	assert_int_equal(json_get_string(j, "t", "z", &str, &err), ERR_INVALID);
	assert_string_equal(err.msg, "t: 'z' is not a string");
}

static void json_refuses_what_is_ambiguous(void **state)
{
	(void)state;
	static const char *const bad[] = {"{\"a\":1,\"a\":2}", "{} x", "{\"a\":\"\\u0000\"}",
		"\"\xff\"", "{\"a\":1e999}", "", "[1,]"};
	struct err err = ERR_INIT;
	struct json *j = NULL;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(json_parse(bad[i], strlen(bad[i]), "t", &j, &err), ERR_INVALID);
	char deep[200];
	memset(deep, '[', sizeof(deep));
	assert_int_equal(json_parse(deep, sizeof(deep), "t", &j, &err), ERR_INVALID);
	AUTO_JSON struct json *repaired = json_new_string("a\xff"
							  "b");
	assert_string_equal(json_text(repaired), "a\xef\xbf\xbd"
						 "b");
}

static void streams_hash_and_limit(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct hashed h;
	hashed_init(&h, DIGEST_SHA256);
	AUTO_READER struct reader *mem = reader_from_mem("hello", 5);
	AUTO_READER struct reader *r = reader_hashed(mem, &h);
	assert_int_equal(stream_drain(r, &err), 0);
	struct digest got = hash_final(&h.hash), want = digest_of("hello", 5);
	assert_true(digest_equal(&got, &want));
	assert_int_equal(h.count, 5);
	AUTO_READER struct reader *mem2 = reader_from_mem("hello", 5);
	AUTO_READER struct reader *limited = reader_limit(mem2, 4, "the greeting");
	assert_int_equal(stream_drain(limited, &err), ERR_LIMIT);
	assert_string_equal(err.msg, "the greeting is larger than 4 bytes");
}

static void compares_kernel_versions(void **state)
{
	(void)state;
	struct utsname u;
	assert_int_equal(uname(&u), 0);
	assert_true(kernel_at_least("2.6"));
	assert_true(kernel_at_least(u.release));
	assert_false(kernel_at_least("999.0"));
	assert_true(kernel_at_least("not a version"));
	assert_true(kernel_at_least(""));
}

static void reads_id_maps(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum idmap want;
	} cases[] = {
		{"         0          0 4294967295\n", IDMAP_ALL},
		{"         0       1000          1\n", IDMAP_ONE},
		{"         0          0          1\n", IDMAP_ONE},
		{"         0       1000          1\n         1     100000      65536\n",
			IDMAP_SOME},
		{"         0     100000      65536\n", IDMAP_SOME},
		{"         0     100000 4294967295\n", IDMAP_SOME},
		{"", IDMAP_SOME},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(idmap_parse(cases[i].text), cases[i].want);
}

static void who_logs_in_is_hidden_in_a_text(void **state)
{
	(void)state;
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{"ADD https://user:pw@host/x /x", "ADD https://*******@host/x /x"},
		{"'https://token@host': no", "'https://*****@host': no"},
		{"a=http://u:p@h,b=HTTP://u:p@h:80", "a=http://***@h,b=HTTP://***@h:80"},
		{"https://u:p@ss@host/", "https://******@host/"},
		{"https://u:a/b#c@host/x", "https://*******@host/x"},
		{"https://u:it's@host", "https://******@host"},
		{"https://$USER:${PW}@host", "https://***********@host"},
		{"ssh://git@host/x ssh://git:pw@host/x", "ssh://git@host/x ssh://git***@host/x"},
		{"http://a\nhttp://u@b\"c@d", "http://a\nhttp://*@b\"c@d"},
		{"https://host/x@1.2 https://host:80/@a/b", NULL},
		{"http://h:$PORT/@a/b http://[::1]:80/@a http://h:/@a", NULL},
		{"docker://host/x@sha256:00 user@host git@host:x", NULL},
		{"://", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *shown = url_user_hidden(cases[i].text);
		assert_string_equal(shown, cases[i].shown ? cases[i].shown : cases[i].text);
	}
	char twice[] = "http://a@b\0http://c@d";
	url_user_hide(twice, sizeof(twice) - 1);
	assert_memory_equal(twice, "http://*@b\0http://*@d", sizeof(twice));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares_kernel_versions),
		cmocka_unit_test(reads_id_maps),
		cmocka_unit_test(an_error_is_wrapped_from_the_outside),
		cmocka_unit_test(an_endless_message_keeps_its_context),
		cmocka_unit_test(a_buffer_stops_at_its_maximum),
		cmocka_unit_test(a_map_keeps_order_and_replaces_in_place),
		cmocka_unit_test(a_vector_splits_and_joins),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(sizes_have_binary_units),
		cmocka_unit_test(durations_are_gos),
		cmocka_unit_test(truth_is_gos),
		cmocka_unit_test(paths_fold_as_in_go),
		cmocka_unit_test(a_digest_is_parsed_strictly),
		cmocka_unit_test(times_are_rfc3339),
		cmocka_unit_test(json_keeps_order_and_unknown_members),
		cmocka_unit_test(json_refuses_what_is_ambiguous),
		cmocka_unit_test(streams_hash_and_limit),
		cmocka_unit_test(who_logs_in_is_hidden_in_a_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
