/* SPDX-License-Identifier: Apache-2.0 */
#include "run/caps.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/strv.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(n) (1ULL << (n))

/* docker's and BuildKit's default; buildah has three fewer (NET_RAW, MKNOD, AUDIT_WRITE). MKNOD
 * makes no device usable: every mount the workload can write to is nodev. */
static const uint64_t default_set = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) |
                                    BIT(CAP_FOWNER) | BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) |
                                    BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) |
                                    BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) |
                                    BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE);

static unsigned count_known(void)
{
	static unsigned n;
	if (n == 0)
		n = (unsigned)cap_max_bits();
	return n;
}

static uint64_t all_known(void)
{
	unsigned n = count_known();
	return n >= 64 ? UINT64_MAX : BIT(n) - 1;
}

int caps_number(const char *name)
{
	char full[64];
	cap_value_t v;
	const char *bare = strncasecmp(name, "cap_", 4) == 0 ? name + 4 : name;
	/* cap_from_name also takes numbers, and ignores what follows a name */
	if (bare[strspn(bare, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")] != '\0')
		return -1;
	if (!*bare || (size_t)snprintf(full, sizeof(full), "cap_%s", bare) >= sizeof(full))
		return -1;
	if (cap_from_name(full, &v) < 0 || v < 0 || v >= 64)
		return -1;
	return v;
}

char *caps_name(unsigned number)
{
	char *name = number < count_known() ? cap_to_name((cap_value_t)number) : NULL;
	char *ret = name ? str_upper(xstrdup(name)) : NULL;
	if (name)
		(void)cap_free(name);
	return ret;
}

static int parse_names(const struct strv *names, uint64_t *ret, bool *ret_all, struct err *err)
{
	uint64_t set = 0;
	*ret_all = false;
	STRV_FOREACH (name, names) {
		if (strcasecmp(*name, "all") == 0) {
			*ret_all = true;
			continue;
		}
		int n = caps_number(*name);
		if (n < 0)
			return err_set(err, ERR_INVALID,
				"unknown capability '%s'; there are CAP_CHOWN, CAP_KILL and others "
				"(see capabilities(7)), and ALL",
				*name);
		set |= BIT(n);
	}
	*ret = set;
	return 0;
}

int caps_resolve(const struct strv *add, const struct strv *drop, uint64_t *ret, struct err *err)
{
	uint64_t added = 0, dropped = 0;
	bool add_all = false, drop_all = false;
	int r = parse_names(add, &added, &add_all, err);
	if (r < 0)
		return r;
	r = parse_names(drop, &dropped, &drop_all, err);
	if (r < 0)
		return r;
	uint64_t set = drop_all ? 0 : default_set;
	set |= add_all ? all_known() : added;
	if (!drop_all)
		set &= ~dropped;
	*ret = set & all_known();
	return 0;
}

/* libcap's calls allocate; these run between fork and exec. */
static int set_process_caps(uint64_t set)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	data[0].effective = data[0].permitted = (uint32_t)set;
	data[1].effective = data[1].permitted = (uint32_t)(set >> 32);
	return (int)syscall(SYS_capset, &head, data);
}

static int get_permitted(uint64_t *ret)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	if (syscall(SYS_capget, &head, data) < 0)
		return -1;
	*ret = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

int caps_bound(uint64_t set, struct err *err)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(err, "cannot clear the ambient capabilities");
	for (unsigned i = 0; i < count_known(); i++)
		if (!(set & BIT(i)) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return err_sys(err, "cannot drop capability %u", i);
	return 0;
}

int caps_ignore_root(struct err *err)
{
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0) < 0)
		return err_sys(err, "cannot take the capabilities of user 0 away");
	return 0;
}

int caps_apply(uint64_t set, struct err *err)
{
	uint64_t have;
	/* what the host did not give us cannot be handed on */
	if (get_permitted(&have) < 0 || set_process_caps(set & have) < 0)
		return err_sys(err, "cannot set the capabilities");
	return 0;
}
