/* SPDX-License-Identifier: Apache-2.0 */
#include "run/rlimits.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "run/spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

static const struct {
	const char *name;
	int resource;
} names[] = {
	{"as", RLIMIT_AS},
	{"core", RLIMIT_CORE},
	{"cpu", RLIMIT_CPU},
	{"data", RLIMIT_DATA},
	{"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS},
	{"memlock", RLIMIT_MEMLOCK},
	{"msgqueue", RLIMIT_MSGQUEUE},
	{"nice", RLIMIT_NICE},
	{"nofile", RLIMIT_NOFILE},
	{"nproc", RLIMIT_NPROC},
	{"rss", RLIMIT_RSS},
	{"rtprio", RLIMIT_RTPRIO},
	{"rttime", RLIMIT_RTTIME},
	{"sigpending", RLIMIT_SIGPENDING},
	{"stack", RLIMIT_STACK},
};

static bool parse_value(const char *s, uint64_t *ret)
{
	if (streq(s, "-1") || streq(s, "unlimited")) {
		*ret = RLIM_INFINITY;
		return true;
	}
	return num_u64(s, INT64_MAX, ret);
}

void rlimit_core_of_host(struct run_rlimit *ret)
{
	struct rlimit have;
	*ret = (struct run_rlimit){.resource = RLIMIT_CORE, .of_host = true};
	if (getrlimit(RLIMIT_CORE, &have) < 0)
		return;
	ret->soft = have.rlim_cur;
	ret->hard = have.rlim_max;
}

int rlimit_parse(const char *text, struct run_rlimit *ret, struct err *err)
{
	char value[64];
	const char *eq = strchr(text, '=');
	if (!eq || strlen(eq + 1) >= sizeof(value))
		return err_set(
			err, ERR_INVALID, "ulimit '%s' is not of the form name=soft[:hard]", text);
	memcpy(value, eq + 1, strlen(eq + 1) + 1);
	struct run_rlimit l = {.resource = -1};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i].name) == (size_t)(eq - text) &&
			strncasecmp(names[i].name, text, (size_t)(eq - text)) == 0)
			l.resource = names[i].resource;
	if (l.resource < 0)
		return err_set(err, ERR_INVALID, "ulimit '%s': no such limit", text);

	char *colon = strchr(value, ':');
	if (colon)
		*colon++ = '\0';
	if (!parse_value(value, &l.soft) || !parse_value(colon ? colon : value, &l.hard))
		return err_set(err, ERR_INVALID, "ulimit '%s' is not a number", text);
	if (l.soft > l.hard)
		return err_set(err, ERR_INVALID,
			"ulimit '%s': the soft limit is above the hard one", text);
	*ret = l;
	return 0;
}

static const char *name_of(int resource)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].resource == resource)
			return names[i].name;
	return "?";
}

static bool counts(const struct run_rlimit *limits, size_t n, size_t i)
{
	for (size_t j = i + 1; j < n; j++)
		if (limits[j].resource == limits[i].resource)
			return false;
	return true;
}

/* The only honest way to know is to raise it: beside CAP_SYS_RESOURCE there is fs.nr_open. Where
 * not, *ret_have is the most. */
static bool can_have(const struct run_rlimit *l, rlim_t *ret_have)
{
	struct rlimit have;
	__rlimit_resource_t which = (__rlimit_resource_t)l->resource;
	if (getrlimit(which, &have) < 0)
		return true; /* setting it will tell */
	*ret_have = have.rlim_max;
	if (l->hard <= have.rlim_max)
		return true;
	const struct rlimit raised = {.rlim_cur = have.rlim_cur, .rlim_max = l->hard};
	return setrlimit(which, &raised) == 0 && setrlimit(which, &have) == 0;
}

int rlimits_check(const struct run_rlimit *limits, size_t n, struct err *err)
{
	char wanted[24] = "unlimited";
	rlim_t have;
	for (size_t i = 0; i < n; i++) {
		if (!counts(limits, n, i) || can_have(&limits[i], &have))
			continue;
		if (limits[i].hard != RLIM_INFINITY)
			(void)snprintf(wanted, sizeof(wanted), "%" PRIu64, limits[i].hard);
		return err_set(err, ERR_UNSUPPORTED,
			"ulimit '%s': %s is above the hard limit of %" PRIu64
			" that this command has and may not raise: ask for at most that",
			name_of(limits[i].resource), wanted, (uint64_t)have);
	}
	return 0;
}

bool rlimit_lower(struct run_rlimit *l)
{
	rlim_t have;
	if (can_have(l, &have))
		return false;
	l->hard = have;
	if (l->soft > have)
		l->soft = have;
	return true;
}

/*
 * The kernel hands what crashes to the machine's handler, who has all rights there, whatever
 * namespaces it was in (CVE-2018-6552), also with a limit of 0; with 1 it does not, and writes no
 * file into a layer either. Who may not even have that much has no file.
 */
static void leave_no_core(void)
{
	const struct rlimit none = {.rlim_cur = 1, .rlim_max = 1};
	(void)setrlimit(RLIMIT_CORE, &none);
}

bool rlimits_say_core(const struct run_rlimit *limits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (limits[i].resource == RLIMIT_CORE)
			return true;
	return false;
}

int rlimits_apply(const struct run_rlimit *limits, size_t n, struct err *err)
{
	if (!rlimits_say_core(limits, n))
		leave_no_core();
	for (size_t i = 0; i < n; i++) {
		const struct rlimit want = {.rlim_cur = limits[i].soft, .rlim_max = limits[i].hard};
		if (counts(limits, n, i) &&
			setrlimit((__rlimit_resource_t)limits[i].resource, &want) < 0)
			return err_sys(err, "cannot set ulimit '%s'", name_of(limits[i].resource));
	}
	return 0;
}
