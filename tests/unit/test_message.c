/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/json.h"
#include "registry/message.h"

#include <sys/socket.h>
#include <unistd.h>

#define MORE_THAN_FITS 10000
#define AT_MOST_S 10

/* A pull whose layers took long ended never: nobody listened, as all waited for bytes. */
static void what_is_offered_waits_for_nobody(void **state)
{
	AUTO_JSON struct json *j = json_new_object(), *first = NULL;
	struct err err = ERR_INIT;
	int pair[2], fd = -1;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	(void)alarm(AT_MOST_S);
	for (int i = 0; i < MORE_THAN_FITS; i++) {
		json_set_int(j, "progress", i);
		message_offer(pair[0], j);
	}
	(void)alarm(0);
	assert_int_equal(message_recv(pair[1], &first, &fd, &err), 0);
	assert_int_equal(json_int(json_get(first, "progress")), 0);
	assert_int_equal(fd, -1);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_offered_waits_for_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
