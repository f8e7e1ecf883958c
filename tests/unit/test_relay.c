/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "cmd/relay.h"
#include "run/spec.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int file(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void assert_holds(int fd, const char *want)
{
	char got[32] = "";
	assert_int_equal(pread(fd, got, sizeof(got) - 1, 0), strlen(want));
	assert_string_equal(got, want);
}

/* The command may have handed its end to somebody who lives on. */
static void an_end_that_stays_open_is_not_waited_for(void **state)
{
	struct relay relays[RELAYS];
	struct run_spec spec;
	struct err err = ERR_INIT;
	(void)state;
	run_spec_init(&spec);
	int out = spec.out = file();
	assert_int_equal(relays_start(&spec, relays, &err), 0);
	assert_int_not_equal(spec.out, out);
	int kept = dup(spec.out);
	assert_int_equal(write(kept, "written", 7), 7);
	relays_hand_over(relays);
	assert_int_equal(relays_end(relays, &err), 0);
	assert_holds(out, "written");
	close(kept);
	close(out);
	run_spec_done(&spec);
}

static void one_file_has_one_way(void **state)
{
	struct relay relays[RELAYS];
	struct run_spec spec;
	struct err err = ERR_INIT;
	(void)state;
	run_spec_init(&spec);
	int out = spec.out = spec.errfd = file();
	int end[2];
	assert_int_equal(pipe(end), 0);
	spec.in = end[0]; /* a pipe stays what it is */
	assert_int_equal(relays_start(&spec, relays, &err), 0);
	assert_int_equal(spec.out, spec.errfd);
	assert_int_equal(spec.in, end[0]);
	assert_int_equal(relays_end(relays, &err), 0);
	close(end[0]);
	close(end[1]);
	close(out);
	run_spec_done(&spec);
}

/* Its mode is the machine's. What is in every sandbox is none. */
static void a_device_is_not_handed_on(void **state)
{
	struct relay relays[RELAYS];
	struct run_spec spec;
	struct err err = ERR_INIT;
	(void)state;
	run_spec_init(&spec);
	int null = spec.in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int log = spec.out = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (log < 0) {
		print_message("/dev/kmsg cannot be written to here\n");
		skip();
	}
	assert_int_equal(relays_start(&spec, relays, &err), 0);
	assert_int_equal(spec.in, null);
	assert_int_not_equal(spec.out, log);
	assert_int_equal(relays_end(relays, &err), 0);
	close(null);
	close(log);
	run_spec_done(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_end_that_stays_open_is_not_waited_for),
		cmocka_unit_test(one_file_has_one_way),
		cmocka_unit_test(a_device_is_not_handed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
