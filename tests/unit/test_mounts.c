/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/strv.h"
#include "build/csv.h"
#include "build/file_expand.h"
#include "build/mounts.h"

static int expand(void *arg, const char *value, char **ret, struct err *err)
{
	return expand_word(value, '\\', arg, 0, ret, NULL, NULL, err);
}

static int parse(const char *text, struct mount_opts *ret, struct err *err)
{
	AUTO_MAP struct map env = MAP_INIT;
	map_set(&env, "where", "/srv");
	map_set(&env, "kind", "cache");
	map_set(&env, "two", "/a,ro=false");
	AUTO_FREE char *field = NULL;
	return mount_parse(text, expand, &env, ret, &field, err);
}

static void parsed(const char *text, struct mount_opts *ret)
{
	struct err err = ERR_INIT;
	if (parse(text, ret, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
}

static void refused(const char *text, const char *message)
{
	struct mount_opts m;
	struct err err = ERR_INIT;
	if (parse(text, &m, &err) == 0)
		fail_msg("%s was accepted", text);
	if (!streq(err.msg, message))
		fail_msg("%s: '%s' instead of '%s'", text, err.msg, message);
	assert_int_equal(err.code, ERR_INVALID);
}

static void without_a_type_it_is_a_read_only_bind(void **state)
{
	(void)state;
	struct mount_opts m;
	parsed("target=/m,src=a/b", &m);
	assert_int_equal(m.type, MOUNT_BIND);
	assert_true(m.read_only);
	assert_string_equal(m.target, "/m");
	assert_string_equal(m.source, "a/b");
	assert_null(m.from);
	mount_opts_done(&m);
}

static void names_of_keys_have_synonyms_and_any_case(void **state)
{
	(void)state;
	static const char *const targets[] = {"target", "dst", "destination", "TARGET", "Dst"};
	static const char *const sources[] = {"source", "src", "SRC"};
	struct mount_opts m;
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		AUTO_FREE char *text = xasprintf("%s=/t", targets[i]);
		parsed(text, &m);
		assert_string_equal(m.target, "/t");
		mount_opts_done(&m);
	}
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		AUTO_FREE char *text = xasprintf("target=/t,%s=s", sources[i]);
		parsed(text, &m);
		assert_string_equal(m.source, "s");
		mount_opts_done(&m);
	}
}

static void the_last_of_ro_and_rw_counts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool read_only;
	} cases[] = {
		{"target=/t,rw", false},
		{"target=/t,readwrite=1", false},
		{"target=/t,rw=false", true},
		{"target=/t,ro=false", false},
		{"target=/t,rw,ro", true},
		{"type=cache,target=/t", false},
		{"type=cache,target=/t,ro", true},
		{"type=cache,target=/t,readonly=T", true},
		{"type=tmpfs,target=/t", false},
		{"rw,target=/t,type=bind", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mount_opts m;
		parsed(cases[i].text, &m);
		if (m.read_only != cases[i].read_only)
			fail_msg("%s", cases[i].text);
		mount_opts_done(&m);
	}
}

static void a_cache_has_an_id_a_mode_and_an_owner(void **state)
{
	(void)state;
	struct mount_opts m;
	parsed("type=cache,id=../../etc,target=/c,sharing=LOCKED,mode=0711,uid=5,gid=4294967294,"
	       "from=s",
		&m);
	assert_int_equal(m.type, MOUNT_CACHE);
	assert_string_equal(m.id, "../../etc");
	assert_int_equal(m.sharing, MOUNT_LOCKED);
	assert_int_equal(m.mode, 0711);
	assert_int_equal(m.uid, 5);
	assert_int_equal(m.gid, UINT32_MAX - 1);
	assert_true(m.has_mode && m.has_uid && m.has_gid);
	assert_string_equal(m.from, "s");
	mount_opts_done(&m);
}

static void where_a_mount_spreads_to_is_taken(void **state)
{
	(void)state;
	struct mount_opts m;
	parsed("type=cache,target=/t,rshared,bind-propagation=rslave", &m);
	mount_opts_done(&m);
}

static void a_tmpfs_has_a_size_in_both_spellings(void **state)
{
	(void)state;
	struct mount_opts m;
	parsed("type=tmpfs,target=/t,size=1m", &m);
	assert_int_equal(m.size, 1 << 20);
	mount_opts_done(&m);
	parsed("type=tmpfs,target=/t,tmpfs-size=4096,tmpfs-mode=0700", &m);
	assert_int_equal(m.size, 4096);
	assert_int_equal(m.mode, 0700);
	assert_false(m.copy_up || m.no_exec || m.no_suid);
	mount_opts_done(&m);
	parsed("type=tmpfs,target=/t,tmpcopyup,noexec,nosuid=true,nodev", &m);
	assert_true(m.copy_up && m.no_exec && m.no_suid);
	mount_opts_done(&m);
	refused("type=cache,target=/t,tmpcopyup",
		"unexpected key 'tmpcopyup' for mount type 'cache'");
}

