/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <string.h>

#include "base/mem.h"
#include "build/step_match.h"

#define STEPS_MAX 8

/* Texts with bars between them; expected: for each text of now which one it was, "-" of none. */
static const struct match_case {
	const char *before, *now, *expected;
} cases[] = {
	{"", "RUN a", "-"},
	{"RUN a", "", ""},
	{"RUN a|RUN b", "RUN a|RUN b", "01"},
	/* a line more, a line less, wherever it is */
	{"RUN a|RUN b", "RUN new|RUN a|RUN b", "-01"},
	{"RUN make all|RUN make test", "RUN make most|RUN make all|RUN make test", "-01"},
	{"RUN a|RUN b|RUN c", "RUN a|RUN c", "02"},
	{"RUN apt-get update|RUN make", "RUN make", "1"},
	/* a line that was edited, also beside a new one */
	{"RUN make all|RUN b", "RUN make most|RUN b", "01"},
	{"COPY . /src", "COPY --chown=1:1 . /src", "0"},
	{"RUN make all", "RUN echo|RUN make -k all", "-0"},
	{"RUN make all", "RUN make -k all|RUN echo", "0-"},
	/* what has nothing in common is another one, as is another instruction */
	{"RUN make", "RUN ninja", "-"},
	{"COPY a /a", "ADD a /a", "-"},
	{"RUN make", "run make", "0"},
	/* equal texts in their order; one that moved */
	{"RUN x|COPY a b|RUN x", "RUN x|RUN x", "02"},
	{"RUN aa|COPY b c|WORKDIR d", "COPY b c|WORKDIR d|RUN aa", "120"},
};

static size_t split(char *text, const char **ret)
{
	size_t n = 0;
	for (char *save = NULL, *t = strtok_r(text, "|", &save); t;
		t = strtok_r(NULL, "|", &save)) {
		assert_true(n < STEPS_MAX);
		ret[n++] = t;
	}
	return n;
}

static void which_step_was_which(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *before[STEPS_MAX], *now[STEPS_MAX];
		size_t was[STEPS_MAX];
		char got[STEPS_MAX + 1] = "";
		AUTO_FREE char *a = xstrdup(cases[i].before), *b = xstrdup(cases[i].now);
		size_t n_before = split(a, before), n = split(b, now);
		step_match(now, n, before, n_before, was);
		for (size_t k = 0; k < n; k++)
			got[k] = was[k] == STEP_NEW ? '-' : (char)('0' + was[k]);
		if (!streq(got, cases[i].expected))
			fail_msg("%s -> %s: %s, not %s", cases[i].before, cases[i].now, got,
				cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(which_step_was_which)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
