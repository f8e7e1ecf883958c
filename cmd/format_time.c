/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/format_time.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cmd/format.h"
#include "cmd/format_args.h"
#include "cmd/format_internal.h"

#define NAMES_MAX 64 /* bytes of those of a month and a day */

static bool parse(const struct json *j, struct timespec *ret, struct tm *ret_tm)
{
	const char *text = json_text(json_get(j, FORMAT_PLAIN));

	return text && clock_parse(text, ret) && gmtime_r(&ret->tv_sec, ret_tm);
}

bool format_is_time(const struct json *j)
{
	struct timespec t;
	struct tm tm;

	return json_is(j, JSON_KIND_OBJECT) && parse(j, &t, &tm);
}

struct json *format_time_part(const struct json *time, const char *method)
{
	struct timespec t;
	struct tm tm;

	if (!parse(time, &t, &tm))
		return NULL;
	if (streq(method, "Unix"))
		return json_new_int(t.tv_sec);
	if (streq(method, "UnixNano")) /* wrong before 1678 and after 2262, as Go's */
		return json_new_int(
			(int64_t)((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec));
	if (streq(method, "Year"))
		return json_new_int(tm.tm_year + 1900);
	if (streq(method, "Day"))
		return json_new_int(tm.tm_mday);
	if (!streq(method, "Month"))
		return NULL;
	AUTO_FREE char *name = format_time_in(time, "January");
	struct json *month = json_new_object(); /* a number that prints as its name */
	format_as_text(month, name);
	json_set_int(month, FORMAT_PLAIN, tm.tm_mon + 1);
	return month;
}

/* The parts of a layout; what is the beginning of another comes after it. */
static const char *const parts[] = {"January", "Jan", "Monday", "Mon", "MST", "PM", "pm", "_2006",
	"2006", "002", "01", "02", "03", "04", "05", "06", "15", "_2", "1", "2", "3", "4", "5",
	"-07:00", "-0700", "-07", "Z07:00", "Z0700"};

/* What stands for them, in their order. */
static void values(const struct tm *tm, struct strv *ret)
{
	char names[NAMES_MAX];
	int year = tm->tm_year + 1900, hour = tm->tm_hour % 12 ? tm->tm_hour % 12 : 12;
	const char *half = tm->tm_hour < 12 ? "AM|am" : "PM|pm";

	(void)strftime(names, sizeof(names), "%B|%b|%A|%a", tm);
	AUTO_FREE char *all = xasprintf("%s|UTC|%s|_%04d|%04d|%03d|%02d|%02d|%02d|%02d|%02d|%02d|"
					"%02d|%2d|%d|%d|%d|%d|%d|+00:00|+0000|+00|Z|Z",
		names, half, year, year, tm->tm_yday + 1, tm->tm_mon + 1, tm->tm_mday, hour,
		tm->tm_min, tm->tm_sec, year % 100, tm->tm_hour, tm->tm_mday, tm->tm_mon + 1,
		tm->tm_mday, hour, tm->tm_min, tm->tm_sec);
	strv_split(ret, all, '|');
}

/* ".000" is so many digits of the second, ".999" without zeros at the end. Its length, or 0. */
static size_t add_fraction(struct buf *b, const char *at, long ns)
{
	size_t n = (*at == '.' || *at == ',') && at[1] == '9' ? strspn(at + 1, "9")
	           : *at == '.' || *at == ','                 ? strspn(at + 1, "0")
	                                                      : 0;
	char digits[16];

	if (!n || n > 9 || isdigit((unsigned char)at[1 + n]))
		return 0;
	(void)snprintf(digits, sizeof(digits), "%09ld", ns);
	size_t shown = n;
	while (at[1] == '9' && shown && digits[shown - 1] == '0')
		shown--;
	if (shown)
		buf_addf(b, "%c%.*s", *at, (int)shown, digits);
	return 1 + n;
}

static size_t add_part(struct buf *b, const char *at, const struct strv *values)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t n = strlen(parts[i]);
		bool name = n == 3 && (parts[i][0] == 'J' || streq(parts[i], "Mon"));
		if (!str_has_prefix(at, parts[i]) || (name && islower((unsigned char)at[n])))
			continue;
		buf_addstr(b, values->v[i]);
		return n;
	}
	return 0;
}

char *format_time_in(const struct json *time, const char *layout)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);
	AUTO_STRV struct strv all = STRV_INIT;
	struct timespec t;
	struct tm tm;

	if (!parse(time, &t, &tm))
		return NULL;
	values(&tm, &all);
	while (*layout) {
		size_t n = add_part(&b, layout, &all);
		if (!n)
			n = add_fraction(&b, layout, t.tv_nsec);
		if (!n)
			buf_addch(&b, layout[n++]);
		layout += n;
	}
	return xstrdup(buf_str(&b));
}