static void a_secret_may_be_required_and_a_variable(void **state)
{
	(void)state;
	struct mount_opts m;
	parsed("required,type=secret,id=s,env=TOKEN", &m);
	assert_true(m.required);
	assert_string_equal(m.env, "TOKEN");
	assert_null(m.target);
	mount_opts_done(&m);
	parsed("type=ssh,required=false", &m);
	assert_false(m.required);
	mount_opts_done(&m);
}

static void values_are_expanded_after_the_split(void **state)
{
	(void)state;
	struct mount_opts m;
	parsed("type=$kind,target=${where}/x,id=${none:-a}", &m);
	assert_int_equal(m.type, MOUNT_CACHE);
	assert_string_equal(m.target, "/srv/x");
	assert_string_equal(m.id, "a");
	mount_opts_done(&m);
	parsed("target=$two", &m);
	assert_string_equal(m.target, "/a,ro=false");
	assert_true(m.read_only);
	mount_opts_done(&m);
}

static void quoted_fields_hold_commas_and_quotes(void **state)
{
	(void)state;
	struct mount_opts m;
	parsed("\"target=/a,b\",source=x", &m);
	assert_string_equal(m.target, "/a,b");
	mount_opts_done(&m);
	AUTO_STRV struct strv fields = STRV_INIT;
	struct err err = ERR_INIT;
	assert_int_equal(csv_fields("a,\"b\"\"c\",,", &fields, &err), 0);
	assert_int_equal(fields.n, 4);
	assert_string_equal(fields.v[1], "b\"c");
	assert_string_equal(fields.v[3], "");
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	refused("type=tmp,target=/t",
		"unsupported mount type \"tmp\" (it can be bind, cache, tmpfs, secret, ssh)");
	refused("type=tmpf,target=/t", "unsupported mount type \"tmpf\" (did you mean tmpfs?)");
	refused("type=tmpfs,foo=1,target=/t", "unexpected key 'foo' in 'foo=1'");
	refused("tagret=/t", "unexpected key 'tagret' in 'tagret=/t' (did you mean target?)");
	refused("type=cache,target=/t,sharing=shard",
		"unsupported sharing value \"shard\" (did you mean shared?)");
	refused("target=/t,ro=maybe", "invalid value for ro: 'maybe' (it is true or false)");
	refused("type=cache,target=/t,mode=9",
		"invalid value for mode: '9' (it is an octal number, such as 0755)");
	refused("type=cache,target=/t,mode=17777",
		"invalid value for mode: '17777' (it is an octal number, such as 0755)");
	refused("type=cache,target=/t,uid=4294967295",
		"invalid value for uid: '4294967295' (it is a number: names are not looked up)");
	refused("type=cache,target=/t,uid=-1",
		"invalid value for uid: '-1' (it is a number: names are not looked up)");
	refused("type=tmpfs,target=/t,size=many",
		"invalid value for size: 'many' (it is a size, such as 64m)");
	refused("type=secret,id=s,env=A=B",
		"invalid value for env: 'A=B' (it is the name of a variable)");
	refused("target", "invalid field 'target' must be a key=value pair");
	refused("", "invalid field '' must be a key=value pair; no blank follows a comma");
	refused("type=cache,",
		"invalid field '' must be a key=value pair; no blank follows a comma");
	refused("target=/t,from=$where",
		"'from' doesn't support variable expansion, define alias stage instead");
	refused("target=\"x\"", "failed to parse csv mounts: bare \" in non-quoted-field");
	refused("\"target=/x", "failed to parse csv mounts: extraneous or missing \" in "
			       "quoted-field");
}

