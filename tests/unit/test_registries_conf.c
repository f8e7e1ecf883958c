/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "image/reference.h"
#include "registry/config.h"

static void add(struct registries *rs, const char *text)
{
	struct err err = ERR_INIT;
	if (registries_add(rs, text, strlen(text), "registries.conf", &err) < 0)
		fail_msg("%s", err.msg);
}

/* "host/repository" of each place, '!' before insecure ones */
static void places_are(
	const char *conf, const char *name, enum places_for use, const char *expected)
{
	AUTO_REGISTRIES struct registries rs = {0};
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_PLACES struct places p = {0};
	AUTO_BUF struct buf b = BUF_INIT(4096);
	struct err err = ERR_INIT;
	add(&rs, conf);
	assert_int_equal(reference_parse(name, &ref, &err), 0);
	if (registries_places(&rs, &ref, use, &p, &err) < 0)
		buf_addf(&b, "error %d", err.code);
	for (size_t i = 0; i < p.n; i++)
		buf_addf(&b, "%s%s%s/%s", i ? " " : "", p.p[i].insecure ? "!" : "", p.p[i].host,
			p.p[i].repository);
	assert_string_equal(buf_str(&b), expected);
}

#define DIGEST "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void without_configuration_the_name_says_where(void **state)
{
	(void)state;
	places_are("", "r.io:5000/a/b:1", PLACES_PULL, "r.io:5000/a/b");
	places_are("", "busybox", PLACES_PULL, "registry-1.docker.io/library/busybox");
	places_are("", "docker.io/a/b", PLACES_READ, "registry-1.docker.io/a/b");
}

static void a_prefix_may_name_a_tag(void **state)
{
	static const char conf[] =
		"[[registry]]\nprefix='e.com/a:old'\nlocation='e.com/a:old'\nblocked=true\n"
		"[[registry]]\nprefix='e.com/a:new'\nlocation='two/b'\n"
		"[[registry.mirror]]\nlocation='m/c'\n"
		"[[registry]]\nprefix='e.com/a:odd'\nlocation='two/b:other'\n"
		"[[registry]]\nprefix='e.com/b'\nlocation='three/b'\n";
	(void)state;
	AUTO_FREE char *denied = xasprintf("error %d", ERR_DENIED);
	AUTO_FREE char *unsupported = xasprintf("error %d", ERR_UNSUPPORTED);
	places_are(conf, "e.com/a:old", PLACES_PULL, denied);
	places_are(conf, "e.com/a:older", PLACES_PULL, "e.com/a");
	places_are(conf, "e.com/a:new", PLACES_PULL, "m/c two/b");
	places_are(conf, "e.com/a:odd", PLACES_PULL, unsupported);
	places_are(conf, "e.com/a/c:old", PLACES_PULL, "e.com/a/c");
	places_are(conf, "e.com/b:old", PLACES_PULL, "three/b");
}

static void a_prefix_may_name_an_image(void **state)
{
	static const char conf[] = "[[registry]]\nprefix='e.com/a" DIGEST "'\nblocked=true\n"
				   "[[registry]]\nprefix='e.com/b" DIGEST "'\nlocation='two/b'\n"
				   "[[registry.mirror]]\nlocation='m/c'\n"
				   "[[registry]]\nprefix='e.com/b:1'\nlocation='three/b'\n";
	(void)state;
	places_are(conf, "e.com/a" DIGEST, PLACES_PULL, "error -6");
	places_are(conf, "e.com/a:1" DIGEST, PLACES_PULL, "error -6");
	places_are(conf, "e.com/a:1", PLACES_PULL, "e.com/a");
	places_are(conf, "e.com/b:1" DIGEST, PLACES_PULL, "m/c two/b");
	places_are(conf, "e.com/b:1", PLACES_PULL, "three/b");
}

static void the_longest_prefix_wins_and_is_rewritten(void **state)
{
	static const char conf[] = "[[registry]]\nprefix='e.com'\nlocation='one'\n[[registry]]"
				   "\nprefix='e.com/foo'\nlocation='two/bar'\ninsecure=true\n"
				   "[[registry]]\nprefix='*.e.com'\ninsecure=true\n[[registry]]"
				   "\nprefix='docker.io'\nlocation='127.0.0.1:5000'\n";
	(void)state;
	places_are(conf, "e.com/x/y", PLACES_PULL, "one/x/y");
	places_are(conf, "e.com/x/y", PLACES_READ, "one/x/y");
	places_are(conf, "e.com/x/y", PLACES_WRITE, "e.com/x/y");
	places_are(conf, "e.com/foo/y", PLACES_WRITE, "!e.com/foo/y");
	places_are(conf, "e.com/foo/y", PLACES_PULL, "!two/bar/y");
	places_are(conf, "e.com/foobar/y", PLACES_PULL, "one/foobar/y");
	places_are(conf, "a.b.e.com/y/z", PLACES_PULL, "!a.b.e.com/y/z");
	places_are(conf, "e.community/y/z", PLACES_PULL, "e.community/y/z");
	places_are(conf, "debian", PLACES_PULL, "127.0.0.1:5000/library/debian");
}

