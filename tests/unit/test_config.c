/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/config.h"

#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}"
#define DIFF_ID "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* every member, in the order in which they are written */
static const char full[] =
	"{\"created\":\"2024-05-01T12:00:00Z\",\"author\":\"me\",\"architecture\":\"arm\",\"os\":"
	"\"linux\",\"os.version\":\"10\",\"variant\":\"v7\","
	"\"config\":{\"User\":\"daemon\",\"ExposedPorts\":{\"53/udp\":{},\"80/"
	"tcp\":{}},\"Env\":[\"PATH=/bin\",\"EMPTY=\",\"A=b=c\"],"
	"\"Entrypoint\":[\"/init\"],\"Cmd\":[\"sh\",\"-c\",\"x\"],\"Volumes\":{\"/"
	"data\":{}},\"WorkingDir\":\"/srv\",\"Labels\":{\"a\":\"1\",\"b\":\"\"},"
	"\"StopSignal\":\"SIGUSR1\",\"ArgsEscaped\":true,\"Healthcheck\":{\"Test\":[\"CMD\","
	"\"true\"],\"Interval\":5000000000,\"Timeout\":1,"
	"\"StartPeriod\":2,\"StartInterval\":3,\"Retries\":4},\"OnBuild\":[\"RUN "
	"x\"],\"Shell\":[\"/bin/sh\",\"-ec\"],"
	"\"Hostname\":\"h\",\"StopTimeout\":9},"
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFF_ID "\"]},"
	"\"history\":[{\"created\":\"2024-05-01T12:00:00Z\",\"created_by\":\"RUN "
	"x\",\"author\":\"me\",\"comment\":\"c\"},{\"empty_layer\":true}],"
	"\"docker_version\":\"20.10\",\"container_config\":{\"Cmd\":[\"x\"]},\"id\":\"i\"}";

static int parse(const char *text, struct image_config *ret, struct err *err)
{
	return image_config_parse(text, strlen(text), ret, err);
}

static void all_members_survive_in_order(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct image_config c, copy;
	if (parse(full, &c, &err) < 0)
		fail_msg("%s", err.msg);
	AUTO_FREE char *text = image_config_dump(&c);
	assert_string_equal(text, full);
	image_config_copy(&copy, &c);
	image_config_done(&c);
	AUTO_FREE char *again = image_config_dump(&copy);
	assert_string_equal(again, full);
	image_config_done(&copy);
}

static void what_says_nothing_is_left_out(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct image_config c;
	const struct platform p = {.os = "linux", .arch = "amd64"};
	image_config_init(&c, &p);
	AUTO_FREE char *text = image_config_dump(&c);
	assert_string_equal(
		text, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{}," ROOTFS "}");
	image_config_done(&c);
	/* as docker's older versions write it */
	assert_int_equal(parse("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":"
			       "\"\",\"Env\":null,\"Cmd\":null,\"Entrypoint\":[],\"Volumes\":null,"
			       "\"Labels\":null,\"OnBuild\":null,\"Healthcheck\":null}," ROOTFS
			       ",\"history\":null}",
				 &c, &err),
		0);
	assert_false(c.has_cmd);
	assert_true(c.has_entrypoint);
	assert_false(c.has_healthcheck);
	AUTO_FREE char *again = image_config_dump(&c);
	assert_string_equal(again, text);
	image_config_done(&c);
}

static void of_equal_variables_the_last_wins(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct image_config c;
	assert_int_equal(
		parse("{\"config\":{\"Env\":[\"A=1\",\"B=2\",\"A=3\"]}," ROOTFS "}", &c, &err), 0);
	assert_int_equal(c.env.n, 2);
	assert_string_equal(map_get(&c.env, "A"), "3");
	image_config_done(&c);
}

static void builds_from_parts(void **state)
{
	(void)state;
	struct image_config c;
	const struct platform p = {.os = "linux", .arch = "arm", .variant = "v7"};
	struct digest d = digest_of("x", 1);
	image_config_init(&c, &p);
	strv_add(&c.exposed_ports, "80/tcp");
	strv_add(&c.exposed_ports, "53/udp");
	image_config_add_diff_id(&c, &d);
	image_config_add_history(&c, "2024-05-01T12:00:00Z", "RUN x", NULL, false);
	image_config_add_history(&c, NULL, "ENV a=b", "why", true);
	AUTO_FREE char *text = image_config_dump(&c);
	assert_non_null(strstr(text, "{\"53/udp\":{},\"80/tcp\":{}}"));
	assert_non_null(strstr(text, "\"variant\":\"v7\""));
	assert_non_null(strstr(text, "[{\"created\":\"2024-05-01T12:00:00Z\",\"created_by\":\"RUN "
				     "x\"},{\"created_by\":\"ENV a=b\",\"comment\":\"why\","
				     "\"empty_layer\":true}]"));
	image_config_done(&c);
}

/* cve: CVE-2026-57231 */
static void refuses_hostile_configs(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} bad[] = {
		/* CVE-2026-57231: these would import variables of the host */
		{"{\"config\":{\"Env\":[\"AWS_SECRET_ACCESS_KEY\"]}," ROOTFS "}",
			"'AWS_SECRET_ACCESS_KEY' has no '='"},
		{"{\"config\":{\"Env\":[\"*\"]}," ROOTFS "}", "no '='"},
		{"{\"config\":{\"Env\":[\"=x\"]}," ROOTFS "}", "no name"},
		{"{\"config\":{\"Env\":[\"A=\\u0000\"]}," ROOTFS "}", "config"},
		{"{\"config\":{\"Env\":{}}," ROOTFS "}", "Env"},
		{"{\"config\":{\"Env\":[1]}," ROOTFS "}", "Env"},
		{"{\"config\":{\"Volumes\":[]}," ROOTFS "}", "Volumes"},
		{"{\"config\":{\"Healthcheck\":[]}," ROOTFS "}", "Healthcheck"},
		{"{\"config\":[]," ROOTFS "}", "config"},
		{"{\"os\":1," ROOTFS "}", "os"},
		{"{}", "rootfs is missing"},
		{"{\"OS\":\"linux\"," ROOTFS "}", "'OS' would be 'os' to some readers"},
		{"{" ROOTFS ",\"config\":{\"Env\":[],\"env\":[\"A=1\"]}}", "'env' would be 'Env'"},
		{"{" ROOTFS ",\"config\":{\"Env\":[],\"Env\":[]}}", "duplicate"},
		{"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[],\"Diff_IDs\":[]}}",
			"'Diff_IDs' would be"},
		{"{\"rootfs\":{\"type\":\"x\",\"diff_ids\":[]}}", "type"},
		{"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"../x\"]}}", "diff ID 1"},
		{"{" ROOTFS ",\"history\":[1]}", "history entry 1"},
		{"{" ROOTFS ",\"architecture\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
			"longer than 31"},
		{"{" ROOTFS "," ROOTFS "}", "config"},
		{"[]", "not a JSON object"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;
		struct image_config c;
		if (parse(bad[i].text, &c, &err) == 0)
			fail_msg("accepted: %s", bad[i].text);
		if (!strstr(err.msg, bad[i].why))
			fail_msg(
				"%s: \"%s\" does not say \"%s\"", bad[i].text, err.msg, bad[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_members_survive_in_order),
		cmocka_unit_test(what_says_nothing_is_left_out),
		cmocka_unit_test(of_equal_variables_the_last_wins),
		cmocka_unit_test(builds_from_parts),
		cmocka_unit_test(refuses_hostile_configs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