static void keys_belong_to_types(void **state)
{
	(void)state;
	struct mount_opts m;
	refused("target=/t,required", "unexpected key 'required' for mount type 'bind'");
	refused("target=/t,size=1", "unexpected key 'size' for mount type 'bind'");
	refused("target=/t,mode=0700", "unexpected key 'mode' for mount type 'bind'");
	refused("target=/t,sharing=shared", "unexpected key 'sharing' for mount type 'bind'");
	refused("type=tmpfs,target=/t,uid=1", "unexpected key 'uid' for mount type 'tmpfs'");
	refused("type=tmpfs,target=/t,shared", "unexpected key 'shared' for mount type 'tmpfs'");
	refused("type=tmpfs,target=/t,source=/x", "unexpected key 'source' for mount type 'tmpfs'");
	refused("type=cache,target=/t,bind-propagation=suid",
		"invalid mount option 'bind-propagation=suid' (it is private, slave, shared, or "
		"these with an r)");
	refused("type=secret,id=s,from=a", "unexpected key 'from' for mount type 'secret'");
	/* without effect, as in BuildKit */
	parsed("type=ssh,env=A,from=x", &m);
	mount_opts_done(&m);
	parsed("type=cache,target=/t,env=A", &m);
	mount_opts_done(&m);
	refused("type=secret", "invalid secret mount: one of source, target, id required");
	refused("type=secret,id=a,source=b", "both source and id can't be set");
}

static void collect(void *arg, const char *field, const struct err *what)
{
	buf_addf(arg, "%s: %s\n", field ? field : "-", what->msg);
}

static void all_that_the_text_tells_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *text, *faults;
	} cases[] = {
		{"type=cache,target=/x,mode=0755", ""},
		{"type=cache,target=$x,mode=$m,uid=${u},from=a", ""},
		{"type=cache,mode=999,uid=bob,target=/x,sharing=lock",
			"mode=999: invalid value for mode: '999' (it is an octal number, such as "
			"0755)\n"
			"uid=bob: invalid value for uid: 'bob' (it is a number: names are not "
			"looked up)\n"
			"sharing=lock: unsupported sharing value \"lock\" (it can be shared, "
			"private, locked)\n"},
		{"required,id=a,target=/x,size=3",
			"required: unexpected key 'required' for mount type 'bind'\n"
			"size=3: unexpected key 'size' for mount type 'bind'\n"},
		/* in their order, wherever the type is */
		{"size=1x,type=bind,uid=7,foo=1",
			"size=1x: unexpected key 'size' for mount type 'bind'\n"
			"uid=7: unexpected key 'uid' for mount type 'bind'\n"
			"foo=1: unexpected key 'foo' in 'foo=1'\n"},
		{"uid=x,type=bind,ro=maybe,from=$x",
			"uid=x: unexpected key 'uid' for mount type 'bind'\n"
			"ro=maybe: invalid value for ro: 'maybe' (it is true or false)\n"
			"from=$x: 'from' doesn't support variable expansion, define alias stage "
			"instead\n"},
		/* what type it is decides about keys: known later, and of a wrong one nothing */
		{"type=$t,required,mode=x", "mode=x: invalid value for mode: 'x' (it is an octal "
					    "number, such as 0755)\n"},
		{"TYPE=secrt,required,env=A", "TYPE=secrt: unsupported mount type \"secrt\" (did "
					      "you mean secret?)\n"},
		{"from=$x,target=/a", "from=$x: 'from' doesn't support variable expansion, define "
				      "alias stage instead\n"},
		{"type=secret", "-: invalid secret mount: one of source, target, id required\n"},
		{"type=secret,id=$a,source=$b", "-: both source and id can't be set\n"},
		{"type=secret,idd=a",
			"idd=a: unexpected key 'idd' in 'idd=a' (did you mean id?)\n"},
		{"\"type=a", "-: failed to parse csv mounts: extraneous or missing \" in "
			     "quoted-field\n"},
		{"target='/a", "target='/a: failed to process ''/a': unexpected end of statement "
			       "while looking for matching single-quote\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF struct buf b = BUF_INIT(4 * KIB);
		mount_faults(cases[i].text, '\\', collect, &b);
		if (!streq(buf_str(&b), cases[i].faults))
			fail_msg("%s: '%s' instead of '%s'", cases[i].text, buf_str(&b),
				cases[i].faults);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_type_it_is_a_read_only_bind),
		cmocka_unit_test(names_of_keys_have_synonyms_and_any_case),
		cmocka_unit_test(the_last_of_ro_and_rw_counts),
		cmocka_unit_test(a_cache_has_an_id_a_mode_and_an_owner),
		cmocka_unit_test(where_a_mount_spreads_to_is_taken),
		cmocka_unit_test(a_tmpfs_has_a_size_in_both_spellings),
		cmocka_unit_test(a_secret_may_be_required_and_a_variable),
		cmocka_unit_test(values_are_expanded_after_the_split),
		cmocka_unit_test(quoted_fields_hold_commas_and_quotes),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(keys_belong_to_types),
		cmocka_unit_test(all_that_the_text_tells_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
