/* SPDX-License-Identifier: Apache-2.0 */
#include "base/idmap.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAP_MAX (64 * KIB) /* the kernel takes 340 lines */

enum idmap idmap_parse(const char *text)
{
	/* the first line: inside, outside, count; a text that ends early gives zeros */
	char *p;
	unsigned long long inside = strtoull(text, &p, 10);
	unsigned long long outside = strtoull(p, &p, 10);
	unsigned long long count = strtoull(p, &p, 10);
	if (inside == 0 && outside == 0 && count == UINT32_MAX)
		return IDMAP_ALL;
	const char *line = strchr(text, '\n');
	return count == 1 && (!line || !line[1]) ? IDMAP_ONE : IDMAP_SOME;
}

enum idmap idmap_own(void)
{
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;
	if (fs_read_file(AT_FDCWD, "/proc/self/uid_map", MAP_MAX, &text, NULL, &ignored) < 0)
		return IDMAP_ALL;
	return idmap_parse(text);
}

bool idmap_differs(const struct idmap_view *v)
{
	return v->userns >= 0 && v->uids.n > 0;
}

bool idmap_read(const char *text, struct idmap_ranges *ret)
{
	*ret = (struct idmap_ranges){0};
	while (*(text += strspn(text, " \n"))) {
		unsigned long long n[3];
		for (size_t i = 0; i < 3; i++) {
			char *end;
			n[i] = strtoull(text, &end, 10);
			if (end == text || n[i] > UINT32_MAX)
				return false;
			text = end;
		}
		if (ret->n == IDMAP_RANGES_MAX)
			return false;
		ret->r[ret->n++] = (struct idmap_range){.inside = (uint32_t)n[0],
			.outside = (uint32_t)n[1],
			.count = (uint32_t)n[2]};
	}
	return ret->n > 0;
}

bool idmap_outside(const struct idmap_ranges *m, uint32_t inside, uint32_t *ret)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct idmap_range *r = &m->r[i];
		if (inside >= r->inside && inside - r->inside < r->count) {
			*ret = r->outside + (inside - r->inside);
			return true;
		}
	}
	*ret = inside;
	return m->n == 0;
}

bool idmap_inside(const struct idmap_ranges *m, uint32_t outside, uint32_t *ret)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct idmap_range *r = &m->r[i];
		if (outside >= r->outside && outside - r->outside < r->count) {
			*ret = r->inside + (outside - r->outside);
			return true;
		}
	}
	*ret = outside;
	return m->n == 0;
}

int idmap_be_root(const struct idmap_view *v, struct err *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	uint32_t uid, gid;
	if (!idmap_outside(&v->uids, 0, &uid) || !idmap_outside(&v->gids, 0, &gid))
		return err_set(err, ERR_INVALID, "a user namespace without root");
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	/* another fsuid than 0 loses those that concern files */
	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(err, "cannot read the capabilities");
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	if (syscall(SYS_capset, &head, data) < 0 || setfsuid((uid_t)-1) != (int)uid ||
		setfsgid((gid_t)-1) != (int)gid)
		return err_sys(err, "cannot become root of a user namespace");
	return 0;
}