static void mirrors_come_first_for_pulls_only(void **state)
{
	static const char conf[] =
		"[[registry]]\nlocation='e.com'\n[[registry.mirror]]\nlocation='m1/"
		"p'\ninsecure=true\n"
		"[[registry.mirror]]\nlocation='m2'\npull-from-mirror='digest-only'\n[[registry."
		"mirror]]\nlocation='m3'\npull-from-mirror='tag-only'\n";
	(void)state;
	places_are(conf, "e.com/x", PLACES_PULL, "!m1/p/x m3/x e.com/x");
	places_are(conf, "e.com/x" DIGEST, PLACES_PULL, "!m1/p/x m2/x e.com/x");
	places_are(conf, "e.com/x", PLACES_READ, "e.com/x");
	places_are("[[registry]]\nlocation='e.com'\nmirror-by-digest-only=true\n[[registry.mirror]]"
		   "\nlocation='m'\n",
		"e.com/x", PLACES_PULL, "e.com/x");
}

static void blocked_registries_are_refused(void **state)
{
	(void)state;
	places_are("[[registry]]\nprefix='e.com/bad'\nblocked=true\n", "e.com/bad/x", PLACES_PULL,
		"error -6");
	places_are("[[registry]]\nprefix='e.com/bad'\nblocked=true\n", "e.com/good/x", PLACES_PULL,
		"e.com/good/x");
}

static void version_1_has_lists_of_registries(void **state)
{
	static const char conf[] = "[registries.search]\nregistries=['a.io','b.io']\n"
				   "[registries.insecure]\nregistries=['b.io']\n"
				   "[registries.block]\nregistries=['b.io', 'c.io']\n";
	AUTO_REGISTRIES struct registries rs = {0};

	(void)state;
	add(&rs, conf);
	assert_int_equal(rs.search.n, 2);
	assert_int_equal(rs.n, 2);
	assert_true(rs.r[0].insecure && rs.r[0].blocked);
	places_are(conf, "a.io/x", PLACES_PULL, "a.io/x");
	places_are(conf, "c.io/x", PLACES_PULL, "error -6");
	places_are(
		"[registries.insecure]\nregistries=['b.io']\n", "b.io/x", PLACES_PULL, "!b.io/x");
}

static void sources_are(const char *text, const char *name, const char *expected)
{
	AUTO_REGISTRIES struct registries rs = {0};
	AUTO_REFERENCE struct reference ref = {0};
	AUTO_PLACES struct places p = {0};
	struct err err = ERR_INIT;

	if (registries_add_sources(&rs, text, &err) < 0) {
		assert_string_equal("bad", expected);
		return;
	}
	assert_int_equal(reference_parse(name, &ref, &err), 0);
	if (registries_places(&rs, &ref, PLACES_READ, &p, &err) < 0)
		assert_non_null(strstr(err.msg, expected));
	else
		assert_string_equal(p.p[0].insecure ? "insecure" : "", expected);
}

static void the_sources_of_builds_are_a_policy(void **state)
{
	(void)state;
	sources_are(NULL, "a.io/x", "");
	sources_are("{\"blockedRegistries\":[\"a.io\"]}", "a.io/x",
		"\"a.io\" denied by policy: it is in the blocked registries list");
	sources_are("{\"blockedRegistries\":[\"a.io\"]}", "b.io/x", "");
	sources_are("{\"allowedRegistries\":[\"a.io\"]}", "a.io/x", "");
	sources_are("{\"allowedRegistries\":[\"a.io\"]}", "a.io.b/x",
		"\"a.io.b\" denied by policy: not in allowed registries list");
	sources_are("{\"insecureRegistries\":[\"a.io:1\"]}", "a.io:1/x", "insecure");
	sources_are("{\"allowedRegistries\":\"a.io\"}", "a.io/x", "bad");
	sources_are("a.io", "a.io/x", "bad");
}

static void a_later_file_replaces_an_earlier_table(void **state)
{
	AUTO_REGISTRIES struct registries rs = {0};
	(void)state;
	add(&rs, "unqualified-search-registries=['a']\n[[registry]]\nprefix='x'\nlocation='one'\n["
		 "aliases]\nb='q.io/b'\nc='q.io/c'\n");
	add(&rs, "unqualified-search-registries=['z']\n[[registry]]\nprefix='x'\nlocation='two'\n["
		 "aliases]\nb=''\n");
	assert_int_equal(rs.n, 1);
	assert_string_equal(rs.r[0].location, "two");
	assert_int_equal(rs.search.n, 1);
	assert_string_equal(rs.search.v[0], "z");
	assert_null(map_get(&rs.aliases, "b"));
	assert_string_equal(map_get(&rs.aliases, "c"), "q.io/c");
}

