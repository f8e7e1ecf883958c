/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/mem.h"
#include "build/ssh_requests.h"

#include <string.h>

#define LIST "\0\0\0\1\13"
#define SIGN "\0\0\0\3\15ab"
#define REMOVE_ALL "\0\0\0\1\23"
#define SMARTCARD "\0\0\0\5\24path"
#define REFUSED "\0\0\0\1\5"

/* The bytes, in pieces of so many, give these for the agent and these for the step. */
static void gives(const char *bytes, size_t n, size_t piece, const char *agent, size_t n_agent,
	const char *step, size_t n_step)
{
	AUTO_BUF struct buf held = BUF_INIT(SSH_MESSAGE_MAX), a = BUF_INIT(4096),
			    s = BUF_INIT(4096);
	for (size_t at = 0; at < n; at += piece)
		assert_true(
			ssh_requests(&held, bytes + at, piece < n - at ? piece : n - at, &a, &s));
	assert_int_equal(held.len, 0);
	assert_int_equal(a.len, n_agent);
	assert_memory_equal(buf_str(&a), agent, n_agent);
	assert_int_equal(s.len, n_step);
	assert_memory_equal(buf_str(&s), step, n_step);
}

static void only_lists_and_signatures_reach_the_agent(void **state)
{
	static const char all[] = LIST REMOVE_ALL SIGN SMARTCARD LIST;
	(void)state;
	for (size_t piece = 1; piece < sizeof(all); piece++)
		gives(all, sizeof(all) - 1, piece, LIST SIGN LIST, sizeof(LIST SIGN LIST) - 1,
			REFUSED REFUSED, sizeof(REFUSED REFUSED) - 1);
	for (int type = 0; type < 256; type++) {
		const char one[] = {0, 0, 0, 1, (char)type};
		bool passes = type == 11 || type == 13;
		gives(one, sizeof(one), sizeof(one), one, passes ? sizeof(one) : 0, REFUSED,
			passes ? 0 : sizeof(REFUSED) - 1);
	}
}

static void lengths_that_no_client_sends_end_the_connection(void **state)
{
	static const char *const bad[] = {"\0\0\0\0", "\377\377\377\377", "\0\4\0\1", "\200\0\0\0"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_BUF struct buf held = BUF_INIT(SSH_MESSAGE_MAX), a = BUF_INIT(16),
				    s = BUF_INIT(16);
		assert_true(ssh_requests(&held, bad[i], 3, &a, &s));
		assert_false(ssh_requests(&held, bad[i] + 3, 1, &a, &s));
	}
}

static void the_longest_message_passes(void **state)
{
	const size_t n = SSH_MESSAGE_MAX;
	AUTO_FREE char *long_one = xcalloc(1, n);
	(void)state;
	memcpy(long_one, "\0\4\0\0\15", 5);
	AUTO_BUF struct buf held = BUF_INIT(n), a = BUF_INIT(n), s = BUF_INIT(16);
	assert_true(ssh_requests(&held, long_one, n, &a, &s));
	assert_false(held.toobig || a.toobig);
	assert_int_equal(a.len, n);
	assert_int_equal(s.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_lists_and_signatures_reach_the_agent),
		cmocka_unit_test(lengths_that_no_client_sends_end_the_connection),
		cmocka_unit_test(the_longest_message_passes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