static void names_are(const char *conf, const char *text, const char *expected)
{
	AUTO_REGISTRIES struct registries rs = {0};
	AUTO_STRV struct strv names = STRV_INIT;
	struct err err = ERR_INIT;
	add(&rs, conf);
	if (registries_short_names(&rs, text, false, &names, &err) < 0) {
		assert_string_equal("error", expected);
		return;
	}
	AUTO_FREE char *joined = strv_join(&names, " ");
	assert_string_equal(joined, expected);
}

static void short_names_become_full_ones(void **state)
{
	(void)state;
	names_are("", "busybox", "docker.io/library/busybox:latest");
	/* who wants none asks nobody, the Hub neither */
	names_are("unqualified-search-registries=[]", "busybox", "error");
	names_are("unqualified-search-registries=[]\n[aliases]\nbusybox='q.io/bb'", "busybox",
		"q.io/bb:latest");
	names_are("unqualified-search-registries=['a.io','docker.io']", "x/y:1",
		"a.io/x/y:1 docker.io/x/y:1");
	names_are("unqualified-search-registries=['a.io']\n[aliases]\nbusybox='q.io/bb'",
		"busybox:1", "q.io/bb:1");
	names_are("unqualified-search-registries=['a.io','b.io']\nshort-name-mode='enforcing'", "x",
		"error");
	names_are("unqualified-search-registries=['a.io']\nshort-name-mode='enforcing'", "x",
		"a.io/x:latest");
}

static void a_slash_at_the_end_does_not_count(void **state)
{
	static const char conf[] = "[[registry]]\nprefix='e.com/a/'\nlocation='l.io/b//'\n"
				   "[[registry.mirror]]\nlocation='m.io/'\n";
	(void)state;
	places_are(conf, "e.com/a/x:1", PLACES_PULL, "m.io/x l.io/b/x");
}

static void a_later_file_says_which_helpers_there_are(void **state)
{
	static const char *const files[] = {"credential-helpers=['containers-auth.json','pass']\n",
		"short-name-mode='disabled'\n", "credential-helpers=['secretservice']\n"};
	AUTO_REGISTRIES struct registries rs = {0};
	struct err err = ERR_INIT;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_int_equal(registries_add(&rs, files[i], strlen(files[i]), "f", &err), 0);
		assert_int_equal(rs.helpers.n, i < 2 ? 2 : 1);
	}
	assert_string_equal(rs.helpers.v[0], "secretservice");
}

static void refuses_bad_configuration(void **state)
{
	static const char *const bad[] = {"[[registry]]\n", "[[registry]]\nlocation=1\n",
		"registry = 'x'\n", "[[registry]]\nlocation='https://x'\n",
		"[[registry]]\nprefix='*.x/y'\n", "[registries.search]\nregistries=['x/']\n",
		"[registries]\nsearch=1\n", "[registries.block]\nregistries=1\n", "registries=1\n",
		"[[registry]]\nlocation='x'\n[registries.search]\n", "short-name-mode='often'\n",
		"[[registry]]\nlocation='a/../b'\n",
		"[[registry]]\nlocation='x'\n[[registry.mirror]]\n",
		"[[registry]]\nprefix='x@sha256:1'\n",
		"[[registry]]\nlocation='x'\n"
		"[[registry.mirror]]\nlocation='y" DIGEST "'\n",
		"[[registry]]\nprefix='x'\nlocation='y" DIGEST "'\n",
		("[[registry]]\nlocation='x'\nmirror-by-digest-only=true\n"
		 "[[registry.mirror]]\nlocation='y'\npull-from-mirror='tag-only'\n"),
		"[[registry]]\nlocation='x'\npull-from-mirror='all'\n",
		("[[registry]]\nprefix='a'\nlocation='x'\ninsecure=true\n"
		 "[[registry]]\nprefix='b'\nlocation='x'\n"),
		"[[registry]]\nlocation='x'\n[[registry]]\nlocation='x'\nblocked=true\n",
		"credential-helpers=['containers-auth.json','../x']\n",
		"credential-helpers='pass'\n"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_REGISTRIES struct registries rs = {0};
		struct err err = ERR_INIT;
		if (registries_add(&rs, bad[i], strlen(bad[i]), "f", &err) == 0)
			fail_msg("'%s' was taken", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_configuration_the_name_says_where),
		cmocka_unit_test(a_prefix_may_name_a_tag),
		cmocka_unit_test(a_prefix_may_name_an_image),
		cmocka_unit_test(the_longest_prefix_wins_and_is_rewritten),
		cmocka_unit_test(mirrors_come_first_for_pulls_only),
		cmocka_unit_test(blocked_registries_are_refused),
		cmocka_unit_test(version_1_has_lists_of_registries),
		cmocka_unit_test(the_sources_of_builds_are_a_policy),
		cmocka_unit_test(a_later_file_replaces_an_earlier_table),
		cmocka_unit_test(short_names_become_full_ones),
		cmocka_unit_test(a_slash_at_the_end_does_not_count),
		cmocka_unit_test(a_later_file_says_which_helpers_there_are),
		cmocka_unit_test(refuses_bad_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
